"""The Databricks SDK for Python against a shared server: the same workflow with its types, and its typed errors."""

import base64
import time

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk import errors
from databricks.sdk.core import Config
from databricks.sdk.service import iam, workspace

from harness import PLANTED, Server, lightly_searched

READ, WRITE, MANAGE = workspace.AclPermission.READ, workspace.AclPermission.WRITE, workspace.AclPermission.MANAGE
PATCH = [iam.PatchSchema.URN_IETF_PARAMS_SCIM_API_MESSAGES_2_0_PATCH_OP]


def connected(server, token):
    # Without retries: a refusal must be told at once, not after minutes.
    return WorkspaceClient(config=Config(host=server.host, token=token, retry_timeout_seconds=5))


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    yield from lightly_searched(tmp_path_factory, PLANTED["jdbc", "username"], PLANTED["jdbc", "password"])


@pytest.fixture(scope="module")
def server(house):
    with Server(house).bootstrap() as server:
        yield server


@pytest.fixture(scope="module")
def admin(server):
    return connected(server, server.admin)


@pytest.fixture(scope="module")
def bob(server):
    server.user("bob@example.com")
    return connected(server, server.token("bob@example.com"))


@pytest.fixture(autouse=True)
def isolated(monkeypatch, house):
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(house.root / "home" / "no-such-file"))


def test_it_finds_out_about_the_host(admin, caplog):
    assert admin.config.auth_type == "pat"
    assert "host metadata" not in caplog.text


def test_the_whole_workflow(server, admin, bob):
    secrets = admin.secrets
    assert secrets.create_scope("jdbc") is None
    assert [scope.as_dict() for scope in secrets.list_scopes()] == [{"name": "jdbc", "backend_type": "DATABRICKS"}]
    before = int(time.time() * 1000)
    secrets.put_secret("jdbc", "username", string_value=PLANTED["jdbc", "username"])
    secrets.put_secret("jdbc", "password", bytes_value=base64.b64encode(PLANTED["jdbc", "password"].encode()).decode())
    listed = list(secrets.list_secrets("jdbc"))
    assert [secret.key for secret in listed] == ["password", "username"]
    assert all(before - 1000 <= secret.last_updated_timestamp <= before + 60_000 for secret in listed)

    admin.groups.create(display_name="datascience")
    server.ok("groups", "add-member", "--parent-name", "datascience", "--user-name", "bob@example.com")
    with pytest.raises(errors.PermissionDenied, match="User bob@example.com does not have READ permission on scope jdbc"):
        list(bob.secrets.list_secrets("jdbc"))
    secrets.put_acl("jdbc", "datascience", READ)
    assert [item.as_dict() for item in secrets.list_acls("jdbc")] == [
        {"principal": "admin", "permission": "MANAGE"}, {"principal": "datascience", "permission": "READ"}]
    assert secrets.get_acl("jdbc", "datascience").as_dict() == {"principal": "datascience", "permission": "READ"}
    assert [secret.key for secret in bob.secrets.list_secrets("jdbc")] == ["password", "username"]
    # READ is neither WRITE nor MANAGE; WRITE is READ but not MANAGE.
    with pytest.raises(errors.PermissionDenied, match="WRITE permission on scope jdbc"):
        bob.secrets.put_secret("jdbc", "mine", string_value="planted-by-bob")
    secrets.put_acl("jdbc", "bob@example.com", WRITE)
    bob.secrets.put_secret("jdbc", "mine", string_value="planted-by-bob")
    bob.secrets.delete_secret("jdbc", "mine")
    for refused in (lambda: bob.secrets.put_acl("jdbc", "bob@example.com", MANAGE), lambda: list(bob.secrets.list_acls("jdbc")),
                    lambda: bob.secrets.get_acl("jdbc", "datascience"), lambda: bob.secrets.delete_acl("jdbc", "datascience"),
                    lambda: bob.secrets.delete_scope("jdbc")):
        with pytest.raises(errors.PermissionDenied, match="MANAGE permission on scope jdbc"):
            refused()
    secrets.put_acl("jdbc", "bob@example.com", MANAGE)
    bob.secrets.delete_acl("jdbc", "bob@example.com")
    secrets.delete_acl("jdbc", "datascience")
    with pytest.raises(errors.PermissionDenied):
        list(bob.secrets.list_secrets("jdbc"))
    secrets.delete_secret("jdbc", "password")
    secrets.delete_scope("jdbc")
    assert list(secrets.list_scopes()) == []


