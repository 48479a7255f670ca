"""The original's own command line, databricks-cli 0.18, runs the original's whole workflow against a shared server.

It drops the port of its host, so it comes through `http_proxy`: absolute-form request targets, `Content-Type: text/json`.
"""

import json
import sys
from pathlib import Path

import pytest

from harness import PLANTED, Kernel, Server
from harness.databricks import CommandLine

DATABRICKS = Path(sys.executable).parent / "databricks"
HOST = "http://sealbook.test"
# Types a value above the line of dashes, as the original's template asks; the value never lies in a file of this script.
EDITOR = """#!/bin/sh
{ printf '%s\\n' "$VALUE_TO_TYPE"; cat "$1"; } > "$1.new" && mv "$1.new" "$1"
"""


class Databricks:
    """The command line with its settings file, as one user."""

    def __init__(self, loaded, server, token, name):
        self.loaded, self.server = loaded, server
        house = loaded.house
        self.settings = house.root / "home" / f"databrickscfg-{name}"
        self.settings.write_text(f"[DEFAULT]\nhost = {HOST}\ntoken = {token}\n")

    def environment(self, **changes):
        proxy = f"http://127.0.0.1:{self.server.port}"
        return {"DATABRICKS_CONFIG_FILE": self.settings, "http_proxy": proxy, "HTTP_PROXY": proxy,
                "no_proxy": None, "NO_PROXY": None, **changes}

    def __call__(self, *arguments, settings=None):
        return self.loaded.run(*arguments, env=self.environment(DATABRICKS_CONFIG_FILE=settings or self.settings))

    def ok(self, *arguments, **options):
        done = self(*arguments, **options)
        assert done.returncode == 0, f"databricks {' '.join(map(str, arguments))}: {done.out}{done.err}"
        return done.out

    def json(self, *arguments):
        return json.loads(self.ok(*arguments))

    def refused(self, code, message, *arguments):
        """The service's refusal reaches the user whole."""
        done = self(*arguments)
        assert done.returncode == 1, done.out
        assert f'"error_code":"{code}"' in done.out and message in done.out, done.out

    def denied(self, *arguments):
        """Told in the client's own words, not the service's."""
        done = self(*arguments)
        assert (done.returncode, "Authorization failed" in done.out) == (1, True), done.out


@pytest.fixture(scope="module")
def server(house):
    with Server(house).bootstrap() as server:
        server.user("bob@example.com")
        yield server


@pytest.fixture(scope="module")
def loaded(house):
    loaded = CommandLine(house)
    yield loaded
    loaded.stop()


@pytest.fixture(scope="module")
def admin(loaded, server):
    return Databricks(loaded, server, server.admin, "admin")


@pytest.fixture(scope="module")
def bob(loaded, server):
    return Databricks(loaded, server, server.token("bob@example.com"), "bob")


def rows(table):
    """The cells of a table of the client, without its head."""
    return [line.split() for line in table.splitlines()[2:]]


