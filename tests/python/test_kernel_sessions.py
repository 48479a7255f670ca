"""Kernel sessions on the wire: what opens one, what reads in one, and that everything else is refused and recorded."""

import base64
import contextlib
import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from harness import PLANTED
from harness.server import Server
from harness.session import SESSIONS, Protocol, Refused

PASSWORD = PLANTED["jdbc", "password"]


@pytest.fixture(scope="module")
def server(house, tmp_path_factory):
    with Server(house, data=tmp_path_factory.mktemp("sessions")).bootstrap() as server:
        for user in ("alice", "bob", "launcher"):
            server.user(user)
        server.ok("groups", "create", "--group-name", "job-launcher")
        server.ok("groups", "add-member", "--parent-name", "job-launcher", "--user-name", "launcher")
        server.ok("secrets", "create-scope", "--scope", "jdbc")
        server.ok("secrets", "put", "--scope", "jdbc", "--key", "password", "--binary-file", "-", input=PASSWORD)
        server.ok("secrets", "put-acl", "--scope", "jdbc", "--principal", "bob", "--permission", "READ")
        server.kernel_token = server.token("bob", "kernel")
        yield server


@pytest.fixture
def session(server):
    return Protocol(server, "kernel-token", server.kernel_token, notebook_path="warehouse.ipynb")


@contextlib.contextmanager
def refused(server, status, code, action="getSecret"):
    """What happens inside is refused, and the newest record of that action says so."""
    with pytest.raises(Refused) as caught:
        yield
    assert (caught.value.status, caught.value.code) == (status, code), str(caught.value)
    assert PASSWORD not in str(caught.value)
    record = server.newest(actionName=action)
    assert record["response"]["statusCode"] == status, record
    assert record["response"]["errorMessage"].startswith(code), record


def test_an_independent_client_reads_and_the_record_says_from_where(server, session):
    assert session.opened["user"] == "bob"
    assert session.read("jdbc", "password") == PASSWORD
    assert session.read("JDBC", "password") == PASSWORD
    record = server.newest(actionName="getSecret")
    assert record["userIdentity"] == {"email": "bob"} and record["sessionId"] == session.id
    assert record["requestParams"] == {"scope": "JDBC", "key": "password"} and record["response"] == {"statusCode": 200}
    kernel = record["kernel"]
    assert kernel["assertedNotebookPath"] == "warehouse.ipynb" and kernel["kernelId"] == "kernel-of-the-test"
    assert kernel["attestation"] == "kernel-token"
    ids = [token["token_id"] for token in requests.get(
        f"{server.host}/api/2.0/token/list", headers={"authorization": f"Bearer {server.token('bob')}"}).json()["token_infos"]]
    assert kernel["attestationId"] in ids
    assert session.call("list", {"scope": "jdbc"})["secrets"][0]["key"] == "password"
    assert "jdbc" in [scope["name"] for scope in session.call("list")["scopes"]]


def test_no_two_answers_share_a_key_or_show_the_value(session):
    answers = [session.call("read", {"scope": "jdbc", "key": "password"}) for _ in range(4)]
    assert len({answer["nonce"] for answer in answers}) == len({answer["ciphertext"] for answer in answers}) == 4
    for answer in answers:
        assert PASSWORD not in json.dumps(answer)
        assert PASSWORD.encode() not in base64.b64decode(answer["ciphertext"])


def test_a_replayed_request_is_refused(server, session):
    request = session.request("read", {"scope": "jdbc", "key": "password"})
    session.send(*request)
    with refused(server, 409, "ABORTED"):
        session.send(*request)


def test_numbers_may_overtake_each_other_but_neither_repeat_nor_be_old(server, session):
    for seq in (5, 3, 4, 2_000, 1_999):
        assert session.read("jdbc", "password", seq=seq) == PASSWORD
    for seq in (3, 1_999, 1, 900):
        with refused(server, 409, "ABORTED"):
            session.read("jdbc", "password", seq=seq)
    with refused(server, 409, "ABORTED"):
        session.read("jdbc", "password", seq=0)


