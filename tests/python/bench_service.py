"""Measures the secret service beside OpenBao, in turn, in one run; then what floods of connections cost it.

Writes docs/service-bench.md (medians and ratios). Each round starts every server on a new folder; nothing else of the
benchmark runs meanwhile but the load, which has one thread of its own.
"""

import argparse
import contextlib
import json
import os
import platform
import resource
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

CHECKOUT = Path(__file__).resolve().parents[2]
OURS, LOAD, PEER = (os.environ[f"SEALBOOK_BENCH_{name}"] for name in ("OURS", "LOAD", "PEER"))
VALUE = "planted-value-of-32-characters-x"
CONNECTIONS = (1, 4, 64)
LIMIT_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(host, method, path, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{host}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"{}")


class Subject:
    """A server being measured."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir()
        self.requests = {}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def spawn(self, *command):
        self.log = (self.folder / "log").open("ab")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("SEALBOOK_", "BAO_", "VAULT_"))}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env=environment, text=True)

    def request(self, name, text):
        """A request as bytes, in a file for the load."""
        path = self.folder / f"{name}.request"
        path.write_bytes(text.encode())
        self.requests[name] = path

    def measure(self, what, connections, seconds):
        arguments = ["read"] if what == "read" and what not in self.requests else ["plain", "--request", self.requests[what]]
        command = [LOAD, *arguments, "--host", self.host, "--connections", str(connections), "--seconds", str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | self.credentials, timeout=seconds + LIMIT_SECONDS)
        if done.returncode:
            raise RuntimeError(f"{self.name}: {what} at {connections}: {done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def memory(self):
        """Resident MiB now."""
        return psutil.Process(self.process.pid).memory_info().rss / 2**20


def plain(method, path, headers, body=""):
    return f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"


class Sealbook(Subject):
    name, fsync = "Sealbook", "system"

    def __init__(self, folder, extra=""):
        super().__init__(folder)
        (folder / "config.toml").write_text(f'[audit]\nfsync = "{self.fsync}"\n{extra}')

    def start(self):
        self.spawn(OURS, "serve", "--listen", "127.0.0.1:0", "--data", self.folder / "data", "--config", self.folder / "config.toml")
        self.host = self.process.stdout.readline().strip().rpartition("http://")[2]
        self.token = self.process.stdout.readline().split()[-1]
        api = {"Authorization": f"Bearer {self.token}"}
        call(self.host, "POST", "/api/2.0/secrets/scopes/create", {"scope": "bench"}, **api)
        call(self.host, "POST", "/api/2.0/secrets/put", {"scope": "bench", "key": "secret", "string_value": VALUE}, **api)
        kernel = call(self.host, "POST", "/api/2.0/token/create", {"kind": "kernel"}, **api)["token_value"]
        self.credentials = {"SEALBOOK_KERNEL_TOKEN": kernel}
        body = json.dumps({"scope": "bench", "key": "key-NNN", "string_value": VALUE})
        self.request("write", plain("POST", "/api/2.0/secrets/put", f"Authorization: Bearer {self.token}\r\n", body))


class SealbookAlways(Sealbook):
    name, fsync = 'Sealbook, `fsync = "always"`', "always"


class OpenBao(Subject):
    name, credentials = "OpenBao", {}

    def start(self):
        port, cluster = free_port(), free_port()
        self.host = f"127.0.0.1:{port}"
        (self.folder / "raft").mkdir()
        (self.folder / "config.hcl").write_text(f"""
            storage "raft" {{ path = "{self.folder}/raft"  node_id = "one" }}
            listener "tcp" {{ address = "{self.host}"  tls_disable = true }}
            api_addr = "http://{self.host}"
            cluster_addr = "http://127.0.0.1:{cluster}"
            audit "file" "file" {{ options {{ file_path = "{self.folder}/audit.log" }} }}
            log_level = "error"
        """)
        self.spawn(PEER, "server", f"-config={self.folder / 'config.hcl'}")
        keys = self.until(lambda: call(self.host, "PUT", "/v1/sys/init", {"secret_shares": 1, "secret_threshold": 1}))
        self.until(lambda: call(self.host, "PUT", "/v1/sys/unseal", {"key": keys["keys"][0]}))
        token = {"X-Vault-Token": keys["root_token"]}
        self.until(lambda: call(self.host, "POST", "/v1/sys/mounts/kv", {"type": "kv", "options": {"version": "2"}}, **token))
        self.until(lambda: call(self.host, "POST", "/v1/kv/data/secret", {"data": {"value": VALUE}}, **token))
        header = f"X-Vault-Token: {keys['root_token']}\r\n"
        self.request("read", plain("GET", "/v1/kv/data/secret", header))
        self.request("write", plain("POST", "/v1/kv/data/key-NNN", header, json.dumps({"data": {"value": VALUE}})))
        assert (self.folder / "audit.log").stat().st_size > 0

    def until(self, attempt):
        end = time.monotonic() + LIMIT_SECONDS
        while True:
            try:
                return attempt()
            except (OSError, urllib.error.URLError):
                if time.monotonic() > end or self.process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text()[-2000:]) from None
                time.sleep(0.1)


SUBJECTS = (Sealbook, SealbookAlways, OpenBao)


def rounds(folder, count, seconds):
    """Name of the subject → (load, connections) → measurements; and its memory."""
    found, memory = {}, {}
    for number in range(count):
        order = SUBJECTS if number % 2 == 0 else SUBJECTS[::-1]
        for kind in order:
            with kind(folder / f"{kind.__name__}-{number}") as subject:
                memory.setdefault((kind.name, "idle"), []).append(subject.memory())
                for what in ("read", "write"):
                    for connections in CONNECTIONS:
                        result = subject.measure(what, connections, seconds)
                        found.setdefault((kind.name, what, connections), []).append(result)
                        print(f"{number + 1}: {kind.name}: {what} at {connections}: {result['per_second']:.0f}/s", flush=True)
                memory.setdefault((kind.name, "after"), []).append(subject.memory())
            shutil.rmtree(subject.folder, ignore_errors=True)
    return found, memory


# --- floods -----------------------------------------------------------------------------------------------------------


def hold(host, count, first=b""):
    """Connections that send this much and then nothing."""
    name, port = host.split(":")
    held = []
    for _ in range(count):
        connection = socket.create_connection((name, int(port)), timeout=30)
        if first:
            connection.sendall(first)
        held.append(connection)
    return held


class Busy:
    """Threads that do something again and again until the end of the `with` block, and count what came of it."""

    def __init__(self, threads, work):
        self.stop, self.counts, self.work = threading.Event(), {}, work
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]

    def run(self):
        while not self.stop.is_set():
            what = self.work()
            self.counts[what] = self.counts.get(what, 0) + 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(timeout=60)


def status(host, request, body=b""):
    """Sends one request on a connection of its own; the answer's status, or what happened instead."""
    name, port = host.split(":")
    try:
        with socket.create_connection((name, int(port)), timeout=60) as connection:
            connection.sendall(request)
            if body:
                connection.sendall(body)
            return connection.recv(4096).split(b" ", 2)[1].decode()
    except (OSError, IndexError) as error:
        return type(error).__name__


