//! Which values can be hidden, and how strictly.

/// Values shorter than this are hidden as whole words only.
pub(crate) const SHORT_BYTES: usize = 6;

/// Separators may be stripped between the characters of values with at least this many characters; shorter values are
/// found when every character stands alone.
pub(crate) const STRIPPED_CHARS: usize = 12;

/// Shortest value that is recognised in another letter case or backwards.
pub(crate) const FOLDED_CHARS: usize = 8;

/// Shortest cut-off run that is hidden; it must also be three quarters of the value.
pub(crate) const TRUNCATED_BYTES: usize = 12;

/// Characters of a value's head that may stay visible where a line break cuts it off.
pub(crate) const HINT_CHARS: usize = 4;

/// How a value is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// A common word or a year: masking it would mask innocent text everywhere.
    Never,
    /// Only as a whole word, only exactly.
    Word,
    /// In all forms.
    Full,
}

pub(crate) fn tier(value: &[u8]) -> Tier {
    if value.is_empty() || is_common(value) {
        Tier::Never
    } else if value.len() < SHORT_BYTES {
        Tier::Word
    } else if value.iter().all(|b| b.is_ascii_whitespace()) || is_fill(value) {
        Tier::Never
    } else {
        Tier::Full
    }
}

/// One character repeated: a ruler or a blank, not a secret.
fn is_fill(value: &[u8]) -> bool {
    value.iter().all(|b| *b == value[0])
}

fn is_common(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    let text = text.trim();
    let word = text.to_ascii_lowercase();
    if COMMON.binary_search(&word.as_str()).is_ok() {
        return true;
    }
    word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit()) && ("1900".."2100").contains(&word.as_str())
}

/// Words that stand in every log: never masked. Sorted.
const COMMON: &[&str] = &[
    "",
    "0",
    "1",
    "admin",
    "administrator",
    "all",
    "anonymous",
    "any",
    "api",
    "auto",
    "basic",
    "bearer",
    "beta",
    "client",
    "cluster",
    "config",
    "data",
    "database",
    "debug",
    "default",
    "dev",
    "develop",
    "development",
    "disabled",
    "enabled",
    "error",
    "example",
    "false",
    "guest",
    "host",
    "http",
    "https",
    "info",
    "key",
    "live",
    "local",
    "localhost",
    "main",
    "master",
    "mysql",
    "name",
    "nil",
    "no",
    "none",
    "null",
    "off",
    "ok",
    "on",
    "oracle",
    "passwd",
    "password",
    "postgres",
    "postgresql",
    "prod",
    "production",
    "public",
    "release",
    "root",
    "secret",
    "server",
    "service",
    "shared",
    "staging",
    "stdin",
    "system",
    "test",
    "testing",
    "token",
    "trace",
    "true",
    "undefined",
    "unknown",
    "user",
    "username",
    "value",
    "warn",
    "warning",
    "yes",
];

/// Whether a value looks like a word or a name rather than like something generated: such values are not looked for
/// backwards or in other letter case.
pub(crate) fn is_wordlike(value: &[u8]) -> bool {
    if value.iter().any(|b| !(b.is_ascii_alphabetic() || b"-_ .".contains(b))) {
        return false;
    }
    let words = value.split(|b| !b.is_ascii_alphabetic()).filter(|w| !w.is_empty());
    // Several words joined are a passphrase.
    words.count() <= 1 && value.len() < 16 && has_word_rhythm(value)
}

/// Vowels and consonants alternate, and letter case changes at most at the start.
fn has_word_rhythm(value: &[u8]) -> bool {
    let vowel = |b: &u8| b"aeiouyAEIOUY".contains(b);
    let mut run = 0;
    let mut longest = 0;
    let mut previous = None;
    for byte in value {
        run = if previous == Some(vowel(byte)) { run + 1 } else { 1 };
        longest = longest.max(run);
        previous = Some(vowel(byte));
    }
    let upper = value.iter().skip(1).filter(|b| b.is_ascii_uppercase()).count();
    longest <= 4 && (upper == 0 || upper == value.len() - 1)
}

/// Whether a piece of a larger value looks like something generated: learnt by itself only then.
pub(crate) fn is_random_looking(piece: &[u8]) -> bool {
    if piece.len() < 8 || piece.contains(&b' ') && piece.len() < 24 {
        return false;
    }
    let has = |class: fn(&u8) -> bool| piece.iter().any(class);
    let digit = has(u8::is_ascii_digit);
    let lower = has(u8::is_ascii_lowercase);
    let upper = has(u8::is_ascii_uppercase);
    let other = has(|b| !b.is_ascii_alphanumeric());
    let classes = usize::from(digit) + usize::from(lower) + usize::from(upper) + usize::from(other);
    let distinct = {
        let mut seen = [false; 256];
        piece.iter().for_each(|b| seen[*b as usize] = true);
        seen.iter().filter(|s| **s).count()
    };
    // `hunter22`, `s3cretpw`: two classes with a digit; long single-class runs only when letters do not alternate.
    let mixed = classes >= 2 && (digit || upper && lower && !has_word_rhythm(piece));
    let spaces = piece.iter().filter(|b| **b == b' ').count();
    (mixed || piece.len() >= 20 && !has_word_rhythm(piece)) && distinct >= 5 && spaces * 6 <= piece.len()
}

/// The line told to a user whose value cannot be hidden everywhere.
pub(crate) fn notice(tier: Tier, scope: &str, key: &str) -> Option<String> {
    match tier {
        Tier::Full => None,
        Tier::Word => Some(format!(
            "sealbook: the value of {scope}/{key} is shorter than {SHORT_BYTES} bytes: it is masked only where it stands as a \
             whole word. Use a longer value if you can."
        )),
        Tier::Never => Some(format!(
            "sealbook: the value of {scope}/{key} is empty, a common word, a year or one repeated character: it is not masked, \
             because that would mask innocent text everywhere."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers() {
        assert!(COMMON.is_sorted());
        for (value, expect) in [
            ("true", Tier::Never),
            ("Production", Tier::Never),
            ("1984", Tier::Never),
            ("2100", Tier::Word),
            ("4821", Tier::Word),
            ("s3cr", Tier::Word),
            ("hunter2", Tier::Full),
            ("********", Tier::Never),
            ("", Tier::Never),
        ] {
            assert_eq!(tier(value.as_bytes()), expect, "{value}");
        }
    }

    #[test]
    fn words_are_told_from_keys() {
        for word in ["welcome", "Welcome", "correct", "SYSTEMS", "password"] {
            assert!(is_wordlike(word.as_bytes()), "{word}");
        }
        for key in ["hunter22", "xKqTzPwLmN", "p@ssword", "correct-horse-battery"] {
            assert!(!is_wordlike(key.as_bytes()), "{key}");
        }
        for key in [
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
            "hunter22",
            "s3cr3t-pw",
            "wJalrXUtnFEMI/K7MDENG",
        ] {
            assert!(is_random_looking(key.as_bytes()), "{key}");
        }
        for text in ["BEGINNING", "this is a comment", "type", "abc", "service_account"] {
            assert!(!is_random_looking(text.as_bytes()), "{text}");
        }
    }
}
