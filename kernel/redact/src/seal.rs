//! Walks every leaf of a message. What a message is made of is the message's own business: it shows its strings, keys,
//! numbers and buffers to a [`Visitor`] and leaves out what its protocol fixes.

use serde_json::{Map, Value};

use crate::redaction::{self, Redaction};
use crate::{Redactor, TOKEN};

/// Something that can leave the process only after a redactor has seen all of it.
pub trait Seal {
    /// Shows every position that user code or a secret could have reached to the visitor.
    fn walk(&mut self, visitor: &mut Visitor<'_>);

    /// Records in the message what was hidden in it; called only if something was.
    fn explain(&mut self, redactions: &[Redaction]) {
        let _ = redactions;
    }
}

/// A message in which every learnt secret is hidden. [`Redactor::seal`] alone makes one.
///
/// ```compile_fail
/// let forged = sealbook_redact::Redacted { message: "planted", redactions: Vec::new() }; // private fields
/// ```
#[derive(Debug)]
pub struct Redacted<M> {
    message: M,
    redactions: Vec<Redaction>,
}

impl<M> Redacted<M> {
    pub(crate) fn from_seal(message: M, redactions: Vec<Redaction>) -> Self {
        Self { message, redactions }
    }

    /// The message, to look at.
    pub fn message(&self) -> &M {
        &self.message
    }

    /// The message, to send.
    pub fn into_message(self) -> M {
        self.message
    }

    /// What was hidden in it.
    pub fn redactions(&self) -> &[Redaction] {
        &self.redactions
    }
}

/// Shown every leaf of a message; rewrites what reveals a secret.
pub struct Visitor<'r> {
    redactor: &'r Redactor,
    redactions: Vec<Redaction>,
}

impl<'r> Visitor<'r> {
    pub(crate) fn new(redactor: &'r Redactor) -> Self {
        Self {
            redactor,
            redactions: Vec::new(),
        }
    }

    pub(crate) fn into_redactions(self) -> Vec<Redaction> {
        self.redactions
    }

    /// A string.
    pub fn text(&mut self, text: &mut String) {
        if let Some(out) = self.redactor.redact(text.as_bytes(), &mut self.redactions) {
            *text = String::from_utf8_lossy(&out).into_owned();
        }
    }

    /// A binary buffer.
    pub fn bytes(&mut self, bytes: &mut Vec<u8>) {
        if let Some(out) = self.redactor.redact(bytes, &mut self.redactions) {
            *bytes = out;
        }
    }

    /// An identifier or a date. Left alone when it has the grammar of one: UUIDs, runs of hexadecimal digits of their
    /// length (with an underscore and counter as Jupyter's session clients write them), ISO 8601 dates.
    pub fn identifier(&mut self, id: &mut String) {
        if !is_identifier(id) {
            self.text(id);
        }
    }

    /// Any JSON, keys included.
    pub fn value(&mut self, value: &mut Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                let mut text = number.to_string();
                if let Some(out) = self.redactor.redact(text.as_bytes(), &mut self.redactions) {
                    text = String::from_utf8_lossy(&out).into_owned();
                    *value = Value::String(text);
                }
            }
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(object) => self.object(object, &[]),
        }
    }

    /// An object. Its keys are hidden too, except those in `own`: names that the kernel itself writes there.
    /// The values of those keys are walked like all others.
    pub fn object(&mut self, object: &mut Map<String, Value>, own: &[&str]) {
        let mut renamed = false;
        for (key, value) in object.iter_mut() {
            self.value(value);
            renamed |= !own.contains(&key.as_str()) && self.redactor.redact(key.as_bytes(), &mut Vec::new()).is_some();
        }
        if renamed {
            for (mut key, value) in std::mem::take(object) {
                if !own.contains(&key.as_str()) {
                    self.text(&mut key);
                }
                while object.contains_key(&key) {
                    key.push('_');
                }
                object.insert(key, value);
            }
        }
    }

    /// Records hidden text that was found by other means, for example by a stream before it became a message.
    pub fn record(&mut self, redactions: &[Redaction]) {
        redaction::add(&mut self.redactions, redactions);
    }
}

impl Seal for Value {
    fn walk(&mut self, visitor: &mut Visitor<'_>) {
        visitor.value(self);
    }
}

impl Seal for String {
    fn walk(&mut self, visitor: &mut Visitor<'_>) {
        visitor.text(self);
    }
}

fn is_identifier(text: &str) -> bool {
    let (id, counter) = text.split_once('_').unwrap_or((text, "0"));
    let bytes = id.as_bytes();
    let uuid = bytes.len() == 36
        && bytes.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        });
    let plain = bytes.len() == 32 && bytes.iter().all(u8::is_ascii_hexdigit);
    // Jupyter's session clients write `8 hex - 24 hex _ pid _ counter`.
    let session = bytes.len() == 33
        && bytes
            .iter()
            .enumerate()
            .all(|(i, b)| if i == 8 { *b == b'-' } else { b.is_ascii_hexdigit() });
    let counted = counter.bytes().all(|b| b.is_ascii_digit() || b == b'_') && counter.len() <= 24;
    ((uuid || plain || session) && counted) || is_date(text)
}

/// `YYYY-MM-DDThh:mm:ss[.fraction][Z|±hh:mm]`.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:dd";
    bytes.len() >= shape.len()
        && bytes.len() <= 35
        && shape
            .iter()
            .zip(bytes)
            .all(|(s, b)| if *s == b'd' { b.is_ascii_digit() } else { s == b })
        && bytes[shape.len()..]
            .iter()
            .all(|b| b.is_ascii_digit() || b".:+-Z".contains(b))
}

impl std::fmt::Debug for Visitor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(TOKEN)
    }
}
