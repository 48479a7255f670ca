"""Whatever comes in on any socket: a clear reply or a logged drop, and a kernel that lives. One kernel takes all of it."""

import json
import socket
import struct
import time
from pathlib import Path

import psutil
import pytest

from harness import Wire

CHANNELS = ["shell", "control", "stdin", "iopub", "hb"]


@pytest.fixture(scope="module")
def memory(kernel):
    """Resident bytes of the kernel process before all of it."""
    kernel.ok("1")
    return psutil.Process(kernel.pid).memory_info().rss


@pytest.fixture(autouse=True)
def lives(kernel, memory):
    yield
    with Wire(kernel.manager.get_connection_info()) as wire:
        for channel in ("shell", "control"):
            ask = wire.socket(channel)
            frames, identifier = wire.frames("kernel_info_request", {})
            ask.send_multipart(frames)
            assert wire.receive(ask, 10)[0]["parent_header"]["msg_id"] == identifier
        beat = wire.socket("hb")
        beat.send(b"alive")
        assert beat.poll(10_000) and beat.recv() == b"alive"
    grown = psutil.Process(kernel.pid).memory_info().rss - memory
    assert grown < 64 << 20, f"the kernel grew by {grown} bytes"


def connect(kernel, channel):
    info = kernel.manager.get_connection_info()
    return socket.create_connection((info["ip"], info[f"{channel}_port"]), timeout=10)


def greeting(mechanism=b"NULL", version=3):
    return b"\xff" + bytes(8) + b"\x7f" + bytes([version, 0]) + mechanism.ljust(20, b"\0") + bytes(32)


def ready(kind):
    body = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    return bytes([4, len(body)]) + body


def frame(body, more=False):
    return bytes([int(more) | 2]) + struct.pack(">Q", len(body)) + body


