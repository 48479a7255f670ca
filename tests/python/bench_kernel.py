"""Measures our kernel beside evcxr_jupyter, in turn (A B A B …), in one run.

Writes docs/kernel-bench.md (medians and ratios) and docs/kernel-bench.svg. Each round starts a new kernel of each kind in
a new folder, so that nothing of one helps the other; which of the two comes first alternates.
"""

import argparse
import json
import os
import platform
import queue
import resource
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

CHECKOUT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 180
IDLE_SECONDS = 3
# After the last cell both kernels still analyse the standard library, or clean up.
REST_SECONDS = 10

# Name, unit, what is measured, target as a ratio (peer / ours) or None, target for ours in the unit or None.
MEASURES = [
    ("kernel_info", "s", "launch → `kernel_info_reply`", None, 0.3),
    ("first_result", "s", "launch → result of `1 + 1`", None, 1.0),
    ("expression", "s", "`6 * 7`", 3.0, None),
    ("println", "s", '`println!("hello")`', None, None),
    ("let", "s", "`let x = 5;`", 2.0, None),
    ("first_container", "s", "first `let` of a `Vec`", 2.0, None),
    ("function", "s", "a new `fn`", None, None),
    ("error", "s", "a type error", 1.0, None),
    ("lines", "s", "printing 200,000 lines", 50.0, None),
    ("lines_messages", "messages", "… in stream messages", None, None),
    ("lines_redaction", "%", "… redaction's share of the processor time", None, 3),
    ("expression_redaction", "%", "redaction's share of the processor time of `6 * 7`", None, 3),
    ("memory", "MiB", "resident memory afterwards, whole process tree", None, None),
    ("idle", "ms", f"processor time of the whole tree in {IDLE_SECONDS} s without a cell", None, 10),
    ("small_state", "s", "`();` with 10 MB of variables", None, None),
    ("large_state", "s", "`();` with 1 GB of variables", None, None),
    ("write_small_state", "s", "writing to every page of 10 MB of variables", None, None),
    ("write_large_state", "s", "writing to every page of 1 GB of variables", None, None),
    ("shutdown", "s", "`shutdown_request` → the process is gone", None, 0.3),
]
REPEATS = 7
# Messages of a small cell are redacted so often to measure what one takes.
REDACTIONS = 2000


