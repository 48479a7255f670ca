//! ZMTP 3.0, the framing beneath ZeroMQ, with the NULL mechanism: greeting, READY, frames.
//!
//! Source: ZeroMQ RFC 23. The server side is written here, because a kernel needs what the `zeromq` crate's sockets do
//! not offer: it allocates what a frame's header announces (so one forged length ends the process), cannot say which
//! subscriber is stalled, and drops or blocks on all of them alike. The client side uses that crate, so every test
//! over sockets checks this file against an independent implementation.
//!
//! ```text
//! greeting (64 bytes, both sides at once) → READY command (both) → frames: flags | length (1 or 8) | body
//! flags: 1 more, 2 long, 4 command
//! ```
//!
//! Invariants: memory grows with bytes received, never with bytes announced; a message is at most
//! [`MESSAGE_BYTES_MAX`] in at most [`FRAMES_MAX`] frames.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Largest message taken from a peer: the largest uploads of widgets, with room to spare.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most frames of one message; the protocol needs seven and the buffers.
pub const FRAMES_MAX: usize = 4096;

/// Most that one read asks for.
const READ_BYTES: usize = 64 * 1024;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// The part of a socket type that the handshake needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketType {
    /// Takes requests of DEALER, REQ and ROUTER.
    Router,
    /// Publishes to SUB and XSUB.
    XPub,
}

impl SocketType {
    fn name(self) -> &'static str {
        match self {
            SocketType::Router => "ROUTER",
            SocketType::XPub => "XPUB",
        }
    }

    fn accepts(self, peer: &[u8]) -> bool {
        match self {
            SocketType::Router => matches!(peer, b"DEALER" | b"REQ" | b"ROUTER"),
            SocketType::XPub => matches!(peer, b"SUB" | b"XSUB"),
        }
    }
}

/// What a peer sends after the handshake.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole message.
    Message(Vec<Bytes>),
    /// A command: its name and its data.
    Command(Bytes, Bytes),
}

/// Exchanges greetings and READY commands; returns the identity that the peer asks for (empty: none). Bytes that the
/// peer sent after its READY stay in `reader`.
///
/// # Errors
/// Those of the stream, and `InvalidData` for a peer that does not speak ZMTP 3 or is of the wrong type.
pub async fn handshake<S>(stream: &mut S, reader: &mut FrameReader, own: SocketType) -> io::Result<Bytes>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // 1. Send our greeting at once: libzmq holds the rest of its own back until it has seen ours.
    stream.write_all(&greeting()).await?;
    // 2. Check theirs.
    let mut theirs = [0; 64];
    stream.read_exact(&mut theirs).await?;
    if theirs[0] != 0xff || theirs[9] & 1 != 1 || theirs[10] < 3 {
        return Err(invalid("the peer does not speak ZMTP 3"));
    }
    if &theirs[12..16] != b"NULL" || theirs[16..32].iter().any(|byte| *byte != 0) {
        return Err(invalid("the peer asks for a security mechanism other than NULL"));
    }
    // 3. Exchange READY with the socket types.
    stream.write_all(&ready(own)).await?;
    stream.flush().await?;
    let Incoming::Command(name, data) = reader.read(stream).await? else {
        return Err(invalid("a message before READY"));
    };
    if name.as_ref() != b"READY" {
        return Err(invalid("a command other than READY"));
    }
    let properties = properties(data).ok_or_else(|| invalid("malformed READY"))?;
    let property = |wanted: &[u8]| {
        properties
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.clone())
    };
    let peer_type = property(b"Socket-Type").ok_or_else(|| invalid("READY without a socket type"))?;
    if !own.accepts(&peer_type) {
        return Err(invalid("the peer's socket type does not fit"));
    }
    let identity = property(b"Identity").unwrap_or_default();
    if identity.len() > 255 {
        return Err(invalid("an identity longer than 255 bytes"));
    }
    Ok(identity)
}

/// Reads frames of one peer and joins them to messages.
#[derive(Debug)]
pub struct FrameReader {
    buffer: BytesMut,
    message_bytes_max: usize,
}

