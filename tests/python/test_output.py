"""What cells print: raw, live, in order, whole, and never faster than the front end reads."""

import hashlib
import os
import re
import threading
import time

import psutil
import pytest
import zmq

from harness import Wire

# A cell that goes on when the test says so: what it has printed by then must have come.
GATE = """
fn gate(name: &str) {
    while !std::path::Path::new(name).exists() { std::thread::sleep(std::time::Duration::from_millis(5)); }
}
"""


@pytest.fixture(scope="module", autouse=True)
def prepared(kernel):
    kernel.ok(GATE)
    # Recordings of this module's output would fill the disk, and hold no secret.
    kernel.client.session.__dict__.pop("feed_identities", None)


def texts(messages, name="stdout"):
    return "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream" and m["content"]["name"] == name)


def live(kernel, code, steps, name="stdout"):
    """Runs a cell with gates. Before each is opened, the text so far must have been shown. Gives all of the messages."""
    client = kernel.client
    paths = [kernel.house.notebooks / f"gate-{time.monotonic_ns()}-{index}" for index in range(len(steps))]
    for index, path in enumerate(paths):
        code = code.replace(f"gate({index})", f'gate("{path}")')
    cell = client.execute(code)
    messages = []
    for expected, path in zip(steps, paths, strict=True):
        deadline = time.monotonic() + 60
        while not re.search(expected, texts(messages, name)):
            message = client.get_iopub_msg(timeout=max(0.01, deadline - time.monotonic()))
            if message["parent_header"].get("msg_id") == cell:
                messages.append(message)
                assert message["content"].get("execution_state") != "idle", (expected, texts(messages, name))
        path.touch()
    messages += kernel._until_idle(cell, 60, [])
    assert kernel._reply(cell, 60)["content"]["status"] == "ok"
    return messages


def test_a_progress_line_without_newline_moves_while_the_cell_runs(kernel):
    # Nobody flushes.
    messages = live(kernel, 'print!("\\r 10%"); gate(0); print!("\\r 50%"); gate(1); print!("\\r100%");', [r"\r 10%$", r"\r 50%$"])
    assert texts(messages) == "\r 10%\r 50%\r100%"


def test_many_lines_in_a_row_are_shown_while_the_cell_runs(kernel):
    code = 'for i in 0..100 { println!("{i}"); } gate(0); for i in 100..5000 { println!("{i}"); } gate(1); println!("end");'
    messages = live(kernel, code, [r"\n99\n$", r"\n4999\n$"])
    assert texts(messages) == "".join(f"{i}\n" for i in range(5000)) + "end\n"


def test_text_that_a_cell_flushes_is_shown_at_once(kernel):
    code = 'use std::io::Write; let mut o = std::io::stdout(); write!(o, "half").unwrap(); o.flush().unwrap(); gate(0); write!(o, " whole").unwrap();'
    assert texts(live(kernel, code, ["half$"])) == "half whole"


def test_a_progress_bar_moves_while_the_cell_runs(kernel):
    kernel.ok(':dep indicatif = "=0.18.6"', limit=280)
    code = ("let bar = indicatif::ProgressBar::new(4); bar.set_style(indicatif::ProgressStyle::with_template(\"{pos}/{len}\").unwrap()); "
            "bar.inc(1); bar.force_draw(); gate(0); bar.inc(1); bar.force_draw(); gate(1); bar.finish();").replace("bar.force_draw()", "bar.tick()")
    messages = live(kernel, code, [r"1/4", r"2/4"], "stderr")
    assert texts(messages, "stderr").rstrip().endswith("4/4")


def test_many_prints_are_few_messages(kernel):
    cell = kernel.ok('for i in 0..200_000 { print!("{i} "); }')
    assert cell.stdout == "".join(f"{i} " for i in range(200_000))
    assert cell.types.count("stream") < 400


