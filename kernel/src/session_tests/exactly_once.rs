//! Each request gets one reply and one pair of busy and idle, whatever happens meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use sealbook_wire::connection::Channel;
use serde_json::{Value, json};

use super::fake_engine::PATIENCE;
use super::front_end::FrontEnd;

/// What a request got: replies, busy, idle.
type Got = (usize, usize, usize);

/// Requests of all kinds that a kernel answers on shell.
fn others() -> Vec<(&'static str, Value)> {
    vec![
        ("kernel_info_request", json!({})),
        ("complete_request", json!({"code": "out", "cursor_pos": 3})),
        (
            "inspect_request",
            json!({"code": "out", "cursor_pos": 0, "detail_level": 0}),
        ),
        ("is_complete_request", json!({"code": "{"})),
        (
            "history_request",
            json!({"hist_access_type": "tail", "n": 3, "output": false, "raw": true}),
        ),
        ("comm_info_request", json!({})),
        ("connect_request", json!({})),
        ("execute_request", json!({"code": 3})),
    ]
}

/// How long nothing comes after a kernel has ended.
const SILENCE: Duration = Duration::from_secs(1);

/// Counts what comes for `ids` until the kernel has ended, or all have got what they should.
async fn count(kernel: &mut FrontEnd, ids: &[String], until_its_end: bool) -> BTreeMap<String, Got> {
    let mut got: BTreeMap<String, Got> = ids.iter().map(|id| (id.clone(), (0, 0, 0))).collect();
    if until_its_end {
        let ended = tokio::time::timeout(PATIENCE, &mut kernel.kernel).await;
        assert!(matches!(ended, Ok(Ok(Ok(())))), "{ended:?}");
    }
    let mut seen = kernel.take_seen_with_channels();
    loop {
        for (channel, message) in seen.drain(..) {
            let Some((replies, busy, idle)) = got.get_mut(message.parent_id()) else {
                continue;
            };
            match channel {
                Channel::Shell | Channel::Control => *replies += 1,
                Channel::Iopub if message.msg_type() == "status" => {
                    let is_idle = message.content["execution_state"] == "idle";
                    *if is_idle { idle } else { busy } += 1;
                }
                _ => {}
            }
        }
        let is_done = got.values().all(|(replies, _, idle)| *replies > 0 && *idle > 0);
        if is_done && !until_its_end {
            // What would be said twice is said before this.
            let last = kernel.ask("kernel_info_request", json!({})).await;
            assert_eq!(last.reply.1["status"], "ok");
            seen = kernel.take_seen_with_channels();
            if seen.is_empty() {
                return got;
            }
            continue;
        }
        let patience = if until_its_end { SILENCE } else { PATIENCE };
        match tokio::time::timeout(patience, kernel.client.recv()).await {
            Ok(Some((channel, message))) => seen.push((channel, message.unwrap())),
            Ok(None) => return got,
            Err(_) if until_its_end => return got,
            Err(_) => panic!("no message in time: {got:?}"),
        }
    }
}

fn assert_once(got: &BTreeMap<String, Got>) {
    assert!(wrong(got).is_empty(), "{:?}", wrong(got));
}

fn wrong(got: &BTreeMap<String, Got>) -> Vec<(&String, &Got)> {
    got.iter().filter(|(_, got)| **got != (1, 1, 1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_answered_when_the_kernel_ends() {
    for last in ["control", "shell"] {
        let mut kernel = FrontEnd::start().await;
        let mut ids = vec![kernel.send_code("wait").await];
        kernel
            .next(|channel, message| channel == Channel::Iopub && message.msg_type() == "execute_input")
            .await;
        for (msg_type, content) in others() {
            ids.push(kernel.send_code("out queued").await);
            ids.push(kernel.send(msg_type, content).await);
        }
        if last == "control" {
            ids.push(
                kernel
                    .send_on(Channel::Control, "shutdown_request", json!({"restart": false}))
                    .await,
            );
        } else {
            // Behind all the others; one more behind it.
            ids.push(kernel.send("shutdown_request", json!({"restart": false})).await);
            ids.push(kernel.send("comm_info_request", json!({})).await);
            // One that comes before the cell is at its wait may not end it.
            loop {
                kernel.send_on(Channel::Control, "interrupt_request", json!({})).await;
                let stopped = kernel.next(|channel, message| {
                    channel == Channel::Iopub && message.msg_type() == "error" && message.parent_id() == ids[0]
                });
                if tokio::time::timeout(Duration::from_millis(200), stopped).await.is_ok() {
                    break;
                }
            }
        }
        let got = count(&mut kernel, &ids, true).await;
        assert_eq!(got[&ids[0]], (1, 1, 1), "the cell that ran");
        // What has come before the end is answered; what has not has no trace.
        assert_once(&got.into_iter().filter(|(_, got)| *got != (0, 0, 0)).collect());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_answered_once_under_fire() {
    // Cells that wait for an interrupt would wait for ever for one that came too early: there are none.
    let mut kernel = FrontEnd::start().await;
    let mut seed = u64::from(std::process::id());
    let first_seed = seed;
    let mut ids = Vec::new();
    let cells = ["out a", "fail b", "panic", "flood 200000", "out c\nresult d", ""];
    for _ in 0..400 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let choice = (seed >> 33) as usize;
        match choice % 3 {
            0 => {
                let content =
                    json!({"code": cells[choice / 3 % cells.len()], "stop_on_error": choice.is_multiple_of(2)});
                ids.push(kernel.send("execute_request", content).await);
            }
            1 => {
                let all = others();
                let (msg_type, content) = all[choice / 3 % all.len()].clone();
                ids.push(kernel.send(msg_type, content).await);
            }
            _ => ids.push(kernel.send_on(Channel::Control, "interrupt_request", json!({})).await),
        }
    }
    let got = count(&mut kernel, &ids, false).await;
    assert!(wrong(&got).is_empty(), "seed {first_seed}: {:?}", wrong(&got));
    kernel.shutdown().await;
}
