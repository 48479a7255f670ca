//! The contents of requests, as the messaging protocol defines them. Unknown fields are ignored, missing ones have
//! the protocol's defaults, and a wrong type is a clear error that quotes nothing.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use sealbook_wire::Message;

/// `execute_request`.
#[derive(Debug, Deserialize)]
pub struct Execute {
    pub code: String,
    #[serde(default)]
    pub silent: bool,
    #[serde(default = "yes")]
    pub store_history: bool,
    #[serde(default)]
    pub user_expressions: Map<String, Value>,
    #[serde(default = "yes")]
    pub allow_stdin: bool,
    #[serde(default = "yes")]
    pub stop_on_error: bool,
}

/// `complete_request`; the cursor counts code points.
#[derive(Debug, Deserialize)]
pub struct Complete {
    pub code: String,
    #[serde(default = "the_end", deserialize_with = "cursor")]
    pub cursor_pos: usize,
}

/// `inspect_request`; the cursor counts code points.
#[derive(Debug, Deserialize)]
pub struct Inspect {
    pub code: String,
    #[serde(default = "the_end", deserialize_with = "cursor")]
    pub cursor_pos: usize,
    #[serde(default)]
    pub detail_level: u8,
}

/// `is_complete_request`.
#[derive(Debug, Deserialize)]
pub struct IsComplete {
    pub code: String,
}

/// `history_request`.
#[derive(Debug, Deserialize)]
pub struct History {
    #[serde(default)]
    pub output: bool,
    pub hist_access_type: Access,
    #[serde(default)]
    pub session: i64,
    #[serde(default)]
    pub start: i64,
    #[serde(default)]
    pub stop: Option<i64>,
    #[serde(default)]
    pub n: Option<i64>,
    #[serde(default)]
    pub pattern: Option<String>,
    #[serde(default)]
    pub unique: bool,
}

/// `hist_access_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    Range,
    Tail,
    Search,
}

/// `comm_info_request`.
#[derive(Debug, Default, Deserialize)]
pub struct CommInfo {
    #[serde(default)]
    pub target_name: Option<String>,
}

/// `comm_open`, `comm_msg` and `comm_close`.
#[derive(Debug, Deserialize)]
pub struct Comm {
    pub comm_id: String,
    #[serde(default)]
    pub target_name: Option<String>,
    #[serde(default)]
    pub data: Map<String, Value>,
}

/// `shutdown_request`.
#[derive(Debug, Default, Deserialize)]
pub struct Shutdown {
    #[serde(default)]
    pub restart: bool,
}

/// `input_reply`.
#[derive(Debug, Deserialize)]
pub struct InputReply {
    /// Absent when the front end could not ask; then `status` says so.
    #[serde(default)]
    pub value: Option<String>,
}

/// A cursor that is not said is at the end.
fn the_end() -> usize {
    usize::MAX
}

/// A cursor before the start is at the start.
fn cursor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let cursor = i64::deserialize(deserializer)?;
    Ok(usize::try_from(cursor).unwrap_or(0))
}

fn yes() -> bool {
    true
}

/// The content of `message`.
pub fn content<T: DeserializeOwned>(message: &Message) -> Result<T, Malformed> {
    serde_json::from_value(Value::Object(message.content.clone())).map_err(|_| Malformed(message.msg_type().to_owned()))
}

/// A request whose content does not have the fields of its type.
#[derive(Debug, thiserror::Error)]
#[error(
    "the content of this {0} is not as the messaging protocol defines it: a field is missing or has the wrong type"
)]
pub struct Malformed(String);

/// The byte offset of the code point number `cursor`, at most the end of `code`.
pub fn byte_offset(code: &str, cursor: usize) -> usize {
    code.char_indices().nth(cursor).map_or(code.len(), |(offset, _)| offset)
}

/// The number of code points before the byte `offset`.
pub fn code_points(code: &str, offset: usize) -> usize {
    code.char_indices().take_while(|(at, _)| *at < offset).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_code_points() {
        let code = "a𝄞é!";
        for (cursor, offset) in [(0, 0), (1, 1), (2, 5), (3, 7), (4, 8), (9, 8)] {
            assert_eq!(byte_offset(code, cursor), offset);
            assert_eq!(code_points(code, offset), cursor.min(4));
        }
    }

    #[test]
    fn defaults_are_those_of_the_protocol() {
        let message = Message::new(
            "execute_request",
            "s",
            Map::from_iter([("code".to_owned(), Value::from("1"))]),
        );
        let request: Execute = content(&message).unwrap();
        assert!(request.store_history && request.stop_on_error && request.allow_stdin && !request.silent);
        let message = Message::new(
            "execute_request",
            "s",
            Map::from_iter([("code".to_owned(), Value::from(1))]),
        );
        let error = content::<Execute>(&message).unwrap_err().to_string();
        assert!(error.contains("execute_request"), "{error}");
    }
}
