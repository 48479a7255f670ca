"""Secrets in every place where a front end can put one: neither the kernel's log at its most verbose, nor a history, nor any
other file may hold them."""

import json

import pytest

from harness import PLANTED, Kernel


@pytest.fixture(scope="module")
def verbose(house):
    with Kernel(house, SEALBOOK_LOG="trace") as kernel:
        yield kernel


def ask(kernel, msg_type, content, metadata=None, buffers=None):
    session = kernel.client.session
    message = session.msg(msg_type, content=content, metadata=metadata)
    session.send(kernel.client.shell_channel.socket, message, buffers=buffers)
    identifier = message["header"]["msg_id"]
    kernel._until_idle(identifier, 60, [])
    if msg_type.endswith("_request"):
        kernel._reply(identifier, 60)


@pytest.mark.parametrize("learnt", [False, True], ids=["before it is learnt", "after"])
def test_no_log_and_no_file_holds_a_secret(house, verbose, learnt):
    kernel, password = verbose, PLANTED["jdbc", "password"]
    quoted = json.dumps(password)
    literal = "r##\"" + password + "\"##"
    if learnt:
        kernel.ok('let secret = dbutils.secrets.get("jdbc", "password"); println!("{secret}"); eprintln!("{secret:?}");')
        for code in ('panic!("{secret}");', "Err::<(), _>(secret.clone())?;", "let wrong: i32 = secret;", 'display_html(&secret); dbutils.comms.open("t", format!("{{\\"a\\": {secret:?}}}"));'):
            kernel.execute(code)
    # Cells that hold the value itself: what runs, what does not compile, what is no Rust, what panics.
    for code in (f"let pasted = {literal};", f"let wrong: i32 = {literal};", f"{password} {{", f"panic!({quoted});", f"!echo {quoted} >&2; exit 3",
                 f":dep {password}", f"?{password}", f"// {password}"):
        kernel.execute(code, user_expressions={"x": literal})
    # Requests, and what is no request at all.
    for msg_type, content in [("complete_request", {"code": literal, "cursor_pos": 9}), ("inspect_request", {"code": literal, "cursor_pos": 9}),
                              ("is_complete_request", {"code": literal}), ("comm_info_request", {"target_name": password}),
                              ("history_request", {"hist_access_type": "search", "pattern": password, "output": True, "raw": True}),
                              ("complete_request", {"code": 5, "cursor_pos": password}), ("history_request", {"hist_access_type": password}),
                              ("comm_open", {"comm_id": password, "target_name": password, "data": {password: password}}),
                              ("comm_msg", {"comm_id": password, "data": {password: password}}), ("comm_close", {"comm_id": password}),
                              (password, {password: password}), ("comm_open", {"target_name": password})]:
        if msg_type == "history_request" and content.get("hist_access_type") == password:
            content |= {"n": 1}
        ask(kernel, msg_type, content, metadata={password: password}, buffers=[password.encode()])
    assert kernel.ok("1 + 1").result["text/plain"] == "2"
    # The log is kept as the front end sees it, and everything is searched for every form: once, for both.
    assert kernel.log.stat().st_size > 0
    if learnt:
        report = house.search(cells=False)
        assert not report.findings, report.text()
