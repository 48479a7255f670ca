//! Whether a cell is over that may still wait for input: then nobody needs the answer.
//!
//! The thread that asks waits for a person. What ends the cell meanwhile (its process dies) is heard by another thread, and
//! this is how the first one learns of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

type Tell = Box<dyn FnOnce() + Send>;

/// Whether the cell is over. See [`crate::Host::input`].
#[derive(Default)]
pub struct Over(Mutex<State>);

#[derive(Default)]
struct State {
    is_over: bool,
    tell: Option<Tell>,
}

impl Over {
    /// A cell that goes on.
    pub fn new() -> Over {
        Over::default()
    }

    /// Calls `tell` once when the cell is over: now, if it is already. Whoever was to be told before no longer is.
    pub fn then(&self, tell: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        if !state.is_over {
            state.tell = Some(Box::new(tell));
            return;
        }
        drop(state);
        tell();
    }

    /// Whether the cell is over.
    pub fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// The cell is over.
    pub fn happens(&self) {
        let mut state = self.lock();
        state.is_over = true;
        let tell = state.tell.take();
        drop(state);
        if let Some(tell) = tell {
            tell();
        }
    }

    /// Nobody needs to be told any more.
    pub(crate) fn forget(&self) {
        self.lock().tell = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn who_waits_is_told_once() {
        let over = Over::new();
        let told = Arc::new(AtomicUsize::new(0));
        let tell = |amount: usize| {
            let told = Arc::clone(&told);
            move || {
                told.fetch_add(amount, Ordering::SeqCst);
            }
        };
        over.then(tell(1));
        over.forget();
        over.then(tell(10));
        over.then(tell(100));
        assert_eq!((over.is_over(), told.load(Ordering::SeqCst)), (false, 0));
        over.happens();
        over.happens();
        assert_eq!((over.is_over(), told.load(Ordering::SeqCst)), (true, 100));
        over.then(tell(1000));
        assert_eq!(told.load(Ordering::SeqCst), 1100);
    }
}
