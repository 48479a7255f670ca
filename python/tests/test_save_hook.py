"""The save hook with a real holder process, inside a real Jupyter Server.

The test takes the kernel's place: it starts the holder as a kernel does and gives it a value.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from sealbook.save_channel import Channels, Unreachable
from sealbook.save_hook import SaveHook, _hidden

PACKAGE = Path(__file__).parent.parent
SECRET = 'hunter2-planted-P@ss"w\'ord'
BINARY = os.environ.get("SEALBOOK_BINARY") or str(Path(os.environ.get("CARGO_TARGET_DIR", PACKAGE.parent / "target")) / "release/sealbook")


class Kernel:
    """The kernel's end of a holder."""

    def __init__(self, channels_folder, key, name):
        own = Path(channels_folder) / name
        own.mkdir(mode=0o700, exist_ok=True)
        self.link, theirs = socket.socketpair()
        self.process = subprocess.Popen([BINARY, "save-holder"], stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={})
        theirs.close()
        self.link.settimeout(10)
        self.socket = own / f"{self.process.pid}.sock"
        self._send(key, os.fsencode(self.socket))

    def learn(self, value, scope="jdbc", key="password"):
        self._send(scope.encode(), key.encode(), value.encode())
        return self

    def _send(self, *fields):
        for field in fields:
            self.link.sendall(struct.pack(">I", len(field)) + field)
        assert self.link.recv(1) == b"\0"

    def die(self):
        self.link.close()

    def end(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def channels(tmp_path_factory):
    channels = Channels()
    yield channels
    channels.close()


@pytest.fixture
def kernels():
    started = []
    yield started
    for kernel in started:
        kernel.end()


def start(channels, kernels, name="k"):
    kernels.append(Kernel(channels.folder, channels.key, name))
    return kernels[-1]


def test_a_holder_finds_every_value_and_outlives_its_kernel(channels, kernels):
    kernel = start(channels, kernels).learn(SECRET).learn("second-planted-value")
    texts = ["nothing", f"ä {SECRET}.", "x", "second-planted-value", ""]
    expected = [[], [(3, 3 + len(SECRET))], [], [(0, 20)], []]
    assert channels.find("k", texts) == expected
    kernel.die()
    assert channels.find("k", texts) == expected
    assert kernel.process.poll() is None


def test_every_holder_of_a_kernel_has_to_answer(channels, kernels):
    first, second = start(channels, kernels).learn(SECRET), start(channels, kernels).learn("second-planted-value")
    assert channels.find("k", [SECRET, "second-planted-value"]) == [[(0, len(SECRET))], [(0, 20)]]
    second.end()
    with pytest.raises(Unreachable):
        channels.find("k", ["x"])


def test_a_wrong_key_gets_no_answer(channels, kernels):
    start(channels, kernels).learn(SECRET)
    channels.key = bytes(32)
    with pytest.raises(Unreachable):
        channels.find("k", ["x"])


def test_the_channel_is_private(channels, kernels):
    kernel = start(channels, kernels)
    assert [path.stat().st_mode & 0o777 for path in (channels.folder, channels.folder / "key")] == [0o700, 0o600]
    assert SECRET not in Path(f"/proc/{kernel.process.pid}/cmdline").read_text()


def test_many_large_texts_go_in_several_requests(channels, kernels):
    start(channels, kernels).learn(SECRET)
    texts = ["x" * (5 << 20) + SECRET for _ in range(4)]
    found = channels.find("k", texts)
    assert [[end - begin for begin, end in ranges] for ranges in found] == [[len(SECRET)]] * 4


def test_the_holder_ends_with_the_server(kernels):
    program = (
        "import sys\nfrom sealbook.save_channel import Channels\nchannels = Channels()\n"
        "print(channels.folder, channels.key.hex(), flush=True)\nsys.stdin.read()\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(PACKAGE)}
    )
    folder, key = server.stdout.readline().split()
    kernels.append(Kernel(folder, bytes.fromhex(key), "k"))
    kernels[0].learn(SECRET)
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    assert kernels[0].process.wait(timeout=10) == 0
    assert not Path(folder).exists()


@pytest.mark.parametrize(
    "source,expected",
    [
        ('let x = "planted_name";', 'let x = "[REDACTED]";'),
        ("let x = planted_name + 1; // planted_name", "let x = planted_name + 1; // [REDACTED]"),
    ],
)
def test_names_in_code_are_left_alone(source, expected):
    ranges, at = [], source.find("planted_name")
    while at >= 0:
        ranges.append((at, at + len("planted_name")))
        at = source.find("planted_name", at + 1)
    assert _hidden(source, ranges, code=True) == expected
    assert "planted_name" not in _hidden(source, ranges, code=False)


# --- a real server ----------------------------------------------------------------------------------------------------


class Server:
    """Jupyter Server with the extension, and in its process a way to ask for the channel's folder and key."""

    def __init__(self, root):
        self.root = root
        (root / "notebooks").mkdir()
        (root / "config").mkdir()
        (root / "config/jupyter_server_config.py").write_text(
            "import os, sealbook.save_hook as h\n"
            "install = h.SaveHook.install\n"
            f"def shown(self):\n    install(self)\n    open({str(root / 'channel')!r}, 'w').write(f'{{self.channels.folder}} {{self.channels.key.hex()}}')\n"
            "h.SaveHook.install = shown\n"
            "c.ServerApp.jpserver_extensions = {'sealbook': True}\n"
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
        environment |= {
            "PYTHONPATH": str(PACKAGE),
            "JUPYTER_CONFIG_DIR": str(root / "config"),
            "JUPYTER_DATA_DIR": str(root / "data"),
            "JUPYTER_RUNTIME_DIR": str(root / "run"),
            "JUPYTER_TOKEN": "token",
        }
        arguments = ["--no-browser", f"--port={self.port}", "--port-retries=0", f"--ServerApp.root_dir={root / 'notebooks'}", "--allow-root"]
        self.log = open(root / "server.log", "w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", *arguments], env=environment, stdout=self.log, stderr=self.log, cwd=root
        )
        for _ in range(300):
            try:
                self.ask("GET", "/api/status")
                break
            except OSError:
                assert self.process.poll() is None, (root / "server.log").read_text()
                time.sleep(0.1)
        folder, key = (root / "channel").read_text().split()
        self.folder, self.key = Path(folder), bytes.fromhex(key)

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": "token token"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def save(self, name, notebook):
        return self.ask("PUT", f"/api/contents/{name}", {"type": "notebook", "content": notebook})

    def session(self, name, kernel="python3"):
        status, session = self.ask(
            "POST", "/api/sessions", {"path": name, "name": name, "type": "notebook", "kernel": {"name": kernel}}
        )
        assert status == 201
        connection = json.loads((self.root / f"run/kernel-{session['kernel']['id']}.json").read_text())
        import hashlib
        import hmac

        return session, hmac.new(self.key, connection["key"].encode(), hashlib.sha256).hexdigest()[:16]

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()
    assert not server.folder.exists()
    assert SECRET not in (server.root / "server.log").read_text()


def notebook(kernel="python3", secret=SECRET):
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": kernel, "display_name": kernel}, "note": secret, "number": 1},
        "cells": [
            {
                "cell_type": "code",
                "id": "aaaaaaaa",
                "metadata": {},
                "execution_count": 1,
                "source": f"let x = {json.dumps(secret)};",
                "outputs": [
                    {"output_type": "stream", "name": "stdout", "text": f"a {secret} b\n"},
                    {"output_type": "display_data", "metadata": {}, "data": {"text/plain": secret, "application/json": {secret: [1, secret]}}},
                    {"output_type": "error", "ename": "E", "evalue": secret, "traceback": ["one", secret]},
                ],
            },
            {"cell_type": "markdown", "id": "bbbbbbbb", "metadata": {}, "source": f"# {secret}\n"},
        ],
    }


