"""What a kernel leaves behind, lets in, and lets out: folders, processes, descriptors, environment, core dumps."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from jupyter_client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

TOKENS = {
    "JPY_API_TOKEN": "planted-environment-token-1",
    "JUPYTERHUB_API_TOKEN": "planted-environment-token-2",
    "AWS_SECRET_ACCESS_KEY": "planted-environment-token-3",
    "SOME_PASSWORD": "planted-environment-token-4",
    "UNKNOWN_SETTING": "planted-environment-token-5",
}


class Bare:
    """A kernel started without Jupyter's launcher, so that what it inherits is the test's choice."""

    def __init__(self, house, through=(), pass_fds=(), **environment):
        self.house = house
        self.file = str(house.root / "run" / f"bare-{time.monotonic_ns()}.json")
        _, self.connection = write_connection_file(self.file, key=b"planted-connection-key-0123")
        self.log = Path(self.file).with_suffix(".log")
        with self.log.open("wb") as log:
            command = [*through, house.binary, "kernel", "--connection-file", self.file]
            self.process = subprocess.Popen(command, env=house.environment(**environment), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, pass_fds=pass_fds, cwd=house.notebooks)
        self.client = BlockingKernelClient(connection_file=self.file)
        self.client.load_connection_file()
        # A heartbeat that a busy machine misses is no death.
        self.client.start_channels(hb=False)
        try:
            self.client.wait_for_ready(timeout=60)
            # The engine is up.
            assert self.run("1")["content"]["status"] == "ok"
        except BaseException:
            self.end()
            print(self.log.read_text())
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def run(self, code):
        return self.client.execute_interactive(code, timeout=60, output_hook=lambda message: self.outputs.append(message))

    @property
    def outputs(self):
        return self.__dict__.setdefault("_outputs", [])

    def text(self, code):
        self.outputs.clear()
        assert self.run(code)["content"]["status"] == "ok"
        return "".join(m["content"]["text"] for m in self.outputs if m["msg_type"] == "stream")

    def end(self):
        self.client.stop_channels()
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def secret_file(house):
    path = house.root / "opened-by-the-parent"
    path.write_text("a file that the parent had open")
    return path


@pytest.fixture(scope="module")
def bare(house, secret_file):
    descriptor = os.open(secret_file, os.O_RDONLY)
    with Bare(house, pass_fds=(descriptor,), **TOKENS) as bare:
        os.close(descriptor)
        yield bare


def family(pid):
    """The kernel's processes, itself not among them."""
    return psutil.Process(pid).children(recursive=True)


def of_each(members, read):
    """What is read of each process by its number. A compiler or a linker may end meanwhile; the supervised process and its
    builder don't."""
    found = {}
    for member in members:
        # A process that ends while it is read is "no such process" to some of the files, "no such file" to others.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found[member.pid] = read(member.pid)
    assert len(found) >= 2, members
    return found


def descriptors(pid):
    """What a process holds open."""
    targets = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            targets.append(os.readlink(link))
    return targets


