//! A request's fields: from the query of a GET, from the JSON body of anything else.
//!
//! Parsed by hand, so that every refusal names the field and what is allowed and none echoes what was given: a value put
//! into the wrong field would else come back in an error text. Duplicate and unknown fields are refused.

use std::fmt;

use sealbook_api::SecretText;
use sealbook_core::Error;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use zeroize::Zeroize;

use crate::operation::{Field, Kind, OTHERS};

/// Characters of the longest text that is no value; the longest legal one is a notebook's path.
const TEXT_CHARS_MAX: usize = 4_096;

/// Fields of a request, each once. Zeroised when dropped: one of them may be a value.
#[derive(Default)]
pub(crate) struct Fields(Map<String, Value>);

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fields")
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        self.0.values_mut().for_each(zeroize);
    }
}

fn zeroize(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(zeroize),
        Value::Object(fields) => fields.values_mut().for_each(zeroize),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn malformed(message: impl Into<String>) -> Error {
    Error::new(sealbook_api::ErrorCode::MalformedRequest, message)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(sealbook_api::ErrorCode::InvalidParameterValue, message)
}

impl Fields {
    /// From a body; an empty one has no fields.
    pub(crate) fn from_body(body: &[u8], known: &[Field]) -> Result<Self, Error> {
        if body.is_empty() {
            return Self::default().checked(known);
        }
        if std::str::from_utf8(body).is_err() {
            return Err(malformed("The body is not UTF-8."));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let parsed = Unique
            .deserialize(&mut deserializer)
            .and_then(|value| deserializer.end().map(|()| value));
        match parsed {
            Ok(Value::Object(fields)) => Self(fields).checked(known),
            Ok(mut other) => {
                zeroize(&mut other);
                Err(malformed("The body must be a JSON object."))
            }
            Err(error) => Err(malformed(format!(
                "The body is not JSON without duplicate names: see line {}, column {}.",
                error.line(),
                error.column()
            ))),
        }
    }

    /// From a query string.
    pub(crate) fn from_query(query: &str, known: &[Field]) -> Result<Self, Error> {
        let mut fields = Map::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name), decode(value)) else {
                return Err(malformed("The query is not percent-encoded UTF-8."));
            };
            let kind = known.iter().find(|field| field.name == name).map(|field| field.kind);
            if fields.insert(name, typed(kind, value)).is_some() {
                return Err(malformed("The query names a field twice."));
            }
        }
        Self(fields).checked(known)
    }

    fn checked(self, known: &[Field]) -> Result<Self, Error> {
        let takes_others = known.iter().any(|field| field.name == OTHERS);
        if let Some(unknown) = self
            .0
            .keys()
            .find(|name| !takes_others && !known.iter().any(|field| field.name == *name))
        {
            let names: Vec<&str> = known.iter().map(|field| field.name).collect();
            let unknown: String = unknown.chars().filter(|c| !c.is_control()).take(64).collect();
            return Err(malformed(match names.as_slice() {
                [] => format!("The request has a field {unknown:?}, but takes none."),
                names => format!("The request has a field {unknown:?}; it takes {}.", names.join(", ")),
            }));
        }
        for field in known {
            match self.0.get(field.name) {
                None | Some(Value::Null) if field.required => {
                    return Err(invalid(format!("The field {} is missing.", field.name)));
                }
                Some(Value::String(text)) if field.kind == Kind::Text && text.chars().count() > TEXT_CHARS_MAX => {
                    return Err(invalid(format!(
                        "The field {} has more than {TEXT_CHARS_MAX} characters, the maximum.",
                        field.name
                    )));
                }
                Some(value) if !value.is_null() && !fits(field.kind, value) => {
                    return Err(malformed(format!(
                        "The field {} must be {}.",
                        field.name,
                        field.kind.name()
                    )));
                }
                _ => {}
            }
        }
        Ok(self)
    }

    /// A field that is there because the operation requires it.
    pub(crate) fn text(&self, name: &str) -> Result<&str, Error> {
        self.maybe_text(name)
            .ok_or_else(|| invalid(format!("The field {name} is missing.")))
    }

    pub(crate) fn maybe_text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Takes a secret text out.
    pub(crate) fn secret(&mut self, name: &str) -> Option<SecretText> {
        match self.0.remove(name) {
            Some(Value::String(text)) => Some(SecretText::new(text)),
            _ => None,
        }
    }

    /// Takes a list of secret texts out.
    pub(crate) fn secrets(&mut self, name: &str) -> Vec<SecretText> {
        let Some(Value::Array(items)) = self.0.remove(name) else {
            return Vec::new();
        };
        items
            .into_iter()
            .filter_map(|item| match item {
                Value::String(text) => Some(SecretText::new(text)),
                _ => None,
            })
            .collect()
    }

    /// A number.
    pub(crate) fn maybe_integer(&self, name: &str) -> Result<Option<i64>, Error> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| not_a(name, Kind::Integer)),
        }
    }

    /// `true` or `false`.
    pub(crate) fn maybe_boolean(&self, name: &str) -> Result<Option<bool>, Error> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(not_a(name, Kind::Boolean)),
        }
    }

    /// Takes any JSON out.
    pub(crate) fn json(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }
}

