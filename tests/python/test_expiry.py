"""Secrets that expire: read until then, refused and recorded afterwards, whoever edits the database."""

import json
import sqlite3
import time

import pytest
import requests

from harness import PLANTED
from harness.server import Server
from harness.session import Protocol, Refused

PASSWORD = PLANTED["jdbc", "password"]
PUT = "/api/2.0/secrets/put"


@pytest.fixture(scope="module")
def server(house, tmp_path_factory):
    with Server(house, data=tmp_path_factory.mktemp("expiry")).bootstrap() as server:
        server.user("bob")
        server.ok("secrets", "create-scope", "--scope", "jdbc")
        server.ok("secrets", "put-acl", "--scope", "jdbc", "--principal", "bob", "--permission", "READ")
        server.kernel_token = server.token("bob", "kernel")
        yield server


@pytest.fixture
def session(server):
    return Protocol(server, "kernel-token", server.kernel_token)


def put(server, key, **fields):
    body = {"scope": "jdbc", "key": key, "string_value": PASSWORD} | fields
    return requests.post(server.host + PUT, json=body, headers={"authorization": f"Bearer {server.admin}"})


def described(server, key):
    [found] = [row for row in server.json("secrets", "list", "--scope", "jdbc", "--long")["secrets"] if row["key"] == key]
    return found


def test_a_secret_is_read_until_it_expires(server, session):
    expires_at = int(time.time() * 1000) + 3_000
    assert put(server, "short", expires_at=expires_at).json() == {}
    assert session.read("jdbc", "short") == PASSWORD
    read_before = described(server, "short")["last_read_timestamp"]
    while True:
        try:
            session.read("jdbc", "short")
            assert time.time() * 1000 < expires_at + 60_000
        except Refused as refusal:
            assert (refusal.status, refusal.code) == (404, "RESOURCE_DOES_NOT_EXIST")
            assert "Secret expired at 20" in str(refusal) and "with scope: jdbc and key: short" in str(refusal)
            assert PASSWORD not in str(refusal)
            break
        time.sleep(0.1)
    assert time.time() * 1000 >= expires_at
    record = server.newest(actionName="getSecret")
    assert record["userIdentity"] == {"email": "bob"} and record["response"]["statusCode"] == 404
    assert "Secret expired" in record["response"]["errorMessage"]
    assert "(expired)" in server.ok("secrets", "list", "--scope", "jdbc", "--long").out
    # A refused read is not one.
    assert described(server, "short")["last_read_timestamp"] >= read_before
    assert described(server, "short")["last_read_timestamp"] < expires_at
    # The original's clients put without an expiry: a new value, which has none.
    server.ok("secrets", "put", "--scope", "jdbc", "--key", "short", "--string-value", "planted-new-value")
    assert session.read("jdbc", "short") == "planted-new-value"
    assert "expires_at" not in described(server, "short")


def test_the_command_line_says_when(server):
    server.ok("secrets", "put", "--scope", "jdbc", "--key", "year", "--expires", "2999-01-31", "--string-value", "planted-year-value")
    server.ok("secrets", "put", "--scope", "jdbc", "--key", "days", "--expires", "90d", "--string-value", "planted-days-value")
    assert described(server, "year")["expires_at"] == 32_474_736_000_000
    assert abs(described(server, "days")["expires_at"] / 1000 - time.time() - 90 * 86_400) < 600
    assert server.newest(actionName="putSecret")["requestParams"]["expiresAt"] == described(server, "days")["expires_at"]
    table = server.ok("secrets", "list", "--scope", "jdbc", "--long").out
    assert "Expires" in table and "2999-01-31 00:00:00Z" in table
    done = server.call("secrets", "put", "--scope", "jdbc", "--key", "late", "--expires", "2001-01-01", "--string-value", "planted-late-value")
    assert done.returncode == 2 and "not in the future" in done.err and "planted-late" not in done.err
    # The list of the contract stays as it is.
    assert all(set(row) == {"key", "last_updated_timestamp"} for row in server.json("secrets", "list", "--scope", "jdbc")["secrets"])