def test_an_altered_request_is_refused(server, session):
    path, body, headers = session.request("read", {"scope": "jdbc", "key": "username"})
    for other in (
        (path, body.replace(b"username", b"password"), headers),
        (path.replace("/read", "/list"), b"{}", headers),
        (path, body, headers | {"x-sealbook-seq": "999"}),
        (path, body, headers | {"x-sealbook-timestamp": str(int(time.time() * 1000) - 7)}),
        (path, body, headers | {"x-sealbook-mac": headers["x-sealbook-mac"][::-1]}),
        (path, body, headers | {"x-sealbook-mac": headers["x-sealbook-mac"].upper()}),
        (path, body, headers | {"x-sealbook-mac": ""}),
    ):
        with refused(server, 401, "UNAUTHENTICATED", "listScopes" if "/list" in other[0] else "getSecret"):
            session.send(*other)
    for header in ("x-sealbook-seq", "x-sealbook-timestamp", "x-sealbook-mac"):
        with refused(server, 401, "UNAUTHENTICATED"):
            session.send(path, body, {name: value for name, value in headers.items() if name != header})
    record = server.newest(actionName="getSecret")
    assert record["userIdentity"] == {"email": "unauthenticated"}
    assert server.audit(actionName="getSecret", userIdentity={"email": "unauthenticated"})[0]["requestParams"]["claimedKernelSession"] == session.id


def test_the_key_of_another_session_is_refused(server, session):
    other = Protocol(server, "kernel-token", server.kernel_token)
    with refused(server, 401, "UNAUTHENTICATED"):
        session.read("jdbc", "password", signed_with=other.mac_key)
    with refused(server, 401, "UNAUTHENTICATED"):
        session.read("jdbc", "password", session=other.id)
    answer = other.call("read", {"scope": "jdbc", "key": "password"})
    with pytest.raises(AssertionError, match="does not authenticate"):
        session.opened_answer(answer)
    assert other.opened_answer(answer) == PASSWORD


def test_a_clock_that_differs_by_more_than_a_minute_is_refused(server, session):
    now = int(time.time() * 1000)
    for skew in (-50_000, 50_000):
        assert session.read("jdbc", "password", timestamp=now + skew) == PASSWORD
    for skew in (-70_000, 70_000, -10**9, 10**15):
        with refused(server, 401, "UNAUTHENTICATED"):
            session.read("jdbc", "password", timestamp=now + skew)
    assert abs(session.opened["server_time"] - now) < 60_000


def test_closed_revoked_and_unknown_sessions_are_refused(server):
    closed, revoked, stays = (Protocol(server, "kernel-token", server.kernel_token) for _ in range(3))
    assert closed.call("close") == {}
    with refused(server, 401, "UNAUTHENTICATED"):
        closed.read("jdbc", "password")
    server.ok("sessions", "revoke", "--session-id", revoked.id)
    # PERMISSION_DENIED, so that a kernel does not open another.
    with refused(server, 403, "PERMISSION_DENIED"):
        revoked.read("jdbc", "password")
    assert server.newest(actionName="revokeKernelSession")["requestParams"] == {
        "kernelSession": revoked.id, "user": "bob", "because": "revoked"}
    with refused(server, 401, "UNAUTHENTICATED"):
        stays.read("jdbc", "password", session="00000000-0000-4000-8000-000000000000")
    assert stays.read("jdbc", "password") == PASSWORD
    listed = {row["session_id"] for row in server.json("sessions", "list")["sessions"]}
    assert stays.id in listed and not listed & {closed.id, revoked.id}


def test_only_the_owner_and_administrators_revoke_a_session(server, session):
    alice, bob = server.token("alice"), server.token("bob")
    done = server.call("sessions", "revoke", "--session-id", session.id, token=alice)
    assert done.returncode == 1 and "RESOURCE_DOES_NOT_EXIST" in done.err
    assert session.id not in server.ok("sessions", "list", token=alice).out
    server.ok("sessions", "revoke", "--session-id", session.id, token=bob)
    with refused(server, 403, "PERMISSION_DENIED"):
        session.read("jdbc", "password")