def folders(pid):
    """Build folders of this kernel."""
    found = []
    for base in (Path("/dev/shm"), Path("/tmp"), Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere"))):
        for path in base.glob("sealbook-build-*"):
            with contextlib.suppress(OSError):
                if (path / "lock").read_text() == str(pid):
                    found.append(path)
    return found


def folders_in(house, pid):
    return folders(pid) + [path for path in (house.root / "tmp").glob("sealbook-build-*")
                           if (path / "lock").exists() and (path / "lock").read_text() == str(pid)]


def wait_until(condition, limit=15):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_the_build_folder_is_private(house, bare):
    folder, = folders_in(house, bare.process.pid)
    for path in (folder, folder / "home", folder / "bin", folder / "config"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
    assert folder.stat().st_uid == os.getuid()
    socket = folder / "dbutils.sock"
    assert stat.S_ISSOCK(socket.stat().st_mode)


def test_nothing_dumps_core(bare):
    members = [psutil.Process(bare.process.pid), *family(bare.process.pid)]
    read = of_each(members, lambda pid: Path(f"/proc/{pid}/limits").read_text())
    assert len(read) >= 3
    for limits in read.values():
        core, = [line.split() for line in limits.splitlines() if line.startswith("Max core file size")]
        assert core[4:6] == ["0", "0"], limits


def test_no_token_and_no_key_in_the_children(bare):
    names = bare.text("for (name, value) in std::env::vars() { println!(\"{name}={value}\"); }")
    names += bare.text("!env")
    names += bare.text('println!("{:?}", std::process::Command::new("env").output().unwrap());')
    assert "PATH=" in names
    for name in ("environ", "cmdline"):
        read = of_each(family(bare.process.pid), lambda pid: Path(f"/proc/{pid}/{name}").read_text(errors="replace"))
        names += "".join(read.values())
    assert "planted-environment-token" not in names
    assert "planted-connection-key" not in names


def test_no_descriptor_of_the_kernel_or_its_parent_in_the_children(bare, secret_file):
    sockets = {target for target in descriptors(bare.process.pid) if target.startswith("socket:")}
    # The network sockets of the kernel: front ends, and the service.
    network = {f"socket:[{line.split()[9]}]" for table in ("tcp", "tcp6") for line in
               Path(f"/proc/{bare.process.pid}/net/{table}").read_text().splitlines()[1:]} & sockets
    assert len(network) >= 5
    seen = bare.text('for entry in std::fs::read_dir("/proc/self/fd").unwrap() { '
                     'if let Ok(target) = std::fs::read_link(entry.unwrap().path()) { println!("{}", target.display()); } }')
    for targets in of_each(family(bare.process.pid), descriptors).values():
        seen += "\n".join(["", *targets])
    assert str(secret_file) not in seen
    assert not network & set(seen.splitlines())
    assert bare.file not in seen


def test_children_of_cells_get_the_three_standard_descriptors_only(bare):
    listed = bare.text('!ls -l /proc/self/fd | grep -c "^l"')
    # Three, and the folder that ls itself reads.
    assert int(listed) == 4, bare.text("!ls -l /proc/self/fd")
    listed = bare.text('println!("{}", String::from_utf8(std::process::Command::new("sh").arg("-c").arg("ls /proc/self/fd | wc -l").output().unwrap().stdout).unwrap());')
    assert int(listed) == 4


def test_a_killed_kernel_takes_its_processes_and_its_folder_with_it(house, bare):
    bare.run("let child = std::process::Command::new(\"sleep\").arg(\"600\").spawn().unwrap();")
    folder, = folders_in(house, bare.process.pid)
    members = family(bare.process.pid)
    names = of_each(members, lambda pid: Path(f"/proc/{pid}/comm").read_text().strip())
    sleeping = {pid for pid, name in names.items() if name == "sleep"}
    assert sleeping
    bare.process.kill()
    bare.process.wait()
    _, alive = psutil.wait_procs(members, timeout=15)
    assert {member.pid for member in alive} <= sleeping, alive
    wait_until(lambda: not folder.exists())
    for member in alive:
        member.kill()


def test_stale_folders_are_swept_and_the_own_one_is_removed(house):
    stale = house.root / "tmp" / "sealbook-build-dead"
    (stale / "home").mkdir(parents=True)
    (stale / "lock").write_text("1")
    other = house.root / "tmp" / "sealbook-build-not"
    other.write_text("a file")
    with Bare(house) as bare:
        assert not stale.exists() and other.exists()
        pid = bare.process.pid
        folder, = folders_in(house, pid)
        members = family(pid)
        started = time.monotonic()
        bare.client.shutdown(restart=True)
        reply = bare.client.get_control_msg(timeout=10)
        assert reply["content"] == {"status": "ok", "restart": True}
        assert bare.process.wait(timeout=10) == 0
        assert time.monotonic() - started < 10
        assert not folder.exists()
        assert not psutil.wait_procs(members, timeout=5)[1]
    other.unlink()


def test_the_kernel_ends_with_the_process_that_asked_for_it(house):
    # A parent that says so with JPY_PARENT_PID, as Jupyter's launcher does, and is killed.
    parent = ("import os, subprocess, sys; os.environ['JPY_PARENT_PID'] = str(os.getpid()); "
              "child = subprocess.Popen(sys.argv[1:]); print(child.pid, flush=True); child.wait()")
    with Bare(house, through=(sys.executable, "-c", parent)) as bare:
        kernel, = [member for member in family(bare.process.pid) if member.ppid() == bare.process.pid]
        members = [kernel, *kernel.children(recursive=True)]
        folder, = folders_in(house, kernel.pid)
        bare.process.send_signal(signal.SIGKILL)
        bare.process.wait()
        assert not psutil.wait_procs(members, timeout=20)[1]
        assert not folder.exists()


def test_a_terminate_signal_ends_the_kernel_in_order(house):
    with Bare(house) as bare:
        folder, = folders_in(house, bare.process.pid)
        cell = bare.client.execute("loop { std::hint::black_box(()); }")
        message = bare.client.get_iopub_msg(timeout=60)
        while message["msg_type"] != "execute_input" or message["parent_header"]["msg_id"] != cell:
            message = bare.client.get_iopub_msg(timeout=60)
        members = family(bare.process.pid)
        bare.process.terminate()
        assert bare.process.wait(timeout=15) == 0
        assert not folder.exists()
        assert not psutil.wait_procs(members, timeout=5)[1]
