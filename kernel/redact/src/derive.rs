//! The parts of a value that are secrets by themselves, and why.
//!
//! A program rarely prints a service account's JSON file; it prints the private key out of it. Each rule here adds parts
//! of the value that reveal it, and leaves out parts that stand in innocent text too.

use serde_json::Value;
use zeroize::Zeroizing;

use crate::policy;

/// Most parts learnt of one value.
const PARTS_MAX: usize = 512;

/// Largest value taken apart.
const SPLIT_BYTES_MAX: usize = 256 * 1024;

type Part = Zeroizing<Vec<u8>>;

/// The value's parts, without the value itself. Each is at least as long as a value that is hidden in all forms.
pub(crate) fn parts(value: &[u8]) -> Vec<Part> {
    let mut parts = Parts {
        value,
        found: Vec::new(),
    };
    if value.len() <= SPLIT_BYTES_MAX {
        // 1. The value as a program trims or unquotes it.
        let trimmed = trim(value);
        parts.add(trimmed, 6);
        let plain = unquote(trimmed);
        parts.add(plain, 6);
        // 2. The password of a URL or DSN, the values of `Password=` and the like.
        parts.credentials(plain);
        // 3. Leaves of JSON that are not public.
        if plain.first().is_some_and(|b| b"{[".contains(b))
            && let Ok(json) = serde_json::from_slice::<Value>(plain)
        {
            parts.json("", &json);
        } else {
            // 4. Lines of a multi-line value.
            parts.lines(plain);
        }
    }
    parts.found
}

struct Parts<'v> {
    value: &'v [u8],
    found: Vec<Part>,
}

impl Parts<'_> {
    fn add(&mut self, part: &[u8], least: usize) {
        if part.len() >= least.max(policy::SHORT_BYTES)
            && part != self.value
            && self.found.len() < PARTS_MAX
            && policy::tier(part) == policy::Tier::Full
            && !self.found.iter().any(|old| old.as_slice() == part)
        {
            self.found.push(Zeroizing::new(part.to_vec()));
        }
    }

    fn json(&mut self, key: &str, value: &Value) {
        match value {
            Value::String(text) if !PUBLIC_FIELDS.contains(&key.to_ascii_lowercase().as_str()) => {
                let named = is_secret_name(key);
                if !text.contains("://") && (text.len() >= 16 || named && text.len() >= 8) {
                    self.add(text.as_bytes(), 8);
                    self.add(trim(text.as_bytes()), 8);
                }
                self.lines(text.as_bytes());
                self.credentials(text.as_bytes());
            }
            Value::Array(items) => items.iter().for_each(|item| self.json(key, item)),
            Value::Object(fields) => fields.iter().for_each(|(key, value)| self.json(key, value)),
            _ => {}
        }
    }

    fn lines(&mut self, text: &[u8]) {
        if !text.contains(&b'\n') && !text.contains(&b'\r') {
            return;
        }
        for line in text.split(|b| matches!(b, b'\n' | b'\r')) {
            let line = trim(line);
            if line.starts_with(b"-----") || line.len() < 8 {
                continue;
            }
            self.credentials(line);
            // A key's name is public, its value is not.
            let assigned = line.iter().position(|b| matches!(b, b'=' | b':')).filter(|at| {
                line[..*at]
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || b"_-. \"'".contains(b))
                    && at + 1 < line.len()
            });
            match assigned {
                Some(at) if policy::is_random_looking(unquote(trim(&line[at + 1..]))) => {
                    self.add(unquote(trim(&line[at + 1..])), 8);
                    if !line[..at].contains(&b' ') && line[at] == b'=' && at > 40 {
                        self.add(line, 8);
                    }
                }
                Some(_) if policy::is_random_looking(line) && !line.contains(&b' ') && line.ends_with(b"=") => {
                    self.add(line, 8);
                }
                Some(_) => {}
                None if policy::is_random_looking(line) => self.add(line, 8),
                None => {}
            }
        }
    }

    /// Passwords inside connection strings.
    fn credentials(&mut self, text: &[u8]) {
        let Ok(text) = std::str::from_utf8(text) else { return };
        for (at, _) in text.match_indices("://") {
            let rest = &text[at + 3..];
            let end = rest
                .find(|c: char| c.is_whitespace() || "\"'<>".contains(c))
                .unwrap_or(rest.len());
            let authority_end = rest[..end].find(['/', '?', '#']).unwrap_or(end);
            // A password may itself hold `/`, `?` or `#` unescaped: the last `@` of the URL decides.
            let at_sign = rest[..authority_end].rfind('@').or_else(|| rest[..end].rfind('@'));
            if let Some(at_sign) = at_sign
                && let Some((_, password)) = rest[..at_sign].split_once(':')
            {
                self.password(password);
            }
        }
        // jdbc:oracle:thin:user/password@host
        if text.starts_with("jdbc:oracle:")
            && let Some((credentials, _)) = text.rsplit_once('@')
            && let Some((_, password)) = credentials.rsplit_once('/')
        {
            self.password(password);
        }
        for (name, value) in assignments(text) {
            if is_secret_name(name) {
                self.password(value);
            }
        }
    }

    fn password(&mut self, password: &str) {
        let least = 6;
        self.add(password.as_bytes(), least);
        let decoded = percent_decode(password.as_bytes());
        self.add(&decoded, least);
    }
}

