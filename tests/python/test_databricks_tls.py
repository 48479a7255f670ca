"""databricks-cli 0.18 and the SDK over TLS: the command line drops the port of its host and comes through a proxy that tunnels."""

import json
import sys
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config

from harness import Server, Tls, lightly_searched
from harness.proxy import Tunnel

DATABRICKS = Path(sys.executable).parent / "databricks"
VALUE = "planted-value-over-tls"
# The client wants TLS 1.2 and forgets that behind a proxy; so its OpenSSL is told.
OLD_TLS = """
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = old
[old]
MaxProtocol = TLSv1.2
"""
# The extension `supported_versions` of a ServerHello, which says 1.3.
SAYS_1_3 = b"\x00\x2b\x00\x02\x03\x04"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    yield from lightly_searched(tmp_path_factory, VALUE)


@pytest.fixture(scope="module")
def server(house):
    with Server(house, tls=Tls(house.root / "tls")).bootstrap() as server:
        yield server


@pytest.mark.parametrize("old", [True, False], ids=["TLS 1.2", "TLS 1.3"])
def test_the_command_line_through_a_tunnel(house, server, old):
    settings, openssl = house.root / "home" / "databrickscfg", house.root / "home" / "openssl.cnf"
    settings.write_text(f"[DEFAULT]\nhost = https://sealbook.test\ntoken = {server.admin}\n")
    openssl.write_text(OLD_TLS if old else "")
    scope = "old" if old else "new"
    with Tunnel(server.port) as tunnel:
        proxy = f"http://127.0.0.1:{tunnel.port}"
        environment = {"DATABRICKS_CONFIG_FILE": settings, "https_proxy": proxy, "HTTPS_PROXY": proxy, "no_proxy": None, "NO_PROXY": None,
                       "REQUESTS_CA_BUNDLE": server.tls.authority, "OPENSSL_CONF": openssl}

        def databricks(*arguments):
            done = house.run(DATABRICKS, *arguments, env=environment)
            assert done.returncode == 0, done.out + done.err
            return done.out

        databricks("secrets", "create-scope", "--scope", scope)
        databricks("secrets", "put", "--scope", scope, "--key", "key", "--string-value", VALUE)
        listed = json.loads(databricks("secrets", "list", "--scope", scope, "--output", "JSON"))
    assert [secret["key"] for secret in listed["secrets"]] == ["key"]
    assert set(tunnel.targets) == {"sealbook.test:443"}, "the port is dropped"
    assert len(tunnel.first_bytes) >= 3
    assert {SAYS_1_3 in first for first in tunnel.first_bytes} == {not old}


def test_the_sdk(server, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.tls.authority))
    client = WorkspaceClient(config=Config(host=server.host, token=server.admin, retry_timeout_seconds=5))
    client.secrets.create_scope("sdk")
    client.secrets.put_secret("sdk", "key", string_value=VALUE)
    assert [secret.key for secret in client.secrets.list_secrets("sdk")] == ["key"]
