//! Which positions of a message the redactor sees.
//!
//! All of them, except what cannot hold a secret and would break the protocol if a secret happened to look like it:
//! our own header, keys of the protocol, numbers and enumeration values that the kernel itself writes there, and ids
//! and dates that have the grammar of one. The exceptions are by position *and* grammar: a `status` that is not one of
//! the protocol's is redacted like any text.

use bytes::Bytes;
use sealbook_redact::{Carry, Redaction, Seal, Visitor};
use serde_json::{Map, Value, json};

use crate::Message;
use crate::message::Object;

/// Names that the protocol, or the kernel, gives to fields.
const OWN_KEYS: &[&str] = &[
    "_jupyter_types_experimental",
    "allow_stdin",
    "banner",
    "buffer_paths",
    "code",
    "comm_id",
    "comms",
    "content",
    "cursor_end",
    "cursor_start",
    "data",
    "date",
    "detail_level",
    "display_id",
    "ename",
    "exit_value",
    "end",
    "evalue",
    "execution_count",
    "execution_state",
    "found",
    "history",
    "indent",
    "matches",
    "metadata",
    "method",
    "msg_id",
    "msg_type",
    "name",
    "parent_header",
    "password",
    "payload",
    "prompt",
    "redactions",
    "replace",
    "restart",
    "sealbook",
    "session",
    "signature",
    "source",
    "start",
    "state",
    "status",
    "subscription",
    "target_module",
    "target_name",
    "text",
    "traceback",
    "transient",
    "type",
    "user_expressions",
    "username",
    "version",
    "wait",
    "started",
];

/// MIME types in data bundles; others are text of the user.
const OWN_MIME_TYPES: &[&str] = &[
    "application/javascript",
    "application/json",
    "application/pdf",
    "application/vnd.jupyter.widget-view+json",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/svg+xml",
    "image/webp",
    "text/html",
    "text/latex",
    "text/markdown",
    "text/plain",
];

/// Requests whose names come back in parent headers.
const REQUESTS: &[&str] = &[
    "comm_close",
    "comm_info_request",
    "comm_msg",
    "comm_open",
    "complete_request",
    "connect_request",
    "debug_request",
    "execute_request",
    "history_request",
    "input_reply",
    "inspect_request",
    "interrupt_request",
    "is_complete_request",
    "kernel_info_request",
    "shutdown_request",
];

impl Seal for Message {
    fn walk(&mut self, visitor: &mut Visitor<'_>) {
        // `identities` route the message and `header` is ours: neither holds text of user code.
        parent_header(&mut self.parent_header, visitor);
        visitor.object(&mut self.metadata, OWN_KEYS);
        // The kernel's own description of itself has no text of user code at all.
        if self.header.msg_type() != "kernel_info_reply" {
            content(&mut self.content, visitor);
        }
        for buffer in &mut self.buffers {
            let mut bytes = buffer.to_vec();
            visitor.bytes(&mut bytes);
            if bytes.as_slice() != buffer.as_ref() {
                *buffer = Bytes::from(bytes);
            }
        }
    }

    fn explain(&mut self, redactions: &[Redaction]) {
        let entry = |redaction: &Redaction| {
            json!({
                "scope": redaction.scope,
                "key": redaction.key,
                "form": redaction.form.name(),
                "count": redaction.count,
            })
        };
        let ours = self
            .metadata
            .entry("sealbook")
            .or_insert_with(|| Value::Object(Map::new()));
        if let Some(list) = ours
            .as_object_mut()
            .and_then(|ours| ours.entry("redactions").or_insert_with(|| json!([])).as_array_mut())
        {
            list.extend(redactions.iter().map(entry));
        }
    }
}

/// The text of a `stream` message.
impl Carry for Message {
    fn carry(&mut self, text: String) {
        self.content.insert("text".to_owned(), Value::String(text));
    }
}

fn parent_header(header: &mut Object, visitor: &mut Visitor<'_>) {
    for (key, value) in header.iter_mut() {
        match (key.as_str(), value) {
            ("msg_id" | "session" | "date", Value::String(id)) => visitor.identifier(id),
            ("msg_type", Value::String(name)) if REQUESTS.contains(&name.as_str()) => {}
            ("version", Value::String(version)) if is_version(version) => {}
            (_, value) => visitor.value(value),
        }
    }
    keys(header, OWN_KEYS, visitor);
}

