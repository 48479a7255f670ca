//! Batching, back-pressure and order of output.

use std::time::{Duration, Instant};

use sealbook_wire::Message;
use sealbook_wire::connection::Channel;
use serde_json::json;

use super::front_end::{FrontEnd, input, stream};

#[tokio::test(flavor = "multi_thread")]
async fn many_lines_are_few_messages() {
    let mut kernel = FrontEnd::start().await;
    let code = "out 0123456789\\n\n".repeat(20_000);
    let answer = kernel.execute(&code).await;
    let texts: String = answer.iopub[1..]
        .iter()
        .map(|(_, content)| content["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, "0123456789\n".repeat(20_000));
    // 220 kB: at most one message per 64 KiB and per 20 ms, and this takes far less than two seconds.
    assert!(answer.iopub.len() < 100, "{} messages", answer.iopub.len());
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn output_is_shown_while_the_cell_runs() {
    let mut kernel = FrontEnd::start().await;
    let id = kernel.send_code("out 10%\\r\nwait").await;
    let shown = kernel
        .next(|channel, message| channel == Channel::Iopub && message.msg_type() == "stream")
        .await;
    assert_eq!(shown.content["text"], "10%\\r");
    kernel.send_on(Channel::Control, "interrupt_request", json!({})).await;
    assert_eq!(kernel.answer(&id).await.reply.1["ename"], "KeyboardInterrupt");
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_do_not_disturb_what_follows() {
    let mut kernel = FrontEnd::start().await;
    let answer = kernel.execute("raw\nerr b").await;
    assert_eq!(
        answer.iopub,
        [
            input(1, "raw\nerr b"),
            stream("stdout", "\u{fffd}a\u{fffd}"),
            stream("stderr", "b")
        ]
    );
    assert_eq!(kernel.execute("out c").await.iopub[1..], [stream("stdout", "c")]);
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_front_end_loses_nothing_and_control_still_answers() {
    let mut kernel = FrontEnd::start().await;
    let bytes = 50_000_000;
    let id = kernel.send_code(&format!("flood {bytes}")).await;
    let mut total = 0;
    // An interrupt that comes before the cell has begun ends it.
    while total == 0 {
        let (channel, message) = kernel.client.recv().await.unwrap();
        let message = message.unwrap();
        if channel == Channel::Iopub && message.msg_type() == "stream" && message.parent_id() == id {
            total = message.content["text"].as_str().unwrap().len();
        }
    }
    // The front end reads the control reply first: its request must not wait behind 50 MB that nobody reads. All
    // channels of this client share one queue, so what it skips is what it has already received.
    let asked = Instant::now();
    let interrupt = Message::new("interrupt_request", kernel.client.session(), Default::default());
    kernel.client.send(Channel::Control, interrupt).await.unwrap();
    let mut replied = None;
    loop {
        let (channel, message) = kernel.client.recv().await.unwrap();
        let message = message.unwrap();
        match (channel, message.msg_type()) {
            (Channel::Iopub, "stream") if message.parent_id() == id => {
                total += message.content["text"].as_str().unwrap().len();
            }
            (Channel::Control, "interrupt_reply") => replied = Some(asked.elapsed()),
            (Channel::Iopub, "status") if message.parent_id() == id && message.content["execution_state"] == "idle" => {
                break;
            }
            _ => {}
        }
    }
    assert_eq!(total, bytes);
    assert!(replied.unwrap() < Duration::from_secs(1), "{replied:?}");
    kernel.shutdown().await;
}
