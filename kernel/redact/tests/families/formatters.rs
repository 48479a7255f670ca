//! What programs make of a value. Nothing here shares code with the redactor: Rust's own formatting, serde_json,
//! base64, hex, percent-encoding and flate2, and the machine's `xxd`, `hexdump`, `od` and `bash`.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};

use crate::tool;

/// A form of a value.
pub(crate) struct Formatted {
    pub bytes: Vec<u8>,
    /// The part of it that is not the value and stays.
    pub around: f64,
}

pub(crate) struct Formatter {
    pub family: &'static str,
    pub name: &'static str,
    pub make: fn(&[u8]) -> Option<Formatted>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "its Debug output is what counts")]
struct Config<'a> {
    host: &'a str,
    password: &'a str,
    port: u16,
}

fn form(bytes: impl Into<Vec<u8>>) -> Option<Formatted> {
    mixed(bytes, 0.2)
}

fn mixed(bytes: impl Into<Vec<u8>>, around: f64) -> Option<Formatted> {
    Some(Formatted {
        bytes: bytes.into(),
        around,
    })
}

/// UTF-16, the low byte first.
fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

/// One line, long enough that separators are ignored.
fn line(value: &[u8]) -> Option<&str> {
    text(value).filter(|text| !text.contains('\n') && text.chars().count() >= 12)
}

/// Long enough to be recognised in other letter case and backwards.
fn folded(value: &[u8]) -> Option<&str> {
    text(value).filter(|text| text.len() >= 8)
}

/// One line of any length.
fn short(value: &[u8]) -> Option<&str> {
    text(value).filter(|text| !text.contains('\n'))
}

/// One line without quotes and backslashes.
fn literal(value: &[u8]) -> Option<&str> {
    text(value).filter(|text| text.is_ascii() && !text.contains(['\n', '"', '\'', '\\']))
}

/// ASCII without anything that markup escapes.
fn plain(value: &[u8]) -> Option<&str> {
    literal(value).filter(|text| !text.contains(['<', '>', '&']))
}

/// One word.
fn word(value: &[u8]) -> Option<&str> {
    line(value).filter(|text| !text.contains(' '))
}

/// The bytes in words, without what is left at the end.
fn whole_words<const N: usize>(value: &[u8]) -> impl Iterator<Item = [u8; N]> {
    value.as_chunks::<N>().0.iter().copied()
}

/// The bytes in words, of which the last one is filled up with zeros.
fn words<const N: usize>(value: &[u8]) -> impl Iterator<Item = [u8; N]> {
    value.chunks(N).map(|part| {
        let mut word = [0; N];
        word[..part.len()].copy_from_slice(part);
        word
    })
}

fn each_byte(value: &[u8], make: impl Fn(usize, u8) -> String) -> String {
    value.iter().enumerate().map(|(i, b)| make(i, *b)).collect()
}

fn join(parts: impl IntoIterator<Item = String>, separator: &str) -> String {
    parts.into_iter().collect::<Vec<_>>().join(separator)
}

fn each(text: &str, make: impl Fn(char) -> String) -> String {
    text.chars().map(make).collect()
}

fn wrapped(text: &[u8], width: usize) -> Vec<u8> {
    text.chunks(width).collect::<Vec<_>>().join(&b'\n')
}

fn grouped(text: &str, size: usize, separator: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    join(chars.chunks(size).map(|group| group.iter().collect()), separator)
}

fn gzip(data: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).ok()?;
    encoder.finish().ok()
}

fn zlib(data: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).ok()?;
    encoder.finish().ok()
}

fn deflate(data: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).ok()?;
    encoder.finish().ok()
}

/// RFC 4648 by its table, bit by bit.
fn base32(value: &[u8]) -> String {
    let bits: Vec<u8> = value
        .iter()
        .flat_map(|b| (0..8).rev().map(move |i| b >> i & 1))
        .collect();
    let digit = |bits: &[u8]| (0..5).fold(0, |n, i| n * 2 + usize::from(*bits.get(i).unwrap_or(&0)));
    let mut digits: String = bits
        .chunks(5)
        .filter_map(|five| "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".chars().nth(digit(five)))
        .collect();
    while !digits.len().is_multiple_of(8) {
        digits.push('=');
    }
    digits
}

