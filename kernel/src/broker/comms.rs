//! `dbutils.comms`: what cells ask of the open comms. What they send goes another way, as an event, so that it stands in
//! its place among the cell's output.

use std::sync::Arc;
use std::time::Duration;

use dbutils::protocol::Request;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::{Refusal, malformed, texts};
use crate::comms::{Comms, Letter, Received};

/// Longest wait of one call; who wants to wait longer calls again.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Longest name of a target.
const TARGET_BYTES_MAX: usize = 1024;

/// Answers a call of `dbutils.comms`.
pub fn answer(
    comms: &Arc<Comms>,
    runtime: &Handle,
    interrupts: watch::Receiver<u64>,
    request: &Request,
) -> Result<Vec<Vec<u8>>, Refusal> {
    match request.method.as_str() {
        "comms.register" => {
            if comms.register(target(request)?) {
                Ok(Vec::new())
            } else {
                let message = "too many comm targets are registered; take some back with unregister";
                Err(Refusal::new("RESOURCE_LIMIT_EXCEEDED", message))
            }
        }
        "comms.unregister" => {
            comms.unregister(target(request)?);
            Ok(Vec::new())
        }
        "comms.open" => Ok(vec![comms.opened_by_cell(target(request)?).into_bytes()]),
        "comms.is_open" => {
            let [id] = texts(request)?;
            let answer = if comms.is_open(id) { b"1" } else { b"0" };
            Ok(vec![answer.to_vec()])
        }
        "comms.close" => {
            let [id] = texts(request)?;
            comms.closed(id);
            Ok(Vec::new())
        }
        "comms.receive" => {
            let [id, limit] = texts(request)?;
            let limit = wait(limit).ok_or_else(|| malformed(request))?;
            Ok(match runtime.block_on(comms.receive(id, limit, interrupts)) {
                Received::Letter(letter) => {
                    let kind = if letter.closes { "close" } else { "message" };
                    fields(kind, letter)
                }
                Received::Closed => vec![b"closed".to_vec()],
                Received::Nothing => Vec::new(),
            })
        }
        "comms.accept" => {
            let [target, limit] = texts(request)?;
            let limit = wait(limit).ok_or_else(|| malformed(request))?;
            let accepted = runtime.block_on(comms.accept(target, limit, interrupts));
            Ok(accepted.map_or_else(Vec::new, |(id, letter)| fields(&id, letter)))
        }
        _ => Err(malformed(request)),
    }
}

fn target(request: &Request) -> Result<&str, Refusal> {
    let [target] = texts(request)?;
    if target.is_empty() || target.len() > TARGET_BYTES_MAX {
        let message = format!("the name of a comm target has 1 to {TARGET_BYTES_MAX} bytes");
        return Err(Refusal::new("INVALID_PARAMETER_VALUE", message));
    }
    Ok(target)
}

fn wait(milliseconds: &str) -> Option<Duration> {
    let milliseconds = milliseconds.parse().ok()?;
    Some(Duration::from_millis(milliseconds).min(WAIT_MAX))
}

fn fields(first: &str, letter: Letter) -> Vec<Vec<u8>> {
    let text = |part| serde_json::to_vec(&part).unwrap_or_default();
    let mut fields = vec![first.as_bytes().to_vec(), text(letter.data), text(letter.metadata)];
    fields.extend(letter.buffers.iter().map(|buffer| buffer.to_vec()));
    fields
}
