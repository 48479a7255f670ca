"""Kernels of a real JupyterHub: the token that the Hub gave to a user's server says who reads."""

import pytest

from harness import PLANTED
from harness.hub import Hub
from harness.server import Server
from harness.session import Protocol, Refused

PASSWORD = PLANTED["jdbc", "password"]
READ = 'let p = dbutils.secrets.get("jdbc", "password"); println!("{} {}", p.len(), p);'
SHOW_TOKEN = 'import os; print(os.environ["JUPYTERHUB_API_TOKEN"])'


@pytest.fixture(scope="module")
def both(house, tmp_path_factory):
    """The Hub, and a secret service that trusts it. The Hub's address is known before it runs."""
    hub = Hub(house)
    with Server(house, "--jupyterhub-api", hub.api, data=tmp_path_factory.mktemp("for-hub")).bootstrap() as server:
        for user in ("alice", "bob"):
            server.user(user)
        server.ok("secrets", "create-scope", "--scope", "jdbc")
        server.ok("secrets", "put", "--scope", "jdbc", "--key", "password", "--binary-file", "-", input=PASSWORD)
        server.ok("secrets", "put-acl", "--scope", "jdbc", "--principal", "alice", "--permission", "READ")
        environment = house.environment(SEALBOOK_HOST=server.host, SEALBOOK_TEST_RECORDINGS=None, PYTHONPATH=None)
        hub.configure(environment)
        with hub:
            yield hub, server


def test_kernels_read_as_their_user_and_other_tokens_do_not(both):
    hub, server = both
    alice = hub.user("alice")
    assert alice.execute("sealbook", READ) == f"{len(PASSWORD.encode())} [REDACTED]\n"
    read = server.newest(actionName="getSecret")
    assert read["userIdentity"] == {"email": "alice"} and read["response"]["statusCode"] == 200
    assert read["kernel"]["attestation"] == "jupyterhub" and read["kernel"]["attestationId"]

    token = alice.execute("python3", SHOW_TOKEN).strip()
    session = Protocol(server, "jupyterhub", token)
    assert session.opened["user"] == "alice" and session.read("jdbc", "password") == PASSWORD
    session.call("renew", {"attestation": session.attestation})

    # bob's server may not read alice's scope.
    bob = hub.user("bob")
    assert "PERMISSION_DENIED: User bob does not have READ permission on scope jdbc" in bob.execute("sealbook", READ)
    with pytest.raises(Refused, match="not the one that opened"):
        session.call("renew", {"attestation": {"kind": "jupyterhub", "credential": bob.execute("python3", SHOW_TOKEN).strip()}})

    # What alice makes by hand, and what a service of the Hub holds, opens nothing.
    by_hand = hub.post("/users/alice/tokens", note="made by hand").json()["token"]
    for wrong, reason in ((by_hand, "does not hold the scope access:servers!server=alice/"), (hub.token, "belongs to a service"),
                          ("planted-guess", "the Hub does not know it"), ("planted guess", "not of a token's form")):
        with pytest.raises(Refused, match=reason):
            Protocol(server, "jupyterhub", wrong)
        record = server.newest(actionName="openKernelSession")
        assert record["response"]["statusCode"] == 401 and reason in record["response"]["errorMessage"]

    # The Hub revokes the token with the server; the session cannot be renewed with it any more.
    hub.stop_server("alice")
    for attempt in (lambda: Protocol(server, "jupyterhub", token), lambda: session.call("renew", {"attestation": session.attestation})):
        with pytest.raises(Refused, match="the Hub does not know it"):
            attempt()


def test_a_hub_that_is_away_is_said_so(both):
    hub, server = both
    hub.process.terminate()
    hub.process.wait(timeout=60)
    with pytest.raises(Refused, match="JupyterHub cannot be asked") as caught:
        Protocol(server, "jupyterhub", "planted-token")
    assert caught.value.code == "TEMPORARILY_UNAVAILABLE"
