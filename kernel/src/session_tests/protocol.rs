//! Order and content of messages, request by request.

use std::sync::Arc;

use sealbook_runtime::Over;
use sealbook_wire::connection::Channel;
use serde_json::{Value, json};

use super::fake_engine::FakeEngine;
use super::front_end::{FrontEnd, input, joined, message, stream};

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_gives_its_messages_in_order() {
    let mut kernel = FrontEnd::start().await;
    let code = "out a\\n\nerr b\\n\nshow c\nclear\nout d\nupdate e\ncomm 1\nresult 3";
    let answer = kernel.execute(code).await;
    assert_eq!(
        answer.iopub,
        [
            input(1, code),
            stream("stdout", "a\n"),
            stream("stderr", "b\n"),
            message(
                "display_data",
                json!({"data": {"text/plain": "c"}, "metadata": {}, "transient": {}})
            ),
            message("clear_output", json!({"wait": true})),
            stream("stdout", "d"),
            message(
                "update_display_data",
                json!({"data": {"text/plain": "e"}, "metadata": {}, "transient": {"display_id": "d1"}})
            ),
            message("comm_open", json!({"comm_id": "1", "target_name": "t", "data": {}})),
            message(
                "execute_result",
                json!({"execution_count": 1, "data": {"text/plain": "3"}, "metadata": {}})
            ),
        ]
    );
    let expected = json!({"status": "ok", "payload": [], "user_expressions": {}, "execution_count": 1});
    assert_eq!(answer.reply, message("execute_reply", expected));
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_in_the_broadcast_and_in_the_reply() {
    let mut kernel = FrontEnd::start().await;
    let answer = kernel.execute("out a\nfail why").await;
    let error = json!({"ename": "Failure", "evalue": "why", "traceback": ["Failure: why"]});
    assert_eq!(
        answer.iopub,
        [
            input(1, "out a\nfail why"),
            stream("stdout", "a"),
            message("error", error.clone())
        ]
    );
    let mut reply = error;
    reply["status"] = json!("error");
    reply["execution_count"] = json!(1);
    assert_eq!(answer.reply, message("execute_reply", reply));
    assert_eq!(
        kernel.execute("out b").await.iopub,
        [input(2, "out b"), stream("stdout", "b")]
    );
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_cells_show_nothing_and_are_not_counted() {
    let mut kernel = FrontEnd::start().await;
    let answer = kernel
        .ask("execute_request", json!({"code": "out a\nresult 1", "silent": true}))
        .await;
    assert_eq!(answer.iopub, []);
    assert_eq!(answer.reply.1["execution_count"], 0);
    let answer = kernel
        .ask("execute_request", json!({"code": "fail x", "silent": true}))
        .await;
    assert_eq!((answer.iopub, &answer.reply.1["status"]), (vec![], &json!("error")));
    let unstored = kernel
        .ask("execute_request", json!({"code": "out a", "store_history": false}))
        .await;
    assert_eq!(unstored.iopub, [input(1, "out a"), stream("stdout", "a")]);
    assert_eq!(kernel.execute("").await.reply.1["execution_count"], 1);
    let history = kernel
        .ask("history_request", json!({"hist_access_type": "tail", "n": 9}))
        .await;
    assert_eq!(history.reply.1, json!({"status": "ok", "history": [[1, 1, ""]]}));
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn user_expressions_are_evaluated_without_output() {
    let mut kernel = FrontEnd::start().await;
    let content = json!({"code": "out a", "user_expressions": {"x": "out b\nresult 5", "y": "fail z", "w": 3}});
    let answer = kernel.ask("execute_request", content).await;
    assert_eq!(answer.iopub, [input(1, "out a"), stream("stdout", "a")]);
    assert_eq!(
        answer.reply.1["user_expressions"],
        json!({
            "x": {"status": "ok", "data": {"text/plain": "5"}, "metadata": {}},
            "y": {"ename": "Failure", "evalue": "z", "traceback": ["Failure: z"], "status": "error"},
            "w": {"ename": "TypeError", "evalue": "an expression must be a string", "traceback": [], "status": "error"},
        })
    );
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_stops_the_cells_that_are_queued_behind_it() {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let mut kernel = FrontEnd::with(Box::new(move |_, _| {
        wait.recv().unwrap();
        Ok(Box::new(FakeEngine::default()))
    }))
    .await;
    let first = kernel.send_code("fail x").await;
    let queued = kernel.send_code("out never").await;
    let kept = kernel.send("comm_info_request", json!({})).await;
    // Shell is read in order, so when this is answered all of the above are queued.
    let barrier = kernel.send("kernel_info_request", json!({})).await;
    kernel.answer(&barrier).await;
    release.send(()).unwrap();
    assert_eq!(kernel.answer(&first).await.reply.1["ename"], "Failure");
    let aborted = kernel.answer(&queued).await;
    assert_eq!(aborted.iopub, []);
    assert_eq!(
        (&aborted.reply.1["status"], &aborted.reply.1["ename"]),
        (&json!("aborted"), &json!("Aborted"))
    );
    assert_eq!(kernel.answer(&kept).await.reply.1["status"], "ok");
    // What is sent after the reply runs.
    assert_eq!(kernel.execute("fail x").await.reply.1["ename"], "Failure");
    assert_eq!(kernel.execute("out a").await.reply.1["status"], "ok");
    let go_on = json!({"code": "fail x", "stop_on_error": false});
    let first = kernel.send("execute_request", go_on).await;
    let second = kernel.send_code("out runs").await;
    kernel.answer(&first).await;
    assert_eq!(kernel.answer(&second).await.reply.1["status"], "ok");
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn input_goes_to_the_front_end_that_asked() {
    let mut kernel = FrontEnd::start().await;
    for (command, password) in [("ask", false), ("password", true)] {
        let id = kernel.send_code(&format!("out before\n{command} name? ")).await;
        let request = kernel.next(|channel, _| channel == Channel::Stdin).await;
        assert_eq!(
            (request.msg_type(), request.parent_id()),
            ("input_request", id.as_str())
        );
        assert_eq!(
            Value::Object(request.content),
            json!({"prompt": "name? ", "password": password})
        );
        kernel
            .send_on(Channel::Stdin, "input_reply", json!({"value": "two\nlines"}))
            .await;
        let answer = kernel.answer(&id).await;
        assert_eq!(
            answer.iopub[1..],
            [stream("stdout", "before"), stream("stdout", "two\nlines")]
        );
    }
    let refused = kernel
        .ask("execute_request", json!({"code": "ask x", "allow_stdin": false}))
        .await;
    assert_eq!(refused.reply.1["ename"], "InputRefused");
    // An interrupt ends the wait.
    let id = kernel.send_code("ask x").await;
    kernel.next(|channel, _| channel == Channel::Stdin).await;
    kernel.send_on(Channel::Control, "interrupt_request", json!({})).await;
    assert_eq!(kernel.answer(&id).await.reply.1["ename"], "InputRefused");
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_that_dies_does_not_wait_for_input() {
    let over = Arc::new(Over::new());
    let given = Arc::clone(&over);
    let mut kernel = FrontEnd::with(Box::new(move |_, _| {
        let mut engine = FakeEngine::default();
        engine.over = given;
        Ok(Box::new(engine))
    }))
    .await;
    let id = kernel.send_code("ask x").await;
    kernel.next(|channel, _| channel == Channel::Stdin).await;
    over.happens();
    let answer = kernel.answer(&id).await;
    assert_eq!(answer.reply.1["ename"], "InputRefused");
    assert_eq!(answer.iopub.len(), 2, "{:?}", answer.iopub);
    assert_eq!(
        kernel.execute("out a").await.iopub,
        [input(2, "out a"), stream("stdout", "a")]
    );
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kernel_info_on_both_channels_while_the_engine_loads() {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let mut kernel = FrontEnd::with(Box::new(move |_, _| {
        wait.recv().unwrap();
        Ok(Box::new(FakeEngine::default()))
    }))
    .await;
    let cell = kernel.send_code("out a").await;
    for channel in [Channel::Shell, Channel::Control] {
        let id = kernel.send_on(channel, "kernel_info_request", json!({})).await;
        let (name, content) = kernel.answer(&id).await.reply;
        assert_eq!(name, "kernel_info_reply");
        assert_eq!(
            (&content["status"], &content["protocol_version"]),
            (&json!("ok"), &json!("5.5"))
        );
        assert_eq!(content["language_info"]["name"], "rust");
    }
    release.send(()).unwrap();
    assert_eq!(kernel.answer(&cell).await.iopub[1..], [stream("stdout", "a")]);
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_cell_is_answered_in_its_turn_while_the_engine_loads() {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let mut kernel = FrontEnd::with(Box::new(move |_, _| {
        wait.recv().unwrap();
        Ok(Box::new(FakeEngine::default()))
    }))
    .await;
    for _ in 0..50 {
        let malformed = kernel.send("execute_request", json!({"code": 5})).await;
        let info = kernel.send("kernel_info_request", json!({})).await;
        for id in [malformed, info] {
            let reply = kernel.next(|channel, _| channel == Channel::Shell).await;
            assert_eq!(reply.parent_id(), id, "{}", reply.msg_type());
        }
    }
    release.send(()).unwrap();
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_requests_without_execution() {
    let mut kernel = FrontEnd::start().await;
    let cases = [
        (
            "complete_request",
            json!({"code": "é.re", "cursor_pos": 4}),
            json!({"status": "ok", "matches": ["result"],
            "cursor_start": 2, "cursor_end": 4, "metadata": {"_jupyter_types_experimental":
            [{"text": "result", "type": "keyword", "signature": "", "start": 2, "end": 4}]}}),
        ),
        (
            "inspect_request",
            json!({"code": "é out", "cursor_pos": 2, "detail_level": 1}),
            json!({"status": "ok",
            "found": true, "data": {"text/plain": "level 1", "text/markdown": "**out**"}, "metadata": {}}),
        ),
        (
            "inspect_request",
            json!({"code": "x", "cursor_pos": 99}),
            json!({"status": "ok", "found": false, "data": {}, "metadata": {}}),
        ),
        (
            "inspect_request",
            json!({"code": "x", "cursor_pos": -1}),
            json!({"status": "ok", "found": false, "data": {}, "metadata": {}}),
        ),
        (
            "is_complete_request",
            json!({"code": "x"}),
            json!({"status": "complete"}),
        ),
        (
            "is_complete_request",
            json!({"code": "{"}),
            json!({"status": "incomplete", "indent": "    "}),
        ),
        (
            "is_complete_request",
            json!({"code": "}"}),
            json!({"status": "invalid"}),
        ),
        ("comm_info_request", json!({}), json!({"status": "ok", "comms": {}})),
        (
            "connect_request",
            json!({}),
            json!({"status": "ok", "shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}),
        ),
        // A cursor that is not said is at the end.
        (
            "complete_request",
            json!({"code": "ü"}),
            json!({"status": "ok", "matches": ["result"], "cursor_start": 0, "cursor_end": 1, "metadata":
            {"_jupyter_types_experimental": [{"text": "result", "type": "keyword", "signature": "", "start": 0, "end": 1}]}}),
        ),
        (
            "is_complete_request",
            json!({"code": "?out"}),
            json!({"status": "complete"}),
        ),
    ];
    for (msg_type, content, expected) in cases {
        let answer = kernel.ask(msg_type, content.clone()).await;
        assert_eq!(
            answer.reply,
            message(&msg_type.replace("request", "reply"), expected),
            "{content}"
        );
        assert_eq!(answer.iopub, []);
    }
    // Comms: what a front end opens is closed; what user code opens is listed.
    let id = kernel
        .send(
            "comm_open",
            json!({"comm_id": "c1", "target_name": "unknown", "data": {}}),
        )
        .await;
    assert_eq!(
        kernel.broadcasts(&id).await,
        [message("comm_close", json!({"comm_id": "c1", "data": {}}))]
    );
    kernel.execute("comm c2").await;
    let listed = kernel.ask("comm_info_request", json!({"target_name": "t"})).await;
    assert_eq!(listed.reply.1["comms"], json!({"c2": {"target_name": "t"}}));
    let other = kernel.ask("comm_info_request", json!({"target_name": "u"})).await;
    assert_eq!(other.reply.1["comms"], json!({}));
    let id = kernel.send("comm_close", json!({"comm_id": "c2", "data": {}})).await;
    assert_eq!(kernel.broadcasts(&id).await, []);
    assert_eq!(
        kernel.ask("comm_info_request", json!({})).await.reply.1["comms"],
        json!({})
    );
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_opens_the_pager() {
    let mut kernel = FrontEnd::start().await;
    let answer = kernel.execute("??outward").await;
    assert_eq!(
        answer.iopub,
        [
            input(1, "??outward"),
            stream("stdout", "Nothing is known about `outward`.\n")
        ]
    );
    assert_eq!(answer.reply.1["payload"], json!([]));
    // With more detail, the source of what a cell defined, whether the engine knows it or not.
    kernel
        .ask(
            "execute_request",
            json!({"code": "fn planted() { 1 }", "stop_on_error": false}),
        )
        .await;
    let answer = kernel.execute("??planted").await;
    let markdown = "```rust\nfn planted() { 1 }\n```";
    let data = json!({"text/plain": "fn planted() { 1 }", "text/markdown": markdown});
    assert_eq!(
        answer.reply.1["payload"],
        json!([{"source": "page", "data": data, "start": 0}])
    );
    let asked = |level: u8| json!({"code": "planted()", "cursor_pos": 3, "detail_level": level});
    let answer = kernel.ask("inspect_request", asked(1)).await;
    assert_eq!(
        (&answer.reply.1["found"], &answer.reply.1["data"]),
        (&json!(true), &data)
    );
    assert_eq!(kernel.ask("inspect_request", asked(0)).await.reply.1["found"], false);
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_in_no_message() {
    let mut kernel = FrontEnd::start().await;
    let value = "planted-value-0123456789";
    let secret = sealbook_redact::Secret::new("jdbc", "password", value.as_bytes().to_vec());
    let _ = kernel.redactor.learn(&secret);
    let code = format!("out x {value} y\nshow {value}\nresult {value}\nfail {value}");
    let shown = "out x [REDACTED] y\nshow [REDACTED]\nresult [REDACTED]\nfail [REDACTED]";
    let answer = kernel.execute(&code).await;
    assert_eq!(
        joined(&answer.iopub)[..2],
        [input(1, shown), stream("stdout", "x [REDACTED] y")]
    );
    assert!(!format!("{:?} {:?}", answer.iopub, answer.message).contains(value));
    // Over writes, lanes and cells.
    let answer = kernel.execute("out a planted-val\nout ue-01234\nout 56789 b").await;
    assert_eq!(joined(&answer.iopub)[1..], [stream("stdout", "a [REDACTED] b")]);
    let history = kernel
        .ask(
            "history_request",
            json!({"hist_access_type": "tail", "n": 9, "output": true}),
        )
        .await;
    assert!(!history.reply.1.to_string().contains(value), "{}", history.reply.1);
    let asked = kernel.send_code(&format!("ask {value}")).await;
    let request = kernel.next(|channel, _| channel == Channel::Stdin).await;
    assert_eq!(request.content["prompt"], "[REDACTED]");
    kernel
        .send_on(Channel::Stdin, "input_reply", json!({"value": value}))
        .await;
    assert_eq!(kernel.answer(&asked).await.iopub[1..], [stream("stdout", "[REDACTED]")]);
    kernel.shutdown().await;
}
