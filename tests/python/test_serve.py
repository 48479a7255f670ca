"""The shared server as its operator sees it: starting and stopping, TLS, configuration, limits, faults, metrics."""

import contextlib
import json
import resource
import socket
import ssl
import subprocess
import time

import pytest
import requests

from harness import Server, Tls, lightly_searched

VALUE = "planted-value-of-the-server-tests"
STRICT = """
[limits]
scopes = 3
secrets_per_scope = 2
value_bytes = 64
body_bytes = 2048
requests_per_second = 20
failed_authentications_per_second = 1

[timeouts]
headers = 1
body = 1
handshake = 1
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    yield from lightly_searched(tmp_path_factory, VALUE)


@pytest.fixture(scope="module")
def tls(house):
    return Tls(house.root / "tls")


@pytest.fixture(scope="module")
def server(house, tls):
    """Speaks TLS, with the limits that the API documents."""
    with Server(house, tls=tls).bootstrap() as server:
        yield server


@pytest.fixture(scope="module")
def strict(house):
    """Plain, with limits that a test can reach."""
    file = house.root / "home" / "strict.toml"
    file.write_text(STRICT)
    with Server(house, "--config", file, data="strict").bootstrap() as server:
        yield server


def call(server, method, path, token=None, **options):
    """One request; whatever it answers is JSON with the contract's fields."""
    headers = {"Authorization": f"Bearer {token or server.admin}"} | options.pop("headers", {})
    answer = requests.request(method, server.host + path, headers=headers, timeout=30,
                              verify=str(server.tls.authority) if server.tls else None, **options)
    if answer.status_code >= 400 and answer.headers["Content-Type"] == "application/json":
        assert set(answer.json()) == {"error_code", "message"}, answer.text
    return answer


def post(server, path, **fields):
    return call(server, "POST", "/api/2.0/" + path, json=fields)


def refused(answer, status, code, *texts):
    body = answer.json()
    assert (answer.status_code, body["error_code"]) == (status, code), answer.text
    for text in texts:
        assert text in body["message"], answer.text
    assert "planted" not in answer.text, answer.text


# --- starting and stopping --------------------------------------------------------------------------------------------


def start(house, *arguments, data="never"):
    """A start that must fail at once."""
    return house.sealbook("serve", "--data", house.root / data, *arguments, timeout=20)


def test_what_keeps_it_from_starting(house, server, tls, tmp_path):
    other = Tls(tmp_path)
    for name, text in (("empty.pem", ""), ("broken.pem", "-----BEGIN CERTIFICATE-----\nplanted!\n-----END CERTIFICATE-----\n"),
                       ("unknown.toml", "planted = 1\n"), ("large.toml", "[limits]\nvalue_bytes = 200000\n")):
        (tmp_path / name).write_text(text)
    local = ("--listen", "127.0.0.1:0")
    table = [
        (("--listen", f"127.0.0.1:{server.port}"), [f"127.0.0.1:{server.port}", "in use"]),
        (("--listen", "0.0.0.0:0"), ["0.0.0.0:0", "--tls-cert", "--allow-plain-http"]),
        ((*local, "--tls-cert", tmp_path / "none.pem", "--tls-key", tls.key), ["none.pem", "No such file"]),
        ((*local, "--tls-cert", tls.certificate, "--tls-key", tmp_path / "none.pem"), ["none.pem", "No such file"]),
        ((*local, "--tls-cert", tmp_path / "empty.pem", "--tls-key", tls.key), ["empty.pem", "certificate"]),
        ((*local, "--tls-cert", tmp_path / "broken.pem", "--tls-key", tls.key), ["broken.pem"]),
        ((*local, "--tls-cert", tls.certificate, "--tls-key", other.key), ["key is not the certificate's"]),
        ((*local, "--tls-cert", tls.certificate, "--tls-key", tls.certificate), ["private key", "there is none"]),
        ((*local, "--config", tmp_path / "none.toml"), ["none.toml", "No such file"]),
        ((*local, "--config", tmp_path / "unknown.toml"), ["unknown.toml", "planted", "limits"]),
        ((*local, "--config", tmp_path / "large.toml"), ["limits.value_bytes", "131072"]),
    ]
    for arguments, texts in table:
        done = start(house, *arguments)
        assert done.returncode == 1 and done.out == "", (arguments, done.out, done.err)
        for text in texts:
            assert text in done.err, (arguments, text, done.err)
        assert "panicked" not in done.err and "planted!" not in done.err
    for arguments in ((*local, "--tls-cert", tls.certificate), ("--listen", "here"), ()):
        assert start(house, *arguments).returncode == 2
    done = start(house, *local, data="server")
    assert done.returncode == 1 and "runs already" in done.err, done.err