def test_the_whole_workflow(house, server, admin, bob):
    # 1. A scope with two credentials: one typed into an editor, one from the command line, one from a file.
    assert admin.ok("secrets", "create-scope", "--scope", "jdbc") == ""
    assert rows(admin.ok("secrets", "list-scopes")) == [["jdbc", "DATABRICKS", "N/A"]]
    editor = house.root / "home" / "editor"
    editor.write_text(EDITOR)
    editor.chmod(0o700)
    done = house.run(DATABRICKS, "secrets", "put", "--scope", "jdbc", "--key", "username", env=admin.environment(
        EDITOR=editor, VISUAL=None, VALUE_TO_TYPE=PLANTED["jdbc", "username"]))
    assert done.returncode == 0, done.out
    admin.ok("secrets", "put", "--scope", "jdbc", "--key", "password", "--string-value", PLANTED["jdbc", "password"])
    key = house.root / "home" / "key.pem"
    key.write_text(PLANTED["tls", "key"])
    admin.ok("secrets", "put", "--scope", "jdbc", "--key", "key", "--binary-file", key)
    key.unlink()
    listed = admin.json("secrets", "list", "--scope", "jdbc", "--output", "JSON")
    assert [secret["key"] for secret in listed["secrets"]] == ["key", "password", "username"]
    assert all(isinstance(secret["last_updated_timestamp"], int) for secret in listed["secrets"])
    table = rows(admin.ok("secrets", "list", "--scope", "jdbc"))
    assert table == [[secret["key"], str(secret["last_updated_timestamp"])] for secret in listed["secrets"]]

    # 2. A group may read; one of its members does, in a notebook only.
    assert admin.json("groups", "create", "--group-name", "datascience") == {"group_name": "datascience"}
    assert admin.ok("groups", "add-member", "--parent-name", "datascience", "--user-name", "bob@example.com") == ""
    bob.denied("secrets", "list", "--scope", "jdbc")
    admin.ok("secrets", "put-acl", "--scope", "jdbc", "--principal", "datascience", "--permission", "READ")
    entries = {"items": [{"principal": "admin", "permission": "MANAGE"}, {"principal": "datascience", "permission": "READ"}]}
    assert admin.json("secrets", "list-acls", "--scope", "jdbc", "--output", "JSON") == entries
    assert rows(admin.ok("secrets", "get-acl", "--scope", "jdbc", "--principal", "datascience")) == [["datascience", "READ"]]
    assert len(bob.json("secrets", "list", "--scope", "jdbc", "--output", "JSON")["secrets"]) == 3
    for words in (("put", "--key", "password", "--string-value", "planted-by-bob"), ("delete", "--key", "password"),
                  ("put-acl", "--principal", "bob@example.com", "--permission", "MANAGE"), ("list-acls",), ("delete-scope",)):
        bob.denied("secrets", words[0], "--scope", "jdbc", *words[1:])
    with Kernel(house, **server.environment(server.token("bob@example.com", "kernel"))) as kernel:
        cell = kernel.ok("""for key in ["username", "password", "key"] {
            let value = dbutils.secrets.get("jdbc", key);
            println!("{} {}", value.len(), value);
        }""")
        lengths = [len(PLANTED[name].encode()) for name in (("jdbc", "username"), ("jdbc", "password"), ("tls", "key"))]
        assert cell.stdout == "".join(f"{length} [REDACTED]\n" for length in lengths)

    # 3. Everything is taken back, in the original's order.
    admin.ok("secrets", "delete-acl", "--scope", "jdbc", "--principal", "datascience")
    bob.denied("secrets", "list", "--scope", "jdbc")
    admin.refused("RESOURCE_DOES_NOT_EXIST", "Failed to get secret acl for principal datascience for scope jdbc.",
                  "secrets", "get-acl", "--scope", "jdbc", "--principal", "datascience")
    admin.ok("secrets", "delete", "--scope", "jdbc", "--key", "key")
    admin.refused("RESOURCE_DOES_NOT_EXIST", "Secret does not exist with scope: jdbc and key: key",
                  "secrets", "delete", "--scope", "jdbc", "--key", "key")
    admin.ok("secrets", "delete-scope", "--scope", "jdbc")
    admin.refused("RESOURCE_DOES_NOT_EXIST", "Scope jdbc does not exist!", "secrets", "list", "--scope", "jdbc")
    assert admin.json("secrets", "list-scopes", "--output", "JSON") == {"scopes": []}


def test_scopes_that_cannot_be_created(admin):
    admin.ok("secrets", "create-scope", "--scope", "Team@corp.x_1-a", "--initial-manage-principal", "users")
    assert admin.json("secrets", "list-acls", "--scope", "team@CORP.x_1-a", "--output", "JSON") == {
        "items": [{"principal": "users", "permission": "MANAGE"}]}
    admin.refused("RESOURCE_ALREADY_EXISTS", "Scope team@corp.X_1-A already exists!",
                  "secrets", "create-scope", "--scope", "team@corp.X_1-A")
    admin.refused("INVALID_PARAMETER_VALUE", "initial_manage_principal",
                  "secrets", "create-scope", "--scope", "other", "--initial-manage-principal", "admin")
    admin.refused("INVALID_PARAMETER_VALUE", "DATABRICKS", "secrets", "create-scope", "--scope", "other",
                  "--scope-backend-type", "AZURE_KEYVAULT", "--resource-id", "r", "--dns-name", "d")
    for name in ("a b", "a/b", "x" * 129, "ü"):
        admin.refused("INVALID_PARAMETER_VALUE", "scope", "secrets", "create-scope", "--scope", name)


def test_secrets_and_entries_that_cannot_be_written(house, admin):
    admin.ok("secrets", "create-scope", "--scope", "limits")
    admin.ok("secrets", "write", "--scope", "limits", "--key", "empty", "--string-value", "")
    admin.ok("secrets", "write-acl", "--scope", "limits", "--principal", "users", "--permission", "WRITE")
    blob = house.root / "home" / "blob"
    blob.write_bytes(bytes(range(256)) * 512)
    admin.ok("secrets", "put", "--scope", "limits", "--key", "largest", "--binary-file", blob)
    blob.write_bytes(bytes(131_073))
    admin.refused("INVALID_PARAMETER_VALUE", "131072", "secrets", "put", "--scope", "limits", "--key", "k", "--binary-file", blob)
    blob.write_bytes(bytes(1 << 20))
    admin.refused("INVALID_PARAMETER_VALUE", "1048576", "secrets", "put", "--scope", "limits", "--key", "k", "--binary-file", blob)
    admin.refused("INVALID_PARAMETER_VALUE", "key", "secrets", "put", "--scope", "limits", "--key", "a@b", "--string-value", "planted")
    admin.refused("RESOURCE_DOES_NOT_EXIST", "Scope none does not exist!",
                  "secrets", "put", "--scope", "none", "--key", "k", "--string-value", "planted")
    admin.refused("RESOURCE_DOES_NOT_EXIST", "nobody",
                  "secrets", "put-acl", "--scope", "limits", "--principal", "nobody", "--permission", "READ")
    admin.refused("RESOURCE_DOES_NOT_EXIST", "Failed to get secret acl for principal nobody for scope limits.",
                  "secrets", "delete-acl", "--scope", "limits", "--principal", "nobody")
    assert [row[0] for row in rows(admin.ok("secrets", "list", "--scope", "limits"))] == ["empty", "largest"]


