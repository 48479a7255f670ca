//! `print!` as notebooks expect it: text without a newline is shown at once, not when the next line ends.
//!
//! The standard library holds text back until its newline. A progress line that starts over with `\r` has none, so it
//! would show at the cell's end. In scope under the name of the standard macro, this one writes on after each call, as
//! long as there are not too many.
//!
//! `dbg!` is the standard macro too, but for the place that it names: the cell's, where that one names generated code.

use std::fmt::Debug;
use std::io::Write;
use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::{cell, places};

/// Length of a period.
const PERIOD_MS: u128 = 20;
/// Calls of one period after which text is written at once; a loop that prints more has its text joined.
const CALLS_MAX: u64 = 20;

/// Prints to standard output, and shows it at once.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => {{
        ::std::print!($($argument)*);
        $crate::printed();
    }};
}

/// Shows expressions and their values on standard error, and gives the values back.
#[macro_export]
macro_rules! dbg {
    () => {
        $crate::debugged_here()
    };
    ($value:expr $(,)?) => {
        // A `match`, so that temporaries of the expression live as long as in the standard macro.
        match $value {
            value => {
                $crate::debugged(::std::stringify!($value), &value);
                value
            }
        }
    };
    ($($value:expr),+ $(,)?) => {
        ($($crate::dbg!($value)),+,)
    };
}

/// Shows a place.
#[doc(hidden)]
#[track_caller]
pub fn debugged_here() {
    cell::say(&format!("[{}]\n", places::name(Location::caller())));
}

/// Shows a place, an expression and its value.
#[doc(hidden)]
#[track_caller]
pub fn debugged<T: Debug + ?Sized>(text: &str, value: &T) {
    cell::say(&format!("[{}] {text} = {value:#?}\n", places::name(Location::caller())));
}

/// Writes what standard output holds back, unless that has just been done very often.
#[doc(hidden)]
pub fn printed() {
    static START: OnceLock<Instant> = OnceLock::new();
    static PERIOD: AtomicU64 = AtomicU64::new(u64::MAX);
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let period = (START.get_or_init(Instant::now).elapsed().as_millis() / PERIOD_MS) as u64;
    if PERIOD.swap(period, Ordering::Relaxed) != period {
        CALLS.store(0, Ordering::Relaxed);
    }
    if CALLS.fetch_add(1, Ordering::Relaxed) < CALLS_MAX {
        let _ = std::io::stdout().flush();
    }
}
