"""Who may do what: a checked-in table of actor × operation × resource, and a ratchet over the OpenAPI document.

The table is `tests/golden/authorization.txt`. `SEALBOOK_UPDATE_GOLDEN=1` writes it anew; the difference is then reviewed.
An operation without a row fails here, so that none is added without saying who may call it.
"""

import base64
import json
import os
from pathlib import Path

import pytest
import requests

from harness.server import Server
from harness.session import Protocol, Refused

GOLDEN = Path(__file__).parents[1] / "golden" / "authorization.txt"
VALUE = "planted-golden-value"
# How each actor came by its rights in the scope `golden`.
GRANTS = {"manager": "MANAGE", "writer": "WRITE", "reader": "READ", "team": "READ", "outer": "WRITE"}
USERS = ["manager", "writer", "reader", "member", "nested", "stranger", "launcher"]
# `admin` is in the group admins, `member` in team, `nested` in inner, which is in outer. `kernel` presents the manager's
# kernel token, `expired` a token that is none any more, `nobody` none at all.
ACTORS = ["admin", *USERS, "kernel", "expired", "nobody"]
SESSION_ACTORS = ["manager", "writer", "reader", "member", "nested", "stranger"]
SCIM = "/api/2.0/preview/scim/v2"
KEY = base64.b64encode(bytes(range(1, 33))).decode()
NONCE = base64.b64encode(bytes(16)).decode()


def scoped(**fields):
    """A row for a scope where there are grants and one for a scope that does not exist."""
    return [("golden", {"scope": "golden"} | fields), ("absent", {"scope": "absent"} | fields)]


# Operation → rows of (resource, fields). A field `path` is not sent: it fills the segment that varies.
ROWS = {
    "post /api/2.0/secrets/scopes/create": [("new", {"scope": "new"}), ("golden", {"scope": "golden"})],
    "post /api/2.0/secrets/scopes/delete": scoped(),
    "get /api/2.0/secrets/scopes/list": [("", {})],
    "post /api/2.0/secrets/put": scoped(key="key", string_value=VALUE),
    "post /api/2.0/secrets/delete": scoped(key="key"),
    "get /api/2.0/secrets/list": scoped(),
    "get /api/2.0/secrets/get": scoped(key="key"),
    "get /api/2.0/secrets/describe": scoped(),
    "post /api/2.0/secrets/acls/put": scoped(principal="stranger2", permission="READ"),
    "post /api/2.0/secrets/acls/delete": scoped(principal="team"),
    "get /api/2.0/secrets/acls/list": scoped(),
    "get /api/2.0/secrets/acls/get": scoped(principal="reader"),
    "get /api/2.0/secrets/acls/explain": scoped(principal="reader"),
    "post /api/2.0/groups/create": [("new", {"group_name": "new-group"})],
    "post /api/2.0/groups/delete": [("group", {"group_name": "disposable"}), ("absent", {"group_name": "absent"})],
    "get /api/2.0/groups/list": [("", {})],
    "post /api/2.0/groups/add-member": [("group", {"parent_name": "disposable", "user_name": "stranger2"}),
                                        ("admins", {"parent_name": "admins", "user_name": "stranger2"})],
    "post /api/2.0/groups/remove-member": [("group", {"parent_name": "team", "user_name": "member"})],
    "get /api/2.0/groups/list-members": [("group", {"group_name": "team"})],
    "get /api/2.0/groups/list-parents": [("other", {"user_name": "member"})],
    "post /api/2.0/token/create": [("own", {"comment": "golden"}), ("other", {"user_name": "stranger2"}),
                                     ("kernel", {"kind": "kernel"})],
    "get /api/2.0/token/list": [("own", {}), ("other", {"user_name": "stranger2"}), ("all", {"all": "true"})],
    "post /api/2.0/token/delete": [("other", {"token_id": "token-of-stranger2"})],
    "get /api/2.0/audit/query": [("log", {"limit": "1"})],
    "get /api/2.0/audit/verify": [("log", {})],
    "post /api/2.0/audit/verify": [("log", {"checkpoints": []})],
    "get /api/2.0/audit/rows": [("log", {})],
    "post /api/2.0/audit/verify-rows": [("rows", {"after": {"replica": "main", "index": 0}, "rows": []})],
    "post /api/2.0/audit/checkpoint": [("log", {})],
    "post /api/2.0/kernel-sessions": [("own", {"attestation": "of-actor", "hpke_public_key": KEY, "kernel_id": "k",
                                               "client_nonce": NONCE})],
    "get /api/2.0/kernel-sessions/list": [("own", {})],
    "post /api/2.0/kernel-sessions/revoke": [("other", {"session_id": "session-of-stranger2"}),
                                             ("others", {"user_name": "stranger2"})],
    "post /api/2.0/kernel-sessions/tickets": [("own", {}), ("other", {"user_name": "stranger2"})],
    f"get {SCIM}/Me": [("own", {})],
    f"get {SCIM}/Users": [("", {})],
    f"post {SCIM}/Users": [("new", {"userName": "new-user"})],
    f"get {SCIM}/Users/{{id}}": [("absent", {"path": "absent"}), ("other", {"path": "user"})],
    f"put {SCIM}/Users/{{id}}": [("absent", {"path": "absent", "userName": "absent"}),
                                 ("other", {"path": "user", "userName": "disposable-user", "active": False})],
    f"patch {SCIM}/Users/{{id}}": [(resource, {"path": path, "Operations": [{"op": "replace", "path": "active", "value": False}]})
                                   for resource, path in (("absent", "absent"), ("other", "user"), ("own", "self"))],
    f"delete {SCIM}/Users/{{id}}": [("absent", {"path": "absent"}), ("other", {"path": "user"}), ("own", {"path": "self"})],
    f"get {SCIM}/Groups": [("", {})],
    f"post {SCIM}/Groups": [("new", {"displayName": "new-group"})],
    f"get {SCIM}/Groups/{{id}}": [("absent", {"path": "absent"}), ("group", {"path": "group"})],
    f"put {SCIM}/Groups/{{id}}": [("absent", {"path": "absent", "displayName": "absent"}),
                                  ("group", {"path": "group", "displayName": "disposable", "members": []}),
                                  ("admins", {"path": "admins", "displayName": "admins", "members": []})],
    f"patch {SCIM}/Groups/{{id}}": [(resource, {"path": path, "Operations": [
        {"op": "add", "path": "members", "value": [{"value": member}]}]})
        for resource, path, member in (("absent", "absent", "stranger2"), ("group", "group", "self"), ("admins", "admins", "self"))],
    f"delete {SCIM}/Groups/{{id}}": [("absent", {"path": "absent"}), ("group", {"path": "group"}), ("admins", {"path": "admins"})],
}
# Signed requests of a session: the verb, and rows as above.
SESSION_ROWS = {
    "read": scoped(key="key"),
    "list": [*scoped(), ("", {})],
    "match-literals": [("", {"literals": [VALUE]})],
    "renew": [("own", {"attestation": "of-actor"})],
    "close": [("own", {})],
}
PUBLIC = {"get /health/live", "get /health/ready", "get /openapi.json", "get /metrics", "get /.well-known/databricks-config"}