def test_groups(admin, bob):
    for name in ("outer", "inner"):
        assert admin.json("groups", "create", "--group-name", name) == {"group_name": name}
    assert {"outer", "inner", "admins", "users"} <= set(admin.json("groups", "list")["group_names"])
    admin.ok("groups", "add-member", "--parent-name", "outer", "--group-name", "inner")
    admin.ok("groups", "add-member", "--parent-name", "inner", "--user-name", "bob@example.com")
    assert admin.json("groups", "list-members", "--group-name", "outer") == {"members": [{"group_name": "inner"}]}
    assert admin.json("groups", "list-members", "--group-name", "inner") == {"members": [{"user_name": "bob@example.com"}]}
    assert admin.json("groups", "list-parents", "--group-name", "inner") == {"group_names": ["outer"]}
    assert "inner" in admin.json("groups", "list-parents", "--user-name", "bob@example.com")["group_names"]
    admin.refused("RESOURCE_ALREADY_EXISTS", "inner", "groups", "create", "--group-name", "inner")
    admin.refused("RESOURCE_ALREADY_EXISTS", "bob@example.com",
                  "groups", "add-member", "--parent-name", "inner", "--user-name", "bob@example.com")
    for words in (("add-member", "--parent-name", "inner", "--user-name", "nobody"),
                  ("add-member", "--parent-name", "none", "--user-name", "bob@example.com"),
                  ("remove-member", "--parent-name", "outer", "--user-name", "bob@example.com"),
                  ("list-members", "--group-name", "none"), ("list-parents", "--user-name", "nobody"),
                  ("delete", "--group-name", "none")):
        admin.refused("RESOURCE_DOES_NOT_EXIST", "", "groups", *words)
    admin.refused("INVALID_PARAMETER_VALUE", "group_name", "groups", "delete")
    for words in (("create", "--group-name", "mine"), ("delete", "--group-name", "outer"),
                  ("add-member", "--parent-name", "admins", "--user-name", "bob@example.com")):
        bob.denied("groups", *words)
    # What the outer group may, a member of the inner one may.
    admin.ok("secrets", "create-scope", "--scope", "nested")
    admin.ok("secrets", "put-acl", "--scope", "nested", "--principal", "outer", "--permission", "READ")
    assert bob.json("secrets", "list", "--scope", "nested", "--output", "JSON") == {"secrets": []}
    admin.ok("groups", "remove-member", "--parent-name", "outer", "--group-name", "inner")
    bob.denied("secrets", "list", "--scope", "nested")
    assert admin.json("groups", "delete", "--group-name", "outer") == {}
    assert admin.json("secrets", "list-acls", "--scope", "nested", "--output", "JSON") == {
        "items": [{"principal": "admin", "permission": "MANAGE"}]}


def test_tokens(loaded, server, admin):
    created = admin.json("tokens", "create", "--comment", "a robot", "--lifetime-seconds", "3600")
    information = created["token_info"]
    assert information["comment"] == "a robot"
    assert information["expiry_time"] - information["creation_time"] == 3_600_000
    by_default = admin.json("tokens", "create", "--comment", "by default")["token_info"]
    assert by_default["expiry_time"] - by_default["creation_time"] == 90 * 24 * 3_600_000
    listed = admin.json("tokens", "list")["token_infos"]
    assert information["token_id"] in [token["token_id"] for token in listed]
    assert created["token_value"] not in json.dumps(listed)
    robot = Databricks(loaded, server, created["token_value"], "robot")
    assert robot.ok("secrets", "list-scopes")
    # A user name and a password: Basic.
    basic = loaded.house.root / "home" / "databrickscfg-basic"
    basic.write_text(f"[DEFAULT]\nhost = {HOST}\nusername = token\npassword = {created['token_value']}\n")
    assert admin.ok("tokens", "list", settings=basic)
    assert admin.json("tokens", "revoke", "--token-id", information["token_id"]) == {}
    done = robot("secrets", "list-scopes")
    assert (done.returncode, "authentication information may be incorrect" in done.out) == (1, True), done.out
    admin.refused("RESOURCE_DOES_NOT_EXIST", information["token_id"], "tokens", "revoke", "--token-id", information["token_id"])
    admin.refused("INVALID_PARAMETER_VALUE", "lifetime_seconds", "tokens", "create", "--comment", "c", "--lifetime-seconds", "0")
    for settings in (robot.settings, basic):
        settings.unlink()


def test_it_is_all_in_the_audit_log(server, admin):
    agents = {record["userAgent"] for record in server.audit()}
    assert any(agent.startswith("databricks-cli-0.18.0-secrets-put") for agent in agents), agents
    assert any(agent.startswith("databricks-cli-0.18.0-tokens-revoke") for agent in agents), agents