def floods(folder, seconds):
    """What others' reads (4 connections) cost meanwhile, and the service's memory."""
    rows = []
    # Idle connections stay long enough to be measured.
    extra = "[limits]\nconnections = 20000\nrequests_per_second = 100\n[timeouts]\nheaders = 300\nbody = 300\n"
    with Sealbook(folder / "floods", extra) as subject:
        def row(name, note=lambda: "", under=contextlib.nullcontext()):
            with under:
                result = subject.measure("read", 4, seconds)
                rows.append((name, result, subject.memory(), note()))
                print(f"{name}: {result['per_second']:.0f}/s, {note()}", flush=True)

        row("nothing else")
        for count in (2_000, 10_000):
            held = hold(subject.host, count)
            row(f"{count:,} idle connections")
            if count == 10_000:
                started = time.monotonic()
                for connection in held:
                    connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: bench\r\n\r\n")
                answered = sum(connection.recv(4096).startswith(b"HTTP/1.1 200") for connection in held)
                took = time.monotonic() - started
                row("… after a request on each of the 10,000", lambda: f"{answered:,} answered in {took:.1f} s")  # noqa: B023
            for connection in held:
                connection.close()
        held = hold(subject.host, 1_000, b"GET /health/live HTTP/1.1\r\nX-Slow: ")
        held += hold(subject.host, 1_000, b"POST /api/2.0/kernel-sessions HTTP/1.1\r\nHost: b\r\nContent-Length: 1000\r\n\r\n{")
        row("1,000 connections inside a header and 1,000 inside a body")
        for connection in held:
            connection.close()
        body = b"x" * (4 << 20)
        post = f"POST /api/2.0/kernel-sessions HTTP/1.1\r\nHost: b\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        busy = Busy(4, lambda: status(subject.host, post, body))
        row("4 clients that send bodies of 4 MiB", lambda: text(busy.counts), busy)
        wrong = b"GET /api/2.0/secrets/scopes/list HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer planted-wrong\r\n\r\n"
        wrong_busy = Busy(4, lambda: status(subject.host, wrong))
        row("4 clients with a wrong token", lambda: text(wrong_busy.counts), wrong_busy)
        user = f"GET /api/2.0/secrets/scopes/list HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {subject.token}\r\n\r\n".encode()
        user_busy = Busy(4, lambda: status(subject.host, user))
        row("4 clients of one user, who may send 100 requests per second", lambda: text(user_busy.counts), user_busy)
    return rows


