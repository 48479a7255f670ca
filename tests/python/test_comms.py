"""Comms between cells and a front end: opened by either side, with metadata and buffers, and redacted like all else."""

import base64
import json

import pytest

from harness import PLANTED


@pytest.fixture(scope="module", autouse=True)
def prepared(kernel):
    kernel.ok("use std::time::Duration;")


def send(kernel, msg_type, content, metadata=None, buffers=None):
    """Sends a message on shell; gives its id."""
    session = kernel.client.session
    message = session.msg(msg_type, content=content, metadata=metadata)
    session.send(kernel.client.shell_channel.socket, message, buffers=buffers)
    return message["header"]["msg_id"]


def told(kernel, msg_type, content, **fields):
    """Sends a message; gives the types of what is broadcast about it."""
    broadcasts = kernel._until_idle(send(kernel, msg_type, content, **fields), 60, [])
    return [m["msg_type"] for m in broadcasts]


def listed(kernel, **content):
    identifier = send(kernel, "comm_info_request", content)
    kernel._until_idle(identifier, 60, [])
    return kernel._reply(identifier, 60)["content"]["comms"]


def only(cell, msg_type):
    message, = [m for m in cell.messages if m["msg_type"] == msg_type]
    return message


def test_a_cell_opens_a_comm_sends_and_closes(kernel):
    cell = kernel.ok('print!("before"); let comm = dbutils.comms.open("planted.target", '
                     'dbutils::CommMessage::new(r#"{"a": [1, "é"]}"#).metadata(r#"{"m": true}"#).buffer(vec![0u8, 255]).buffer("")); '
                     'print!("after");')
    assert cell.types[2:-1] == ["stream", "comm_open", "stream"]
    opened = only(cell, "comm_open")
    identifier = opened["content"]["comm_id"]
    assert opened["content"] == {"comm_id": identifier, "target_name": "planted.target", "data": {"a": [1, "é"]}}
    assert opened["metadata"] == {"m": True}
    assert [bytes(buffer) for buffer in opened["buffers"]] == [b"\x00\xff", b""]
    assert listed(kernel, target_name="planted.target") == {identifier: {"target_name": "planted.target"}}
    assert listed(kernel, target_name="another") == {}
    sent = only(kernel.ok('comm.send(r#"{"n": 1}"#);'), "comm_msg")
    assert sent["content"] == {"comm_id": identifier, "data": {"n": 1}} and sent["metadata"] == {}
    assert kernel.ok("(comm.is_open(), comm.target().to_owned())").result["text/plain"] == '(true, "planted.target")'
    closed = only(kernel.ok('comm.close("");'), "comm_close")
    assert closed["content"] == {"comm_id": identifier, "data": {}}
    assert listed(kernel, target_name="planted.target") == {}
    again = kernel.execute('comm.send("{}");')
    assert again.status == "error" and "is closed" in again.error["evalue"]
    assert "comm_close" not in kernel.ok('comm.close("{}");').types


def test_a_cell_receives_what_came_between_cells(kernel):
    identifier = only(kernel.ok('let inbox = dbutils.comms.open("inbox", "{}");'), "comm_open")["content"]["comm_id"]
    for number in (1, 2):
        content = {"comm_id": identifier, "data": {"n": number}}
        assert told(kernel, "comm_msg", content, metadata={"k": number}, buffers=[bytes([number, 0, 255])]) == ["status", "status"]
    cell = kernel.ok("for _ in 0..2 { let got = inbox.receive(Duration::from_secs(60)).unwrap(); "
                     "println!(\"{} {} {:?}\", got.data, got.metadata, got.buffers); } inbox.receive(Duration::ZERO)")
    assert cell.stdout == '{"n":1} {"k":1} [[1, 0, 255]]\n{"n":2} {"k":2} [[2, 0, 255]]\n'
    assert cell.result["text/plain"] == "None"
    # What the front end closes ends after its last message.
    assert told(kernel, "comm_close", {"comm_id": identifier, "data": {"last": True}}) == ["status", "status"]
    assert listed(kernel, target_name="inbox") == {}
    cell = kernel.ok("(inbox.is_open(), inbox.receive(Duration::from_secs(60)).unwrap().data, inbox.receive(Duration::from_secs(60)))")
    assert cell.result["text/plain"] == '(false, "{\\"last\\":true}", None)'


def test_a_running_cell_and_the_front_end_talk_to_each_other(kernel):
    # An echo: the cell waits, the front end answers each of its messages while it runs.
    cell = kernel.client.execute('let talk = dbutils.comms.open("talk", "{}"); for n in 0..3 { talk.send(format!("{{\\"n\\":{n}}}")); '
                                 'let got = talk.receive(Duration::from_secs(60)).unwrap(); assert!(got.buffers[0] == [n], "{got:?}"); } talk.close("{}");')
    answered, sent = [], []
    while True:
        message = kernel.client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") != cell:
            continue
        if message["msg_type"] == "comm_msg":
            number = message["content"]["data"]["n"]
            answered.append(number)
            content = {"comm_id": message["content"]["comm_id"], "data": {}}
            sent.append(send(kernel, "comm_msg", content, buffers=[bytes([number])]))
        if message["content"].get("execution_state") == "idle":
            break
    assert answered == [0, 1, 2]
    assert kernel._reply(cell, 60)["content"]["status"] == "ok"
    # The front end sees each of its messages handled, in its turn.
    for identifier in sent:
        assert [m["msg_type"] for m in kernel._until_idle(identifier, 60, [])] == ["status", "status"]


