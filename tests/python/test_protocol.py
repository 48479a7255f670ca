"""The messaging protocol, request by request and field by field, with Jupyter's own client and on bare sockets.

One kernel serves the whole module. Every message is checked against the schemas of `jupyter_kernel_test`.
"""

import contextlib
import datetime
import json
import os
import queue
import signal
import time

import pytest
import zmq
from jupyter_kernel_test.msgspec_v5 import schema_fragments, validate_message

from harness import PLANTED, Wire

ASK = """
fn ask(marker: &str, prompt: &str) -> String {
    println!("{marker}:{prompt}");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}
"""


@pytest.fixture(scope="module", autouse=True)
def prepared(kernel):
    kernel.ok(ASK)
    # Tens of thousands of messages that hold no secret; the one test with secrets searches for itself.
    kernel.client.session.__dict__.pop("feed_identities", None)


def request(kernel, msg_type, content=None, channel="shell"):
    """Sends a request; gives its reply and everything on iopub that belongs to it."""
    client = kernel.client
    message = client.session.msg(msg_type, content=content or {})
    (client.control_channel if channel == "control" else client.shell_channel).send(message)
    identifier = message["header"]["msg_id"]
    broadcasts = kernel._until_idle(identifier, 60, [])
    get = client.get_control_msg if channel == "control" else client.get_shell_msg
    reply = None
    if msg_type.endswith("_request"):
        reply = get(timeout=60)
        while reply["parent_header"].get("msg_id") != identifier:
            reply = get(timeout=60)
        check(reply, identifier)
    for broadcast in broadcasts:
        check(broadcast, identifier)
    return reply, broadcasts


def check(message, parent):
    # Without those that contradict the protocol, and types of which the package has none.
    wrong = message["msg_type"] == "input_request" or message["content"].get("status") == "aborted"
    if message["msg_type"] in schema_fragments and not wrong:
        validate_message(message, message["msg_type"], parent)


def states(broadcasts):
    return [m["content"]["execution_state"] for m in broadcasts if m["msg_type"] == "status"]


def outline(cell):
    """Types of a cell's messages, streams joined."""
    types = []
    for name in cell.types:
        if not (name == "stream" and types and types[-1] == "stream"):
            types.append(name)
    return types


def stream_text(cell):
    return [(m["content"]["name"], m["content"]["text"]) for m in cell.messages if m["msg_type"] == "stream"]


# --- what the kernel is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["shell", "control"])
def test_kernel_info(kernel, channel):
    reply, broadcasts = request(kernel, "kernel_info_request", channel=channel)
    info = reply["content"]
    assert info["status"] == "ok"
    assert tuple(map(int, info["protocol_version"].split("."))) >= (5, 5)
    assert info["implementation"] == "sealbook" and info["implementation_version"]
    language = info["language_info"]
    assert {name: language[name] for name in ("name", "mimetype", "file_extension", "pygments_lexer", "codemirror_mode")} == {
        "name": "rust", "mimetype": "text/rust", "file_extension": ".rs", "pygments_lexer": "rust", "codemirror_mode": "rust"}
    assert language["version"].startswith("1.")
    assert "Rust" in info["banner"] or "Sealbook" in info["banner"]
    assert info["debugger"] is False and info["supported_features"] == []
    assert all(link["url"].startswith("https://") and link["text"] for link in info["help_links"])
    assert states(broadcasts) == ["busy", "idle"]


def test_headers(kernel):
    one, _ = request(kernel, "kernel_info_request")
    two, _ = request(kernel, "kernel_info_request")
    for message in (one, two):
        header = message["header"]
        assert isinstance(header["date"], datetime.datetime) and header["date"].tzinfo is not None
        assert header["version"].startswith("5.") and header["username"]
        assert message["parent_header"]["session"] == kernel.client.session.session
        assert header["session"] != kernel.client.session.session
    assert one["header"]["session"] == two["header"]["session"]
    assert one["header"]["msg_id"] != two["header"]["msg_id"]


