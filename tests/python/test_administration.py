"""The administrator's command line on a shared server: users, groups, tokens, declared scopes, output for programs."""

import json
import os
import time

import pytest

from harness import PLANTED
from harness.server import Server
from harness.session import Protocol, Refused

PASSWORD = PLANTED["jdbc", "password"]


@pytest.fixture(scope="module")
def server(house, tmp_path_factory):
    with Server(house, data=tmp_path_factory.mktemp("administration")).bootstrap() as server:
        yield server


def test_users_come_rest_and_go(server):
    server.user("dora")
    assert "dora" in [user["userName"] for user in server.json("users", "list")]
    token, kernel = server.token("dora"), server.token("dora", "kernel")
    assert server.json("users", "me", token=token)["userName"] == "dora"
    server.ok("users", "deactivate", "--user-name", "dora")
    assert "UNAUTHENTICATED" in server.call("users", "me", token=token).err
    with pytest.raises(Refused):
        Protocol(server, "kernel-token", kernel)
    server.ok("users", "activate", "--user-name", "dora")
    server.ok("users", "me", token=token)
    assert "PERMISSION_DENIED" in server.call("users", "delete", "--user-name", "admin", token=token).err
    server.ok("users", "delete", "--user-name", "dora")
    assert "UNAUTHENTICATED" in server.call("users", "me", token=token).err
    done = server.call("users", "delete", "--user-name", "dora")
    assert done.returncode == 1 and "User dora does not exist" in done.err
    assert "admin" in server.ok("users", "list").out


def test_an_administrator_cannot_lock_everybody_out(server):
    for command in (("groups", "remove-member", "--parent-name", "admins", "--user-name", "admin"),
                    ("users", "delete", "--user-name", "admin"), ("users", "deactivate", "--user-name", "admin")):
        done = server.call(*command)
        assert done.returncode == 1 and "ask another administrator" in done.err, done.err


def test_groups_and_their_members(server):
    for user in ("eve", "finn"):
        server.user(user)
    for group in ("analysts", "everyone-else"):
        server.ok("groups", "create", "--group-name", group)
    server.ok("groups", "add-member", "--parent-name", "analysts", "--user-name", "eve")
    server.ok("groups", "add-member", "--parent-name", "everyone-else", "--group-name", "analysts")
    assert server.json("groups", "list-members", "--group-name", "everyone-else")["members"] == [{"group_name": "analysts"}]
    assert "analysts" in server.json("groups", "list-parents", "--user-name", "eve")["group_names"]
    assert {"analysts", "everyone-else"} <= set(server.json("groups", "list")["group_names"])
    table = server.ok("groups", "list-members", "--group-name", "analysts").out
    assert table.splitlines()[0].split() == ["Member", "Kind"] and table.splitlines()[1].split() == ["eve", "user"]
    server.ok("groups", "remove-member", "--parent-name", "analysts", "--user-name", "eve")
    assert server.json("groups", "list-members", "--group-name", "analysts")["members"] == []
    server.ok("groups", "delete", "--group-name", "everyone-else")
    done = server.call("groups", "list-members", "--group-name", "everyone-else")
    assert done.returncode == 1 and "RESOURCE_DOES_NOT_EXIST" in done.err


def test_tokens_expire_and_are_revoked(server):
    server.user("gina")
    token = server.token("gina")
    made = server.json("tokens", "create", "--lifetime-seconds", "3600", "--comment", "nightly", token=token)
    info = made["token_info"]
    assert info["comment"] == "nightly" and abs(info["expiry_time"] - time.time() * 1000 - 3_600_000) < 600_000
    assert "nightly" in server.ok("tokens", "list", token=made["token_value"]).out
    server.ok("tokens", "revoke", "--token-id", info["token_id"], token=token)
    assert "UNAUTHENTICATED" in server.call("tokens", "list", token=made["token_value"]).err


@pytest.fixture
def declaration(tmp_path):
    path = tmp_path / "scopes.toml"
    path.write_text("""
[scopes.declared]
acls = { admin = "MANAGE", hugo = "READ" }

[scopes.declared.secrets]
password = { file = "password.txt" }
token = { stdin = true }
""")
    (tmp_path / "password.txt").write_text(PASSWORD + "\n")
    return path


