"""Thousands of mixed cells in one kernel: does anything grow, does it become slower? `cargo xtask soak` runs it.

Compared are the first hundred cells after a warm-up of a hundred, and the last hundred: medians of latency, resident memory, and
the numbers of processes, of their descriptors, and of files in the build folder. What the worker keeps of each cell is a figure of
its own. The standard library's analysis is read before the first cell, as it is in a kernel that somebody looks at. Writes
docs/kernel-soak.md. Exit status 1 when a bound is not kept.
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
# A cell's library stays loaded: a page of its own data, and what the loader notes about it.
WORKER_KIB_PER_CELL_MAX = 8
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
# One of so many cells is interrupted.
INTERRUPT_EVERY = 40
# Multiples of the length of the list, so that the same kinds of cells are compared.
COMPARED = 10 * len(CELLS)
FIRST = 2 * COMPARED


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


def run(kernel, i):
    """The ith cell; its seconds, or None for one that is interrupted, whose latency is the test's own."""
    if i % INTERRUPT_EVERY == INTERRUPT_EVERY // 2:
        interrupted(kernel, INTERRUPTED.format(i=i))
        return None
    code, status = CELLS[i % len(CELLS)]
    started = time.perf_counter()
    cell = kernel.execute(code.format(i=i))
    took = time.perf_counter() - started
    assert cell.status == status, (code, cell.reply["content"])
    return took


def read_analysis(kernel):
    """Has the standard library's analysis read, so that it is not what grows."""
    kernel.ok("let text = String::new();")
    kernel.complete("text.le", 7)


def soak(kernel, house, cells):
    """State after the first cells and after the last; latencies of the first ones, and of a new kernel and this one in turn."""
    states, recent = {}, []
    read_analysis(kernel)
    for i in range(cells - COMPARED):
        recent.append(run(kernel, i))
        if i + 1 == FIRST or (i + 1) % 250 == 0:
            states[i + 1] = look(kernel, house)
            show(i + 1, recent, states[i + 1])
    other = House(tempfile.mkdtemp(prefix="house-")).install()
    try:
        with Kernel(other) as new:
            new.client.session.__dict__.pop("feed_identities", None)
            read_analysis(new)
            for i in range(FIRST - COMPARED):
                run(new, i)
            pairs = [(run(new, i), run(kernel, i)) for i in range(cells - COMPARED, cells)]
    finally:
        other.remove()
    states[cells] = look(kernel, house)
    early, late = ([took for took in side if took is not None] for side in zip(*pairs))
    show(cells, late, states[cells])
    first = statistics.median(took for took in recent[FIRST - COMPARED : FIRST] if took is not None)
    return first, statistics.median(early), statistics.median(late), states[FIRST], states[cells]


def look(kernel, house):
    kernel.ok("1")
    # The compiler that waits for the next cell is started after this one.
    time.sleep(2)
    return state(kernel.pid) | {"files": files(kernel.pid, house)}


def show(cells, latencies, seen):
    recent = 1000 * statistics.median(took for took in latencies[-COMPARED:] if took is not None)
    print(f"{cells:>6} cells  median of the last {COMPARED}: {recent:.0f} ms  "
          + "  ".join(f"{name} {value:.1f}" for name, value in sorted(seen.items())), flush=True)


# What each row of the table is.
NAMES = {
    "all MiB": "resident memory, all processes", "kernel MiB": "… the kernel: sockets, redactor, session",
    "cell-builder MiB": "… the builder: evcxr", "cell-runner MiB": "… supervisor, worker and its frozen copy",
    "other MiB": "… the embedded secret service, and the compiler that waits", "processes": "processes", "descriptors": "open descriptors", "files": "files in the build folder",
}


def bound_of(name):
    """The largest ratio, of all memory and of each count."""
    if name == "all MiB":
        return MEMORY_MAX
    return None if name.endswith("MiB") else 1


def kept(value, bound):
    return "kept" if value <= bound else "not kept"


