//! Request sockets (shell, control, stdin): messages of all peers in one inbox, replies by identity.
//!
//! Invariants: what does not decode is logged without content and dropped; a reply to a peer that has gone is an error
//! of that reply only; a peer that comes back under its identity gets the replies to its earlier requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sealbook_redact::Redacted;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::connection::Channel;
use crate::peer::{Handler, Peer, Queue};
use crate::zmtp::{self, SocketType};
use crate::{Message, Signer, WireError};

/// Decoded requests that wait for the session; beyond it the peers' connections hold the rest.
const INBOX_MAX: usize = 256;

/// Receives the requests of one channel.
#[derive(Debug)]
pub struct Inbox(Receiver<Message>);

/// Sends replies on one channel. Clones share the socket.
#[derive(Clone)]
pub struct Outbox(Arc<Router>);

/// The socket behind an inbox and an outbox.
pub struct Router {
    channel: Channel,
    signer: Signer,
    inbox: Sender<Message>,
    peers: Mutex<HashMap<Bytes, (u64, Queue)>>,
}

/// A request socket for `channel`, to be served by [`crate::peer::serve`].
pub fn router(channel: Channel, signer: Signer) -> (Arc<Router>, Inbox, Outbox) {
    let (sender, receiver) = self::channel(INBOX_MAX);
    let router = Arc::new(Router {
        channel,
        signer,
        inbox: sender,
        peers: Mutex::default(),
    });
    (Arc::clone(&router), Inbox(receiver), Outbox(router))
}

impl Inbox {
    /// The next request; `None` when the socket is closed.
    pub async fn recv(&mut self) -> Option<Message> {
        self.0.recv().await
    }

    /// A request that has already arrived.
    pub fn try_recv(&mut self) -> Option<Message> {
        self.0.try_recv().ok()
    }
}

impl Outbox {
    /// Sends a reply to the peer that its first identity names. Waits while the peer is slow.
    ///
    /// # Errors
    /// [`WireError::PeerGone`].
    pub async fn send(&self, message: Redacted<Message>) -> Result<(), WireError> {
        let mut message = message.into_message();
        if message.identities.is_empty() {
            return Err(WireError::PeerGone);
        }
        let identity = message.identities.remove(0);
        let queue = self.0.queue(&identity).ok_or(WireError::PeerGone)?;
        let wire = zmtp::encode(&message.encode(&self.0.signer));
        let room = queue.room(wire.len()).await.ok_or(WireError::PeerGone)?;
        queue.push(wire, room);
        Ok(())
    }

    /// Waits until every reply has been written.
    pub(crate) async fn drained(&self) {
        let queues: Vec<Queue> = self.0.lock().values().map(|(_, queue)| queue.clone()).collect();
        for queue in queues {
            queue.drained().await;
        }
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Outbox").field(&self.0.channel).finish()
    }
}

impl Router {
    fn queue(&self, identity: &Bytes) -> Option<Queue> {
        self.lock().get(identity).map(|(_, queue)| queue.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Bytes, (u64, Queue)>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler for Router {
    fn channel(&self) -> Channel {
        self.channel
    }

    fn socket_type(&self) -> SocketType {
        SocketType::Router
    }

    fn connected(&self, peer: &Peer, queue: &Queue) {
        self.lock().insert(peer.identity.clone(), (peer.serial, queue.clone()));
    }

    async fn message(&self, peer: &Peer, _queue: &Queue, frames: Vec<Bytes>) -> bool {
        match Message::decode(frames, &self.signer) {
            Ok(mut message) => {
                message.identities.insert(0, peer.identity.clone());
                // When nobody reads requests any more the peer still gets the replies to its earlier ones.
                let _ = self.inbox.send(message).await;
                true
            }
            Err(error) => {
                tracing::warn!(channel = self.channel.name(), %error, "dropped a message");
                true
            }
        }
    }

    fn disconnected(&self, peer: &Peer) {
        let mut peers = self.lock();
        // A newer connection may have taken the identity over.
        if peers
            .get(&peer.identity)
            .is_some_and(|(serial, _)| *serial == peer.serial)
        {
            peers.remove(&peer.identity);
        }
    }
}