def test_a_revoked_token_opens_and_renews_nothing(server):
    token = server.token("bob", "kernel")
    session = Protocol(server, "kernel-token", token)
    session.call("renew", {"attestation": session.attestation})
    with refused(server, 401, "UNAUTHENTICATED", "renewKernelSession"):
        session.call("renew", {"attestation": {"kind": "kernel-token", "credential": "sealbook_kernel_planted"}})
    other = server.token("alice", "kernel")
    with refused(server, 401, "UNAUTHENTICATED", "renewKernelSession"):
        session.call("renew", {"attestation": {"kind": "kernel-token", "credential": other}})
    token_id = server.newest(actionName="openKernelSession")["kernel"]["attestationId"]
    server.ok("tokens", "revoke", "--token-id", token_id)
    with refused(server, 403, "PERMISSION_DENIED", "renewKernelSession"):
        session.call("renew", {"attestation": session.attestation})
    with refused(server, 401, "UNAUTHENTICATED", "openKernelSession"):
        Protocol(server, "kernel-token", token)


def test_what_is_no_attestation_opens_nothing(server):
    for kind, credential in (("kernel-token", "sealbook_kernel_planted-guess"), ("kernel-token", server.token("bob", "api")),
                             ("job-ticket", "sealbook_ticket_planted-guess"), ("peer-credential", None),
                             ("oidc", "planted.not.ajwt"), ("jupyterhub", "planted-hub-token")):
        with refused(server, 401, "UNAUTHENTICATED", "openKernelSession"):
            Protocol(server, kind, credential)
    # What was claimed is recorded, a token of ours by its hash and nothing of what may be a value in the wrong place.
    for credential, claimed in (("sealbook_kernel_planted-guess", True), ("planted-value-in-the-wrong-place", False)):
        with refused(server, 401, "UNAUTHENTICATED", "openKernelSession"):
            Protocol(server, "kernel-token", credential, notebook_path="guess.ipynb")
        params = server.newest(actionName="openKernelSession")["requestParams"]
        digest = {"claimedTokenSha256": hashlib.sha256(credential.encode()).hexdigest()[:16]} if claimed else {}
        assert params == digest | {"claimedAttestation": "kernel-token", "claimedKernelId": "kernel-of-the-test",
                                   "claimedNotebookPath": "guess.ipynb"}
    good = {"attestation": {"kind": "kernel-token", "credential": server.kernel_token}, "kernel_id": "k",
            "hpke_public_key": base64.b64encode(bytes(range(32))).decode(), "client_nonce": base64.b64encode(bytes(16)).decode()}
    assert requests.post(server.host + SESSIONS, json=good).status_code == 200
    for wrong in ({"hpke_public_key": base64.b64encode(bytes(32)).decode()}, {"hpke_public_key": "AAAA"}, {"hpke_public_key": "?"},
                  {"client_nonce": "AAAA"}, {"kernel_id": ""}, {"kernel_id": "x" * 2_000}, {"notebook_path": "a\nb"},
                  {"attestation": {}}, {"attestation": "kernel-token"}, {"attestation": {"kind": "kernel-token"}},
                  {"job": {"id": "j"}}, {"unknown": 1}):
        answer = requests.post(server.host + SESSIONS, json=good | wrong)
        assert answer.status_code == 400, (wrong, answer.text)
        assert server.kernel_token not in answer.text


def ticket(server, token, **fields):
    answer = requests.post(f"{server.host}{SESSIONS}/tickets", json=fields, headers={"authorization": f"Bearer {token}"})
    if answer.status_code != 200:
        raise Refused(answer)
    return answer.json()["ticket"]