def test_several_displays_and_text_between_keep_their_order(kernel):
    code = "".join(f'println!("before {i}"); display_html("<b>{i}</b>"); eprintln!("error {i}"); display({i}); ' for i in range(5))
    cell = kernel.ok(code)
    seen = []
    for message in cell.messages[2:-1]:
        content = message["content"]
        seen.append(content["text"] if message["msg_type"] == "stream" else content["data"].get("text/html", content["data"].get("text/plain")))
    assert seen == [text for i in range(5) for text in (f"before {i}\n", f"<b>{i}</b>", f"error {i}\n", str(i))]


def test_displays_are_sent_at_once(kernel):
    messages = live(kernel, 'display_html("<b>now</b>"); print!("shown"); gate(0);', ["shown"])
    types = [m["msg_type"] for m in messages]
    assert types.index("display_data") < types.index("stream")


def test_a_display_has_metadata_and_buffers(kernel):
    cell = kernel.ok('let shown = dbutils::Content::new("image/svg+xml", "<svg/>").also("application/json", "[1]")'
                     '.metadata(r#"{"image/svg+xml": {"isolated": true}}"#).buffer(vec![0u8, 255]).buffer("").show(); println!("after");')
    assert cell.types[2:-1] == ["display_data", "stream"]
    message = cell.messages[2]
    identifier = message["content"]["transient"]["display_id"]
    assert message["content"]["data"] == {"image/svg+xml": "<svg/>", "application/json": [1]}
    assert message["content"]["metadata"] == {"image/svg+xml": {"isolated": True}}
    assert [bytes(buffer) for buffer in message["buffers"]] == [b"\x00\xff", b""]
    cell = kernel.ok('shown.update_content(&dbutils::Content::new("text/plain", "new").metadata(r#"{"n": 2}"#));')
    message, = [m for m in cell.messages if m["msg_type"] == "update_display_data"]
    assert message["content"] == {"data": {"text/plain": "new"}, "metadata": {"n": 2}, "transient": {"display_id": identifier}}
    failed = kernel.execute('dbutils::Content::new("text/plain", "x").metadata("[1]").show();')
    assert failed.status == "error" and "must be a JSON object" in failed.error["evalue"]


def test_what_is_too_large_to_be_shown_is_said(kernel):
    cell = kernel.ok('display_html("x".repeat(9 << 20)); println!("after");')
    assert "display_data" not in cell.types and cell.stdout == "after\n"
    assert "more than 16 MiB" in texts(cell.messages, "stderr")


def test_output_of_a_thread_after_its_cell_is_not_lost(kernel):
    path = kernel.house.notebooks / f"late-{time.monotonic_ns()}"
    started = kernel.ok(f'std::thread::spawn(|| {{ gate("{path}"); println!("late"); }}); println!("started");')
    first = started.reply["parent_header"]["msg_id"]
    # Between cells it belongs to the cell that started it.
    path.touch()
    late = kernel.client.get_iopub_msg(timeout=60)
    assert (late["msg_type"], late["content"]["text"], late["parent_header"]["msg_id"]) == ("stream", "late\n", first)
    # During another cell, to one of the two.
    path = kernel.house.notebooks / f"late-{time.monotonic_ns()}"
    started = kernel.ok(f'std::thread::spawn(|| {{ gate("{path}"); println!("later"); }});')
    other = kernel.client.execute(f'std::fs::write("{path}", "").unwrap(); std::thread::sleep(std::time::Duration::from_millis(200)); print!("other");')
    messages = []
    while not (messages and messages[-1]["content"].get("execution_state") == "idle"):
        messages.append(kernel.client.get_iopub_msg(timeout=60))
    kernel._reply(other, 60)
    assert sorted(texts(messages).replace("\n", " ").split()) == ["later", "other"]
    assert {m["parent_header"]["msg_id"] for m in messages} <= {other, started.reply["parent_header"]["msg_id"]}


def test_a_thread_that_prints_much_between_cells_does_not_block(kernel):
    path = kernel.house.notebooks / f"done-{time.monotonic_ns()}"
    kernel.ok(f'std::thread::spawn(|| {{ for i in 0..100_000 {{ println!("thread {{i}}"); }} std::fs::write("{path}", "").unwrap(); }});')
    got = ""
    while "thread 99999\n" not in got:
        message = kernel.client.get_iopub_msg(timeout=60)
        if message["msg_type"] == "stream":
            got += message["content"]["text"]
    assert path.exists() or not time.sleep(0.2)
    assert path.exists() and kernel.ok("1 + 1").result["text/plain"] == "2"


