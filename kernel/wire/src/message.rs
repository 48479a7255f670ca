//! The message envelope of the Jupyter protocol, and its wire form.
//!
//! ```text
//! identity or topic … | <IDS|MSG> | signature | header | parent header | metadata | content | buffer …
//! ```
//!
//! Source: the Jupyter messaging spec, "The wire protocol". Decoding checks the signature over the bytes as they came,
//! before anything is parsed. Errors say which frame is wrong, never what is in it.

use bytes::Bytes;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::{Signer, WireError};

/// Version of the protocol spoken here.
pub const PROTOCOL_VERSION: &str = "5.5";

/// Frame between routing and signature.
pub(crate) const DELIMITER: &[u8] = b"<IDS|MSG>";

/// A JSON object.
pub type Object = Map<String, Value>;

/// A message of the Jupyter protocol. What leaves a kernel is always a `Redacted<Message>`.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Routing identities of the peer on a router socket, the topic on iopub.
    pub identities: Vec<Bytes>,
    /// This message's header.
    pub header: Header,
    /// Header of the request that this message belongs to, as received; empty when there is none.
    pub parent_header: Object,
    /// Metadata.
    pub metadata: Object,
    /// Content; its fields depend on the message type.
    pub content: Object,
    /// Binary buffers (comms).
    pub buffers: Vec<Bytes>,
}

/// A message header, kept as it came so that an echo is exact.
#[derive(Debug, Clone, PartialEq)]
pub struct Header(Object);

impl Header {
    /// A header of our own: fresh id, the time of now.
    #[must_use]
    pub fn new(msg_type: &str, session: &str) -> Header {
        let mut fields = Object::new();
        let mut field = |name: &str, value: &str| fields.insert(name.to_owned(), Value::from(value));
        field("msg_id", &uuid::Uuid::new_v4().to_string());
        field("msg_type", msg_type);
        field("username", "sealbook");
        field("session", session);
        field("date", &now());
        field("version", PROTOCOL_VERSION);
        Header(fields)
    }

    /// A header with the fields that every message must have.
    ///
    /// # Errors
    /// [`WireError::Malformed`] when `msg_id` or `msg_type` is missing or no string.
    pub fn from_fields(fields: Object) -> Result<Header, WireError> {
        for name in ["msg_id", "msg_type"] {
            if !fields.get(name).is_some_and(Value::is_string) {
                return Err(WireError::Malformed("the header has no msg_id or no msg_type"));
            }
        }
        Ok(Header(fields))
    }

    /// All fields.
    #[must_use]
    pub fn fields(&self) -> &Object {
        &self.0
    }

    /// Unique id of the message.
    #[must_use]
    pub fn msg_id(&self) -> &str {
        self.text("msg_id")
    }

    /// Type of the message: `execute_request`, …
    #[must_use]
    pub fn msg_type(&self) -> &str {
        self.text("msg_type")
    }

