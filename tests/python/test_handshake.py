"""Kernels that choose their ports themselves and tell their launcher, in the two forms in use (JEP 66)."""

import hashlib
import hmac
import json
import stat
import subprocess

import pytest
import zmq
from jupyter_client.session import Session

from harness import Wire

KEY = "planted-connection-key"
DELIMITER = b"<IDS|MSG>"
PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")


@pytest.fixture
def launch(house, tmp_path):
    """Starts a kernel with a connection file that asks for a handshake; ends what is left of it."""
    started = []

    def start(**fields):
        file = tmp_path / "registration.json"
        file.write_text(json.dumps({"transport": "tcp", "ip": "127.0.0.1", "key": KEY, "signature_scheme": "hmac-sha256", **fields}))
        log = (house.root / "logs" / "handshake.log").open("ab")
        command = [house.binary, "kernel", "--connection-file", str(file)]
        started.append(subprocess.Popen(command, env=house.environment(), stdout=log, stderr=log, cwd=house.notebooks))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def context():
    with zmq.Context() as context:
        yield context
        context.destroy(linger=0)


def bound(context, kind):
    socket = context.socket(kind)
    return socket, socket.bind_to_random_port("tcp://127.0.0.1")


def received(socket):
    assert socket.poll(60_000), "the kernel did not register"
    return socket.recv_multipart()


def answers(ports):
    """A whole round: the kernel at `ports` answers, and ends when it is told to."""
    connection = {"transport": "tcp", "ip": "127.0.0.1", "key": KEY, "signature_scheme": "hmac-sha256", **ports}
    with Wire(connection) as wire:
        shell, control = wire.socket("shell"), wire.socket("control")
        shell.send_multipart(wire.frames("kernel_info_request", {})[0])
        assert wire.receive(shell)[0]["content"]["implementation"] == "sealbook"
        control.send_multipart(wire.frames("shutdown_request", {"restart": False})[0])
        assert wire.receive(control)[0]["content"] == {"status": "ok", "restart": False}


def acknowledged(socket):
    """The whole message of a kernel that registers, once it has its reply."""
    session = Session(key=KEY.encode(), signature_scheme="hmac-sha256")
    frames = received(socket)
    request = session.deserialize(frames[frames.index(DELIMITER) + 1:])
    socket.send_multipart(session.serialize(session.msg("handshake_reply", content={"status": "ok"}, parent=request)))
    return request


def test_registration_with_a_message(launch, context, tmp_path):
    socket, port = bound(context, zmq.REP)
    kernel = launch(registration_port=port)
    request = acknowledged(socket)
    assert request["msg_type"] == "handshake_request"
    ports = request["content"]
    assert set(ports) == set(PORTS) and len(set(ports.values())) == 5 and all(0 < port < 65536 for port in ports.values())
    answers(ports)
    assert kernel.wait(30) == 0
    assert [path.name for path in tmp_path.glob("*.json")] == ["registration.json"]


def test_other_clients_find_the_connection_file(launch, context, tmp_path):
    socket, port = bound(context, zmq.REP)
    kernel = launch(registration_port=port)
    request = acknowledged(socket)
    # The kernel answers once the file is there.
    with Wire({"transport": "tcp", "ip": "127.0.0.1", "key": KEY, "signature_scheme": "hmac-sha256", **request["content"]}) as wire:
        shell = wire.socket("shell")
        shell.send_multipart(wire.frames("kernel_info_request", {})[0])
        wire.receive(shell)
    file, = tmp_path.glob("kernel-*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = json.loads(file.read_text())
    assert {name: written[name] for name in PORTS} == request["content"] and written["key"] == KEY
    answers(written)
    assert kernel.wait(30) == 0 and not file.exists()


def test_registration_with_a_kernel_id(launch, context):
    socket, port = bound(context, zmq.ROUTER)
    kernel = launch(registration_port=str(port), registration_ip="127.0.0.1", kernel_id="planted-kernel")
    sign = lambda content: hmac.new(KEY.encode(), content, hashlib.sha256).hexdigest().encode()  # noqa: E731
    identity, delimiter, signature, content = received(socket)
    assert delimiter == DELIMITER and signature == sign(content)
    ports = json.loads(content)
    assert ports.pop("kernel_id") == "planted-kernel" and set(ports) == set(PORTS)
    socket.send_multipart([identity, DELIMITER, sign(b"ACK"), b"ACK"])
    answers({name: int(port) for name, port in ports.items()})
    assert kernel.wait(30) == 0


def test_a_kernel_that_is_refused_ends_and_says_why(launch, context, house):
    socket, port = bound(context, zmq.REP)
    kernel = launch(registration_port=port)
    session = Session(key=b"another key", signature_scheme="hmac-sha256")
    received(socket)
    socket.send_multipart(session.serialize(session.msg("handshake_reply", content={"status": "ok"})))
    assert kernel.wait(30) != 0
    log = (house.root / "logs" / "handshake.log").read_text()
    assert "did not acknowledge this kernel" in log and "signature" in log and KEY not in log