QUESTIONS = {
    "complete_request": {"code": "1", "cursor_pos": 1},
    "inspect_request": {"code": "nothing_of_this_name", "cursor_pos": 5, "detail_level": 0},
    "is_complete_request": {"code": "1"},
    "history_request": {"hist_access_type": "tail", "n": 1, "output": False, "raw": True},
    "comm_info_request": {},
    "kernel_info_request": {},
    "execute_request": {"code": "", "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False},
}


@pytest.mark.parametrize("msg_type", QUESTIONS)
def test_every_request_is_busy_then_idle(kernel, msg_type):
    reply, broadcasts = request(kernel, msg_type, QUESTIONS[msg_type])
    assert reply["content"]["status"] in ("ok", "complete")
    assert states(broadcasts) == ["busy", "idle"]
    assert broadcasts[0]["msg_type"] == broadcasts[-1]["msg_type"] == "status"


@pytest.mark.parametrize("channel", ["shell", "control"])
def test_unknown_requests_end_idle_and_nothing_else(kernel, channel):
    client = kernel.client
    message = client.session.msg("no_such_request", content={"code": "1"})
    (client.control_channel if channel == "control" else client.shell_channel).send(message)
    assert states(kernel._until_idle(message["header"]["msg_id"], 60, [])) == ["busy", "idle"]
    assert request(kernel, "kernel_info_request", channel=channel)[0]["content"]["status"] == "ok"


def test_there_is_no_debugger_and_it_says_so(kernel):
    reply, broadcasts = request(kernel, "debug_request", {"type": "request", "seq": 1, "command": "debugInfo"}, "control")
    assert reply["msg_type"] == "debug_reply"
    assert reply["content"]["status"] == "error" and "no debugger" in reply["content"]["evalue"]
    assert states(broadcasts) == ["busy", "idle"]


def test_connect_request_names_the_ports(kernel):
    content = request(kernel, "connect_request")[0]["content"]
    connection = kernel.manager.get_connection_info()
    names = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
    assert {name: content[name] for name in names} == {name: connection[name] for name in names}


# --- cells ----------------------------------------------------------------------------------------------------------


def test_messages_of_a_cell_come_in_order(kernel):
    code = 'print!("a"); display_html("<b>b</b>"); println!("c"); display(1); print!("d"); 6 * 7'
    cell = kernel.ok(code)
    assert cell.types == ["status", "execute_input", "stream", "display_data", "stream", "display_data", "stream",
                          "execute_result", "status"]
    assert stream_text(cell) == [("stdout", "a"), ("stdout", "c\n"), ("stdout", "d")]
    count = cell.reply["content"]["execution_count"]
    by_type = {message["msg_type"]: message["content"] for message in cell.messages}
    assert by_type["execute_input"] == {"code": code, "execution_count": count}
    assert by_type["execute_result"]["execution_count"] == count
    assert by_type["execute_result"]["data"]["text/plain"] == "42" and by_type["execute_result"]["metadata"] == {}
    assert cell.reply["content"]["payload"] == [] and cell.reply["content"]["user_expressions"] == {}
    assert cell.reply["metadata"]["started"].endswith("Z")
    for message in [*cell.messages, cell.reply]:
        check(message, cell.reply["parent_header"]["msg_id"])


def test_standard_error_is_a_stream_of_its_own(kernel):
    assert stream_text(kernel.ok('eprint!("to stderr");')) == [("stderr", "to stderr")]


def test_an_error_is_in_the_broadcast_and_in_the_reply(kernel):
    for code, name in [('panic!("on purpose");', "on purpose"), ("let x: i32 = \"text\";", "mismatched"),
                       ('Err::<(), _>("planned".to_owned())?;', "planned"), ("nonsense(", "")]:
        cell = kernel.execute(code)
        content = cell.reply["content"]
        assert content["status"] == "error" and name in content["evalue"] + " ".join(content["traceback"])
        assert {key: content[key] for key in ("ename", "evalue", "traceback")} == cell.error
        assert content["ename"] and content["traceback"]
        assert cell.types.count("error") == 1 and cell.types[-2:] == ["error", "status"]
        assert isinstance(content["execution_count"], int)
        check(cell.reply, cell.reply["parent_header"]["msg_id"])


def test_execution_counts(kernel):
    count = kernel.ok("1").reply["content"]["execution_count"]
    assert kernel.ok("2").reply["content"]["execution_count"] == count + 1
    silent = kernel.ok('println!("never shown"); 5', silent=True)
    assert silent.types == ["status", "status"]
    unstored = kernel.ok("3", store_history=False)
    assert unstored.types == ["status", "execute_input", "execute_result", "status"]
    assert kernel.ok("4").reply["content"]["execution_count"] == count + 2
    # An empty cell is a cell without output; an error counts too.
    assert kernel.ok("").types == ["status", "execute_input", "status"]
    assert kernel.execute('panic!("x");').reply["content"]["execution_count"] == count + 4


def test_a_silent_error_is_in_the_reply_only(kernel):
    cell = kernel.execute('panic!("silent");', silent=True)
    assert cell.status == "error" and cell.types == ["status", "status"]


def test_user_expressions(kernel):
    cell = kernel.ok("let five = 5; five", user_expressions={"sum": "five + 1", "wrong": "no_such_name"})
    expressions = cell.reply["content"]["user_expressions"]
    assert expressions["sum"] == {"status": "ok", "data": {"text/plain": "6"}, "metadata": {}}
    assert expressions["wrong"]["status"] == "error" and expressions["wrong"]["ename"]
    assert cell.result["text/plain"] == "5" and outline(cell).count("error") == 0
    silent = kernel.ok("", silent=True, user_expressions={"x": "five"})
    assert silent.reply["content"]["user_expressions"]["x"]["data"]["text/plain"] == "5"


def test_an_error_aborts_the_cells_that_wait(kernel):
    client = kernel.client
    slow = 'std::thread::sleep(std::time::Duration::from_millis(500)); panic!("first");'
    first, second, third = client.execute(slow), client.execute('println!("never");'), client.execute("1 + 1")
    question = client.kernel_info()
    assert [m["msg_type"] for m in kernel._until_idle(first, 60, [])][-2] == "error"
    for aborted in (second, third):
        assert [m["msg_type"] for m in kernel._until_idle(aborted, 60, [])] == ["status", "status"]
    replies = {reply["parent_header"]["msg_id"]: reply for reply in (client.get_shell_msg(timeout=60) for _ in range(4))}
    assert [replies[name]["content"]["status"] for name in (first, second, third, question)] == [
        "error", "aborted", "aborted", "ok"]
    assert kernel.ok("1 + 1").result["text/plain"] == "2"


def test_without_stop_on_error_the_cells_that_wait_run(kernel):
    client = kernel.client
    slow = 'std::thread::sleep(std::time::Duration::from_millis(300)); panic!("first");'
    first = client.execute(slow, stop_on_error=False)
    second = client.execute('println!("runs");')
    kernel._until_idle(first, 60, [])
    assert "stream" in [m["msg_type"] for m in kernel._until_idle(second, 60, [])]
    assert kernel._reply(first, 60)["content"]["status"] == "error"
    assert kernel._reply(second, 60)["content"]["status"] == "ok"


def test_a_question_opens_the_pager(kernel):
    page, = kernel.ok("?Vec::new").reply["content"]["payload"]
    assert page["source"] == "page" and page["start"] == 0
    assert "Vec<T>" in page["data"]["text/plain"] and page["data"]["text/markdown"]
    assert kernel.ok("?no_such_name").reply["content"]["payload"] == []


def test_a_large_cell_and_a_large_result(kernel):
    filler = "x" * 3_000_000
    cell = kernel.ok(f'// {filler}\nlet big = "y".repeat(5_000_000); big.clone()')
    assert len(cell.result["text/plain"]) == 5_000_002
    assert kernel.ok('println!("{}", big.len());').stdout == "5000000\n"


# --- input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("marker", "password"), [("EVCXR_INPUT_REQUEST", False), ("EVCXR_INPUT_REQUEST_PASSWORD", True)])
def test_input(kernel, marker, password):
    client = kernel.client
    cell = client.execute(f'print!("before"); println!("got {{}}", ask("{marker}", "név? "));', allow_stdin=True)
    asked = client.get_stdin_msg(timeout=60)
    check(asked, cell)
    assert asked["content"] == {"prompt": "név? ", "password": password}
    client.input("élan 🔑")
    messages = kernel._until_idle(cell, 60, [])
    assert "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream") == "beforegot élan 🔑\n"
    assert kernel._reply(cell, 60)["content"]["status"] == "ok"


