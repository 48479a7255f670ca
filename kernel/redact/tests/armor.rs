//! Long stretches of base64: only their content is looked at there, and what stands before, after and among them like
//! anything else.

#[path = "support/everywhere.rs"]
mod everywhere;
#[path = "support/noise.rs"]
mod noise;
#[path = "support/streams.rs"]
mod streams;

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use everywhere::everywhere;
use flate2::Compression;
use flate2::write::GzEncoder;
use noise::noise;
use sealbook_redact::TOKEN;
use streams::learn;

const VALUE: &str = "plantedT0ken9xQ4";

type Content = fn(usize) -> Vec<u8>;

fn prose(n: usize) -> Vec<u8> {
    let words = ["the ", "request ", "was ", "sent ", "before ", "anybody ", "asked "];
    let words = noise(n)
        .into_iter()
        .flat_map(|b| words[usize::from(b) % words.len()].bytes());
    words.take(n).collect()
}

fn lines(digits: &str, width: usize) -> String {
    let lines = digits.as_bytes().chunks(width).map(String::from_utf8_lossy);
    lines.map(|line| line.into_owned() + "\n").collect()
}

/// What is encoded once more in the content of many lines.
#[test]
fn what_is_encoded_inside_is_found() {
    let redactor = learn(&[VALUE.as_bytes()]);
    let show = |show: &dyn Fn(u8) -> String| VALUE.bytes().map(show).collect::<String>().into_bytes();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    write!(packed, "some text {VALUE} and more").unwrap();
    let packed = packed.finish().unwrap();
    let text = [
        VALUE.as_bytes().to_vec(),
        show(&|b| format!("\\u{b:04x}")),
        show(&|b| format!("%{b:02X}")),
        show(&|b| format!("{b}, ")),
        STANDARD.encode(VALUE).into_bytes(),
    ];
    for (n, inside) in text.iter().enumerate() {
        for (before, after) in [(0, 9_000), (5_000, 3_000), (50_011, 1)] {
            let content = [
                prose(before),
                b" ".to_vec(),
                inside.clone(),
                b" ".to_vec(),
                prose(after),
            ]
            .concat();
            for width in [64, 76] {
                for left in everywhere(&redactor, &lines(&STANDARD.encode(&content), width)) {
                    assert!(left.contains(TOKEN), "text {n} after {before} in lines of {width}");
                }
            }
        }
    }
    // In noise there is the value itself, and a compressed text by itself.
    for before in [0, 6_000, 60_000] {
        let content = [noise(before), VALUE.as_bytes().to_vec(), noise(6_000)].concat();
        let alone = lines(&STANDARD.encode(&packed), 76);
        let among = [noise(before), noise(6_000)].map(|content| lines(&STANDARD.encode(content), 76));
        for text in [
            lines(&URL_SAFE.encode(&content), 76),
            among.join(&format!("\n{alone}\n")),
        ] {
            for left in everywhere(&redactor, &text) {
                assert!(left.contains(TOKEN), "after {before}");
            }
        }
    }
}

/// Lists, columns and other forms before, after and among many lines; also those that need nothing but base64 digits.
#[test]
fn what_stands_among_them_is_found() {
    let redactor = learn(&[VALUE.as_bytes()]);
    let bytes = VALUE.as_bytes();
    let each = |show: &dyn Fn(u8) -> String| bytes.iter().map(|b| show(*b)).collect::<Vec<_>>();
    let line = "someWords+of/Base64_".repeat(3);
    let forms = [
        each(&|b| b.to_string()).join("-"),
        each(&|b| format!("{b:02x}")).join("_"),
        each(&|b| format!("0x{b:02x}")).join("/"),
        each(&|b| b.to_string()).join("\n"),
        each(&|b| char::from(b).to_string()).join("+"),
        each(&|b| format!("{line}/{}", char::from(b))).join("\n"),
        each(&|b| format!("{b}+{line}")).join("\n"),
        bytes
            .chunks(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap()).to_string())
            .collect::<Vec<_>>()
            .join("/"),
        bytes
            .chunks(4)
            .map(|word| format!("{:#x}", u32::from_be_bytes(word.try_into().unwrap())))
            .collect::<Vec<_>>()
            .join("+"),
        format!("{bytes:?}"),
        format!("{VALUE:?}"),
    ];
    for content in [noise, prose] {
        for (n, form) in forms.iter().enumerate() {
            for (before, after) in [(0, 9_000), (9_000, 9_000), (50_000, 0)] {
                let around = [before, after].map(|n| lines(&STANDARD.encode(content(n)), 76));
                let text = around.join(&format!("\n{form}\n"));
                for left in everywhere(&redactor, &text) {
                    assert!(left.contains(TOKEN), "form {n} after {before} before {after}: {form}");
                }
            }
        }
    }
}

