//! The shell channel: requests in order, one at a time.
//!
//! While a cell runs, arriving requests are moved to a queue of our own, so that an error can answer those that were
//! queued behind it. Only `kernel_info_request` is answered out of turn, and only while the engine is still loading:
//! front ends wait for it before they call the kernel ready.
//!
//! Invariant: each request gets one reply, also when the kernel ends before its turn comes.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sealbook_wire::{Inbox, Message};
use serde_json::json;
use tokio::sync::watch;

use crate::comms::Comms;
use crate::engine_thread::{EngineThread, State};
use crate::execution::{self, Executor};
use crate::requests::{self, CommInfo, Malformed, Shutdown};
use crate::run::kernel_info;
use crate::session::{Ending, Object, Shared, error_content, object};

/// Requests queued here; beyond it they stay in the sockets.
const QUEUE_MAX: usize = 65_536;

/// How long a cell, or another request, may take to end by itself when the kernel ends: its interrupt has been sent by then.
const LAST_ANSWER: Duration = Duration::from_millis(150);

const ENDING: &str = "the kernel ended before this was done";

/// Serves the channel until it closes or the kernel ends; then answers those that wait.
pub async fn serve(session: Shared, executor: Executor, mut inbox: Inbox) {
    let mut queue = VecDeque::new();
    let mut ending = session.ending.subscribe();
    while ending.borrow().is_none() {
        let next = match queue.pop_front() {
            Some(queued) => Some(queued),
            None => tokio::select! {
                request = inbox.recv() => request.map(Queued::from),
                _ = is_set(&mut ending) => continue,
            },
        };
        let Some(Queued { request, delivered }) = next else {
            return;
        };
        status(&session, &request, "busy").await;
        if delivered {
            status(&session, &request, "idle").await;
        } else if request.msg_type() == "execute_request" {
            execute(&session, &executor, &request, &mut queue, &mut inbox).await;
        } else {
            handle(&session, &executor, &request).await;
            status(&session, &request, "idle").await;
        }
        if request.msg_type() == "shutdown_request" {
            session.end(Ending::Asked);
        }
    }
    while let Some(next) = inbox.try_recv() {
        queue.push_back(next.into());
    }
    for Queued { request, .. } in queue {
        status(&session, &request, "busy").await;
        refuse(&session, &request).await;
        status(&session, &request, "idle").await;
    }
}

/// Waits until the kernel ends.
async fn is_set(ending: &mut watch::Receiver<Option<Ending>>) {
    if ending.wait_for(Option::is_some).await.is_err() {
        std::future::pending().await
    }
}

/// As `work` ends; `None` if the kernel ends and `work` does not soon after.
async fn unless_ending<T>(session: &Shared, work: impl Future<Output = T>) -> Option<T> {
    let mut ending = session.ending.subscribe();
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => Some(done),
        _ = is_set(&mut ending) => tokio::time::timeout(LAST_ANSWER, work).await.ok(),
    }
}

/// The error of what the kernel's end overtook.
fn ended() -> Object {
    error_content("KernelEnding", ENDING, &[format!("KernelEnding: {ENDING}")])
}

/// The reply to a request that the kernel's end overtook, without busy and idle.
async fn refuse(session: &Shared, request: &Message) {
    if let Some(kind) = request.msg_type().strip_suffix("_request") {
        let mut content = ended();
        content.insert("status".to_owned(), "error".into());
        if kind == "execute" {
            let count = session.execution_count.load(Ordering::Relaxed);
            content.insert("execution_count".to_owned(), count.into());
        }
        session
            .reply(&session.shell, request, &format!("{kind}_reply"), content)
            .await;
    }
}

/// A request that waits for its turn.
struct Queued {
    request: Message,
    /// A message to a comm of a cell: given to it when it came, because the running cell may wait for it.
    delivered: bool,
}

impl From<Message> for Queued {
    fn from(request: Message) -> Queued {
        Queued {
            request,
            delivered: false,
        }
    }
}

/// Runs a cell; meanwhile moves what arrives to `queue`.
async fn execute(
    session: &Shared,
    executor: &Executor,
    request: &Message,
    queue: &mut VecDeque<Queued>,
    inbox: &mut Inbox,
) {
    let executed = {
        let work = unless_ending(session, execution::execute(session, executor, request));
        tokio::pin!(work);
        loop {
            tokio::select! {
                // A request that is refused at once is answered before what came after it is looked at.
                biased;
                executed = &mut work => break executed,
                Some(next) = inbox.recv(), if queue.len() < QUEUE_MAX => {
                    if next.msg_type() == "kernel_info_request" && executor.engine.state() == State::Loading {
                        status(session, &next, "busy").await;
                        handle(session, executor, &next).await;
                        status(session, &next, "idle").await;
                    } else {
                        let delivered = session.comms.deliver(&next);
                        queue.push_back(Queued { request: next, delivered });
                    }
                }
            }
        }
    };
    let Some(executed) = executed else {
        let is_silent = request.content.get("silent").is_some_and(|silent| *silent == true);
        if !is_silent {
            session.publish(Some(&request.header), "error", ended()).await;
        }
        refuse(session, request).await;
        return status(session, request, "idle").await;
    };
    // What is aborted is what has come before the reply: later requests are sent by somebody who knows of the error.
    let aborted = if executed.stop {
        take_executions(queue, inbox)
    } else {
        Vec::new()
    };
    session
        .reply_with(
            &session.shell,
            request,
            "execute_reply",
            executed.reply,
            executed.metadata,
        )
        .await;
    status(session, request, "idle").await;
    for request in aborted {
        abort(session, &request).await;
    }
    if executed.fatal {
        session.end(Ending::EngineFailed);
    }
}

