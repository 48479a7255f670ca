//! The heartbeat socket: every peer gets back the bytes it sent, whatever the session is doing.

use bytes::Bytes;

use crate::connection::Channel;
use crate::peer::{Handler, Peer, Queue};
use crate::zmtp::{self, SocketType};

/// The heartbeat socket, to be served by [`crate::peer::serve`].
pub struct Heartbeat;

impl Handler for Heartbeat {
    fn channel(&self) -> Channel {
        Channel::Heartbeat
    }

    fn socket_type(&self) -> SocketType {
        SocketType::Router
    }

    async fn message(&self, _peer: &Peer, queue: &Queue, frames: Vec<Bytes>) -> bool {
        let wire = zmtp::encode(&frames);
        let Some(room) = queue.room(wire.len()).await else {
            return false;
        };
        queue.push(wire, room);
        true
    }
}
