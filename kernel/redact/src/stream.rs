//! Redacts what a program writes while it writes it.
//!
//! ```text
//!   push ──► pending ──► marked by three matchers ──► released ──► context
//!            (arrival     stdout alone, stderr alone,   up to the    (what a later match
//!             order)      both as they are shown        live suffix   may reach back into)
//! ```
//!
//! Writes are looked at together, every [`STEP_BYTES`], and whenever a timer or the program's end asks; so any split of the same
//! input gives the same output by construction, and many small writes cost one scan.
//!
//! Invariants: bytes leave in the order in which they came; any split of the same input gives the same output while no
//! timer fires; every byte that is not part of a match leaves unchanged.

use crate::held::{Held, ROOM_BYTES, wipe};
use crate::redaction::{self, Redaction};
use crate::redactor::Redactor;
use crate::scan::Match;
use crate::shown::Shown;
use crate::views::sextets;

/// Most bytes held back while they may begin a secret. Beyond it the start of the held text is masked: a secret this
/// long in its longest form (a pretty-printed list of bytes) has no honest twin.
pub const HOLD_BACK_BYTES_MAX: usize = 256 * 1024;

/// Released bytes kept to complete a match that began in them.
const CONTEXT_BYTES_MAX: usize = ROOM_BYTES / 2;

/// Bytes scanned at once: one huge write does not need memory in proportion, and many small ones are scanned together.
const STEP_BYTES: usize = 256 * 1024;

/// A held suffix with fewer bytes of a secret than this is released by the timer.
const TIMER_HOLDS_BYTES: usize = 4;

/// One of the two output streams of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Redacted bytes of one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Where they go.
    pub lane: Lane,
    /// What to write. Never ends inside a UTF-8 sequence unless the input does.
    pub bytes: Shown,
    /// What was hidden in them.
    pub redactions: Vec<Redaction>,
}

/// What a stream remembers for the next cell, so that a secret printed in two cells is caught.
#[derive(Default)]
pub struct Tail {
    stdout: Track,
    stderr: Track,
    merged: Track,
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tail")
    }
}

/// Original bytes that have already been released.
#[derive(Default)]
struct Track {
    context: Vec<u8>,
}

impl Drop for Track {
    fn drop(&mut self) {
        wipe(&mut self.context);
    }
}

impl Track {
    fn remember(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(2 * CONTEXT_BYTES_MAX)..];
        self.context.extend_from_slice(bytes);
        if self.context.len() > 2 * CONTEXT_BYTES_MAX {
            let cut = aligned(&self.context, self.context.len() - CONTEXT_BYTES_MAX);
            wipe(&mut self.context[..cut]);
            self.context.drain(..cut);
        }
    }
}

/// A place to cut a text at: base64 is read in groups of four characters, so a run of it is cut between groups.
fn aligned(text: &[u8], cut: usize) -> usize {
    cut - sextets::suffix(&text[..cut]) % 4
}

/// The redactor of one execution's output.
#[must_use = "a stream holds bytes back: finish it"]
pub struct StreamRedactor {
    redactor: Redactor,
    tail: Tail,
    pending: Held,
    /// Bytes that came since the last step.
    since_step: usize,
    /// Whose the pending bytes are, in order.
    lanes: Vec<(Lane, usize)>,
    /// Pending bytes that a token takes the place of.
    marks: Vec<Match>,
    /// Pending bytes before this one were followed by a boundary of the merge.
    merged_from: usize,
    /// What the redactor had learnt last when all that is pending was looked at.
    learnt: usize,
    /// Whether the last thing released on (stdout, stderr) was a token.
    after_token: [bool; 2],
}

impl StreamRedactor {
    pub(crate) fn new(redactor: Redactor, tail: Tail) -> Self {
        Self {
            redactor,
            tail,
            pending: Held::default(),
            since_step: 0,
            lanes: Vec::new(),
            marks: Vec::new(),
            merged_from: 0,
            learnt: 0,
            after_token: [false; 2],
        }
    }

