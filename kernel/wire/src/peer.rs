//! Peers of a listening socket: accepting, the handshake, and a bounded queue of outgoing bytes per peer.
//!
//! ```text
//! listener ─ accept ─ handshake ─┬─ reader task ─► the socket's own handler (frames in)
//!                                └─ writer task ◄─ queue of wire bytes, bounded by QUEUE_BYTES_MAX
//! ```
//!
//! Why: a slow peer must slow the sender down (nothing is dropped while it reads at all), and one that takes no byte
//! for [`STALL`] must not hold everybody else up, so it is disconnected. Invariant: whatever a peer does ends at most
//! its own two tasks.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::connection::{Channel, ConnectionFile, Transport};
use crate::zmtp::{self, FrameReader, SocketType};
use crate::{WireError, zmtp::Incoming};

/// Bytes queued for one peer before senders wait: enough to keep a loopback connection busy.
pub const QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A peer that takes no byte for so long is disconnected.
pub const STALL: Duration = Duration::from_secs(10);
/// Time for the handshake.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// What a queued answer to a PING takes beside what it echoes.
const PONG_BYTES: usize = 64;
/// What a welcome takes beside its topic.
const WELCOME_BYTES: usize = 1024;
/// Peers of one socket; front ends need one or two each.
const PEERS_MAX: usize = 1024;

/// A connected byte stream.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Where one socket listens.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket; its file is removed on drop.
    Ipc {
        /// The socket.
        listener: UnixListener,
        /// Its file.
        _file: OwnFile,
    },
}

/// A file that this process made, removed on drop.
#[derive(Debug)]
pub struct OwnFile(pub PathBuf);

impl Drop for OwnFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Binds `channel` of `connection`; a port of 0 takes a free one, which is written back.
    pub async fn bind(connection: &mut ConnectionFile, channel: Channel) -> Result<Listener, WireError> {
        let failed = |source| WireError::Bind {
            channel: channel.name(),
            endpoint: connection.endpoint(channel),
            source,
        };
        match connection.transport {
            Transport::Tcp => {
                // `check` has refused larger ports.
                let port = connection.port(channel) as u16;
                let host = connection.ip.trim_start_matches('[').trim_end_matches(']');
                let host = if host == "*" { "0.0.0.0" } else { host };
                let listener = TcpListener::bind((host, port)).await.map_err(failed)?;
                let port = listener.local_addr().map_err(failed)?.port();
                connection.set_port(channel, u32::from(port));
                Ok(Listener::Tcp(listener))
            }
            Transport::Ipc => {
                let path = PathBuf::from(format!("{}-{}", connection.ip, connection.port(channel)));
                let listener = UnixListener::bind(&path).map_err(failed)?;
                let file = OwnFile(path);
                restrict(&file.0).map_err(failed)?;
                Ok(Listener::Ipc { listener, _file: file })
            }
        }
    }

    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Listener::Ipc { listener, .. } => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

/// Only the owner may connect.
fn restrict(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

/// One connection. The identity is the peer's choice, so it may come twice; the serial number is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Identity from the handshake, or one of ours for a peer without.
    pub identity: Bytes,
    /// Number of the connection in this process.
    pub serial: u64,
}

impl Peer {
    fn new(identity: Bytes) -> Peer {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        // A leading zero marks our own, as in libzmq; peers may not choose such identities.
        let own = identity.first().is_none_or(|byte| *byte == 0);
        let identity = if own {
            [&[0], serial.to_be_bytes().as_slice()].concat().into()
        } else {
            identity
        };
        Peer { identity, serial }
    }
}

/// What a kind of socket does with its peers.
pub trait Handler: Send + Sync + 'static {
    /// For log lines.
    fn channel(&self) -> Channel;
    /// For the handshake.
    fn socket_type(&self) -> SocketType;
    /// A peer is ready.
    fn connected(&self, _peer: &Peer, _queue: &Queue) {}
    /// A message of a peer. `false` ends the connection.
    fn message(&self, peer: &Peer, queue: &Queue, frames: Vec<Bytes>) -> impl Future<Output = bool> + Send;
    /// A subscription, with room for what answers it (or without, its end); only publishers care.
    fn subscribe(&self, _peer: &Peer, _topic: Bytes, _room: Option<Room>) {}
    /// The connection has ended.
    fn disconnected(&self, _peer: &Peer) {}
}

