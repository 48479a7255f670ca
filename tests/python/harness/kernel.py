"""A kernel driven by jupyter_client, with every message kept."""

import queue
import time
from dataclasses import dataclass, field

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from jupyter_client.session import Session

LIMIT_SECONDS = 120


@dataclass
class Cell:
    """What one cell produced."""

    reply: dict
    messages: list = field(default_factory=list)

    def texts(self, name):
        return "".join(m["content"]["text"] for m in self.messages
                       if m["msg_type"] == "stream" and m["content"]["name"] == name)

    @property
    def status(self):
        return self.reply["content"]["status"]

    @property
    def stdout(self):
        return self.texts("stdout")

    @property
    def stderr(self):
        return self.texts("stderr")

    @property
    def result(self):
        found = [m["content"]["data"] for m in self.messages if m["msg_type"] == "execute_result"]
        return found[-1] if found else None

    @property
    def displays(self):
        return [m["content"]["data"] for m in self.messages if m["msg_type"] == "display_data"]

    @property
    def error(self):
        found = [m["content"] for m in self.messages if m["msg_type"] == "error"]
        return found[-1] if found else None

    @property
    def types(self):
        return [m["msg_type"] for m in self.messages]


class Kernel:
    """An installed kernel, started for a test."""

    def __init__(self, house, name="sealbook", **environment):
        self.house = house
        self.environment = house.environment(PYTHONPATH=None, SEALBOOK_TEST_RECORDINGS=None, **environment)
        specs = KernelSpecManager(kernel_dirs=[str(house.root / "jupyter" / "kernels")], ensure_native_kernel=False)
        self.log = house.root / "logs" / f"kernel-{time.monotonic_ns()}.log"
        self.recording = house.root / "recordings" / f"{self.log.stem}.frames.jsonl"
        self.manager = KernelManager(kernel_name=name, kernel_spec_manager=specs)
        self.manager.connection_file = str(house.root / "run" / f"{self.log.stem}.json")

    def __enter__(self):
        with self.log.open("wb") as log:
            self.manager.start_kernel(env=self.environment, stdout=log, stderr=log, cwd=str(self.house.notebooks))
        self.client = self.manager.blocking_client()
        _record(self.client.session, self.recording)
        self.client.start_channels()
        try:
            self.client.wait_for_ready(timeout=LIMIT_SECONDS)
        except RuntimeError as error:
            self.stop()
            raise AssertionError(f"the kernel did not start: {error}\n{self.log.read_text()}") from error
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.manager.has_kernel:
            self.photograph()
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=False)

    @property
    def pid(self):
        return self.manager.provisioner.pid

    def photograph(self):
        return self.house.photograph(self.pid)

    def execute(self, code, limit=LIMIT_SECONDS, **options):
        """Runs a cell to its idle and its reply."""
        answers = []
        request = self.client.execute(code, **options)
        messages = self._until_idle(request, limit, answers)
        return Cell(self._reply(request, limit), messages)

    def ok(self, code, **options):
        """Runs a cell that must succeed."""
        cell = self.execute(code, **options)
        assert cell.status == "ok", f"{code}\n{cell.reply['content']}\n{cell.stdout}\n{cell.stderr}"
        return cell

    def complete(self, code, cursor):
        """The content of a completion that has matches. While the kernel still reads the standard library's analysis it
        answers in time, with nothing, so it is asked again."""
        for _ in range(10):
            request = self.client.complete(code, cursor)
            self._until_idle(request, LIMIT_SECONDS, [])
            content = self._reply(request, LIMIT_SECONDS)["content"]
            if content["matches"]:
                return content
        raise AssertionError(f"no completion of {code!r} at {cursor}: {content}")

    def _until_idle(self, request, limit, messages):
        deadline = time.monotonic() + limit
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no idle within {limit} s; got {[m['msg_type'] for m in messages]}\n"
                                     f"{self.log.read_text(errors='replace')}") from None
            if message["parent_header"].get("msg_id") != request:
                continue
            messages.append(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return messages

    def _reply(self, request, limit):
        deadline = time.monotonic() + limit
        while True:
            reply = self.client.get_shell_msg(timeout=max(0.01, deadline - time.monotonic()))
            if reply["parent_header"].get("msg_id") == request:
                return reply


def _record(session: Session, path):
    """Writes every frame that the client receives, as `planted` reads them."""
    import base64
    import json

    file = path.open("a", buffering=1)
    original = session.feed_identities

    def feed_identities(msg_list, copy=True):
        frames = [base64.b64encode(bytes(getattr(frame, "bytes", frame))).decode() for frame in msg_list]
        file.write(json.dumps({"from": "kernel", "frames": frames}) + "\n")
        return original(msg_list, copy)

    object.__setattr__(session, "feed_identities", feed_identities)
