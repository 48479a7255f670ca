//! Thousands of lines alike that show little: rows of a dump, tables of fractions. What stands in them and among them is
//! found.

#[path = "support/everywhere.rs"]
mod everywhere;
#[path = "support/noise.rs"]
mod noise;
#[path = "support/streams.rs"]
mod streams;

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use everywhere::everywhere;
use flate2::Compression;
use flate2::write::GzEncoder;
use noise::noise;
use sealbook_redact::TOKEN;
use streams::learn;

const VALUE: &str = "plantedT0ken9xQ4";

/// As `hexdump -C` writes it.
fn dump(content: &[u8]) -> String {
    let rows = content.chunks(16).enumerate().map(|(i, row)| {
        let cells = |row: &[u8]| row.iter().map(|b| format!("{b:02x} ")).collect::<String>();
        let (left, right) = row.split_at(row.len().min(8));
        let shown: String = row
            .iter()
            .map(|b| if (32..127).contains(b) { char::from(*b) } else { '.' })
            .collect();
        format!("{:08x}  {:<24} {:<24} |{shown}|\n", 16 * i, cells(left), cells(right))
    });
    rows.collect()
}

/// What is decoded once more in the bytes of a dump, although they are no text: escapes and compressed data.
#[test]
fn what_a_dump_of_noise_hides_deeper_is_found() {
    let redactor = learn(&[VALUE.as_bytes()]);
    let escaped = |show: &dyn Fn(u8) -> String| VALUE.bytes().map(show).collect::<String>().into_bytes();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    let around: String = noise(1200).iter().map(|b| format!("{b:x}")).collect();
    write!(packed, "{around}\n{VALUE}\n{around}").unwrap();
    let forms = [
        escaped(&|b| format!("\\{b:03o}")),
        escaped(&|b| format!("\\u{b:04x}")),
        escaped(&|b| format!("&#{b};")),
        escaped(&|b| format!("{b}, ")),
        packed.finish().unwrap(),
    ];
    for (n, form) in forms.iter().enumerate() {
        for (before, after) in [(0, 6_000), (7, 200), (1_003, 1_000), (20_001, 15)] {
            let content = [noise(before), form.clone(), noise(after)].concat();
            let text = dump(&content);
            for left in everywhere(&redactor, &text) {
                assert!(left.contains(TOKEN), "form {n} after {before} before {after}");
            }
        }
    }
}

#[test]
fn a_value_anywhere_in_a_long_dump_is_found() {
    let redactor = learn(&[VALUE.as_bytes()]);
    let utf16: Vec<u8> = VALUE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let forms = [
        VALUE.as_bytes().to_vec(),
        VALUE.to_uppercase().into_bytes(),
        utf16,
        format!("[\"{}\"]", STANDARD.encode(VALUE)).into_bytes(),
        VALUE
            .bytes()
            .map(|b| format!("%{b:02x}"))
            .collect::<String>()
            .into_bytes(),
    ];
    let content = noise(200_000);
    let clean = dump(&content);
    for left in everywhere(&redactor, &clean) {
        assert!(left == clean, "bytes without a value are changed");
    }
    for (n, form) in forms.iter().enumerate() {
        for at in [0, 5, 300, 13_200, 53_111, 100_000 + n, 199_700] {
            let mut content = content.clone();
            content[at..at + form.len()].copy_from_slice(form);
            let text = dump(&content);
            for left in everywhere(&redactor, &text) {
                assert!(left.contains(TOKEN), "form {n} at {at}");
                let rows: Vec<&str> = text.lines().collect();
                let (first, end) = (at / 16, (at + form.len()) / 16);
                for row in rows.get(first + 1..end).unwrap_or_default() {
                    assert!(!left.contains(row), "form {n} at {at} is shown: {row}");
                }
                for row in [first.checked_sub(8), Some(end + 8)]
                    .into_iter()
                    .flatten()
                    .filter_map(|i| rows.get(i))
                {
                    assert!(left.contains(row), "form {n} at {at} is not in: {row}");
                }
            }
        }
    }
}

/// Ways to show the value in lines of their own.
fn among() -> Vec<String> {
    let lines = |show: &dyn Fn(u8) -> String| VALUE.bytes().map(|b| show(b) + "\n").collect::<String>();
    vec![
        lines(&|b| b.to_string()),
        lines(&|b| format!("{b} 0.137204")),
        lines(&|b| format!("{b:02x}")),
        lines(&|b| format!("{b}.000000")),
        lines(&|b| format!("0.{b:06}")),
        format!(
            "{}\n",
            VALUE.bytes().map(|b| format!("{b}.000000 ")).collect::<String>()
        ),
        format!("{}\n", VALUE.bytes().map(|b| format!("{b:02x} ")).collect::<String>()),
        format!("{}\n", VALUE.bytes().map(|b| format!("%{b:02x}")).collect::<String>()),
        format!("{}\n{}\n", &VALUE[..8], &VALUE[8..]),
    ]
}

#[test]
fn what_stands_among_dull_lines_is_found() {
    let redactor = learn(&[VALUE.as_bytes()]);
    let fractions = |from: usize, indexed: bool| -> String {
        let row = |i: usize| {
            let (a, b) = (200_003 + i * 7 % 700_000, 300_007 + i * 13 % 600_000);
            let index = if indexed { format!("{i} ") } else { String::new() };
            format!("{index}0.{a} -1.{b}  2.{a}\n")
        };
        (from..from + 9_000).map(row).collect()
    };
    let rows = dump(&noise(100_000));
    for (before, after) in [
        (fractions(1, false), fractions(20_000, false)),
        (fractions(1, true), fractions(20_000, true)),
        (rows.clone(), rows),
    ] {
        for shown in among() {
            for left in everywhere(&redactor, &format!("{before}{shown}{after}")) {
                assert!(left.contains(TOKEN), "{shown}");
                assert!(!left.contains(&shown), "{shown}");
                assert_eq!(left[..before.len() - 600], before[..before.len() - 600], "{shown}");
                assert_eq!(left[left.len() + 600 - after.len()..], after[600..], "{shown}");
            }
        }
    }
}
