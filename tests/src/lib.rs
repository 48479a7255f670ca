//! A front end for end-to-end tests.
//!
//! ```text
//! test ── execute, request ──► FrontEnd ⇄ wire::Client ⇄ `sealbook kernel` (the release binary, in a House)
//!      ── expect_… ──────────►    │ every frame, byte for byte
//!                                 ▼
//!                            recording ── searched for planted secrets when the test ends
//! ```
//!
//! What: [`FrontEnd`] starts the kernel as a front end would, and takes messages one by one, in the order in which they came.
//! Why: a client that skips what it does not know hides doubled, late and misplaced messages.
//! Invariants: output that no test asserted fails the test at the cell's idle; a front end that is dropped with unread
//! messages fails the test; every recording is searched.

mod front_end;
mod house;
mod recording;

pub use front_end::{FrontEnd, Request};
pub use house::{House, PLANTED};
pub use sealbook_wire::connection::Channel;
pub use sealbook_wire::message::Object;
pub use sealbook_wire::{Bytes, Header, Message, Signer};