fn take_executions(queue: &mut VecDeque<Queued>, inbox: &mut Inbox) -> Vec<Message> {
    while let Some(next) = inbox.try_recv() {
        queue.push_back(next.into());
    }
    let (executions, others): (VecDeque<Queued>, _) = std::mem::take(queue)
        .into_iter()
        .partition(|next| next.request.msg_type() == "execute_request");
    *queue = others;
    executions.into_iter().map(|next| next.request).collect()
}

/// Handles a request that is no execution, without busy and idle.
async fn handle(session: &Shared, executor: &Executor, request: &Message) {
    let Some(answer) = unless_ending(session, answer(session, &executor.engine, request)).await else {
        return refuse(session, request).await;
    };
    match answer {
        Ok(Some((msg_type, content))) => session.reply(&session.shell, request, msg_type, content).await,
        Ok(None) => {}
        Err(error) => {
            tracing::warn!(%error, "refused a request");
            if let Some(kind) = request.msg_type().strip_suffix("_request") {
                let mut content = error_content("MalformedRequest", &error.to_string(), &[]);
                // The one reply in which the protocol knows no error.
                let status = if kind == "is_complete" { "unknown" } else { "error" };
                content.insert("status".to_owned(), status.into());
                session
                    .reply(&session.shell, request, &format!("{kind}_reply"), content)
                    .await;
            }
        }
    }
}

async fn answer(
    session: &Shared,
    engine: &EngineThread,
    request: &Message,
) -> Result<Option<(&'static str, Object)>, Malformed> {
    Ok(match request.msg_type() {
        "kernel_info_request" => Some(("kernel_info_reply", kernel_info().await)),
        "complete_request" => Some((
            "complete_reply",
            execution::complete(engine, requests::content(request)?).await,
        )),
        "inspect_request" => Some((
            "inspect_reply",
            execution::inspect(session, engine, requests::content(request)?).await,
        )),
        "is_complete_request" => Some((
            "is_complete_reply",
            execution::is_complete(engine, requests::content(request)?).await,
        )),
        "history_request" => {
            let request = requests::content(request)?;
            let history = session
                .history
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .answer(&request);
            Some(("history_reply", object(json!({"status": "ok", "history": history}))))
        }
        "comm_info_request" => Some((
            "comm_info_reply",
            session.comms.info(&requests::content::<CommInfo>(request)?),
        )),
        "comm_open" => {
            let comm = requests::content(request)?;
            if !session.comms.deliver(request) {
                session
                    .publish(Some(&request.header), "comm_close", Comms::refuse(&comm))
                    .await;
            }
            None
        }
        "comm_msg" => {
            let comm = requests::content(request)?;
            if session.comms.deliver(request) {
                // A cell has it.
            } else if let Some(answer) = session.comms.message(&comm) {
                session.publish(Some(&request.header), "comm_msg", answer).await;
            }
            None
        }
        "comm_close" => {
            let comm: requests::Comm = requests::content(request)?;
            if !session.comms.deliver(request) {
                session.comms.closed(&comm.comm_id);
            }
            None
        }
        "connect_request" => Some(("connect_reply", session.ports.clone())),
        "shutdown_request" => {
            let restart = requests::content::<Shutdown>(request).unwrap_or_default().restart;
            Some(("shutdown_reply", object(json!({"status": "ok", "restart": restart}))))
        }
        _ => {
            tracing::warn!("an unknown request came on shell; there is no reply to it");
            None
        }
    })
}

/// Answers an execution that was queued behind a failed one.
async fn abort(session: &Shared, request: &Message) {
    status(session, request, "busy").await;
    let mut content = error_content("Aborted", "not run, because a cell before it failed", &[]);
    // What other kernels say, and front ends know; the protocol has it mean the same as an error.
    content.insert("status".to_owned(), "aborted".into());
    let count = session.execution_count.load(Ordering::Relaxed);
    content.insert("execution_count".to_owned(), count.into());
    session.reply(&session.shell, request, "execute_reply", content).await;
    status(session, request, "idle").await;
}

async fn status(session: &Shared, request: &Message, state: &str) {
    session
        .publish(
            Some(&request.header),
            "status",
            object(json!({"execution_state": state})),
        )
        .await;
}
