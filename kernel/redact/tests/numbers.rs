//! Values in columns of numbers and in numbers of several bytes each, beside what tables of numbers are full of: ids,
//! fractions, dates, the same number again and again.

#[path = "support/streams.rs"]
mod streams;

use sealbook_redact::TOKEN;
use streams::{learn, live, stream};

/// What must not be lost before what is read, because it stands beside text of another kind.
const AFTER: &str = " and then some more words of the text that go on and on until it ends here, at last, as it must";

/// A value, a text that shows it, and what is left of the text.
fn cases() -> Vec<(&'static str, String, String)> {
    let rows = |before: &str, values: &[u32], after: &str| -> String {
        let row = |(i, value): (usize, &u32)| format!("{i}{before}{value}{after}\n");
        values.iter().enumerate().map(row).collect()
    };
    let bytes = |value: &str| value.bytes().map(u32::from).collect::<Vec<_>>();
    let one = |text: &str| text.replace('#', TOKEN);
    let floats = |value: &str| {
        value
            .bytes()
            .map(|b| format!("{b}.0000"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let dotted = |value: &str| {
        let numbers = value.bytes().enumerate().map(|(i, b)| format!("{i}.0x{b:02x}"));
        numbers.collect::<Vec<_>>().join(" ")
    };
    let words = [
        7_667_816, 7_602_286, 7_471_205, 3_276_850, 5_898_285, 3_670_136, 5_308_523, 7_143_474, 118,
    ];
    vec![
        // Counting and equal bytes.
        ("abcdefgh1234", rows(" ", &bytes("abcdefgh1234"), " x"), one("0 # x\n")),
        (
            "sssssss9sss",
            bytes("sssssss9sss").iter().map(|b| format!("{b}\n")).collect(),
            one("#\n"),
        ),
        (
            "xR7BEr",
            format!("{}82\n55\n66\n69\n114\n", "120\n".repeat(17)),
            format!("{}{TOKEN}\n", "120\n".repeat(16)),
        ),
        // Whole numbers as floats, and numbers after a point that are no fractions.
        (
            "plantedT0ken9xQ4",
            format!("tensor([{}])", floats("plantedT0ken9xQ4")),
            one("tensor([#.0000])"),
        ),
        ("plantedT0ken9xQ4", dotted("plantedT0ken9xQ4"), one("0.#")),
        // UTF-16 in numbers of four bytes.
        ("hunter22-Zx8kQ2mv", rows(" ", &words, ""), one("0 #\n")),
        // Numbers of two bytes, with fractions between them.
        (
            "hunter22",
            rows(",", &[30056, 29806, 29285, 12850], ",0.876543"),
            one("0,#\n1,#\n2,#\n3,#,0.876543\n"),
        ),
        (
            "ababcdcdefef",
            format!(",25185,0.89659,25185,0.87327,25699,0.58136,25699,0.50592,26213,0.67037,26213,{AFTER}"),
            one(",#,") + AFTER,
        ),
        // Below zero.
        (
            "\u{43f}\u{430}\u{440}\u{43e}\u{43b}\u{44c}",
            format!("-16432, -20272, -32559, -16688, -17456, -29487{AFTER}"),
            one("#") + AFTER,
        ),
    ]
}

#[test]
fn values_in_numbers_are_found_beside_others() {
    for (value, text, left) in cases() {
        let redactor = learn(&[value.as_bytes()]);
        assert_eq!(redactor.text(&text), left, "{value}: {text}");
        let streamed = stream(&redactor, [text.as_bytes()]);
        assert_eq!(String::from_utf8_lossy(&streamed), left, "{value}: {text}");
    }
}

/// What was told from other numbers by where it stands in blocks of sixty-four bytes.
#[test]
fn values_in_numbers_are_found_at_every_place() {
    let little = |value: &str, show: fn(u32) -> String, between: &str| {
        let words = value
            .as_bytes()
            .as_chunks()
            .0
            .iter()
            .map(|four| show(u32::from_le_bytes(*four)));
        words.collect::<Vec<_>>().join(between)
    };
    let floats: Vec<String> = "plantedT0ken9xQ4".bytes().map(|b| format!("{b}.0, 0.372241")).collect();
    let cases = [
        (
            "plantedT0ken9xQ4",
            little(
                "plantedT0ken9xQ4",
                |n| format!("0x{n:08x}"),
                " | a cell between them | ",
            ),
            "0x",
        ),
        ("planted9", little("planted9", |n| n.to_string(), ", "), "18"),
        ("rrUgVp", "29298, 26453, 28758".to_owned(), "26453"),
        ("rrUgVp", "29298, 0.176577, 26453, 0.176577, 28758".to_owned(), "26453"),
        ("plantedT0ken9xQ4", floats.join(", "), "108.0"),
    ];
    for (value, shown, part) in cases {
        let redactor = learn(&[value.as_bytes()]);
        for before in 0..140 {
            let text = format!("{}[{shown}]{}", &"and so on ".repeat(14)[..before], AFTER.repeat(6));
            let left = redactor.text(&text);
            assert!(text.contains(part) && !left.contains(part), "{before}: {left}");
        }
    }
}

/// A column of numbers of two bytes that a smaller number begins, beside longer ones.
#[test]
fn a_column_that_goes_on_later_is_held() {
    let value = b"plantedT0ken9xQ4";
    let words = value.as_chunks().0.iter().map(|two| u16::from_le_bytes(*two));
    let row = |(i, n): (usize, u16)| format!("some longer cell of words | {n} | kq{i} | {}\n", 46695 + 7321 * i);
    let text: String = std::iter::once(62).chain(words.clone()).enumerate().map(row).collect();
    let redactor = learn(&[value]);
    for at in 1..text.len() {
        let shown = live(&redactor, [&text.as_bytes()[..at], &text.as_bytes()[at..]]);
        let shown = String::from_utf8_lossy(&shown);
        let visible = words.clone().filter(|n| shown.contains(&n.to_string())).count();
        assert!(visible < 2, "{at}: {shown}");
    }
}

/// What numbers may stand for takes nothing from what is decoded twice beside them.
#[test]
fn a_value_beside_a_dump_of_zeros_is_found() {
    use base64::Engine as _;
    let value = "na\u{ef}ve-planted-\u{c7}l\u{e9}99xY";
    let redactor = learn(&[value.as_bytes()]);
    let json = value.chars().map(|c| {
        if c.is_ascii() {
            c.to_string()
        } else {
            format!("\\u{:04x}", u32::from(c))
        }
    });
    let encoded =
        base64::engine::general_purpose::STANDARD.encode(format!("{{\"pw\": \"{}\"}}", json.collect::<String>()));
    let dumps: [fn(usize) -> String; 2] = [
        |i| format!("0x{:08x}: 0x00000000\n", 4 * i + 0x2000_0000),
        |i| format!("0x{:04x} 00\n", 16 * i),
    ];
    for row in dumps {
        for rows in [800, 2500, 6000] {
            let dump: String = (0..rows).map(row).collect();
            for text in [
                format!("{dump}{encoded}\n"),
                format!("{encoded}\n{dump}"),
                format!("{dump}{encoded}\n{dump}"),
            ] {
                assert!(redactor.text(&text).contains(TOKEN), "{rows} of {}", row(0));
            }
        }
    }
}

/// Words that the lines of a value share, behind those of a logger's prefix.
#[test]
fn lines_that_share_many_words_are_found_behind_a_prefix() {
    for value in [
        "user 17 has key 81-planted\nuser 18 has key 92-planted",
        "alpha beta gamma planted1\nalpha beta gamma planted2\nalpha beta gamma planted3",
    ] {
        let redactor = learn(&[value.as_bytes()]);
        for prefix in ["> ", "INFO ", "2026-11-24 INFO ", "[7] worker: "] {
            let text: String = value.lines().map(|line| format!("{prefix}{line}\n")).collect();
            let left = redactor.text(&text);
            assert!(left.contains(TOKEN) && !left.contains("planted"), "{text}: {left}");
        }
    }
}

/// Words in hexadecimal that happen to have no letters, right after and before other numbers.
#[test]
fn padded_words_of_digits_are_found_beside_other_numbers() {
    let value = "8492671530192";
    let redactor = learn(&[value.as_bytes()]);
    let lines = |n: u32, step: u32| (1..n).map(|i| format!("{}\n", i * step % 91)).collect::<String>();
    for others in [String::new(), lines(6, 1), lines(61, 1), lines(61, 37)] {
        for word in [|b: u8| format!("{b:04x}\n"), |b: u8| format!("{b:08x}\n")] {
            let words: String = value.bytes().map(word).collect();
            let text = format!("{others}{words}{others}");
            let left = redactor.text(&text);
            assert!(left.contains(TOKEN) && !left.contains(&word(b'8')), "{text}: {left}");
        }
    }
}

/// Decimal numbers right after rows of hexadecimal ones.
#[test]
fn decimal_numbers_are_found_after_a_dump() {
    let value = "plantedT0ken9xQ4";
    let redactor = learn(&[value.as_bytes()]);
    let row = |i: usize| format!("{:08x}  {}\n", 8 * i, "de ad 0b ee 1f 00 c4 7a ".trim_end());
    let dump: String = (0..40).map(row).collect();
    for number in [|b: u8| format!("{b}.000000 "), |b: u8| format!("{b}, ")] {
        let list: String = value.bytes().map(number).collect();
        for text in [
            format!("{dump}{list}\n"),
            format!("{list}\n{dump}"),
            format!("{dump}{list}\n{dump}"),
        ] {
            let left = redactor.text(&text);
            assert!(left.contains(TOKEN) && !left.contains(&list), "{text}: {left}");
            assert!(left.contains(&dump), "{left}");
        }
    }
}

/// The first part of a value that counts, after other numbers that count, when the program pauses.
#[test]
fn a_value_that_counts_is_held_after_numbers_that_count() {
    let value = "abcdefghijklmnopqrstuvwxyz0123456789";
    let redactor = learn(&[value.as_bytes()]);
    let lines = |numbers: &mut dyn Iterator<Item = u8>| numbers.map(|n| format!("{n}\n")).collect::<String>();
    for (from, n) in [(70, 17), (40, 20), (40, 26)] {
        let before = lines(&mut (from..97)) + &lines(&mut value.bytes().take(n));
        let after = lines(&mut value.bytes().skip(n));
        let left = live(&redactor, [before.as_bytes(), after.as_bytes()]);
        let left = String::from_utf8_lossy(&left).into_owned();
        assert!(left.contains(TOKEN) && !left.contains("\n97\n"), "{from}, {n}: {left}");
    }
}