def test_forged_markers_and_bytes_that_are_no_text_disturb_nothing(kernel):
    cell = kernel.ok('use std::io::Write; let mut o = std::io::stdout(); '
                     'o.write_all(b"EVCXR_EXECUTION_COMPLETE\\n\\xff\\xfe\\nEVCXR_VARIABLE_CHANGED_TYPE:x\\nEVCXR_PANIC_NOTIFICATION\\n").unwrap();')
    assert cell.stdout == "EVCXR_EXECUTION_COMPLETE\n\ufffd\ufffd\nEVCXR_VARIABLE_CHANGED_TYPE:x\nEVCXR_PANIC_NOTIFICATION\n"
    assert kernel.ok('println!("next");').stdout == "next\n"


LINE = "x" * 983
LINES = 100_000
FLOOD = f'use std::io::Write; let mut o = std::io::stdout().lock(); for i in 0..{LINES} {{ writeln!(o, "{{i:015}} {LINE}").unwrap(); }}'


def expected_digest():
    digest = hashlib.sha256()
    for i in range(LINES):
        digest.update(f"{i:015} {LINE}\n".encode())
    return digest.hexdigest()


class Memory:
    """The most that the kernel process used, above what it used before."""

    def __init__(self, pid):
        self.process = psutil.Process(pid)
        self.before = self.most = self.process.memory_info().rss
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self.ended.wait(0.01):
            self.most = max(self.most, self.process.memory_info().rss)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    @property
    def growth(self):
        return self.most - self.before


def flood(kernel, pause):
    """100 MB for a subscriber that first reads nothing for `pause` seconds. Gives the digest, the size, the growth."""
    kernel.client.stop_channels()
    with Wire(kernel.manager.get_connection_info()) as wire, Memory(kernel.pid) as memory:
        # Small buffers, so that what is not read waits in the kernel and not here.
        iopub = wire.subscribe(RCVHWM=1, RCVBUF=65536)
        wire.receive(iopub)
        shell = wire.socket("shell")
        frames, identifier = wire.frames("execute_request", {"code": FLOOD, "silent": False, "store_history": False})
        shell.send_multipart(frames)
        time.sleep(pause)
        digest, size = hashlib.sha256(), 0
        while True:
            message, _ = wire.receive(iopub)
            assert message["parent_header"]["msg_id"] == identifier
            if message["msg_type"] == "stream":
                text = message["content"]["text"].encode()
                digest.update(text)
                size += len(text)
            elif message["content"].get("execution_state") == "idle":
                break
        assert wire.receive(shell)[0]["content"]["status"] == "ok"
    kernel.client = kernel.manager.blocking_client()
    kernel.client.start_channels()
    kernel.client.wait_for_ready(timeout=60)
    return digest.hexdigest(), size, memory.growth


def test_100_megabytes_for_a_slow_front_end_come_whole_and_the_kernel_does_not_grow(kernel):
    digest, size, growth = flood(kernel, pause=2)
    assert size == LINES * 1000
    assert digest == expected_digest()
    assert growth < 64 << 20, f"{growth >> 20} MiB"


def test_a_front_end_that_reads_nothing_holds_nobody_up_for_ever(kernel):
    with Wire(kernel.manager.get_connection_info()) as wire:
        stalled = wire.subscribe(RCVHWM=1, RCVBUF=65536)
        wire.receive(stalled)
        # The others get all of it, after the stalled one was put out.
        cell = kernel.client.execute(FLOOD.replace(str(LINES), "20_000"))
        messages = kernel._until_idle(cell, 120, [])
        assert len(texts(messages)) == 20_000_000
        assert kernel._reply(cell, 60)["content"]["status"] == "ok"
    assert "reads nothing" in kernel.log.read_text()
