//! Every family of forms, made by the real formatters from secrets of many kinds, with innocent text and near misses
//! through the same formatters. Prints a score per family:
//!
//! ```sh
//! cargo test --release -p sealbook-redact --test families -- --nocapture
//! ```

mod formatters;
#[path = "../support/streams.rs"]
mod streams;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use formatters::{Formatted, Formatter};
use sealbook_redact::TOKEN;
use streams::{learn, live, stream};

const BEFORE: &str = "before the value: ";
const AFTER: &str = " and after it.\n";

/// Secrets of the kinds that people store; all of them planted.
fn secrets() -> Vec<(&'static str, Vec<u8>)> {
    let text = |name, value: &str| (name, value.as_bytes().to_vec());
    vec![
        text("token", "plantedT0ken9xQ4vLw8Zr2Kd7"),
        text("hexadecimal key", "9f86d081884c7d659a2feaa0c55ad015"),
        text("password", "Pl4nted!pass-word"),
        text("symbols", "p@$$w0rd/Plant'ed\"&<x>%41\\n!"),
        text("unicode", "pläntéd-Schlüssel-ß→42"),
        text("cyrillic", "секрет-planted-пароль-7Qx9"),
        text("two lines", "planted first line 77\nplanted second line 88"),
        text("eight", "hunter22"),
        text("six with a sign", "hu@t3r"),
        text("seven with signs", "x.Y-z_9"),
        text("ten", "Zx8kQ2mvT5"),
        text("passphrase", "correct horse planted staple"),
        text("slashes", "wJalrXUtnFEMI/K7MDENG/bPxRfiPLANTEDKEY"),
        text("uuid", "5f0c1d2e-planted-4b7a-9c3d-8e1f2a6b7c90"),
        (
            "binary",
            vec![
                0xFF, 0x00, 0x80, 0x7F, 0xC3, 0x28, 0x1B, 0x41, 0x99, 0x5C, 0x22, 0xFE, 0x10, 0x61, 0x42, 0xE2,
            ],
        ),
    ]
}

/// Values in which only part is secret, or that hold others: the value, and what a program prints of it.
const PARTS: &[(&str, &str, &str)] = &[
    ("DSN", "postgres://app:Pl4nt3d-pw@db.example.com:5432/app", "Pl4nt3d-pw"),
    ("ADO", "Server=db;User Id=app;Password=Pl4nt3d-pw;", "Pl4nt3d-pw"),
    ("JDBC", "jdbc:mysql://db/x?user=app&password=Pl4nt3d-pw", "Pl4nt3d-pw"),
    ("trimmed", "  planted-V4lue\n", "planted-V4lue"),
    ("unquoted", "\"planted-V4lue\"", "planted-V4lue"),
    (
        "dotenv",
        "USER=app\nAPI_KEY=pl4nted0123456789\nDEBUG=1\n",
        "pl4nted0123456789",
    ),
    (
        "service account",
        r#"{"type": "service_account", "project_id": "planted-project", "client_secret": "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334"}"#,
        "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334",
    ),
    (
        "PEM",
        "-----BEGIN PRIVATE KEY-----\nKXLDDVafplO8hc4XYKnyO4TNFl+o8TqDzBVep/A5gssUXabvOIHKE1yl7jeAyRJb\npO02f8gRWqPsNX7HEFmi6zR9xg9YoeozfMUOV6DpMnvEDVaf6DF6wwxVnucwecIL\n-----END PRIVATE KEY-----\n",
        "pO02f8gRWqPsNX7HEFmi6zR9xg9YoeozfMUOV6DpMnvEDVaf6DF6wwxVnucwecIL",
    ),
    ("PIN", "4821", "4821"),
];

const INNOCENT: &[&str] = &[
    "the quick brown fox jumps over the lazy dog while a correct horse in Welcome hall staples planted trees",
    "commit 5a3bf4f1b2b0b822cd15d6c15b0f00a089f86d08 fixes the password rotation of the token service, see 148213",
    "550e8400-e29b-41d4-a716-446655440000 10.0.0.1 2026-11-24T08:36:07.123456Z id=9f86 took=12ms [1, 2, 3, 4, 5, 6, 7]",
    "naïve café — “quoted” … ‘x’ 漢字 🙂, ключ и замок, 1984 and 1999, true or false, prod and dev",
];

