//! Learns secrets and rewrites everything that reveals them to `[REDACTED]`.
//!
//! Invariants: no Jupyter, no async, no logging; derives every form of a secret itself; has no getter; `Redacted<M>`
//! has one origin, [`Redactor::seal`].
