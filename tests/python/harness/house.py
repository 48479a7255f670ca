"""An isolated user: home, data folders, temporary folder, recordings, logs. Everything of a session lies under one root,
so that the search at the end sees all of it."""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from planted import Secret, search

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[2]

# Long enough for every form to be masked, recognisable, and awkward: quotes, a backslash, unicode, several lines.
PLANTED = {
    ("jdbc", "username"): "planted_reader_0417",
    ("jdbc", "password"): "hunter2-planted-P@ss\"w'ord\\42",
    ("jdbc", "unicode"): "pläntéd-ключ-秘密-🔑-value",
    ("tls", "key"): (
        "-----BEGIN PRIVATE KEY-----\n"
        "MIIEvplantedQIBADANBgkqhkiG9w0BAQEFAASC\n"
        "BKcwggSjAgEAAoIBAQDplantedV4k2Rr7Qm1XyZ\n"
        "-----END PRIVATE KEY-----\n"
    ),
    # No word of a UUID, no port, no number that documentation or a count of anything holds by chance.
    ("tls", "pin"): "04829",
}

# Folders outside the root where a kernel could leave something behind.
SHARED_FOLDERS = [Path("/tmp"), Path("/dev/shm"), Path("/var/tmp")]
OURS = ("sealbook", "evcxr", "jupyter", "kernel-")


def binary():
    """The binary under test."""
    path = os.environ.get("SEALBOOK_E2E_BINARY") or os.path.join(os.environ["SEALBOOK_E2E_FOLDER"], "bin", "sealbook")
    if not Path(path).is_file():
        raise RuntimeError(f"{path} is not there: run `cargo xtask test product` first")
    return path


