//! A user of the built binary: a home of their own, and what they see.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "for tests only, which fail by panicking"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A temporary home. Dropping it stops the embedded service that was started in it.
pub struct User {
    home: tempfile::TempDir,
}

/// What a command showed.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl User {
    pub fn new() -> Self {
        User {
            home: tempfile::Builder::new().prefix("sealbook-cli-").tempdir().unwrap(),
        }
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.home.path().join(below)
    }

    /// Runs `sealbook` with this line's words.
    pub fn run(&self, line: &str) -> Seen {
        self.run_with(line, "", &[])
    }

    /// Runs `sealbook` with standard input and further environment variables.
    pub fn run_with(&self, line: &str, input: impl AsRef<[u8]>, env: &[(&str, &str)]) -> Seen {
        let words: Vec<_> = line.split_whitespace().collect();
        self.run_words(&words, input, env)
    }

    /// Runs `sealbook` with arguments that hold blanks.
    pub fn run_words(&self, words: &[&str], input: impl AsRef<[u8]>, env: &[(&str, &str)]) -> Seen {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealbook"));
        command
            .args(words)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("SEALBOOK_HOME", self.path("sealbook"))
            .env("SEALBOOK_IDLE_SECONDS", "20")
            .envs(env.iter().copied())
            .current_dir(self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for name in ["CARGO_HOME", "RUSTUP_HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let mut child = command.spawn().unwrap();
        // A command that does not read its input closes the pipe; that is its right.
        let _ = child.stdin.take().unwrap().write_all(input.as_ref());
        seen(child.wait_with_output().unwrap())
    }

    /// Runs a command that must succeed, and gives its standard output.
    #[track_caller]
    pub fn ok(&self, line: &str) -> String {
        self.run(line).ok()
    }

    /// The embedded services that run in folders of this home.
    pub fn services(&self) -> Vec<u32> {
        let home = self.path("").into_os_string().into_encoded_bytes();
        let is_ours = |pid: &u32| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let has = |wanted: &[u8]| words.windows(wanted.len()).any(|window| window == wanted);
            has(&home) && has(b"\0serve\0")
        };
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(is_ours).collect()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        for pid in self.services() {
            let _ = Command::new("kill").arg(pid.to_string()).stderr(Stdio::null()).status();
        }
    }
}

impl Seen {
    /// The standard output of a command that must have succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.status, 0, "{self:?}");
        self.out
    }

    /// Asserts that the command failed with `status`, printed nothing to standard output, and said all of `texts`.
    #[track_caller]
    pub fn failed(self, status: i32, texts: &[&str]) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        for text in texts {
            assert!(self.err.contains(text), "{text:?} is not in {self:?}");
        }
        assert!(!self.err.contains("panicked"), "{self:?}");
    }
}

fn seen(output: Output) -> Seen {
    Seen {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Writes a file and gives its path as text.
pub fn file(path: &Path, content: impl AsRef<[u8]>) -> String {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
    path.display().to_string()
}