/// A list at each place of a line and of what is looked at together.
#[test]
fn lists_are_found_wherever_they_begin() {
    let redactor = learn(&[VALUE.as_bytes()]);
    let bytes = VALUE.as_bytes();
    let each = |show: &dyn Fn(u8) -> String| bytes.iter().map(|b| show(*b)).collect::<Vec<_>>();
    let words = |show: &dyn Fn(u32) -> String| {
        let words = bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()));
        words.map(show).collect::<Vec<_>>()
    };
    let pairs = bytes
        .chunks(2)
        .map(|two| u16::from_le_bytes(two.try_into().unwrap()).to_string());
    let forms = [
        each(&|b| b.to_string()).join("-"),
        each(&|b| format!("{b:05}")).join("/"),
        each(&|b| format!("{b:#o}")).join("+"),
        each(&|b| format!("U+{b:06X}")).join("+"),
        pairs.collect::<Vec<_>>().join("/"),
        words(&|word| format!("{word:08x}")).join("-"),
        words(&|word| format!("{word:#x}")).join("/"),
    ];
    let contents: [(Content, usize); 3] = [(noise, 76), (prose, 76), (noise, 1000)];
    for (content, width) in contents {
        let [before, after] = [6_000, 7_000].map(|n| lines(&STANDARD.encode(content(n)), width));
        for (n, form) in forms.iter().enumerate() {
            for at in 0..130 {
                let (start, end) = before.split_at(before.len() - 200 + at);
                let left = redactor
                    .text(&format!("{start}-Zz-{form}-Zz-{end}{after}"))
                    .into_owned();
                assert!(left.contains(TOKEN), "form {n} at {at}: {form}");
            }
        }
    }
}

/// Rows with long cells in base64: what stands beside those is read down its column.
#[test]
fn columns_beside_long_cells_are_found() {
    let redactor = learn(&[VALUE.as_bytes()]);
    let around = lines(&STANDARD.encode(noise(30_000)), 76);
    for digits in [300, 600, 1_200] {
        for show in [|b: u8| char::from(b).to_string(), |b: u8| format!("{b:02x}")] {
            let content = STANDARD.encode(noise(digits * VALUE.len()));
            let rows = VALUE.bytes().zip(content.as_bytes().chunks(digits));
            let rows = rows.map(|(b, cell)| format!("| {} | {} |\n", show(b), String::from_utf8_lossy(cell)));
            let text = format!("{around}{}{around}", rows.collect::<String>());
            for left in everywhere(&redactor, &text) {
                assert!(left.contains(TOKEN), "{digits}: {}", show(VALUE.as_bytes()[0]));
            }
        }
    }
}

/// A digit more or less at the end of a line, carriage returns, and a last line that is not finished.
#[test]
fn lines_of_other_widths_are_read_alike() {
    let redactor = learn(&[VALUE.as_bytes()]);
    let inside = VALUE.bytes().map(|b| format!("\\x{b:02x}")).collect::<String>();
    let content = [prose(9_000), inside.into_bytes(), prose(9_000)].concat();
    let digits = STANDARD.encode(&content);
    for width in [48, 63, 65, 100, digits.len()] {
        for text in [lines(&digits, width), lines(&digits, width).replace('\n', "\r\n")] {
            for text in [&text[..], text.trim_end(), &text[..text.len() - 7]] {
                for left in everywhere(&redactor, text) {
                    assert!(left.contains(TOKEN), "{width}");
                }
            }
        }
    }
}