class World:
    """The server and its actors; `reset` puts back what an allowed request changed."""

    def __init__(self, server):
        self.server = server
        self.http = requests.Session()
        self.http.trust_env = False
        self.tokens = {"admin": server.admin, "nobody": None}
        for user in [*USERS, "stranger2"]:
            self.must("post", f"{SCIM}/Users", {"userName": user})
            self.tokens[user] = self.token(user, "api")["token_value"]
        self.kernel_tokens = {user: self.token(user, "kernel")["token_value"] for user in USERS}
        self.tokens["kernel"] = self.kernel_tokens["manager"]
        expired = self.token("manager", "api")
        self.must("post", "/api/2.0/token/delete", {"token_id": expired["token_info"]["token_id"]})
        self.tokens["expired"] = expired["token_value"]
        for group, members in {"inner": {"user_name": "nested"}, "outer": {"group_name": "inner"},
                               "job-launcher": {"user_name": "launcher"}}.items():
            self.must("post", "/api/2.0/groups/create", {"group_name": group})
            self.must("post", "/api/2.0/groups/add-member", {"parent_name": group} | members)
        self.reset()

    def must(self, verb, path, fields):
        answer = self.send(verb, path, fields, self.tokens["admin"])
        assert answer.status_code in (200, 201), (path, answer.text)
        return answer.json()

    def may(self, verb, path, fields):
        self.send(verb, path, fields, self.tokens["admin"])

    def token(self, user, kind):
        return self.must("post", "/api/2.0/token/create", {"user_name": user, "kind": kind})

    def reset(self):
        for path, name in (("/api/2.0/secrets/scopes/delete", "new"), ("/api/2.0/secrets/scopes/create", "golden")):
            self.may("post", path, {"scope": name})
        self.may("post", "/api/2.0/groups/delete", {"group_name": "new-group"})
        for group in ("team", "disposable"):
            self.may("post", "/api/2.0/groups/create", {"group_name": group})
        self.may("post", "/api/2.0/groups/add-member", {"parent_name": "team", "user_name": "member"})
        for group in ("disposable", "admins"):
            self.may("post", "/api/2.0/groups/remove-member", {"parent_name": group, "user_name": "stranger2"})
        for principal, permission in GRANTS.items():
            self.must("post", "/api/2.0/secrets/acls/put", {"scope": "golden", "principal": principal, "permission": permission})
        self.may("post", "/api/2.0/secrets/acls/delete", {"scope": "golden", "principal": "stranger2"})
        self.must("post", "/api/2.0/secrets/put", {"scope": "golden", "key": "key", "string_value": VALUE})
        for user in self.send("get", f"{SCIM}/Users", {}, self.tokens["admin"]).json().get("Resources", []):
            if user["userName"] == "new-user":
                self.send("delete", f"{SCIM}/Users/{user['id']}", {}, self.tokens["admin"])

    def id_of(self, kind, field, name):
        """The id; the user or group is made if there is none. Actors who are nobody have an id that nobody has."""
        if name in ("nobody", "expired"):
            return "absent"
        self.may("post", f"{SCIM}/{kind}", {field: name})
        [found] = self.must("get", f"{SCIM}/{kind}", {"filter": f'{field} eq "{name}"'})["Resources"]
        return found["id"]

    def send(self, verb, path, fields, token):
        fields = dict(fields)
        path = path.replace("{id}", fields.pop("path", "absent"))
        headers = {"authorization": f"Bearer {token}"} if token else {}
        how = {"json": fields} if verb in ("post", "put", "patch") else {"params": fields}
        return self.http.request(verb, self.server.host + path, headers=headers, **how)

    def filled(self, fields, actor):
        """The fields, with what each actor has of its own in place."""
        fields = dict(fields)
        if fields.get("attestation") == "of-actor":
            credential = self.kernel_tokens.get(actor) or self.tokens[actor] or "sealbook_kernel_planted"
            fields["attestation"] = {"kind": "kernel-token", "credential": credential}
        ids = {"user": lambda: self.id_of("Users", "userName", "disposable-user"),
               "group": lambda: self.id_of("Groups", "displayName", "disposable"),
               "self": lambda: self.id_of("Users", "userName", {"kernel": "manager"}.get(actor, actor))}
        if fields.get("path") in ids:
            fields["path"] = ids[fields["path"]]()
        for operation in fields.get("Operations", []):
            if operation["value"] == [{"value": "self"}]:
                fields["Operations"] = [operation | {"value": [{"value": ids["self"]()}]}]
        if fields.get("token_id"):
            fields["token_id"] = self.token("stranger2", "api")["token_info"]["token_id"]
        if fields.get("session_id"):
            fields["session_id"] = Protocol(self.server, "kernel-token", self.token("stranger2", "kernel")["token_value"]).id
        return fields