def test_no_value_is_answered(admin):
    admin.secrets.create_scope("closed")
    admin.secrets.put_secret("closed", "key", string_value=PLANTED["jdbc", "username"])
    for read in (lambda: admin.secrets.get_secret("closed", "key"), lambda: admin.secrets.get_secret("closed", "none"),
                 lambda: admin.secrets.get_secret("none", "key"), lambda: admin.dbutils.secrets.get("closed", "key")):
        with pytest.raises(errors.BadRequest, match="dbutils.secrets.get") as caught:
            read()
        assert (type(caught.value), caught.value.error_code) == (errors.BadRequest, "BAD_REQUEST")
    assert [entry.key for entry in admin.dbutils.secrets.list("closed")] == ["key"]
    assert "closed" in [scope.getName() if hasattr(scope, "getName") else scope.name for scope in admin.dbutils.secrets.listScopes()]
    admin.secrets.delete_scope("closed")


def test_typed_errors(server, admin, bob):
    secrets = admin.secrets
    secrets.create_scope("errors", initial_manage_principal="users", scope_backend_type=workspace.ScopeBackendType.DATABRICKS)
    table = [
        (errors.ResourceAlreadyExists, "Scope errors already exists!", lambda: secrets.create_scope("errors")),
        (errors.ResourceDoesNotExist, "Scope none does not exist!", lambda: list(secrets.list_secrets("none"))),
        (errors.ResourceDoesNotExist, "Scope none does not exist!", lambda: secrets.delete_scope("none")),
        (errors.ResourceDoesNotExist, "Scope none does not exist!", lambda: secrets.put_secret("none", "k", string_value="planted")),
        (errors.ResourceDoesNotExist, "Secret does not exist with scope: errors and key: none",
         lambda: secrets.delete_secret("errors", "none")),
        (errors.ResourceDoesNotExist, "Failed to get secret acl for principal admin for scope errors.",
         lambda: secrets.get_acl("errors", "admin")),
        (errors.ResourceDoesNotExist, "nobody", lambda: secrets.put_acl("errors", "nobody", READ)),
        (errors.InvalidParameterValue, "scope", lambda: secrets.create_scope("a/b")),
        (errors.InvalidParameterValue, "initial_manage_principal",
         lambda: secrets.create_scope("other", initial_manage_principal="admin")),
        (errors.InvalidParameterValue, "scope_backend_type", lambda: secrets.create_scope(
            "other", scope_backend_type=workspace.ScopeBackendType.AZURE_KEYVAULT,
            backend_azure_keyvault=workspace.AzureKeyVaultSecretScopeMetadata(resource_id="r", dns_name="d"))),
        (errors.InvalidParameterValue, "string_value and bytes_value", lambda: secrets.put_secret("errors", "k")),
        (errors.InvalidParameterValue, "string_value and bytes_value",
         lambda: secrets.put_secret("errors", "k", string_value="planted", bytes_value="cGxhbnRlZA==")),
        (errors.InvalidParameterValue, "bytes_value", lambda: secrets.put_secret("errors", "k", bytes_value="planted!")),
        (errors.InvalidParameterValue, "131072", lambda: secrets.put_secret("errors", "k", string_value="p" * 131_073)),
        (errors.PermissionDenied, "admins", lambda: bob.groups.create(display_name="mine")),
        (errors.PermissionDenied, "admins", lambda: bob.users.create(user_name="mine")),
        (errors.Unauthenticated, "token", lambda: connected(server, "planted-wrong-token").current_user.me()),
        (errors.NotFound, "/openapi.json", lambda: admin.api_client.do("GET", "/api/2.0/clusters/list")),
        (errors.NotFound, "/openapi.json", lambda: admin.api_client.do("DELETE", "/api/2.0/secrets/put")),
    ]
    for kind, message, call in table:
        with pytest.raises(kind) as caught:
            call()
        assert message in str(caught.value) and "planted" not in str(caught.value), (kind, message, caught.value)
    secrets.delete_scope("errors")


def test_tokens(server, admin):
    created = admin.tokens.create(comment="robot", lifetime_seconds=600)
    information = created.token_info
    assert (information.comment, information.expiry_time - information.creation_time) == ("robot", 600_000)
    for_ever = admin.tokens.create().token_info
    assert (for_ever.comment, for_ever.expiry_time) in (("", -1), (None, -1))
    robot = connected(server, created.token_value)
    assert robot.current_user.me().user_name == "admin"
    listed = {token.token_id: token for token in admin.tokens.list()}
    assert listed[information.token_id].as_dict() == information.as_dict()
    admin.tokens.delete(information.token_id)
    assert information.token_id not in {token.token_id for token in admin.tokens.list()}
    with pytest.raises(errors.Unauthenticated):
        robot.current_user.me()
    with pytest.raises(errors.ResourceDoesNotExist, match=information.token_id):
        admin.tokens.delete(information.token_id)
    with pytest.raises(errors.InvalidParameterValue, match="lifetime_seconds"):
        admin.tokens.create(lifetime_seconds=-1)
    admin.tokens.delete(for_ever.token_id)