/// Written in pieces of seven bytes with a pause after each, these show a little more than as a whole: a word of a dump that
/// is not finished, deflate data without a header before enough of it is there to see what it is, the first characters
/// of a text that is numbered with more than numbers or stands behind the same words on every line, the first of several
/// byte strings or words, and what is erased only later.
const DIFFERENT_IN_PIECES: &[(&str, &str)] = &[
    ("dumps", "od -c"),
    ("dumps", "xxd -b"),
    ("compressed", "deflate, base64"),
    ("reshaped", "indexed"),
    ("Debug of bytes", "byte strings"),
    ("words", "two bytes, without a prefix"),
    ("terminal", "erased"),
    ("terminal", "cursor"),
    ("records", "in a log"),
    ("records", "character and code"),
    ("records", "characters"),
    ("records", "JSON lines"),
];

/// Letters, digits and bytes above ASCII.
fn visible(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .filter(|b| b.is_ascii_alphanumeric() || **b >= 0x80)
        .count()
}

fn without_tokens(bytes: &[u8]) -> Vec<u8> {
    let text: String = bytes.iter().map(|b| char::from(*b)).collect();
    text.replace(TOKEN, "").chars().map(|c| c as u8).collect()
}

/// Hidden, and nothing around it changed.
fn is_hidden(out: &[u8], value: &[u8], leak: &Formatted) -> bool {
    let kept = out.starts_with(BEFORE.as_bytes()) && out.ends_with(AFTER.as_bytes());
    let inner =
        &out[BEFORE.len().min(out.len())..out.len().saturating_sub(AFTER.len()).max(BEFORE.len().min(out.len()))];
    let rest = without_tokens(inner);
    let left = visible(&rest);
    // Of a short value little stands among the rest.
    let around = if leak.around > 0.3 && value.len() < 8 {
        0.95
    } else {
        leak.around
    };
    kept && rest.len() < leak.bytes.len()
        && left as f64 <= around * visible(&leak.bytes) as f64
        && memchr::memmem::find(out, value).is_none()
}

#[derive(Default)]
struct Score {
    right: BTreeMap<&'static str, (usize, usize)>,
    wrong: Vec<String>,
}

impl Score {
    fn add(&mut self, family: &'static str, good: bool, told: impl FnOnce() -> String) {
        let (right, of) = self.right.entry(family).or_default();
        *right += usize::from(good);
        *of += 1;
        if !good {
            self.wrong.push(told());
        }
    }

    #[expect(clippy::print_stdout, reason = "the score is what a reader runs this for")]
    fn tell(self, title: &str) {
        println!("\n| {title} | right | of |\n|---|---:|---:|");
        for (family, (right, of)) in &self.right {
            println!("| {family} | {right} | {of} |");
        }
        assert!(
            self.wrong.is_empty(),
            "{} wrong:\n{}",
            self.wrong.len(),
            self.wrong.join("\n")
        );
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(400)]).into_owned()
}

#[test]
fn every_form_of_every_secret_is_hidden() {
    let mut score = Score::default();
    for (name, value) in secrets() {
        let redactor = learn(&[&value]);
        for Formatter {
            family,
            name: how,
            make,
        } in formatters::all()
        {
            let Some(leak) = make(&value) else { continue };
            let text = [BEFORE.as_bytes(), &leak.bytes, AFTER.as_bytes()].concat();
            let whole = redactor.bytes(&text).into_owned();
            let split = live(&redactor, text.chunks(7));
            let known = DIFFERENT_IN_PIECES.contains(&(family, how));
            let good = is_hidden(&whole, &value, &leak)
                && stream(&redactor, text.chunks(7)) == whole
                && (split == whole || known && memchr::memmem::find(&split, &value).is_none());
            score.add(family, good, || {
                format!(
                    "{family}/{how} of {name}{}:\n  in    {}\n  out   {}\n  split {}",
                    if split == whole { "" } else { ", in pieces" },
                    shown(&leak.bytes),
                    shown(&whole),
                    shown(&split)
                )
            });
        }
    }
    score.tell("hidden");
}

