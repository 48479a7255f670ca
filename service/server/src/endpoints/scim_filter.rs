//! SCIM's filters (RFC 7644, section 3.4.2.2) on attributes by path.
//!
//! ```text
//! filter := and {"or" and}        and := factor {"and" factor}      factor := ["not"] "(" filter ")" | test
//! test   := path "pr" | path ("eq"|"ne"|"co"|"sw"|"ew"|"gt"|"ge"|"lt"|"le") value      value := "text" | true | false | number
//! ```
//!
//! Texts compare without regard to case. An attribute with several values passes when one of them does.

use sealbook_api::ErrorCode;
use sealbook_core::Error;
use serde_json::Value;

/// Parentheses in each other.
const DEPTH_MAX: usize = 16;

/// A filter that has been parsed.
#[derive(Debug, PartialEq)]
pub(super) enum Filter {
    Present(Path),
    Test(Path, Operator, Value),
    Not(Box<Filter>),
    All(Vec<Filter>),
    Any(Vec<Filter>),
}

/// How an attribute is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// An attribute, and perhaps one inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    /// The values at this path, of whatever kind.
    fn values<'v>(&self, resource: &'v Value) -> Vec<&'v Value> {
        let mut values = vec![resource];
        for name in &self.0 {
            values = values
                .into_iter()
                .flat_map(|value| match value {
                    Value::Array(items) => items.iter().collect(),
                    other => vec![other],
                })
                .filter_map(|value| {
                    let mut fields = value.as_object()?.iter();
                    fields
                        .find(|(field, _)| field.eq_ignore_ascii_case(name))
                        .map(|(_, value)| value)
                })
                .collect();
        }
        values
            .into_iter()
            .flat_map(|value| match value {
                Value::Array(items) => items.iter().collect(),
                other => vec![other],
            })
            // A complex attribute without a sub-attribute means its value.
            .map(|value| value.get("value").unwrap_or(value))
            .filter(|value| !value.is_null())
            .collect()
    }

    /// The values at this path as texts.
    pub(super) fn texts(&self, resource: &Value) -> Vec<String> {
        let values = self.values(resource).into_iter();
        values
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect()
    }
}

/// A path that begins with a known attribute.
pub(super) fn known_path(text: &str, known: &[&str]) -> Result<Path, Error> {
    let path: Vec<String> = text.split('.').map(str::to_owned).collect();
    let first = path.first().map_or("", String::as_str);
    if path.len() > 2 || !known.iter().any(|name| name.eq_ignore_ascii_case(first)) {
        return Err(invalid(format!(
            "there is no such attribute; there are {}",
            known.join(", ")
        )));
    }
    Ok(Path(path))
}

impl Filter {
    /// Parses a filter on the known attributes.
    pub(super) fn parse(text: &str, known: &[&str]) -> Result<Self, Error> {
        let mut parser = Parser {
            tokens: tokens(text)?,
            at: 0,
            known,
        };
        let filter = parser.any(0)?;
        if parser.peek().is_some() {
            return Err(invalid("something follows its end"));
        }
        Ok(filter)
    }

    /// Whether a resource passes.
    pub(super) fn holds(&self, resource: &Value) -> bool {
        match self {
            Filter::Present(path) => path
                .values(resource)
                .into_iter()
                .any(|value| value.as_str() != Some("")),
            Filter::Test(path, Operator::NotEqual, wanted) => !path
                .values(resource)
                .into_iter()
                .any(|value| passes(value, Operator::Equal, wanted)),
            Filter::Test(path, operator, wanted) => path
                .values(resource)
                .into_iter()
                .any(|value| passes(value, *operator, wanted)),
            Filter::Not(filter) => !filter.holds(resource),
            Filter::All(filters) => filters.iter().all(|filter| filter.holds(resource)),
            Filter::Any(filters) => filters.iter().any(|filter| filter.holds(resource)),
        }
    }
}

fn passes(value: &Value, operator: Operator, wanted: &Value) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
            .to_lowercase()
    };
    let (value, wanted) = (text(value), text(wanted));
    match operator {
        Operator::Equal => value == wanted,
        Operator::NotEqual => value != wanted,
        Operator::Contains => value.contains(&wanted),
        Operator::StartsWith => value.starts_with(&wanted),
        Operator::EndsWith => value.ends_with(&wanted),
        Operator::Greater => value.cmp(&wanted) == Greater,
        Operator::GreaterOrEqual => matches!(value.cmp(&wanted), Greater | Equal),
        Operator::Less => value.cmp(&wanted) == Less,
        Operator::LessOrEqual => matches!(value.cmp(&wanted), Less | Equal),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Word(String),
    Text(String),
}

fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let used = match first {
            '(' | ')' => {
                tokens.push(if first == '(' { Token::Open } else { Token::Close });
                1
            }
            '"' => {
                // A JSON string; it ends at the first quote that no backslash stands before.
                let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                let Some(Ok(text)) = stream.next() else {
                    return Err(invalid("a text in it is not a JSON string"));
                };
                tokens.push(Token::Text(text));
                stream.byte_offset()
            }
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || "()\"".contains(c))
                    .unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                end
            }
        };
        rest = rest[used..].trim_start();
    }
    Ok(tokens)
}