def test_the_current_user(admin, bob):
    me = bob.current_user.me()
    assert (me.user_name, me.active, me.emails[0].value) == ("bob@example.com", True, "bob@example.com")
    assert "users" in [group.display for group in me.groups]
    assert "admins" in [group.display for group in admin.current_user.me().groups]


def test_users(server, admin, bob):
    users = admin.users
    ann = users.create(user_name="ann@example.com", display_name="Ann A", external_id="x-1",
                       name=iam.Name(given_name="Ann", family_name="A"), active=True,
                       emails=[iam.ComplexValue(value="ann@work.example", primary=True, type="work")])
    assert (ann.user_name, ann.display_name, ann.active, ann.external_id) == ("ann@example.com", "Ann A", True, "x-1")
    assert (ann.name.given_name, ann.emails[0].value) == ("Ann", "ann@work.example")
    assert users.get(ann.id).as_dict() == ann.as_dict()
    assert [group.display for group in ann.groups] == ["users"]
    plain = users.create(user_name="dan@example.com")
    assert (plain.display_name, plain.emails[0].value, plain.active) == ("dan@example.com", "dan@example.com", True)
    with pytest.raises(errors.ResourceAlreadyExists, match="ann@example.com"):
        users.create(user_name="ann@example.com")
    for name in ("", " x", "users", "admins"):
        with pytest.raises((errors.InvalidParameterValue, errors.ResourceAlreadyExists)):
            users.create(user_name=name)

    # A page after the other, filters, orders, attributes.
    names = [user.user_name for user in users.list(count=1)]
    assert names == sorted(names) and {"admin", "ann@example.com", "bob@example.com", "dan@example.com"} <= set(names)
    assert [user.user_name for user in users.list(filter='userName eq "ANN@example.com"')] == ["ann@example.com"]
    assert [user.user_name for user in users.list(filter="userName co example and not (displayName eq \"Ann A\")",
                                                  sort_by="userName", sort_order=iam.ListSortOrder.DESCENDING)] == [
        "dan@example.com", "bob@example.com"]
    assert [user.as_dict() for user in users.list(filter="externalId eq x-1", attributes="userName")] == [
        {"id": ann.id, "schemas": ann.as_dict()["schemas"], "userName": "ann@example.com"}]
    with pytest.raises(errors.InvalidParameterValue, match="filter"):
        list(users.list(filter="password pr"))

    # Deactivated, a user's tokens stop at once; what they were granted stays.
    token = server.token("ann@example.com")
    assert connected(server, token).current_user.me().id == ann.id
    users.patch(ann.id, operations=[iam.Patch(op=iam.PatchOp.REPLACE, path="active", value="false")], schemas=PATCH)
    assert users.get(ann.id).active is False
    with pytest.raises(errors.Unauthenticated):
        connected(server, token).current_user.me()
    users.patch(ann.id, operations=[iam.Patch(op=iam.PatchOp.REPLACE, value={"active": True, "displayName": "Ann B"})], schemas=PATCH)
    assert connected(server, token).current_user.me().display_name == "Ann B"
    users.update(ann.id, user_name="ann@example.com", display_name="Ann C", active=True)
    assert (users.get(ann.id).display_name, users.get(ann.id).external_id) == ("Ann C", None)
    with pytest.raises(errors.InvalidParameterValue, match="userName"):
        users.update(ann.id, user_name="eve@example.com")
    me = admin.current_user.me()
    for refused in (lambda: users.delete(me.id), lambda: users.update(me.id, active=False)):
        with pytest.raises(errors.InvalidParameterValue, match="yourself"):
            refused()
    for refused in (lambda: bob.users.delete(ann.id), lambda: bob.users.update(ann.id, active=False)):
        with pytest.raises(errors.PermissionDenied, match="admins"):
            refused()
    assert bob.users.get(ann.id).user_name == "ann@example.com"

    # Deleted, a user leaves nothing behind that a new one of the same name would inherit.
    admin.secrets.create_scope("of-ann")
    admin.secrets.put_acl("of-ann", "ann@example.com", MANAGE)
    users.delete(ann.id)
    users.delete(plain.id)
    with pytest.raises(errors.Unauthenticated):
        connected(server, token).current_user.me()
    assert [item.principal for item in admin.secrets.list_acls("of-ann")] == ["admin"]
    for refused in (lambda: users.get(ann.id), lambda: users.delete(ann.id), lambda: users.update(ann.id, active=True)):
        with pytest.raises(errors.ResourceDoesNotExist, match=ann.id):
            refused()
    assert users.create(user_name="ann@example.com").id != ann.id
    admin.secrets.delete_scope("of-ann")


