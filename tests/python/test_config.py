"""`sealbook serve --config`: everything in one file, the command line over it, and errors that name line and key."""

import hashlib
import json

import pytest

from harness.issuer import Issuer
from harness.server import Server
from harness.session import Protocol, Refused


@pytest.fixture(scope="module")
def issuers():
    with Issuer() as first, Issuer() as second:
        yield first, second


def written(tmp_path, text):
    path = tmp_path / "sealbook.toml"
    path.write_text(text)
    return path


def test_one_file_says_everything(house, tmp_path, issuers):
    first, second = issuers
    config = written(tmp_path, f"""
data = "data"
api_tokens_open_sessions = true

[limits]
secrets_per_scope = 1

[[oidc]]
issuer = "{first.url}"
audience = "sealbook"

[[oidc]]
issuer = "{second.url}"
audience = "notebooks"
user_claim = "sub"

[jupyterhub]
api = "http://127.0.0.1:9/hub/api"

[audit]
fsync = "always"

[audit.sinks]
file = "sink.jsonl"
""")
    with Server(house, "--config", config, data=tmp_path / "data").bootstrap() as server:
        server.ok("secrets", "create-scope", "--scope", "s")
        server.ok("secrets", "put", "--scope", "s", "--key", "a", "--string-value", "planted-config-value")
        done = server.call("secrets", "put", "--scope", "s", "--key", "b", "--string-value", "planted-config-value")
        assert done.returncode == 1 and "RESOURCE_LIMIT_EXCEEDED" in done.err

        # Each issuer's tokens count for its own audience, and name the user by its own claim.
        assert Protocol(server, "oidc", first.token("alice@example.com")).opened["user"] == "alice@example.com"
        assert Protocol(server, "oidc", second.token("bob", aud="notebooks")).opened["user"] == "id-of-bob"
        for token, why in ((second.token("bob"), "for another audience"), (first.token("a@example.com", aud="notebooks"), "for another audience"),
                           (first.token("a@example.com", iss="http://127.0.0.1:1"), "of another issuer"),
                           (first.token("a@example.com", iss=second.url), "signature is wrong|does not publish")):
            with pytest.raises(Refused, match=why):
                Protocol(server, "oidc", token)
        claimed = server.newest(actionName="openKernelSession")["requestParams"]
        assert claimed["claimedAttestation"] == "oidc"
        assert claimed["claimedUserSha256"] == hashlib.sha256(b"id-of-a@example.com").hexdigest()[:16]

        # The Hub is asked, and is away.
        with pytest.raises(Refused, match="JupyterHub cannot be asked"):
            Protocol(server, "jupyterhub", "planted-hub-token")

        # The operator lets API tokens open sessions: then they also make what opens one.
        server.user("carol")
        token = server.token("carol")
        assert Protocol(server, "kernel-token", token).opened["user"] == "carol"
        assert server.ok("tokens", "create", "--kind", "kernel", token=token).out.startswith("sealbook_kernel_")
        assert server.ok("sessions", "ticket", token=token).out.startswith("sealbook_ticket_")
    records = [json.loads(line) for line in (tmp_path / "sink.jsonl").read_text().splitlines()]
    assert "putSecret" in [record.get("actionName") for record in records]

    # What the command line says wins: its issuer is the only one.
    flags = ("--config", config, "--oidc-issuer", second.url, "--oidc-audience", "notebooks", "--oidc-user-claim", "sub")
    with Server(house, *flags, data=tmp_path / "data", admin=server.admin) as server:
        assert Protocol(server, "oidc", second.token("bob", aud="notebooks")).opened["user"] == "id-of-bob"
        with pytest.raises(Refused, match="of another issuer|does not publish|signature is wrong"):
            Protocol(server, "oidc", first.token("alice@example.com"))


@pytest.mark.parametrize(("text", "said"), [
    ("\nlisten = 5", ":2: listen: "),
    ("[limits]\nscopes = 0", ":2: limits.scopes: it must be between 1 and 1000, not 0"),
    ("[audit]\n\nfsink = 'always'", ":3: audit.fsink: unknown field `fsink`, expected"),
    ("[audit.sinks]\nwebhook = 'http://siem.example.com'", ":2: audit.sinks.webhook: "),
    ("[[oidc]]\nissuer = 'https://id.example.com'", ":1: oidc: missing field `audience`"),
    ("[tls", ":1: "),
])
def test_what_is_wrong_is_named(house, tmp_path, text, said):
    config = written(tmp_path, text)
    done = house.sealbook("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "data", "--config", config)
    assert done.returncode == 1 and f"{config}{said}" in done.err and done.out == "", done.err
    assert not (tmp_path / "data").exists()


def test_a_flood_of_wrong_attestations_is_limited_and_counted(house, tmp_path):
    """From one address, after a burst: a good attestation opens all the while, and the log says how many were not recorded."""
    config = written(tmp_path, "[limits]\nfailed_authentications_per_second = 1\n")
    with Server(house, "--config", config, data=tmp_path / "data").bootstrap() as server:
        server.user("bob")
        kernel = server.token("bob", "kernel")

        def attempt():
            with pytest.raises(Refused) as caught:
                Protocol(server, "kernel-token", "sealbook_kernel_planted-guess")
            return caught.value.status

        statuses = [attempt() for _ in range(40)]
        assert set(statuses) == {401, 429} and statuses[0] == 401
        assert Protocol(server, "kernel-token", kernel).opened["user"] == "bob"
        recorded = server.audit(actionName="openKernelSession", userIdentity={"email": "unauthenticated"}, limit=60)
        assert len(recorded) == statuses.count(401)
        while attempt() == 429:
            pass
        assert server.newest(actionName="openKernelSession")["requestParams"]["failuresNotRecorded"] >= statuses.count(429)
