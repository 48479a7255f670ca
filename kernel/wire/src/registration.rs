//! The kernel's half of the handshake (Jupyter enhancement proposal 66): the launcher gives one port of its own, the
//! kernel binds free ones, says which, and waits for the acknowledgement.
//!
//! ```text
//! connection file: registration_port ──► kernel binds its sockets, then connects to that port
//!   with registration_ip and kernel_id:  <IDS|MSG> | signature | {"kernel_id", ports as text}   ──►
//!                                    ◄──  <IDS|MSG> | signature | ACK
//!   without:                             handshake_request {ports as numbers}, a whole message  ──►
//!                                    ◄──  handshake_reply {"status": "ok"}
//! ```
//!
//! The proposal leaves the messages to the implementations; these are the two in use, told apart by the connection file.
//! Invariants: what is sent holds port numbers and the launcher's own kernel id only; what comes back counts only if its
//! signature is right; a kernel that nobody acknowledges within [`PATIENCE`] ends.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use zeromq::{DealerSocket, ReqSocket, Socket, SocketOptions, SocketRecv, SocketSend, ZmqMessage};

use crate::connection::{Channel, ConnectionFile, Registration, Transport};
use crate::message::DELIMITER;
use crate::peer::OwnFile;
use crate::{Message, Signer, WireError};

/// Longest wait for the acknowledgement.
const PATIENCE: Duration = Duration::from_secs(20);

const CHANNELS: [(&str, Channel); 5] = [
    ("shell_port", Channel::Shell),
    ("iopub_port", Channel::Iopub),
    ("stdin_port", Channel::Stdin),
    ("control_port", Channel::Control),
    ("hb_port", Channel::Heartbeat),
];

/// Tells the launcher where the sockets are; gives the connection file that other clients can use, which is removed
/// when it is dropped.
///
/// # Errors
/// [`WireError::Registration`].
pub(crate) async fn register(connection: &ConnectionFile, registration: &Registration) -> Result<OwnFile, WireError> {
    let endpoint = endpoint(connection, registration);
    let failed = |reason: &str| WireError::Registration {
        endpoint: endpoint.clone(),
        reason: reason.to_owned(),
    };
    let signer = Signer::new(connection.key.as_bytes());
    let asking = async {
        if registration.ip.is_some() {
            ask_briefly(connection, registration, &endpoint, &signer).await
        } else {
            ask(connection, &endpoint, &signer).await
        }
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Ok(())) => {}
        Ok(Err(reason)) => return Err(failed(&reason)),
        Err(_) => return Err(failed("nobody acknowledged in time")),
    }
    write(connection, &registration.folder).map_err(|error| failed(&format!("no connection file: {error}")))
}

fn endpoint(connection: &ConnectionFile, registration: &Registration) -> String {
    let ip = registration.ip.as_deref().unwrap_or(&connection.ip);
    match connection.transport {
        Transport::Tcp => format!("tcp://{ip}:{}", registration.port),
        Transport::Ipc => format!("ipc://{ip}-{}", registration.port),
    }
}

/// A whole message, as on any other channel.
async fn ask(connection: &ConnectionFile, endpoint: &str, signer: &Signer) -> Result<(), String> {
    let ports = CHANNELS.map(|(name, channel)| (name.to_owned(), json!(connection.port(channel))));
    let message = Message::new(
        "handshake_request",
        &uuid::Uuid::new_v4().to_string(),
        ports.into_iter().collect(),
    );
    let mut socket = ReqSocket::with_options(options());
    let frames = exchange(&mut socket, endpoint, message.encode(signer)).await?;
    let reply = Message::decode(frames, signer).map_err(|error| error.to_string())?;
    let ok = reply.content.get("status").and_then(Value::as_str) == Some("ok");
    match (reply.msg_type(), ok) {
        ("handshake_reply", true) => Ok(()),
        ("handshake_reply", false) => Err("the launcher refused the kernel".to_owned()),
        _ => Err("the launcher's answer is no handshake_reply".to_owned()),
    }
}

/// Only the content, signed.
async fn ask_briefly(
    connection: &ConnectionFile,
    registration: &Registration,
    endpoint: &str,
    signer: &Signer,
) -> Result<(), String> {
    let mut content = json!({"kernel_id": registration.kernel_id});
    for (name, channel) in CHANNELS {
        content[name] = json!(connection.port(channel).to_string());
    }
    let content = Bytes::from(content.to_string());
    let signature = Bytes::from(signer.sign([content.as_ref()]));
    let mut socket = DealerSocket::with_options(options());
    let frames = vec![Bytes::from_static(DELIMITER), signature, content];
    let answer = exchange(&mut socket, endpoint, frames).await?;
    let at = answer.iter().position(|frame| frame.as_ref() == DELIMITER);
    let Some([signature, content]) = at.map(|at| &answer[at + 1..]) else {
        return Err("the launcher's answer is not a signature and a content".to_owned());
    };
    signer
        .verify(signature, [content.as_ref()])
        .map_err(|error| error.to_string())
}

fn options() -> SocketOptions {
    let mut options = SocketOptions::default();
    options.connect_timeout(PATIENCE);
    options
}

async fn exchange<S>(socket: &mut S, endpoint: &str, frames: Vec<Bytes>) -> Result<Vec<Bytes>, String>
where
    S: Socket + SocketSend + SocketRecv,
{
    let text = |error: zeromq::ZmqError| error.to_string();
    let message = ZmqMessage::try_from(frames).map_err(|_| "an empty message".to_owned())?;
    socket.connect(endpoint).await.map_err(text)?;
    socket.send(message).await.map_err(text)?;
    Ok(socket.recv().await.map_err(text)?.into_vec())
}

/// Writes the connection file for other clients, readable by its owner only.
fn write(connection: &ConnectionFile, folder: &Path) -> std::io::Result<OwnFile> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let path = folder.join(format!("kernel-{}.json", uuid::Uuid::new_v4()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    let written = OwnFile(path);
    file.write_all(serde_json::to_string_pretty(connection)?.as_bytes())?;
    Ok(written)
}