READ = "let mut line = String::new(); std::io::stdin().read_line(&mut line)?; line"


def test_reading_standard_input_asks(kernel):
    client = kernel.client
    cell = client.execute(f'print!("before"); {READ}', allow_stdin=True)
    asked = client.get_stdin_msg(timeout=60)
    check(asked, cell)
    assert asked["content"] == {"prompt": "", "password": False}
    client.input("élan 🔑")
    messages = kernel._until_idle(cell, 60, [])
    assert [m["content"]["data"]["text/plain"] for m in messages if m["msg_type"] == "execute_result"] == ['"élan 🔑\\n"']
    assert kernel._reply(cell, 60)["content"]["status"] == "ok"
    refused = kernel.execute(READ, allow_stdin=False)
    assert refused.status == "error" and refused.error["ename"] == "StdinNotImplementedError"


def test_an_answer_of_several_lines_is_one_answer(kernel):
    client = kernel.client
    cell = client.execute('let a = ask("EVCXR_INPUT_REQUEST", "1"); let b = ask("EVCXR_INPUT_REQUEST", "2"); (a, b)')
    client.get_stdin_msg(timeout=60)
    client.input("two\nlines")
    client.get_stdin_msg(timeout=60)
    client.input("second")
    result = [m["content"]["data"]["text/plain"] for m in kernel._until_idle(cell, 60, []) if m["msg_type"] == "execute_result"]
    assert result == ['("two lines", "second")']
    assert kernel._reply(cell, 60)["content"]["status"] == "ok"