def test_a_job_ticket_opens_one_session_of_its_run(server):
    launcher, run = server.token("launcher"), {"id": "nightly", "run_id": "run-17"}
    one = ticket(server, launcher, user_name="bob", job=run)
    session = Protocol(server, "job-ticket", one, job=run)
    assert session.opened["user"] == "bob" and session.read("jdbc", "password") == PASSWORD
    record = server.newest(actionName="getSecret")
    assert record["kernel"]["jobId"] == "nightly" and record["kernel"]["runId"] == "run-17"
    assert record["kernel"]["attestation"] == "job-ticket"
    assert server.newest(actionName="mintJobTicket")["requestParams"] == {"user": "bob", "jobId": "nightly", "runId": "run-17"}
    with refused(server, 401, "UNAUTHENTICATED", "openKernelSession"):
        Protocol(server, "job-ticket", one, job=run)
    bound = ticket(server, launcher, user_name="bob", job=run)
    with refused(server, 401, "UNAUTHENTICATED", "openKernelSession"):
        Protocol(server, "job-ticket", bound, job={"id": "nightly", "run_id": "run-18"})
    # Burnt by the attempt.
    with refused(server, 401, "UNAUTHENTICATED", "openKernelSession"):
        Protocol(server, "job-ticket", bound, job=run)


def test_minting_for_another_user_is_a_right_of_its_own(server):
    bob = server.token("bob")
    for whose in ({"user_name": "alice"}, {}):
        with refused(server, 403, "PERMISSION_DENIED", "mintJobTicket"):
            ticket(server, bob, **whose)
    assert Protocol(server, "job-ticket", ticket(server, server.token("launcher"))).opened["user"] == "launcher"
    with refused(server, 403, "PERMISSION_DENIED", "mintJobTicket"):
        ticket(server, server.kernel_token)
    with refused(server, 404, "RESOURCE_DOES_NOT_EXIST", "mintJobTicket"):
        ticket(server, server.token("launcher"), user_name="nobody")


def test_a_ticket_presented_many_times_at_once_opens_one_session(server):
    one = ticket(server, server.token("launcher"), user_name="bob")

    def open_one(_):
        try:
            return Protocol(server, "job-ticket", one).id
        except Refused as refusal:
            assert refusal.code == "UNAUTHENTICATED"

    with ThreadPoolExecutor(8) as pool:
        assert len([found for found in pool.map(open_one, range(8)) if found]) == 1


def test_pasted_literals_are_recognised_only_for_who_may_read_them(server, session):
    literals = ["nothing of the kind", PASSWORD, PASSWORD[:11], "x" * 12]
    assert session.call("match-literals", {"literals": literals})["matches"] == [{"index": 1, "scope": "jdbc", "key": "password"}]
    alice = Protocol(server, "kernel-token", server.token("alice", "kernel"))
    assert alice.call("match-literals", {"literals": literals})["matches"] == []
    record = server.newest(actionName="matchLiteral")
    assert record["requestParams"] == {"literals": 4} and record["userIdentity"] == {"email": "alice"}
    with refused(server, 403, "PERMISSION_DENIED"):
        alice.read("jdbc", "password")
    with refused(server, 400, "INVALID_PARAMETER_VALUE", "matchLiteral"):
        session.call("match-literals", {"literals": ["x" * 12] * 65})


def test_concurrent_reads_with_duplicates_are_each_answered_once(server, session):
    """64 reads at once, each sent twice as a retrying proxy would: one of the two is answered, the other refused."""
    requests_to_send = [session.request("read", {"scope": "jdbc", "key": "password"}) for _ in range(64)] * 2

    def send(request):
        try:
            return session.send(*request)
        except Refused as refusal:
            assert refusal.code == "ABORTED", str(refusal)

    with ThreadPoolExecutor(16) as pool:
        answers = [answer for answer in pool.map(send, requests_to_send) if answer]
    assert sorted(answer["seq"] for answer in answers) == list(range(1, 65))
    assert {session.opened_answer(answer) for answer in answers} == {PASSWORD}
