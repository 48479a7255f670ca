//! The front end: sends requests, takes what comes in exact order.

use std::collections::VecDeque;
use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sealbook_wire::connection::Channel;
use sealbook_wire::message::Object;
use sealbook_wire::{Bytes, Client, ConnectionFile, Message, Signer};
use serde_json::{Value, json};

use crate::House;
use crate::recording::Recording;

/// Longest wait for a message that must come. Starting an engine on a busy machine takes seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// A kernel with a client connected to it.
pub struct FrontEnd {
    runtime: tokio::runtime::Runtime,
    client: Client,
    connection: ConnectionFile,
    kernel: Child,
    iopub: VecDeque<Message>,
    /// Replies on shell and control, and input requests.
    replies: VecDeque<(Channel, Message)>,
    /// Last, so that it goes after the kernel.
    house: House,
}

/// A request that was sent.
#[derive(Debug, Clone)]
pub struct Request {
    id: String,
    channel: Channel,
}

impl FrontEnd {
    /// Starts a kernel for a user who has no secrets: no service runs.
    #[must_use]
    pub fn start() -> FrontEnd {
        FrontEnd::start_in(House::new(), usual_connection())
    }

    /// Starts a kernel for a user with the planted secrets.
    #[must_use]
    pub fn start_planted() -> FrontEnd {
        let house = House::new();
        house.plant();
        FrontEnd::start_in(house, usual_connection())
    }

    /// Starts a kernel in `house`; ports are added to `connection`.
    #[must_use]
    pub fn start_in(house: House, mut connection: Value) -> FrontEnd {
        let tcp = connection["transport"] == "tcp";
        // Held until the kernel is about to bind them, so that the five differ.
        let listeners: Vec<TcpListener> = (0..5)
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
            .collect();
        for (number, name) in ["shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"]
            .iter()
            .enumerate()
        {
            let free = listeners[number].local_addr().expect("an address").port();
            connection[*name] = if tcp { json!(free) } else { json!(number + 1) };
        }
        connection["signature_scheme"] = json!("hmac-sha256");
        drop(listeners);
        let path = house.root().join("connection.json");
        std::fs::write(&path, connection.to_string()).expect("a connection file");
        let connection = ConnectionFile::read(&path).expect("our own connection file");

        let log = File::create(house.root().join("kernel.log")).expect("a log file");
        let kernel = house
            .sealbook()
            .arg("kernel")
            .arg("--connection-file")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .spawn()
            .expect("the binary under test starts");

        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let recording = Recording::create(&house.root().join("session.frames.jsonl"));
        let tap = Arc::new(move |channel: Channel, frames: &[Bytes]| recording.add(channel, frames));
        let client = runtime
            .block_on(Client::connect_tapped(&connection, PATIENCE, tap))
            .unwrap_or_else(|error| {
                panic!(
                    "{error}\n{}",
                    std::fs::read_to_string(house.root().join("kernel.log")).unwrap_or_default()
                )
            });
        let mut front_end = FrontEnd {
            runtime,
            client,
            connection,
            kernel,
            iopub: VecDeque::new(),
            replies: VecDeque::new(),
            house,
        };
        front_end.greet();
        front_end
    }

    /// The user whose kernel this is.
    #[must_use]
    pub fn house(&self) -> &House {
        &self.house
    }

    /// Runs a cell: the request is sent, and `busy` and `execute_input` must come first.
    pub fn execute(&mut self, code: &str) -> Request {
        let request = self.send_execute(code);
        self.expect_status(&request, "busy");
        let input = self.expect(&request, "execute_input");
        assert_eq!(input["code"], code);
        request
    }

    /// Sends a cell with the usual options and waits for nothing.
    pub fn send_execute(&mut self, code: &str) -> Request {
        self.send_execute_with(code, json!({}))
    }

    /// Sends a cell with `options` over the usual ones and waits for nothing.
    pub fn send_execute_with(&mut self, code: &str, options: Value) -> Request {
        let mut content = object(json!({
            "code": code, "silent": false, "store_history": true, "user_expressions": {}, "allow_stdin": false,
            "stop_on_error": true,
        }));
        content.extend(object(options));
        self.send(Channel::Shell, "execute_request", Value::Object(content))
    }

    /// Sends a request.
    pub fn send(&mut self, channel: Channel, msg_type: &str, content: Value) -> Request {
        let message = Message::new(msg_type, self.client.session(), object(content));
        let request = Request {
            id: message.header.msg_id().to_owned(),
            channel,
        };
        self.runtime
            .block_on(self.client.send(channel, message))
            .expect("the connection is open");
        request
    }

    /// Sends a request and takes busy, the reply and idle; nothing else may come. Returns the reply's content.
    pub fn ask(&mut self, channel: Channel, msg_type: &str, content: Value) -> Object {
        let request = self.send(channel, msg_type, content);
        self.expect_status(&request, "busy");
        self.expect_idle(&request);
        self.expect_reply(&request, &msg_type.replace("_request", "_reply"))
    }

