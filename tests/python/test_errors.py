"""What a user sees when something is wrong: what happened, where, what to do. Never a panic, never a loss."""

import json
import shutil
import stat

import psutil
import pytest

from harness import PLANTED, Kernel


def failed(done, *texts, status=1):
    """The command failed, in its own words."""
    seen = done.out + done.err
    assert done.returncode == status, seen
    for text in texts:
        assert text in seen, seen
    assert "panicked" not in seen and "RUST_BACKTRACE" not in seen, seen
    return seen


# --- in a cell ---------------------------------------------------------------------------------------------------------

MISSING_KEY = "Secret does not exist with scope: jdbc and key: missing"
MISSING_SCOPE = "Scope nowhere does not exist!"


@pytest.mark.parametrize(("call", "text"), [
    ('dbutils.secrets.get("jdbc", "missing")', MISSING_KEY),
    ('dbutils.secrets.get_bytes("jdbc", "missing")', MISSING_KEY),
    ('dbutils.secrets.get("nowhere", "key")', MISSING_SCOPE),
    ('dbutils.secrets.list("nowhere")', MISSING_SCOPE),
])
def test_a_missing_secret_in_a_cell(kernel, call, text):
    cell = kernel.execute(f"let kept = 7; let x = {call};")
    assert cell.status == "error"
    assert text in cell.error["evalue"]
    assert cell.reply["content"]["evalue"] == cell.error["evalue"]
    assert kernel.ok("6 * 7").result["text/plain"] == "42"


def test_a_missing_secret_as_a_result(kernel):
    cell = kernel.ok('println!("{}", dbutils.secrets.try_get("jdbc", "missing").unwrap_err());')
    assert MISSING_KEY in cell.stdout


# --- through the command line ------------------------------------------------------------------------------------------

def test_unknown_names(house):
    failed(house.sealbook("secrets", "list", "--scope", "nowhere"), MISSING_SCOPE, "sealbook secrets list-scopes")
    failed(house.sealbook("secrets", "delete", "--scope", "jdbc", "--key", "missing"), MISSING_KEY)
    failed(house.sealbook("secrets", "create-scope", "--scope", "jdbc"), "Scope jdbc already exists!")
    failed(house.sealbook("secrets", "create-scope", "--scope", "a b"), "a b", "allowed are letters, digits")


def test_usage(house):
    failed(house.sealbook("secrets", "put", "--scope", "jdbc"), "--key", status=2)
    failed(house.sealbook("nonsense"), "nonsense", status=2)


def test_there_is_no_way_to_read_a_value(house):
    failed(house.sealbook("secrets", "get", "--scope", "jdbc", "--key", "password"), status=2)
    sockets = [path for path in (house.root / "sealbook").rglob("*") if stat.S_ISSOCK(path.stat().st_mode)]
    assert len(sockets) == 1
    done = house.run("curl", "--silent", "--unix-socket", sockets[0], "-w", "\n%{http_code}",
                     "http://localhost/api/2.0/secrets/get?scope=jdbc&key=password")
    body, _, code = done.out.rpartition("\n")
    assert code == "400" and json.loads(body)["error_code"] == "BAD_REQUEST"
    assert "dbutils.secrets.get" in json.loads(body)["message"]
    attempts = [record for record in house.audit() if record["actionName"] == "getSecret" and record["response"]["statusCode"] == 400]
    assert attempts and attempts[-1]["requestParams"]["key"] == "password"


def test_a_service_that_cannot_start(fresh_house):
    blocked = fresh_house.root / "blocked"
    blocked.write_text("a file, not a folder")
    failed(fresh_house.sealbook("secrets", "list-scopes", env={"SEALBOOK_HOME": blocked / "home"}), str(blocked), status=3)


def test_a_remote_service_that_is_away(fresh_house):
    environment = {"SEALBOOK_HOST": "http://127.0.0.1:9", "SEALBOOK_TOKEN": "planted-token-value-0123"}
    seen = failed(fresh_house.sealbook("secrets", "list-scopes", env=environment), "127.0.0.1:9", status=3)
    assert "planted-token" not in seen


def stopped(house):
    """Stops the embedded service and returns its database and its key file."""
    house.leave()
    files = [path for path in (house.root / "sealbook").rglob("*") if path.is_file()]
    databases = [path for path in files if path.read_bytes()[:15] == b"SQLite format 3"]
    keys = [path for path in files if "key" in path.name.lower() and path not in databases and path.stat().st_size < 4096]
    assert len(databases) == 1 and keys, files
    return databases[0], keys


def test_a_corrupt_database(fresh_house):
    fresh_house.plant()
    database, _ = stopped(fresh_house)
    for leftover in database.parent.glob(f"{database.name}-*"):
        leftover.unlink()
    damaged = b"this is no database" + database.read_bytes()[19:]
    database.write_bytes(damaged)
    seen = failed(fresh_house.sealbook("secrets", "list-scopes"), database.name, status=3)
    assert "is damaged: restore it from a backup" in seen
    assert database.read_bytes() == damaged, "nothing was overwritten"


