"""A client on bare sockets: it sees every frame, chooses its identity, and can send what no client library would."""

import time

import zmq
from jupyter_client.session import Session

DELIMITER = b"<IDS|MSG>"


class Wire:
    """One client of a kernel. Its sockets close at the end of the `with`."""

    def __init__(self, connection, **options):
        self.connection = connection
        self.session = Session(key=_key(connection), signature_scheme=connection["signature_scheme"], **options)
        self.context = zmq.Context()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.destroy(linger=0)

    def url(self, channel):
        port = self.connection[f"{channel}_port"]
        separator = ":" if self.connection["transport"] == "tcp" else "-"
        return f"{self.connection['transport']}://{self.connection['ip']}{separator}{port}"

    def socket(self, channel, kind=zmq.DEALER, identity=None, **options):
        socket = self.context.socket(kind)
        if identity is not None:
            socket.setsockopt(zmq.IDENTITY, identity)
        for name, value in options.items():
            socket.setsockopt(getattr(zmq, name), value)
        socket.connect(self.url(channel))
        return socket

    def subscribe(self, topic=b"", **options):
        """A subscription that the kernel has answered: from now on nothing is missed."""
        socket = self.socket("iopub", zmq.SUB, **options)
        socket.setsockopt(zmq.SUBSCRIBE, topic)
        return socket

    def frames(self, msg_type, content, **fields):
        """The frames of a signed message, from the delimiter on."""
        message = self.session.msg(msg_type, content=content, **fields)
        return self.session.serialize(message), message["header"]["msg_id"]

    def receive(self, socket, limit=60):
        """The next message, and the frames before its delimiter."""
        if not socket.poll(limit * 1000):
            raise AssertionError(f"nothing came within {limit} s")
        frames = socket.recv_multipart()
        at = frames.index(DELIMITER)
        return self.session.deserialize(frames[at + 1:]), frames[:at]

    def receive_until(self, socket, wanted, limit=60):
        """All messages up to the one that `wanted` accepts, which is the last."""
        deadline = time.monotonic() + limit
        messages = []
        while True:
            message, _ = self.receive(socket, max(0.01, deadline - time.monotonic()))
            messages.append(message)
            if wanted(message):
                return messages


def _key(connection):
    key = connection["key"]
    return key if isinstance(key, bytes) else key.encode()
