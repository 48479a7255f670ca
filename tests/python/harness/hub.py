"""A real JupyterHub with a real configurable-http-proxy, on free loopback ports, and what a user does through it."""

import contextlib
import json
import secrets
import shutil
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
import requests
import websocket

LIMIT_SECONDS = 120


def proxy_command():
    """configurable-http-proxy, as the tests' set-up installed it, or one that is on the path."""
    installed = Path(sys.prefix).parent / "node" / "node_modules" / ".bin" / "configurable-http-proxy"
    found = str(installed) if installed.exists() else shutil.which("configurable-http-proxy")
    if not found:
        pytest.fail("configurable-http-proxy is not installed: run `cargo xtask test setup`")
    return found


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


class Hub:
    """Runs from `with` to the end of its block, after `configure`."""

    def __init__(self, house):
        self.house = house
        self.folder = house.root / "hub"
        self.folder.mkdir()
        self.token = secrets.token_hex(16)
        public, hub, self.proxy = free_ports(3)
        self.url = f"http://127.0.0.1:{public}"
        self.api = f"http://127.0.0.1:{hub}/hub/api"
        self.log = house.root / "logs" / "hub.log"

    def configure(self, environment):
        """Writes the configuration; `environment` is what the users' servers get."""
        settings = {
            "JupyterHub": {
                "bind_url": self.url, "hub_bind_url": self.api.removesuffix("/hub/api"), "authenticator_class": "dummy",
                "spawner_class": "simple", "db_url": f"sqlite:///{self.folder}/hub.sqlite",
                "cookie_secret_file": f"{self.folder}/cookie_secret",
                "services": [{"name": "driver", "api_token": self.token}],
                "load_roles": [{"name": "driver", "services": ["driver"],
                                "scopes": ["admin:users", "admin:servers", "access:servers", "tokens"]}],
            },
            "ConfigurableHTTPProxy": {"command": [proxy_command()], "api_url": f"http://127.0.0.1:{self.proxy}",
                                      "pid_file": f"{self.folder}/proxy.pid"},
            "DummyAuthenticator": {"allow_all": True},
            "Spawner": {"environment": environment, "start_timeout": LIMIT_SECONDS, "http_timeout": LIMIT_SECONDS,
                        "cmd": [str(Path(sys.executable).with_name("jupyterhub-singleuser"))], "args": ["--allow-root"]},
            "SimpleLocalProcessSpawner": {"home_dir_template": str(self.house.root / "home")},
        }
        lines = [f"c.{part}.{name} = {value!r}" for part, values in settings.items() for name, value in values.items()]
        (self.folder / "config.py").write_text("\n".join(lines) + "\n")

    def __enter__(self):
        environment = self.house.environment(CONFIGPROXY_AUTH_TOKEN=secrets.token_hex(16))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(self.folder / "config.py")], cwd=self.folder, env=environment,
            stdout=self.log.open("wb"), stderr=subprocess.STDOUT)
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["authorization"] = f"token {self.token}"
        self.until(lambda: self.http.get(f"{self.api}/").ok)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=30)
        self.process.kill()
        self.process.wait()

    def until(self, condition):
        deadline = time.monotonic() + LIMIT_SECONDS
        while True:
            with contextlib.suppress(requests.ConnectionError):
                if condition():
                    return
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()[-4000:]
            time.sleep(0.2)

    def post(self, path, **fields):
        answer = self.http.post(self.api + path, json=fields)
        assert answer.ok, (path, answer.text, self.log.read_text()[-2000:])
        return answer

    def user(self, name):
        """A user whose server runs."""
        self.post(f"/users/{name}")
        self.post(f"/users/{name}/server")
        self.until(lambda: self.http.get(f"{self.api}/users/{name}").json()["servers"].get("", {}).get("ready"))
        return UserServer(self, name)

    def stop_server(self, name):
        self.http.delete(f"{self.api}/users/{name}/server")
        self.until(lambda: not self.http.get(f"{self.api}/users/{name}").json()["servers"])


class UserServer:
    """A user's Jupyter server behind the proxy."""

    def __init__(self, hub, name):
        self.hub, self.name = hub, name
        self.base = f"{hub.url}/user/{name}"

    def execute(self, kernel_name, code):
        """Runs a cell in a new kernel and returns its messages' text, as a browser would see it."""
        answer = self.hub.http.post(f"{self.base}/api/kernels", json={"name": kernel_name})
        assert answer.ok, answer.text
        kernel = answer.json()["id"]
        address = f"{self.base.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels"
        channel = websocket.create_connection(address, header=[f"Authorization: token {self.hub.token}"], timeout=LIMIT_SECONDS)
        try:
            request = uuid.uuid4().hex
            channel.send(json.dumps({
                "header": {"msg_id": request, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex,
                           "date": "", "version": "5.3"},
                "parent_header": {}, "metadata": {}, "channel": "shell",
                "content": {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False,
                            "stop_on_error": True}}))
            text = ""
            while True:
                message = json.loads(channel.recv())
                if message["parent_header"].get("msg_id") != request:
                    continue
                content = message["content"]
                text += content.get("text", "") + content.get("evalue", "")
                if message["msg_type"] == "status" and content["execution_state"] == "idle":
                    return text
        finally:
            channel.close()
            self.hub.http.delete(f"{self.base}/api/kernels/{kernel}")