def test_front_ends_open_comms_to_registered_targets(kernel):
    content = {"comm_id": "planted-front-end", "target_name": "registered", "data": {"hello": 1}}
    assert told(kernel, "comm_open", content) == ["status", "comm_close", "status"]
    kernel.ok('dbutils.comms.register("registered");')
    assert told(kernel, "comm_open", content, buffers=[b"\x01"]) == ["status", "status"]
    assert listed(kernel, target_name="registered") == {"planted-front-end": {"target_name": "registered"}}
    cell = kernel.ok('let (theirs, hello) = dbutils.comms.accept("registered", Duration::from_secs(60)).unwrap(); '
                     'theirs.send(hello.clone()); (theirs.id().to_owned(), hello.data, hello.buffers)')
    assert cell.result["text/plain"] == '("planted-front-end", "{\\"hello\\":1}", [[1]])'
    echo = only(cell, "comm_msg")
    assert echo["content"] == {"comm_id": "planted-front-end", "data": {"hello": 1}} and bytes(echo["buffers"][0]) == b"\x01"
    assert kernel.ok('dbutils.comms.accept("registered", Duration::ZERO)').result["text/plain"] == "None"
    kernel.ok('dbutils.comms.unregister("registered");')
    content["comm_id"] = "planted-too-late"
    assert told(kernel, "comm_open", content) == ["status", "comm_close", "status"]
    kernel.ok('theirs.close("{}");')


def test_a_message_that_is_no_object_is_refused(kernel):
    for text in ("[1]", "planted", '{"a": 1', "1"):
        cell = kernel.execute(f'dbutils.comms.open("wrong", r#"{text}"#);')
        assert cell.status == "error" and "JSON object" in cell.error["evalue"]
        assert "comm_open" not in cell.types
    assert listed(kernel, target_name="wrong") == {}


def test_an_interrupt_ends_the_wait_for_a_message(kernel):
    cell = kernel.client.execute('let never = dbutils.comms.open("never", "{}"); println!("waits"); never.receive(Duration::from_secs(600));')
    while kernel.client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
        pass
    kernel.manager.interrupt_kernel()
    kernel._until_idle(cell, 60, [])
    assert kernel._reply(cell, 60)["content"]["ename"] == "KeyboardInterrupt"
    assert kernel.ok("1 + 1").result["text/plain"] == "2"


def test_secrets_in_comms_are_redacted(kernel):
    password = PLANTED["jdbc", "password"]
    kernel.ok('let secret = dbutils.secrets.get("jdbc", "password");')
    cell = kernel.ok('let leak = dbutils.comms.open(&secret, dbutils::CommMessage::new(format!("{{{secret:?}: [{secret:?}]}}"))'
                     '.metadata(format!("{{\\"x\\": {secret:?}}}")).buffer(secret.as_bytes()).buffer([b"\\x00\\xff", secret.as_bytes(), b"\\x00"].concat())); '
                     'leak.send(dbutils::CommMessage::new("").buffer(secret.as_bytes())); '
                     'leak.close(dbutils::CommMessage::new(format!("{{\\"end\\": {secret:?}}}")));')
    comms = [m for m in cell.messages if m["msg_type"].startswith("comm_")]
    assert [m["msg_type"] for m in comms] == ["comm_open", "comm_msg", "comm_close"]
    for message in comms:
        assert "[REDACTED]" in json.dumps([message["content"], message["metadata"]]) + str([bytes(b) for b in message["buffers"]])
        for form in (password.encode(), json.dumps(password)[1:-1].encode(), base64.b64encode(password.encode())):
            assert not any(form in bytes(buffer) for buffer in message["buffers"])
            assert form not in json.dumps([message["content"], message["metadata"]], ensure_ascii=False).encode()


def test_secrets_in_metadata_and_buffers_of_displays_are_redacted(kernel):
    password = PLANTED["jdbc", "password"]
    cell = kernel.ok('let secret = dbutils.secrets.get("jdbc", "password"); dbutils::Content::new("text/plain", "shown")'
                     '.metadata(format!("{{\\"text/plain\\": {{\\"x\\": {secret:?}, {secret:?}: 1}}}}")).buffer([b"\\x00", secret.as_bytes()].concat()).show();')
    message = only(cell, "display_data")
    assert message["content"]["data"] == {"text/plain": "shown"}
    assert "[REDACTED]" in json.dumps(message["content"]["metadata"]) and b"[REDACTED]" in bytes(message["buffers"][0])
    assert password.encode() not in bytes(message["buffers"][0])
    for form in (password, json.dumps(password)[1:-1]):
        assert form not in json.dumps([message["content"], message["metadata"]], ensure_ascii=False)