def test_the_first_start_and_the_next(house):
    with Server(house, data="twice").bootstrap() as first:
        token = first.admin
        assert post(first, "secrets/scopes/create", scope="kept").json() == {}
        assert post(first, "secrets/put", scope="kept", key="key", string_value=VALUE).json() == {}
        assert first.stop() == 0
    assert (house.root / "twice" / "secrets.db").is_file()
    log = house.root / "twice" / "secrets.db-wal"
    assert not log.exists() or log.stat().st_size == 0, "the write-ahead log is folded into the database at the end"
    with Server(house, data="twice", admin=token) as second:
        assert [secret["key"] for secret in call(second, "GET", "/api/2.0/secrets/list?scope=kept").json()["secrets"]] == ["key"]
        second.process.terminate()
        assert second.process.wait(timeout=20) == 0
        assert second.process.stdout.read() == "", "a bootstrap token is printed at the first start only"
    for line in (house.root / "logs" / "twice.log").read_text().splitlines():
        assert {"timestamp", "level"} <= set(json.loads(line)), line
        assert VALUE not in line and token not in line


def test_requests_under_way_are_answered_before_the_end(house):
    with Server(house, data="ending").bootstrap() as server:
        body = b'{"scope":"last"}'
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(b"POST /api/2.0/secrets/scopes/create HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                               + server.admin.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:5])
            # The server has read the first half when it answers somebody who came later.
            assert call(server, "GET", "/health/live").status_code == 200
            server.process.terminate()
            connection.sendall(body[5:])
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK")
        assert server.process.wait(timeout=20) == 0


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_versions(server, version):
    context = ssl.create_default_context(cafile=str(server.tls.authority))
    context.minimum_version = context.maximum_version = version
    with context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=20), server_hostname="localhost") as connection:
        assert connection.version() == version.name.replace("_", ".")
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK")


def test_who_trusts_whom(house, server):
    assert server.host.startswith("https://127.0.0.1:")
    assert server.ok("secrets", "list-scopes")
    done = house.sealbook("secrets", "list-scopes", env={**server.environment(server.admin), "SEALBOOK_CA_FILE": None})
    assert done.returncode != 0 and "certificate" in done.err.lower(), done.err
    # Somebody who speaks no TLS gets no answer, and nothing breaks.
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert not connection.recv(4096).startswith(b"HTTP")
    assert call(server, "GET", "/health/live").json() == {}


# --- limits -----------------------------------------------------------------------------------------------------------


def slowly(server, method, path, **options):
    """Stays below the strict server's rate."""
    for _ in range(100):
        answer = call(server, method, path, **options)
        if answer.status_code != 429:
            return answer
        assert int(answer.headers["Retry-After"]) >= 1 and answer.json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"
        time.sleep(0.1)
    raise AssertionError("never below the limit")


