"""Kernel sessions opened with a JWT of a trusted issuer."""

import time

import jwt
import pytest

from harness import PLANTED
from harness.issuer import Issuer, unsigned
from harness.kernel import Kernel
from harness.server import Server
from harness.session import Protocol, Refused

PASSWORD = PLANTED["jdbc", "password"]


@pytest.fixture(scope="module")
def issuer():
    with Issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def server(house, issuer, tmp_path_factory):
    with Server(house, "--oidc-issuer", issuer.url, "--oidc-audience", "sealbook", data=tmp_path_factory.mktemp("oidc")).bootstrap() as server:
        server.user("alice@example.com")
        server.ok("secrets", "create-scope", "--scope", "jdbc")
        server.ok("secrets", "put", "--scope", "jdbc", "--key", "password", "--binary-file", "-", input=PASSWORD)
        server.ok("secrets", "put-acl", "--scope", "jdbc", "--principal", "alice@example.com", "--permission", "READ")
        yield server


@pytest.mark.parametrize("kid", ["rsa-1", "ec-1"])
def test_a_token_opens_renews_and_is_recorded(server, issuer, kid):
    session = Protocol(server, "oidc", issuer.token("alice@example.com", kid))
    assert session.opened["user"] == "alice@example.com" and session.read("jdbc", "password") == PASSWORD
    kernel = server.newest(actionName="getSecret")["kernel"]
    assert (kernel["attestation"], kernel["attestationId"]) == ("oidc", "token-of-alice@example.com")
    session.call("renew", {"attestation": {"kind": "oidc", "credential": issuer.token("alice@example.com", "ec-1")}})
    with pytest.raises(Refused, match="not the one that opened"):
        session.call("renew", {"attestation": {"kind": "oidc", "credential": issuer.token("bob@example.com")}})
    with pytest.raises(Refused, match="has expired"):
        session.call("renew", {"attestation": {"kind": "oidc", "credential": issuer.token("alice@example.com", exp=int(time.time()) - 120)}})
    assert server.newest(actionName="renewKernelSession")["response"]["statusCode"] == 401


def test_a_notebook_reads_with_a_token(house, server, issuer):
    environment = server.environment("") | {"SEALBOOK_TOKEN": None, "SEALBOOK_OIDC_TOKEN": issuer.token("alice@example.com")}
    with Kernel(house, **environment) as kernel:
        cell = kernel.ok('let p = dbutils.secrets.get("jdbc", "password"); println!("{} {}", p.len(), p);')
        assert cell.stdout == f"{len(PASSWORD.encode())} [REDACTED]\n"


def test_a_user_whom_only_the_issuer_knows_has_no_rights(server, issuer):
    session = Protocol(server, "oidc", issuer.token("new@example.com"))
    with pytest.raises(Refused, match="does not have READ permission"):
        session.read("jdbc", "password")


def test_an_administrator_who_comes_by_the_issuer_ends_the_bootstrap_token(house, issuer, tmp_path):
    with Server(house, "--oidc-issuer", issuer.url, "--oidc-audience", "sealbook", data=tmp_path / "data").bootstrap() as server:
        server.user("chief@example.com")
        server.ok("groups", "add-member", "--parent-name", "admins", "--user-name", "chief@example.com")
        server.ok("users", "me")
        chief = issuer.token("chief@example.com")
        assert server.json("users", "me", token=chief)["userName"] == "chief@example.com"
        assert "UNAUTHENTICATED" in server.call("users", "me").err
        # Without any token left, the next start makes none: there is an administrator.
        assert server.json("tokens", "list", "--all", token=chief)["token_infos"] == []
        server.kill()
        server.start()
        server.ok("users", "me", token=chief)
        server.process.kill()
        assert server.process.stdout.read() == ""


def test_tokens_that_are_not_right_are_refused_and_recorded(server, issuer):
    now = int(time.time())
    good = issuer.token("alice@example.com")
    head, body, signature = good.split(".")
    shared = jwt.encode({"iss": issuer.url, "aud": "sealbook", "email": "alice@example.com", "exp": now + 60},
                        "planted shared secret ".ljust(64), algorithm="HS256", headers={"kid": "rsa-1"})
    wrong = {
        "has expired": issuer.token("alice@example.com", exp=now - 120),
        "not valid yet": issuer.token("alice@example.com", nbf=now + 600),
        "of another issuer": issuer.token("alice@example.com", iss="http://127.0.0.1:1"),
        "for another audience": issuer.token("alice@example.com", aud="somebody-else"),
        "signature is wrong": f"{head}.{body}.{signature[:20]}{'B' if signature[20] == 'A' else 'A'}{signature[21:]}",
        "is not valid": issuer.token("alice@example.com", exp=None),
        "does not publish its key": issuer.token("alice@example.com", "rsa-2"),
        "has no claim email": issuer.token("alice@example.com", email=None),
        "has not verified its address": issuer.token("alice@example.com", email_verified=False),
        "not of a kind that is taken": shared,
        "not a JWT": unsigned(good),
        "it is too long": "eyJ" + "a" * 20_000 + ".b.c",
    }
    for reason, token in wrong.items():
        with pytest.raises(Refused, match=reason) as caught:
            Protocol(server, "oidc", token)
        assert caught.value.code == "UNAUTHENTICATED", reason
        record = server.newest(actionName="openKernelSession")
        assert record["response"]["statusCode"] == 401 and reason in record["response"]["errorMessage"], record
    for token in (issuer.token("alice@example.com", signed_by="rsa-2"), issuer.token("alice@example.com", "ec-1", signed_by="rsa-1")):
        with pytest.raises(Refused) as caught:
            Protocol(server, "oidc", token)
        assert caught.value.code == "UNAUTHENTICATED"


def test_a_new_key_is_found_and_strangers_do_not_make_us_ask(server, issuer):
    issuer.published = ["rsa-1", "ec-1", "rsa-2"]
    deadline = time.monotonic() + 30
    while True:
        try:
            assert Protocol(server, "oidc", issuer.token("alice@example.com", "rsa-2")).read("jdbc", "password") == PASSWORD
            break
        except Refused as refusal:
            assert "does not publish its key" in str(refusal) and time.monotonic() < deadline
            time.sleep(0.5)
    before = issuer.fetches
    for _ in range(5):
        with pytest.raises(Refused):
            Protocol(server, "oidc", issuer.token("alice@example.com", "rsa-1", header={"kid": "unknown"}))
    assert issuer.fetches <= before + 1


def test_an_issuer_is_trusted_over_tls_only(house, tmp_path):
    done = house.sealbook("serve", "--listen", "127.0.0.1:0", "--data", tmp_path, "--oidc-issuer",
                          "http://id.example.com", "--oidc-audience", "sealbook")
    assert done.returncode == 1 and "must begin with https://" in done.err, done.err