/// A query has only texts: numbers and truth values are read here, and what is none stays a text, which is refused.
fn typed(kind: Option<Kind>, text: String) -> Value {
    let read = match kind {
        Some(Kind::Integer) => text.parse::<i64>().ok().map(Value::from),
        Some(Kind::Boolean) => text.parse::<bool>().ok().map(Value::from),
        _ => None,
    };
    read.unwrap_or(Value::String(text))
}

fn not_a(name: &str, kind: Kind) -> Error {
    malformed(format!("The field {name} must be {}.", kind.name()))
}

fn fits(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::Text | Kind::Secret => value.is_string(),
        Kind::Integer => value.is_i64(),
        Kind::Boolean => value.is_boolean(),
        Kind::Object => value.is_object(),
        Kind::List => value.is_array(),
        Kind::SecretList => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                (digit(rest.next()?)? * 16 + digit(rest.next()?)?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A JSON value in which no object names a field twice.
struct Unique;

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Unique)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Unique)?;
            if fields.insert(name, value).is_some() {
                return Err(serde::de::Error::custom("a name is given twice"));
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Field; 3] = [
        Field::required("scope", Kind::Text, ""),
        Field::optional("string_value", Kind::Secret, ""),
        Field::optional("limit", Kind::Integer, ""),
    ];

    #[test]
    fn good_requests() {
        let mut fields = Fields::from_body(br#"{"scope":"s","string_value":"planted","limit":null}"#, &KNOWN).unwrap();
        assert_eq!(fields.text("scope").unwrap(), "s");
        assert_eq!(fields.secret("string_value").unwrap().expose(), "planted");
        assert_eq!(fields.maybe_integer("limit").unwrap(), None);
        let fields = Fields::from_query("scope=a%20b%2B+c&limit=5", &KNOWN).unwrap();
        assert_eq!(fields.text("scope").unwrap(), "a b+ c");
        assert_eq!(fields.maybe_integer("limit").unwrap(), Some(5));
    }

    #[test]
    fn no_refusal_echoes_what_was_given() {
        let bad: [&[u8]; 15] = [
            b"",
            b"{",
            b"planted",
            b"\"planted\"",
            b"[\"planted\"]",
            b"{\"scope\":\"planted\",\"scope\":\"planted\"}",
            b"{\"scope\":{\"a\":1,\"a\":2}}",
            b"{\"scope\":12345678}",
            b"{\"scope\":\"s\",\"string_value\":[\"planted\"]}",
            b"{\"scope\":\"s\",\"limit\":{}}",
            b"{\"scope\":\"s\",\"limit\":\"12345678\"}",
            b"{\"scope\":\"s\",\"other\":\"planted\"}",
            b"{\"scope\":\"s\"} planted",
            b"{\"scope\":\"pl\xff\"}",
            b"{\"string_value\":\"planted\"}",
        ];
        for body in bad {
            let error = Fields::from_body(body, &KNOWN).unwrap_err();
            assert!(
                !error.message().contains("planted") && !error.message().contains("12345678"),
                "{error}"
            );
        }
        assert!(
            Fields::from_body(&[b'['; 200_000], &KNOWN).is_err(),
            "deep nesting ends in an error"
        );
        for query in [
            "scope=%zz",
            "scope=%ff",
            "scope=a&scope=b",
            "other=1",
            "",
            "scope=a&limit=planted",
            "scope=a&limit=9223372036854775808",
            "scope=a&limit=1.5",
        ] {
            assert!(Fields::from_query(query, &KNOWN).is_err(), "{query}");
        }
    }
}