def test_limits_of_the_configuration(strict):
    def put(**fields):
        return slowly(strict, "POST", "/api/2.0/secrets/put", json={"scope": "s1", "key": "k1"} | fields)

    for scope in ("s1", "s2", "s3"):
        assert slowly(strict, "POST", "/api/2.0/secrets/scopes/create", json={"scope": scope}).json() == {}
    refused(slowly(strict, "POST", "/api/2.0/secrets/scopes/create", json={"scope": "s4"}), 400, "RESOURCE_LIMIT_EXCEEDED", "3 scopes")
    assert put(string_value="p" * 64).json() == {}
    refused(put(string_value="planted-" * 9), 400, "INVALID_PARAMETER_VALUE", "72", "64")
    assert put(key="k2", string_value="p").json() == {}
    refused(put(key="k3", string_value="planted"), 400, "RESOURCE_LIMIT_EXCEEDED", "2 secrets")
    assert put(key="k2", string_value="planted again").json() == {}
    refused(put(key="k2", string_value="planted" * 400), 400, "INVALID_PARAMETER_VALUE", "2048")
    refused(slowly(strict, "POST", "/api/2.0/secrets/put", data=iter([b'{"scope":"', b"planted" * 400])),
            400, "INVALID_PARAMETER_VALUE", "2048")


