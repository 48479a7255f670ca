//! A front end for tests. It collects everything that belongs to a request, so that tests compare whole sequences:
//! output that nobody asserted fails them.

use std::time::Duration;

use sealbook_redact::Redactor;
use sealbook_wire::connection::{Channel, Transport};
use sealbook_wire::{Client, ConnectionFile, Message};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::fake_engine::{FakeEngine, PATIENCE};
use crate::run::{EngineMaker, KernelError, serve};

/// A kernel with its front end.
pub struct FrontEnd {
    pub client: Client,
    pub redactor: Redactor,
    pub kernel: JoinHandle<Result<(), KernelError>>,
    seen: Vec<(Channel, Message)>,
    _folder: tempfile::TempDir,
}

/// Everything that one request caused.
#[derive(Debug)]
pub struct Answer {
    /// Type and content of each iopub message, between `busy` and `idle`, which are checked here.
    pub iopub: Vec<(String, Value)>,
    /// The reply's type and content.
    pub reply: (String, Value),
    /// The whole reply.
    pub message: Message,
}

impl FrontEnd {
    /// A kernel with the fake engine.
    pub async fn start() -> FrontEnd {
        FrontEnd::with(Box::new(|_, _| Ok(Box::new(FakeEngine::default())))).await
    }

    /// A kernel with another engine.
    pub async fn with(maker: EngineMaker) -> FrontEnd {
        let folder = tempfile::tempdir().unwrap();
        let connection = ConnectionFile {
            transport: Transport::Ipc,
            ip: folder.path().join("k").to_str().unwrap().to_owned(),
            shell_port: 1,
            iopub_port: 2,
            stdin_port: 3,
            control_port: 4,
            hb_port: 5,
            key: "planted-connection-key".to_owned(),
            signature_scheme: "hmac-sha256".to_owned(),
            kernel_name: None,
            registration: None,
        };
        let redactor = Redactor::new();
        let kernel = tokio::spawn(serve(connection.clone(), redactor.clone(), maker));
        let client = Client::connect(&connection, PATIENCE).await.unwrap();
        let mut front_end = FrontEnd {
            client,
            redactor,
            kernel,
            seen: Vec::new(),
            _folder: folder,
        };
        // Nothing is lost from the welcome on.
        let welcome = front_end
            .next(|channel, message| channel == Channel::Iopub && message.msg_type() == "iopub_welcome")
            .await;
        assert_eq!(Value::Object(welcome.content), json!({"subscription": ""}));
        front_end
    }

    /// Sends a request on shell; returns its id.
    pub async fn send(&self, msg_type: &str, content: Value) -> String {
        self.send_on(Channel::Shell, msg_type, content).await
    }

    /// Sends a request; returns its id.
    pub async fn send_on(&self, channel: Channel, msg_type: &str, content: Value) -> String {
        let message = Message::new(msg_type, self.client.session(), content.as_object().unwrap().clone());
        let id = message.header.msg_id().to_owned();
        self.client.send(channel, message).await.unwrap();
        id
    }

    /// Sends an execution; returns its id.
    pub async fn send_code(&self, code: &str) -> String {
        self.send("execute_request", json!({"code": code})).await
    }

    /// Runs a cell.
    pub async fn execute(&mut self, code: &str) -> Answer {
        let id = self.send_code(code).await;
        self.answer(&id).await
    }

    /// Sends a request on shell and waits for all of its answer.
    pub async fn ask(&mut self, msg_type: &str, content: Value) -> Answer {
        let id = self.send(msg_type, content).await;
        self.answer(&id).await
    }

    /// Waits for the reply to a request, and for everything on iopub until it is idle.
    pub async fn answer(&mut self, id: &str) -> Answer {
        let iopub = self.broadcasts(id).await;
        let message = self
            .next(|channel, message| matches!(channel, Channel::Shell | Channel::Control) && message.parent_id() == id)
            .await;
        let reply = (message.msg_type().to_owned(), Value::Object(message.content.clone()));
        Answer { iopub, reply, message }
    }

    /// Everything on iopub that belongs to a request, between busy and idle.
    pub async fn broadcasts(&mut self, id: &str) -> Vec<(String, Value)> {
        let mut all = Vec::new();
        loop {
            let message = self
                .next(|channel, message| channel == Channel::Iopub && message.parent_id() == id)
                .await;
            let content = Value::Object(message.content.clone());
            let idle = message.msg_type() == "status" && content == json!({"execution_state": "idle"});
            all.push((message.msg_type().to_owned(), content));
            if idle {
                break;
            }
        }
        assert_eq!(all.remove(0), ("status".to_owned(), json!({"execution_state": "busy"})));
        all.pop();
        all
    }

    /// The first message, seen before or still to come, that `wanted` accepts.
    pub async fn next(&mut self, wanted: impl Fn(Channel, &Message) -> bool) -> Message {
        if let Some(at) = self
            .seen
            .iter()
            .position(|(channel, message)| wanted(*channel, message))
        {
            return self.seen.remove(at).1;
        }
        loop {
            let received = timeout(PATIENCE, self.client.recv()).await;
            let (channel, message) = received.expect("no message in time").expect("the connection closed");
            let message = message.expect("a message that does not verify");
            if wanted(channel, &message) {
                return message;
            }
            self.seen.push((channel, message));
        }
    }

    /// As [`FrontEnd::take_seen`], with the channel of each.
    pub fn take_seen_with_channels(&mut self) -> Vec<(Channel, Message)> {
        std::mem::take(&mut self.seen)
    }

    /// Messages that were received while looking for others.
    pub fn take_seen(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.seen)
            .into_iter()
            .map(|(_, message)| message)
            .collect()
    }

    /// Shuts the kernel down and checks that it ends without an error.
    pub async fn shutdown(mut self) {
        let id = self
            .send_on(Channel::Control, "shutdown_request", json!({"restart": false}))
            .await;
        let reply = self
            .next(|channel, message| channel == Channel::Control && message.parent_id() == id)
            .await;
        assert_eq!(Value::Object(reply.content), json!({"status": "ok", "restart": false}));
        let ended = timeout(Duration::from_secs(5), self.kernel).await;
        assert!(matches!(ended, Ok(Ok(Ok(())))), "{ended:?}");
    }
}

/// `stream` with this text.
pub fn stream(name: &str, text: &str) -> (String, Value) {
    ("stream".to_owned(), json!({"name": name, "text": text}))
}

/// `execute_input`.
pub fn input(count: u64, code: &str) -> (String, Value) {
    (
        "execute_input".to_owned(),
        json!({"code": code, "execution_count": count}),
    )
}

/// Any message.
pub fn message(msg_type: &str, content: Value) -> (String, Value) {
    (msg_type.to_owned(), content)
}

/// The messages, with neighbours of one stream joined: how text is cut depends on how busy the machine is.
pub fn joined(messages: &[(String, Value)]) -> Vec<(String, Value)> {
    let mut all: Vec<(String, Value)> = Vec::new();
    for (msg_type, content) in messages {
        match all.last_mut() {
            Some((last, before)) if msg_type == "stream" && last == "stream" && before["name"] == content["name"] => {
                let text = [&before["text"], &content["text"]].map(|text| text.as_str().unwrap_or_default());
                before["text"] = text.concat().into();
            }
            _ => all.push((msg_type.clone(), content.clone())),
        }
    }
    all
}