def text(counts):
    return ", ".join(f"{count:,} × {what}" for what, count in sorted(counts.items()))


# --- the document -----------------------------------------------------------------------------------------------------


def median(results, field):
    return statistics.median(result[field] for result in results)


def document(found, memory, flood_rows, count, seconds, busy):
    lines = ["# The secret service beside OpenBao", "", "Made by `cargo xtask bench service`: do not edit.", "",
             f"Medians of {count} rounds of {seconds} s for each figure, in turn in one run. {os.cpu_count()} cores, which load and server share, "
             f"Linux {platform.machine()}. Every server on plain HTTP, loopback, audit on. Load average of the machine before the run: {busy:.1f}.", "",
             "- Sealbook: reads are *sealed* reads in a kernel session: signed by the client, checked against the access control list, recorded,",
             "  sealed, and opened by the load. Writes are `secrets/put`, on the disk before the answer.",
             "- OpenBao (2.7.2, one node): kv v2 over raft storage, audit to a file. Its writes are on the disk before the answer, its audit file is not.",
             "- Writes go to a key per connection, values have 32 bytes.", ""]
    for what, target in (("read", {1: 2, 4: 2, 64: 2}), ("write", {1: 1, 4: 1, 64: 2})):
        lines += [f"## {what.capitalize()}s", "", "| connections | server | per second | p50 | p99 | times OpenBao | target |", "|---:|---|---:|---:|---:|---:|---:|"]
        for connections in CONNECTIONS:
            peer = median(found[OpenBao.name, what, connections], "per_second")
            for kind in SUBJECTS:
                results = found[kind.name, what, connections]
                rate = median(results, "per_second")
                ratio = "" if kind is OpenBao else f"{rate / peer:.2f}×"
                wanted = f"{target[connections]}×" if kind is Sealbook else ""
                lines.append(f"| {connections} | {kind.name} | {rate:,.0f} | {median(results, 'p50_ms'):.2f} ms | {median(results, 'p99_ms'):.2f} ms | {ratio} | {wanted} |")
        lines.append("")
    lines += ["## Memory", "", "Resident, of the server's process. Target: a third of OpenBao's.", "", "| server | idle | after the load |", "|---|---:|---:|"]
    for kind in SUBJECTS:
        lines.append(f"| {kind.name} | {statistics.median(memory[kind.name, 'idle']):.0f} MiB | {statistics.median(memory[kind.name, 'after']):.0f} MiB |")
    lines += ["", "## Under floods", "", "Sealed reads of somebody else over 4 connections, and the server's memory, meanwhile. The flooding clients share the two cores too. Connections",
              "that stop in a header or a body are cut off after 30 s by default; here they stay.", "",
              "| meanwhile | reads per second | p50 | p99 | memory | the flood got |", "|---|---:|---:|---:|---:|---|"]
    for name, result, size, note in flood_rows:
        lines.append(f"| {name} | {result['per_second']:,.0f} | {result['p50_ms']:.2f} ms | {result['p99_ms']:.2f} ms | {size:.0f} MiB | {note} |")
    lines.append("")
    (CHECKOUT / "docs" / "service-bench.md").write_text("\n".join(lines))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    busy = os.getloadavg()[0]
    folder = Path(tempfile.mkdtemp(prefix="service-bench-"))
    try:
        found, memory = rounds(folder, options.runs, options.seconds)
        document(found, memory, floods(folder, options.seconds), options.runs, options.seconds, busy)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
