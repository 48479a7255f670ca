//! An isolated user: every file that the product writes for it lies under one temporary folder, which is searched for
//! planted secrets at the end.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Scope, key and value of the secrets that [`House::plant`] stores.
pub const PLANTED: &[(&str, &str, &str)] = &[
    ("jdbc", "username", "planted_reader_0417"),
    ("jdbc", "password", "hunter2-planted-P@ss\"w'ord\\42"),
];

/// The user's folders.
pub struct House {
    root: tempfile::TempDir,
}

impl House {
    /// Folders for a user who has done nothing yet.
    #[must_use]
    pub fn new() -> House {
        let root = tempfile::Builder::new()
            .prefix("house-")
            .tempdir()
            .expect("a temporary folder");
        for name in ["home", "sealbook", "tmp", "work"] {
            std::fs::create_dir(root.path().join(name)).expect("a folder");
        }
        House { root }
    }

    /// The folder that holds everything.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The product's command line, as this user runs it.
    #[must_use]
    pub fn sealbook(&self) -> Command {
        let mut command = Command::new(binary());
        let home = std::env::var_os("HOME").unwrap_or_default();
        let of_the_machine =
            |name: &str, folder: &str| std::env::var_os(name).unwrap_or_else(|| Path::new(&home).join(folder).into());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("CARGO_HOME", of_the_machine("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", of_the_machine("RUSTUP_HOME", ".rustup"))
            .env("HOME", self.root().join("home"))
            .env("TMPDIR", self.root().join("tmp"))
            .env("SEALBOOK_HOME", self.root().join("sealbook"))
            .current_dir(self.root().join("work"));
        command
    }

    /// Stores the planted secrets. Their values go through standard input only.
    pub fn plant(&self) {
        self.run(&["secrets", "create-scope", "--scope", "jdbc"], "");
        for (scope, key, value) in PLANTED {
            self.run(&["secrets", "put", "--scope", scope, "--key", key], value);
        }
    }

    /// Runs a command that must succeed.
    pub fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .sealbook()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary under test starts");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(input.as_bytes())
            .expect("the command reads its input");
        let output = child.wait_with_output().expect("the command ends");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    /// Searches everything that this user's programs left behind, with the independent search in `tests/python/planted`.
    pub fn search(&self) {
        let values = tempfile::tempdir().expect("a temporary folder");
        let mut search = Command::new("python3");
        search
            .args(["-m", "planted"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("python"));
        for (scope, key, value) in PLANTED {
            let file = values.path().join(format!("{scope}-{key}"));
            std::fs::write(&file, value).expect("a file");
            search
                .arg("--secret-file")
                .arg(format!("{scope}/{key}={}", file.display()));
        }
        let output = search
            .arg(self.root())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .expect("python3 starts");
        let text = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
    }
}

impl Default for House {
    fn default() -> Self {
        House::new()
    }
}

impl Drop for House {
    /// Ends the embedded services, also those of other data folders, which would otherwise wait until they are idle long
    /// enough.
    fn drop(&mut self) {
        // With a slash at the end, or it would be the beginning of other names.
        let mine = self.root().join("").into_os_string().into_encoded_bytes();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
            let text = [read("cmdline"), read("environ")].concat();
            if process != std::process::id() && text.windows(mine.len()).any(|window| window == mine) {
                let _ = Command::new("kill").arg(process.to_string()).status();
            }
        }
    }
}

/// The release binary: the one that `cargo xtask test` made, or that of the target folder we run from.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("SEALBOOK_E2E_BINARY") {
        return path.into();
    }
    let own = std::env::current_exe().expect("a test knows its own path");
    let path = own
        .ancestors()
        .nth(2)
        .map(|folder| folder.join("sealbook"))
        .expect("tests lie in the target folder");
    assert!(
        path.is_file(),
        "{} is not there: build it with `cargo build --release` first",
        path.display()
    );
    path
}
