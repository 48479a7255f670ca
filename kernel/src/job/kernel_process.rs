//! The kernel of a job: a child process in a process group of its own, reached over unix sockets in a private folder.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use sealbook_wire::connection::{Channel, Transport};
use sealbook_wire::{Client, ConnectionFile, Message};
use serde_json::{Map, Value};
use tokio::process::{Child, Command};

use super::{Job, JobError};
use crate::broker::{DEPTH, depth};

/// Time for a kernel to bind its sockets.
const START: Duration = Duration::from_secs(60);
/// Time for a kernel to end after it was asked to.
const END: Duration = Duration::from_secs(5);

/// A running kernel. Killed on drop.
pub struct KernelProcess {
    child: Child,
    /// The front end's side.
    pub client: Client,
    _folder: tempfile::TempDir,
}

/// What a job tells its kernel.
pub struct Identity<'a> {
    pub run_id: &'a str,
    /// All parameters, as `dbutils.widgets` sees them.
    pub parameters: Map<String, Value>,
}

impl KernelProcess {
    /// Starts a kernel and waits until nothing that it broadcasts can be missed.
    pub async fn start(job: &Job, identity: Identity<'_>) -> Result<KernelProcess, JobError> {
        let failed = |reason: String| JobError::KernelStart(reason);
        // Short, because a unix socket's path is at most 107 bytes.
        let folder = tempfile::Builder::new()
            .prefix("sealbook-")
            .tempdir()
            .map_err(|error| failed(format!("no private folder for its sockets: {error}")))?;
        let connection = ConnectionFile {
            transport: Transport::Ipc,
            ip: folder.path().join("k").to_string_lossy().into_owned(),
            shell_port: 1,
            iopub_port: 2,
            stdin_port: 3,
            control_port: 4,
            hb_port: 5,
            key: uuid::Uuid::new_v4().to_string(),
            signature_scheme: "hmac-sha256".to_owned(),
            kernel_name: Some("sealbook".to_owned()),
            registration: None,
        };
        let file = folder.path().join("kernel.json");
        let text = serde_json::to_vec(&connection).unwrap_or_default();
        std::fs::write(&file, text).map_err(|error| failed(format!("no connection file: {error}")))?;
        let file = file.to_string_lossy().into_owned();
        let mut command = command(job, &file)?;
        if let Some(working_dir) = &job.working_dir {
            command.current_dir(working_dir);
        }
        command
            .env("SEALBOOK_RUN_ID", identity.run_id)
            .env("SEALBOOK_PARAMETERS", Value::Object(identity.parameters).to_string())
            .env("JPY_SESSION_NAME", &job.input_name)
            .env(DEPTH, (depth() + 1).to_string())
            .env("JPY_PARENT_PID", std::process::id().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // Ctrl-C is ours to handle: the kernel gets an interrupt_request.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let connect = Client::connect(&connection, START);
        let mut client = tokio::select! {
            client = connect => client.map_err(|error| failed(error.to_string()))?,
            status = child.wait() => return Err(failed(format!("it ended at once ({})", describe(status)))),
        };
        let welcome = async {
            while let Some((channel, message)) = client.recv().await {
                if channel == Channel::Iopub && message.is_ok_and(|message| message.msg_type() == "iopub_welcome") {
                    return;
                }
            }
        };
        tokio::select! {
            // A kernel of an older protocol has no welcome; its first messages may then be missed, not its cells'.
            _ = tokio::time::timeout(START, welcome) => {}
            status = child.wait() => return Err(failed(format!("it ended at once ({})", describe(status)))),
        }
        Ok(KernelProcess {
            child,
            client,
            _folder: folder,
        })
    }

    /// Sends a request; returns its id, or `None` when the connection is gone.
    pub async fn send(&self, channel: Channel, msg_type: &str, content: Value) -> Option<String> {
        let content = content.as_object().cloned().unwrap_or_default();
        let message = Message::new(msg_type, self.client.session(), content);
        let id = message.header.msg_id().to_owned();
        self.client.send(channel, message).await.ok().map(|()| id)
    }

    /// The next message, or how the process ended. Messages that do not verify are skipped.
    pub async fn next(&mut self) -> Result<(Channel, Message), String> {
        loop {
            tokio::select! {
                // What the kernel said before its end comes first.
                biased;
                received = self.client.recv() => match received {
                    Some((channel, Ok(message))) => return Ok((channel, message)),
                    Some((_, Err(_))) => {}
                    None => return Err(describe(self.child.wait().await)),
                },
                status = self.child.wait() => return Err(describe(status)),
            }
        }
    }

    /// Shuts the kernel down; kills it if it does not end.
    pub async fn end(mut self) {
        let asked = self
            .send(
                Channel::Control,
                "shutdown_request",
                serde_json::json!({"restart": false}),
            )
            .await;
        if asked.is_some() && tokio::time::timeout(END, self.ended()).await.is_ok() {
            return;
        }
        let _ = self.child.kill().await;
    }

    /// Waits for the end of the process; reads on, so that it is not held up by its last messages.
    async fn ended(&mut self) {
        loop {
            tokio::select! {
                received = self.client.recv() => if received.is_none() { break },
                _ = self.child.wait() => return,
            }
        }
        let _ = self.child.wait().await;
    }
}

fn command(job: &Job, file: &str) -> Result<Command, JobError> {
    match job.kernel_command.as_deref() {
        Some([program, arguments @ ..]) => {
            let mut command = Command::new(program);
            command.args(
                arguments
                    .iter()
                    .map(|argument| argument.replace("{connection_file}", file)),
            );
            Ok(command)
        }
        Some([]) => Err(JobError::KernelStart("its command is empty".to_owned())),
        None => {
            let program = std::env::current_exe()
                .map_err(|error| JobError::KernelStart(format!("this program cannot find itself: {error}")))?;
            let mut command = Command::new(program);
            command.args(["kernel", "--connection-file", file]);
            Ok(command)
        }
    }
}

fn describe(status: std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(error) => format!("its exit status is unknown: {error}"),
    }
}
