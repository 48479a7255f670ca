"""Somebody writes to the database of a stopped server: to grant themselves something, to be somebody else, to come back, to read
another's secret. Every edited row is refused as `DATA_LOSS`, recorded, and nothing is served from it."""

import sqlite3

import pytest
import requests

from harness import PLANTED
from harness.server import Server
from harness.session import Protocol, Refused

PASSWORD = PLANTED["jdbc", "password"]
# What is edited in the row of an open session: its user, how long it can live, what its audit records say.
SESSION_EDITS = {
    "user": "user_name = 'mallory'", "life": "renewable_until = renewable_until + 1, expires_at = expires_at + 1",
    "kernel": "kernel_id = 'another'", "notebook": "notebook_path = 'innocent.ipynb'", "run": "job_id = 'j', run_id = 'r'",
    "how": "attestation = 'oidc'", "which": "attestation_id = 'another'", "opened": "opened_at = opened_at + 1",
    "keys": "wrapped_keys = (SELECT wrapped_keys FROM sessions WHERE notebook_path = 'untouched.ipynb')",
}


@pytest.fixture(scope="module")
def edited(house, tmp_path_factory):
    with Server(house, data=tmp_path_factory.mktemp("edited")).bootstrap() as server:
        for user in ("bob", "mallory", "joiner", "gone"):
            server.user(user)
        for scope in ("acl", "rows", "other"):
            server.ok("secrets", "create-scope", "--scope", scope)
            for key in ("a", "b", "c", "d"):
                value = PASSWORD if key == "a" else f"planted-value-of-{key}"
                server.ok("secrets", "put", "--scope", scope, "--key", key, "--binary-file", "-", input=value)
            if scope != "acl":
                server.ok("secrets", "put-acl", "--scope", scope, "--principal", "bob", "--permission", "READ")
        server.tokens = {user: server.token(user) for user in ("mallory", "joiner", "gone")}
        server.lasting = server.ok("tokens", "create", "--user-name", "mallory", "--lifetime-seconds", "86400").out.strip()
        server.kinded = server.ok("tokens", "create", "--user-name", "mallory", "--comment", "kinded").out.strip()
        server.stolen = server.ok("tokens", "create", "--user-name", "mallory", "--comment", "stolen").out.strip()
        server.kernel = {user: server.token(user, "kernel") for user in ("bob", "mallory")}
        server.ok("users", "deactivate", "--user-name", "gone")
        server.sessions = {name: Protocol(server, "kernel-token", server.kernel["bob"], notebook_path=f"{name}.ipynb")
                           for name in ("untouched", *SESSION_EDITS)}
        for session in server.sessions.values():
            assert session.read("rows", "a") == PASSWORD
        server.ticket = server.ok("sessions", "ticket", "--user-name", "mallory").out.strip()
        server.stop()
        with sqlite3.connect(server.data / "secrets.db", isolation_level=None) as database:
            def edit(statement):
                assert database.execute(statement).rowcount > 0, statement

            edit("""UPDATE scopes SET acl = '[["mallory","MANAGE"]]' WHERE name = 'acl'""")
            edit("INSERT INTO memberships SELECT 'admins', 'user', 'joiner', 'admins', mac FROM memberships WHERE member = 'admin'")
            edit("UPDATE users SET active = 1 WHERE name = 'gone'")
            edit("UPDATE tokens SET expires_at = NULL WHERE expires_at IS NOT NULL")
            edit("UPDATE tokens SET kind = 'kernel' WHERE comment = 'kinded'")
            edit("UPDATE tokens SET user_name = 'admin' WHERE comment = 'stolen'")
            edit("UPDATE tickets SET user_name = 'bob', expires_at = expires_at + 3600000")
            for name, assignments in SESSION_EDITS.items():
                edit(f"UPDATE sessions SET {assignments} WHERE notebook_path = '{name}.ipynb'")
            rows = "(SELECT id FROM scopes WHERE name = 'rows')"
            other = "(SELECT id FROM scopes WHERE name = 'other')"
            # The records of two keys change places; a key gets another's name; a secret moves to another scope.
            edit(f"UPDATE secrets SET record = (SELECT record FROM secrets WHERE scope_id = {rows} AND key = 'a') "
                 f"WHERE scope_id = {rows} AND key = 'b'")
            edit(f"DELETE FROM secrets WHERE scope_id = {rows} AND key = 'c'")
            edit(f"INSERT INTO secrets SELECT scope_id, 'c', version, organisation, scope_name, kind, author, time_ms, record, expires_at "
                 f"FROM secrets WHERE scope_id = {rows} AND key = 'a'")
            edit(f"UPDATE secrets SET record = (SELECT record FROM secrets WHERE scope_id = {other} AND key = 'd') "
                 f"WHERE scope_id = {rows} AND key = 'd'")
        server.start()
        yield server


def lost(server, action, attempt):
    with pytest.raises(Refused) as caught:
        attempt()
    assert (caught.value.status, caught.value.code) == (500, "DATA_LOSS"), str(caught.value)
    assert PASSWORD not in str(caught.value) and "planted-value" not in str(caught.value)
    record = server.newest(actionName=action)
    assert record["response"]["statusCode"] == 500 and record["response"]["errorMessage"].startswith("DATA_LOSS"), record


def call(server, token, path="/api/2.0/secrets/scopes/list"):
    answer = requests.get(server.host + path, headers={"authorization": f"Bearer {token}"})
    if answer.status_code != 200:
        raise Refused(answer)


def test_an_acl_that_was_edited_grants_nothing(edited):
    lost(edited, "listSecrets", lambda: call(edited, edited.tokens["mallory"], "/api/2.0/secrets/list?scope=acl"))
    lost(edited, "listSecrets", lambda: call(edited, edited.admin, "/api/2.0/secrets/list?scope=acl"))
    session = Protocol(edited, "kernel-token", edited.kernel["mallory"])
    lost(edited, "getSecret", lambda: session.read("acl", "a"))


def test_nobody_joins_comes_back_or_is_somebody_else(edited):
    for token in (edited.tokens["joiner"], edited.tokens["gone"], edited.lasting, edited.stolen):
        lost(edited, "listScopes", lambda token=token: call(edited, token))
    lost(edited, "openKernelSession", lambda: Protocol(edited, "kernel-token", edited.kinded))
    lost(edited, "openKernelSession", lambda: Protocol(edited, "job-ticket", edited.ticket))
    call(edited, edited.tokens["mallory"])


@pytest.mark.parametrize("name", SESSION_EDITS)
def test_a_session_that_was_edited_reads_nothing(edited, name):
    lost(edited, "getSecret", lambda: edited.sessions[name].read("rows", "a"))


def test_records_stay_where_they_were_put(edited):
    session = edited.sessions["untouched"]
    assert session.read("rows", "a") == PASSWORD and session.read("other", "d") == "planted-value-of-d"
    for key in ("b", "c", "d"):
        lost(edited, "getSecret", lambda key=key: session.read("rows", key))
    assert edited.json("audit", "verify")["intact"]
