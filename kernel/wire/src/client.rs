//! A front end's side of a connection: for `sealbook run` and for tests.
//!
//! All channels end in one queue, in the order in which each delivered. The queue is bounded, so a client that does
//! not read slows its kernel down instead of growing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use zeromq::util::PeerIdentity;
use zeromq::{DealerSocket, Socket, SocketOptions, SocketRecv, SocketSend, SubSocket, ZmqMessage};

use crate::connection::{Channel, ConnectionFile};
use crate::{Message, Signer, WireError};

/// Messages that wait for the client.
const RECEIVED_MAX: usize = 256;
/// Requests that wait for the connection.
const SENDING_MAX: usize = 64;

/// Sees every message that a client receives, as frames, before anything is checked.
pub type Tap = Arc<dyn Fn(Channel, &[Bytes]) + Send + Sync>;

/// A connected front end. Its connections close when it is dropped.
#[derive(Debug)]
pub struct Client {
    session: String,
    signer: Signer,
    shell: Sender<Vec<Bytes>>,
    control: Sender<Vec<Bytes>>,
    stdin: Sender<Vec<Bytes>>,
    received: Receiver<(Channel, Result<Message, WireError>)>,
    _tasks: JoinSet<()>,
}

impl Client {
    /// Connects to shell, control, stdin and iopub, waiting up to `patience` for the kernel to bind them.
    ///
    /// # Errors
    /// [`WireError::Connection`] for a channel that cannot be reached in time.
    pub async fn connect(connection: &ConnectionFile, patience: Duration) -> Result<Client, WireError> {
        Client::connect_tapped(connection, patience, Arc::new(|_, _| ())).await
    }

    /// [`Client::connect`] with `tap` on all that is received: for tests that record every byte.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_tapped(
        connection: &ConnectionFile,
        patience: Duration,
        tap: Tap,
    ) -> Result<Client, WireError> {
        let session = uuid::Uuid::new_v4().to_string();
        let signer = Signer::new(connection.key.as_bytes());
        let (sender, received) = channel(RECEIVED_MAX);
        let mut tasks = JoinSet::new();

        let mut options = SocketOptions::default();
        options.connect_timeout(patience);
        let mut iopub = SubSocket::with_options(options);
        let endpoint = connection.endpoint(Channel::Iopub);
        let failed = |channel: Channel, endpoint: &str, error: zeromq::ZmqError| WireError::Connection {
            channel: channel.name(),
            endpoint: endpoint.to_owned(),
            reason: error.to_string(),
        };
        iopub
            .connect(&endpoint)
            .await
            .map_err(|error| failed(Channel::Iopub, &endpoint, error))?;
        iopub
            .subscribe("")
            .await
            .map_err(|error| failed(Channel::Iopub, &endpoint, error))?;
        tasks.spawn(receive(
            iopub,
            Channel::Iopub,
            Signer::new(connection.key.as_bytes()),
            sender.clone(),
            tap.clone(),
        ));

        let mut requests = Vec::new();
        for channel in [Channel::Shell, Channel::Control, Channel::Stdin] {
            let mut options = SocketOptions::default();
            options.connect_timeout(patience);
            // One identity on all channels: the kernel routes input requests by that of the request.
            if let Ok(identity) = PeerIdentity::try_from(session.as_bytes()) {
                options.peer_identity(identity);
            }
            let mut socket = DealerSocket::with_options(options);
            let endpoint = connection.endpoint(channel);
            socket
                .connect(&endpoint)
                .await
                .map_err(|error| failed(channel, &endpoint, error))?;
            let (mut sending, receiving) = socket.split();
            tasks.spawn(receive(
                receiving,
                channel,
                Signer::new(connection.key.as_bytes()),
                sender.clone(),
                tap.clone(),
            ));
            let (request_sender, mut request_receiver) = self::channel::<Vec<Bytes>>(SENDING_MAX);
            tasks.spawn(async move {
                while let Some(frames) = request_receiver.recv().await {
                    let Ok(message) = ZmqMessage::try_from(frames) else {
                        continue;
                    };
                    if sending.send(message).await.is_err() {
                        return;
                    }
                }
            });
            requests.push(request_sender);
        }
        let [shell, control, stdin] = <[_; 3]>::try_from(requests).map_err(|_| WireError::Closed)?;
        Ok(Client {
            session,
            signer,
            shell,
            control,
            stdin,
            received,
            _tasks: tasks,
        })
    }

    /// This client's session id.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Sends a request on `channel`.
    ///
    /// # Errors
    /// [`WireError::Closed`] when the connection is gone, or for a channel that takes no requests.
    pub async fn send(&self, channel: Channel, message: Message) -> Result<(), WireError> {
        self.send_frames(channel, message.encode(&self.signer)).await
    }

    /// Sends frames as they are: for tests of what a kernel must refuse.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_frames(&self, channel: Channel, frames: Vec<Bytes>) -> Result<(), WireError> {
        let sender = match channel {
            Channel::Shell => &self.shell,
            Channel::Control => &self.control,
            Channel::Stdin => &self.stdin,
            Channel::Iopub | Channel::Heartbeat => return Err(WireError::Closed),
        };
        sender.send(frames).await.map_err(|_| WireError::Closed)
    }

    /// The next message of any channel; `None` when all connections are gone. Safe to cancel.
    pub async fn recv(&mut self) -> Option<(Channel, Result<Message, WireError>)> {
        self.received.recv().await
    }
}

async fn receive(
    mut socket: impl SocketRecv,
    channel: Channel,
    signer: Signer,
    received: Sender<(Channel, Result<Message, WireError>)>,
    tap: Tap,
) {
    while let Ok(message) = socket.recv().await {
        let frames = message.into_vec();
        tap(channel, &frames);
        let message = Message::decode(frames, &signer);
        if received.send((channel, message)).await.is_err() {
            return;
        }
    }
}
