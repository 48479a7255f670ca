"""A PostgreSQL on loopback that demands SCRAM authentication, unless told otherwise, for one test module."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path


class Postgres:
    """A server in a folder of its own; it knows one user and one database."""

    def __init__(self, user, password, database, auth="scram-sha-256"):
        self.auth = auth
        self.user, self.password, self.database = user, password, database
        # Outside the searched root: what the server stores of its own password is its business.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.port = _free_port()
        self.process = None

    def __enter__(self):
        if os.geteuid() == 0:
            # The server refuses to run as root.
            account = pwd.getpwnam("postgres")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._as = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        else:
            self._as = {}
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        password_file.chmod(0o644)
        data = self.folder / "data"
        self._run("initdb", "--pgdata", data, "--username", self.user, "--pwfile", password_file,
                  "--auth", self.auth, "--encoding", "UTF8", "--no-sync")
        password_file.unlink()
        log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            [_program("postgres"), "-D", data, "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
             "-c", "password_encryption=scram-sha-256", "-c", "fsync=off", "-c", f"unix_socket_directories={self.folder}"],
            stdout=log, stderr=log, cwd=self.folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, **self._as)
        self._wait()
        self.sql("postgres", f"CREATE DATABASE {self.database}")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=20)
        self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, database, statement):
        """Runs statements as the user, over loopback and with the password."""
        done = subprocess.run(
            [_program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port), "-U", self.user,
             "-d", database, "-A", "-t", "-f", "-"],
            input=statement, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"], "PGPASSWORD": self.password})
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _wait(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            ready = subprocess.run([_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False)
            if ready.returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}")

    def _run(self, program, *arguments):
        done = subprocess.run([_program(program), *map(str, arguments)], capture_output=True, text=True, check=False,
                              cwd=self.folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, **self._as)
        assert done.returncode == 0, f"{program}: {done.stderr}"


def _program(name):
    """Debian keeps the server's programs off PATH, one folder per version."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(found[-1]) if found else shutil.which(name) or name


def _free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