#[test]
fn parts_of_values_are_hidden_by_themselves() {
    let mut score = Score::default();
    for (name, value, part) in PARTS {
        let redactor = learn(&[value.as_bytes()]);
        let text = format!("{BEFORE}{part}{AFTER}");
        let out = redactor.text(&text);
        score.add("parts", out == format!("{BEFORE}{TOKEN}{AFTER}"), || {
            format!("{name}: {out}")
        });
    }
    score.tell("parts");
}

#[test]
fn innocent_text_and_near_misses_stay_in_every_form() {
    let values = secrets();
    let all: Vec<&[u8]> = values
        .iter()
        .map(|(_, value)| value.as_slice())
        .chain([b"4821".as_slice(), b"true", b"1984"])
        .collect();
    let redactor = learn(&all);
    let mut score = Score::default();
    let mut texts: Vec<Vec<u8>> = INNOCENT.iter().map(|text| text.as_bytes().to_vec()).collect();
    // One character in the middle is another one.
    for (_, value) in values.iter().filter(|(_, value)| value.is_ascii()) {
        let mut near = value.clone();
        let middle = (near.len() / 2..near.len())
            .find(|i| near[*i].is_ascii_alphanumeric())
            .unwrap_or(0);
        near[middle] = if near[middle] == b'k' { b'z' } else { b'k' };
        texts.push(near);
    }
    for text in texts {
        for Formatter { family, name, make } in formatters::all() {
            let Some(form) = make(&text) else { continue };
            let out = redactor.bytes(&form.bytes).into_owned();
            score.add(family, out == form.bytes, || {
                format!("{family}/{name}:\n  in  {}\n  out {}", shown(&form.bytes), shown(&out))
            });
        }
    }
    score.tell("left alone");
}

/// Longer numbers, decimals and identifiers that hold the digits of a secret, words that are pieces of one, and characters
/// on lines of which a blank is another one.
#[test]
fn near_misses_of_numbers_words_and_blanks_stay() {
    let redactor = learn(&[
        b"482915703846",
        b"4821",
        b"hunter22",
        b"Welcome1",
        b"correct horse planted staple",
    ]);
    let spelled = |text: &str| text.chars().map(|c| format!("{c}\n")).collect::<String>();
    for text in [
        "9482915703846 4829157038467 3.482915703846 482915703846.5 0.10482915703846e-5",
        "148213 3.4821 4821.5 3.04821975 10.0.4821.1 v4.4821 550e8400-e29b-4821-a716-446655440000",
        "hunter\n22 deer, hunter 22, hunter-22\nWelcome\n1 guest",
        &spelled("correct_horse planted staple"),
        &spelled("correct horse planted.staple"),
        &spelled("correct horse-planted staple"),
    ] {
        assert_eq!(redactor.text(text), text);
    }
    for text in [
        "482915703846",
        "id=482915703846.",
        "(4821)",
        "4821, 4821.",
        &spelled("correct horse planted staple"),
    ] {
        assert!(redactor.text(text).contains(TOKEN), "{text}");
    }
}

#[test]
fn a_secret_inside_another_is_hidden_with_it() {
    let redactor = learn(&[
        b"plantedT0ken9xQ4vLw8Zr2Kd7",
        b"T0ken9xQ4vLw",
        b"prefix-plantedT0ken9xQ4vLw8Zr2Kd7-suffix",
    ]);
    for text in [
        "plantedT0ken9xQ4vLw8Zr2Kd7",
        "T0ken9xQ4vLw",
        "prefix-plantedT0ken9xQ4vLw8Zr2Kd7-suffix",
    ] {
        assert_eq!(redactor.text(&format!("<{text}>")), format!("<{TOKEN}>"));
    }
}

/// Runs a program of the machine, if it is there.
pub(crate) fn tool(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    use std::io::Write as _;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(input).ok()?;
    let done = child.wait_with_output().ok()?;
    done.status.success().then_some(done.stdout)
}