    /// Session of the sender.
    #[must_use]
    pub fn session(&self) -> &str {
        self.text("session")
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

impl Message {
    /// A message of `msg_type` that belongs to no request.
    #[must_use]
    pub fn new(msg_type: &str, session: &str, content: Object) -> Message {
        Message {
            identities: Vec::new(),
            header: Header::new(msg_type, session),
            parent_header: Object::new(),
            metadata: Object::new(),
            content,
            buffers: Vec::new(),
        }
    }

    /// A message of `msg_type` caused by `parent`; not yet routed.
    #[must_use]
    pub fn child(msg_type: &str, session: &str, parent: &Header, content: Object) -> Message {
        Message {
            parent_header: parent.fields().clone(),
            ..Message::new(msg_type, session, content)
        }
    }

    /// A reply to `self`, routed to its sender.
    #[must_use]
    pub fn reply(&self, msg_type: &str, session: &str, content: Object) -> Message {
        Message {
            identities: self.identities.clone(),
            ..Message::child(msg_type, session, &self.header, content)
        }
    }

    /// Type of the message.
    #[must_use]
    pub fn msg_type(&self) -> &str {
        self.header.msg_type()
    }

    /// `msg_id` of the request that this message belongs to; empty when there is none.
    #[must_use]
    pub fn parent_id(&self) -> &str {
        self.parent_header
            .get("msg_id")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Reads and verifies a message.
    ///
    /// # Errors
    /// [`WireError::Malformed`], [`WireError::BadSignature`], [`WireError::DuplicateSignature`].
    pub fn decode(frames: Vec<Bytes>, signer: &Signer) -> Result<Message, WireError> {
        let delimiter = frames
            .iter()
            .position(|frame| frame.as_ref() == DELIMITER)
            .ok_or(WireError::Malformed("no delimiter between routing and signature"))?;
        let mut rest = frames;
        let signed = rest.split_off(delimiter);
        let identities = rest;
        let [_, signature, header, parent, metadata, content, buffers @ ..] = signed.as_slice() else {
            return Err(WireError::Malformed(
                "fewer frames than signature, header, parent, metadata and content",
            ));
        };
        signer.verify(signature, [header, parent, metadata, content].map(Bytes::as_ref))?;
        Ok(Message {
            header: Header::from_fields(object(header, "the header is no JSON object")?)?,
            parent_header: object(parent, "the parent header is no JSON object")?,
            metadata: object(metadata, "the metadata is no JSON object")?,
            content: object(content, "the content is no JSON object")?,
            buffers: buffers.to_vec(),
            identities,
        })
    }

    /// The frames of this message, signed.
    #[must_use]
    pub fn encode(self, signer: &Signer) -> Vec<Bytes> {
        let body = [self.header.0, self.parent_header, self.metadata, self.content]
            .map(|fields| Bytes::from(Value::Object(fields).to_string()));
        let signature = signer.sign(body.iter().map(Bytes::as_ref));
        let mut frames = self.identities;
        frames.push(Bytes::from_static(DELIMITER));
        frames.push(Bytes::from(signature));
        frames.extend(body);
        frames.extend(self.buffers);
        frames
    }
}

fn object(frame: &[u8], otherwise: &'static str) -> Result<Object, WireError> {
    serde_json::from_slice(frame).map_err(|_| WireError::Malformed(otherwise))
}

/// Now, in the form that front ends parse: UTC, microseconds, `Z`.
#[must_use]
pub fn now() -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    OffsetDateTime::now_utc().format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Object {
        value.as_object().unwrap().clone()
    }

    fn sample() -> Message {
        let mut message = Message::new("execute_request", "session-1", fields(json!({"code": "1 + 1"})));
        message.identities = vec![Bytes::from_static(b"\0peer")];
        message.buffers = vec![Bytes::from_static(b"\xff\xfe")];
        message
    }

    #[test]
    fn decodes_what_it_encodes() {
        for key in ["", "planted-key"] {
            let signer = Signer::new(key.as_bytes());
            let message = sample();
            assert_eq!(
                Message::decode(message.clone().encode(&signer), &signer).unwrap(),
                message
            );
        }
    }

    #[test]
    fn a_reply_goes_to_the_sender_and_echoes_its_header() {
        let mut request = sample();
        request
            .header
            .0
            .insert("future_field".to_owned(), json!([1, {"a": null}]));
        let reply = request.reply("execute_reply", "kernel-session", Object::new());
        assert_eq!(reply.identities, request.identities);
        assert_eq!(&reply.parent_header, request.header.fields());
        assert_eq!(reply.header.session(), "kernel-session");
        assert_ne!(reply.header.msg_id(), request.header.msg_id());
    }

    #[test]
    fn dates_have_six_digits_and_end_in_z() {
        let date = now();
        assert_eq!((date.len(), &date[19..20], &date[26..]), (27, ".", "Z"), "{date}");
    }

    #[test]
    fn refuses_malformed_frames() {
        let signer = Signer::new(b"");
        let good = sample().encode(&signer);
        let with = |index: usize, bytes: &'static [u8]| {
            let mut frames = good.clone();
            frames[index] = Bytes::from_static(bytes);
            frames
        };
        let deep = Bytes::from("[".repeat(100_000));
        let mut nested = good.clone();
        nested[6] = deep;
        let bad = [
            vec![],
            good[..1].to_vec(),
            good[..6].to_vec(),
            with(1, b"<ids|msg>"),
            with(3, b"{\"msg_id\":1,\"msg_type\":\"x\"}"),
            with(3, b"{\"msg_id\":\"1\"}"),
            with(3, b"[]"),
            with(4, b"nonsense"),
            with(5, b"\xff\xfe"),
            with(6, b"{\"code\": \"\xff\"}"),
            with(6, b""),
            nested,
        ];
        for frames in bad {
            let result = Message::decode(frames.clone(), &signer);
            assert!(matches!(result, Err(WireError::Malformed(_))), "{frames:?}");
        }
    }

    #[test]
    fn refuses_a_changed_frame() {
        let signer = Signer::new(b"planted-key");
        let good = sample().encode(&signer);
        for index in 2..=6 {
            let mut frames = good.clone();
            let mut bytes = frames[index].to_vec();
            bytes[0] ^= 1;
            frames[index] = bytes.into();
            let result = Message::decode(frames, &signer);
            assert!(
                matches!(result, Err(WireError::BadSignature)),
                "frame {index}: {result:?}"
            );
        }
    }
}
