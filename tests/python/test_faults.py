"""What the service says and does when something that it needs is away, or somebody floods it; and that it recovers by itself."""

import contextlib
import resource
import signal
import socket
import sqlite3
import time

import pytest
import requests

from harness import Server, lightly_searched
from harness.session import Protocol, Refused

VALUE = "planted-value-of-the-faults"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    yield from lightly_searched(tmp_path_factory, VALUE)


@pytest.fixture(scope="module")
def server(house):
    # A file that may not grow is answered with an error, not with a signal that ends the process.
    with Server(house, preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN)).bootstrap() as server:
        server.ok("secrets", "create-scope", "--scope", "s")
        server.ok("secrets", "put", "--scope", "s", "--key", "k", "--string-value", VALUE)
        server.session = Protocol(server, "kernel-token", server.token("admin", "kernel"))
        yield server


def put(server, key, timeout=60):
    return requests.post(server.host + "/api/2.0/secrets/put", json={"scope": "s", "key": key, "string_value": VALUE},
                         headers={"Authorization": f"Bearer {server.admin}"}, timeout=timeout)


def test_a_disk_without_room_for_the_audit_log_stops_everything_until_there_is_room(server):
    # A limit on the size of files stands for a full disk: the journal cannot take another record.
    unlimited = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, unlimited[1]))
    try:
        answers = [put(server, "refused"),
                   requests.get(server.host + "/api/2.0/secrets/list?scope=s", headers={"Authorization": f"Bearer {server.admin}"}, timeout=60)]
        with pytest.raises(Refused) as read:
            server.session.read("s", "k")
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, unlimited)
    assert (read.value.status, read.value.code) == (503, "TEMPORARILY_UNAVAILABLE")
    for answer in answers:
        assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE"), answer.text
        assert "audit log cannot be written" in answer.json()["message"] and str(server.data) not in answer.text
        assert answer.headers["Retry-After"] == "1" and VALUE not in answer.text
    assert server.session.read("s", "k") == VALUE
    assert put(server, "there is room again".replace(" ", "-")).status_code == 200
    keys = [secret["key"] for secret in server.json("secrets", "list", "--scope", "s")["secrets"]]
    assert "refused" not in keys and "there-is-room-again" in keys
    assert server.call("audit", "verify").returncode == 0


def test_a_database_that_somebody_holds_refuses_writes_and_not_reads(server):
    with contextlib.closing(sqlite3.connect(server.data / "secrets.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        refused = put(server, "locked")
        assert server.session.read("s", "k") == VALUE
        database.execute("ROLLBACK")
    assert (refused.status_code, refused.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE"), refused.text
    assert "database" in refused.json()["message"]
    assert put(server, "unlocked").status_code == 200
    assert server.newest(actionName="getSecret")["response"] == {"statusCode": 200}, "records that waited are written"
    assert server.call("audit", "verify").returncode == 0


def test_who_is_not_authenticated_is_told_before_the_body_is_read(server):
    for authorization in (b"", b"Authorization: Bearer planted-wrong\r\n"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(b"POST /api/2.0/secrets/put HTTP/1.1\r\nHost: x\r\n" + authorization + b"Content-Length: 900000\r\n\r\n{")
            assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_a_flood_of_wrong_tokens_is_recorded_as_how_many(house):
    file = house.root / "home" / "flood.toml"
    file.write_text("[limits]\nfailed_authentications_per_second = 1\n")
    with Server(house, "--config", file, data="flood").bootstrap() as server:
        def wrong():
            answer = requests.get(server.host + "/api/2.0/secrets/scopes/list", headers={"Authorization": "Bearer planted-wrong"}, timeout=30)
            return answer.status_code

        answers = [wrong() for _ in range(60)]
        assert answers[:10] == [401] * 10 and answers.count(429) > 30 and set(answers) == {401, 429}
        end = time.monotonic() + 20
        while wrong() == 429:
            answers.append(429)
            assert time.monotonic() < end
            time.sleep(0.2)
        records = server.audit(limit=200, userIdentity={"email": "unauthenticated"})
        recorded = sum(record["response"]["statusCode"] == 401 for record in records)
        counted = sum(record["requestParams"].get("failuresNotRecorded", 0) for record in records)
        assert recorded == answers.count(401) + 1 and counted == answers.count(429), (recorded, counted, answers)