def test_input_that_is_not_allowed_is_an_error(kernel):
    cell = kernel.execute('let never = ask("EVCXR_INPUT_REQUEST", "name? ");', allow_stdin=False)
    assert cell.status == "error" and cell.error["ename"] == "StdinNotImplementedError"
    assert kernel.ok("1 + 1").result["text/plain"] == "2"


def test_a_front_end_that_could_not_ask_ends_the_wait_for_input(kernel):
    client = kernel.client
    cell = client.execute('let never = ask("EVCXR_INPUT_REQUEST", "name? ");', allow_stdin=True)
    client.get_stdin_msg(timeout=60)
    client.stdin_channel.send(client.session.msg("input_reply", content={"status": "error", "ename": "Closed", "evalue": ""}))
    kernel._until_idle(cell, 60, [])
    assert kernel._reply(cell, 60)["content"]["status"] == "error"
    assert kernel.ok("1 + 1").result["text/plain"] == "2"


def test_an_interrupt_ends_the_wait_for_input(kernel):
    client = kernel.client
    cell = client.execute('let never = ask("EVCXR_INPUT_REQUEST", "name? ");', allow_stdin=True)
    client.get_stdin_msg(timeout=60)
    kernel.manager.interrupt_kernel()
    kernel._until_idle(cell, 60, [])
    assert kernel._reply(cell, 60)["content"]["ename"] == "KeyboardInterrupt"
    # A late answer is for nobody, and does not become the next one's.
    client.input("too late")
    assert request(kernel, "kernel_info_request")[0]["content"]["status"] == "ok"
    assert kernel.ok("1 + 1").result["text/plain"] == "2"


# --- interrupts -----------------------------------------------------------------------------------------------------

BUSY = {
    "busy": "loop { std::hint::black_box(()); }",
    "sleeping": "std::thread::sleep(std::time::Duration::from_secs(600));",
    "blocked": "let (_keep, wait) = std::sync::mpsc::channel::<()>(); let _ = wait.recv();",
}


