//! Values down a column of a table, among ids, dates, fractions and counts: no row shows its part.

use std::io::Write as _;

#[path = "support/streams.rs"]
mod streams;

use sealbook_redact::TOKEN;
use streams::{learn, live, stream};

/// How a column shows a value, a cell for each row.
type Encode = fn(&[u8]) -> Vec<String>;

/// Some bytes at a time, with zeros after the last ones.
fn words<const N: usize>(value: &[u8], word: impl Fn([u8; N]) -> String) -> Vec<String> {
    let mut padded = value.to_vec();
    padded.resize(value.len().next_multiple_of(N), 0);
    padded.as_chunks::<N>().0.iter().map(|bytes| word(*bytes)).collect()
}

const ENCODINGS: &[(&str, Encode)] = &[
    ("decimal", |value| value.iter().map(u8::to_string).collect()),
    ("hexadecimal", |value| {
        value.iter().map(|b| format!("{b:02x}")).collect()
    }),
    ("with a prefix", |value| {
        value.iter().map(|b| format!("{b:#04x}")).collect()
    }),
    ("octal", |value| value.iter().map(|b| format!("{b:03o}")).collect()),
    ("with zeros", |value| value.iter().map(|b| format!("{b:04}")).collect()),
    ("UTF-16 in bytes", |value| {
        value.iter().flat_map(|b| [b.to_string(), "0".to_owned()]).collect()
    }),
    ("words of two bytes", |value| {
        words(value, |word| u16::from_be_bytes(word).to_string())
    }),
    ("words of two bytes in hexadecimal", |value| {
        words(value, |word| format!("{:04x}", u16::from_le_bytes(word)))
    }),
    ("words of four bytes", |value| {
        words(value, |word| u32::from_le_bytes(word).to_string())
    }),
];

/// What stands before the value's column and after it in a row.
type Row = fn(usize) -> (String, String);

const TABLES: &[(&str, Row)] = &[
    ("an id and a fraction", |n| {
        (format!("{n},"), format!(",0.{:06}", 137_204 + n * 7919 % 800_000))
    }),
    ("a date and a count", |n| {
        (format!("{n} 2026-11-28 "), format!(" {}", n * n % 1000))
    }),
    ("a word", |n| {
        (format!("{n:<7}"), format!("  {}", ["the", "of", "and"][n % 3]))
    }),
    ("many numbers", |n| {
        (
            format!("{n} 1 2026 {} -1.{:06} ", 7 * n % 10, n * 7919 % 1_000_000),
            format!(" 0 49 {n}"),
        )
    }),
    ("rules", |n| (format!("----\n{n} | "), format!(" | {}", 60 + n % 30))),
    ("uneven rows", |n| {
        (
            format!("{n};{}", if n % 9 == 0 { "7;8;" } else { "" }),
            format!(";{}", 100 + n % 50),
        )
    }),
];

#[test]
fn no_row_of_a_table_shows_a_part_of_a_value() {
    for value in ["plantedT0ken9xQ4", "hunter22-Zx8kQ2m", "correct horse batter"] {
        let redactor = learn(&[value.as_bytes()]);
        for (name, encode) in ENCODINGS {
            for (table, row) in TABLES {
                let cells = encode(value.as_bytes());
                // Other numbers stand in its column before and after it.
                let before: Vec<String> = (0..90).map(|n| (300 + n * 37 % 600).to_string()).collect();
                let all = before.iter().chain(&cells).chain(&before).enumerate();
                let mut text = String::new();
                let mut rows = Vec::new();
                for (n, cell) in all {
                    let (head, tail) = row(n + 90);
                    let row = format!("{head}{cell}{tail}\n");
                    text += &row;
                    rows.push(row);
                }
                let ways = [
                    ("whole", stream(&redactor, [text.as_bytes()])),
                    ("in parts", stream(&redactor, text.as_bytes().chunks(1000))),
                    ("with pauses", live(&redactor, text.as_bytes().chunks(700))),
                ];
                for (way, shown) in ways {
                    let shown = String::from_utf8(shown).unwrap();
                    let what = format!("{value}, {name}, {table}, {way}");
                    assert!(shown.contains(TOKEN), "{what}: {shown}");
                    for hidden in &rows[before.len()..before.len() + cells.len()] {
                        assert!(!shown.contains(hidden.as_str()), "{what}: {hidden}");
                    }
                    // And what stands far from it is there.
                    for other in [&rows[0], &rows[rows.len() - 1]] {
                        assert!(shown.contains(other.as_str()), "{what}: {other}");
                    }
                }
            }
        }
    }
}

