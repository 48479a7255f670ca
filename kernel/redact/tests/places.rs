//! A form is found wherever it stands: at every place of a block of sixty-four bytes, on both sides of a window's edge,
//! between innocent text of its own kind. What is looked at in samples only would be lost at some of them.

#[path = "support/random.rs"]
mod random;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use random::Random;
use sealbook_redact::{Redactor, Secret, TOKEN};

const SECRET: &[u8] = b"plantedT0ken9xQ4vLw8Zr2Kd7";

/// Bytes of one window of a scan.
const WINDOW_BYTES: usize = 64 * 1024;

fn join(values: &[u8], separator: &str, show: impl Fn(&u8) -> String) -> String {
    values.iter().map(show).collect::<Vec<_>>().join(separator)
}

/// Texts that hold the secret, each with the stretch that must go.
fn forms() -> Vec<(&'static str, String, String)> {
    let escaped: String = SECRET.iter().map(|b| format!("\\u{b:04x}")).collect();
    let percent: String = SECRET.iter().map(|b| format!("%{b:02X}")).collect();
    let near = [77u8, 203, 14, 5, 190, 66, 31, 118];
    let around = |list: &str, show: &dyn Fn(&u8) -> String| {
        let near = join(&near, ", ", show);
        format!("{near}, {list}, {near}")
    };
    let decimal = |b: &u8| b.to_string();
    let hexadecimal = |b: &u8| format!("{b:02x}");
    let bytes = join(SECRET, ", ", decimal);
    let pairs = join(SECRET, ", ", hexadecimal);
    let nested = STANDARD.encode(format!("{{\"key\": \"{escaped}\", \"more\": [1, 2, 3]}}"));
    let inner = nested[16..nested.len() - 40].to_owned();
    vec![
        (
            "raw",
            String::from_utf8_lossy(SECRET).into_owned(),
            "T0ken9xQ4".to_owned(),
        ),
        ("decimal bytes", around(&bytes, &decimal), bytes.clone()),
        ("hexadecimal bytes", around(&pairs, &hexadecimal), pairs.clone()),
        ("bytes in lines", bytes.replace(", ", ",\n"), bytes.replace(", ", ",\n")),
        ("escapes", escaped.clone(), escaped),
        ("percent signs", percent.clone(), percent),
        ("escapes in base64", nested, inner),
    ]
}

#[test]
fn forms_are_found_at_every_place() {
    let redactor = Redactor::new();
    let secret = Secret::new("s", "k", SECRET.to_vec());
    let _proof = redactor.learn(&secret);
    for (name, form, gone) in forms() {
        for fill in [" ", "w ", "7 11 ", "ab, "] {
            for before in (0..140).chain(WINDOW_BYTES - 90..WINDOW_BYTES + 10) {
                // The last of it is a blank, so that nothing becomes part of the form.
                let mut text: String = fill.chars().cycle().take(before).collect();
                text.push_str("\n= ");
                text.push_str(&form);
                text.push_str(" ;");
                let out = redactor.text(&text);
                assert!(
                    !out.contains(&gone) && out.contains(TOKEN),
                    "{name} after {before} of {fill:?}"
                );
            }
        }
    }
}

#[test]
fn the_shortest_lists_are_found_at_the_start_of_a_text() {
    let value = b"k9#Qz!";
    let redactor = Redactor::new();
    let secret = Secret::new("s", "k", value.to_vec());
    let _proof = redactor.learn(&secret);
    let lists = [
        format!("{value:?}"),
        format!("{value:x?}"),
        format!("{value:#04x?}"),
        format!("{value:#?}"),
        join(value, ", ", |b| b.to_string()),
        join(value, " ", |b| b.to_string()),
        join(value, "\n", |b| b.to_string()),
    ];
    for list in lists {
        for before in ["", " ", "=", "x=", "bytes: "] {
            for after in ["", "\n", " and more"] {
                let text = format!("{before}{list}{after}");
                let out = redactor.text(&text);
                assert!(out.contains(TOKEN), "{text} gives {out}");
            }
        }
    }
}

