"""The audit log: what it says, what it survives, and that nobody can change it unseen."""

import json
import resource
import shutil
import sqlite3
import subprocess
import time

import pytest
import requests

from harness.server import Server

def database(data):
    return sqlite3.connect(data / "secrets.db", isolation_level=None, timeout=1)


@pytest.fixture(scope="module")
def seed(house, tmp_path_factory):
    """A stopped server's data folder with a log, its administrator's token, an export and a checkpoint of the log."""
    server = Server(house, data=tmp_path_factory.mktemp("seed")).bootstrap()
    try:
        server.ok("users", "create", "--user-name", "bob")
        server.ok("secrets", "create-scope", "--scope", "audited")
        server.ok("secrets", "put", "--scope", "audited", "--key", "k", input="planted-audited-value")
        bob = server.token("bob", "api")
        assert server.call("secrets", "list", "--scope", "audited", token=bob).returncode == 1
        assert server.call("secrets", "list-scopes", token="planted-wrong-token").returncode == 1
        server.export = server.ok("audit", "export", "--chain").out
        server.checkpoint = server.ok("audit", "checkpoint").out
        server.rows = len(server.export.splitlines()) - 1
    finally:
        server.stop()
    return server


@pytest.fixture
def copy(house, seed, tmp_path):
    """Starts servers on tampered copies of the seed."""
    running = []

    def start(tamper=None):
        data = tmp_path / "data"
        shutil.copytree(seed.data, data)
        if tamper:
            tamper(data)
        running.append(Server(house, data=data, admin=seed.admin))
        return running[-1]

    yield start
    for server in running:
        server.stop()


def changed(*statements):
    """Runs statements on the stopped server's database."""
    def tamper(data):
        with database(data) as connection:
            for statement in statements:
                assert connection.execute(statement).rowcount, statement
    return tamper


def without(tamper, *files):
    def both(data):
        tamper(data)
        for file in files:
            (data / file).unlink()
    return both


def edited_checkpoint(data):
    path = data / "audit.checkpoints"
    lines = path.read_text().splitlines()
    last = json.loads(lines[-1])
    path.write_text("\n".join([*lines[:-1], json.dumps(last | {"count": last["count"] - 1})]) + "\n")


SWAP = ("UPDATE audit SET idx = -1 WHERE idx = 5", "UPDATE audit SET idx = 5 WHERE idx = 6",
        "UPDATE audit SET idx = 6 WHERE idx = -1")
CUT = changed("DELETE FROM audit WHERE idx > 5")


@pytest.mark.parametrize(("tamper", "first_bad"), [
    (changed("UPDATE audit SET user_name = 'carol' WHERE idx = 5"), "record 5 of chain main"),
    (changed("UPDATE audit SET body = replace(body, 'bob', 'eve') WHERE idx = 5"), "record 5 of chain main"),
    (changed("UPDATE audit SET failed = 1 - failed WHERE idx = 5"), "record 5 of chain main"),
    (changed("UPDATE audit SET at_ms = at_ms + 1 WHERE idx = 5"), "record 5 of chain main"),
    (changed("UPDATE audit SET mac = zeroblob(32) WHERE idx = 5"), "record 5 of chain main"),
    (changed("DELETE FROM audit WHERE idx = 5"), "record 5 of chain main is missing"),
    (changed("DELETE FROM audit WHERE idx <= 5"), "record 1 of chain main is missing"),
    (changed(*SWAP), "record 5 of chain main"),
    (CUT, "record 6 of chain main"),
    (without(CUT, "audit.journal"), "record 6 of chain main"),
    (without(changed("DELETE FROM audit"), "audit.journal"), "record 1 of chain main"),
    (edited_checkpoint, "the checkpoint at record"),
    (changed("UPDATE audit SET id = 1000000 WHERE idx = 5"), "record 6 of chain main was moved"),
    (changed("UPDATE audit SET id = -1 WHERE idx = 5"), "record 5 of chain main was moved"),
    (changed("INSERT INTO audit (replica, idx, phase, request_id, at_ms, user_name, action, failed, body, mac) SELECT 'zz', 1, phase, "
             "request_id, at_ms, user_name, action, failed, body, mac FROM audit WHERE idx = 5"), "record 1 of chain zz"),
    (without(CUT, "audit.checkpoints"), "the checkpoints of chain main were missing"),
    (without(CUT, "audit.journal", "audit.checkpoints"), "the checkpoints of chain main were missing"),
    (without(changed("DELETE FROM audit"), "audit.journal", "audit.checkpoints"), "the checkpoints of chain main were missing"),
    (without(lambda data: None, "audit.checkpoints"), "the checkpoints of chain main were missing"),
], ids=["user", "body", "outcome", "time", "mac", "deleted", "first-deleted", "swapped", "cut", "cut-with-journal", "emptied",
        "checkpoint", "moved-to-the-end", "moved-to-the-front", "another-chain", "cut-without-checkpoints",
        "cut-without-journal-and-checkpoints", "everything-gone", "checkpoints-gone"])
