"""Thousands of mixed cells in one kernel: does anything grow, does it become slower? `cargo xtask soak` runs it.

Compared are the first hundred cells after a warm-up of a hundred, and the last hundred: medians of latency, resident memory, and
the numbers of processes, of their descriptors, and of files in the build folder. Writes docs/kernel-soak.md. Exit status 1 when a bound
is not kept.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from harness import House, Kernel

CHECKOUT = Path(__file__).resolve().parents[2]
MEMORY_MAX = 1.05
LATENCY_MAX = 1.1

# Kinds of cells, in turn: code, and the status of the reply. `{i}` differs in each round, so that every cell is built.
CELLS = [
    ("let number = {i}; number + 1", "ok"),
    ('println!("line {i}"); eprintln!("error {i}");', "ok"),
    ("let list: Vec<u64> = (0..{i} % 100).collect(); list.len()", "ok"),
    ("fn twice(x: u64) -> u64 {{ x * 2 + {i} - {i} }} twice({i})", "ok"),
    ('display_html("<b>{i}</b>"); display({i});', "ok"),
    ('let text = "x".repeat({i} % 1000); text.len()', "ok"),
    ("let wrong: i32 = \"{i}\";", "error"),
    ('panic!("on purpose {i}");', "error"),
    ("#[derive(Debug)] struct Point {{ x: u64 }} Point {{ x: {i} }}", "ok"),
    ("for i in 0..1000 {{ println!(\"{i} {{i}}\"); }}", "ok"),
    ("number * 2 + {i}", "ok"),
    ("!true {i}", "ok"),
]
INTERRUPTED = 'println!("{i}"); loop {{ std::hint::black_box(()); }}'
# One of so many cells is interrupted: its latency is the test's own.
INTERRUPT_EVERY = 40


def members(pid):
    """The kernel's processes, without those that have ended and wait for their parent to see it."""
    kernel = psutil.Process(pid)
    return [member for member in [kernel, *kernel.children(recursive=True)] if _lives(member)]


def _lives(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def state(pid):
    """What may grow, by what holds it."""
    seen = {"processes": 0, "descriptors": 0}
    for member in members(pid):
        name = "kernel" if member.pid == pid else next((word for word in member.cmdline()[1:2] if word.startswith("cell-")), "other")
        seen["processes"] += 1
        seen["descriptors"] += member.num_fds()
        seen[f"{name} MiB"] = seen.get(f"{name} MiB", 0) + member.memory_info().rss / 2**20
    seen["all MiB"] = sum(value for name, value in seen.items() if name.endswith("MiB"))
    return seen


def files(pid, house):
    for base in (Path("/dev/shm"), house.root / "tmp"):
        for folder in base.glob("sealbook-build-*"):
            if (folder / "lock").read_text() == str(pid):
                return sum(1 for path in folder.rglob("*") if path.is_file())
    return 0


def interrupted(kernel, code):
    request = kernel.client.execute(code)
    while kernel.client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
        pass
    kernel.manager.interrupt_kernel()
    kernel._until_idle(request, 60, [])
    assert kernel._reply(request, 60)["content"]["ename"] == "KeyboardInterrupt"


def soak(kernel, house, cells):
    latencies, states = [], {}
    # Both at the same point of the round, with nothing that has just been interrupted.
    first, last = 200, cells - 1
    for i in range(cells):
        if i % INTERRUPT_EVERY == INTERRUPT_EVERY - 1:
            interrupted(kernel, INTERRUPTED.format(i=i))
        else:
            code, status = CELLS[i % len(CELLS)]
            started = time.perf_counter()
            cell = kernel.execute(code.format(i=i))
            latencies.append(time.perf_counter() - started)
            assert cell.status == status, (code, cell.reply["content"])
        if i + 1 in (first, last + 1) or (i + 1) % 250 == 0:
            kernel.ok("1")
            states[i + 1] = state(kernel.pid) | {"files": files(kernel.pid, house)}
            recent = 1000 * statistics.median(latencies[-100:])
            print(f"{i + 1:>6} cells  median of the last 100: {recent:.0f} ms  "
                  + "  ".join(f"{name} {value:.0f}" for name, value in sorted(states[i + 1].items())), flush=True)
    return latencies, states[first], states[cells]


# What each row of the table is.
NAMES = {
    "all MiB": "resident memory, all processes", "kernel MiB": "… the kernel: sockets, redactor, session",
    "cell-builder MiB": "… the builder: evcxr", "cell-runner MiB": "… supervisor, worker and its frozen copy",
    "other MiB": "… the embedded secret service", "processes": "processes", "descriptors": "open descriptors", "files": "files in the build folder",
}


def page(cells, rows):
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=False).stdout.split()[1:2]
    lines = [
        "# Thousands of cells in one kernel", "",
        "Made by `cargo xtask soak`: do not edit.", "",
        f"{cells:,} mixed cells in one kernel: expressions, variables, functions, types, displays, a thousand printed lines, compile errors, panics, shell",
        f"commands, and an interrupt in every {INTERRUPT_EVERY} cells. Compared are the second hundred cells and the last hundred; the bound is on the ratio.",
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, rustc {''.join(rustc)}.", "",
        "| | after 200 cells | at the end | ratio | bound | |", "|---|---:|---:|---:|---:|---|",
    ]
    for name, one, two, ratio, bound in rows:
        lines.append(f"| {NAMES.get(name, name)} | {one:.0f} | {two:.0f} | {ratio:.2f} | {bound} | {'kept' if ratio <= bound else 'not kept'} |")
    lines += [
        "", "What may grow, and why:", "",
        "- The worker has every cell's library mapped, because a variable's code and a thread may be in any of them.",
        "- The builder keeps the source of every function and type, and writes it into each later cell: cells that define something cost a little more each.",
        "- The kernel keeps at most 10,000 inputs and 16 MiB of them for the history, and 65,536 signatures to refuse repeated messages.",
        "- Latency on a machine that does other work moves more than its bound; the counts and the memory do not.", "",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--docs", type=Path, default=CHECKOUT / "docs", help="where the page goes")
    arguments = parser.parse_args()
    cells = arguments.cells
    house = House(tempfile.mkdtemp(prefix="house-")).install()
    try:
        with Kernel(house) as kernel:
            kernel.client.session.__dict__.pop("feed_identities", None)
            latencies, before, after = soak(kernel, house, max(cells, 400))
    finally:
        house.remove()
    early, late = statistics.median(latencies[100:200]), statistics.median(latencies[-100:])
    bounds = [("median latency", late / early, LATENCY_MAX)]
    bounds += [(name, after[name] / before[name], MEMORY_MAX if name.endswith("MiB") else 1) for name in sorted(before) if before[name]]
    kept, rows = True, []
    print("\n| What | First 100 | Last 100 | Ratio | Bound |\n|---|---|---|---|---|")
    for name, ratio, bound in bounds:
        one, two = (early * 1000, late * 1000) if name == "median latency" else (before[name], after[name])
        kept &= ratio <= bound
        rows.append((f"{name} (ms)" if name == "median latency" else name, one, two, ratio, bound))
        print(f"| {name}{' (ms)' if name == 'median latency' else ''} | {one:.0f} | {two:.0f} | {ratio:.2f} | {bound} |")
    (arguments.docs / "kernel-soak.md").write_text(page(cells, rows))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