/// Rows that show a value, and what stands before and after them.
struct Rows {
    name: &'static str,
    value: String,
    before: Vec<String>,
    rows: Vec<String>,
    after: Vec<String>,
}

/// Tables that are no tables to everybody: numbers that are characters, joints, control strings, offsets that count.
fn unlike() -> Vec<Rows> {
    const VALUE: &str = "tK4m9Qz72Lw5";
    let rows = |name, row: &dyn Fn(usize, char) -> String| Rows {
        name,
        value: VALUE.to_owned(),
        before: (0..6).map(|n| row(n, '~')).collect(),
        rows: VALUE.chars().enumerate().map(|(n, char)| row(n, char)).collect(),
        after: (0..30).map(|n| row(n, '~')).collect(),
    };
    let dump = |name, row: &dyn Fn(usize, &[u8]) -> String| Rows {
        name,
        value: VALUE.to_owned(),
        before: Vec::new(),
        rows: VALUE
            .as_bytes()
            .chunks(2)
            .enumerate()
            .map(|(n, bytes)| row(n, bytes))
            .collect(),
        after: (6..40).map(|n| row(n, b"..")).collect(),
    };
    let joint = |n: usize, char: char| match n % 2 {
        0 => format!("x1,{},y2\n", u32::from(char)),
        _ => format!("x_1_2,{},y_3_4\n", u32::from(char)),
    };
    let wide = |n: usize, char: char| {
        let long = if n % 5 == 4 { "-".repeat(60) } else { String::new() };
        format!("foo,{},\nfoo,0,\nfoo,0,\nfoo,0,{long}\n", u32::from(char))
    };
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all(&VALUE.as_bytes().repeat(4)).expect("memory takes all");
    let packed = words(&packed.finish().expect("memory takes all"), |word| {
        u16::from_le_bytes(word).to_string()
    });
    vec![
        rows("digits as characters", &|_, char| {
            format!(
                "{{\"c\": \"{char}\", \"code\": {}, \"s\": \"{char}\"}}\n",
                u32::from(char)
            )
        }),
        rows("joints", &joint),
        Rows {
            before: vec!["\u{2502} x \u{2502}\n".to_owned()],
            ..rows("titles", &|_, char| format!("\x1b]0;{char}\x07 ok\n"))
        },
        rows("UTF-32", &wide),
        dump("a dump with its characters", &|n, bytes| {
            let shown = String::from_utf8_lossy(bytes);
            format!("{} {:02x} {:02x}  {shown}\n", 4224 + n, bytes[0], bytes[1])
        }),
        dump("a dump with rows left out", &|n, bytes| {
            let star = if n == 3 { "*\n" } else { "" };
            format!("{star}{n:04}: {:02x} {:02x}\n", bytes[0], bytes[1])
        }),
        Rows {
            name: "cells that count",
            value: "1025102610271028".to_owned(),
            before: (1000..1025).map(|n| format!("| {n} | x |\n")).collect(),
            rows: (1025..1029).map(|n| format!("| {n} | x |\n")).collect(),
            after: (1029..1050).map(|n| format!("| {n} | x |\n")).collect(),
        },
        Rows {
            name: "words with 0x behind line numbers",
            value: VALUE.to_owned(),
            before: Vec::new(),
            rows: words(VALUE.as_bytes(), |two| format!("{:#06x}", u16::from_le_bytes(two)))
                .iter()
                .zip(12..)
                .map(|(word, n)| format!("{n}: {word}\n"))
                .collect(),
            after: Vec::new(),
        },
        Rows {
            name: "words behind the number of a line, which is one too",
            value: VALUE.to_owned(),
            before: (1030..1039).map(|n| format!("{n}: a x 12\n")).collect(),
            rows: vec![format!(
                "1039: a {} 12\n",
                words(VALUE.as_bytes(), |six: [u8; 6]| {
                    six.iter()
                        .rev()
                        .fold(0u64, |word, byte| word << 8 | u64::from(*byte))
                        .to_string()
                })
                .join(", ")
            )],
            after: (1040..1050).map(|n| format!("{n}: a x 12\n")).collect(),
        },
        Rows {
            name: "the first numbered line behind others",
            value: "hunter2xyzabc".to_owned(),
            before: vec!["  28  foo\n".to_owned()],
            rows: ["  44  foo 182 bar 99 hunter2\n", "100 xyzabc\n"]
                .map(str::to_owned)
                .into(),
            after: Vec::new(),
        },
        Rows {
            name: "code points behind lines with longer numbers",
            value: VALUE.to_owned(),
            before: (0..17)
                .map(|n| format!("2026-11-28 10:01:32 INFO id={}\n", 32_839 + 7 * n))
                .collect(),
            rows: VALUE.bytes().map(|byte| format!("U+{byte:06X}\n")).collect(),
            after: (0..17)
                .map(|n| format!("2026-11-28 10:01:32 INFO id={}\n", 52_839 + 7 * n))
                .collect(),
        },
        Rows {
            name: "words of which only the first rows have two",
            value: "sk_live_ZYY03ff2d".to_owned(),
            before: Vec::new(),
            rows: words(b"sk_live_ZYY03ff2", |four| format!("{:08x}", u32::from_be_bytes(four)))
                .iter()
                .zip(58_260..)
                .map(|(word, n)| format!("{word}  {n}\n"))
                .collect(),
            after: (0..40).map(|n| format!("x  {}\n", 12_331 + 977 * n)).collect(),
        },
        Rows {
            name: "zeros after words behind line numbers",
            value: "qlqQ1Ea9".to_owned(),
            before: (90..130).map(|n| format!("{n}\t{}\t     0\n", n * 7)).collect(),
            rows: words(b"qlqQ1Ea9", |four| u32::from_be_bytes(four).to_string())
                .iter()
                .zip(130..)
                .map(|(word, n)| format!("{n}\t{word}\t     0\n"))
                .collect(),
            after: (132..180).map(|n| format!("{n}\t{}\t     0\n", n * 5)).collect(),
        },
        Rows {
            name: "compressed",
            value: VALUE.to_owned(),
            before: Vec::new(),
            rows: packed
                .iter()
                .enumerate()
                .map(|(n, word)| format!("{} {word} k\n", 369_301 + 77 * n))
                .collect(),
            after: Vec::new(),
        },
        Rows {
            name: "cut off",
            value: "zYZeE+):$3-OW8.n".to_owned(),
            before: Vec::new(),
            rows: ["zY", "Ze", "E+", "):", "$3", "-O"]
                .map(|cell| format!("\u{2551} {cell} \u{2551}\n"))
                .into(),
            after: Vec::new(),
        },
    ]
}

#[test]
fn no_row_of_what_is_hardly_a_table_shows_a_part_of_a_value() {
    for Rows {
        name,
        value,
        before,
        rows,
        after,
    } in unlike()
    {
        let redactor = learn(&[value.as_bytes()]);
        let text = [before, rows.clone(), after].concat().concat();
        let text = if name == "cut off" { text.trim_end() } else { &text };
        let shown = String::from_utf8(stream(&redactor, [text.as_bytes()])).unwrap();
        assert!(shown.contains(TOKEN), "{name}: {shown}");
        // Zeros and stars are no part of it.
        let part = |line: &&str| !line.starts_with("foo,0,") && *line != "*";
        for hidden in rows.iter().flat_map(|row| row.lines()).filter(part) {
            assert!(!shown.lines().any(|line| line == hidden), "{name}: {hidden}\n{shown}");
        }
    }
}