def test_a_wrong_key_file(fresh_house):
    fresh_house.install().plant()
    _, keys = stopped(fresh_house)
    originals = {key: key.read_bytes() for key in keys}
    for key in keys:
        # The same form, another key.
        other = fresh_house.root / "other"
        made = fresh_house.sealbook("secrets", "list-scopes", env={"SEALBOOK_HOME": other})
        assert made.returncode == 0, made.err
        shutil.copy(other / key.relative_to(fresh_house.root / "sealbook"), key)
        key.chmod(0o600)
    seen = failed(fresh_house.sealbook("secrets", "put", "--scope", "jdbc", "--key", "new", input="planted-new-value"), status=3)
    assert any(key.name in seen for key in keys), seen
    # With the right key back, everything is there.
    for key, content in originals.items():
        key.write_bytes(content)
    with Kernel(fresh_house) as kernel:
        cell = kernel.ok('println!("{}", dbutils.secrets.get("jdbc", "password").len());')
        assert cell.stdout == f"{len(PLANTED['jdbc', 'password'].encode())}\n"


def test_a_key_file_that_others_can_read(fresh_house):
    fresh_house.plant()
    _, keys = stopped(fresh_house)
    for key in keys:
        key.chmod(0o644)
    failed(fresh_house.sealbook("secrets", "list-scopes"), "chmod 600", status=3)


def test_a_key_file_that_is_gone(fresh_house):
    fresh_house.plant()
    _, keys = stopped(fresh_house)
    for key in keys:
        key.unlink()
    seen = failed(fresh_house.sealbook("secrets", "list-scopes"), status=3)
    assert any(key.name in seen for key in keys), seen


# --- the kernel's own start --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"transport": "tcp"}', b"\xff\xfe"])
def test_an_unreadable_connection_file(fresh_house, content):
    path = fresh_house.root / "run" / "kernel-broken.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    failed(fresh_house.sealbook("kernel", "--connection-file", path, timeout=30), str(path))


def test_ports_that_are_taken(fresh_house):
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        path = fresh_house.root / "run" / "kernel-taken.json"
        ports = {f"{name}_port": port for name in ("shell", "iopub", "stdin", "control", "hb")}
        path.write_text(json.dumps({"transport": "tcp", "ip": "127.0.0.1", "key": "k", "signature_scheme": "hmac-sha256"} | ports))
        failed(fresh_house.sealbook("kernel", "--connection-file", path, timeout=30), str(port))


def test_a_kernel_without_a_toolchain(fresh_house):
    fresh_house.install()
    empty = fresh_house.root / "no-programs"
    empty.mkdir()
    with Kernel(fresh_house, PATH=str(empty), CARGO_HOME=str(empty), RUSTUP_HOME=str(empty)) as kernel:
        # It answers: a front end shows the cell's error instead of a dead kernel.
        cell = kernel.execute("1 + 1")
        assert cell.status == "error"
        assert "cargo" in cell.error["evalue"] and "rustup" in cell.error["evalue"]


def test_doctor_without_a_toolchain(fresh_house):
    empty = fresh_house.root / "no-programs"
    empty.mkdir()
    done = fresh_house.sealbook("doctor", env={"PATH": str(empty), "CARGO_HOME": str(empty), "RUSTUP_HOME": str(empty)})
    failed(done, "cargo", "rustup")


def test_doctor_on_a_healthy_machine(house):
    done = house.sealbook("doctor")
    assert done.returncode == 0, done.out + done.err
    for part in ("toolchain", "kernelspec", "service"):
        assert part in done.out.lower()


# --- the filter --------------------------------------------------------------------------------------------------------

def test_redact_as_a_filter(fresh_house):
    secret = fresh_house.root.parent / f"{fresh_house.root.name}-secret"
    secret.write_text(PLANTED["jdbc", "password"])
    text = f"before {PLANTED['jdbc', 'password']} after \xff\n".encode("latin-1", "replace")
    done = fresh_house.ok("redact", "--secret-file", secret, input=text)
    secret.unlink()
    assert done.stdout == b"before [REDACTED] after \xff\n"


def test_redact_says_nothing_before_it_knows_its_secrets(fresh_house):
    done = fresh_house.sealbook("redact", "--secret-file", fresh_house.root / "missing", input="some input")
    failed(done, "missing", status=done.returncode)
    assert done.returncode != 0 and done.stdout == b""
    empty = fresh_house.root / "empty-secret"
    empty.write_text("")
    done = fresh_house.sealbook("redact", "--secret-file", empty, input="some input")
    assert done.returncode != 0 and done.stdout == b"" and "empty-secret" in done.err


def test_no_service_outlives_its_test(fresh_house):
    """The tests' own care: a service of another data folder goes with the house, too."""
    elsewhere = fresh_house.root / "elsewhere"
    assert fresh_house.sealbook("secrets", "list-scopes", env={"SEALBOOK_HOME": elsewhere}).returncode == 0
    running = lambda: [process for process in psutil.process_iter(["cmdline"]) if str(elsewhere) in (process.info["cmdline"] or ())]
    assert len(running()) == 1
    fresh_house.leave()
    assert running() == []