def test_groups(server, admin, bob):
    groups, me = admin.groups, bob.current_user.me()
    inner = groups.create(display_name="sdk-inner", members=[iam.ComplexValue(value=me.id)])
    outer = groups.create(display_name="sdk-outer", external_id="x-2")
    assert [(member.display, member.value, member.type) for member in inner.members] == [("bob@example.com", me.id, "User")]
    assert (outer.members or [], outer.external_id, outer.meta.resource_type) == ([], "x-2", "WorkspaceGroup")
    with pytest.raises(errors.ResourceAlreadyExists, match="sdk-inner"):
        groups.create(display_name="sdk-inner")
    for name in ("", "bob@example.com"):
        with pytest.raises((errors.InvalidParameterValue, errors.ResourceAlreadyExists)):
            groups.create(display_name=name)
    assert {"admins", "users", "sdk-inner", "sdk-outer"} <= {group.display_name for group in groups.list(count=2)}
    assert [group.id for group in groups.list(filter='displayName sw "sdk-"', sort_by="displayName",
                                              sort_order=iam.ListSortOrder.DESCENDING)] == [outer.id, inner.id]
    assert [group.id for group in groups.list(filter=f'members.value eq "{me.id}"')] == [
        "users", *(group.id for group in groups.list(filter="displayName eq datascience")), inner.id]

    # A group in a group, then a grant to the outer one.
    groups.patch(outer.id, operations=[iam.Patch(op=iam.PatchOp.ADD, value={"members": [{"value": inner.id}, {"value": inner.id}]})],
                 schemas=PATCH)
    assert [(member.display, member.type) for member in groups.get(outer.id).members] == [("sdk-inner", "Group")]
    assert [group.display for group in groups.get(inner.id).groups] == ["sdk-outer"]
    types = {group.display: group.type for group in bob.current_user.me().groups}
    assert (types["sdk-inner"], types["sdk-outer"], types["users"]) == ("direct", "indirect", "direct")
    admin.secrets.create_scope("of-groups")
    admin.secrets.put_acl("of-groups", "sdk-outer", READ)
    assert list(bob.secrets.list_secrets("of-groups")) == []

    # A new name takes members, parents and grants along.
    groups.patch(outer.id, operations=[iam.Patch(op=iam.PatchOp.REPLACE, path="displayName", value="sdk-renamed")], schemas=PATCH)
    assert [item.principal for item in admin.secrets.list_acls("of-groups")] == ["admin", "sdk-renamed"]
    assert list(bob.secrets.list_secrets("of-groups")) == []
    groups.update(inner.id, display_name="sdk-inner-2", members=[iam.ComplexValue(value=me.id)])
    assert list(bob.secrets.list_secrets("of-groups")) == []
    with pytest.raises(errors.ResourceAlreadyExists):
        groups.update(inner.id, display_name="sdk-renamed")

    # Out of the group, out of the grant: by a path with a filter, by replacing, by removing all.
    groups.patch(inner.id, operations=[iam.Patch(op=iam.PatchOp.REMOVE, path=f'members[value eq "{me.id}"]')], schemas=PATCH)
    with pytest.raises(errors.PermissionDenied):
        list(bob.secrets.list_secrets("of-groups"))
    groups.patch(inner.id, operations=[iam.Patch(op=iam.PatchOp.REPLACE, path="members", value=[{"value": me.id}])], schemas=PATCH)
    assert list(bob.secrets.list_secrets("of-groups")) == []
    groups.update(inner.id, display_name="sdk-inner-2")
    assert not groups.get(inner.id).members
    for value in ("no-such-id", outer.id):
        with pytest.raises((errors.ResourceDoesNotExist, errors.InvalidParameterValue)):
            groups.patch(outer.id, operations=[iam.Patch(op=iam.PatchOp.ADD, path="members", value=[{"value": value}])], schemas=PATCH)
    for refused in (lambda: bob.groups.delete(outer.id),
                    lambda: bob.groups.patch("admins", operations=[iam.Patch(op=iam.PatchOp.ADD, path="members",
                                                                             value=[{"value": me.id}])], schemas=PATCH)):
        with pytest.raises(errors.PermissionDenied, match="admins"):
            refused()
    built_in = {group.display_name: group.id for group in groups.list()}
    for name in ("admins", "users"):
        for refused in (lambda: groups.delete(built_in[name]), lambda: groups.update(built_in[name], display_name="mine")):
            with pytest.raises(errors.InvalidParameterValue, match="built in"):
                refused()

    groups.delete(outer.id)
    assert [item.principal for item in admin.secrets.list_acls("of-groups")] == ["admin"]
    for refused in (lambda: groups.get(outer.id), lambda: groups.delete(outer.id)):
        with pytest.raises(errors.ResourceDoesNotExist, match=outer.id):
            refused()
    groups.delete(inner.id)
    admin.secrets.delete_scope("of-groups")