@pytest.mark.parametrize("how", ["message", "signal"])
@pytest.mark.parametrize("kind", BUSY)
def test_interrupts(kernel, kind, how):
    kernel.ok("let kept = 7;", store_history=False)
    client = kernel.client
    cell = client.execute(f'println!("started"); {BUSY[kind]}')
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["msg_type"] == "stream" and message["parent_header"].get("msg_id") == cell:
            break
    if how == "message":
        reply, broadcasts = request(kernel, "interrupt_request", channel="control")
        assert reply["content"] == {"status": "ok"}
        # The cell's own messages may come before those of the interrupt.
        assert states(broadcasts) == ["busy", "idle"]
    else:
        os.kill(kernel.pid, signal.SIGINT)
    reply = kernel._reply(cell, 10)
    assert (reply["content"]["status"], reply["content"]["ename"]) == ("error", "KeyboardInterrupt")
    assert kernel.ok("kept").result["text/plain"] == "7"


def test_an_interrupt_between_cells_does_nothing(kernel):
    assert request(kernel, "interrupt_request", channel="control")[0]["content"]["status"] == "ok"
    assert kernel.ok("1 + 1").result["text/plain"] == "2"


# --- questions about code -------------------------------------------------------------------------------------------


def test_completion_counts_code_points(kernel):
    kernel.ok("let numbers = vec![1, 2, 3];", store_history=False)
    code = 'let s = "é🔑𝄞"; numbers.is_emp; // 🔑'
    cursor = code.index(".is_emp") + len(".is_emp")
    content = kernel.complete(code, cursor)
    assert content["matches"] == ["is_empty"]
    assert code[content["cursor_start"]:content["cursor_end"]] == "is_emp"
    kind, = content["metadata"]["_jupyter_types_experimental"]
    assert kind["type"] and kind["text"] == content["matches"][0]
    assert (kind["start"], kind["end"]) == (content["cursor_start"], content["cursor_end"])


def test_completion_of_nothing(kernel):
    content = request(kernel, "complete_request", {"code": "zzzzqqq", "cursor_pos": 7})[0]["content"]
    assert content["status"] == "ok" and content["matches"] == []
    assert 0 <= content["cursor_start"] <= content["cursor_end"] <= 7


def test_inspection(kernel):
    code = 'let s = "🔑"; Vec::<i32>::with_capacity(3)'
    cursor = code.index("with_capacity") + 4
    content = request(kernel, "inspect_request", {"code": code, "cursor_pos": cursor, "detail_level": 0})[0]["content"]
    assert content["status"] == "ok" and content["found"] is True
    assert "capacity" in content["data"]["text/plain"] and "capacity" in content["data"]["text/markdown"]
    kernel.ok("/// Halves.\nfn half(x: u64) -> u64 { x / 2 }")
    for level in (0, 1):
        content = request(kernel, "inspect_request", {"code": "half(4)", "cursor_pos": 2, "detail_level": level})[0]["content"]
        assert content["found"] is True and "half" in content["data"]["text/plain"]
        assert ("{ x / 2 }" in content["data"]["text/markdown"]) == (level == 1)
    content = request(kernel, "inspect_request", {"code": "zzqq", "cursor_pos": 2, "detail_level": 0})[0]["content"]
    assert content == {"status": "ok", "found": False, "data": {}, "metadata": {}}


@pytest.mark.parametrize(("code", "status", "indent"), [
    ("1 + 1", "complete", None), ("", "complete", None), ("let x = 5;", "complete", None), (":vars", "complete", None),
    ("fn f() {", "incomplete", "    "), ("if true { loop {", "incomplete", "        "), ('let s = "abc', "incomplete", None),
    ("fn f() }", "invalid", None), ("let x = );", "invalid", None),
])
def test_is_complete(kernel, code, status, indent):
    content = request(kernel, "is_complete_request", {"code": code})[0]["content"]
    assert content["status"] == status
    assert ("indent" in content) == (status == "incomplete")
    if indent is not None:
        assert content["indent"] == indent