class Subject:
    """A kernel being measured."""

    def __init__(self, name, argv, folder):
        self.name = name
        self.folder = folder
        spec = folder / "kernels" / name
        spec.mkdir(parents=True)
        (spec / "kernel.json").write_text(json.dumps(
            {"argv": argv, "display_name": name, "language": "rust", "interrupt_mode": "message"}))
        for part in ("home", "tmp", "sealbook"):
            (folder / part).mkdir()
        real_home = Path.home()
        self.environment = os.environ | {
            "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "SEALBOOK_HOME": str(folder / "sealbook"),
            "CARGO_HOME": os.environ.get("CARGO_HOME", str(real_home / ".cargo")),
            "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(real_home / ".rustup")),
        }
        for name_ in ("CARGO_TARGET_DIR", "RUSTFLAGS", "CARGO", "RUSTUP_TOOLCHAIN"):
            self.environment.pop(name_, None)

    def __enter__(self):
        specs = KernelSpecManager(kernel_dirs=[str(self.folder / "kernels")], ensure_native_kernel=False)
        self.manager = KernelManager(kernel_name=self.name, kernel_spec_manager=specs)
        self.manager.connection_file = str(self.folder / f"{self.name}.json")
        self.launched = time.perf_counter()
        with (self.folder / "log").open("wb") as log:
            self.manager.start_kernel(env=self.environment, stdout=log, stderr=log, cwd=str(self.folder))
        # Connect when the port is open: ZeroMQ's own retries would add up to a tenth of a second to either.
        while True:
            with socket.socket() as probe:
                if probe.connect_ex((self.manager.ip, self.manager.shell_port)) == 0:
                    break
            if not self.manager.is_alive() or time.perf_counter() - self.launched > LIMIT_SECONDS:
                raise RuntimeError(f"{self.name} does not listen:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.002)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        return self

    def __exit__(self, *_):
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)

    def info(self):
        request = self.client.kernel_info()
        self._reply(request)
        return time.perf_counter() - self.launched

    def execute(self, code, status="ok"):
        """Seconds from sending to idle, and the messages."""
        started = time.perf_counter()
        request = self.client.execute(code)
        messages = []
        while True:
            message = self.client.get_iopub_msg(timeout=LIMIT_SECONDS)
            if message["parent_header"].get("msg_id") != request:
                continue
            messages.append(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        took = time.perf_counter() - started
        reply = self._reply(request)
        seen = "error" if any(m["msg_type"] == "error" for m in messages) else reply["content"]["status"]
        if seen != status:
            raise RuntimeError(f"{self.name}: {code!r} ended with {seen}: {reply['content']}")
        return took, messages

    def _reply(self, request):
        while True:
            reply = self.client.get_shell_msg(timeout=LIMIT_SECONDS)
            if reply["parent_header"].get("msg_id") == request:
                return reply

    def memory(self):
        root = psutil.Process(self.manager.provisioner.pid)
        total = 0
        for process in [root, *root.children(recursive=True)]:
            try:
                total += process.memory_info().rss
            except psutil.Error:
                continue
        return total / 2**20

    def processor_ms(self, with_ended=False):
        """Of all processes that live now, and of those that they started and that have ended (compilers)."""
        root = psutil.Process(self.manager.provisioner.pid)
        total = 0
        for process in [root, *root.children(recursive=True)]:
            try:
                times = process.cpu_times()
                total += times.user + times.system
                if with_ended:
                    total += times.children_user + times.children_system
            except psutil.Error:
                continue
        return total * 1000

    def shutdown(self):
        process = psutil.Process(self.manager.provisioner.pid)
        started = time.perf_counter()
        self.client.shutdown()
        try:
            self.manager.provisioner.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
        return time.perf_counter() - started


def redaction_ms(binary, folder, text):
    """Processor time that `sealbook redact`, the same redactor, takes for `text` with one secret, without its start. From a file to
    nowhere: what moves the text through pipes and messages is the kernel's other work, which is measured there."""
    secret, input_, nothing = folder / "secret", folder / "input", folder / "nothing"
    secret.write_text("correct horse battery staple")
    input_.write_text(text)
    nothing.write_text("")
    command = [binary, "redact", "--secret-file", str(secret)]
    with input_.open() as source:
        if subprocess.run(command, stdin=source, capture_output=True, check=True).stdout != text.encode():
            raise RuntimeError("redaction changed a text without secrets")

    def run(path):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with path.open() as source:
            subprocess.run(command, stdin=source, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000

    return statistics.median(run(input_) - run(nothing) for _ in range(REPEATS))


def measure(name, argv):
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with Subject(name, argv, folder) as kernel:
            seen = {"kernel_info": kernel.info()}
            _, messages = kernel.execute("1 + 1")
            seen["first_result"] = time.perf_counter() - kernel.launched
            result = [m["content"]["data"]["text/plain"] for m in messages if m["msg_type"] == "execute_result"]
            if result != ["2"]:
                raise RuntimeError(f"{name}: 1 + 1 gave {result}")
            seen["first_container"], _ = kernel.execute("let numbers = vec![1, 2, 3];")
            many = {
                "expression": ("{i} * 7", "ok"),
                "println": ('println!("hello {i}");', "ok"),
                "let": ("let x{i} = {i} + 5;", "ok"),
                "function": ("fn f{i}() -> i32 {{ {i} }}", "ok"),
                "error": ('let wrong{i}: i32 = "{i}";', "error"),
            }
            for measure_, (code, status) in many.items():
                times = [kernel.execute(code.format(i=i), status)[0] for i in range(REPEATS)]
                seen[measure_] = statistics.median(times)
            if name == "sealbook":
                before = kernel.processor_ms(with_ended=True)
                sent = [message for i in range(REPEATS * 3) for message in kernel.execute(f"{i} * 77")[1]]
                spent = kernel.processor_ms(with_ended=True) - before
                sent = "\n".join(json.dumps([m["header"], m["parent_header"], m["content"]], default=str) for m in sent)
                redaction = redaction_ms(argv[0], folder, (sent + "\n") * (REDACTIONS // REPEATS // 3))
                seen["expression_redaction"] = redaction / (REDACTIONS // REPEATS // 3) / spent * 100
                before = kernel.processor_ms(with_ended=True)
            seen["lines"], messages = kernel.execute('for i in 0..200_000 { println!("line {i}"); }')
            streams = [m["content"]["text"] for m in messages if m["msg_type"] == "stream"]
            if name == "sealbook":
                spent = kernel.processor_ms(with_ended=True) - before
                seen["lines_redaction"] = redaction_ms(argv[0], folder, "".join(streams)) / spent * 100
            seen["lines_complete"] = "".join(streams) == "".join(f"line {i}\n" for i in range(200_000))
            seen["lines_messages"] = len(streams)
            seen["memory"] = kernel.memory()
            time.sleep(REST_SECONDS)
            before = kernel.processor_ms()
            time.sleep(IDLE_SECONDS)
            seen["idle"] = kernel.processor_ms() - before
            for state, size in (("small_state", 10_000_000), ("large_state", 1_000_000_000)):
                kernel.execute(f"let mut state: Vec<u8> = vec![1; {size}];")
                seen[state] = statistics.median(kernel.execute(f"(); // {i}")[0] for i in range(REPEATS))
                write = "state.iter_mut().step_by(4096).for_each(|byte| *byte = {i});"
                seen[f"write_{state}"] = statistics.median(kernel.execute(write.format(i=i))[0] for i in range(REPEATS))
            kernel.execute("state = Vec::new();")
            seen["shutdown"] = kernel.shutdown()
            return seen
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def table(ours, peer, rounds):
    lines = [
        "# The kernel beside its peer", "",
        "Made by `cargo xtask bench kernel`: do not edit.", "",
        f"Medians of {rounds} rounds of each kernel, taken in turn in one run. {machine()}", "",
        "| | Sealbook | evcxr_jupyter | ratio | target |", "|---|---:|---:|---:|---:|",
    ]
    for name, unit, what, ratio_target, own_target in MEASURES:
        a, b = median(ours, name), median(peer, name)
        ratio = f"{b / a:.1f}×" if a and b else ""
        targets = [f"≥ {ratio_target:g}×"] if ratio_target else []
        targets += [f"≤ {shown(own_target, unit)}"] if own_target else []
        lines.append(f"| {what} | {shown(a, unit)} | {shown(b, unit)} | {ratio} | {', '.join(targets)} |")
    complete = {name: f"{sum(run['lines_complete'] for run in runs)} of {len(runs)}" for name, runs in (("ours", ours), ("peer", peer))}
    lines += ["", "Every round starts a new kernel in a new folder; a cell's time runs from sending the request to its idle status, and is the",
              f"median of {REPEATS} such cells in a round. A ratio above 1 means that Sealbook needs less.",
              f"All 200,000 lines arrived, in order: Sealbook in {complete['ours']} rounds, evcxr_jupyter in {complete['peer']}.",
              "Before each cell Sealbook makes a frozen copy of the process with the variables, from which they come back when the cell crashes",
              "or is interrupted: the rows about 10 MB and 1 GB of variables show what that costs, with a cell that does nothing, and with one",
              "that writes to every page, each of which is then copied. evcxr_jupyter makes none, and loses the variables.",
              "What redaction takes is measured by `sealbook redact`, the same redactor, with one secret and the text that the cells sent, from a file; the rest,",
              "compilers included, by the processor time of the kernel's processes.",
              "A target is one of ours for the ratio (≥) or for Sealbook's own figure (≤).",
              "", "![Ratios](kernel-bench.svg)", ""]
    return "\n".join(lines)


def shown(value, unit):
    if value is None:
        return ""
    if unit == "%":
        return f"{value:.1f} %"
    if unit == "s":
        return f"{value * 1000:.0f} ms" if value < 10 else f"{value:.1f} s"
    return f"{value:.0f} {unit}"


def median(runs, name):
    """None of what was measured of the other kernel only."""
    seen = [run[name] for run in runs if name in run]
    return statistics.median(seen) if seen else None


def machine():
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=False).stdout.split()[1:2]
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, rustc {''.join(rustc)}."


def plot(ours, peer):
    """Bars of the ratios on a logarithmic scale, drawn without a library."""
    import math

    rows = [(what.replace("`", ""), median(peer, name) / median(ours, name))
            for name, _, what, _, _ in MEASURES if median(ours, name) and median(peer, name)]
    left, width, height, top = 300, 420, 26, 40
    low, high = 0.25, max(4.0, *(ratio for _, ratio in rows))
    x = lambda ratio: left + width * math.log(max(ratio, low) / low) / math.log(high / low)  # noqa: E731
    total = top + height * len(rows) + 30
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 90}" height="{total}" '
             'font-family="sans-serif" font-size="13">',
             '<rect width="100%" height="100%" fill="white"/>',
             '<text x="10" y="22" font-size="15">evcxr_jupyter ÷ Sealbook: right of the line, Sealbook needs less</text>']
    for number, (what, ratio) in enumerate(rows):
        y = top + number * height
        start, end = sorted((x(1.0), x(ratio)))
        colour = "#2a7f4f" if ratio >= 1 else "#b5482a"
        label = what.replace("&", "&amp;").replace("<", "&lt;")
        parts.append(f'<text x="{left - 10}" y="{y + 17}" text-anchor="end">{label}</text>'
                     f'<rect x="{start:.1f}" y="{y + 5}" width="{max(end - start, 1):.1f}" height="16" fill="{colour}"/>'
                     f'<text x="{end + 6:.1f}" y="{y + 17}">{ratio:.1f}×</text>')
    parts.append(f'<line x1="{x(1.0):.1f}" y1="{top}" x2="{x(1.0):.1f}" y2="{total - 25}" stroke="black"/></svg>')
    return "\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="rounds of each kernel")
    parser.add_argument("--docs", type=Path, default=CHECKOUT / "docs", help="where the table and the plot go")
    arguments = parser.parse_args()
    subjects = {
        "sealbook": [os.environ["SEALBOOK_BENCH_OURS"], "kernel", "--connection-file", "{connection_file}"],
        "evcxr": [os.environ["SEALBOOK_BENCH_PEER"], "--control_file", "{connection_file}"],
    }
    runs = {name: [] for name in subjects}
    for number in range(arguments.runs):
        order = list(subjects.items())
        for name, argv in order if number % 2 == 0 else reversed(order):
            try:
                runs[name].append(measure(name, argv))
            except queue.Empty:
                raise SystemExit(f"{name}: no answer within {LIMIT_SECONDS} s") from None
            print(f"round {number + 1}, {name}:", {key: round(value, 3) for key, value in runs[name][-1].items()}, flush=True)
    text = table(runs["sealbook"], runs["evcxr"], arguments.runs)
    arguments.docs.mkdir(exist_ok=True)
    (arguments.docs / "kernel-bench.md").write_text(text)
    (arguments.docs / "kernel-bench.svg").write_text(plot(runs["sealbook"], runs["evcxr"]))
    print(text)


if __name__ == "__main__":
    main()
