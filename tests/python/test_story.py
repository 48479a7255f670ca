"""The whole story on one shared server: an administrator grants, alice and bob read in their notebooks without ever seeing,
carol is refused, nobody reads by another route, and every step is in the audit log."""

import json
import os

import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest

from harness import PLANTED
from harness.kernel import Kernel
from harness.server import Server, Tls
from harness.session import Protocol, Refused

PASSWORD = PLANTED["jdbc", "password"]
READ = 'let value = dbutils.secrets.get("story", "password"); println!("{} {}", value.len(), value);'
SEEN = f"{len(PASSWORD.encode())} [REDACTED]\n"
DENIED = "PERMISSION_DENIED: User {} does not have {} permission on scope story to perform this action."


@pytest.fixture(scope="module", params=["http", "https"])
def server(house, request, tmp_path_factory):
    tls = Tls(house.root / "tls") if request.param == "https" else None
    with Server(house, data=tmp_path_factory.mktemp(f"story-{request.param}"), tls=tls).bootstrap() as server:
        assert server.host.startswith(request.param + "://")
        for user in ("alice", "bob", "carol"):
            server.user(user)
        server.ok("groups", "create", "--group-name", "datascience")
        server.ok("groups", "add-member", "--parent-name", "datascience", "--user-name", "bob")
        server.ok("secrets", "create-scope", "--scope", "story")
        server.ok("secrets", "put", "--scope", "story", "--key", "password", "--binary-file", "-", input=PASSWORD)
        server.ok("secrets", "put-acl", "--scope", "story", "--principal", "alice", "--permission", "MANAGE")
        server.ok("secrets", "put-acl", "--scope", "story", "--principal", "datascience", "--permission", "READ")
        yield server


def notebook(house, server, user):
    token = server.token(user, "kernel")
    return Kernel(house, **server.environment(token), JPY_SESSION_NAME=f"{user}.ipynb")


def recorded(server, user, status, action="getSecret"):
    """The newest record of that user's action, which ended so."""
    record = server.newest(actionName=action, userIdentity={"email": user})
    assert record["response"]["statusCode"] == status, record
    return record


def denied(kernel, user):
    cell = kernel.execute(READ)
    assert cell.status == "error" and DENIED.format(user, "READ") in cell.error["evalue"], cell.error


def test_the_story(house, server):
    with notebook(house, server, "alice") as alice:
        assert alice.ok(READ).stdout == SEEN
    read = recorded(server, "alice", 200)
    assert read["kernel"]["assertedNotebookPath"] == "alice.ipynb" and read["kernel"]["attestation"] == "kernel-token"
    assert read["requestParams"] == {"scope": "story", "key": "password"}

    with notebook(house, server, "carol") as carol:
        denied(carol, "carol")
    assert recorded(server, "carol", 403)["kernel"]["assertedNotebookPath"] == "carol.ipynb"

    with notebook(house, server, "bob") as bob:
        assert bob.ok(READ).stdout == SEEN
        assert recorded(server, "bob", 200)["kernel"]["assertedNotebookPath"] == "bob.ipynb"
        no_other_route(house, server)
        bob_grants_and_puts_nothing(server)

        server.ok("groups", "remove-member", "--parent-name", "datascience", "--user-name", "bob")
        denied(bob, "bob")
        assert recorded(server, "bob", 403)["kernel"]["assertedNotebookPath"] == "bob.ipynb"
        assert recorded(server, "admin", 200, "removeGroupMember")["requestParams"]["member"] == "bob"
        server.ok("groups", "add-member", "--parent-name", "datascience", "--user-name", "bob")
        assert bob.ok(READ).stdout == SEEN

        [session] = [row for row in server.json("sessions", "list")["sessions"] if row["user"] == "bob"]
        assert session["notebook_path"] == "bob.ipynb"
        server.ok("sessions", "revoke", "--session-id", session["session_id"])
        cell = bob.execute(READ)
        assert cell.status == "error" and "revoked" in cell.error["evalue"], cell.error
        assert recorded(server, "admin", 200, "revokeKernelSession")["requestParams"] == {
            "kernelSession": session["session_id"], "user": "bob", "because": "revoked"}
        refused = server.newest(actionName="getSecret")
        assert refused["userIdentity"] == {"email": "bob"} and refused["kernel"]["assertedNotebookPath"] == "bob.ipynb"
        assert refused["requestParams"]["claimedKernelSession"] == session["session_id"]
        assert refused["response"]["statusCode"] == 403 and "revoked" in refused["response"]["errorMessage"]
    assert recorded(server, "alice", 200, "closeKernelSession")
    assert server.json("audit", "verify")["intact"]
    for text in (server.ok("audit", "export").out, server.log.read_text()):
        assert PASSWORD not in text and json.dumps(PASSWORD)[1:-1] not in text


