//! Walks every leaf of a message. What a message is made of is the message's own business: it shows its strings, keys,
//! numbers and buffers to a [`Visitor`] and leaves out what its protocol fixes.

use serde_json::{Map, Value};

use crate::redaction::{self, Redaction};
use crate::shown::Shown;
use crate::{Redactor, TOKEN};

/// Shortest list of numbers that is read as bytes.
const LIST_ELEMENTS_MIN: usize = 6;

/// Something that can leave the process only after a redactor has seen all of it.
pub trait Seal {
    /// Shows every position that user code or a secret could have reached to the visitor.
    fn walk(&mut self, visitor: &mut Visitor<'_>);

    /// Records in the message what was hidden in it; called only if something was.
    fn explain(&mut self, redactions: &[Redaction]) {
        let _ = redactions;
    }
}

/// A message that shows text of a stream.
pub trait Carry: Seal {
    /// Puts the text where it belongs.
    fn carry(&mut self, text: String);
}

/// A message in which every learnt secret is hidden. [`Redactor::seal`] and [`Redactor::seal_with`] alone make one.
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

    pub(crate) fn carry(&mut self, text: Shown)
    where
        M: Carry,
    {
        self.message.carry(text.into_text());
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
            Value::Array(items) => self.array(items),
            Value::Object(object) => self.object(object, &[]),
        }
    }

    /// A list of numbers may be the bytes of a secret, a list of strings its characters or lines.
    fn array(&mut self, items: &mut Vec<Value>) {
        let integers: Option<Vec<i64>> = items.iter().map(Value::as_i64).collect();
        if let Some(integers) = integers.filter(|list| list.len() >= LIST_ELEMENTS_MIN) {
            let found = self.redactor.integers(&integers);
            for (range, named) in found.into_iter().rev() {
                items.splice(range, [Value::String(TOKEN.to_owned())]);
                redaction::add(&mut self.redactions, &[named]);
            }
        }
        self.across(items);
        items.iter_mut().for_each(|item| self.value(item));
    }

    /// What shows only when the strings of a list are read one after the other.
    fn across(&mut self, items: &mut [Value]) {
        let mut joined = String::new();
        let mut starts = Vec::new();
        for (i, item) in items.iter().enumerate() {
            if let Value::String(text) = item {
                starts.push((joined.len(), i));
                joined.push_str(text);
                joined.push('\n');
            }
        }
        if starts.len() < 2 {
            return;
        }
        for m in self.redactor.scan(joined.as_bytes()).into_iter().rev() {
            let touched = starts.iter().enumerate().filter(|(k, (start, _))| {
                let end = starts.get(k + 1).map_or(joined.len(), |next| next.0) - 1;
                *start < m.end && m.start < end
            });
            let touched: Vec<(usize, usize)> = touched.map(|(_, place)| *place).collect();
            // What stands in one string is found there.
            if touched.len() < 2 {
                continue;
            }
            for (start, i) in touched {
                if let Some(Value::String(text)) = items.get_mut(i) {
                    let from = m.start.saturating_sub(start).min(text.len());
                    let to = (m.end - start).min(text.len());
                    if text.is_char_boundary(from) && text.is_char_boundary(to) {
                        text.replace_range(from..to, TOKEN);
                    } else {
                        TOKEN.clone_into(text);
                    }
                }
            }
            let mut named = self.redactor.named(&m);
            named.form = crate::Form::Scattered;
            redaction::add(&mut self.redactions, &[named]);
        }
    }

    /// An image: a secret in its data cannot be cut out, so the whole of it goes.
    fn image(&mut self, data: &mut String) {
        let mut found = self.redactor.scan(data.as_bytes());
        if found.is_empty() {
            found = self.redactor.scan(&crate::views::base64::decode_all(data.as_bytes()));
        }
        if let Some(first) = found.first() {
            redaction::add(&mut self.redactions, &[self.redactor.named(first)]);
            TOKEN.clone_into(data);
        }
    }

    /// An object. Its keys are hidden too, except those in `own`: names that the kernel itself writes there.
    /// The values of those keys are walked like all others.
    pub fn object(&mut self, object: &mut Map<String, Value>, own: &[&str]) {
        let mut renamed = false;
        // Bytes as a script language writes a byte array: `{"0":104,"1":117}`.
        let integers: Option<Vec<i64>> = object.values().map(Value::as_i64).collect();
        if let Some(integers) = integers.filter(|list| list.len() >= LIST_ELEMENTS_MIN) {
            for (range, named) in self.redactor.integers(&integers) {
                object
                    .values_mut()
                    .skip(range.start)
                    .take(range.len())
                    .for_each(|v| *v = TOKEN.into());
                redaction::add(&mut self.redactions, &[named]);
            }
        }
        for (key, value) in object.iter_mut() {
            match value {
                Value::String(data) if key.starts_with("image/") && !key.starts_with("image/svg") => self.image(data),
                value => self.value(value),
            }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Secret;

    fn check(message: Value, expect: Value) {
        let redactor = Redactor::new();
        for (key, value) in [("token", "plantedT0ken9xQ4vLw8Zr2Kd7"), ("pin", "4821")] {
            let secret = Secret::new("s", key, value.as_bytes().to_vec());
            let _proof = redactor.learn(&secret);
        }
        assert_eq!(redactor.seal(message).into_message(), expect);
    }

    #[test]
    fn every_leaf_is_walked() {
        let token = "plantedT0ken9xQ4vLw8Zr2Kd7";
        check(json!({"a": [{"b": token}]}), json!({"a": [{"b": TOKEN}]}));
        check(json!({token: 1, "x": 4821}), json!({TOKEN: 1, "x": TOKEN}));
        check(json!({"x": 148_213, "y": 48.21}), json!({"x": 148_213, "y": 48.21}));
        let bytes: Vec<u8> = [b"ab".as_slice(), token.as_bytes(), b"z"].concat();
        check(json!({"data": bytes}), json!({"data": [97, 98, TOKEN, 122]}));
        let lines: Vec<&str> = vec!["note", "plantedT0ken", "9xQ4vLw8Zr2Kd7", "end"];
        check(json!(lines), json!(["note", TOKEN, TOKEN, "end"]));
        let chars: Vec<String> = token.chars().map(String::from).collect();
        check(json!(chars), json!(vec![TOKEN; token.len()]));
    }

    #[test]
    fn an_image_that_holds_a_secret_goes_as_a_whole() {
        use base64::Engine as _;
        let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let image = encode(b"\xFF\xD8\xFF\xE0\0\x10JFIF plantedT0ken9xQ4vLw8Zr2Kd7 \xFF\xD9");
        check(json!({"image/jpeg": image}), json!({"image/jpeg": TOKEN}));
        let clean = encode(b"\xFF\xD8\xFF\xE0\0\x10JFIF nothing here \xFF\xD9");
        check(json!({"image/jpeg": clean}), json!({"image/jpeg": clean}));
    }

    #[test]
    fn identifiers_keep_their_grammar() {
        for id in [
            "550e8400-e29b-41d4-a716-446655440000",
            "2026-11-24T08:36:07.123456Z",
            "0123456789abcdef0123456789abcdef_12_3",
        ] {
            assert!(is_identifier(id), "{id}");
        }
        for text in ["planted", "550e8400-e29b-41d4-a716-44665544000z", "2026-11-24"] {
            assert!(!is_identifier(text), "{text}");
        }
    }
}