def saved(server, name):
    return json.loads((server.root / "notebooks" / name).read_text())


def flat(document):
    """The document with lists of lines joined."""
    for cell in document["cells"]:
        cell["source"] = "".join(cell["source"])
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = "".join(output["text"])
            if "text/plain" in output.get("data", {}):
                output["data"]["text/plain"] = "".join(output["data"]["text/plain"])
    return document


def test_a_saved_notebook_and_its_checkpoint_hold_no_secret(server, kernels):
    server.save("a.ipynb", notebook(secret="x"))
    _session, name = server.session("a.ipynb")
    kernels.append(Kernel(server.folder, server.key, name))
    kernels[0].learn(SECRET)
    status, _ = server.save("a.ipynb", notebook())
    assert status == 200
    expected = notebook(secret="[REDACTED]")
    expected["cells"][0]["outputs"][1]["data"]["application/json"] = {"[REDACTED]": [1, "[REDACTED]"]}
    assert flat(saved(server, "a.ipynb")) == expected
    assert server.ask("POST", "/api/contents/a.ipynb/checkpoints")[0] == 201
    for path in (server.root / "notebooks").rglob("*"):
        assert path.is_dir() or SECRET[:20] not in path.read_text(), path


def test_a_kernel_that_died_is_still_answered_for(server, kernels):
    server.save("b.ipynb", notebook(secret="x"))
    session, name = server.session("b.ipynb")
    kernels.append(Kernel(server.folder, server.key, name))
    kernels[0].learn(SECRET)
    kernels[0].die()
    assert server.save("b.ipynb", notebook(secret="x"))[0] == 200
    assert server.ask("DELETE", f"/api/sessions/{session['id']}")[0] == 204
    assert server.save("b.ipynb", notebook())[0] == 200
    assert SECRET[:20] not in (server.root / "notebooks/b.ipynb").read_text()