/// Lines that show a value beside other things, each with what must go.
fn lines() -> Vec<(&'static str, String, String)> {
    // Twice the same character, and more than one row of a dump.
    let value = b"Plantted0ken9xQ4vLw8Zr2Kdd7";
    let each = |show: &dyn Fn(usize, u8) -> String| -> String {
        value.iter().enumerate().map(|(i, b)| show(i, *b) + "\n").collect()
    };
    let rows = |show: &dyn Fn(&[u8]) -> String| -> String {
        let row = |(i, row): (usize, &[u8])| format!("{:08x}  {}\n", 16 * i, show(row));
        value.chunks(16).enumerate().map(row).collect()
    };
    let shown = |row: &[u8]| String::from_utf8_lossy(row).into_owned();
    let words: Vec<String> = value
        .as_chunks::<4>()
        .0
        .iter()
        .map(|word| u32::from_be_bytes(*word).to_string())
        .collect();
    vec![
        (
            "characters",
            each(&|_, b| char::from(b).to_string()),
            "k\ne\nn".to_owned(),
        ),
        (
            "characters by themselves",
            each(&|_, b| format!("char: {}", char::from(b))),
            "char: k".to_owned(),
        ),
        (
            "characters in numbered lines",
            each(&|i, b| format!("{i}: {}", char::from(b))),
            "9: e".to_owned(),
        ),
        (
            "bytes with characters",
            each(&|i, b| format!("{i}  {}  {b}", char::from(b))),
            "110".to_owned(),
        ),
        ("words", words.join(", ") + "\n", words[2].clone()),
        (
            "pieces in a table",
            value
                .chunks(8)
                .map(|piece| format!("| {:<8} | of it |\n", shown(piece)))
                .collect(),
            "en9x".to_owned(),
        ),
        (
            "a dump with characters",
            rows(&|row| format!("{:<48} |{}|", join(row, " ", |b| format!("{b:02x}")), shown(row))),
            "0ken".to_owned(),
        ),
        (
            "a dump with a border",
            rows(&|row| {
                format!(
                    "{:<48} |{}|",
                    join(row, " ", |b| format!("{b:02x}")),
                    ".".repeat(row.len())
                )
            }),
            "30 6b 65 6e".to_owned(),
        ),
        (
            "a dump after a row of another one",
            "0010 51 x\n".to_owned() + &rows(&|row| format!("{:<48} |", join(row, " ", |b| format!("{b:02x}")))),
            "30 6b 65 6e".to_owned(),
        ),
        (
            "a dump of decimal numbers",
            rows(&|row| join(row, " ", u8::to_string)),
            "107 101 110".to_owned(),
        ),
    ]
}

#[test]
fn lines_are_found_among_others() {
    let redactor = Redactor::new();
    let secret = Secret::new("s", "k", b"Plantted0ken9xQ4vLw8Zr2Kdd7".to_vec());
    let _proof = redactor.learn(&secret);
    type Line = fn(usize) -> String;
    let others: [(&str, Line); 4] = [
        ("numbered lines", |i| format!("{}: x\n", 1000 + i)),
        ("rows of a table", |_| "| ab | cd | ef |\n".to_owned()),
        ("rows of a dump", |i| {
            format!("{:08x}  {}|................|\n", 16 * i, "0a 1b 2c 3d ".repeat(4))
        }),
        ("single letters", |i| {
            format!("{}\n", char::from(b'a' + (i * i % 23) as u8))
        }),
    ];
    for (kind, other) in others {
        for (name, form, gone) in lines() {
            for length in [0, 300, WINDOW_BYTES - 200, WINDOW_BYTES + 100] {
                let mut before = String::new();
                for i in 0.. {
                    if before.len() >= length {
                        break;
                    }
                    before += &other(i);
                }
                let after: String = (0..9).map(other).collect();
                let text = format!("{before}\n\n{form}\n\n{after}");
                let out = redactor.text(&text);
                assert!(
                    out.contains(TOKEN) && !out[before.len()..].contains(&gone),
                    "{name} after {length} bytes of {kind}: {}",
                    &out[before.len()..]
                );
                assert!(out.starts_with(&before) && out.ends_with(&after), "{name} among {kind}");
            }
        }
    }
}

/// Text that looks as if something were in it to any depth takes nothing from what stands beside it.
#[test]
fn what_is_deep_inside_is_not_looked_at_before_what_shows_at_once() {
    let redactor = Redactor::new();
    let secret = Secret::new("s", "k", "p\u{e4}$\u{df}9\u{f6}rd-X1".as_bytes().to_vec());
    let _proof = redactor.learn(&secret);
    let (words, _) = "p\u{e4}$\u{df}9\u{f6}rd-X1\0".as_bytes().as_chunks::<2>();
    let words: Vec<String> = words.iter().map(|word| u16::from_le_bytes(*word).to_string()).collect();
    for (n, seed) in (0..24).map(|n| (1000 * n, n as u64)) {
        let mut random = Random(seed);
        let mut noise = || b"%25\\&amp;<>x0u41nt"[random.below(17)].to_string();
        let before: Vec<String> = (0..n).map(|_| noise()).collect();
        let text = format!("[{}, 82, 60]\nend\n", [before, words.clone()].concat().join(", "));
        let out = redactor.text(&text);
        assert!(out.contains(TOKEN) && !out.contains(&words[2]), "after {n} numbers");
    }
}