fn content(content: &mut Object, visitor: &mut Visitor<'_>) {
    for (key, value) in content.iter_mut() {
        match (key.as_str(), value) {
            ("status", Value::String(text)) if is_status(text) => {}
            ("execution_state", Value::String(text)) if matches!(text.as_str(), "busy" | "idle" | "starting") => {}
            ("name", Value::String(text)) if matches!(text.as_str(), "stdout" | "stderr") => {}
            ("execution_count" | "cursor_start" | "cursor_end", Value::Number(_)) => {}
            ("comm_id", Value::String(id)) => visitor.identifier(id),
            ("comms", Value::Object(comms)) => comm_infos(comms, visitor),
            ("history", Value::Array(entries)) if entries.iter().all(Value::is_array) => {
                entries.iter_mut().for_each(|entry| history_entry(entry, visitor))
            }
            ("data" | "metadata", Value::Object(bundle)) => bundle_of(bundle, visitor),
            ("payload", Value::Array(entries)) if entries.iter().all(Value::is_object) => {
                for entry in entries {
                    match entry {
                        Value::Object(entry) => visitor.object(entry, OWN_KEYS),
                        other => visitor.value(other),
                    }
                }
            }
            ("transient", Value::Object(transient)) => visitor.object(transient, OWN_KEYS),
            (_, value) => visitor.value(value),
        }
    }
    keys(content, OWN_KEYS, visitor);
}

/// A bundle by MIME type; also the data of comms, whose keys include the protocol's.
fn bundle_of(bundle: &mut Object, visitor: &mut Visitor<'_>) {
    let experimental = bundle
        .get_mut("_jupyter_types_experimental")
        .and_then(Value::as_array_mut);
    let positions: Vec<_> = experimental.into_iter().flatten().map(positions).collect();
    visitor.object(bundle, &[OWN_KEYS, OWN_MIME_TYPES].concat());
    let experimental = bundle
        .get_mut("_jupyter_types_experimental")
        .and_then(Value::as_array_mut);
    for (entry, saved) in experimental.into_iter().flatten().zip(positions) {
        if let Value::Object(entry) = entry {
            entry.extend(saved);
        }
    }
}

/// The offsets of a completion, which are the kernel's own.
fn positions(entry: &mut Value) -> Object {
    let number = |name: &str| {
        entry
            .get(name)
            .filter(|value| value.is_number())
            .map(|v| (name.to_owned(), v.clone()))
    };
    ["start", "end"].into_iter().filter_map(number).collect()
}

/// `[session, line, input]` or `[session, line, [input, output]]`: the numbers are the kernel's own.
fn history_entry(entry: &mut Value, visitor: &mut Visitor<'_>) {
    match entry {
        // Anything longer is no entry of a history, and its numbers may be bytes.
        Value::Array(fields) if fields.len() <= 3 => {
            for (index, field) in fields.iter_mut().enumerate() {
                if index >= 2 || !field.is_number() {
                    visitor.value(field);
                }
            }
        }
        other => visitor.value(other),
    }
}

/// Comm ids to their targets.
fn comm_infos(comms: &mut Object, visitor: &mut Visitor<'_>) {
    for (mut id, mut info) in std::mem::take(comms) {
        visitor.identifier(&mut id);
        match &mut info {
            Value::Object(info) => visitor.object(info, OWN_KEYS),
            other => visitor.value(other),
        }
        comms.insert(id, info);
    }
}

/// Walks the keys alone of an object whose values have been walked.
fn keys(object: &mut Object, own: &[&str], visitor: &mut Visitor<'_>) {
    if object.keys().all(|key| own.contains(&key.as_str())) {
        return;
    }
    for (mut key, value) in std::mem::take(object) {
        if !own.contains(&key.as_str()) {
            visitor.text(&mut key);
        }
        object.insert(key, value);
    }
}

fn is_status(text: &str) -> bool {
    matches!(
        text,
        "ok" | "error" | "aborted" | "complete" | "incomplete" | "invalid" | "unknown"
    )
}