def test_verify_names_the_first_bad_record(copy, tamper, first_bad):
    server = copy(tamper)
    done = server.call("audit", "verify")
    assert done.returncode == 1 and first_bad in done.err, done.out + done.err
    verification = json.loads(server.call("audit", "verify", "--output", "json").out)
    assert verification["intact"] is False and first_bad in verification["first_bad"]


def rolled_back(data):
    """As the folder was after record 4: what is left belongs together."""
    without(CUT, "audit.journal")(data)
    path = data / "audit.checkpoints"
    path.write_text("".join(line + "\n" for line in path.read_text().splitlines() if json.loads(line)["count"] <= 5))


def test_a_checkpoint_kept_elsewhere_shows_a_cut_that_left_no_trace(copy, seed, tmp_path):
    server = copy(rolled_back)
    kept = tmp_path / "kept"
    kept.write_text(seed.checkpoint)
    assert server.call("audit", "verify").returncode == 0
    done = server.call("audit", "verify", "--checkpoints", kept)
    assert done.returncode == 1, done.err
    assert "is not the one that a checkpoint signed" in done.err or "is missing" in done.err, done.err


def lines_changed(change):
    def tamper(text):
        lines = text.splitlines()
        change(lines)
        return "\n".join(lines) + "\n"
    return tamper


@pytest.mark.parametrize(("tamper", "first_bad"), [
    (lambda text: text.replace('"user":"bob"', '"user":"eve"', 1), "record"),
    (lines_changed(lambda lines: lines.__delitem__(4)), "record 5 of chain main is missing"),
    (lines_changed(lambda lines: lines.insert(4, lines.pop(5))), "record 5 of chain main is missing"),
    (lines_changed(lambda lines: lines.insert(5, lines[4])), "record 5 of chain main is out of order"),
    (lines_changed(lambda lines: lines.__delitem__(-2)), "is missing, and all after it"),
    (lines_changed(lambda lines: lines.__delitem__(slice(6, None))), "it was cut off after record 6"),
    (lines_changed(lambda lines: lines.__setitem__(-1, lines[-1].replace('"count":', '"count":1'))), "was not signed by this service"),
], ids=["edited", "deleted", "swapped", "repeated", "last-deleted", "cut", "checkpoint"])
def test_a_tampered_export_is_found(copy, seed, tmp_path, tamper, first_bad):
    path = tmp_path / "export"
    path.write_text(tamper(seed.export))
    done = copy().call("audit", "verify", "--file", path)
    assert done.returncode == 1 and first_bad in done.err, done.out + done.err


def test_an_empty_export_verifies_nothing_and_says_so(copy, tmp_path):
    path = tmp_path / "empty"
    path.write_text("")
    done = copy().call("audit", "verify", "--file", path)
    assert done.returncode == 1 and "holds no record" in done.err and done.out == "", done.out + done.err


def test_an_intact_log_and_its_export_verify(copy, seed, tmp_path):
    server = copy()
    path = tmp_path / "export"
    path.write_text(seed.export)
    assert server.json("audit", "verify", "--file", path) == {"chains": 1, "intact": True, "records": seed.rows}
    verification = server.json("audit", "verify")
    assert verification["intact"] and verification["unknown_outcomes"] == 0 and verification["checkpoints"] > 1
    assert server.audit(actionName="startService")


def test_filters(copy):
    server = copy()

    def actions(*filters):
        return [record["actionName"] for record in server.json("audit", "query", *filters)]

    assert actions("--user", "bob") == ["listSecrets"]
    assert actions("--scope", "AUDITED") == ["createScope", "putSecret", "listSecrets"]
    assert actions("--action", "putSecret") == ["putSecret"]
    assert actions("--failed") == ["listSecrets", "listScopes"]
    assert actions("--since", "2999-01-01") == []
    assert actions("--since", "1h", "--scope", "audited", "--failed", "--user", "bob") == ["listSecrets"]
    assert len(actions("--limit", "2")) == 2
    exported = [json.loads(line) for line in server.ok("audit", "export", "--scope", "audited").out.splitlines()]
    assert [record["actionName"] for record in exported] == ["createScope", "putSecret", "listSecrets"]
    record = exported[-1]
    assert record["version"] == "2.0" and record["serviceName"] == "secrets" and record["workspaceId"] == "default"
    assert record["userIdentity"] == {"email": "bob"} and record["sourceIPAddress"] == "127.0.0.1"
    assert record["requestParams"] == {"scope": "audited"} and record["response"]["statusCode"] == 403
    assert abs(record["timestamp"] / 1000 - time.time()) < 3600 and record["requestId"]


def test_only_administrators_read_the_log(copy):
    server = copy()
    bob = server.token("bob", "api")
    for command in (["tail"], ["query"], ["export"], ["export", "--chain"], ["verify"], ["checkpoint"]):
        done = server.call("audit", *command, token=bob)
        assert done.returncode == 1 and "PERMISSION_DENIED" in done.err, (command, done.err)


