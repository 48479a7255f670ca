"""The wheel, installed into a fresh environment: what a user gets from `pip install`, with a real kernel.

`cargo xtask wheel` builds it; SEALBOOK_WHEEL names it, or the newest one in the target folder is taken.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
from pathlib import Path

import nbformat
import psutil
import pytest

PACKAGE = Path(__file__).parent.parent
PASSWORD = "hunter2-planted-P@ssword"
NEVER_FETCHED = "another-planted-value-0417"


def wheel():
    named = os.environ.get("SEALBOOK_WHEEL")
    folder = Path(os.environ.get("CARGO_TARGET_DIR", PACKAGE.parent / "target")) / "wheels"
    found = [Path(named)] if named else sorted(folder.glob("sealbook-*.whl"), key=lambda path: path.stat().st_mtime)
    assert found and found[-1].exists(), f"no wheel in {folder}: run `cargo xtask wheel` first"
    return found[-1]


class User:
    """A user with the wheel installed, and a secret stored."""

    def __init__(self, root):
        self.root = root
        self.venv = root / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.venv], check=True)
        self.python = self.venv / "bin/python"
        site = subprocess.run(
            [self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], check=True, capture_output=True, text=True
        ).stdout.strip()
        # papermill and Jupyter Server come from the tests' own environment.
        Path(site, "tests-environment.pth").write_text(sysconfig.get_path("purelib") + "\n")
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet", "--no-deps", "--no-index", wheel()], check=True
        )
        for name in ("sealbook", "run", "data", "config", "notebooks"):
            (root / name).mkdir(mode=0o700)
        hidden = ("SEALBOOK_", "JUPYTER", "PYTHONPATH", "VIRTUAL_ENV", "CARGO_TARGET", "PYTEST")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)} | {
            "PATH": f"{self.venv / 'bin'}:{os.environ['PATH']}",
            "SEALBOOK_HOME": str(root / "sealbook"),
            "JUPYTER_RUNTIME_DIR": str(root / "run"),
            "JUPYTER_DATA_DIR": str(root / "data"),
            "JUPYTER_CONFIG_DIR": str(root / "config"),
            "JUPYTER_TOKEN": "token",
        }
        self.run("sealbook", "secrets", "create-scope", "--scope", "jdbc")
        self.run("sealbook", "secrets", "put", "--scope", "jdbc", "--key", "password", input=PASSWORD)
        self.run("sealbook", "secrets", "put", "--scope", "jdbc", "--key", "never-fetched", input=NEVER_FETCHED)

    def run(self, *command, input="", status=0):
        done = subprocess.run(
            list(map(str, command)), env=self.environment, input=input, capture_output=True, text=True, cwd=self.root / "notebooks", timeout=280
        )
        assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def leave(self):
        """Ends what this user started: the embedded service goes on after the command that started it."""
        for process in psutil.process_iter(["cmdline"]):
            # A process that protects its memory hides its environment too.
            if self.environment["SEALBOOK_HOME"] in (process.info["cmdline"] or []):
                process.terminate()


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    user = User(tmp_path_factory.mktemp("user"))
    yield user
    user.leave()


def test_what_is_put_in_place(user):
    assert user.run("sealbook", "--version").startswith("sealbook ")
    program = "from jupyter_client.kernelspec import get_kernel_spec; print(get_kernel_spec('sealbook').resource_dir)"
    folder = Path(user.run(user.python, "-c", program).strip())
    assert folder == user.venv / "share/jupyter/kernels/sealbook"
    assert {path.name for path in folder.iterdir()} == {"kernel.json", "logo-svg.svg", "logo-32x32.png", "logo-64x64.png"}
    assert not any(path.is_symlink() for path in folder.iterdir())
    listed = user.run(user.python, "-m", "jupyter_server.extension.serverextension", "list")
    assert "sealbook" in listed and "enabled" in listed


def test_the_kernelspec_is_the_projects_own_but_for_its_program(user):
    ours = json.loads((PACKAGE.parent / "kernelspec/kernel.json").read_text())
    packaged = json.loads((user.venv / "share/jupyter/kernels/sealbook/kernel.json").read_text())
    assert packaged["argv"][0] == "{resource_dir}/../../../../bin/sealbook"
    ours["argv"][0] = packaged["argv"][0]
    assert packaged == ours


def test_papermill_runs_a_notebook_with_parameters(user):
    document = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("let rows: u8 = 1; // how many\nlet table: &str = \"none\";"),
            nbformat.v4.new_code_cell('let password = dbutils.secrets.get("jdbc", "password");\nprintln!("{password} {} {table}", rows + 250u8);'),
            nbformat.v4.new_code_cell('println!("{list:?} {PAPERMILL_OUTPUT_PATH}");'),
        ]
    )
    document.cells[0].metadata["tags"] = ["parameters"]
    document.metadata["kernelspec"] = {"name": "sealbook", "display_name": "Rust (Sealbook)", "language": "rust"}
    nbformat.write(document, user.root / "notebooks/in.ipynb")
    user.run(
        user.python, "-m", "papermill", "in.ipynb", "out.ipynb", "-p", "rows", "5", "-r", "table", 'my "data"', "-y", "list: [1, null]", "--inject-paths"
    )
    done = nbformat.read(user.root / "notebooks/out.ipynb", as_version=4)
    printed = ["".join(output.get("text", "") for output in cell.outputs) for cell in done.cells]
    assert printed == ["", "", '[REDACTED] 255 my "data"\n', "[Some(1), None] out.ipynb\n"]


def test_a_save_in_jupyter_server_hides_what_a_real_kernel_has_learnt(user):
    from jupyter_client import BlockingKernelClient

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    notebooks = user.root / "notebooks"
    log = open(user.root / "server.log", "w")
    server = subprocess.Popen(
        [user.python, "-m", "jupyter_server", "--no-browser", f"--port={port}", "--port-retries=0", f"--ServerApp.root_dir={notebooks}", "--allow-root"],
        env=user.environment,
        stdout=log,
        stderr=log,
    )

    def ask(method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}", method=method, data=data, headers={"Authorization": "token token"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def save(source):
        document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        document.metadata["kernelspec"] = {"name": "sealbook", "display_name": "Rust (Sealbook)", "language": "rust"}
        ask("PUT", "/api/contents/pasted.ipynb", {"type": "notebook", "content": document})
        return "".join(nbformat.read(notebooks / "pasted.ipynb", as_version=4).cells[0].source)

    try:
        for _ in range(300):
            try:
                ask("GET", "/api/status")
                break
            except OSError:
                assert server.poll() is None, (user.root / "server.log").read_text()
                time.sleep(0.1)
        pasted = f'let url = "postgres://reader:{PASSWORD}@localhost/";'
        assert save(pasted) == pasted
        session = ask("POST", "/api/sessions", {"path": "pasted.ipynb", "name": "", "type": "notebook", "kernel": {"name": "sealbook"}})
        client = BlockingKernelClient(connection_file=str(user.root / "run" / f"kernel-{session['kernel']['id']}.json"))
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        first = client.kernel_info(reply=True, timeout=60)["header"]["session"]
        reply = client.execute_interactive('let p = dbutils.secrets.get("jdbc", "password");', timeout=120, output_hook=lambda message: None)
        assert reply["content"]["status"] == "ok", reply["content"]
        hidden = pasted.replace(PASSWORD, "[REDACTED]")
        assert save(pasted) == hidden
        # Nobody fetched this one: the service recognised it when the cell was run.
        healed = f'let token = "{NEVER_FETCHED}";'
        assert client.execute_interactive(healed, timeout=120, output_hook=lambda message: None)["content"]["payload"]
        assert save(healed) == 'let token = "[REDACTED]";'
        # A kernel that dies takes nothing with it.
        (kernel,) = [child for child in psutil.Process(server.pid).children() if "--connection-file" in child.cmdline()]
        holders = [child for child in kernel.children() if "save-holder" in child.cmdline()]
        assert len(holders) == 1
        assert holders[0].memory_info().rss < 32 << 20
        kernel.send_signal(signal.SIGKILL)
        kernel.wait(timeout=30)
        assert save(pasted) == hidden
        assert holders[0].is_running()
        # The server starts the kernel again, and must not be ended meanwhile: it would not end.
        while client.kernel_info(reply=True, timeout=120)["header"]["session"] == first:
            continue
        while ask("GET", f"/api/kernels/{session['kernel']['id']}")["execution_state"] in ("starting", "restarting", "dead"):
            time.sleep(0.1)
        client.stop_channels()
    finally:
        server.terminate()
        server.wait(timeout=60)
        log.close()
    _gone, alive = psutil.wait_procs(holders, timeout=10)
    assert alive == []
    assert PASSWORD not in (user.root / "server.log").read_text()
