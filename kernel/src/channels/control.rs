//! The control channel: requests that overtake the shell's, so they are acted on before anything is sent, and their
//! messages do not wait behind a cell's output.

use sealbook_wire::{Inbox, Message};
use serde_json::json;

use crate::engine_thread::EngineThread;
use crate::requests::{self, Shutdown};
use crate::run::kernel_info;
use crate::session::{Ending, Object, Shared, error_content, object};

/// Serves the channel until it closes.
pub async fn serve(session: Shared, engine: EngineThread, mut inbox: Inbox) {
    while let Some(request) = inbox.recv().await {
        // 1. Act: an interrupt must not wait for a slow front end.
        let answer = act(&session, &engine, &request).await;
        // 2. Tell.
        session.publish_now(
            Some(&request.header),
            "status",
            object(json!({"execution_state": "busy"})),
        );
        if let Some((msg_type, content)) = &answer {
            session
                .reply(&session.control, &request, msg_type, content.clone())
                .await;
            if *msg_type == "shutdown_reply" {
                session.publish_now(Some(&request.header), msg_type, content.clone());
            }
        }
        session.publish_now(
            Some(&request.header),
            "status",
            object(json!({"execution_state": "idle"})),
        );
        if request.msg_type() == "shutdown_request" {
            session.end(Ending::Asked);
        }
    }
}

async fn act(session: &Shared, engine: &EngineThread, request: &Message) -> Option<(&'static str, Object)> {
    match request.msg_type() {
        "kernel_info_request" => Some(("kernel_info_reply", kernel_info().await)),
        "interrupt_request" => {
            interrupt(session, engine);
            Some(("interrupt_reply", object(json!({"status": "ok"}))))
        }
        "shutdown_request" => {
            let restart = requests::content::<Shutdown>(request).unwrap_or_default().restart;
            interrupt(session, engine);
            Some(("shutdown_reply", object(json!({"status": "ok", "restart": restart}))))
        }
        "debug_request" => {
            let mut content = error_content("NotSupported", "this kernel has no debugger", &[]);
            content.insert("status".to_owned(), "error".into());
            Some(("debug_reply", content))
        }
        _ => {
            tracing::warn!("an unknown request came on control; there is no reply to it");
            None
        }
    }
}

/// Stops the running cell, whatever it waits for.
pub fn interrupt(session: &Shared, engine: &EngineThread) {
    session.interrupts.send_modify(|count| *count += 1);
    // The engine first: a cell whose wait for input ends must already know why.
    engine.interrupt();
    session.input.answers.cancel();
}
