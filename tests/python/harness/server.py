"""A shared server on a free loopback port, with its administrator's token; and the programs that call it."""

import contextlib
import json
import subprocess

import trustme

from . import contract
from .house import PLANTED


class Server:
    """`sealbook serve`, stopped at the end of the `with` block. `data` is a folder's name below the house, which is searched
    for every form of the planted values at the end, or a path elsewhere, which is searched for the values themselves."""

    def __init__(self, house, *arguments, data="server", tls=None, admin=None, **options):
        self.house = house
        self.data = house.root / data
        self.tls = tls
        self.admin = admin
        if tls:
            arguments = ("--tls-cert", tls.certificate, "--tls-key", tls.key, *arguments)
        self.arguments = [str(argument) for argument in arguments]
        self.log = house.root / "logs" / f"{self.data.name}.log"
        self.start(**options)

    def start(self, **options):
        """Starts the server, at first and again after `stop` or `kill`; `environment` adds variables to the house's."""
        environment = self.house.environment() | options.pop("environment", {})
        self.process = subprocess.Popen(
            [self.house.binary, "serve", "--listen", "127.0.0.1:0", "--data", self.data, *self.arguments],
            stdout=subprocess.PIPE, stderr=self.log.open("ab"), env=environment, text=True, **options)
        self.host = self._line("listening on ")
        self.port = int(self.host.rpartition(":")[2])
        contract.watch(self)

    def _line(self, start):
        line = self.process.stdout.readline()
        assert line.startswith(start), (line, self.log.read_text()[-2000:])
        return line.removeprefix(start).strip()

    def bootstrap(self):
        """Takes the administrator's token, which only a server on a new data folder prints."""
        self.admin = self._line("bootstrap token: ")
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Stops the server in good order and returns its exit status."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=20)
        status = self.kill()
        for path in self.data.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert not any(value.encode() in content for value in PLANTED.values() if len(value) > 8), path
        return status

    def kill(self):
        """Ends the server at once."""
        self.process.kill()
        self.process.stdout.close()
        return self.process.wait()

    def environment(self, token):
        """What points a client of ours at this server."""
        trusted = {"SEALBOOK_CA_FILE": str(self.tls.authority)} if self.tls else {}
        return {"SEALBOOK_HOST": self.host, "SEALBOOK_TOKEN": token, **trusted}

    def call(self, *arguments, token=None, **options):
        """Our own command line against this server."""
        return self.house.sealbook(*arguments, env=self.environment(token or self.admin), **options)

    def ok(self, *arguments, **options):
        """As `call`; it must succeed."""
        done = self.call(*arguments, **options)
        assert done.returncode == 0, done.out + done.err
        return done

    def json(self, *arguments, **options):
        """As `ok`; what it prints as JSON."""
        return json.loads(self.ok(*arguments, "--output", "json", **options).out)

    def user(self, name):
        """Makes a user."""
        self.ok("users", "create", "--user-name", name)
        return name

    def token(self, user, kind="api"):
        """A new token of a user."""
        return self.ok("tokens", "create", "--user-name", user, "--kind", kind).out.strip()

    def audit(self, *, limit=50, **wanted):
        """The audit log's newest records that have these fields, oldest first. What is asked for is kept small: all output
        is searched for secrets at the end."""
        filters = ["--limit", str(limit)]
        if "actionName" in wanted:
            filters += ["--action", wanted["actionName"]]
        if "userIdentity" in wanted:
            filters += ["--user", wanted["userIdentity"]["email"]]
        records = self.json("audit", "query", *filters)
        return [record for record in records if all(record.get(name) == value for name, value in wanted.items())]

    def newest(self, **wanted):
        """The newest such record."""
        return self.audit(limit=1, **wanted)[-1]


class Tls:
    """A certificate authority of our own and a certificate for this machine, as files in a folder."""

    def __init__(self, folder):
        authority = trustme.CA()
        server = authority.issue_cert("localhost", "127.0.0.1", "sealbook.test")
        folder.mkdir(parents=True, exist_ok=True)
        self.authority, self.certificate, self.key = (folder / name for name in ("ca.pem", "cert.pem", "key.pem"))
        authority.cert_pem.write_to_path(str(self.authority))
        self.certificate.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
        self.key.touch(mode=0o600)
        self.key.write_bytes(server.private_key_pem.bytes())