def test_a_save_that_cannot_be_checked_is_refused_and_says_so(server, kernels):
    server.save("c.ipynb", notebook(secret="before"))
    _session, name = server.session("c.ipynb")
    kernels.append(Kernel(server.folder, server.key, name))
    kernels[0].learn(SECRET).end()
    status, answer = server.save("c.ipynb", notebook(secret="after"))
    assert status == 503
    assert answer["message"].startswith("Sealbook did not save c.ipynb: its kernel has learnt secrets")
    assert flat(saved(server, "c.ipynb"))["metadata"]["note"] == "before"
    # Another notebook is not held up.
    assert server.save("d.ipynb", notebook(secret="after"))[0] == 201
    for path in (server.folder / name).iterdir():
        path.unlink()
    (server.folder / name).rmdir()


def test_notebooks_of_other_kernels_are_untouched(server, kernels):
    server.save("e.ipynb", notebook(secret="x"))
    _session, name = server.session("e.ipynb")
    kernels.append(Kernel(server.folder, server.key, name))
    kernels[0].learn(SECRET)
    assert server.save("other.ipynb", notebook())[0] == 201
    assert flat(saved(server, "other.ipynb")) == notebook()
    # One of ours is checked for what every open kernel knows.
    assert server.save("ours.ipynb", notebook(kernel="sealbook"))[0] == 201
    assert SECRET[:20] not in (server.root / "notebooks/ours.ipynb").read_text()


def test_a_notebook_saved_as_text_is_checked_too(server, kernels):
    server.save("f.ipynb", notebook(secret="x"))
    _session, name = server.session("f.ipynb")
    kernels.append(Kernel(server.folder, server.key, name))
    kernels[0].learn(SECRET)
    body = {"type": "file", "format": "text", "content": json.dumps(notebook())}
    assert server.ask("PUT", "/api/contents/f.ipynb", body)[0] == 200
    assert "planted" not in (server.root / "notebooks/f.ipynb").read_text()
