"""Two servers on one data folder: what one of them answers or takes away, the other knows."""

import contextlib
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from harness import PLANTED, Server, lightly_searched
from harness.session import SESSIONS, Protocol, Refused

PASSWORD = PLANTED["jdbc", "password"]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    yield from lightly_searched(tmp_path_factory, PASSWORD)


@pytest.fixture(scope="module")
def replicas(house):
    with Server(house, "--replica", "a", data="both").bootstrap() as a, Server(house, "--replica", "b", data="both", admin=a.admin) as b:
        a.user("bob")
        a.ok("secrets", "create-scope", "--scope", "jdbc")
        b.ok("secrets", "put", "--scope", "jdbc", "--key", "password", "--binary-file", "-", input=PASSWORD)
        a.ok("secrets", "put-acl", "--scope", "jdbc", "--principal", "bob", "--permission", "READ")
        a.kernel_token = b.kernel_token = a.token("bob", "kernel")
        yield a, b


def sent(server, path, body, headers):
    """The answer of one of the replicas."""
    return requests.post(server.host + path, data=body, headers=headers, timeout=60)


def test_a_request_that_reaches_both_is_answered_by_one(replicas):
    session = Protocol(replicas[0], "kernel-token", replicas[0].kernel_token)
    asked = [session.request("read", {"scope": "jdbc", "key": "password"}) for _ in range(64)]
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda pair: sent(pair[1], *pair[0]), [(request, server) for request in asked for server in replicas]))
    for number, pair in enumerate(zip(answers[::2], answers[1::2])):
        assert sorted(answer.status_code for answer in pair) == [200, 409], (number, [answer.text for answer in pair])
    served = [answer.json() for answer in answers if answer.status_code == 200]
    assert sorted(answer["seq"] for answer in served) == list(range(1, 65))
    assert {session.opened_answer(answer) for answer in served} == {PASSWORD}
    # The other's records are in the database within 50 ms of its answer; asking it first waits for them.
    for server in replicas:
        records = server.audit(limit=200, actionName="getSecret")
    assert [record["response"]["statusCode"] for record in records].count(200) == 64


def test_what_one_takes_away_the_other_refuses(replicas):
    a, b = replicas
    session = Protocol(a, "kernel-token", a.kernel_token)
    read = {"scope": "jdbc", "key": "password"}
    for server in (a, b, a):
        assert sent(server, *session.request("read", read)).status_code == 200
    a.ok("secrets", "delete-acl", "--scope", "jdbc", "--principal", "bob")
    assert sent(b, *session.request("read", read)).status_code == 403
    b.ok("secrets", "put-acl", "--scope", "jdbc", "--principal", "bob", "--permission", "READ")
    assert sent(a, *session.request("read", read)).status_code == 200
    b.ok("sessions", "revoke", "--session-id", session.id)
    refusal = sent(a, *session.request("read", read))
    assert refusal.status_code == 403 and "revoked" in refusal.json()["message"]
    admin = {"Authorization": f"Bearer {a.admin}"}
    token = requests.post(a.host + "/api/2.0/token/create", json={"user_name": "bob"}, headers=admin, timeout=30).json()
    bob = {"Authorization": f"Bearer {token['token_value']}"}
    for server in (b, a):
        assert requests.get(server.host + "/api/2.0/secrets/scopes/list", headers=bob, timeout=30).status_code == 200
    b.ok("tokens", "revoke", "--token-id", token["token_info"]["token_id"])
    assert requests.get(a.host + "/api/2.0/secrets/scopes/list", headers=bob, timeout=30).status_code == 401


def test_a_ticket_is_used_once_on_whichever(replicas):
    a, b = replicas
    answer = requests.post(f"{a.host}{SESSIONS}/tickets", json={}, headers={"authorization": f"Bearer {a.admin}"}, timeout=30)
    ticket = answer.json()["ticket"]

    def opened(server):
        try:
            return Protocol(server, "job-ticket", ticket).id
        except Refused as refusal:
            assert refusal.code == "UNAUTHENTICATED", str(refusal)

    with ThreadPoolExecutor(8) as pool:
        assert len([found for found in pool.map(opened, [a, b] * 4) if found]) == 1


def test_writes_through_both_at_once(replicas):
    with ThreadPoolExecutor(8) as pool:
        def put(number):
            body = {"scope": "jdbc", "key": f"key-{number % 4}", "string_value": f"planted-{number}"}
            server = replicas[number % 2]
            return requests.post(server.host + "/api/2.0/secrets/put", json=body, headers={"Authorization": f"Bearer {server.admin}"}, timeout=60)
        # Two that change the same key at the same moment may both be told to decide anew; nothing else may go wrong.
        assert {answer.status_code for answer in pool.map(put, range(64))} <= {200, 409}
    keys = [[secret["key"] for secret in server.json("secrets", "list", "--scope", "jdbc")["secrets"]] for server in replicas]
    assert keys[0] == keys[1] == [*(f"key-{number}" for number in range(4)), "password"]


def test_one_that_dies_leaves_the_other_serving(house, replicas):
    a, b = replicas
    session = Protocol(b, "kernel-token", b.kernel_token)
    read = {"scope": "jdbc", "key": "password"}
    stop, statuses = threading.Event(), []

    def keep_reading():
        while not stop.is_set():
            try:
                statuses.append(sent(a, *session.request("read", read)).status_code)
            except requests.ConnectionError:
                return

    reader = threading.Thread(target=keep_reading)
    reader.start()
    for _ in range(20):
        assert sent(b, *session.request("read", read)).status_code == 200
    a.kill()
    reader.join(timeout=60)
    stop.set()
    assert set(statuses) <= {200}
    for _ in range(20):
        assert sent(b, *session.request("read", read)).status_code == 200
    a.start()
    assert sent(a, *session.request("read", read)).status_code == 200
    # Every read that was answered has its intent, and both chains are whole.
    for server in (a, b):
        records = server.audit(limit=2_000, actionName="getSecret")
    answered = [record for record in records if record.get("sessionId") == session.id and record.get("response", {}).get("statusCode") == 200]
    assert len(answered) >= 41 + len(statuses)
    done = a.call("audit", "verify")
    assert done.returncode == 0, done.out + done.err


def test_what_keeps_a_replica_from_starting(house, replicas):
    def start(*arguments, data="both"):
        return house.sealbook("serve", "--listen", "127.0.0.1:0", "--data", house.root / data, *arguments, timeout=20)

    for arguments, text in (((), "--replica"), (("--replica", "a"), "called a"), (("--replica", "../a"), "replica: it must be"),
                            (("--replica", "main"), "replica: it must be")):
        done = start(*arguments)
        assert done.returncode == 1 and text in done.err, (arguments, done.err)
    # What a server without others claimed and could not write any more must be taken over before others answer.
    with Server(house, data="crashed").bootstrap() as alone:
        session = Protocol(alone, "kernel-token", alone.token("admin", "kernel"))
        with contextlib.closing(sqlite3.connect(house.root / "crashed" / "secrets.db", isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            with pytest.raises(Refused, match="does not exist"):
                session.read("none", "none")
            alone.kill()
            database.execute("ROLLBACK")
        done = start("--replica", "a", data="crashed")
        assert done.returncode == 1 and "without --replica" in done.err, done.err
        alone.start()
        assert alone.newest(actionName="getSecret")["sessionId"] == session.id
