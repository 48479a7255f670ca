//! What reads a peer's bytes, without a socket: for the fuzz targets and the tests here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::executor::block_on;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::zmtp::{self, FrameReader, Incoming};

pub use crate::zmtp::SocketType;

/// Largest message here, so that the limit itself is reached.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What one connection gave: the handshake, then messages until the peer ended or broke the rules.
#[derive(Debug, PartialEq)]
pub struct Heard {
    handshake: Result<Bytes, io::ErrorKind>,
    incoming: Vec<Incoming>,
    end: Option<io::ErrorKind>,
}

impl Heard {
    /// Why the handshake failed, if it did.
    #[must_use]
    pub fn refused(&self) -> Option<io::ErrorKind> {
        self.handshake.as_ref().err().copied()
    }

    /// How the connection ended after its handshake.
    #[must_use]
    pub fn end(&self) -> Option<io::ErrorKind> {
        self.end
    }

    /// The whole messages, each by its frames.
    pub fn messages(&self) -> impl Iterator<Item = &Vec<Bytes>> {
        self.incoming.iter().filter_map(|incoming| match incoming {
            Incoming::Message(frames) => Some(frames),
            Incoming::Command(..) => None,
        })
    }
}

/// Reads `bytes` as a connection to a socket of type `own`. `piece` says how many of at most so many bytes come next.
pub fn hear(bytes: &[u8], own: SocketType, piece: impl FnMut(usize) -> usize + Unpin) -> Heard {
    let mut peer = Peer { bytes, piece };
    let mut reader = FrameReader::new(MESSAGE_BYTES_MAX);
    block_on(async {
        let handshake = zmtp::handshake(&mut peer, &mut reader, own).await;
        let mut heard = Heard {
            handshake: handshake.map_err(|error| error.kind()),
            incoming: Vec::new(),
            end: None,
        };
        while heard.handshake.is_ok() && heard.end.is_none() {
            match reader.read(&mut peer).await {
                Ok(incoming) => heard.incoming.push(incoming),
                Err(error) => heard.end = Some(error.kind()),
            }
        }
        heard
    })
}

/// A peer whose bytes come in pieces of any size, and who takes everything.
struct Peer<'b, P> {
    bytes: &'b [u8],
    piece: P,
}

impl<P: FnMut(usize) -> usize + Unpin> AsyncRead for Peer<'_, P> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let most = self.bytes.len().min(buffer.remaining());
        let length = if most == 0 { 0 } else { (self.piece)(most) };
        let (piece, rest) = self.bytes.split_at(length);
        buffer.put_slice(piece);
        self.bytes = rest;
        Poll::Ready(Ok(()))
    }
}

impl<P: Unpin> AsyncWrite for Peer<'_, P> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
