//! Time and randomness, as constructor arguments of the domain types.

use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::Error;

/// Milliseconds since 1970.
pub trait Clock: Debug + Send + Sync {
    /// Now.
    fn now_ms(&self) -> i64;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_millis() as i64)
    }
}

/// A source of random bytes that nobody can predict.
pub trait Entropy: Debug + Send + Sync {
    /// Fills the buffer.
    ///
    /// # Errors
    /// `TEMPORARILY_UNAVAILABLE` when the system gives none.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Error>;
}

/// The operating system's randomness, through aws-lc.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Error> {
        aws_lc_rs::rand::fill(buffer).map_err(|_| Error::unavailable("the system gives no randomness"))
    }
}

/// `N` fresh random bytes.
///
/// # Errors
/// As [`Entropy::fill`].
pub fn random<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}