impl Default for FrameReader {
    fn default() -> FrameReader {
        FrameReader::new(MESSAGE_BYTES_MAX)
    }
}

impl FrameReader {
    /// A reader that refuses messages over `message_bytes_max`.
    #[must_use]
    pub fn new(message_bytes_max: usize) -> FrameReader {
        FrameReader {
            buffer: BytesMut::new(),
            message_bytes_max,
        }
    }

    /// The next message or command. Not safe to cancel: a message may be half read.
    ///
    /// # Errors
    /// Those of `stream`, `UnexpectedEof` at its end, and `InvalidData` for frames outside the limits.
    pub async fn read(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Incoming> {
        let mut frames = Vec::new();
        let mut bytes = 0usize;
        loop {
            let flags = self.take(stream, 1).await?[0];
            let length = if flags & LONG == 0 {
                u64::from(self.take(stream, 1).await?[0])
            } else {
                let length = self.take(stream, 8).await?;
                length.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
            };
            let left = (self.message_bytes_max - bytes) as u64;
            if length > left || frames.len() == FRAMES_MAX {
                return Err(invalid("a message over the limit"));
            }
            // At most `message_bytes_max`, so it fits.
            let length = length as usize;
            bytes += length;
            let body = self.take(stream, length).await?;
            if flags & COMMAND != 0 {
                if !frames.is_empty() || flags & MORE != 0 {
                    return Err(invalid("a command inside a message"));
                }
                return command(body).ok_or_else(|| invalid("malformed command"));
            }
            frames.push(body);
            if flags & MORE == 0 {
                return Ok(Incoming::Message(frames));
            }
        }
    }

    /// Exactly `length` bytes. The buffer grows as they arrive.
    async fn take(&mut self, stream: &mut (impl AsyncRead + Unpin), length: usize) -> io::Result<Bytes> {
        while self.buffer.len() < length {
            self.buffer.reserve((length - self.buffer.len()).clamp(1, READ_BYTES));
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffer.split_to(length).freeze())
    }
}

/// The wire form of a message.
#[must_use]
pub fn encode(frames: &[Bytes]) -> Bytes {
    let size = frames.iter().map(|frame| frame.len() + 9).sum();
    let mut wire = BytesMut::with_capacity(size);
    for (index, frame) in frames.iter().enumerate() {
        let more = if index + 1 < frames.len() { MORE } else { 0 };
        put_frame(&mut wire, more, frame);
    }
    wire.freeze()
}

/// The wire form of the answer to a PING with `data` (its time to live, then the context to echo).
#[must_use]
pub fn pong(data: &[u8]) -> Bytes {
    let mut body = BytesMut::from(&b"\x04PONG"[..]);
    body.extend_from_slice(data.get(2..).unwrap_or_default());
    let mut wire = BytesMut::new();
    put_frame(&mut wire, COMMAND, &body);
    wire.freeze()
}

fn put_frame(wire: &mut BytesMut, flags: u8, body: &[u8]) {
    match u8::try_from(body.len()) {
        Ok(length) => wire.extend_from_slice(&[flags, length]),
        Err(_) => {
            wire.put_u8(flags | LONG);
            wire.put_u64(body.len() as u64);
        }
    }
    wire.extend_from_slice(body);
}

fn greeting() -> [u8; 64] {
    let mut greeting = [0; 64];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

fn ready(own: SocketType) -> Bytes {
    let mut body = BytesMut::from(&b"\x05READY\x0bSocket-Type"[..]);
    body.put_u32(own.name().len() as u32);
    body.extend_from_slice(own.name().as_bytes());
    let mut wire = BytesMut::new();
    put_frame(&mut wire, COMMAND, &body);
    wire.freeze()
}

fn command(mut body: Bytes) -> Option<Incoming> {
    let name = sized(&mut body)?;
    Some(Incoming::Command(name, body))
}

fn properties(mut data: Bytes) -> Option<Vec<(Bytes, Bytes)>> {
    let mut properties = Vec::new();
    while !data.is_empty() {
        let name = sized(&mut data)?;
        if data.len() < 4 {
            return None;
        }
        let length = data
            .split_to(4)
            .iter()
            .fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        if length > data.len() {
            return None;
        }
        properties.push((name, data.split_to(length)));
    }
    Some(properties)
}

/// A field that starts with its length in one byte.
fn sized(data: &mut Bytes) -> Option<Bytes> {
    let length = usize::from(*data.first()?);
    if data.len() <= length {
        return None;
    }
    let mut field = data.split_to(1 + length);
    Some(field.split_off(1))
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut wire: &[u8]) -> io::Result<Vec<Incoming>> {
        let mut reader = FrameReader::new(1000);
        let mut all = Vec::new();
        loop {
            match reader.read(&mut wire).await {
                Ok(incoming) => all.push(incoming),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(all),
                Err(error) => return Err(error),
            }
        }
    }

    #[tokio::test]
    async fn reads_what_it_writes() {
        let long = Bytes::from(vec![7; 300]);
        let messages = [
            vec![Bytes::new()],
            vec![Bytes::from_static(b"a"), long.clone(), Bytes::new()],
            vec![long],
        ];
        let wire: Vec<u8> = messages.iter().flat_map(|frames| encode(frames).to_vec()).collect();
        let expected: Vec<Incoming> = messages.into_iter().map(Incoming::Message).collect();
        assert_eq!(read(&wire).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn reads_commands() {
        let incoming = read(b"\x04\x08\x04PING\0\x0ax").await.unwrap();
        assert_eq!(
            incoming,
            [Incoming::Command(
                Bytes::from_static(b"PING"),
                Bytes::from_static(b"\0\x0ax")
            )]
        );
        assert_eq!(pong(b"\0\x0ax").as_ref(), b"\x04\x06\x04PONGx");
    }

    #[tokio::test]
    async fn refuses_frames_outside_the_limits() {
        let many: Vec<u8> = [1, 0].repeat(FRAMES_MAX + 1);
        let bad: [&[u8]; 7] = [
            b"\x02\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x02\0\0\0\0\0\0\x03\xe9",
            b"\x04\x00",
            b"\x04\x03\x09ab",
            b"\x05\x02\x01a",
            b"\x01\x00\x04\x02\x01a",
            &many,
        ];
        for wire in bad {
            let error = read(wire).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{wire:?}");
        }
    }

    #[tokio::test]
    async fn shakes_hands_with_fitting_peers_only() {
        let greet = |mechanism: &[u8]| {
            let mut theirs = greeting();
            theirs[11] = 1;
            theirs[12..32].fill(0);
            theirs[12..12 + mechanism.len()].copy_from_slice(mechanism);
            theirs.to_vec()
        };
        let dealer = b"\x04\x29\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0";
        let sub = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB";
        let cases: [(Vec<u8>, bool); 7] = [
            ([greet(b"NULL"), dealer.to_vec()].concat(), true),
            ([greet(b"NULL"), sub.to_vec()].concat(), false),
            ([greet(b"CURVE"), dealer.to_vec()].concat(), false),
            ([greet(b"NULL"), b"\x00\x01x".to_vec()].concat(), false),
            ([greet(b"NULL"), b"\x04\x06\x05ERROR".to_vec()].concat(), false),
            ([greet(b"NULL"), b"\x04\x09\x05READY\x0bSo".to_vec()].concat(), false),
            (
                b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nUser-Agent: something long\r\n\r\n".to_vec(),
                false,
            ),
        ];
        for (wire, fits) in cases {
            let (mut ours, mut theirs) = tokio::io::duplex(4096);
            theirs.write_all(&wire).await.unwrap();
            theirs.shutdown().await.unwrap();
            let result = handshake(&mut ours, &mut FrameReader::default(), SocketType::Router).await;
            assert_eq!(result.is_ok(), fits, "{wire:?}: {result:?}");
        }
    }
}