    /// Sends frames as they are, signed or not.
    pub fn send_frames(&mut self, channel: Channel, frames: Vec<Bytes>) {
        self.runtime
            .block_on(self.client.send_frames(channel, frames))
            .expect("the connection is open");
    }

    /// A signer with the connection's key.
    #[must_use]
    pub fn signer(&self) -> Signer {
        Signer::new(self.connection.key.as_bytes())
    }

    /// This client's session id.
    #[must_use]
    pub fn session(&self) -> &str {
        self.client.session()
    }

    /// Answers an input request.
    pub fn answer(&mut self, asked: &Message, value: &str) {
        let content = object(json!({"value": value}));
        let reply = Message::child("input_reply", self.client.session(), &asked.header, content);
        self.runtime
            .block_on(self.client.send(Channel::Stdin, reply))
            .expect("the connection is open");
    }

    /// Takes the next message on iopub, which must be of this type and belong to this request. Returns its content.
    #[track_caller]
    pub fn expect(&mut self, request: &Request, msg_type: &str) -> Object {
        let message = self.next_iopub();
        assert!(
            message.msg_type() == msg_type && message.parent_id() == request.id,
            "expected {msg_type} of {}, got {} of {}: {:#}",
            request.id,
            message.msg_type(),
            message.parent_id(),
            Value::Object(message.content.clone())
        );
        message.content
    }

    /// Takes stream messages until they add up to `text`, and returns how many there were. How it is cut is the kernel's
    /// business, within reason: more messages than lines fail.
    #[track_caller]
    pub fn expect_stream(&mut self, request: &Request, name: &str, text: &str) -> usize {
        let mut seen = String::new();
        let mut messages = 0;
        while seen.len() < text.len() {
            let content = self.expect(request, "stream");
            assert_eq!(content["name"], name);
            seen.push_str(content["text"].as_str().expect("a text"));
            messages += 1;
            assert!(text.starts_with(&seen), "expected {text:?}, got {seen:?}");
        }
        assert_eq!(seen, text);
        assert!(
            messages <= text.lines().count(),
            "{messages} stream messages for {text:?}"
        );
        messages
    }

    /// Takes the stream messages that come next, whatever they say.
    #[track_caller]
    pub fn skip_streams(&mut self, request: &Request) {
        loop {
            let message = self.next_iopub();
            if message.msg_type() != "stream" || message.parent_id() != request.id {
                self.iopub.push_front(message);
                return;
            }
        }
    }

    /// Takes the cell's result, which must be this text.
    #[track_caller]
    pub fn expect_result(&mut self, request: &Request, text: &str) {
        let content = self.expect(request, "execute_result");
        assert_eq!(content["data"]["text/plain"], text);
    }

    /// Takes the cell's error; its reply must repeat it. Returns ename and evalue.
    #[track_caller]
    pub fn expect_error(&mut self, request: &Request) -> (String, String) {
        let error = self.expect(request, "error");
        self.expect_idle(request);
        let reply = self.expect_reply(request, "execute_reply");
        assert_eq!(reply["status"], "error");
        for field in ["ename", "evalue", "traceback"] {
            assert_eq!(reply[field], error[field], "{field} of the reply");
        }
        assert!(error["traceback"].is_array());
        let text = |field: &str| error[field].as_str().expect("a text").to_owned();
        (text("ename"), text("evalue"))
    }

    /// Takes `busy` or another state.
    #[track_caller]
    pub fn expect_status(&mut self, request: &Request, state: &str) {
        let content = self.expect(request, "status");
        assert_eq!(content, object(json!({"execution_state": state})));
    }

    /// Takes idle. Any output that nobody asserted fails here.
    #[track_caller]
    pub fn expect_idle(&mut self, request: &Request) {
        self.expect_status(request, "idle");
    }

    /// Takes idle and an ok reply.
    #[track_caller]
    pub fn expect_ok(&mut self, request: &Request) -> Object {
        self.expect_idle(request);
        let reply = self.expect_reply(request, "execute_reply");
        assert_eq!(reply["status"], "ok", "{reply:?}");
        reply
    }

    /// Takes the reply to this request, which must be the next on its channel. Returns its content.
    #[track_caller]
    pub fn expect_reply(&mut self, request: &Request, msg_type: &str) -> Object {
        let message = self.next_reply(request.channel);
        assert!(
            message.msg_type() == msg_type && message.parent_id() == request.id,
            "expected {msg_type} of {}, got {} of {}: {:#}",
            request.id,
            message.msg_type(),
            message.parent_id(),
            Value::Object(message.content.clone())
        );
        message.content
    }