def test_a_user_in_a_loop_is_slowed_down(strict):
    answers = [call(strict, "GET", "/api/2.0/secrets/scopes/list") for _ in range(60)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited and all(answer.status_code in (200, 429) for answer in answers)
    refused(limited[0], 429, "REQUEST_LIMIT_EXCEEDED", "admin")
    assert slowly(strict, "GET", "/api/2.0/secrets/scopes/list").status_code == 200


def test_a_flood_of_wrong_tokens(strict):
    answers = [call(strict, "GET", "/api/2.0/secrets/scopes/list", token=f"planted-wrong-{number}") for number in range(30)]
    codes = [answer.json()["error_code"] for answer in answers]
    assert codes[:10] == ["UNAUTHENTICATED"] * 10 and "REQUEST_LIMIT_EXCEEDED" in codes[10:], codes
    assert slowly(strict, "GET", "/api/2.0/secrets/scopes/list").status_code == 200, "a good token passes"


# --- bad input and faults ---------------------------------------------------------------------------------------------


def raw(server, data, timeout=10):
    """Sends bytes and reads until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout) as connection:
        connection.sendall(data)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65536):
                answer += piece
        return answer


def test_whoever_is_slow_is_cut_off(strict):
    authorization = b"Authorization: Bearer " + strict.admin.encode() + b"\r\n"
    assert raw(strict, b"") == b"", "an idle connection"
    assert not raw(strict, b"GET /health/live HTTP/1.1\r\nX-Slow: ").startswith(b"HTTP/1.1 2"), "headers that do not end"
    answer = raw(strict, b"GET /health/live HTTP/1.1\r\nX-Large: " + b"x" * 60_000 + b"\r\n\r\n")
    # Whether the refusal arrives depends on what was still under way when the connection was closed.
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 "), answer
    answer = raw(strict, b"POST /api/2.0/secrets/put HTTP/1.1\r\nHost: x\r\n" + authorization + b"Content-Length: 900\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 4") and b"did not arrive within 1 s" in answer or b"REQUEST_LIMIT" in answer, answer


def test_bad_requests(server):
    url = "/api/2.0/secrets/"
    for path in ("//api/2.0/secrets/scopes/list", "/api/2.0/secrets/scopes/list/", "/api/2.0/secrets/%2e%2e/secrets/scopes/list",
                 "/api/2.0/secrets/scopes/list%00", "/API/2.0/secrets/scopes/list", "/", "/api/2.0/secrets/put/../list", "/%ff"):
        prepared = requests.Request("GET", server.host, headers={"Authorization": f"Bearer {server.admin}"}).prepare()
        prepared.url = server.host + path
        with requests.Session() as session:
            refused(session.send(prepared, verify=str(server.tls.authority), timeout=30), 404, "ENDPOINT_NOT_FOUND")
    refused(call(server, "PUT", url + "put"), 404, "ENDPOINT_NOT_FOUND")
    for data in (b"", b"{", b"planted", b"[1]", b"null", b'{"scope":1,"key":"k"}', b'{"scope":"s","scope":"s"}', b"\xff\xfe", b"{}" * 2,
                 b'{"scope":"s","key":"k","string_value":"planted","unknown":"planted"}', b'{"scope":"s","key":"k","string_value":{"planted":1}}',
                 b'{"scope":"\\ud800","key":"k","string_value":"planted"}', b"[" * 100_000, b'{"a":' * 50_000):
        answer = call(server, "POST", url + "put", data=data, headers={"Content-Type": "text/json"})
        assert answer.status_code == 400, (data[:40], answer.text)
        refused(answer, 400, answer.json()["error_code"])
    for query in ("", "scope", "scope=", "scope=a&scope=b", "scope=%zz", "scope=%ff", "scope=a&unknown=planted", "scope=" + "a" * 5000):
        answer = call(server, "GET", url + "list?" + query)
        assert answer.status_code in (400, 404), (query[:40], answer.text)
    body = {"scope": "s", "key": "k", "string_value": "planted" * 200_000}
    refused(call(server, "POST", url + "put", json=body), 400, "INVALID_PARAMETER_VALUE", "1048576")
    assert call(server, "GET", "/health/live").json() == {}


def test_two_thousand_idle_connections(house):
    wanted = 2_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= wanted + 200, f"this machine allows {hard} open files: raise the hard limit (ulimit -Hn)"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 200), hard))
    with Server(house, data="idle").bootstrap() as server, contextlib.ExitStack() as open_connections:
        for _ in range(wanted):
            open_connections.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
        assert call(server, "GET", "/api/2.0/secrets/scopes/list").json() == {"scopes": []}
        assert metric(server, "sealbook_connections") > wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# --- what is watched --------------------------------------------------------------------------------------------------


def metric(server, name):
    lines = requests.get(server.host + "/metrics", timeout=30, verify=str(server.tls.authority) if server.tls else None).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_health_and_metrics(server):
    ready = requests.get(server.host + "/health/ready", timeout=30, verify=str(server.tls.authority)).json()
    assert abs(ready["time"] / 1000 - time.time()) < 60 and ready["version"]
    assert requests.get(server.host + "/health/live", timeout=30, verify=str(server.tls.authority)).json() == {}
    name = 'sealbook_requests_total{action="listScopes",status="200"}'
    before = metric(server, name)
    call(server, "GET", "/api/2.0/secrets/scopes/list")
    assert metric(server, name) == before + 1
    refused(requests.get(server.host + "/api/2.0/secrets/scopes/list", timeout=30, verify=str(server.tls.authority)), 401, "UNAUTHENTICATED")
    assert metric(server, 'sealbook_requests_total{action="listScopes",status="401"}') >= 1
    assert metric(server, "sealbook_audit_records_total") > 0


def test_the_program_of_a_curious_operator(server):
    done = subprocess.run(["curl", "--silent", "--cacert", server.tls.authority, server.host + "/openapi.json"],
                          capture_output=True, check=True, timeout=30)
    document = json.loads(done.stdout)
    assert document["openapi"].startswith("3.1") and "/api/2.0/secrets/put" in document["paths"]


def test_the_most_verbose_log_is_json_lines_without_values_or_tokens(house):
    with Server(house, data="verbose", environment={"SEALBOOK_LOG": "trace"}).bootstrap() as server:
        call(server, "POST", "/api/2.0/secrets/scopes/create", server.admin, json={"scope": "verbose"})
        secret = {"scope": "verbose", "key": "password", "string_value": VALUE}
        assert call(server, "POST", "/api/2.0/secrets/put", server.admin, json=secret).status_code == 200
        wrong = {**secret, "no_such_field": VALUE}
        assert call(server, "POST", "/api/2.0/secrets/put", server.admin, json=wrong).status_code == 400
        assert call(server, "GET", "/api/2.0/secrets/list?scope=verbose", "sealbook_planted-wrong").status_code == 401
    lines = server.log.read_text().splitlines()
    assert len(lines) > 10
    for line in lines:
        assert json.loads(line)["level"] in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
    text = "\n".join(lines)
    for hidden in (VALUE, server.admin, "sealbook_planted-wrong"):
        assert hidden not in text