def outcome(answer):
    return "ok" if answer.ok else f"{answer.status_code} {SHORT.get(answer.json()['error_code'], answer.json()['error_code'])}"


SHORT = {"PERMISSION_DENIED": "denied", "UNAUTHENTICATED": "unauth", "RESOURCE_DOES_NOT_EXIST": "missing",
         "RESOURCE_ALREADY_EXISTS": "exists", "BAD_REQUEST": "bad", "INVALID_PARAMETER_VALUE": "invalid", "ABORTED": "aborted"}


@pytest.fixture(scope="module")
def world(house, tmp_path_factory):
    with Server(house, data=tmp_path_factory.mktemp("authorization")).bootstrap() as server:
        yield World(server)


@pytest.fixture(scope="module")
def operations(world):
    """Every operation of the OpenAPI document, by verb and path, and the action its audit records name."""
    document = world.http.get(f"{world.server.host}/openapi.json").json()
    return {f"{verb} {path}": described.get("x-audit-action")
            for path, verbs in document["paths"].items() for verb, described in verbs.items()}


def in_session(operation):
    return operation.removeprefix("post /api/2.0/kernel-sessions/{id}/") if "kernel-sessions/{id}" in operation else None


def rows(operations):
    for operation in sorted(operations, key=lambda name: name.split(" ")[::-1]):
        if operation in PUBLIC:
            continue
        verb = in_session(operation)
        for resource, fields in SESSION_ROWS[verb] if verb else ROWS[operation]:
            yield operation, resource, fields


def test_every_operation_has_its_rows(operations):
    rowless = {operation for operation in operations
               if operation not in ROWS and operation not in PUBLIC and in_session(operation) not in SESSION_ROWS}
    assert not rowless, "say in this file who may call these, and write the table anew"