/// Accepts peers until the task is aborted.
pub async fn serve<H: Handler>(listener: Listener, handler: Arc<H>) {
    let places = Arc::new(Semaphore::new(PEERS_MAX));
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok(stream) => {
                let handler = Arc::clone(&handler);
                tokio::spawn(async move {
                    connection(stream, handler).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of descriptors, or the peer left at once: neither is the end of the socket.
                tracing::warn!(channel = handler.channel().name(), kind = ?error.kind(), "cannot accept a peer");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection<H: Handler>(mut stream: Box<dyn Stream>, handler: Arc<H>) {
    let channel = handler.channel().name();
    // 1. Shake hands.
    let mut reader = FrameReader::default();
    let hands = zmtp::handshake(&mut stream, &mut reader, handler.socket_type());
    let identity = match timeout(HANDSHAKE, hands).await {
        Ok(Ok(identity)) => identity,
        Ok(Err(error)) => {
            tracing::debug!(channel, %error, "no handshake");
            return;
        }
        Err(_) => {
            tracing::debug!(channel, "the handshake took too long");
            return;
        }
    };
    // 2. Write what is queued in one task, read in another; the first that ends, ends both.
    let (read_half, write_half) = tokio::io::split(stream);
    let (queue, outgoing) = Queue::new();
    let peer = Peer::new(identity);
    handler.connected(&peer, &queue);
    let reading = read(read_half, reader, &handler, &peer, &queue);
    let writing = write(write_half, outgoing);
    let end = tokio::select! {
        end = reading => end,
        end = writing => end,
    };
    queue.close();
    handler.disconnected(&peer);
    match end {
        Ok(()) => tracing::debug!(channel, "peer disconnected"),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            tracing::warn!(
                channel,
                seconds = STALL.as_secs(),
                "a front end reads nothing; disconnected it"
            );
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            tracing::warn!(channel, %error, "a peer broke the protocol; disconnected it");
        }
        Err(error) => tracing::debug!(channel, kind = ?error.kind(), "peer disconnected"),
    }
}

async fn read<H: Handler>(
    mut stream: ReadHalf<Box<dyn Stream>>,
    mut reader: FrameReader,
    handler: &Arc<H>,
    peer: &Peer,
    queue: &Queue,
) -> io::Result<()> {
    loop {
        match reader.read(&mut stream).await? {
            Incoming::Message(frames) => {
                if !handler.message(peer, queue, frames).await {
                    return Ok(());
                }
            }
            Incoming::Command(name, data) => match name.as_ref() {
                // Answers take room like all else: a peer that asks and never reads is read no further.
                b"PING" => {
                    let Some(room) = queue.room(PONG_BYTES + data.len()).await else {
                        return Ok(());
                    };
                    queue.push(zmtp::pong(&data), room);
                }
                b"SUBSCRIBE" => {
                    let Some(room) = queue.room_to_welcome(&data).await else {
                        return Ok(());
                    };
                    handler.subscribe(peer, data, Some(room));
                }
                b"CANCEL" => handler.subscribe(peer, data, None),
                b"ERROR" => return Ok(()),
                _ => {}
            },
        }
    }
}

async fn write(mut stream: WriteHalf<Box<dyn Stream>>, mut outgoing: UnboundedReceiver<Queued>) -> io::Result<()> {
    while let Some(queued) = outgoing.recv().await {
        let mut rest = queued.wire.as_ref();
        while !rest.is_empty() {
            match timeout(STALL, stream.write(rest)).await {
                Ok(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Ok(written)) => rest = &rest[written..],
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }
    Ok(())
}

/// The outgoing queue of one peer, bounded in bytes.
#[derive(Clone)]
pub struct Queue {
    sender: UnboundedSender<Queued>,
    budget: Arc<Semaphore>,
}

struct Queued {
    wire: Bytes,
    _permit: Option<OwnedSemaphorePermit>,
}

/// Room in a queue, to be used by [`Queue::push`].
pub struct Room(OwnedSemaphorePermit);

impl Queue {
    fn new() -> (Queue, UnboundedReceiver<Queued>) {
        let (sender, receiver) = unbounded_channel();
        (
            Queue {
                sender,
                budget: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)),
            },
            receiver,
        )
    }

    /// Waits for room for `bytes`; `None` when the peer has gone. A message larger than the queue gets all of it.
    pub async fn room(&self, bytes: usize) -> Option<Room> {
        let permits = u32::try_from(bytes.clamp(1, QUEUE_BYTES_MAX)).unwrap_or(u32::MAX);
        Arc::clone(&self.budget)
            .acquire_many_owned(permits)
            .await
            .ok()
            .map(Room)
    }

    /// Queues `wire` in the room made for it.
    pub fn push(&self, wire: Bytes, room: Room) {
        // A closed queue means that the peer has gone; its disconnection is handled by its own task.
        let _ = self.sender.send(Queued {
            wire,
            _permit: Some(room.0),
        });
    }

    /// Room for the answer to a subscription to `topic`, which names it twice.
    pub async fn room_to_welcome(&self, topic: &[u8]) -> Option<Room> {
        self.room(WELCOME_BYTES + 2 * topic.len()).await
    }

    /// Queues a short message without waiting for room: status messages of the control channel.
    pub fn push_unbounded(&self, wire: Bytes) {
        let _ = self.sender.send(Queued { wire, _permit: None });
    }

    /// Waits until everything queued so far has been written, or the peer has gone.
    pub async fn drained(&self) {
        let _ = self.room(QUEUE_BYTES_MAX).await;
    }

    fn close(&self) {
        self.budget.close();
    }
}