struct Parser<'k> {
    tokens: Vec<Token>,
    at: usize,
    known: &'k [&'k str],
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, Error> {
        let token = self.peek().cloned().ok_or_else(|| invalid("it ends too early"))?;
        self.at += 1;
        Ok(token)
    }

    fn word(&mut self, word: &str) -> bool {
        let here = matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(here);
        here
    }

    fn any(&mut self, depth: usize) -> Result<Filter, Error> {
        let mut filters = vec![self.all(depth)?];
        while self.word("or") {
            filters.push(self.all(depth)?);
        }
        Ok(one_or(filters, Filter::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Filter, Error> {
        let mut filters = vec![self.factor(depth)?];
        while self.word("and") {
            filters.push(self.factor(depth)?);
        }
        Ok(one_or(filters, Filter::All))
    }

    fn factor(&mut self, depth: usize) -> Result<Filter, Error> {
        if depth > DEPTH_MAX {
            return Err(invalid(format!("more than {DEPTH_MAX} parentheses lie in each other")));
        }
        let negated = self.word("not");
        if self.peek() == Some(&Token::Open) {
            self.at += 1;
            let filter = self.any(depth + 1)?;
            if self.next()? != Token::Close {
                return Err(invalid("a closing parenthesis is missing"));
            }
            return Ok(if negated { Filter::Not(Box::new(filter)) } else { filter });
        }
        if negated {
            return Err(invalid("not must stand before a parenthesis"));
        }
        self.test()
    }

    fn test(&mut self) -> Result<Filter, Error> {
        let Token::Word(path) = self.next()? else {
            return Err(invalid("an attribute is missing"));
        };
        let path = known_path(&path, self.known)?;
        let Token::Word(operator) = self.next()? else {
            return Err(invalid("an operator is missing"));
        };
        let operator = match operator.to_ascii_lowercase().as_str() {
            "pr" => return Ok(Filter::Present(path)),
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "co" => Operator::Contains,
            "sw" => Operator::StartsWith,
            "ew" => Operator::EndsWith,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            _ => return Err(invalid("the operators are eq, ne, co, sw, ew, gt, ge, lt, le and pr")),
        };
        let value = match self.next()? {
            Token::Text(text) => Value::String(text),
            // Clients send numbers and names without quotes too.
            Token::Word(word) => serde_json::from_str(&word).unwrap_or(Value::String(word)),
            Token::Open | Token::Close => return Err(invalid("a value is missing")),
        };
        Ok(Filter::Test(path, operator, value))
    }
}

fn one_or(mut filters: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    if filters.len() > 1 {
        return many(filters);
    }
    filters.pop().unwrap_or(Filter::All(Vec::new()))
}

fn invalid(what: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorCode::InvalidParameterValue,
        format!("The filter, path or order is not valid: {what}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KNOWN: [&str; 4] = ["userName", "active", "emails", "name"];

    #[test]
    fn filters_that_pass_and_that_do_not() {
        let bob = json!({
            "userName": "Bob@Example.com", "active": true, "name": { "familyName": "B\"B" },
            "emails": [{ "value": "bob@work" }, { "value": "b@home", "type": "home" }],
        });
        let table = [
            ("userName eq \"bob@example.COM\"", true),
            ("USERNAME EQ bob@example.com", true),
            ("userName ne \"bob@example.com\"", false),
            ("userName sw \"bob\" and userName ew \".com\"", true),
            ("userName co \"alice\" or active eq true", true),
            (
                "userName co \"alice\" or userName co \"bob\" and active eq false",
                false,
            ),
            (
                "(userName co \"alice\" or userName co \"bob\") and active eq true",
                true,
            ),
            ("not (active eq true)", false),
            ("emails eq \"b@home\"", true),
            ("emails.value co \"work\"", true),
            ("emails.type eq \"home\"", true),
            ("emails ne \"b@home\"", false),
            ("name.familyName eq \"b\\\"b\"", true),
            ("name.givenName pr", false),
            ("emails pr", true),
            ("userName gt \"alice\" and userName le \"bob@example.com\"", true),
            ("userName lt \"b\" or userName ge \"c\"", false),
        ];
        for (text, expected) in table {
            assert_eq!(Filter::parse(text, &KNOWN).unwrap().holds(&bob), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let deep = format!("{}userName pr{}", "(".repeat(1_000), ")".repeat(1_000));
        for text in [
            "",
            "userName",
            "userName eq",
            "userName is \"a\"",
            "password eq \"a\"",
            "userName eq \"a",
            "(userName pr",
            "userName pr)",
            "userName pr userName pr",
            "not userName pr",
            "and",
            "\"a\" eq userName",
            "userName eq (",
            "userName.a.b pr",
            "userName pr and",
            &deep,
        ] {
            assert!(Filter::parse(text, &KNOWN).is_err(), "{text}");
        }
    }
}
