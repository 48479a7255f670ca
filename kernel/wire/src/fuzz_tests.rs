//! Fuzzing of everything that reads a peer's bytes: handshake, frames, signatures, messages.
//!
//! The corpus in `corpus/` is what libzmq and `jupyter_client` send. Each round changes a copy of a file and feeds it in
//! pieces. `SEALBOOK_FUZZ_ROUNDS` makes the run longer; a failure names its seed, which `SEALBOOK_FUZZ_SEED` repeats.

#[path = "../../redact/tests/support/random.rs"]
mod random;

use std::collections::HashSet;
use std::io;
use std::path::Path;

use bytes::Bytes;
use random::Random;

use crate::fuzzing::{self, Heard, MESSAGE_BYTES_MAX, SocketType};
use crate::{Message, Signer, WireError};

const KEY: &[u8] = b"planted-key";
/// Rounds of the usual run: about a second.
const ROUNDS: u64 = 20_000;

impl Random {
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        start..start + self.below((length - start).min(40) + 1)
    }
}

fn hear(bytes: &[u8], own: SocketType, mut random: Random) -> Heard {
    fuzzing::hear(bytes, own, move |most| 1 + random.below(most))
}

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "zmtp"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 9, "{paths:?}");
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// One to four changes: bits, bytes, ranges lost, doubled, moved in from another file, lengths that announce too much.
fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let length = bytes.len();
        let range = random.range(length);
        match random.below(9) {
            0 if length > 0 => bytes[random.below(length)] ^= 1 << random.below(8),
            1 if length > 0 => bytes[random.below(length)] = random.next() as u8,
            2 => drop(bytes.drain(range)),
            3 => {
                let doubled = bytes[range.clone()].to_vec();
                bytes.splice(range.start..range.start, doubled);
            }
            4 => {
                let foreign = random.range(other.len());
                bytes.splice(range, other[foreign].iter().copied());
            }
            5 => bytes.truncate(random.below(length + 1)),
            6 => {
                let announced = [u64::MAX, 1 << 63, 1 << 40, MESSAGE_BYTES_MAX as u64, 0][random.below(5)];
                let frame = [&[random.below(8) as u8 | 2][..], &announced.to_be_bytes()].concat();
                bytes.splice(range, frame);
            }
            7 => {
                let odd: [&[u8]; 5] = [b"\xff\xfe", b"\xed\xa0\x80", b"{\"a\":", b"1e999", b"<IDS|MSG>"];
                bytes.splice(range, odd[random.below(5)].iter().copied());
            }
            _ => {
                let nested = [b'[', b'{'][random.below(2)];
                bytes.splice(range, vec![nested; random.below(3000)]);
            }
        }
    }
}

fn rounds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("SEALBOOK_FUZZ_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEALBOOK_FUZZ_ROUNDS").unwrap_or(ROUNDS),
    }
}

/// Runs `round` for every seed; a panic is reported with its seed.
fn for_every_seed(round: impl Fn(&mut Random)) {
    for seed in rounds() {
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| round(&mut random)));
        assert!(outcome.is_ok(), "failed with SEALBOOK_FUZZ_SEED={seed}");
    }
}

fn own_type(bytes: &[u8]) -> SocketType {
    if bytes.windows(3).any(|window| window == b"SUB") {
        SocketType::XPub
    } else {
        SocketType::Router
    }
}

#[test]
fn the_corpus_itself_is_understood() {
    let mut types = HashSet::new();
    for bytes in corpus() {
        let heard = hear(&bytes, own_type(&bytes), Random(1));
        assert_eq!(heard.refused(), None);
        assert_eq!(heard.end(), Some(io::ErrorKind::UnexpectedEof));
        for frames in heard.messages().filter(|frames| frames.len() > 2) {
            let message = Message::decode(frames.clone(), &Signer::new(KEY)).unwrap();
            types.insert(message.msg_type().to_owned());
        }
    }
    assert!(types.len() >= 14, "{types:?}");
}

#[test]
fn changed_bytes_are_refused_or_read_the_same_way_in_any_pieces() {
    let corpus = corpus();
    let signed: HashSet<Vec<Bytes>> = corpus
        .iter()
        .flat_map(|bytes| {
            hear(bytes, own_type(bytes), Random(1))
                .messages()
                .filter_map(|frames| body(frames))
                .collect::<Vec<_>>()
        })
        .collect();
    for_every_seed(|random| {
        let (one, two) = (random.below(corpus.len()), random.below(corpus.len()));
        let mut bytes = corpus[one].clone();
        let own = own_type(&bytes);
        change(&mut bytes, &corpus[two], random);
        let heard = hear(&bytes, own, random.clone());
        random.next();
        assert_eq!(heard, hear(&bytes, own, random.clone()), "pieces matter");
        let read: usize = heard.messages().flatten().map(Bytes::len).sum();
        assert!(read <= bytes.len(), "more came out than went in");
        for frames in heard.messages() {
            // With the key: only what a client signed, byte for byte.
            if Message::decode(frames.clone(), &Signer::new(KEY)).is_ok() {
                let body = body(frames).unwrap();
                assert!(signed.contains(&body), "a changed message passed");
            }
            // Without: whatever passes keeps its meaning.
            let unsigned = Signer::new(b"");
            if let Ok(message) = Message::decode(frames.clone(), &unsigned) {
                let again = Message::decode(message.clone().encode(&unsigned), &unsigned).unwrap();
                assert_eq!(again, message);
            }
        }
    });
}

#[test]
fn well_signed_nonsense_is_malformed_and_never_fatal() {
    let corpus = corpus();
    let all: Vec<Vec<Bytes>> = corpus
        .iter()
        .flat_map(|bytes| {
            hear(bytes, own_type(bytes), Random(1))
                .messages()
                .filter(|frames| body(frames).is_some())
                .cloned()
                .collect::<Vec<_>>()
        })
        .collect();
    for_every_seed(|random| {
        let mut frames = all[random.below(all.len())].clone();
        let at = frames.iter().position(|frame| frame.as_ref() == b"<IDS|MSG>").unwrap();
        let other = &all[random.below(all.len())];
        for part in &mut frames[at + 2..at + 6] {
            if random.below(2) == 0 {
                let mut bytes = part.to_vec();
                change(&mut bytes, &other[random.below(other.len())], random);
                *part = bytes.into();
            }
        }
        // The sender knows the key.
        let signature = Signer::new(KEY).sign(frames[at + 2..at + 6].iter().map(Bytes::as_ref));
        frames[at + 1] = signature.into();
        let signer = Signer::new(KEY);
        match Message::decode(frames.clone(), &signer) {
            Ok(message) => {
                assert!(!message.msg_type().is_empty() || message.header.fields().contains_key("msg_type"));
                let again = Message::decode(frames, &signer);
                assert!(matches!(again, Err(WireError::DuplicateSignature)), "a replay passed");
            }
            Err(WireError::Malformed(_)) => {}
            Err(other) => panic!("{other}"),
        }
    });
}

/// Header, parent header, metadata and content: what a signature covers.
fn body(frames: &[Bytes]) -> Option<Vec<Bytes>> {
    let at = frames.iter().position(|frame| frame.as_ref() == b"<IDS|MSG>")?;
    Some(frames.get(at + 2..at + 6)?.to_vec())
}