fn is_version(text: &str) -> bool {
    text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Header;
    use sealbook_redact::{Lane, Redactor, Secret, Tail};

    fn fields(value: Value) -> Object {
        value.as_object().unwrap().clone()
    }

    fn knows(value: &str) -> Redactor {
        let redactor = Redactor::new();
        let secret = Secret::new("jdbc", "password", value.as_bytes().to_vec());
        let _ = redactor.learn(&secret);
        redactor
    }

    fn sealed(value: &str, msg_type: &str, content: Value) -> Message {
        let parent = Header::from_fields(fields(json!({
            "msg_id": "6f1e7c52-5a01-4f37-9a39-0a5c7d3f0a11", "msg_type": "execute_request", "session": value,
            "username": value, "version": "5.3", "date": "2024-05-06T07:08:09.123456Z", format!("x {value}"): 1,
        })));
        let mut message = Message::child(msg_type, "session", &parent.unwrap(), fields(content));
        message.buffers = vec![Bytes::from(format!("\0{value}\0"))];
        message.metadata = fields(json!({value: value, "tags": [value]}));
        knows(value).seal(message).into_message()
    }

    #[test]
    fn every_position_is_redacted() {
        let value = "planted-value-0123456789";
        let contents = [
            ("stream", json!({"name": "stdout", "text": value})),
            ("stream", json!({"name": value, "text": ""})),
            (
                "execute_result",
                json!({"data": {"text/plain": value, value: {"a": [value]}}, "execution_count": value}),
            ),
            (
                "display_data",
                json!({"data": {"application/json": {value: {value: [value]}}}, "metadata": {value: value},
                "transient": {"display_id": value}}),
            ),
            ("error", json!({"ename": value, "evalue": value, "traceback": [value]})),
            (
                "execute_reply",
                json!({"status": value, "payload": [{"source": "page", "data": {"text/plain": value}}],
                "user_expressions": {value: {"status": "ok", "data": {"text/plain": value}}}}),
            ),
            (
                "complete_reply",
                json!({"matches": [value], "metadata":
                {"_jupyter_types_experimental": [{"text": value, "start": 1, "end": 2, "type": value}]}}),
            ),
            (
                "history_reply",
                json!({"history": [[0, 1, value], [0, 2, [value, value]], value]}),
            ),
            ("comm_info_reply", json!({"comms": {value: {"target_name": value}}})),
            (
                "comm_open",
                json!({"comm_id": value, "target_name": value, "data": {"state": {value: value}}}),
            ),
            ("input_request", json!({"prompt": value, "password": false})),
            ("iopub_welcome", json!({"subscription": value})),
            ("debug_event", json!({"event": value, value: value})),
        ];
        for (msg_type, content) in contents {
            let message = sealed(value, msg_type, content);
            let frames = message.encode(&crate::Signer::new(b""));
            for frame in &frames {
                assert!(!String::from_utf8_lossy(frame).contains(value), "{msg_type}: {frame:?}");
            }
        }
    }

    #[test]
    fn a_secret_that_looks_like_the_protocol_does_not_break_it() {
        for value in [
            "status",
            "ok",
            "text/plain",
            "execution_count",
            "busy",
            "stdout",
            "msg_id",
            "123456",
            "5.3",
        ] {
            let content = json!({"status": "ok", "execution_count": 123_456, "data": {"text/plain": "x"},
                "execution_state": "busy", "name": "stdout", "cursor_start": 123_456});
            let message = sealed(value, "execute_reply", content.clone());
            assert_eq!(Value::Object(message.content), content, "{value}");
            assert_eq!(message.parent_header["msg_id"], "6f1e7c52-5a01-4f37-9a39-0a5c7d3f0a11");
            assert_eq!(message.parent_header["version"], "5.3");
        }
    }

    #[test]
    fn says_what_was_hidden() {
        let value = "planted-value-0123456789";
        let message = Message::new("stream", "s", fields(json!({"name": "stdout", "text": value})));
        let message = knows(value).seal(message).into_message();
        assert_eq!(
            message.metadata["sealbook"],
            json!({"redactions": [{"scope": "jdbc", "key": "password", "form": "raw", "count": 1}]})
        );
    }

    /// A cell prints a text, and something else is learnt before that leaves.
    #[test]
    fn text_of_a_stream_is_looked_at_again_after_something_has_been_learnt() {
        let value = "planted-value-0123456789";
        let shown = |redactor: &Redactor, text: &str| {
            let mut stream = redactor.stream(Tail::default());
            let mut chunks = stream.push(Lane::Stdout, text.as_bytes());
            chunks.extend(stream.finish().0);
            chunks.remove(0).bytes
        };
        let message = || Message::new("stream", "s", fields(json!({"name": "stdout", "text": ""})));
        let secret = Secret::new("jdbc", "password", value.into());
        for learnt_before_second in [false, true] {
            let redactor = Redactor::new();
            let mut text = shown(&redactor, &format!("1 {value}\n"));
            if learnt_before_second {
                assert_eq!(redactor.learn(&secret).notice(), None);
            }
            text.append(shown(&redactor, &format!("2 {value}\n")));
            assert_eq!(redactor.learn(&secret).notice(), None);
            let sealed = redactor.seal_with(message(), text).into_message();
            assert_eq!(sealed.content["text"], "1 [REDACTED]\n2 [REDACTED]\n");
            assert_eq!(sealed.metadata["sealbook"]["redactions"][0]["key"], "password");
        }
        // Text of another redactor, which knows something else; alone and after text of the first one.
        let (redactor, another) = (knows(value), knows("another-planted-value"));
        let other = || shown(&another, &format!("1 {value}\n"));
        let mut both = shown(&redactor, "0\n");
        both.append(other());
        for (text, expected) in [(other(), "1 [REDACTED]\n"), (both, "0\n1 [REDACTED]\n")] {
            assert_eq!(redactor.seal_with(message(), text).message().content["text"], expected);
        }
        let sealed = redactor.seal_with(message(), shown(&redactor, &format!("1 {value}\n")));
        assert_eq!(sealed.message().content["text"], "1 [REDACTED]\n");
        assert_eq!(sealed.message().content["name"], "stdout");
    }
}
