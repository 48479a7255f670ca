//! Thousands of lines that only count (`item 41`, `item 42`): what each of them shows, and what stands among them.

#[path = "support/everywhere.rs"]
mod everywhere;
#[path = "support/streams.rs"]
mod streams;

use everywhere::everywhere;
use sealbook_redact::{Lane, TOKEN, Tail};
use streams::learn;

const VALUE: &str = "plantedT0ken9xQ4";

/// Lines enough for several windows.
fn counting(from: usize, shown: &str) -> String {
    (from..from + 20_000).map(|i| format!("item {i}: {shown}\n")).collect()
}

/// Ways to show the value in which it does not stand as it is.
fn decoded() -> Vec<String> {
    let each = |show: &dyn Fn(u8) -> String| VALUE.bytes().map(show).collect::<String>();
    let list = |show: &dyn Fn(u8) -> String| VALUE.bytes().map(show).collect::<Vec<_>>().join(", ");
    vec![
        each(&|b| format!("%{b:02x}")),
        each(&|b| format!("\\u{b:04x}")),
        each(&|b| format!("&#{b};")),
        each(&|b| format!("\u{1b}[3{}m{}\u{1b}[0m", b % 8, char::from(b))),
        format!("[{}]", list(&|b| b.to_string())),
        format!("[{}]", list(&|b| format!("{b:#x}"))),
        each(&|b| format!("\\\\u{b:04x}")),
    ]
}

#[test]
fn each_of_many_lines_that_count_is_decoded() {
    let redactor = learn(&[VALUE.as_bytes()]);
    for shown in decoded() {
        for left in everywhere(&redactor, &counting(95, &shown)) {
            assert_eq!(
                left.lines().filter(|line| line.contains(TOKEN)).count(),
                20_000,
                "{shown}"
            );
            assert!(!left.contains(&shown), "{shown}");
        }
    }
}

#[test]
fn what_stands_among_lines_that_count_is_found() {
    // A long value is looked for over a longer stretch.
    let long = "another-planted-value-".repeat(100);
    for values in [vec![VALUE.as_bytes()], vec![VALUE.as_bytes(), long.as_bytes()]] {
        let redactor = learn(&values);
        let a_line_each = |show: &dyn Fn(u8) -> String| VALUE.bytes().map(|b| show(b) + "\n").collect::<String>();
        let mut rows = vec![
            a_line_each(&|b| format!("char: {}", char::from(b))),
            a_line_each(&|b| b.to_string()),
            a_line_each(&|b| format!("item {b}: plain")),
            format!("item 1: {}\nitem 2: {}\n", &VALUE[..8], &VALUE[8..]),
        ];
        rows.extend(decoded().iter().map(|shown| format!("item 7: {shown}\n")));
        for shown in rows {
            let [before, after] = [7, 41_234].map(|from| counting(from, "plain"));
            for left in everywhere(&redactor, &format!("{before}{shown}{after}")) {
                let found = left.strip_prefix(&before).and_then(|left| left.strip_suffix(&after));
                let found = found.unwrap_or_else(|| panic!("lines before or after are changed: {shown}"));
                assert!(found.contains(TOKEN), "{shown}: {found}");
            }
        }
    }
}

/// In one of the lines the number that counts makes the value whole.
#[test]
fn a_value_with_the_number_that_counts_is_found() {
    let long = "plantedT0ken9xQ4";
    let shifted = |k: u32| -> String {
        let bytes: Vec<_> = long.bytes().map(|b| (u32::from(b) + k - 60).to_string()).collect();
        format!("[{}]\n", bytes.join(", "))
    };
    let cases: [(&str, usize, String); 5] = [
        ("K7-4917", 1000, (4417..5417).map(|i| format!("K7%2D{i}\n")).collect()),
        (
            "PIN-4917",
            3000,
            (3417..6417)
                .map(|i| format!("PIN-\u{1b}[1;36m{i}\u{1b}[0m\n"))
                .collect(),
        ),
        (
            "49170817",
            1000,
            (4400..5400)
                .map(|i| format!("\u{1b}[1m{i}\u{1b}[0m{:04}\n", i - 4100))
                .collect(),
        ),
        (
            "AB-4917-CD",
            4200,
            (2817..7017).map(|i| format!("AB&#45;{i}&#45;CD\n")).collect(),
        ),
        (long, 120, (0..120).map(shifted).collect()),
    ];
    for (value, lines, text) in cases {
        let redactor = learn(&[value.as_bytes()]);
        for left in everywhere(&redactor, &text) {
            assert_eq!(
                (left.lines().count(), left.matches(TOKEN).count()),
                (lines, 1),
                "{value}"
            );
        }
    }
}

#[test]
fn the_last_lines_that_count_stay_before_others() {
    let value = "pyQ1k6FvVfR9GGC9yccmoGoxqPhSQ4DvsQNBtMU8VaZxZIXjpeFYZXtERLaZAk2Is";
    let before: String = (1600..2000)
        .map(|i| format!("2026-11-24 INFO step {i} of 9000\n"))
        .collect();
    let rows: String = (1607..)
        .zip(value.bytes())
        .map(|(i, b)| format!("{i}: {b}\n"))
        .collect();
    let redactor = learn(&[value.as_bytes()]);
    for left in everywhere(&redactor, &format!("{before}{rows}")) {
        assert_eq!(left.strip_prefix(&before), Some("1607: [REDACTED]\n"));
    }
}

/// Both streams are looked at alone and together.
#[test]
fn what_stands_among_lines_of_two_streams_that_count_is_found() {
    let redactor = learn(&[VALUE.as_bytes()]);
    let (before, after) = (counting(7, "plain"), counting(41_234, "plain"));
    for shown in decoded() {
        let (first, second) = shown.split_at(shown.len() / 2);
        for boundary in [false, true] {
            let mut stream = redactor.stream(Tail::default());
            let mut chunks = Vec::new();
            let mut lanes = [Lane::Stdout, Lane::Stderr].into_iter().cycle();
            for part in before
                .as_bytes()
                .chunks(100_000)
                .chain([first.as_bytes(), second.as_bytes()])
            {
                let lane = if part.len() < 200 {
                    Lane::Stdout
                } else {
                    lanes.next().unwrap_or(Lane::Stdout)
                };
                chunks.extend(stream.push(lane, part));
                chunks.extend(stream.advance());
                if boundary {
                    stream.boundary();
                }
            }
            chunks.extend(stream.push(Lane::Stdout, after.as_bytes()));
            chunks.extend(stream.finish().0);
            let left: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.bytes).collect();
            let left = String::from_utf8_lossy(&left);
            assert!(left.contains(TOKEN) && !left.contains(&shown), "{shown}, {boundary}");
        }
    }
}

#[test]
fn lines_that_count_stay() {
    let redactor = learn(&[VALUE.as_bytes(), b"correct horse battery staple", b"two\nplanted-lines"]);
    for shown in [
        "",
        "plain",
        "of 20000 is done",
        "%41 and \\n and &amp;",
        "[1, 2, 3, 4, 5, 6, 7]",
    ] {
        let text = counting(0, shown);
        for left in everywhere(&redactor, &text) {
            assert!(left == text, "{shown}");
        }
    }
}