DEALER = greeting() + ready(b"DEALER")
BROKEN = {
    "nothing": b"",
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: " + b"x" * 200 + b"\r\n\r\n",
    "random": bytes(range(256)) * 20,
    "half a greeting": greeting()[:30],
    "old version": greeting(version=1),
    "other mechanism": greeting(b"CURVE") + ready(b"DEALER"),
    "wrong socket type": greeting() + ready(b"PUSH"),
    "no READY": greeting() + frame(b"x"),
    "malformed READY": greeting() + b"\x04\x07\x05READY\xff",
    "announces 2^64 bytes": DEALER + b"\x02" + b"\xff" * 8,
    "announces 200 MB and stops": DEALER + b"\x02" + struct.pack(">Q", 200 << 20) + b"x",
    "a hundred thousand frames": DEALER + b"\x01\x00" * 100_000,
    "stops inside a frame": DEALER + frame(b"<IDS|MSG>", more=True) + b"\x01\x40abc",
    "command inside a message": DEALER + frame(b"a", more=True) + b"\x04\x05\x04PING",
    "unknown command": DEALER + b"\x04\x06\x05HELLO" + frame(b"x"),
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_broken_connections(kernel, channel):
    peers = []
    for data in BROKEN.values():
        peer = connect(kernel, channel)
        peers.append(peer)
        try:
            peer.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            # It was put out while it was still sending.
            pass
    # Closing first could be all that the kernel sees of a peer; one waits to be put out.
    waiting = peers[list(BROKEN).index("HTTP")]
    try:
        while waiting.recv(4096):
            pass
    except ConnectionResetError:
        pass
    for peer in peers:
        peer.close()


ASKING = {
    "subscriptions": ("iopub", greeting() + ready(b"SUB"), frame(b"\x01planted") + frame(b"\x00planted")),
    "subscriptions by command": ("iopub", greeting() + ready(b"SUB"), b"\x04\x0c\x09SUBSCRIBEab\x04\x09\x06CANCELab"),
    "pings": ("hb", DEALER, b"\x04\x11\x04PING\x00\x00" + b"planted-it"),
}


@pytest.mark.parametrize("kind", ASKING)
def test_a_peer_that_asks_and_reads_nothing_is_read_no_further(kernel, kind):
    channel, hello, question = ASKING[kind]
    with connect(kernel, channel) as peer:
        peer.sendall(hello)
        peer.settimeout(1)
        questions = question * 1000
        try:
            for _ in range(4000):
                peer.sendall(questions)
        except (TimeoutError, ConnectionError):
            pass
        else:
            raise AssertionError("the kernel took millions of questions whose answers nobody reads")


def test_many_silent_connections(kernel):
    peers = [connect(kernel, channel) for channel in CHANNELS for _ in range(60)]
    assert kernel.ok("1 + 1").result["text/plain"] == "2"
    for peer in peers:
        peer.close()


def signed(wire, parts):
    """Frames with a right signature over any four parts."""
    return [b"<IDS|MSG>", wire.session.sign(parts), *parts]


def test_messages_that_are_none(kernel):
    with Wire(kernel.manager.get_connection_info()) as wire:
        header = wire.session.pack(wire.session.msg_header("execute_request"))
        content = json.dumps({"code": 'println!("never");', "silent": False}).encode()
        good = [header, b"{}", b"{}", content]

        def with_part(index, part):
            return signed(wire, [*good[:index], part, *good[index + 1:]])

        # Not signed by who knows the key, or not a message at all.
        unsigned = [
            [b""], [b"<IDS|MSG>"], [b"\xff"] * 9, [b"<IDS|MSG>", b"", *good], [b"<IDS|MSG>", b"0" * 64, *good],
            [b"<IDS|MSG>", b"zz" * 32, *good], [b"<IDS|MSG>", b"\xff" * 64, *good], signed(wire, good)[:5],
            [b"<ids|msg>", *signed(wire, good)[1:]], [*signed(wire, good)[:5], content.replace(b"never", b"other")],
        ]
        # Signed with the key, and still none.
        nonsense = [b"", b"[]", b"null", b"3", b"\xff\xfe", b'{"a": "\xed\xa0\x80"}', b"{", b'{"a": 1e999}', b"[" * 100_000,
                    b'{"code": "' + b"\xff" * 50 + b'"}']
        for part in (0, 1, 2):
            unsigned += [with_part(part, bad) for bad in nonsense]
        for bad in (b"{}", b'{"msg_id": 1, "msg_type": "execute_request"}', b'{"msg_id": "a"}', b'{"msg_id": "a", "msg_type": null}'):
            unsigned.append(with_part(0, bad))
        for channel in ("shell", "control", "stdin"):
            peer = wire.socket(channel)
            for frames in unsigned:
                peer.send_multipart(frames)
        # On shell and control nothing of it is answered: the next reply is that of the next request.
        for channel in ("shell", "control"):
            peer = wire.socket(channel)
            for frames in unsigned:
                peer.send_multipart(frames)
            frames, identifier = wire.frames("kernel_info_request", {})
            peer.send_multipart(frames)
            assert wire.receive(peer)[0]["parent_header"]["msg_id"] == identifier
    assert kernel.ok("1 + 1").stdout == ""


def test_content_that_is_no_request(kernel):
    with Wire(kernel.manager.get_connection_info()) as wire:
        peer = wire.socket("shell")
        for content in ({}, {"code": None}, {"code": ["a"]}, {"code": "1", "silent": "yes"}, {"code": "1", "user_expressions": []}):
            frames, identifier = wire.frames("execute_request", content)
            peer.send_multipart(frames)
            reply, _ = wire.receive(peer)
            assert reply["parent_header"]["msg_id"] == identifier
            assert reply["content"]["status"] == "error" and "execute_request" in reply["content"]["evalue"]


def test_messages_out_of_order(kernel):
    with Wire(kernel.manager.get_connection_info()) as wire:
        stdin, shell, control = wire.socket("stdin"), wire.socket("shell"), wire.socket("control")
        stdin.send_multipart(wire.frames("input_reply", {"value": "nobody asked"})[0])
        stdin.send_multipart(wire.frames("execute_request", {"code": 'println!("never");'})[0])
        # Replies and broadcasts, as if the peer were the kernel; requests on the wrong channel.
        for name in ("execute_reply", "status", "stream", "input_request", "shutdown_reply", "comm_msg", "comm_close", "iopub_welcome"):
            shell.send_multipart(wire.frames(name, {"status": "ok", "restart": False})[0])
            control.send_multipart(wire.frames(name, {"status": "ok", "restart": False})[0])
        control.send_multipart(wire.frames("execute_request", {"code": 'println!("never");'})[0])
    assert kernel.ok('println!("still here");').stdout == "still here\n"


def test_a_replay_is_not_run_again(kernel):
    with Wire(kernel.manager.get_connection_info()) as wire:
        peer = wire.socket("shell")
        frames, identifier = wire.frames("execute_request", {"code": "// once", "silent": False})
        question, last = wire.frames("kernel_info_request", {})
        for message in (frames, frames, frames, question):
            peer.send_multipart(message)
        replies = [wire.receive(peer)[0] for _ in range(2)]
        assert [reply["parent_header"]["msg_id"] for reply in replies] == [identifier, last]


def test_the_log_says_what_was_dropped_and_quotes_nothing(kernel):
    texts = ("dropped a message", "bad signature", "malformed message", "duplicate signature", "broke the protocol")
    deadline = time.monotonic() + 30
    # A connection's end is written down after what its last bytes led to.
    while not all(text in (log := Path(kernel.log).read_text()) for text in texts):
        assert time.monotonic() < deadline, [text for text in texts if text not in log]
        time.sleep(0.05)
    for text in ("never", "nobody asked", "once"):
        assert f"{text}" not in log.replace("sent before", ""), text
    assert "panicked" not in log
