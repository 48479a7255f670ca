"""Audit records outside the service: a rotated file, syslog, a webhook, an OTLP collector, standard output."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.server import Server


class Receiver:
    """Takes posts; refuses the first ones."""

    def __init__(self):
        self.posts, self.refusals = [], 2
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                refuse = receiver.refusals > 0
                receiver.refusals -= 1
                if not refuse:
                    receiver.posts.append((self.path, self.headers["content-type"], body.decode()))
                self.send_response(503 if refuse else 202)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.http.shutdown()
    receiver.http.server_close()


def until(condition, limit=30):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def requests_of(lines):
    """Ids of the requests in these lines, in order; checkpoints left out."""
    return [record["requestId"] for record in map(json.loads, lines) if "requestId" in record]


def expected(server):
    return [record["requestId"] for record in server.json("audit", "query", "--limit", "100", "--action", "createScope")]


def test_every_record_reaches_every_sink_in_order(house, tmp_path, receiver):
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    daemon.bind(str(tmp_path / "log"))
    datagrams = []

    def listen():
        while datagram := daemon.recv(65_536):
            datagrams.append(datagram.decode())

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    flags = ["--audit-file", tmp_path / "audit.jsonl", "--audit-file-bytes", "3000", "--audit-files-kept", "20",
             "--audit-syslog", tmp_path / "log", "--audit-webhook", f"{receiver.url}/hook", "--audit-otlp", receiver.url]
    with Server(house, *flags, data=tmp_path / "data").bootstrap() as server:
        for number in range(8):
            server.ok("secrets", "create-scope", "--scope", f"s{number}")
        assert server.call("secrets", "create-scope", "--scope", "s0").returncode == 1
        wanted = expected(server)
        assert len(wanted) == 9
    # The end of the server delivers what was left.
    files = sorted(tmp_path.glob("audit.jsonl*"), key=lambda path: -int(path.suffix[1:]) if path.suffix[1:].isdigit() else 0)
    assert len(files) >= 2
    lines = [line for path in files for line in path.read_text().splitlines()]
    created = [line for line in lines if json.loads(line).get("actionName") == "createScope"]
    assert requests_of(created) == wanted
    last = json.loads(created[-1])
    assert last["response"]["statusCode"] == 400 and last["userIdentity"] == {"email": "admin"}
    assert [json.loads(line)["checkpoint"]["count"] for line in lines if "checkpoint" in json.loads(line)]

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.sendto(b"", str(tmp_path / "log"))
    listener.join(timeout=30)
    daemon.close()
    assert all(text.startswith(("<110>1 ", "<108>1 ")) and " - sealbook " in text for text in datagrams)
    assert requests_of(text.partition(" audit - ")[2] for text in datagrams) == requests_of(lines)

    hook = "".join(body for path, kind, body in receiver.posts if (path, kind) == ("/hook", "application/x-ndjson"))
    # At least once, in order: the first deliveries were refused.
    assert requests_of(hook.splitlines()) == requests_of(lines)
    otlp = [record["body"]["stringValue"] for path, _, body in receiver.posts if path == "/v1/logs"
            for record in json.loads(body)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]]
    assert requests_of(otlp) == requests_of(lines)
    assert "an audit sink fails" in server.log.read_text()


def test_a_sink_goes_on_where_it_was_after_a_restart(house, tmp_path):
    with Server(house, "--audit-stdout", data=tmp_path / "data").bootstrap() as server:
        server.ok("secrets", "create-scope", "--scope", "before")
        lines = [server.process.stdout.readline() for _ in range(2)]
        until(lambda: (tmp_path / "data" / "audit.sink.stdout").exists())
        server.kill()
        server.start()
        server.ok("secrets", "create-scope", "--scope", "after")
        while "after" not in lines[-1]:
            lines.append(server.process.stdout.readline())
        created = [json.loads(line)["requestParams"]["scope"] for line in lines if '"createScope"' in line]
        assert created == ["before", "after"]


def test_addresses_are_checked_at_the_start(house, tmp_path):
    for flag, address in (("--audit-webhook", "http://collector.example.com"), ("--audit-otlp", "nothing"),
                          ("--audit-syslog", "tcp://x"), ("--audit-file", tmp_path / "no" / "folder")):
        done = house.sealbook("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "data", flag, address)
        assert done.returncode == 1 and str(address) in done.err, done.err