def test_history(kernel):
    def ask(**content):
        return request(kernel, "history_request", {"output": False, "raw": True, **content})[0]["content"]["history"]

    first = kernel.ok("40 + 2 // history").reply["content"]["execution_count"]
    kernel.ok('"planted".len() // history')
    kernel.ok("40 + 2 // history")
    kernel.ok("// not stored: history", store_history=False)
    last = [(first, "40 + 2 // history"), (first + 1, '"planted".len() // history'), (first + 2, "40 + 2 // history")]
    assert [(line, code) for _, line, code in ask(hist_access_type="tail", n=3)] == last
    assert [(line, code) for _, line, code in ask(hist_access_type="range", session=0, start=first, stop=first + 2)] == last[:2]
    outputs = ask(hist_access_type="range", session=0, start=first, stop=first + 2, output=True)
    assert [entry[2] for entry in outputs] == [["40 + 2 // history", "42"], ['"planted".len() // history', "7"]]
    found = ask(hist_access_type="search", pattern="40*hist?ry", n=10)
    assert [code for _, _, code in found][-2:] == ["40 + 2 // history"] * 2
    assert [code for _, _, code in ask(hist_access_type="search", pattern="40*hist?ry", n=10, unique=True)] == ["40 + 2 // history"]
    assert [line for _, line, _ in ask(hist_access_type="search", pattern="40*history", n=1)] == [first + 2]
    assert ask(hist_access_type="search", pattern="no such cell") == []
    assert ask(hist_access_type="range", session=-1, start=1, stop=9) == []


def test_requests_with_wrong_fields_get_an_error(kernel):
    for msg_type, content in [("execute_request", {"code": 5}), ("complete_request", {"code": "x", "cursor_pos": "end"}),
                              ("inspect_request", {}), ("is_complete_request", {"code": None}),
                              ("history_request", {"hist_access_type": "nonsense"}), ("comm_info_request", {"target_name": 3})]:
        reply, broadcasts = request(kernel, msg_type, content)
        assert reply["content"]["status"] == ("unknown" if msg_type == "is_complete_request" else "error")
        assert msg_type in reply["content"]["evalue"]
        assert states(broadcasts) == ["busy", "idle"]


# --- displays -------------------------------------------------------------------------------------------------------


def test_a_display_is_updated_through_its_handle(kernel):
    cell = kernel.ok('let handle = display_html("<i>first</i>"); println!("between"); handle.update_html("<i>second</i>");')
    assert cell.types[2:-1] == ["display_data", "stream", "update_display_data"]
    shown, updated = cell.messages[2]["content"], cell.messages[4]["content"]
    assert shown["data"]["text/html"] == "<i>first</i>" and updated["data"]["text/html"] == "<i>second</i>"
    assert shown["transient"]["display_id"] == updated["transient"]["display_id"]
    later = kernel.ok('handle.update(&vec![3]);')
    assert later.types[2:-1] == ["update_display_data"]
    assert later.messages[2]["content"]["transient"] == shown["transient"]
    assert later.messages[2]["content"]["data"]["text/plain"] == "[3]"


def test_clear_output(kernel):
    cell = kernel.ok('print!("a"); clear_output(true); print!("b"); clear_output(false);')
    assert cell.types[2:-1] == ["stream", "clear_output", "stream", "clear_output"]
    assert [m["content"] for m in cell.messages if m["msg_type"] == "clear_output"] == [{"wait": True}, {"wait": False}]


def test_displays_of_other_crates_keep_their_order(kernel):
    # What crates that know evcxr print.
    show = 'fn show(mime: &str, text: &str) { println!("EVCXR_BEGIN_CONTENT {mime}\\n{text}\\nEVCXR_END_CONTENT"); } '
    cell = kernel.ok(show + 'show("text/html", "<b>1</b>"); println!("between"); show("text/html", "<b>2</b>"); '
                     'show("application/json", "{\\"a\\": [1]}"); print!("end");')
    assert cell.types[2:-1] == ["display_data", "stream", "display_data", "display_data", "stream"]
    assert cell.displays == [{"text/html": "<b>1</b>"}, {"text/html": "<b>2</b>"}, {"application/json": {"a": [1]}}]


def test_rich_results(kernel):
    kernel.ok("struct Rich; impl Rich { fn evcxr_display(&self) { "
              'println!("EVCXR_BEGIN_CONTENT text/html\\n<b>rich</b>\\nEVCXR_END_CONTENT"); } }')
    cell = kernel.ok("Rich")
    assert cell.types[2:-1] == ["execute_result"] and cell.result["text/html"] == "<b>rich</b>"


