//! What was hidden, by name: never a value.

use std::ops::Range;

/// The family of forms in which a secret was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Form {
    /// Byte for byte.
    Raw,
    /// Backslash escapes: Debug, JSON, C, shell.
    Escaped,
    /// SQL, CSV, shell and other quoting that doubles or prefixes characters.
    Quoted,
    /// Percent-encoding, `+` for space, quoted-printable.
    Percent,
    /// HTML or XML entities, or tags between characters.
    Markup,
    /// Hexadecimal digits, dumps included.
    Hex,
    /// Lists of integers.
    Numbers,
    /// Base64, standard or url-safe.
    Base64,
    /// Base32.
    Base32,
    /// Inside gzip, zlib or deflate data.
    Compressed,
    /// Interleaved with terminal codes, invisible or overwritten characters.
    Terminal,
    /// Characters or groups separated by something else.
    Spaced,
    /// Broken over several lines or table cells.
    Wrapped,
    /// Other letter case.
    Case,
    /// Backwards.
    Reversed,
    /// At least three quarters of it, up to an ellipsis or another clear end.
    Truncated,
    /// In other positions of the same message.
    Scattered,
}

impl Form {
    /// The name in message metadata.
    pub fn name(self) -> &'static str {
        match self {
            Form::Raw => "raw",
            Form::Escaped => "escaped",
            Form::Quoted => "quoted",
            Form::Percent => "percent",
            Form::Markup => "markup",
            Form::Hex => "hex",
            Form::Numbers => "numbers",
            Form::Base64 => "base64",
            Form::Base32 => "base32",
            Form::Compressed => "compressed",
            Form::Terminal => "terminal",
            Form::Spaced => "spaced",
            Form::Wrapped => "wrapped",
            Form::Case => "case",
            Form::Reversed => "reversed",
            Form::Truncated => "truncated",
            Form::Scattered => "scattered",
        }
    }
}

/// How often one secret was hidden in one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// The scope's name.
    pub scope: String,
    /// The key's name.
    pub key: String,
    /// The form.
    pub form: Form,
    /// Number of tokens written for it.
    pub count: u64,
}

/// Where a known secret stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The scope's name.
    pub scope: String,
    /// The key's name.
    pub key: String,
    /// The form.
    pub form: Form,
    /// Byte offsets in the text.
    pub range: Range<usize>,
}

/// Adds `more` to `all`, joining equal (scope, key, form).
pub(crate) fn add(all: &mut Vec<Redaction>, more: &[Redaction]) {
    for new in more {
        match all
            .iter_mut()
            .find(|old| old.scope == new.scope && old.key == new.key && old.form == new.form)
        {
            Some(old) => old.count += new.count,
            None => all.push(new.clone()),
        }
    }
}
