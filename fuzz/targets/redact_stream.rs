//! Whatever a program writes, in whatever pieces, with and without pauses: no needle leaves, any split gives the same bytes,
//! and every other byte survives.
//!
//! The input's last byte chooses how the text before it is split, and, in its upper half, that the pieces go to standard
//! output and standard error in turn; the lowest values put it where a long stream is looked at in two steps. The mutator plants secrets in the forms that real formatters give them.

#![no_main]

#[path = "../../kernel/redact/tests/support/oracle.rs"]
mod oracle;
#[path = "../../kernel/redact/tests/support/random.rs"]
mod random;
#[path = "../../kernel/redact/tests/support/streams.rs"]
mod streams;

use std::sync::LazyLock;

use base64::Engine as _;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use oracle::{SECRETS, is_subsequence, parts};
use percent_encoding::NON_ALPHANUMERIC;
use random::Random;
use sealbook_redact::{Lane, Redactor, Tail};
use streams::{learn, live, stream};

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| learn(&SECRETS));

fuzz_target!(|data: &[u8]| {
    let Some((&choice, text)) = data.split_last() else {
        return;
    };
    let mut random = Random(u64::from(choice));
    let parts = parts(text, &mut random);
    if choice >= 128 {
        return in_turn(text, &parts);
    }
    if choice < 8 {
        return across_steps(text, &mut random);
    }
    let whole = stream(&REDACTOR, [text]);
    let split = stream(&REDACTOR, parts.iter().copied());
    check(&whole, text);
    check(&live(&REDACTOR, parts), text);
    assert_eq!(
        String::from_utf8_lossy(&split),
        String::from_utf8_lossy(&whole),
        "the split matters"
    );
});

/// A stream is looked at every so many bytes; the text stands where one such step ends, after words that fill it.
fn across_steps(text: &[u8], random: &mut Random) {
    const STEP_BYTES: usize = 256 * 1024;
    let before = STEP_BYTES - random.below(text.len() + 1);
    let mut long: Vec<u8> = b"some words, 10.0.0.1\n".iter().copied().cycle().take(before).collect();
    long.extend(text);
    let whole = stream(&REDACTOR, [&long[..]]);
    let split = stream(&REDACTOR, long.chunks(1 + random.below(STEP_BYTES)));
    check(&whole, &long);
    assert!(split == whole, "the split matters");
}

/// Pieces on both lanes: no needle in either, nor in what a reader of both sees.
fn in_turn(text: &[u8], parts: &[&[u8]]) {
    let mut stream = REDACTOR.stream(Tail::default());
    let mut chunks = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        chunks.extend(stream.push([Lane::Stdout, Lane::Stderr][i % 2], part));
    }
    chunks.extend(stream.finish().0);
    for lane in [Lane::Stdout, Lane::Stderr] {
        let own = chunks.iter().filter(|chunk| chunk.lane == lane);
        let out: Vec<u8> = own.flat_map(|chunk| chunk.bytes.iter().copied()).collect();
        let start = usize::from(lane == Lane::Stderr);
        let text = parts
            .iter()
            .skip(start)
            .step_by(2)
            .copied()
            .collect::<Vec<_>>()
            .concat();
        check(&out, &text);
    }
    let shown: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.bytes).collect();
    check(&shown, text);
}

fn check(out: &[u8], text: &[u8]) {
    for secret in SECRETS {
        let found = out.windows(secret.len()).any(|window| window == secret);
        assert!(!found, "a secret left: {}", String::from_utf8_lossy(out));
    }
    assert!(
        is_subsequence(out, text),
        "bytes were changed: {}",
        String::from_utf8_lossy(out)
    );
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random(u64::from(seed));
    if random.below(3) > 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let form = form(&mut random);
    if size + form.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    let at = random.below(size);
    data.copy_within(at..size, at + form.len());
    data[at..at + form.len()].copy_from_slice(&form);
    size + form.len()
});

/// One of the secrets, whole or in part, as some formatter writes it.
fn form(random: &mut Random) -> Vec<u8> {
    let secret = SECRETS[random.below(SECRETS.len())];
    let from = [0, random.below(secret.len())][random.below(2)];
    let piece = &secret[from..];
    let text = String::from_utf8_lossy(piece);
    let spread = |between: &str| text.chars().map(|c| format!("{c}{between}")).collect::<String>();
    match random.below(14) {
        0 | 1 => text.into_owned(),
        2 => format!("{text:?}"),
        3 => format!("{:?}", format!("{text:?}")),
        4 => format!("{piece:?}"),
        5 => format!("{piece:#04x?}"),
        6 => hex::encode(piece),
        7 => base64::engine::general_purpose::STANDARD.encode(piece),
        8 => base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([b"user:", piece].concat()),
        9 => percent_encoding::percent_encode(piece, NON_ALPHANUMERIC).to_string(),
        10 => spread(" "),
        11 => spread("\n"),
        12 => text.chars().map(|c| format!("\x1b[31m{c}\x1b[0m")).collect(),
        _ => format!("{:#?}", text.chars().collect::<Vec<_>>()),
    }
    .into_bytes()
}