def test_a_kill_between_intent_and_outcome_is_reported(copy, house):
    server = copy()
    lock = database(server.data)
    lock.execute("BEGIN IMMEDIATE")
    # The intent goes to the journal; the change waits for the database.
    waiting = subprocess.Popen([house.binary, "secrets", "create-scope", "--scope", "never"],
                               env=house.environment(**server.environment(server.admin)), stderr=subprocess.DEVNULL)
    journal = server.data / "audit.journal"
    deadline = time.monotonic() + 20
    while "createScope\",\"scope\":\"never" not in journal.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    server.kill()
    waiting.wait(timeout=20)
    lock.execute("ROLLBACK")
    lock.close()
    server.start()
    assert server.json("audit", "verify")["unknown_outcomes"] == 1
    [cut_off] = server.json("audit", "query", "--scope", "never")
    assert cut_off["actionName"] == "createScope" and "response" not in cut_off
    start = server.audit(actionName="startService")[-1]
    assert start["requestParams"]["unknownRequests"] == [cut_off["requestId"]]
    assert "their outcome is unknown" in server.log.read_text()
    assert "never" not in server.ok("secrets", "list-scopes").out


def test_an_intent_that_the_database_had_already_is_reported_too(copy):
    """The service died after the intent was in the database and before the outcome was anywhere."""
    server = copy()
    server.ok("secrets", "create-scope", "--scope", "cut-off")
    server.json("audit", "query", "--limit", "1")
    server.kill()
    with database(server.data) as connection:
        [(request, idx)] = connection.execute(
            "SELECT request_id, idx FROM audit WHERE scope = 'cut-off' AND phase = 0").fetchall()
        connection.execute("DELETE FROM audit WHERE idx > ?", [idx])
    (server.data / "audit.journal").unlink()
    server.start()
    start = server.audit(actionName="startService")[-1]
    assert start["requestParams"]["unknownRequests"] == [request] and start["requestParams"]["unknownOutcomes"] == 1
    verification = server.json("audit", "verify")
    assert verification["intact"] and verification["unknown_outcomes"] == 1
    # It is named once: the next start has nothing to report.
    server.kill()
    server.start()
    assert "unknownRequests" not in server.audit(actionName="startService")[-1]["requestParams"]


@pytest.mark.parametrize("edit", ["user", "deleted", "swapped"])
def test_an_edited_journal_keeps_the_service_from_starting(copy, house, edit):
    server = copy()
    lock = database(server.data)
    lock.execute("BEGIN IMMEDIATE")
    server.call("secrets", "list-scopes")
    server.call("secrets", "list", "--scope", "audited")
    server.kill()
    lock.execute("ROLLBACK")
    lock.close()
    journal = server.data / "audit.journal"
    intact = journal.read_bytes()
    lines = intact.decode().splitlines()
    match edit:
        case "user":
            lines[-1] = lines[-1].replace("admin", "carol")
        case "deleted":
            del lines[-2]
        case "swapped":
            lines[-2:] = reversed(lines[-2:])
    journal.write_text("\n".join(lines) + "\n")
    done = house.sealbook("serve", "--listen", "127.0.0.1:0", "--data", server.data)
    assert done.returncode == 1 and "audit.journal" in done.err and "record " in done.err and "chain main" in done.err, done.err
    journal.write_bytes(intact)
    server.start()
    assert server.json("audit", "verify")["intact"]


def test_nothing_is_served_that_cannot_be_recorded(house, tmp_path):
    # Python ignores SIGXFSZ, and with restore_signals=False so does what it starts: writes fail instead.
    server = Server(house, data=tmp_path / "full", restore_signals=False).bootstrap()
    try:
        server.ok("secrets", "create-scope", "--scope", "s")
        pid = server.process.pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        for command in (["secrets", "list-scopes"], ["secrets", "list", "--scope", "s"], ["audit", "tail"],
                        ["secrets", "put", "--scope", "s", "--key", "k", "--string-value", "planted-never-stored"]):
            done = server.call(*command)
            assert done.returncode != 0 and "TEMPORARILY_UNAVAILABLE" in done.err and done.out == "", done.out + done.err
        status = house.run("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--header", "@-",
                           f"{server.host}/api/2.0/secrets/scopes/list", input=f"Authorization: Bearer {server.admin}\n")
        assert status.out == "503"
        ready = requests.get(f"{server.host}/health/ready", timeout=30)
        assert ready.status_code == 503 and ready.json()["error_code"] == "TEMPORARILY_UNAVAILABLE", ready.text
        assert str(tmp_path) not in ready.text
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert requests.get(f"{server.host}/health/ready", timeout=30).status_code == 200, "before any other request"
        assert server.ok("secrets", "list", "--scope", "s").out.splitlines()[1:] == []
        assert server.json("audit", "verify")["intact"]
    finally:
        server.stop()
