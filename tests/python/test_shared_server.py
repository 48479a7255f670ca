"""A shared server: an administrator grants, users' notebooks read, and nobody reads a value in any other way."""

import json

import pytest

from harness import PLANTED, Kernel, Server

PASSWORD = PLANTED["jdbc", "password"]
READ = 'let value = dbutils.secrets.get("shared", "password"); println!("{} {}", value.len(), value);'
DENIED = "PERMISSION_DENIED: User bob does not have READ permission on scope shared to perform this action."


@pytest.fixture(scope="module")
def server(house):
    with Server(house).bootstrap() as server:
        server.user("bob")
        server.ok("groups", "create", "--group-name", "datascience")
        server.ok("secrets", "create-scope", "--scope", "shared")
        server.ok("secrets", "put", "--scope", "shared", "--key", "password", input=PASSWORD)
        yield server


@pytest.fixture(scope="module")
def notebook(house, server):
    """Bob's notebook, which holds a kernel token."""
    with Kernel(house, **server.environment(server.token("bob", "kernel"))) as kernel:
        yield kernel


def test_a_user_without_a_grant_is_refused(server, notebook):
    cell = notebook.execute(READ)
    assert cell.status == "error"
    assert DENIED in cell.error["evalue"]
    refused = [record for record in server.audit(actionName="getSecret") if record["response"]["statusCode"] == 403]
    assert refused[-1]["userIdentity"]["email"] == "bob"
    assert refused[-1]["requestParams"]["scope"] == "shared"


def test_a_group_grants_and_its_end_takes_back(server, notebook):
    server.ok("groups", "add-member", "--parent-name", "datascience", "--user-name", "bob")
    server.ok("secrets", "put-acl", "--scope", "shared", "--principal", "datascience", "--permission", "READ")
    assert notebook.ok(READ).stdout == f"{len(PASSWORD.encode())} [REDACTED]\n"
    server.ok("groups", "remove-member", "--parent-name", "datascience", "--user-name", "bob")
    cell = notebook.execute(READ)
    assert cell.status == "error" and DENIED in cell.error["evalue"]


def test_an_api_token_reads_no_value_and_grants_nothing(house, server):
    token = server.token("bob", "api")
    done = house.run("curl", "--silent", "-w", "\n%{http_code}", "--header", "@-",
                     f"{server.host}/api/2.0/secrets/get?scope=shared&key=password", input=f"Authorization: Bearer {token}\n")
    body, _, code = done.out.rpartition("\n")
    assert (code, json.loads(body)["error_code"]) == ("400", "BAD_REQUEST")
    for command in (("put", "--scope", "shared", "--key", "other", "--string-value", "planted-other-value"),
                    ("put-acl", "--scope", "shared", "--principal", "bob", "--permission", "READ")):
        done = server.call("secrets", *command, token=token)
        assert done.returncode == 1 and "PERMISSION_DENIED" in done.err, done.err


def test_a_kernel_token_calls_nothing_else_and_an_api_token_opens_no_session(house, server):
    done = server.call("secrets", "list", "--scope", "shared", token=server.token("bob", "kernel"))
    assert done.returncode != 0 and ("PERMISSION_DENIED" in done.err or "UNAUTHENTICATED" in done.err), done.err
    with Kernel(house, **server.environment(server.token("bob", "api"))) as kernel:
        cell = kernel.execute(READ)
        assert cell.status == "error" and "UNAUTHENTICATED" in cell.error["evalue"], cell.error


def test_a_program_without_a_token_is_refused_and_recorded(house, server):
    done = server.call("secrets", "list-scopes", token="planted-wrong-token-0123456789")
    assert done.returncode != 0 and "UNAUTHENTICATED" in done.err and "planted-wrong" not in done.err
    assert [record for record in server.audit() if record["response"]["statusCode"] == 401]
    assert json.loads(server.ok("audit", "verify", "--output", "json").out)
