//! What a command says when it cannot do its job, and the exit status that goes with it.
//!
//! A failure has three parts: what happened, where, and what to do next. The first two are the message, the last the
//! hints. No failure holds a value.
//!
//! | status | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | the command failed: refused by the service, a cell failed, a check found something wrong |
//! | 2 | usage: a flag or an argument is wrong; nothing was done |
//! | 3 | the service cannot be reached or started |
//! | 130 | interrupted; what there was is saved |
//! | 138 | the kernel died during a run |

use std::fmt;
use std::io::Write;

/// The table of exit statuses as `sealbook help` shows it.
pub const EXIT_STATUSES: &str = "\
Exit status:
  0    done
  1    the command failed: refused by the service, a cell failed, a check found something wrong
  2    usage: a flag or an argument is wrong; nothing was done
  3    the service cannot be reached or started
  130  interrupted; what there was is saved
  138  the kernel died during a run

Environment:
  SEALBOOK_HOME   data folder (default: $XDG_DATA_HOME/sealbook or ~/.local/share/sealbook)
  SEALBOOK_HOST   address of a shared service; without it, the embedded service of the user is used and started on demand
  SEALBOOK_TOKEN  token for the shared service";

/// Why the process ends with a status other than 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 1: the command failed.
    Failed,
    /// 2: wrong flag or argument.
    Usage,
    /// 3: no service.
    Unreachable,
    /// 130: interrupted by the user.
    Interrupted,
    /// 138: the kernel died.
    #[cfg(feature = "kernel")]
    KernelDied,
}

impl Status {
    /// The number the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Status::Failed => 1,
            Status::Usage => 2,
            Status::Unreachable => 3,
            Status::Interrupted => 130,
            #[cfg(feature = "kernel")]
            Status::KernelDied => 138,
        }
    }
}

/// A command's failure, ready to be shown.
#[derive(Debug)]
pub struct Failure {
    status: Status,
    message: String,
    hints: Vec<String>,
}

/// What every command returns.
pub type Outcome = Result<(), Failure>;

impl Failure {
    /// A failure with status 1. `message` says what happened and where, in one sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Failure {
            status: Status::Failed,
            message: message.into(),
            hints: Vec::new(),
        }
    }

    /// A wrong flag, argument or input file (status 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Failure::new(message).status(Status::Usage)
    }

    /// An operating system error while doing `what` (for example `read /etc/token`).
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        Failure::new(format!("cannot {what}: {}", plain(error)))
    }

    /// A failure whose explanation was already printed; only the status is left to give.
    pub fn silent(status: Status) -> Self {
        Failure {
            status,
            message: String::new(),
            hints: Vec::new(),
        }
    }

    /// Adds what the user can do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Replaces the exit status.
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// Writes the failure to standard error and gives the exit status.
    pub fn report(&self) -> u8 {
        if !self.message.is_empty() {
            let mut text = format!("sealbook: {}\n", self.message.trim_end());
            for hint in &self.hints {
                text.push_str(&format!("  {hint}\n"));
            }
            // A closed standard error leaves nobody to tell; the status still says it.
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
        self.status.code()
    }
}

/// An I/O error without the `(os error N)` that std appends.
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(at) => text[..at].to_string(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_those_of_the_documented_table() {
        for status in [Status::Failed, Status::Usage, Status::Unreachable, Status::Interrupted] {
            let row = format!("\n  {:<5}", status.code());
            assert!(EXIT_STATUSES.contains(row.trim_end()), "{status:?} is not in the table");
        }
    }

    #[test]
    fn io_errors_lose_their_number() {
        let error = std::io::Error::from_raw_os_error(2);
        assert_eq!(
            Failure::io("read x", &error).message,
            "cannot read x: No such file or directory"
        );
    }
}
