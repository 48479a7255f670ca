//! The iopub socket: broadcasts to every subscriber, with a welcome for each new subscription.
//!
//! Back-pressure: [`Publisher::send`] waits for room at every subscriber, so the slowest that still reads sets the
//! pace and nothing is dropped; one that reads nothing is disconnected by its writer (see [`crate::peer`]).
//! Without subscribers messages go nowhere, as with any broadcast.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sealbook_redact::Redacted;

use crate::connection::Channel;
use crate::peer::{Handler, Peer, Queue, Room};
use crate::zmtp::{self, SocketType};
use crate::{Message, Signer};

/// Subscriptions of one peer; Jupyter's front ends have one.
const SUBSCRIPTIONS_MAX: usize = 1024;

/// Longest topic that is taken; Jupyter's are below a hundred bytes.
const TOPIC_BYTES_MAX: usize = 4096;

/// Makes the welcome for a new subscription to a topic.
pub type Welcome = Box<dyn Fn(&[u8]) -> Redacted<Message> + Send + Sync>;

/// Broadcasts on iopub. Clones share the socket.
#[derive(Clone)]
pub struct Publisher(Arc<XPub>);

/// The socket behind a publisher.
pub struct XPub {
    signer: Signer,
    welcome: Welcome,
    subscribers: Mutex<Vec<Subscriber>>,
}

struct Subscriber {
    serial: u64,
    queue: Queue,
    topics: Vec<Bytes>,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Publisher")
    }
}

impl Publisher {
    /// A publisher, and its socket to be served by [`crate::peer::serve`].
    pub(crate) fn new(signer: Signer, welcome: Welcome) -> (Arc<XPub>, Publisher) {
        let socket = Arc::new(XPub {
            signer,
            welcome,
            subscribers: Mutex::default(),
        });
        (Arc::clone(&socket), Publisher(socket))
    }

    /// Broadcasts `message`, whose first identity is its topic. Waits until every subscriber has room.
    pub async fn send(&self, message: Redacted<Message>) {
        let frames = message.into_message().encode(&self.0.signer);
        let wire = zmtp::encode(&frames);
        // Room first, for all; then one pass under the lock, so that all subscribers see one order of messages.
        let mut rooms = Vec::new();
        for (serial, queue) in self.0.subscribed_to(&frames[0]) {
            if let Some(room) = queue.room(wire.len()).await {
                rooms.push((serial, room));
            }
        }
        let subscribers = self.0.lock();
        for (serial, room) in rooms {
            if let Some(subscriber) = subscribers.iter().find(|subscriber| subscriber.serial == serial) {
                subscriber.queue.push(wire.clone(), room);
            }
        }
    }

    /// Broadcasts a short message at once, even to subscribers whose queue is full. For the control channel, whose
    /// requests must not wait behind a cell's output.
    pub fn send_now(&self, message: Redacted<Message>) {
        let frames = message.into_message().encode(&self.0.signer);
        let wire = zmtp::encode(&frames);
        for subscriber in self.0.lock().iter().filter(|subscriber| subscriber.wants(&frames[0])) {
            subscriber.queue.push_unbounded(wire.clone());
        }
    }

    /// Waits until every broadcast has been written.
    pub(crate) async fn drained(&self) {
        for (_, queue) in self.0.subscribed_to(b"") {
            queue.drained().await;
        }
    }
}

impl XPub {
    fn subscribed_to(&self, topic: &[u8]) -> Vec<(u64, Queue)> {
        let wanting = |subscriber: &&Subscriber| topic.is_empty() || subscriber.wants(topic);
        let entry = |subscriber: &Subscriber| (subscriber.serial, subscriber.queue.clone());
        self.lock().iter().filter(wanting).map(entry).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Subscriber>> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber {
    fn wants(&self, topic: &[u8]) -> bool {
        self.topics.iter().any(|wanted| topic.starts_with(wanted))
    }
}

impl Handler for XPub {
    fn channel(&self) -> Channel {
        Channel::Iopub
    }

    fn socket_type(&self) -> SocketType {
        SocketType::XPub
    }

    fn connected(&self, peer: &Peer, queue: &Queue) {
        let subscriber = Subscriber {
            serial: peer.serial,
            queue: queue.clone(),
            topics: Vec::new(),
        };
        self.lock().push(subscriber);
    }

    async fn message(&self, peer: &Peer, queue: &Queue, mut frames: Vec<Bytes>) -> bool {
        // In ZMTP 3.0 subscriptions are messages: one byte, then the topic.
        if let [frame] = frames.as_mut_slice()
            && let Some(kind @ (0 | 1)) = frame.first().copied()
        {
            let topic = frame.split_off(1);
            let room = match kind {
                1 => match queue.room_to_welcome(&topic).await {
                    Some(room) => Some(room),
                    None => return false,
                },
                _ => None,
            };
            self.subscribe(peer, topic, room);
        }
        true
    }

    fn subscribe(&self, peer: &Peer, topic: Bytes, room: Option<Room>) {
        if topic.len() > TOPIC_BYTES_MAX {
            return tracing::warn!("a subscription to a topic that is too long was ignored");
        }
        let mut subscribers = self.lock();
        let Some(subscriber) = subscribers
            .iter_mut()
            .find(|subscriber| subscriber.serial == peer.serial)
        else {
            return;
        };
        if let Some(room) = room {
            if subscriber.topics.len() < SUBSCRIPTIONS_MAX {
                subscriber.topics.push(topic.clone());
                let welcome = (self.welcome)(&topic).into_message().encode(&self.signer);
                subscriber.queue.push(zmtp::encode(&welcome), room);
            }
        } else if let Some(index) = subscriber.topics.iter().position(|known| *known == topic) {
            subscriber.topics.swap_remove(index);
        }
    }

    fn disconnected(&self, peer: &Peer) {
        self.lock().retain(|subscriber| subscriber.serial != peer.serial);
    }
}