def test_the_table(world, operations):
    lines = [line(["operation", "resource", *ACTORS])]
    for operation, resource, fields in rows(operations):
        verb, path = operation.split(" ")
        if name := in_session(operation):
            cells = [signed(world, actor, name, fields) if actor in SESSION_ACTORS else "-" for actor in ACTORS]
        else:
            cells = []
            for actor in ACTORS:
                answer = world.send(verb, path, world.filled(fields, actor), world.tokens[actor])
                assert VALUE not in answer.text, operation
                cells.append(outcome(answer))
                if answer.ok and verb != "get":
                    world.reset()
        lines.append(line([operation, resource, *cells]))
    table = "\n".join(lines) + "\n"
    if os.environ.get("SEALBOOK_UPDATE_GOLDEN"):
        GOLDEN.write_text(table)
    assert table == GOLDEN.read_text()


def line(cells):
    first, second, *rest = cells
    return (f"{first:52} {second:8} " + " ".join(f"{cell:11}" for cell in rest)).rstrip()


def signed(world, actor, verb, fields):
    session = Protocol(world.server, "kernel-token", world.kernel_tokens[actor])
    try:
        answer = session.call(verb, world.filled(fields, actor))
    except Refused as refusal:
        return f"{refusal.status} {SHORT.get(refusal.code, refusal.code)}"
    if verb == "read":
        assert session.opened_answer(answer) == VALUE
    if verb == "match-literals":
        return "found" if answer["matches"] else "none"
    return "ok"


def test_every_operation_refuses_who_says_nothing_and_records_it(world, operations):
    for operation, action in operations.items():
        if operation in PUBLIC:
            continue
        verb, path = operation.split(" ")
        [(_, fields), *_] = SESSION_ROWS[in_session(operation)] if in_session(operation) else ROWS[operation]
        for token in (None, "planted-token-of-nobody"):
            fields = {name: value for name, value in fields.items() if name != "attestation"}
            if "attestation" in (SESSION_ROWS.get(in_session(operation)) or ROWS.get(operation))[0][1]:
                fields["attestation"] = {"kind": "kernel-token", "credential": "sealbook_kernel_planted"}
            answer = world.send(verb, path, fields, token)
            assert answer.status_code == 401 and answer.json()["error_code"] == "UNAUTHENTICATED", (operation, answer.text)
            assert newest(world, action)["response"]["statusCode"] == 401, operation


def test_every_operation_records_what_it_serves_or_refuses(world, operations):
    for operation, resource, fields in rows(operations):
        verb, path = operation.split(" ")
        action = operations[operation]
        if name := in_session(operation):
            expected = signed(world, "reader", name, fields)
            record = newest(world, "listScopes" if name == "list" and not fields else action)
            assert record["userIdentity"] == {"email": "reader"} and record["kernel"]["attestation"] == "kernel-token"
            status = record["response"]["statusCode"]
            assert status == (int(expected[:3]) if expected[0].isdigit() else 200), (operation, resource)
            continue
        answer = world.send(verb, path, world.filled(fields, "reader"), world.tokens["reader"])
        record = newest(world, action)
        assert record["response"]["statusCode"] == (200 if answer.ok else answer.status_code), (operation, resource, record)
        assert record["userIdentity"] == {"email": "reader"} or answer.status_code == 401, (operation, record)
        assert VALUE not in json.dumps(record)


def newest(world, action):
    page = world.send("get", "/api/2.0/audit/query", {"action": action, "limit": "1"}, world.tokens["admin"]).json()
    return page["records"][-1]


def test_public_operations_say_nothing_of_anybody(world, operations):
    for operation in PUBLIC & set(operations):
        verb, path = operation.split(" ")
        text = world.send(verb, path, {}, None).text
        for secret in (VALUE, "golden", "manager", *filter(None, world.tokens.values())):
            assert secret not in text, operation


def test_explain_says_why(world):
    def explained(principal):
        done = world.server.json("secrets", "explain", "--scope", "golden", "--principal", principal)
        return done["permission"], [reason["because"] for reason in done["reasons"]]

    assert explained("manager") == ("MANAGE", ["entry for manager"])
    assert explained("member") == ("READ", ["entry for group team"])
    assert explained("nested") == ("WRITE", ["entry for group outer"])
    assert explained("admin")[0] == "MANAGE" and "member of admins, who manage every scope" in explained("admin")[1]
    assert explained("stranger") == (None, [])
    assert explained("inner") == ("WRITE", ["entry for group outer"])
    assert "may do nothing in golden" in world.server.ok("secrets", "explain", "--scope", "golden", "--principal", "stranger").out
    done = world.server.call("secrets", "explain", "--scope", "golden", "--principal", "reader", token=world.tokens["stranger"])
    assert done.returncode == 1 and "PERMISSION_DENIED" in done.err
    assert "may READ in golden" in world.server.ok("secrets", "explain", "--scope", "golden", "--principal", "reader",
                                                   token=world.tokens["reader"]).out
