"""The hook's end of the save channel: asks a kernel's holders where secrets are in texts.

The other end, and what is in the folder: `kernel/src/save_channel` in the sources of the kernel. An answer holds
positions only; no value ever comes here.
"""

import atexit
import fcntl
import hashlib
import hmac
import json
import os
import shutil
import socket
import struct
import tempfile
from pathlib import Path

FOLDER_VARIABLE = "SEALBOOK_SAVE_FOLDER"

# For a holder to answer: scanning is fast, and the server waits.
ANSWER_SECONDS = 10
# Of texts in one request; a larger text goes alone.
REQUEST_CHARACTERS = 8 << 20
# The path of a unix socket has 107 bytes; the folder's share of them.
FOLDER_CHARACTERS = 60


class Unreachable(Exception):
    """A holder that does not answer as it should."""


class Channels:
    """The private folder in which the kernels of this server have their channels."""

    def __init__(self, folder=None):
        self.folder = Path(folder) if folder else _private_folder()
        self.key = os.urandom(32)
        with open(self.folder / "key", "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(self.key)
        # The system gives the lock back when this process ends, however it ends; holders wait for that.
        self._server = open(self.folder / "server", "x")
        fcntl.flock(self._server, fcntl.LOCK_EX)
        atexit.register(self.close)

    def close(self):
        """Ends the holders."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._server.close()

    def of(self, connection_key):
        """The name of a kernel's channel."""
        return hmac.new(self.key, connection_key, hashlib.sha256).hexdigest()[:16]

    def names(self):
        """Kernels that have learnt something."""
        try:
            return sorted(entry.name for entry in os.scandir(self.folder) if entry.is_dir())
        except FileNotFoundError:
            return []

    def find(self, name, texts):
        """For each text where secrets of the kernel called `name` are in it: sorted pairs of offsets in UTF-8.

        Every holder has to answer: a kernel that was started again has several.
        """
        sockets = sorted((self.folder / name).glob("*.sock"))
        if not sockets:
            raise Unreachable("no process holds what the kernel has learnt")
        found = [[] for _ in texts]
        for path in sockets:
            try:
                for index, start, end in self._ask(path, texts):
                    found[index].append((start, end))
            except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
                raise Unreachable(f"{type(error).__name__} from the process that holds what the kernel has learnt") from None
        return [_joined(ranges) for ranges in found]

    def _ask(self, path, texts):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(path))
            nonce = _read(connection, 16)
            for exchange, (first, part) in enumerate(_parts(texts)):
                body = json.dumps({"texts": part}, ensure_ascii=False).encode()
                connection.sendall(struct.pack(">I", len(body)) + self._mac(b"Q", nonce, exchange, body) + body)
                (length,) = struct.unpack(">I", _read(connection, 4))
                mac = _read(connection, 32)
                body = _read(connection, length)
                if not hmac.compare_digest(mac, self._mac(b"A", nonce, exchange, body)):
                    raise ValueError("the answer is not from a holder")
                for index, start, end in json.loads(body)["found"]:
                    yield first + index, start, end

    def _mac(self, letter, nonce, exchange, body):
        return hmac.new(self.key, letter + nonce + struct.pack(">I", exchange) + body, hashlib.sha256).digest()


def _private_folder():
    for parent in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):
        if parent and len(parent) <= FOLDER_CHARACTERS and os.access(parent, os.W_OK | os.X_OK):
            return Path(tempfile.mkdtemp(prefix="sealbook-save-", dir=parent))
    raise OSError("there is no place for the save channel's private folder")


def _parts(texts):
    part, first, size = [], 0, 0
    for index, text in enumerate(texts):
        if part and size + len(text) > REQUEST_CHARACTERS:
            yield first, part
            part, first, size = [], index, 0
        part.append(text)
        size += len(text)
    if part:
        yield first, part


def _read(connection, count):
    data = bytearray()
    while len(data) < count:
        more = connection.recv(min(count - len(data), 1 << 20))
        if not more:
            raise ConnectionError("the holder hung up")
        data += more
    return bytes(data)


def _joined(ranges):
    joined = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
