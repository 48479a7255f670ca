//! Frames of the save channel.
//!
//! ```text
//! hook                         holder
//!      ◄── nonce (16 bytes) ──        on connecting
//!  ── length, mac("Q"), body ──►      {"texts": [text, …]}
//!      ◄── length, mac("A"), body     {"found": [[text's index, start, end], …]}   offsets in bytes
//! ```
//!
//! length: 4 bytes, big-endian, of the body. mac: HMAC-SHA256 with the channel's key over the letter, the nonce, the
//! number of the exchange on this connection (4 bytes, big-endian) and the body; so nothing can be replayed or forged.

use std::io::{self, Read, Write};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A notebook with large images; the hook splits what is larger.
pub const FRAME_BYTES_MAX: usize = 256 << 20;

/// One end's view of a connection's authentication.
pub struct Authentication {
    key: Hmac<Sha256>,
    nonce: [u8; 16],
    exchange: u32,
}

impl Authentication {
    /// For a new connection.
    pub fn new(key: &[u8], nonce: [u8; 16]) -> io::Result<Authentication> {
        let key = Hmac::<Sha256>::new_from_slice(key).map_err(io::Error::other)?;
        Ok(Authentication {
            key,
            nonce,
            exchange: 0,
        })
    }

    fn mac(&self, letter: u8, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        mac.update(&[letter]);
        mac.update(&self.nonce);
        mac.update(&self.exchange.to_be_bytes());
        mac.update(body);
        mac
    }

    /// Reads a request; `None` when the hook has hung up.
    pub fn request(&self, from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
        let mut length = [0; 4];
        match from.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the frame is too large"));
        }
        let mut mac = [0; 32];
        from.read_exact(&mut mac)?;
        let mut body = Vec::new();
        from.take(length as u64).read_to_end(&mut body)?;
        // The length is in here too: a body that was cut short has another code.
        self.mac(b'Q', &body)
            .verify_slice(&mac)
            .map_err(|_| io::Error::new(io::ErrorKind::PermissionDenied, "the frame is not from the save hook"))?;
        Ok(Some(body))
    }

    /// Writes the answer to the last request.
    pub fn answer(&mut self, to: &mut impl Write, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        to.write_all(&length.to_be_bytes())?;
        to.write_all(&self.mac(b'A', body).finalize().into_bytes())?;
        to.write_all(body)?;
        self.exchange += 1;
        to.flush()
    }
}

/// Writes a field of the kernel's own messages to its holder: length and bytes.
pub fn write_field(to: &mut impl Write, field: &[u8]) -> io::Result<()> {
    let length = u32::try_from(field.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(field)
}

/// Reads such a field.
pub fn read_field(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the field is too large"));
    }
    // In one piece: growing would leave copies of a value behind.
    let mut field = vec![0; length];
    from.read_exact(&mut field)?;
    Ok(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(key: &[u8], exchange: u32, body: &[u8]) -> Vec<u8> {
        let mut hook = Authentication::new(key, [7; 16]).unwrap();
        hook.exchange = exchange;
        let mut frame = (body.len() as u32).to_be_bytes().to_vec();
        frame.extend_from_slice(&hook.mac(b'Q', body).finalize().into_bytes());
        frame.extend_from_slice(body);
        frame
    }

    fn read(frame: &[u8]) -> Result<Option<Vec<u8>>, io::ErrorKind> {
        let holder = Authentication::new(b"planted key", [7; 16]).unwrap();
        holder.request(&mut &frame[..]).map_err(|error| error.kind())
    }

    #[test]
    fn only_the_right_frame_is_read() {
        let right = request(b"planted key", 0, b"body");
        assert_eq!(read(&right), Ok(Some(b"body".to_vec())));
        assert_eq!(read(b""), Ok(None));
        let denied = Err(io::ErrorKind::PermissionDenied);
        assert_eq!(read(&request(b"another key", 0, b"body")), denied);
        assert_eq!(
            read(&request(b"planted key", 1, b"body")),
            denied,
            "of another exchange"
        );
        assert_eq!(read(&right[..right.len() - 1]), denied, "cut short");
        for at in 4..right.len() {
            let mut changed = right.clone();
            changed[at] ^= 1;
            assert_eq!(read(&changed), denied, "byte {at}");
        }
        let mut huge = right.clone();
        huge[0] = 0xff;
        assert_eq!(read(&huge), Err(io::ErrorKind::InvalidData));
    }
}