def no_other_route(house, server):
    """bob's API token reads the value neither with curl, nor an SDK's route, nor the session protocol."""
    token = server.token("bob")
    trust = ("--cacert", server.tls.authority) if server.tls else ()
    done = house.run("curl", "--silent", *trust, "-w", "\n%{http_code}", "--header", "@-",
                     f"{server.host}/api/2.0/secrets/get?scope=story&key=password", input=f"Authorization: Bearer {token}\n")
    body, _, code = done.out.rpartition("\n")
    assert (code, json.loads(body)["error_code"]) == ("400", "BAD_REQUEST")
    assert recorded(server, "bob", 400)["userAgent"].startswith("curl/")

    if server.tls:
        os.environ["REQUESTS_CA_BUNDLE"] = str(server.tls.authority)
    try:
        client = WorkspaceClient(host=server.host, token=token)
        with pytest.raises(BadRequest):
            client.secrets.get_secret("story", "password")
    finally:
        os.environ.pop("REQUESTS_CA_BUNDLE", None)

    # Nor does it make something that would: a kernel token, a ticket.
    for command in (("tokens", "create", "--kind", "kernel"), ("sessions", "ticket")):
        done = server.call(*command, token=token)
        assert done.returncode == 1 and "PERMISSION_DENIED" in done.err and done.out == "", done.err
    for kind in ("kernel-token", "job-ticket", "oidc", "jupyterhub"):
        with pytest.raises(Refused) as caught:
            Protocol(server, kind, token)
        assert caught.value.code == "UNAUTHENTICATED"
    refused = server.newest(actionName="openKernelSession")
    assert refused["response"]["statusCode"] == 401 and refused["requestParams"]["claimedUser"] == "bob"
    assert refused["requestParams"]["claimedTokenId"]

    with requests.Session() as http:
        http.trust_env = False
        http.verify = str(server.tls.authority) if server.tls else True
        http.headers["authorization"] = f"Bearer {token}"
        document = http.get(f"{server.host}/openapi.json").json()
        for path, methods in document["paths"].items():
            for method in methods:
                answer = http.request(method, server.host + path.replace("{id}", "planted-id"),
                                      params={"scope": "story", "key": "password"} if method == "get" else None,
                                      json=None if method == "get" else {"scope": "story", "key": "password"})
                assert PASSWORD not in answer.text, (method, path)


def bob_grants_and_puts_nothing(server):
    token = server.token("bob")
    for command, need in ((("put", "--scope", "story", "--key", "other", "--string-value", "planted-other-value"), "WRITE"),
                          (("delete", "--scope", "story", "--key", "password"), "WRITE"),
                          (("put-acl", "--scope", "story", "--principal", "bob", "--permission", "MANAGE"), "MANAGE"),
                          (("delete-acl", "--scope", "story", "--principal", "alice"), "MANAGE"),
                          (("delete-scope", "--scope", "story"), "MANAGE")):
        done = server.call("secrets", *command, token=token)
        assert done.returncode == 1 and DENIED.format("bob", need) in done.err, done.err
    for action in ("putSecret", "deleteSecret", "putAcl", "deleteAcl", "deleteScope"):
        assert recorded(server, "bob", 403, action)["requestParams"]["scope"] == "story"
    for command in (("groups", "add-member", "--parent-name", "admins", "--user-name", "bob"),
                    ("tokens", "create", "--user-name", "alice", "--kind", "kernel"), ("users", "create", "--user-name", "dave")):
        done = server.call(*command, token=token)
        assert done.returncode == 1 and "PERMISSION_DENIED" in done.err, done.err