    /// Takes bytes as the process wrote them. They are looked at every 256 KiB, wherever the writes
    /// were cut; what is safe then is given back. Less than that waits for [`advance`](Self::advance), a
    /// [`tick`](Self::tick) or the end.
    pub fn push(&mut self, lane: Lane, mut bytes: &[u8]) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        while !bytes.is_empty() {
            let (step, rest) = bytes.split_at(bytes.len().min(STEP_BYTES - self.since_step));
            bytes = rest;
            self.pending.push(step);
            match self.lanes.last_mut() {
                Some((last, n)) if *last == lane => *n += step.len(),
                _ => self.lanes.push((lane, step.len())),
            }
            self.since_step += step.len();
            if self.since_step == STEP_BYTES {
                self.since_step = 0;
                chunks.append(&mut self.advance());
            }
        }
        chunks
    }

    /// Gives back what is safe now: all but the longest suffix that may begin a secret.
    pub fn advance(&mut self) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        if !self.pending.is_empty() {
            let (hold, _) = self.examine(false);
            self.release(hold, &mut chunks);
            let excess = self.pending.len().saturating_sub(HOLD_BACK_BYTES_MAX);
            if excess > 0 {
                self.mask_start(excess);
                self.release(excess, &mut chunks);
            }
        }
        chunks
    }

    /// For a timer of a few tens of milliseconds, so that output is live: gives back what is safe, and a held suffix that is
    /// too short to reveal anything.
    pub fn tick(&mut self) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        if !self.pending.is_empty() {
            let (hold, secret_bytes) = self.examine(false);
            let hold = if secret_bytes < TIMER_HOLDS_BYTES {
                self.pending.len()
            } else {
                hold
            };
            self.release(hold, &mut chunks);
        }
        chunks
    }

    /// Whether bytes are held back, so that a timer is worth running.
    pub fn is_holding(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Something else was shown between two writes (a display, a cleared output): text of the two lanes no longer
    /// meets across it. Each lane by itself goes on.
    pub fn boundary(&mut self) {
        self.merged_from = self.pending.len();
        wipe(&mut self.tail.merged.context);
        self.tail.merged.context.clear();
    }

    /// Releases everything, because the program waits for input or its user must see all of it now.
    pub fn settle(&mut self) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        if !self.pending.is_empty() {
            self.examine(true);
            self.release(self.pending.len(), &mut chunks);
        }
        chunks
    }

    /// Releases everything at the end of an execution.
    #[must_use = "these are the last bytes of the output"]
    pub fn finish(mut self) -> (Vec<Chunk>, Tail) {
        let chunks = self.settle();
        (chunks, std::mem::take(&mut self.tail))
    }

    /// Marks pending bytes that belong to a match; returns how many pending bytes may leave and how many bytes of a
    /// secret the rest holds at most.
    fn examine(&mut self, complete: bool) -> (usize, usize) {
        self.learnt = self.redactor.index().learnt();
        let only = |lane: Lane| self.lanes.iter().all(|(l, _)| *l == lane);
        let mut hold = (self.pending.len(), 0);
        let tracks: &[Option<Lane>] =
            if only(Lane::Stdout) && self.tail.stderr.context.is_empty() && self.merged_from == 0 {
                &[Some(Lane::Stdout)]
            } else if only(Lane::Stderr) && self.tail.stdout.context.is_empty() && self.merged_from == 0 {
                &[Some(Lane::Stderr)]
            } else {
                &[Some(Lane::Stdout), Some(Lane::Stderr), None]
            };
        for track in tracks {
            let found = self.examine_track(*track, complete);
            hold = (hold.0.min(found.0), hold.1.max(found.1));
        }
        // A chunk does not end inside a character, nor inside a match.
        if !complete && hold.0 == self.pending.len() {
            hold.0 -= incomplete_utf8(self.pending.bytes());
        }
        hold
    }

    fn examine_track(&mut self, track: Option<Lane>, complete: bool) -> (usize, usize) {
        let context = match track {
            Some(Lane::Stdout) => &self.tail.stdout.context,
            Some(Lane::Stderr) => &self.tail.stderr.context,
            None => &self.tail.merged.context,
        };
        let index = self.redactor.index();
        let before = context.len();
        // The track's pieces: where they start in the text and in `pending`, and their length.
        let mut pieces: Vec<(usize, usize, usize)> = Vec::new();
        let (mut at, mut length) = (0, before);
        for (lane, n) in &self.lanes {
            let from = if track.is_none() { at.max(self.merged_from) } else { at };
            if track.is_none_or(|track| track == *lane) && from < at + n {
                pieces.push((length, from, at + n - from));
                length += at + n - from;
            }
            at += n;
        }
        // Nearly always all of it is one piece.
        let whole = pieces.len() == 1 && length - before == self.pending.len();
        let alone = whole.then(|| {
            self.pending
                .after(context, |text| index.scan_after(before, text, complete))
        });
        let scan = alone.flatten().unwrap_or_else(|| {
            let mut text = Vec::with_capacity(length);
            text.extend_from_slice(context);
            for (_, from, n) in &pieces {
                text.extend_from_slice(&self.pending.bytes()[*from..from + n]);
            }
            let scan = index.scan_after(before, &text, complete);
            wipe(&mut text);
            scan
        });
        for m in crate::redactor::join(scan.matches) {
            for (start, pending, n) in &pieces {
                let (from, to) = (m.start.max(*start), m.end.min(start + n));
                if from < to {
                    self.marks.push(Match {
                        start: pending + from - start,
                        end: pending + to - start,
                        ..m
                    });
                }
            }
        }
        match scan.live {
            Some(live) if live.from < length => {
                let from = live.from.max(before);
                let piece = pieces.iter().find(|(start, _, n)| from < start + n);
                let hold = piece.map_or(self.pending.len(), |(start, pending, _)| {
                    pending + from.saturating_sub(*start)
                });
                (hold, live.bytes)
            }
            _ => (self.pending.len(), 0),
        }
    }

    /// Too much is held: what was held longest becomes a token, if it is the beginning of a secret. A block of compressed
    /// data without an end is held too, and is no secret.
    fn mask_start(&mut self, bytes: usize) {
        let live = self.redactor.index().scan(self.pending.bytes(), false).live;
        if let Some(live) = live.filter(|live| live.secret != u32::MAX && live.bytes >= TIMER_HOLDS_BYTES) {
            let form = crate::Form::Truncated;
            self.marks.push(Match {
                start: 0,
                end: bytes,
                secret: live.secret,
                form,
                bytes,
            });
        }
    }

    /// Moves the first `n` pending bytes out, tokens in place of marked ones.
    fn release(&mut self, n: usize, chunks: &mut Vec<Chunk>) {
        let marks = crate::redactor::join(std::mem::take(&mut self.marks));
        let mut all = Vec::new();
        let mut next_mark = 0;
        let mut at = 0;
        for (lane, length) in &self.lanes {
            let (from, to) = (at, (at + length).min(n));
            at += length;
            if from >= to {
                break;
            }
            let track = match lane {
                Lane::Stdout => &mut self.tail.stdout,
                Lane::Stderr => &mut self.tail.stderr,
            };
            track.remember(&self.pending.bytes()[from..to]);
            if to > self.merged_from {
                self.tail
                    .merged
                    .remember(&self.pending.bytes()[from.max(self.merged_from)..to]);
            }
            if chunks.last().is_none_or(|chunk| chunk.lane != *lane) {
                chunks.push(Chunk {
                    lane: *lane,
                    bytes: Shown::new(self.learnt),
                    redactions: Vec::new(),
                });
            }
            let Some(chunk) = chunks.last_mut() else { continue };
            let after_token = &mut self.after_token[usize::from(*lane == Lane::Stderr)];
            let mut i = from;
            while i < to {
                while marks.get(next_mark).is_some_and(|m| m.end <= i) {
                    next_mark += 1;
                }
                match marks.get(next_mark).filter(|m| m.start <= i) {
                    Some(m) => {
                        if !*after_token {
                            chunk.bytes.push(crate::TOKEN.as_bytes());
                            let named = self.redactor.named(m);
                            redaction::add(&mut chunk.redactions, std::slice::from_ref(&named));
                            redaction::add(&mut all, &[named]);
                        }
                        *after_token = true;
                        i = m.end.min(to);
                    }
                    None => {
                        let end = marks.get(next_mark).map_or(to, |m| m.start.min(to));
                        chunk.bytes.push(&self.pending.bytes()[i..end]);
                        *after_token = false;
                        i = end;
                    }
                }
            }
        }
        chunks.retain(|chunk| !chunk.bytes.is_empty());
        self.pending.drop_first(n);
        let mut gone = n;
        self.lanes.retain_mut(|(_, length)| {
            let take = gone.min(*length);
            gone -= take;
            *length -= take;
            *length > 0
        });
        let rest = marks.into_iter().filter(|m| m.end > n);
        self.marks = rest
            .map(|m| Match {
                start: m.start.saturating_sub(n),
                end: m.end - n,
                ..m
            })
            .collect();
        self.merged_from = self.merged_from.saturating_sub(n);
        self.redactor.count(&all);
    }
}

impl std::fmt::Debug for StreamRedactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StreamRedactor")
    }
}

/// Length of an unfinished UTF-8 sequence at the end.
fn incomplete_utf8(bytes: &[u8]) -> usize {
    for n in 1..=bytes.len().min(3) {
        let byte = bytes[bytes.len() - n];
        let needs = match byte {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            0x80..=0xBF => continue,
            _ => return 0,
        };
        return if n < needs { n } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn a_secret_in_two_writes_is_one_token() {
        let redactor = Redactor::new();
        let secret = Secret::new("s", "k", b"planted-value-1".to_vec());
        assert_eq!(redactor.learn(&secret).notice(), None);
        let mut stream = redactor.stream(Tail::default());
        let mut out = Vec::new();
        for part in ["a plan", "ted-val", "ue-1 b"] {
            out.extend(
                stream
                    .push(Lane::Stdout, part.as_bytes())
                    .into_iter()
                    .flat_map(|c| c.bytes),
            );
        }
        let (last, _) = stream.finish();
        out.extend(last.into_iter().flat_map(|c| c.bytes));
        assert_eq!(String::from_utf8(out).unwrap(), "a [REDACTED] b");
    }
}
