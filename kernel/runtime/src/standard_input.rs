//! Standard input of the cells: a pipe into which answers of the front end are written, a line each.
//!
//! ```text
//! cell reads descriptor 0 ── "cell.read" ──► pump ── asked already, or a line is there ──► the read goes on
//!                                              └──── the front end is asked ── answer ───► line into the pipe, or its end
//! ```
//!
//! Crates that know evcxr print their request first and then read; all other code only reads, which is then the request.
//!
//! Invariant: what was typed for one cell is not there for the next.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use crate::sys;

/// Size asked for of the pipe: an answer longer than that is cut.
const PIPE_BYTES: i32 = 1 << 20;

/// A pipe is pages, the last of which may have no room left.
const PAGE_BYTES: usize = 4096;

/// The answer by which front ends say that whoever types has ended the input (Ctrl-D in Jupyter's console).
const END: &str = "\u{4}";

/// Who waits for an answer of the front end, and how it is told.
pub(crate) enum Asker {
    /// A call of `dbutils`, which gets the text as it is.
    Call(Sender<String>),
    /// Code that printed its request, and reads standard input.
    Printed,
    /// Code that reads standard input.
    Read(Sender<Found>),
}

/// What a read of standard input finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Line,
    End,
}

pub(crate) struct StandardInput {
    read_end: OwnedFd,
    /// The same end for us, which never waits: whether the other one does is as the cells, which share it, want it.
    unwaiting: OwnedFd,
    write_end: OwnedFd,
    /// Requests that were printed and have no answer yet.
    printed: AtomicUsize,
}

impl StandardInput {
    pub(crate) fn new() -> io::Result<StandardInput> {
        let (read_end, write_end) = sys::pipe()?;
        sys::enlarge_pipe(&write_end, PIPE_BYTES);
        sys::never_wait(&write_end)?;
        Ok(StandardInput {
            unwaiting: sys::reopen_unwaiting(&read_end)?,
            read_end,
            write_end,
            printed: AtomicUsize::new(0),
        })
    }

    /// The end that the cells read.
    pub(crate) fn of_cells(&self) -> &OwnedFd {
        &self.read_end
    }

    /// A cell begins: forgets what was typed for others and not read.
    pub(crate) fn clear(&self) {
        self.printed.store(0, Ordering::SeqCst);
        let mut ignored = [0; 4096];
        loop {
            // A process that an earlier cell left may read too: what was there may be gone by now.
            match sys::read(&self.unwaiting, &mut ignored) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Code has printed a request, which is put to the front end.
    pub(crate) fn request_printed(&self) {
        self.printed.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether a read will find something without asking.
    pub(crate) fn is_coming(&self) -> bool {
        // In this order: the line is there before the request is no longer open.
        self.printed.load(Ordering::SeqCst) > 0 || sys::readable_bytes(&self.read_end) > 0
    }

    /// Hands over an answer. False: it was too long, and the rest of it is dropped.
    pub(crate) fn answer(&self, text: String, asker: Asker) -> bool {
        match asker {
            Asker::Call(answer) => {
                let _ = answer.send(text);
                true
            }
            Asker::Printed => {
                let is_whole = self.write(&text);
                let _ = self
                    .printed
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1));
                is_whole
            }
            Asker::Read(answer) if text == END => {
                let _ = answer.send(Found::End);
                true
            }
            Asker::Read(answer) => {
                let is_whole = self.write(&text);
                let _ = answer.send(Found::Line);
                is_whole
            }
        }
    }

    /// Code reads a line; a line break inside the answer must not become the next answer.
    fn write(&self, text: &str) -> bool {
        let text = text.trim_end_matches(['\r', '\n']);
        // Nobody reads but the cell, which may not: what has no room now may never have any.
        let room = sys::pipe_bytes(&self.write_end).saturating_sub(sys::readable_bytes(&self.read_end) + PAGE_BYTES);
        let mut end = text.len().min(room);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let line = text[..end].replace(['\r', '\n'], " ") + "\n";
        sys::write_all(&self.write_end, line.as_bytes()).is_ok() && end == text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &StandardInput) -> String {
        let mut bytes = vec![0; sys::readable_bytes(input.of_cells())];
        let size = sys::read(input.of_cells(), &mut bytes).unwrap();
        String::from_utf8(bytes[..size].to_vec()).unwrap()
    }

    #[test]
    fn answers_are_lines() {
        let input = StandardInput::new().unwrap();
        let (sender, found) = std::sync::mpsc::channel();
        assert!(!input.is_coming());
        assert!(input.answer("one\r\ntwo\n".to_owned(), Asker::Read(sender.clone())));
        assert!(input.is_coming());
        assert_eq!((found.recv(), read(&input)), (Ok(Found::Line), "one  two\n".to_owned()));
        assert!(!input.is_coming());
        assert!(input.answer(END.to_owned(), Asker::Read(sender)));
        assert_eq!(found.recv(), Ok(Found::End));
        assert!(!input.is_coming());
    }

    #[test]
    fn a_printed_request_is_open_until_its_line_is_there() {
        let input = StandardInput::new().unwrap();
        input.request_printed();
        assert!(input.is_coming());
        assert!(input.answer("yes".to_owned(), Asker::Printed));
        assert!(input.is_coming());
        assert_eq!(read(&input), "yes\n");
        assert!(!input.is_coming());
        // Not for the next cell, neither the line nor the request.
        input.request_printed();
        assert!(input.answer("late".to_owned(), Asker::Printed));
        input.request_printed();
        input.clear();
        assert!(!input.is_coming());
    }

    #[test]
    fn an_answer_that_has_no_room_is_cut_and_does_not_wait() {
        let input = StandardInput::new().unwrap();
        assert!(!input.answer("ű".repeat(2 << 20), Asker::Printed));
        let mut line = String::new();
        while sys::readable_bytes(input.of_cells()) > 0 {
            line += &read(&input);
        }
        assert!(line.ends_with("ű\n") && line.len() > PAGE_BYTES, "{}", line.len());
    }
}