class House:
    """One user of the product."""

    def __init__(self, root):
        self.root = Path(root)
        self.started = time.time()
        for name in ("home", "sealbook", "jupyter", "tmp", "recordings", "logs", "notebooks", "proc", "run"):
            (self.root / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.binary = binary()
        self.notebooks = self.root / "notebooks"
        self.secrets = [Secret.of(f"{scope}/{key}", value) for (scope, key), value in PLANTED.items()]
        self.runs = 0

    def environment(self, **changes):
        """The environment of a program run by this user; None removes a variable."""
        real_home = Path(os.environ.get("HOME", "/"))
        variables = {name: value for name, value in os.environ.items()
                     if not name.startswith(("SEALBOOK_", "JUPYTER", "XDG_", "PYTEST", "CARGO_", "RUST"))}
        variables |= {
            "HOME": str(self.root / "home"),
            # The toolchain is the machine's.
            "CARGO_HOME": os.environ.get("CARGO_HOME", str(real_home / ".cargo")),
            "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(real_home / ".rustup")),
            "SEALBOOK_HOME": str(self.root / "sealbook"),
            "JUPYTER_DATA_DIR": str(self.root / "jupyter"),
            "JUPYTER_CONFIG_DIR": str(self.root / "jupyter" / "config"),
            "JUPYTER_RUNTIME_DIR": str(self.root / "run"),
            "JUPYTER_PLATFORM_DIRS": "1",
            "IPYTHONDIR": str(self.root / "home" / ".ipython"),
            "TMPDIR": str(self.root / "tmp"),
            "SEALBOOK_TEST_RECORDINGS": str(self.root / "recordings"),
            "PYTHONPATH": str(HERE / "recording"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_COLOR": "1",
        }
        for name, value in changes.items():
            if value is None:
                variables.pop(name, None)
            else:
                variables[name] = str(value)
        return variables

    def run(self, *command, input=None, env=None, timeout=120, cwd=None):
        """Runs a program, keeps its output as a log, and returns it whatever its exit status."""
        self.runs += 1
        words = [str(word) for word in command]
        data = input.encode() if isinstance(input, str) else input
        extra = {"stdin": subprocess.DEVNULL} if data is None else {"input": data}
        done = subprocess.run(words, capture_output=True, env=self.environment(**(env or {})), timeout=timeout,
                              cwd=cwd or self.notebooks, check=False, **extra)
        log = self.root / "logs" / f"{self.runs:03}-{Path(words[0]).name}.log"
        log.write_bytes(done.stdout + b"\n--- stderr\n" + done.stderr)
        done.out = done.stdout.decode("utf-8", "surrogateescape")
        done.err = done.stderr.decode("utf-8", "surrogateescape")
        return done

    def sealbook(self, *arguments, **options):
        """Runs the product's command line."""
        return self.run(self.binary, *arguments, **options)

    def ok(self, *arguments, **options):
        """Runs the product's command line, which must succeed."""
        done = self.sealbook(*arguments, **options)
        assert done.returncode == 0, f"sealbook {' '.join(map(str, arguments))}: {done.returncode}\n{done.out}\n{done.err}"
        return done

    def python(self, module, *arguments, **options):
        """Runs a Python module of the test environment."""
        return self.run(sys.executable, "-m", module, *arguments, **options)

    def install(self):
        """Installs the kernelspec."""
        self.ok("install", "--user")
        return self

    def plant(self):
        """Stores the planted secrets; their values go through standard input only."""
        for scope in sorted({scope for scope, _ in PLANTED}):
            self.ok("secrets", "create-scope", "--scope", scope)
        for (scope, key), value in PLANTED.items():
            self.ok("secrets", "put", "--scope", scope, "--key", key, "--binary-file", "-", input=value)
        return self

    def audit(self):
        """Audit records, oldest first."""
        records = json.loads(self.ok("audit", "tail", "--output", "json").out)
        return records["records"] if isinstance(records, dict) else records

    def photograph(self, process):
        """Writes down what can be seen of a process and its descendants: environment, command line, files."""
        try:
            family = [psutil.Process(process), *psutil.Process(process).children(recursive=True)]
        except psutil.NoSuchProcess:
            return 0
        for member in family:
            folder = Path(f"/proc/{member.pid}")
            for name in ("environ", "cmdline", "maps", "status"):
                try:
                    (self.root / "proc" / f"{member.pid}-{name}").write_bytes((folder / name).read_bytes())
                except OSError:
                    continue
            links = []
            try:
                links = [os.readlink(link) for link in (folder / "fd").iterdir()]
            except OSError:
                pass
            (self.root / "proc" / f"{member.pid}-files").write_text("\n".join(links))
        return len(family)

    def search(self, *, cells=True):
        """Searches everything that this user's programs left behind, and what they may have left outside. Without `cells` not the
        folders in which running kernels compile: where cells hold a value themselves."""
        others = self._builds(mine=not cells)
        outside = [path for folder in SHARED_FOLDERS if folder.is_dir() for path in folder.iterdir()
                   if path.name.startswith(OURS) and path.exists() and path.stat().st_mtime >= self.started - 1
                   and path not in self.root.parents and path != self.root and path not in others]
        report = search(self.secrets, [self.root, *outside])
        assert report.files > 0, "there was nothing to search"
        return report

    def _builds(self, *, mine):
        """Build folders of running kernels of other houses, and of this one."""
        skipped = set() if mine else {process.pid for process in self.processes()}
        found = set()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = process.cmdline()
                if process.pid not in skipped and "cell-builder" in words:
                    found.update(Path(word) for word in words if word.startswith("/"))
        return found

    def processes(self):
        """The programs that this user still runs: embedded services, also those of other data folders, and kernels that a
        test left. All of them name something below the root."""
        mine = f"{self.root}/".encode()
        found = []
        for process in psutil.process_iter():
            for name in ("cmdline", "environ"):
                try:
                    if process.pid != os.getpid() and mine in Path(f"/proc/{process.pid}/{name}").read_bytes():
                        found.append(process)
                        break
                except OSError:
                    continue
        return found

    def leave(self):
        """Stops them, and waits until they are gone."""
        processes = self.processes()
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(processes, timeout=15)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        assert not alive, f"these did not stop: {alive}"

    def remove(self):
        """Ends everything and removes the root."""
        self.leave()
        shutil.rmtree(self.root, ignore_errors=True)


def lightly_searched(tmp_path_factory, *values):
    """A user for tests of the service alone, which no notebook takes part in: at the end, no file may hold one of these
    values as it is, in base64, or as JSON writes it."""
    house = House(tmp_path_factory.mktemp("house"))
    try:
        yield house
    finally:
        house.leave()
    forms = [form for value in values for form in (value.encode(), base64.b64encode(value.encode()), json.dumps(value)[1:-1].encode())]
    files = [path for path in house.root.rglob("*") if path.is_file()]
    found = [path for path in files if any(form in path.read_bytes() for form in forms)]
    assert files and not found, f"values in clear: {found}"
    shutil.rmtree(house.root, ignore_errors=True)