# --- comms ----------------------------------------------------------------------------------------------------------


def test_comms(kernel):
    content = {"comm_id": "planted-comm", "target_name": "nobody", "data": {"a": 1}}
    _, broadcasts = request(kernel, "comm_open", content)
    assert [m["msg_type"] for m in broadcasts] == ["status", "comm_close", "status"]
    assert broadcasts[1]["content"]["comm_id"] == "planted-comm"
    for msg_type in ("comm_msg", "comm_close"):
        _, broadcasts = request(kernel, msg_type, {"comm_id": "planted-comm", "data": {}})
        assert [m["msg_type"] for m in broadcasts] == ["status", "status"]
    assert request(kernel, "comm_info_request", {"target_name": "nobody"})[0]["content"] == {"status": "ok", "comms": {}}


def test_a_widget_is_a_comm_that_is_listed(kernel):
    cell = kernel.ok('dbutils.widgets.text("planted_widget", "dev", "Where");')
    opened = [m["content"] for m in cell.messages if m["msg_type"] == "comm_open"]
    comms = request(kernel, "comm_info_request")[0]["content"]["comms"]
    assert opened and {comm["comm_id"] for comm in opened} <= set(comms)
    target = opened[0]["target_name"]
    assert comms[opened[0]["comm_id"]] == {"target_name": target}
    assert set(request(kernel, "comm_info_request", {"target_name": target})[0]["content"]["comms"]) == set(comms)
    kernel.ok("dbutils.widgets.remove_all();")


# --- bare sockets ---------------------------------------------------------------------------------------------------


@pytest.fixture
def wire(kernel):
    with Wire(kernel.manager.get_connection_info()) as wire:
        yield wire


def test_a_subscription_is_welcomed(wire):
    for topic in (b"", b"kernel"):
        socket = wire.subscribe(topic)
        message, frames = wire.receive(socket)
        assert message["msg_type"] == "iopub_welcome" and message["content"] == {"subscription": topic.decode()}
        assert message["parent_header"] == {} and len(frames) == 1 and frames[0].startswith(topic)


def test_topics_choose_what_a_subscriber_gets(kernel, wire):
    everything, nothing = wire.subscribe(b""), wire.subscribe(b"no such topic")
    assert wire.receive(everything)[0]["msg_type"] == wire.receive(nothing)[0]["msg_type"] == "iopub_welcome"
    kernel.ok("1")
    assert wire.receive(everything)[1][0].endswith(b".status")
    assert nothing.poll(0) == 0


@pytest.mark.parametrize("size", [0, 1, 255, 256, 1_000_000])
def test_the_heartbeat_echoes_the_bytes(wire, size):
    beat = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    socket = wire.socket("hb", zmq.REQ)
    socket.send(beat)
    assert socket.poll(10_000) and socket.recv() == beat


def test_the_heartbeat_beats_while_a_cell_runs(kernel, wire):
    cell = kernel.client.execute("std::thread::sleep(std::time::Duration::from_millis(500));")
    socket = wire.socket("hb", zmq.REQ)
    for _ in range(3):
        socket.send(b"ping")
        assert socket.poll(1000) and socket.recv() == b"ping"
    kernel._until_idle(cell, 60, [])
    kernel._reply(cell, 60)


def test_identities_come_back_as_they_were_sent(wire):
    frames, identifier = wire.frames("kernel_info_request", {})
    for identity, extra in [(b"planted-identity", []), (b"\xff\x01", [b"second", b"", b"\x00third"])]:
        socket = wire.socket("shell", identity=identity)
        frames, identifier = wire.frames("kernel_info_request", {})
        socket.send_multipart([*extra, *frames])
        reply, before = wire.receive(socket)
        assert before == extra and reply["parent_header"]["msg_id"] == identifier
    request = wire.socket("shell", zmq.REQ)
    frames, identifier = wire.frames("kernel_info_request", {})
    request.send_multipart(frames)
    assert wire.receive(request)[0]["parent_header"]["msg_id"] == identifier


