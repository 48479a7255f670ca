"""What ends a kernel session from outside: deactivation, deletion, the token's revocation, an administrator; and what only
ends its reads: a group, a grant. Each is in the audit log."""

import pytest
import requests

from harness import PLANTED
from harness.server import Server
from harness.session import SESSIONS, Protocol, Refused

PASSWORD = PLANTED["jdbc", "password"]
SCIM = "/api/2.0/preview/scim/v2"


@pytest.fixture(scope="module")
def server(house, tmp_path_factory):
    with Server(house, data=tmp_path_factory.mktemp("ending")).bootstrap() as server:
        server.ok("groups", "create", "--group-name", "datascience")
        server.ok("groups", "create", "--group-name", "inner")
        server.ok("groups", "add-member", "--parent-name", "datascience", "--group-name", "inner")
        server.ok("secrets", "create-scope", "--scope", "jdbc")
        server.ok("secrets", "put", "--scope", "jdbc", "--key", "password", "--binary-file", "-", input=PASSWORD)
        server.ok("secrets", "put-acl", "--scope", "jdbc", "--principal", "datascience", "--permission", "READ")
        yield server


def member(server, name, group="datascience"):
    server.user(name)
    server.ok("groups", "add-member", "--parent-name", group, "--user-name", name)
    return name


def opened(server, user, path="work.ipynb"):
    session = Protocol(server, "kernel-token", server.token(user, "kernel"), notebook_path=path)
    assert session.read("jdbc", "password") == PASSWORD
    return session


def scim(server, verb, path, **body):
    answer = requests.request(verb, f"{server.host}{SCIM}/{path}", json=body or None, headers={"authorization": f"Bearer {server.admin}"})
    assert answer.ok, answer.text
    return answer.json() if answer.text else {}


def id_of(server, kind, name):
    field = {"Users": "userName", "Groups": "displayName"}[kind]
    [found] = scim(server, "get", f'{kind}?filter={field} eq "{name}"')["Resources"]
    return found["id"]


def ended(server, session, because, user, by="admin"):
    """The session reads nothing more, says so as one that was revoked, and the log says who ended it and why."""
    for verb, fields in (("read", {"scope": "jdbc", "key": "password"}), ("list", {}), ("renew", {"attestation": session.attestation}),
                         ("match-literals", {"literals": [PASSWORD]})):
        with pytest.raises(Refused, match="revoked") as caught:
            session.call(verb, fields)
        assert (caught.value.status, caught.value.code) == (403, "PERMISSION_DENIED")
    record = server.newest(actionName="revokeKernelSession")
    assert record["requestParams"] == {"kernelSession": session.id, "user": user, "because": because}
    assert record["userIdentity"] == {"email": by} and record["response"] == {"statusCode": 200}
    assert record["kernel"]["assertedNotebookPath"] == "work.ipynb" and record["kernel"]["attestation"] == "kernel-token"
    assert session.id not in server.ok("sessions", "list").out


