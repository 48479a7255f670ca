//! What front ends must not be able to break.

use sealbook_wire::connection::Channel;
use sealbook_wire::{Bytes, Message, Signer};
use serde_json::json;

use super::front_end::{FrontEnd, message, stream};

#[tokio::test(flavor = "multi_thread")]
async fn malformed_messages_are_dropped_and_the_kernel_lives() {
    let mut kernel = FrontEnd::start().await;
    let good = || {
        Message::new(
            "execute_request",
            "s",
            json!({"code": "out bad"}).as_object().unwrap().clone(),
        )
    };
    let badly_signed = good().encode(&Signer::new(b"another key"));
    let replayed = good();
    let frames = replayed.clone().encode(&Signer::new(b"planted-connection-key"));
    let nonsense = [vec![Bytes::new()], vec![Bytes::from_static(b"<IDS|MSG>")], badly_signed];
    for channel in [Channel::Shell, Channel::Control, Channel::Stdin] {
        for frames in &nonsense {
            kernel.client.send_frames(channel, frames.clone()).await.unwrap();
        }
    }
    for _ in 0..2 {
        kernel.client.send_frames(Channel::Shell, frames.clone()).await.unwrap();
    }
    kernel.send("no_such_request", json!({})).await;
    kernel.send_on(Channel::Control, "no_such_request", json!({})).await;
    // The one good message among them ran once; all others are gone.
    let ran = kernel.answer(replayed.header.msg_id()).await;
    assert_eq!(ran.iopub[1..], [stream("stdout", "bad")]);
    let answer = kernel.execute("out a").await;
    assert_eq!(
        (answer.iopub[1..].to_vec(), &answer.reply.1["execution_count"]),
        (vec![stream("stdout", "a")], &json!(2))
    );
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_with_wrong_fields_get_an_error() {
    let mut kernel = FrontEnd::start().await;
    let cases = [
        ("execute_request", json!({"code": 3})),
        ("execute_request", json!({})),
        ("complete_request", json!({"code": "x", "cursor_pos": "1"})),
        ("inspect_request", json!({"code": null, "cursor_pos": 1})),
        ("is_complete_request", json!({})),
        ("history_request", json!({"hist_access_type": "nonsense"})),
    ];
    for (msg_type, content) in cases {
        let answer = kernel.ask(msg_type, content).await;
        assert_eq!(answer.reply.0, msg_type.replace("request", "reply"));
        let status = if msg_type == "is_complete_request" {
            "unknown"
        } else {
            "error"
        };
        assert_eq!(
            (&answer.reply.1["status"], &answer.reply.1["ename"]),
            (&json!(status), &json!("MalformedRequest"))
        );
    }
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_panics_is_an_error_of_its_cell() {
    let mut kernel = FrontEnd::start().await;
    let answer = kernel.execute("out before\npanic").await;
    assert_eq!(answer.iopub[1], stream("stdout", "before"));
    assert_eq!(answer.reply.1["ename"], "EngineError");
    assert_eq!(kernel.execute("out a").await.iopub[1..], [stream("stdout", "a")]);
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_cannot_start_is_an_error_of_every_cell() {
    let mut kernel = FrontEnd::with(Box::new(|_, _| panic!("planted: no toolchain"))).await;
    for _ in 0..2 {
        let answer = kernel.execute("out a").await;
        assert_eq!(
            (answer.iopub.len(), &answer.reply.1["ename"]),
            (2, &json!("EngineError"))
        );
    }
    let answer = kernel
        .ask("complete_request", json!({"code": "x", "cursor_pos": 1}))
        .await;
    assert_eq!(answer.reply.1["matches"], json!([]));
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_queued_requests() {
    let mut kernel = FrontEnd::start().await;
    let first = kernel.send_code("wait").await;
    let mut ids = Vec::new();
    for _ in 0..10_000 {
        ids.push(kernel.send("comm_info_request", json!({})).await);
    }
    kernel.send_on(Channel::Control, "interrupt_request", json!({})).await;
    assert_eq!(kernel.answer(&first).await.reply.1["ename"], "KeyboardInterrupt");
    let last = ids.last().unwrap().clone();
    assert_eq!(kernel.answer(&last).await.reply.1["status"], "ok");
    let replies = kernel
        .take_seen()
        .iter()
        .filter(|message| message.msg_type() == "comm_info_reply")
        .count();
    assert_eq!(replies, ids.len() - 1);
    assert_eq!(kernel.execute("out a").await.iopub[1..], [stream("stdout", "a")]);
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_stops_a_running_cell_and_says_whether_it_restarts() {
    let mut kernel = FrontEnd::start().await;
    let cell = kernel.send_code("wait").await;
    kernel
        .next(|channel, message| channel == Channel::Iopub && message.msg_type() == "execute_input")
        .await;
    let id = kernel
        .send_on(Channel::Control, "shutdown_request", json!({"restart": true}))
        .await;
    let answer = kernel.answer(&id).await;
    let expected = message("shutdown_reply", json!({"status": "ok", "restart": true}));
    assert_eq!((answer.reply, answer.iopub), (expected.clone(), vec![expected]));
    assert!(!cell.is_empty());
    let ended = tokio::time::timeout(std::time::Duration::from_secs(5), kernel.kernel).await;
    assert!(matches!(ended, Ok(Ok(Ok(())))), "{ended:?}");
}
