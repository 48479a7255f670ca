//! Starts the embedded service when nobody listens on its socket, the way gpg-agent is started.
//!
//! 1. Take `run/start.lock`, so that of many clients one starts the service and the others wait.
//! 2. Somebody else may have started it meanwhile: try to connect.
//! 3. Run this executable as `serve --embedded --home DIR`, in a process group of its own, with an allow-listed
//!    environment (no token of the caller's reaches it) and its standard error in `service.log`.
//! 4. Read one line from its standard output: `ready`, or `error: …` with what to do.
//! 5. Release the lock (by closing the file).

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};

use super::error::{ClientError, ServiceUnreachable};
use super::home::Home;

/// How long the service may take to open its database and listen.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of the longest path that a unix socket address holds on Linux, without its final zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// What the service may inherit from whoever starts it.
const ENVIRONMENT: [&str; 8] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "SEALBOOK_LOG",
    "SEALBOOK_IDLE_SECONDS",
];

/// The embedded service of one home.
#[derive(Debug)]
pub(super) struct Embedded {
    home: Home,
    /// Keeps `/proc/self/fd/N` valid where the socket's path is too long for a socket address.
    run_folder: File,
}

impl Embedded {
    pub(super) fn new(home: Home) -> Result<Self, ClientError> {
        home.prepare()?;
        let run_folder = File::open(home.run_folder()).map_err(|error| {
            ClientError::Configuration(format!("cannot open {}: {error}", home.run_folder().display()))
        })?;
        Ok(Self { home, run_folder })
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// The path to connect to: the socket's own, or a short alias of it.
    pub(super) fn socket_to_connect(&self) -> PathBuf {
        let socket = self.home.socket();
        if socket.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
            return socket;
        }
        PathBuf::from(format!("/proc/self/fd/{}/service.sock", self.run_folder.as_raw_fd()))
    }

    /// Returns when the service listens.
    pub(super) async fn ensure_started(&self, client: &super::Client) -> Result<(), ClientError> {
        let _lock = self.take_start_lock().await?;
        if tokio::net::UnixStream::connect(self.socket_to_connect()).await.is_ok() {
            return Ok(());
        }
        self.start().await.map_err(|reason| {
            ClientError::Unreachable(ServiceUnreachable {
                address: client.address().to_owned(),
                reason: format!("the embedded service did not start: {reason}"),
                check: format!("the service's log is {}", self.home.service_log().display()),
            })
        })
    }

    async fn take_start_lock(&self) -> Result<File, ClientError> {
        let path = self.home.start_lock();
        let locked = tokio::task::spawn_blocking({
            let path = path.clone();
            move || {
                let file = File::options().create(true).truncate(false).write(true).open(&path)?;
                file.lock()?;
                Ok::<_, std::io::Error>(file)
            }
        })
        .await
        .map_err(std::io::Error::other)
        .flatten();
        locked.map_err(|error| ClientError::Configuration(format!("cannot lock {}: {error}", path.display())))
    }

    async fn start(&self) -> Result<(), String> {
        let program = executable();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.home.service_log())
            .map_err(|error| format!("cannot write {}: {error}", self.home.service_log().display()))?;
        let mut child = tokio::process::Command::new(&program)
            .args(["serve", "--embedded", "--home"])
            .arg(self.home.path())
            .env_clear()
            .envs(
                ENVIRONMENT
                    .iter()
                    .filter_map(|name| std::env::var_os(name).map(|value| (name, value))),
            )
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .kill_on_drop(false)
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        let stdout = child.stdout.take().ok_or("its standard output is missing")?;
        let mut line = String::new();
        let read = tokio::time::timeout(START_TIMEOUT, BufReader::new(stdout).read_line(&mut line)).await;
        match (read, line.trim_end()) {
            (Ok(Ok(_)), "ready") => Ok(()),
            (Ok(Ok(_)), line) if line.starts_with("error: ") => Err(line["error: ".len()..].to_owned()),
            (Ok(_), _) => Err("it ended without a word".into()),
            (Err(_), _) => {
                // It holds the lock of the service; a second one could not start beside it.
                child.start_kill().ok();
                Err(format!("it did not listen within {} s", START_TIMEOUT.as_secs()))
            }
        }
    }
}

/// `SEALBOOK_EXECUTABLE`, or the program that runs now, which is the one binary of the product.
fn executable() -> PathBuf {
    if let Some(path) = std::env::var_os("SEALBOOK_EXECUTABLE").filter(|value| !value.is_empty()) {
        return PathBuf::from(path);
    }
    match std::env::current_exe() {
        // After an upgrade the running file has no name any more, but can still be run.
        Ok(path) if path.exists() => path,
        _ => PathBuf::from("/proc/self/exe"),
    }
}
