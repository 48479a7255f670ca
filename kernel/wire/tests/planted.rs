//! A secret at a random path of a random outgoing message of every type never survives: values, keys, lists of numbers,
//! buffers and echoed parent headers; as it is or in a form.

#[path = "../../redact/tests/support/random.rs"]
mod random;

use bytes::Bytes;
use random::Random;
use sealbook_redact::{Redactor, Secret};
use sealbook_wire::{Header, Message, Signer};
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

const SECRET: &str = "plantedT0ken9xQ4vLw8Zr2Kd7";

/// Messages that a kernel sends, but for `kernel_info_reply`, which it writes alone and which starts with the notebook.
const TYPES: [&str; 23] = [
    "stream",
    "display_data",
    "update_display_data",
    "execute_input",
    "execute_result",
    "error",
    "status",
    "clear_output",
    "comm_open",
    "comm_msg",
    "comm_close",
    "execute_reply",
    "complete_reply",
    "inspect_reply",
    "history_reply",
    "is_complete_reply",
    "comm_info_reply",
    "shutdown_reply",
    "interrupt_reply",
    "input_request",
    "debug_event",
    "debug_reply",
    "iopub_welcome",
];

/// Fields of the protocol, which random content uses beside others.
const FIELDS: [&str; 18] = [
    "name",
    "text",
    "data",
    "metadata",
    "transient",
    "code",
    "ename",
    "evalue",
    "traceback",
    "status",
    "payload",
    "user_expressions",
    "matches",
    "history",
    "comms",
    "comm_id",
    "text/html",
    "note",
];

impl Random {
    /// The secret in some form, with text around it.
    fn leak(&mut self) -> String {
        let hexadecimal: String = SECRET.bytes().map(|b| format!("{b:02x}")).collect();
        let form = match self.below(6) {
            0 => hexadecimal,
            1 => format!("{:?}", SECRET.as_bytes()),
            2 => SECRET.chars().map(|c| format!("\u{1b}[31m{c}")).collect(),
            3 => SECRET.chars().rev().collect(),
            _ => SECRET.to_owned(),
        };
        match self.below(3) {
            0 => form,
            1 => format!("before {form} after"),
            _ => format!("{{\"a\": \"{form}\"}}\n"),
        }
    }

    /// The secret, if this is the place for it.
    fn here(&mut self, place: &mut usize) -> Option<String> {
        let there = *place == 0;
        *place = place.wrapping_sub(1);
        there.then(|| self.leak())
    }

    /// A random tree; at one of its leaves or keys, counted down in `place`, stands the secret.
    fn tree(&mut self, depth: usize, place: &mut usize) -> Value {
        match if depth == 0 { self.below(3) } else { self.below(6) } {
            0 => self.here(place).map_or_else(|| json!("plain text"), Value::String),
            1 if self.below(3) == 0 && self.here(place).is_some() => json!(SECRET.as_bytes()),
            1 | 2 => json!(self.below(1000)),
            3 => Value::Array((0..1 + self.below(4)).map(|_| self.tree(depth - 1, place)).collect()),
            _ => {
                let mut object = Object::new();
                for i in 0..1 + self.below(4) {
                    let key = match self.here(place) {
                        Some(leak) if self.below(2) == 0 => leak,
                        _ if self.below(2) == 0 => FIELDS[self.below(FIELDS.len())].to_owned(),
                        _ => format!("field {i}"),
                    };
                    let value = self.tree(depth - 1, place);
                    object.insert(key, value);
                }
                Value::Object(object)
            }
        }
    }

    fn object(&mut self) -> Object {
        let mut object = Object::new();
        for _ in 0..1 + self.below(4) {
            let mut place = self.below(8);
            let value = self.tree(3, &mut place);
            object.insert(FIELDS[self.below(FIELDS.len())].to_owned(), value);
        }
        if self.below(3) == 0 {
            object.insert(self.leak(), json!(1));
        }
        object
    }
}

/// Every way in which the message would show the secret.
fn shows(frame: &[u8]) -> bool {
    let text = String::from_utf8_lossy(frame);
    let hexadecimal: String = SECRET.bytes().map(|b| format!("{b:02x}")).collect();
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let list = format!("{:?}", SECRET.as_bytes()).replace(' ', "");
    let colourless = text.replace("\\u001b[31m", "");
    let backwards: String = SECRET.chars().rev().collect();
    [SECRET, &hexadecimal, &backwards]
        .iter()
        .any(|form| text.contains(form))
        || digits.contains(list.trim_matches(['[', ']']))
        || colourless.contains(SECRET)
}

#[test]
fn a_secret_at_a_random_path_of_every_message_never_survives() {
    let redactor = Redactor::new();
    let secret = Secret::new("s", "k", SECRET.as_bytes().to_vec());
    let _proof = redactor.learn(&secret);
    let mut random = Random(5);
    let mut planted = 0;
    for round in 0..TYPES.len() * 200 {
        let kind = TYPES[round % TYPES.len()];
        let mut parent = Object::new();
        parent.insert("msg_id".to_owned(), json!("6f1e7c52-5a01-4f37-9a39-0a5c7d3f0a11"));
        parent.insert("msg_type".to_owned(), json!("execute_request"));
        if random.below(2) == 0 {
            parent.insert("session".to_owned(), Value::String(random.leak()));
            parent.insert(random.leak(), json!("x"));
        }
        let parent = Header::from_fields(parent).expect("a header");
        let mut message = Message::child(kind, "session", &parent, random.object());
        message.metadata = random.object();
        message.buffers = (0..random.below(3))
            .map(|_| Bytes::from(format!("\0\u{1}{}\0", random.leak())))
            .collect();
        let encode = |message: &Message| message.clone().encode(&Signer::new(b"key"));
        planted += usize::from(encode(&message).iter().any(|frame| shows(frame)));
        let sealed = redactor.seal(message).into_message();
        for frame in encode(&sealed) {
            assert!(
                !shows(&frame),
                "round {round}, {kind}: {}",
                String::from_utf8_lossy(&frame)
            );
        }
    }
    // The search would find it.
    assert!(planted > TYPES.len() * 100, "{planted}");
}