def test_replies_go_to_the_client_that_asked_and_broadcasts_to_all(kernel, wire):
    iopub, one, two = wire.subscribe(), wire.socket("shell"), wire.socket("shell")
    wire.receive(iopub)
    frames, identifier = wire.frames("execute_request", {"code": 'println!("for all");', "silent": False})
    one.send_multipart(frames)
    assert wire.receive(one)[0]["parent_header"]["msg_id"] == identifier
    assert two.poll(0) == 0
    theirs = wire.receive_until(iopub, lambda m: m["msg_type"] == "status" and m["content"]["execution_state"] == "idle")
    ours = kernel._until_idle(identifier, 60, [])
    assert [m["header"]["msg_id"] for m in theirs] == [m["header"]["msg_id"] for m in ours]


def test_parent_headers_come_back_whole(wire):
    socket = wire.socket("shell")
    header = wire.session.msg_header("kernel_info_request") | {"subshell_id": None, "future": {"a": [1, "é"]}}
    message = wire.session.msg("kernel_info_request", content={}, header=header)
    socket.send_multipart(wire.session.serialize(message))
    reply = wire.receive(socket)[0]
    parent = json.loads(wire.session.pack(reply["parent_header"]))
    assert parent == json.loads(wire.session.pack(header))


def test_buffers_are_taken(kernel, wire):
    socket, iopub = wire.socket("shell"), wire.subscribe()
    wire.receive(iopub)
    frames, identifier = wire.frames("comm_msg", {"comm_id": "planted-comm", "data": {}})
    socket.send_multipart([*frames, b"\xff" * 1_000_000, b"", b"\x00"])
    idle = wire.receive_until(iopub, lambda m: m["content"].get("execution_state") == "idle")
    assert idle[-1]["parent_header"]["msg_id"] == identifier


def _drain(kernel):
    """Reads what there is on iopub."""
    with contextlib.suppress(queue.Empty):
        while True:
            kernel.client.get_iopub_msg(timeout=0)


def test_requests_that_wait_are_all_answered(kernel, wire):
    socket = wire.socket("shell", RCVHWM=0, SNDHWM=0)
    total = 10_000
    for _ in range(total):
        frames, last = wire.frames("kernel_info_request", {})
        socket.send_multipart(frames)
    # In order, none lost; the last one's parent says so.
    for number in range(total):
        frames = socket.recv_multipart() if socket.poll(60_000) else []
        assert frames, "a reply is missing"
        # A front end that did not read what is broadcast meanwhile would be disconnected.
        if number % 100 == 0:
            _drain(kernel)
    _drain(kernel)
    assert last.encode() in frames[3]


def test_a_client_that_comes_and_goes_leaves_nothing(kernel):
    connection = kernel.manager.get_connection_info()
    before = len(os.listdir(f"/proc/{kernel.pid}/fd"))
    for _ in range(30):
        with Wire(connection) as wire:
            socket = wire.socket("shell")
            frames, _ = wire.frames("kernel_info_request", {})
            socket.send_multipart(frames)
            wire.receive(socket)
    deadline = time.monotonic() + 10
    while len(os.listdir(f"/proc/{kernel.pid}/fd")) > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(os.listdir(f"/proc/{kernel.pid}/fd")) <= before


# --- secrets in all of it -------------------------------------------------------------------------------------------


def test_a_secret_in_a_request_is_in_no_answer(kernel):
    password = PLANTED["jdbc", "password"]
    kernel.ok('let pw = dbutils.secrets.get("jdbc", "password");')
    for msg_type, content in [("complete_request", {"code": password, "cursor_pos": 3}), ("comm_info_request", {"target_name": password}),
                              ("inspect_request", {"code": password, "cursor_pos": 3}), ("comm_open", {"comm_id": password, "target_name": password, "data": {password: password}})]:
        reply, broadcasts = request(kernel, msg_type, content)
        seen = json.dumps([m["content"] for m in [*broadcasts, *([reply] if reply else [])]])
        assert json.dumps(password)[1:-1] not in seen
