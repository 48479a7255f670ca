//! What the standard library says on standard error before it ends the process because memory could not be had.
//!
//! It is the only trace of the size that was asked for. The lines are held back until it is known whether the process ended
//! over them: then they become the cell's error, without the addresses and paths that follow them.
//!
//! Invariant: every byte that is not of such a message comes out, in order.

use std::time::{Duration, Instant};

const BEFORE: &[u8] = b"memory allocation of ";
const AFTER: &[u8] = b" bytes failed";

/// Beginnings of the lines that follow, trimmed.
const NOISE: &[&[u8]] = &[b"stack backtrace:", b"note: ", b"at "];

/// More than any backtrace: then it is none.
const HELD_BYTES_MAX: usize = 64 * 1024;

/// How long what may be the beginning of the message is held back, and how long the message is until the process ends.
const BEGINNING_TIME_MAX: Duration = Duration::from_millis(30);
const MESSAGE_TIME_MAX: Duration = Duration::from_secs(2);

/// Looks through one process's standard error.
#[derive(Default)]
pub(crate) struct Alarm {
    held: Vec<u8>,
    since: Option<Instant>,
    /// The last byte that came out ended no line.
    inside_line: bool,
}

impl Alarm {
    /// Takes what was read, and gives what is not held back.
    pub(crate) fn push(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        let mut all = if self.held.is_empty() {
            bytes
        } else {
            [std::mem::take(&mut self.held), bytes].concat()
        };
        let start = self.start(&all).unwrap_or(all.len());
        if all.len() - start <= HELD_BYTES_MAX {
            self.held = all.split_off(start);
        }
        self.since = (!self.held.is_empty()).then(|| self.since.unwrap_or_else(Instant::now));
        self.note(&all);
        all
    }

    /// How long to wait before [`Alarm::release`] may give something.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let longest = if size(&self.held).is_some() {
            MESSAGE_TIME_MAX
        } else {
            BEGINNING_TIME_MAX
        };
        Some(longest.saturating_sub(self.since?.elapsed()))
    }

    /// What is held back: it has been for too long, or nothing more will come.
    pub(crate) fn release(&mut self) -> Vec<u8> {
        self.since = None;
        let held = std::mem::take(&mut self.held);
        self.note(&held);
        held
    }

    /// The process aborted: how many bytes it had asked for, if that was why, and what else was held back.
    pub(crate) fn aborted(&mut self) -> (Option<String>, Vec<u8>) {
        let Some(size) = size(&self.held).map(str::to_owned) else {
            return (None, self.release());
        };
        self.since = None;
        let held = std::mem::take(&mut self.held);
        let lines = held.split_inclusive(|byte| *byte == b'\n').skip(1);
        (
            Some(size),
            lines.filter(|line| !is_noise(line)).flatten().copied().collect(),
        )
    }

    fn note(&mut self, passed: &[u8]) {
        if let Some(last) = passed.last() {
            self.inside_line = *last != b'\n';
        }
    }

    /// Where the message starts, or may start: at the beginning of a line.
    fn start(&self, bytes: &[u8]) -> Option<usize> {
        let first = (!self.inside_line).then_some(0);
        let others = memchr::memchr_iter(b'\n', bytes).map(|at| at + 1);
        first.into_iter().chain(others).find(|at| {
            let rest = &bytes[*at..];
            !rest.is_empty() && (BEFORE.starts_with(rest) || size(rest).is_some() || may_become(rest))
        })
    }
}

/// The number in the message, if `bytes` starts with a whole one.
fn size(bytes: &[u8]) -> Option<&str> {
    let rest = bytes.strip_prefix(BEFORE)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0 && rest[digits..].starts_with(AFTER)).then(|| std::str::from_utf8(&rest[..digits]).ok())?
}

/// Whether more bytes could make it one: its parts are written one after the other.
fn may_become(bytes: &[u8]) -> bool {
    bytes.strip_prefix(BEFORE).is_some_and(|rest| {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        digits <= 20 && AFTER.starts_with(&rest[digits..])
    })
}

fn is_noise(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_frame = digits > 0 && line[digits..].starts_with(b": ");
    line.is_empty() || is_frame || NOISE.iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "memory allocation of 64 bytes failed\nstack backtrace:\n   0: std::alloc::rust_oom\n             \
        at /rustc/x/library/std/src/alloc.rs:424:5\nnote: Some details are omitted\n";

    #[test]
    fn the_message_becomes_a_size() {
        let text = format!("before\n{MESSAGE}of a thread\n");
        for split in 0..=text.len() {
            let mut alarm = Alarm::default();
            let (one, other) = text.split_at(split);
            let mut passed = alarm.push(one.into());
            passed.extend(alarm.push(other.into()));
            assert_eq!(String::from_utf8_lossy(&passed), "before\n", "{split}");
            let (size, rest) = alarm.aborted();
            assert_eq!((size.as_deref(), rest.as_slice()), (Some("64"), &b"of a thread\n"[..]));
        }
    }

    #[test]
    fn all_else_comes_out() {
        for text in [
            "",
            "memory",
            "a memory allocation of 64 bytes failed\n",
            "memory allocation of x bytes failed\n",
            "memory allocation of 64 bytes succeeded\nmem",
            "x\n\nmemory allocation of 1 bytes failed",
        ] {
            for split in 0..=text.len() {
                let mut alarm = Alarm::default();
                let (one, other) = text.split_at(split);
                let mut passed = alarm.push(one.into());
                passed.extend(alarm.push(other.into()));
                passed.extend(alarm.release());
                assert_eq!(String::from_utf8_lossy(&passed), text, "{split}");
            }
        }
    }

    #[test]
    fn only_a_message_is_held_back() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.push(b"m".to_vec()), b"");
        assert!(alarm.time_left().is_some());
        assert_eq!(alarm.push(b"ore\n".to_vec()), b"more\n");
        assert_eq!(alarm.time_left(), None);
        let long = [MESSAGE.as_bytes(), &vec![b'x'; HELD_BYTES_MAX]].concat();
        assert_eq!(alarm.push(long.clone()), long);
    }
}