    /// Takes the next input request.
    #[track_caller]
    pub fn expect_input_request(&mut self, request: &Request) -> Message {
        let message = self.next_reply(Channel::Stdin);
        assert_eq!(
            (message.msg_type(), message.parent_id()),
            ("input_request", request.id.as_str())
        );
        message
    }

    /// Runs a cell that must succeed and print exactly this on standard output.
    #[track_caller]
    pub fn check(&mut self, code: &str, stdout: &str) {
        let request = self.execute(code);
        if !stdout.is_empty() {
            self.expect_stream(&request, "stdout", stdout);
        }
        self.expect_ok(&request);
    }

    /// Runs a cell that must succeed with this result.
    #[track_caller]
    pub fn check_result(&mut self, code: &str, result: &str) {
        let request = self.execute(code);
        self.expect_result(&request, result);
        self.expect_ok(&request);
    }

    /// Waits until the kernel has dealt with everything sent before, on both request channels: it answers in order.
    /// Returns the types of the replies that came meanwhile.
    #[track_caller]
    pub fn settle(&mut self) -> Vec<String> {
        let mut types = Vec::new();
        for channel in [Channel::Shell, Channel::Control] {
            let last = self.send(channel, "kernel_info_request", json!({}));
            loop {
                let message = self.next_reply(channel);
                if message.parent_id() == last.id {
                    break;
                }
                types.push(message.msg_type().to_owned());
            }
            loop {
                let message = self.next_iopub();
                if message.parent_id() == last.id && message.content.get("execution_state") == Some(&json!("idle")) {
                    break;
                }
            }
        }
        types
    }

    /// Asks the kernel to go and waits for its end; then everything is searched.
    #[track_caller]
    pub fn shut_down(mut self) -> ExitStatus {
        let request = self.send(Channel::Control, "shutdown_request", json!({"restart": false}));
        let reply = self.expect_reply(&request, "shutdown_reply");
        assert_eq!(reply["status"], "ok");
        assert_eq!(reply["restart"], false);
        let status = self.wait_for_exit();
        // Status messages of the shutdown itself may come or not: the sockets close.
        self.iopub.retain(|message| message.parent_id() != request.id);
        self.house.search();
        status
    }

    /// The welcome, from which on nothing is lost on iopub, and the first answer.
    fn greet(&mut self) {
        let welcome = self.next_iopub();
        assert_eq!(welcome.msg_type(), "iopub_welcome");
        assert_eq!(welcome.content, object(json!({"subscription": ""})));
        let request = self.send(Channel::Shell, "kernel_info_request", json!({}));
        let reply = self.expect_reply(&request, "kernel_info_reply");
        assert_eq!(reply["status"], "ok");
        loop {
            let message = self.next_iopub();
            assert_eq!(message.msg_type(), "status");
            if message.parent_id() == request.id && message.content["execution_state"] == "idle" {
                return;
            }
        }
    }

    #[track_caller]
    fn next_iopub(&mut self) -> Message {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(message) = self.iopub.pop_front() {
                return message;
            }
            self.pull(deadline, "a message on iopub");
        }
    }

    #[track_caller]
    fn next_reply(&mut self, channel: Channel) -> Message {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.replies.iter().position(|(its, _)| *its == channel)
                && let Some((_, message)) = self.replies.remove(at)
            {
                return message;
            }
            self.pull(deadline, channel.name());
        }
    }

    #[track_caller]
    fn pull(&mut self, deadline: Instant, what: &str) {
        let left = deadline.saturating_duration_since(Instant::now());
        let received = self
            .runtime
            .block_on(async { tokio::time::timeout(left, self.client.recv()).await });
        let Ok(received) = received else {
            panic!("no message within {PATIENCE:?}: waited for {what}\n{}", self.log());
        };
        let (channel, message) = received.unwrap_or_else(|| panic!("the kernel closed its sockets\n{}", self.log()));
        let message = message.expect("a well-formed, well-signed message");
        match channel {
            Channel::Iopub => self.iopub.push_back(message),
            other => self.replies.push_back((other, message)),
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.house.root().join("kernel.log")).unwrap_or_default()
    }

    fn wait_for_exit(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.kernel.try_wait().expect("our own child") {
                return status;
            }
            assert!(Instant::now() < deadline, "the kernel does not exit\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for FrontEnd {
    fn drop(&mut self) {
        let _ = self.kernel.kill();
        let _ = self.kernel.wait();
        if !std::thread::panicking() {
            let unread: Vec<&str> = self
                .iopub
                .iter()
                .chain(self.replies.iter().map(|(_, message)| message))
                .map(Message::msg_type)
                .collect();
            assert!(unread.is_empty(), "nobody asserted these messages: {unread:?}");
        }
    }
}

fn usual_connection() -> Value {
    json!({"transport": "tcp", "ip": "127.0.0.1", "key": "a key for signatures"})
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(fields) => fields,
        other => panic!("not an object: {other}"),
    }
}