def test_an_expiry_that_is_none_is_refused(server):
    for wrong in (0, -1, int(time.time() * 1000) - 1, 10**18):
        answer = put(server, "wrong", expires_at=wrong)
        assert answer.status_code == 400 and answer.json()["error_code"] == "INVALID_PARAMETER_VALUE", answer.text
    for wrong in (1.5, [1], True, "soon"):
        answer = put(server, "wrong", expires_at=wrong)
        assert answer.status_code == 400 and answer.json()["error_code"] == "MALFORMED_REQUEST", answer.text
    assert put(server, "null", expires_at=None).status_code == 200


def test_who_edits_the_database_moves_no_expiry(server, session):
    for key in ("moved", "removed", "listed"):
        assert put(server, key, expires_at=int(time.time() * 1000) + 3_600_000).status_code == 200
    server.stop()
    with sqlite3.connect(server.data / "secrets.db", isolation_level=None) as database:
        assert database.execute("UPDATE secrets SET expires_at = expires_at + 1 WHERE key = 'moved'").rowcount == 1
        assert database.execute("UPDATE secrets SET expires_at = NULL WHERE key = 'removed'").rowcount == 1
        # What is only listed decides nothing.
        assert database.execute("UPDATE heads SET expires_at = 1 WHERE key = 'listed'").rowcount == 1
    server.start()
    for key in ("moved", "removed"):
        with pytest.raises(Refused) as caught:
            session.read("jdbc", key)
        assert (caught.value.status, caught.value.code) == (500, "DATA_LOSS")
    assert session.read("jdbc", "listed") == PASSWORD


def test_a_declaration_says_when(server, tmp_path):
    path = tmp_path / "scopes.toml"
    (tmp_path / "value").write_text("planted-declared-value")

    def apply(expires, *flags):
        path.write_text(f"[scopes.declared.secrets]\nkey = {{ file = 'value'{expires} }}\n")
        return server.call("secrets", "apply", "-f", path, *flags)

    assert ", expires 2998-01-01 00:00:00Z" in apply(", expires = '2998-01-01'").out
    assert apply(", expires = '2998-01-01'").out == apply("").out == "nothing to change\n"
    assert ", expires 2999-01-01 00:00:00Z" in apply(", expires = '2999-01-01'", "--dry-run").out
    assert apply(", expires = 'never'").out.startswith("~ secret declared/key from ")
    assert apply(", expires = 'never'").out == "nothing to change\n"
    [change] = json.loads(apply(", expires = '2999-01-01'", "--output", "json").out)["changes"]
    assert change["expires_at"] == 32_472_144_000_000
    for wrong in (", expires = '90d'", ", expires = '2001-01-01'"):
        done = apply(wrong)
        assert done.returncode != 0 and "nothing was changed" in done.err, done.err


def test_last_reads_survive_a_crash_and_forget_another_scope_of_the_name(server):
    server.ok("secrets", "create-scope", "--scope", "twice")
    server.ok("secrets", "put-acl", "--scope", "twice", "--principal", "bob", "--permission", "READ")
    server.ok("secrets", "put", "--scope", "twice", "--key", "k", "--string-value", "planted-twice-value")
    session = Protocol(server, "kernel-token", server.kernel_token)
    with sqlite3.connect(server.data / "secrets.db", isolation_level=None) as database:
        # The database takes no record while it is locked; the journal has the read.
        database.execute("BEGIN IMMEDIATE")
        assert session.read("TWICE", "k") == "planted-twice-value"
        server.kill()
        database.execute("ROLLBACK")
    server.start()

    def last():
        [row] = server.json("secrets", "list", "--scope", "twice", "--long")["secrets"]
        return row.get("last_read_by")

    assert last() == "bob"
    server.ok("secrets", "delete-scope", "--scope", "twice")
    server.ok("secrets", "create-scope", "--scope", "twice")
    server.ok("secrets", "put", "--scope", "twice", "--key", "k", "--string-value", "planted-second-value")
    assert last() is None