def test_a_declaration_is_applied_once_and_then_changes_nothing(server, declaration):
    server.user("hugo")

    def apply(*flags, **options):
        return server.ok("secrets", "apply", "-f", declaration, *flags, **options)

    wanted = ["+ scope declared", "+ grant declared admin MANAGE", "+ grant declared hugo READ",
              f"+ secret declared/password from {declaration.parent / 'password.txt'}", "+ secret declared/token from standard input"]
    assert apply("--dry-run").out.splitlines() == wanted
    assert "declared" not in server.ok("secrets", "list-scopes").out
    assert apply(input="planted-token-value\n").out.splitlines() == wanted
    assert apply().out == "nothing to change\n"
    kernel = Protocol(server, "kernel-token", server.token("hugo", "kernel"))
    assert kernel.read("declared", "password") == PASSWORD and kernel.read("declared", "token") == "planted-token-value"

    # What a file has anew, and what somebody changed by hand.
    file = declaration.parent / "password.txt"
    file.write_text("planted-second-password")
    os.utime(file, (time.time() + 60, time.time() + 60))
    server.ok("secrets", "put-acl", "--scope", "declared", "--principal", "hugo", "--permission", "WRITE")
    server.ok("secrets", "put", "--scope", "declared", "--key", "extra", "--string-value", "planted-extra-value")
    changes = json.loads(apply("--output", "json").out)["changes"]
    assert [(change["change"], change.get("was"), change.get("replaces")) for change in changes] == [
        ("grant", "WRITE", None), ("put", None, True)]
    assert kernel.read("declared", "password") == "planted-second-password"
    os.utime(file, (time.time() - 3600, time.time() - 3600))
    assert apply().out == "nothing to change\n"
    assert apply("--prune", "--dry-run").out == "- secret declared/extra\n"
    assert apply("--prune").out == "- secret declared/extra\n"
    assert apply("--prune").out == "nothing to change\n"


def test_a_wrong_declaration_changes_nothing(server, tmp_path):
    path = tmp_path / "scopes.toml"
    for text in ("[scopes.wrong]\nacls = { admin = 'ALL' }", "[scopes.wrong.secrets]\nk = {}", "[scopes.wrong.secrets]\nk = { file = 'absent' }"):
        path.write_text(text)
        done = server.call("secrets", "apply", "-f", path)
        assert done.returncode != 0 and "nothing was changed" in done.err.lower(), done.err
    assert "wrong" not in server.ok("secrets", "list-scopes").out


def test_the_long_list_says_who_read_last(server):
    server.user("ida")
    server.ok("secrets", "create-scope", "--scope", "looked-at")
    for key in ("read", "unread"):
        server.ok("secrets", "put", "--scope", "looked-at", "--key", key, "--string-value", "planted-looked-at-value")
    server.ok("secrets", "put-acl", "--scope", "looked-at", "--principal", "ida", "--permission", "READ")
    Protocol(server, "kernel-token", server.token("ida", "kernel")).read("looked-at", "read")
    read, unread = server.json("secrets", "list", "--scope", "looked-at", "--long")["secrets"]
    assert read["last_read_by"] == "ida" and abs(read["last_read_timestamp"] / 1000 - time.time()) < 600 and read["version"] == 1
    assert "last_read_by" not in unread
    assert "never" in server.ok("secrets", "list", "--scope", "looked-at", "--long").out


def test_completions_and_manual_pages_know_every_command(house, tmp_path):
    for shell in ("bash", "zsh", "fish"):
        script = house.ok("completions", shell).out
        assert "apply" in script and "checkpoint" in script, shell
    house.ok("man", tmp_path)
    pages = {page.name for page in tmp_path.rglob("*.1")}
    assert {"sealbook-secrets-apply.1", "sealbook-audit-verify.1", "sealbook-sessions-revoke.1", "sealbook-users-delete.1"} <= pages, pages