@pytest.mark.parametrize("how", ["patch", "put", "command"])
def test_deactivation_ends_sessions_and_activation_revives_none(server, how):
    user = member(server, f"deactivated-{how}")
    session, ticket = opened(server, user), minted(server, user)
    user_id = id_of(server, "Users", user)
    if how == "patch":
        scim(server, "patch", f"Users/{user_id}", schemas=["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
             Operations=[{"op": "replace", "path": "active", "value": False}])
    elif how == "put":
        scim(server, "put", f"Users/{user_id}", userName=user, active=False)
    else:
        server.ok("users", "deactivate", "--user-name", user)
    ended(server, session, "userDeactivated", user)
    for kind, credential in (("kernel-token", session.attestation["credential"]), ("job-ticket", ticket)):
        with pytest.raises(Refused) as caught:
            Protocol(server, kind, credential)
        assert caught.value.code == "UNAUTHENTICATED"
    done = server.call("tokens", "create", "--user-name", user, "--kind", "kernel")
    assert done.returncode == 1 and f"user {user} is deactivated" in done.err
    done = server.call("sessions", "ticket", "--user-name", user)
    assert done.returncode == 1 and f"user {user} is deactivated" in done.err
    server.ok("users", "activate", "--user-name", user)
    with pytest.raises(Refused, match="revoked"):
        session.read("jdbc", "password")
    with pytest.raises(Refused, match="unknown, expired or used"):
        Protocol(server, "job-ticket", ticket)
    # A kernel that is started now reads again.
    assert Protocol(server, "kernel-token", session.attestation["credential"]).read("jdbc", "password") == PASSWORD


@pytest.mark.parametrize("how", ["scim", "command"])
def test_deletion_ends_sessions_also_for_a_successor_of_the_name(server, how):
    user = member(server, f"deleted-{how}")
    session, ticket = opened(server, user), minted(server, user)
    if how == "scim":
        scim(server, "delete", f"Users/{id_of(server, 'Users', user)}")
    else:
        server.ok("users", "delete", "--user-name", user)
    ended(server, session, "userDeleted", user)
    member(server, user)
    for attempt in (lambda: session.read("jdbc", "password"), lambda: Protocol(server, "job-ticket", ticket),
                    lambda: Protocol(server, "kernel-token", session.attestation["credential"])):
        with pytest.raises(Refused):
            attempt()


def test_a_revoked_token_ends_what_it_opened_and_nothing_else(server):
    user = member(server, "two-tokens")
    session, other = opened(server, user), opened(server, user)
    listed = {row["session_id"]: row for row in server.json("sessions", "list")["sessions"]}
    assert listed[session.id]["attestation"] == "kernel-token"
    token_id = listed[session.id]["attestation_id"]
    assert token_id in [token["token_id"] for token in server.json("tokens", "list", "--user-name", user)["token_infos"]]
    # The user revokes a token of their own.
    own = server.token(user)
    server.ok("tokens", "revoke", "--token-id", token_id, token=own)
    ended(server, session, "tokenRevoked", user, by=user)
    assert other.read("jdbc", "password") == PASSWORD
    assert server.newest(actionName="deleteToken")["requestParams"] == {"tokenId": token_id}


def test_all_sessions_of_a_user_are_revoked_at_once(server):
    user, stranger = member(server, "many"), member(server, "unconcerned")
    sessions, other = [opened(server, user) for _ in range(3)], opened(server, stranger)
    done = server.call("sessions", "revoke", "--user-name", user, token=server.token(stranger))
    assert done.returncode == 1 and "PERMISSION_DENIED" in done.err
    assert server.newest(actionName="revokeKernelSession")["response"]["statusCode"] == 403
    assert sessions[0].read("jdbc", "password") == PASSWORD
    assert server.ok("sessions", "revoke", "--user-name", user).out == f"3 sessions of {user} ended\n"
    for session in sessions:
        with pytest.raises(Refused, match="revoked"):
            session.read("jdbc", "password")
    records = server.audit(actionName="revokeKernelSession", limit=5)
    assert {record["requestParams"].get("kernelSession") for record in records} >= {session.id for session in sessions}
    assert other.read("jdbc", "password") == PASSWORD
    assert server.json("sessions", "revoke", "--user-name", user) == {"revoked": 0}
    # One's own, as a user.
    assert server.json("sessions", "revoke", "--user-name", stranger, token=server.token(stranger)) == {"revoked": 1}
    done = server.call("sessions", "revoke", "--user-name", "nobody-of-that-name")
    assert done.returncode == 1 and "does not exist" in done.err
    answer = requests.post(f"{server.host}{SESSIONS}/revoke", json={"session_id": "x", "user_name": "y"},
                           headers={"authorization": f"Bearer {server.admin}"})
    assert answer.status_code == 400 and "Exactly one" in answer.json()["message"]


@pytest.mark.parametrize("how", ["groups", "scim-patch", "scim-put", "inner", "group-deleted", "grant"])
def test_who_loses_the_grant_loses_the_next_read(server, how):
    """The session stays, because other scopes may be open to it; the next read is refused and recorded."""
    group = f"group-{how}"
    server.ok("groups", "create", "--group-name", group)
    user = member(server, f"leaves-{how}", group)
    if how == "inner":
        server.ok("groups", "add-member", "--parent-name", "inner", "--group-name", group)
    else:
        server.ok("secrets", "put-acl", "--scope", "jdbc", "--principal", group, "--permission", "READ")
    session = opened(server, user)
    group_id, user_id = id_of(server, "Groups", group), id_of(server, "Users", user)
    match how:
        case "groups":
            server.ok("groups", "remove-member", "--parent-name", group, "--user-name", user)
        case "scim-patch":
            scim(server, "patch", f"Groups/{group_id}", Operations=[{"op": "remove", "path": f'members[value eq "{user_id}"]'}])
        case "scim-put":
            scim(server, "put", f"Groups/{group_id}", displayName=group, members=[])
        case "inner":
            server.ok("groups", "remove-member", "--parent-name", "inner", "--group-name", group)
        case "group-deleted":
            server.ok("groups", "delete", "--group-name", group)
        case "grant":
            server.ok("secrets", "delete-acl", "--scope", "jdbc", "--principal", group)
    with pytest.raises(Refused) as caught:
        session.read("jdbc", "password")
    assert (caught.value.status, caught.value.code) == (403, "PERMISSION_DENIED")
    record = server.newest(actionName="getSecret")
    assert record["userIdentity"] == {"email": user} and record["response"]["statusCode"] == 403
    assert session.call("match-literals", {"literals": [PASSWORD]})["matches"] == []


def minted(server, user):
    return server.ok("sessions", "ticket", "--user-name", user).out.strip()


def test_an_api_token_makes_nothing_that_opens_a_session(server):
    """Neither a kernel token nor a ticket, for oneself or another: else it could read a value by a detour."""
    user = member(server, "api-only")
    token = server.token(user)
    for command, action in ((("tokens", "create", "--kind", "kernel"), "createToken"), (("sessions", "ticket"), "mintJobTicket")):
        for whose in ((), ("--user-name", "unconcerned")):
            done = server.call(*command, *whose, token=token)
            assert done.returncode == 1 and "PERMISSION_DENIED" in done.err and done.out == "", done.out
            record = server.newest(actionName=action)
            assert record["userIdentity"] == {"email": user} and record["response"]["statusCode"] == 403
    done = server.call("tokens", "create", "--kind", "kernel", token=token)
    assert "ask an administrator" in done.err