fn configuration(value: &[u8]) -> Vec<u8> {
    [
        b"user = app\npassword = ".as_slice(),
        value,
        b"\nhost = db.example.com, port = 5432\n",
    ]
    .concat()
}

fn dump(program: &str, arguments: &[&str], value: &[u8]) -> Option<Formatted> {
    let whole = [b"user=app;".as_slice(), value, b";x=1"].concat();
    let out = tool(program, arguments, &whole)?;
    mixed([b"\n".as_slice(), &out].concat(), 0.88)
}

macro_rules! formatters {
    ($($family:literal { $($name:literal => $make:expr),* $(,)? })*) => {
        pub(crate) fn all() -> Vec<Formatter> {
            vec![$($(Formatter { family: $family, name: $name, make: $make }),*),*]
        }
    };
}

formatters! {
    "raw" {
        "display" => |v| form(v),
    }
    "Debug of text" {
        "str" => |v| form(format!("{:?}", text(v)?)),
        "twice" => |v| form(format!("{:?}", format!("{:?}", text(v)?))),
        "three times" => |v| form(format!("{:?}", format!("{:?}", format!("{:?}", text(v)?)))),
        "struct" => |v| mixed(format!("{:?}", Config { host: "h", password: text(v)?, port: 5432 }), 0.85),
        "pretty struct" => |v| mixed(format!("{:#?}", Config { host: "h", password: text(v)?, port: 5432 }), 0.85),
        "Err(Some)" => |v| mixed(format!("{:?}", Err::<(), _>(Some(text(v)?))), 0.5),
        "chars" => |v| form(format!("{:?}", text(v)?.chars().collect::<Vec<_>>())),
        "pretty chars" => |v| form(format!("{:#?}", text(v)?.chars().collect::<Vec<_>>())),
        "numbered chars" => |v| form(format!("{:?}", text(v)?.char_indices().collect::<Vec<_>>())),
        "zipped halves" => |v| {
            let text = line(v)?;
            form(format!("{:?}", text.chars().step_by(2).zip(text.chars().skip(1).step_by(2)).collect::<Vec<_>>()))
        },
        "escape_default" => |v| form(text(v)?.escape_default().to_string()),
        "escape_unicode" => |v| form(text(v)?.escape_unicode().to_string()),
        "pieces" => |v| form(format!("{:?}", line(v)?.chars().collect::<Vec<_>>().chunks(7).map(|c| c.iter().collect::<String>()).collect::<Vec<_>>())),
    }
    "Debug of bytes" {
        "decimal" => |v| form(format!("{v:?}")),
        "pretty" => |v| form(format!("{v:#?}")),
        "hexadecimal" => |v| form(format!("{v:x?}")),
        "capital" => |v| form(format!("{v:X?}")),
        "prefixed" => |v| form(format!("{v:#04x?}")),
        "pretty prefixed" => |v| form(format!("{v:#x?}")),
        "padded" => |v| form(format!("{v:02x?}")),
        "bytes of UTF-16" => |v| form(format!("{:?}", utf16(text(v)?))),
        "bytes of UTF-16, prefixed" => |v| form(format!("{:#04x?}", utf16(text(v)?)).replace('\n', " ")),
        "bytes of UTF-16, three digits" => |v| form(join(utf16(text(v)?).iter().map(|b| format!("{b:03}")), " ")),
        "bytes of UTF-16, one a line" => |v| form(format!("{:#04x?}", utf16(text(v)?))),
        "bytes with joiners" => |v| form(format!("{:#04x?}", join(text(v)?.chars().map(String::from), "\u{200b}").into_bytes())),
        "signed" => |v| form(format!("{:?}", v.iter().map(|b| *b as i8).collect::<Vec<_>>())),
        "code points" => |v| form(format!("{:?}", text(v)?.chars().map(u32::from).collect::<Vec<_>>())),
        "words of four bytes, low one first" => |v| form(join(whole_words::<4>(v.get(..v.len().max(24))?).map(|w| u32::from_le_bytes(w).to_string()), ", ")),
        "words of eight bytes" => |v| form(join(whole_words::<8>(v.get(..v.len().max(48))?).map(|w| format!("{:#018x}", u64::from_be_bytes(w))), ", ")),
        "after other numbers" => |v| mixed(format!("1234567890123, 99999999, {}", join(v.iter().map(u8::to_string), ", ")), 0.6),
        "one string of bits" => |v| form(join(v.iter().map(|b| format!("{b:08b}")), "")),
        "UTF-16" => |v| form(format!("{:?}", text(v)?.encode_utf16().collect::<Vec<_>>())),
        "numbered" => |v| form(format!("{:?}", v.iter().enumerate().collect::<Vec<_>>())),
        "chunks" => |v| form(format!("{:?}", v.chunks(4).collect::<Vec<_>>())),
        "pretty chunks" => |v| form(format!("{:#?}", v.chunks(3).collect::<Vec<_>>())),
        "hexadecimal chunks" => |v| form(format!("{:02x?}", v.chunks(5).collect::<Vec<_>>())),
        "one by one" => |v| form(format!("{:?}", v.chunks(1).collect::<Vec<_>>())),
        "chunks of chunks" => |v| form(format!("{:?}", v.chunks(2).collect::<Vec<_>>().chunks(2).collect::<Vec<_>>())),
        "rows" => |v| form(join(v.chunks(3).map(|row| join(row.iter().map(u8::to_string), ",")), "\n")),
        "floats" => |v| form(format!("{:?}", v.iter().map(|b| f64::from(*b)).collect::<Vec<_>>())),
        "backwards" => |v| form(format!("{:?}", v.get(..v.len().max(8))?.iter().rev().collect::<Vec<_>>())),
        "hexadecimal words, low byte first" => |v| form(join(v.chunks(8).map(|w| hex::encode(w.iter().rev().copied().collect::<Vec<_>>())), " ")),
        "options" => |v| form(format!("{:?}", v.iter().map(Some).collect::<Vec<_>>())),
        "spaces" => |v| form(join(v.iter().map(u8::to_string), " ")),
        "commas" => |v| form(join(v.iter().map(u8::to_string), ",")),
        "lines" => |v| form(join(v.iter().map(u8::to_string), "\n")),
        "octal" => |v| form(join(v.iter().map(|b| format!("{b:#o}")), ", ")),
        "binary" => |v| form(join(v.iter().map(|b| format!("{b:08b}")), " ")),
        "suffixed" => |v| form(format!("vec![{}]", join(v.iter().map(|b| format!("{b}u8")), ", "))),
        "byte strings" => |v| form(format!("[{}]", join(v.chunks(4).map(|part| format!("b\"{}\"", part.escape_ascii())), ", "))),
        "byte string" => |v| form(format!("b\"{}\"", v.escape_ascii())),
        "all escaped" => |v| form(join(v.iter().map(|b| format!("\\x{b:02x}")), "")),
    }
    "JSON" {
        "string" => |v| form(serde_json::to_string(text(v)?).ok()?),
        "twice" => |v| form(serde_json::to_string(&serde_json::to_string(text(v)?).ok()?).ok()?),
        "in an object three times" => |v| {
            let once = serde_json::json!({"p": text(v)?}).to_string();
            mixed(serde_json::json!({"b": serde_json::json!({"a": once}).to_string()}).to_string(), 0.5)
        },
        "key" => |v| mixed(serde_json::to_string_pretty(&serde_json::json!({text(v)?: 1})).ok()?, 0.3),
        "bytes" => |v| form(serde_json::to_string(v).ok()?),
        "pretty bytes" => |v| form(serde_json::to_string_pretty(v).ok()?),
        "chars" => |v| form(serde_json::to_string(&text(v)?.chars().collect::<Vec<_>>()).ok()?),
        "object of bytes" => |v| {
            form(format!("{{{}}}", join(v.iter().enumerate().map(|(i, b)| format!("\"{i}\": {b}")), ", ")))
        },
        "chunks" => |v| form(serde_json::to_string(&v.chunks(4).collect::<Vec<_>>()).ok()?),
        "pretty chunks" => |v| form(serde_json::to_string_pretty(&v.chunks(4).collect::<Vec<_>>()).ok()?),
        "named chunks" => |v| mixed(serde_json::to_string(&v.chunks(3).map(|c| serde_json::json!({"d": c})).collect::<Vec<_>>()).ok()?, 0.5),
        "chunks of chars" => |v| form(serde_json::to_string(&text(v)?.chars().collect::<Vec<_>>().chunks(2).collect::<Vec<_>>()).ok()?),
        "escaped slashes" => |v| form(serde_json::to_string(text(v)?).ok()?.replace('/', "\\/")),
        "Debug of JSON" => |v| form(format!("{:?}", serde_json::to_string(text(v)?).ok()?)),
    }
    "hexadecimal" {
        "lower" => |v| form(hex::encode(v)),
        "upper" => |v| form(hex::encode_upper(v)),
        "spaces" => |v| form(join(v.iter().map(|b| format!("{b:02x}")), " ")),
        "colons" => |v| form(join(v.iter().map(|b| format!("{b:02X}")), ":")),
        "dashes" => |v| form(join(v.iter().map(|b| format!("{b:02x}")), "-")),
        "twice" => |v| form(hex::encode(hex::encode(v))),
        "between other bytes" => |v| mixed(hex::encode([b"user:".as_slice(), v, b"@host"].concat()), 0.6),
        "of base64" => |v| form(hex::encode(STANDARD.encode(v))),
    }
    "dumps" {
        "xxd" => |v| dump("xxd", &[], v),
        "xxd -g1" => |v| dump("xxd", &["-g1"], v),
        "xxd -i" => |v| dump("xxd", &["-i"], v),
        "xxd -b" => |v| dump("xxd", &["-b"], v),
        "hexdump -C" => |v| dump("hexdump", &["-C"], v),
        "hexdump" => |v| dump("hexdump", &[], v),
        "od -c" => |v| dump("od", &["-c"], v),
        "od -tx1z" => |v| dump("od", &["-A", "x", "-t", "x1z"], v),
        "od -b" => |v| dump("od", &["-b"], v),
        "hexdump -x" => |v| dump("hexdump", &["-x"], v),
        "hexdump -d" => |v| dump("hexdump", &["-d"], v),
        "hexdump -o" => |v| dump("hexdump", &["-o"], v),
        "od -tu1" => |v| dump("od", &["-t", "u1"], v),
    }
    "base64" {
        "standard" => |v| form(STANDARD.encode(v)),
        "not padded" => |v| form(STANDARD_NO_PAD.encode(v)),
        "URL-safe" => |v| form(URL_SAFE.encode(v)),
        "after one byte" => |v| mixed(STANDARD.encode([b"x".as_slice(), v, b"; more"].concat()), 0.6),
        "after two bytes" => |v| mixed(URL_SAFE_NO_PAD.encode([b"u:".as_slice(), v, b"; more"].concat()), 0.6),
        "basic auth" => |v| mixed(format!("Authorization: Basic {}", STANDARD.encode([b"app:".as_slice(), v].concat())), 0.75),
        "wrapped at 64" => |v| mixed(wrapped(STANDARD.encode(configuration(v)).as_bytes(), 64), 0.9),
        "wrapped at 20" => |v| form(wrapped(STANDARD.encode(v).as_bytes(), 20)),
        "twice" => |v| form(STANDARD.encode(STANDARD.encode(v))),
        "three times" => |v| form(STANDARD.encode(STANDARD.encode(STANDARD.encode(v)))),
        "of UTF-16" => |v| form(STANDARD.encode(text(v)?.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>())),
        "of UTF-16, big end first" => |v| form(STANDARD.encode(text(v)?.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>())),
        "of hexadecimal" => |v| form(STANDARD.encode(hex::encode(v))),
        "JWT" => |v| {
            let claims = serde_json::json!({"sub": "1", "secret": text(v)?}).to_string();
            mixed(format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)), 0.85)
        },
    }
    "base32" {
        "standard" => |v| form(base32(v)),
        "small letters" => |v| form(base32(v).to_lowercase()),
        "not padded" => |v| form(base32(v).trim_end_matches('=')),
        "after one byte" => |v| mixed(base32(&[b"x".as_slice(), v, b"; more"].concat()), 0.7),
        "after three bytes" => |v| mixed(base32(&[b"\xFFu:".as_slice(), v, b"; more"].concat()), 0.7),
    }
    "URL" {
        "percent" => |v| form(percent_encode(v, NON_ALPHANUMERIC).to_string()),
        "small letters" => |v| form(percent_encode(v, NON_ALPHANUMERIC).to_string().replace("%2F", "%2f").replace("%C3", "%c3")),
        "twice" => |v| form(utf8_percent_encode(&percent_encode(v, NON_ALPHANUMERIC).to_string(), NON_ALPHANUMERIC).to_string()),
        "every byte" => |v| form(join(v.iter().map(|b| format!("%{b:02X}")), "")),
        "form" => |v| form(percent_encode(v, NON_ALPHANUMERIC).to_string().replace("%20", "+")),
        "base64 in a query" => |v| form(percent_encode(STANDARD.encode(v).as_bytes(), NON_ALPHANUMERIC).to_string()),
    }
    "HTML and XML" {
        "decimal" => |v| form(each(text(v)?, |c| format!("&#{};", u32::from(c)))),
        "hexadecimal" => |v| form(each(text(v)?, |c| format!("&#x{:X};", u32::from(c)))),
        "twice" => |v| form(each(text(v)?, |c| format!("&amp;#{};", u32::from(c)))),
        "tag per character" => |v| form(each(line(v)?, |c| format!("<span class=\"c\">&#{};</span>", u32::from(c)))).map(|f| Formatted { around: 0.6, ..f }),
        "CDATA in two" => |v| mixed(format!("<![CDATA[{}]]><![CDATA[{}]]>", plain(v)?.get(..5)?, plain(v)?.get(5..)?), 0.9),
        "CDATA" => |v| mixed(format!("<p><![CDATA[{}]]></p>", text(v)?), 0.9),
        "named" => |v| form(text(v)?.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")),
    }
    "quoting" {
        "SQL" => |v| form(format!("'{}'", text(v)?.replace('\'', "''"))),
        "CSV" => |v| form(format!("\"{}\"", text(v)?.replace('"', "\"\""))),
        "shell" => |v| form(format!("'{}'", text(v)?.replace('\'', "'\\''"))),
        "printf %q" => |v| form(tool("bash", &["-c", "printf %q \"$(cat)\""], text(v).filter(|t| t.is_ascii())?.as_bytes())?),
        "libpq" => |v| form(format!("'{}'", text(v)?.replace('\\', "\\\\").replace('\'', "\\'"))),
        "short and joined" => |v| form(format!("\"{}\" \"{}\"", literal(v)?.get(..5)?, literal(v)?.get(5..)?)),
        "joined by a sign" => |v| form(format!("'{}' + '{}'", literal(v)?.get(..5)?, literal(v)?.get(5..)?)),
        "joined" => |v| form(format!("\"{}\" + \"{}\"", line(v).filter(|t| t.is_ascii() && !t.contains(['"', '\\']))?.get(..6)?, line(v)?.get(6..)?)),
    }
    "terminal" {
        "colour per character" => |v| form(each(line(v)?, |c| format!("\x1b[31m{c}\x1b[0m"))).map(|f| Formatted { around: 0.35, ..f }),
        "256 colours" => |v| form(each(line(v)?, |c| format!("\x1b[38;5;42m{c}"))).map(|f| Formatted { around: 0.35, ..f }),
        "links" => |v| form(each(line(v)?, |c| format!("\x1b]8;;http://x/\x07{c}\x1b]8;;\x07"))).map(|f| Formatted { around: 0.6, ..f }),
        "zero width" => |v| form(grouped(line(v)?, 1, "\u{200b}")),
        "zero bytes" => |v| form(grouped(line(v)?, 1, "\0")),
        "erased" => |v| form(each(text(v)?, |c| format!("x\u{8}{c}"))).map(|f| Formatted { around: 0.55, ..f }),
        "overwritten" => |v| mixed(format!("\n{}\r{}\n", "x".repeat(20), text(v)?), 0.75),
        "cursor" => |v| mixed(format!("\n{}zz\u{1b}[2D{}\n", line(v)?.get(..4)?, line(v)?.get(4..)?), 0.3),
        "overstruck" => |v| form(each(line(v)?, |c| format!("{c}\u{8}{c}"))),
        "progress" => |v| mixed(format!("\rloading 10%\rloading 90%\r{}", text(v).filter(|t| !t.contains('\n'))?), 0.8),
    }
    "records" {
        "hexadecimal" => |v| mixed(format!("\n{}", each_byte(v, |i, b| format!("byte[{i}] = {b:#04x} ({})\n", char::from(b).escape_default()))), 0.9),
        "decimal and character" => |v| mixed(format!("\n{}", each_byte(v, |i, b| format!("[{i}]: {b} {:?}\n", char::from(b)))), 0.9),
        "number and hexadecimal" => |v| mixed(format!("\n{}", each_byte(v, |i, b| format!("{i}: {b:#x}\n"))), 0.9),
        "in a log" => |v| mixed(format!("\n{}", each_byte(v, |i, b| format!("2026-11-29T10:00:{i:02} DEBUG byte {i} is {b}\n"))), 0.9),
        "character and code" => |v| mixed(format!("\n{}", each_byte(v, |_, b| format!("{} = {b}\n", char::from(b).escape_default()))), 0.9),
        "columns" => |v| mixed(format!("\n{}", each_byte(v, |i, b| format!("{i:>4}  {b:>3}  {b:#04x}  {b:08b}\n"))), 0.9),
        "characters" => |v| mixed(format!("\n{}\n", join(short(v)?.chars().map(|c| format!("char: {c}")), "\n")), 0.9),
        "JSON lines" => |v| mixed(format!("\n{}\n", join(short(v)?.chars().enumerate().map(|(i, c)| serde_json::json!({"i": i, "ch": c}).to_string()), "\n")), 0.9),
    }
    "words" {
        "two bytes" => |v| form(format!("{:?}", words::<2>(v).map(u16::from_le_bytes).collect::<Vec<_>>())),
        "four bytes" => |v| form(format!("{:?}", words::<4>(v).map(u32::from_le_bytes).collect::<Vec<_>>())),
        "four bytes, high one first" => |v| form(format!("{:#x?}", words::<4>(v).map(u32::from_be_bytes).collect::<Vec<_>>())),
        "eight bytes" => |v| form(format!("{:?}", words::<8>(v).map(u64::from_le_bytes).collect::<Vec<_>>())),
        "eight bytes, high one first" => |v| form(join(words::<8>(v).map(|w| u64::from_be_bytes(w).to_string()), "\n")),
        "eight bytes, hexadecimal" => |v| form(join(words::<8>(v).map(|w| format!("{:#018x}", u64::from_le_bytes(w))), ", ")),
        "eight bytes, in C" => |v| form(format!("{{{}}}", join(words::<8>(v).map(|w| format!("0x{:016X}ULL", u64::from_le_bytes(w))), ","))),
        "four bytes, without a prefix" => |v| form(format!("{:08x?}", words::<4>(v).map(u32::from_le_bytes).collect::<Vec<_>>())),
        "two bytes, without a prefix" => |v| form(format!("{:04x?}", words::<2>(v).map(u16::from_le_bytes).collect::<Vec<_>>())),
        "signed" => |v| form(format!("{:?}", words::<8>(v).map(i64::from_le_bytes).collect::<Vec<_>>())),
        "sixteen bytes" => |v| form(format!("{:?}", words::<16>(v).map(u128::from_le_bytes).collect::<Vec<_>>())),
    }
    "reshaped" {
        "lines" => |v| form(grouped(short(v)?, 1, "\n")),
        "spaced" => |v| form(grouped(short(v)?, 1, " ")),
        "two lines" => |v| {
            let text = short(v).filter(|text| text.len() == 10)?;
            form(format!("{}\n{}", &text[..5], &text[5..]))
        },
        "two quoted lines" => |v| {
            let text = short(v).filter(|text| text.len() == 10)?;
            form(format!("\n  > {}\n  > {}\n", &text[..5], &text[5..]))
        },
        "dotted" => |v| form(grouped(line(v)?, 1, ".")),
        "fours" => |v| form(grouped(line(v)?, 4, " ")),
        "numbered" => |v| form(join(line(v)?.chars().enumerate().map(|(i, c)| format!("{i}: {c}")), "\n")).map(|f| Formatted { around: 0.75, ..f }),
        "backwards" => |v| form(folded(v)?.chars().rev().collect::<String>()),
        "capital letters" => |v| form(folded(v)?.to_uppercase()),
        "small letters" => |v| form(folded(v)?.to_lowercase()),
        "padded" => |v| mixed(format!("{:*^60}", text(v)?), 0.2),
        "wrapped" => |v| form(grouped(line(v)?, 8, "\n    ")),
        "table" => |v| form(join(grouped(line(v)?, 8, "\n").lines().map(|cell| format!("| {cell:8} |")), "\n")),
        "indexed" => |v| form(join(line(v)?.chars().enumerate().map(|(i, c)| format!("s[{i}]={c}")), "\n")).map(|f| Formatted { around: 0.9, ..f }),
        "logged" => |v| mixed(format!("\n{}\n", join(grouped(word(v)?, 9, "\n").lines().map(|part| format!("web_1  | {part}")), "\n")), 0.6),
        "quoted mail" => |v| form(join(line(v)?.chars().collect::<Vec<_>>().chunks(9).map(|c| c.iter().collect::<String>()).map(|cell| format!("> {cell}")), "\n")),
    }
    "several lines" {
        "CRLF" => |v| form(text(v).filter(|t| t.contains('\n'))?.replace('\n', "\r\n")),
        "indented" => |v| form(text(v).filter(|t| t.contains('\n'))?.replace('\n', "\n        ")),
        "short and joined" => |v| form(format!("\"{}\" \"{}\"", literal(v)?.get(..5)?, literal(v)?.get(5..)?)),
        "joined by a sign" => |v| form(format!("'{}' + '{}'", literal(v)?.get(..5)?, literal(v)?.get(5..)?)),
        "joined" => |v| form(text(v).filter(|t| t.contains('\n'))?.replace('\n', " ")),
        "without breaks" => |v| form(text(v).filter(|t| t.contains('\n'))?.replace('\n', "")),
        "in a list" => |v| form(format!("{:?}", text(v).filter(|t| t.contains('\n'))?.lines().collect::<Vec<_>>())),
    }
    "compressed" {
        "gzip, base64" => |v| form(STANDARD.encode(gzip(&configuration(v))?)),
        "gzip, wrapped" => |v| form(wrapped(STANDARD.encode(gzip(&configuration(v))?).as_bytes(), 76)),
        "gzip, hexadecimal" => |v| form(hex::encode(gzip(&configuration(v))?)),
        "zlib, base64" => |v| form(STANDARD.encode(zlib(&configuration(v))?)),
        "zlib, URL-safe" => |v| form(URL_SAFE_NO_PAD.encode(zlib(&configuration(v))?)),
        "deflate, base64" => |v| form(STANDARD.encode(deflate(&configuration(v))?)).filter(|_| text(v).is_some()).map(|f| Formatted { around: 0.9, ..f }),
        "gzip of JSON, twice" => |v| form(STANDARD.encode(gzip(&gzip(serde_json::json!({"secret": text(v)?}).to_string().as_bytes())?)?)),
    }
}