def page(cells, rows, per_cell, first):
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=False).stdout.split()[1:2]
    lines = [
        "# Thousands of cells in one kernel", "",
        "Made by `cargo xtask soak`: do not edit.", "",
        f"{cells:,} mixed cells in one kernel: expressions, variables, functions, types, displays, a thousand printed lines, compile errors, panics, shell",
        f"commands, and an interrupt in every {INTERRUPT_EVERY} cells. The bound is on the ratio. The latency is that of the last {COMPARED} cells, and of the same cells in a",
        f"kernel that was started for the comparison and has run {FIRST - COMPARED}: the two run in turn, so that whatever else the machine does slows both.",
        f"(The median of this kernel's own first {COMPARED} cells after a warm-up, at another time, was {1000 * first:.0f} ms.) Both have read the standard",
        "library's analysis, as kernels do that somebody looks at; memory without a bound of its own is part of the whole.",
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, rustc {''.join(rustc)}.", "",
        f"| | after {FIRST} cells | at the end | ratio | bound | |", "|---|---:|---:|---:|---:|---|",
    ]
    for name, one, two, ratio, bound in rows:
        judged = f"{bound} | {kept(ratio, bound)}" if bound else " |"
        lines.append(f"| {NAMES.get(name, name)} | {one:.0f} | {two:.0f} | {ratio:.2f} | {judged} |")
    lines += [
        "", f"Of each of the {cells - FIRST:,} cells between, the worker keeps {per_cell:.1f} KiB; the bound is {WORKER_KIB_PER_CELL_MAX} ({kept(per_cell, WORKER_KIB_PER_CELL_MAX)}).",
        "", "What grows, and why:", "",
        "- The worker keeps every cell's library loaded, because a variable's code, a text in it, or a thread may be in any of them, and nothing can",
        "  show that none is: code can hide a pointer in ways that no search of the memory finds. What is left of a small cell is a page of the",
        "  library's data, and what the loader notes about it. Code and constants are given back after some cells and come back from the library's",
        "  file when they are needed. That file, of some 10 KB, has no name any more but exists as long as it is mapped: in",
        "  memory, not counted above, where the build folder is in memory.",
        "- Before each cell the worker is copied, and the copy ends after it; each takes longer the more libraries are mapped.",
        "- The builder keeps the source of every function and type, and writes it into each later cell: cells that define something cost a little more each.",
        "- The kernel keeps at most 10,000 inputs and 16 MiB of them for the history, and 65,536 signatures to refuse repeated messages.", "",
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
            first, early, late, before, after = soak(kernel, house, max(cells, 3 * FIRST))
    finally:
        house.remove()
    cells = max(cells, 3 * FIRST)
    worker = "cell-runner MiB"
    per_cell = (after[worker] - before[worker]) * 1024 / (cells - FIRST)
    bounds = [("median latency", late / early, LATENCY_MAX)]
    bounds += [(name, after[name] / before[name], bound_of(name)) for name in sorted(before) if before[name]]
    all_kept, rows = per_cell <= WORKER_KIB_PER_CELL_MAX, []
    print("\n| What | First | Last | Ratio | Bound |\n|---|---|---|---|---|")
    for name, ratio, bound in bounds:
        one, two = (early * 1000, late * 1000) if name == "median latency" else (before[name], after[name])
        all_kept &= not bound or ratio <= bound
        rows.append((f"{name} (ms)" if name == "median latency" else name, one, two, ratio, bound))
        print(f"| {name}{' (ms)' if name == 'median latency' else ''} | {one:.0f} | {two:.0f} | {ratio:.2f} | {bound} |")
    (arguments.docs / "kernel-soak.md").write_text(page(cells, rows, per_cell, first))
    print(f"worker: {per_cell:.1f} KiB per cell, {before[worker]:.1f} -> {after[worker]:.1f} MiB")
    sys.exit(0 if all_kept else 1)


if __name__ == "__main__":
    main()