/// `name=value` pairs separated by `;`, `&`, white space or `?`. Values may be quoted or in braces.
fn assignments(text: &str) -> Vec<(&str, &str)> {
    // libpq's form has no other separator than spaces.
    let word_end = |i: usize| {
        text[i..]
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .map(|n| i + n)
    };
    let spaced = text
        .match_indices(' ')
        .any(|(i, _)| word_end(i + 1).is_some_and(|end| text[end..].starts_with('=')));
    let mut pairs = Vec::new();
    let mut from = 0;
    while let Some(equals) = text[from..].find('=').map(|i| from + i) {
        let name_start = text[..equals]
            .rfind(|c: char| ";&?\n\r,{(".contains(c))
            .map_or(0, |i| i + 1);
        let name = text[name_start..equals].trim();
        // libpq separates by spaces; ADO.NET names hold them (`User Id`).
        let last_word = name.rsplit(char::is_whitespace).next().unwrap_or(name);
        let name = if is_secret_name(last_word) { last_word } else { name };
        let value = text[equals + 1..].trim_start_matches(' ');
        let quote = value.chars().next().filter(|c| "'\"{".contains(*c));
        let (value, used) = match quote {
            Some(quote) => {
                let close = if quote == '{' { '}' } else { quote };
                let end = value[1..].find(close).map_or(value.len(), |i| i + 1);
                (&value[1..end], end)
            }
            None => {
                let by_space = spaced && !text.contains(';');
                let end = value
                    .find(|c: char| {
                        ";&\n\r".contains(c) || by_space && c.is_whitespace() || c == ',' && text.contains(",ssl=")
                    })
                    .unwrap_or(value.len());
                (&value[..end], end)
            }
        };
        pairs.push((name, value));
        from = (equals + 1 + used.max(1)).min(text.len());
        while !text.is_char_boundary(from) {
            from += 1;
        }
    }
    pairs
}

/// Names whose values are passwords or keys.
fn is_secret_name(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    const NAMES: [&str; 16] = [
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "secret",
        "token",
        "accountkey",
        "accesskey",
        "sharedaccesskey",
        "sharedaccesssignature",
        "apikey",
        "privatekey",
        "secretkey",
        "sig",
        "credential",
        "signingkey",
    ];
    NAMES.iter().any(|n| name == *n || n.len() > 3 && name.ends_with(n))
}

/// Fields of service-account and key files that are not secret.
const PUBLIC_FIELDS: [&str; 25] = [
    "account",
    "alg",
    "auth_provider_x509_cert_url",
    "auth_uri",
    "client_email",
    "client_id",
    "client_x509_cert_url",
    "created_at",
    "crv",
    "database",
    "description",
    "email",
    "engine",
    "host",
    "kid",
    "kty",
    "name",
    "private_key_id",
    "project_id",
    "region",
    "token_uri",
    "type",
    "universe_domain",
    "url",
    "username",
];

pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii()
}

fn unquote(bytes: &[u8]) -> &[u8] {
    match bytes {
        [first @ (b'"' | b'\'' | b'`'), inner @ .., last] if first == last && !inner.is_empty() => inner,
        _ => bytes,
    }
}

fn percent_decode(bytes: &[u8]) -> Part {
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let pair = bytes.get(i + 1..i + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match pair.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if bytes[i] == b'%' => {
                out.push(byte);
                i += 3;
            }
            _ => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    Zeroizing::new(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expect: &[&str]) {
        let found: Vec<String> = parts(value.as_bytes())
            .iter()
            .map(|p| String::from_utf8(p.to_vec()).unwrap())
            .collect();
        assert_eq!(found, expect, "{value}");
    }

    #[test]
    fn parts_that_reveal_a_value() {
        check("planted-value\n", &["planted-value"]);
        check("\"planted-value\"", &["planted-value"]);
        check("postgres://app:pl4nted-pw@db.example.com:5432/app", &["pl4nted-pw"]);
        check("postgres://app:pl4nt%40ed@db/app", &["pl4nt%40ed", "pl4nt@ed"]);
        check("Server=db;User Id=app;Password=pl4nted;pw=x;", &["pl4nted"]);
        check("host=db user=app password='pl4nted pw' dbname=x", &["pl4nted pw"]);
        check("host=db user=app password=pl4nted-pw dbname=x", &["pl4nted-pw"]);
        check("jdbc:oracle:thin:app/pl4nted@db:1521/x", &["pl4nted"]);
        check(
            "jdbc:sqlserver://db:1433;user=app;password={pl4nted;pw};encrypt=true",
            &["pl4nted;pw"],
        );
        check(
            "jdbc:postgresql://db/x?user=app&password=pl4nted-pw&ssl=true",
            &["pl4nted-pw"],
        );
        check(
            "DefaultEndpointsProtocol=https;AccountName=app;AccountKey=cGxhbnRlZC1rZXk=;EndpointSuffix=core.windows.net",
            &["cGxhbnRlZC1rZXk="],
        );
        check(
            r#"{"type":"service_account","project_id":"planted-project-1","client_email":"planted@example.com",
               "private_key":"-----BEGIN PRIVATE KEY-----\nMIIEvQplanted0123\n-----END PRIVATE KEY-----\n","pin":1234}"#,
            &[
                "-----BEGIN PRIVATE KEY-----\nMIIEvQplanted0123\n-----END PRIVATE KEY-----\n",
                "-----BEGIN PRIVATE KEY-----\nMIIEvQplanted0123\n-----END PRIVATE KEY-----",
                "MIIEvQplanted0123",
            ],
        );
        check("user: app\npassword: pl4nted-pw\n# a comment line\n}", &["pl4nted-pw"]);
    }
}
