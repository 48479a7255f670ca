//! Whatever a peer sends to a socket, in whatever pieces: it is read the same way, never fatal, and without the key no
//! message passes.
//!
//! The input is a connection's bytes from its greeting on; the last byte chooses the socket's type and the pieces.

#![no_main]

#[path = "../../kernel/redact/tests/support/random.rs"]
mod random;

use libfuzzer_sys::fuzz_target;
use random::Random;
use sealbook_wire::fuzzing::{SocketType, hear};
use sealbook_wire::{Bytes, Message, Signer};

fuzz_target!(|data: &[u8]| {
    let Some((&choice, bytes)) = data.split_last() else {
        return;
    };
    let own = [SocketType::Router, SocketType::XPub][usize::from(choice % 2)];
    let mut random = Random(u64::from(choice));
    let pieces = hear(bytes, own, move |most| 1 + random.below(most));
    let whole = hear(bytes, own, |most| most);
    assert_eq!(pieces, whole, "the pieces matter");
    let read: usize = whole.messages().flatten().map(Bytes::len).sum();
    assert!(read <= bytes.len(), "more came out than went in");
    // Nobody outside knows this key, so nothing passes.
    let signer = Signer::new(b"planted-key-of-the-fuzz-target");
    let unsigned = Signer::new(b"");
    for frames in whole.messages() {
        assert!(
            Message::decode(frames.clone(), &signer).is_err(),
            "a forged message passed"
        );
        if let Ok(message) = Message::decode(frames.clone(), &unsigned) {
            let again = Message::decode(message.clone().encode(&unsigned), &unsigned);
            assert_eq!(again.ok(), Some(message), "a message changed on its way");
        }
    }
});
