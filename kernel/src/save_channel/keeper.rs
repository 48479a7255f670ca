//! The kernel's end: starts the holder at the first value and gives it every value.

use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{FOLDER_VARIABLE, HOLDER_ARGUMENT, KEY_BYTES, KEY_FILE, frame};

/// Time for a holder to start, and to learn a value.
const ANSWER: Duration = Duration::from_secs(5);

/// Gives the holder what the kernel learns; does nothing where no server's extension asked for it.
#[derive(Default)]
pub struct Keeper {
    folder: Option<PathBuf>,
    /// The connection file's key: names this kernel's folder, which the server can name too.
    connection_key: String,
    state: Mutex<State>,
}

#[derive(Default)]
enum State {
    /// Nothing has been learnt.
    #[default]
    Idle,
    Running(Holder),
    /// A value could not be handed over. The folder without an answering holder makes the hook refuse.
    Failed,
}

struct Holder {
    socket: PathBuf,
    link: UnixStream,
    // Reaped when this process ends.
    _process: Child,
}

impl Keeper {
    /// Of the kernel with this connection key, for the server whose folder the environment names.
    pub fn from_environment(connection_key: &str) -> Keeper {
        Keeper {
            folder: std::env::var_os(FOLDER_VARIABLE)
                .map(PathBuf::from)
                .filter(|folder| folder.is_dir()),
            connection_key: connection_key.to_owned(),
            state: Mutex::default(),
        }
    }

    /// Hands a value over; returns when the holder knows it.
    pub fn keep(&self, scope: &str, key: &str, value: &[u8]) {
        let Some(folder) = &self.folder else {
            return;
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Failed) {
            return;
        }
        if let Err(error) = self.hand_over(folder, &mut state, [scope.as_bytes(), key.as_bytes(), value]) {
            if folder.exists() {
                tracing::warn!(%error, "what this kernel learns cannot be hidden when notebooks are saved; saving this notebook will be refused");
            }
            if let State::Running(holder) = &*state {
                // A holder that knows only some of the values must not answer.
                let _ = std::fs::remove_file(&holder.socket);
            }
            *state = State::Failed;
        }
    }

    fn hand_over(&self, folder: &Path, state: &mut State, fields: [&[u8]; 3]) -> io::Result<()> {
        if let State::Idle = state {
            *state = State::Running(self.start(folder)?);
        }
        if let State::Running(holder) = state {
            for field in fields {
                frame::write_field(&mut holder.link, field)?;
            }
            acknowledged(&mut holder.link)?;
        }
        Ok(())
    }

    /// 1. Make this kernel's folder; 2. start the process; 3. tell it where to listen; 4. wait until it does.
    fn start(&self, folder: &Path) -> io::Result<Holder> {
        let key = Zeroizing::new(std::fs::read(folder.join(KEY_FILE))?);
        if key.len() != KEY_BYTES {
            return Err(io::Error::other("the key of the save channel is damaged"));
        }
        let own = folder.join(name(&key, &self.connection_key)?);
        match std::fs::DirBuilder::new().mode(0o700).create(&own) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        let (mut link, theirs) = UnixStream::pair()?;
        link.set_read_timeout(Some(ANSWER))?;
        link.set_write_timeout(Some(ANSWER))?;
        let process = Command::new(std::env::current_exe()?)
            .arg(HOLDER_ARGUMENT)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What ends the kernel's process group must not end its holder.
            .process_group(0)
            .spawn()?;
        let socket = own.join(format!("{}.sock", process.id()));
        frame::write_field(&mut link, &key)?;
        frame::write_field(&mut link, std::os::unix::ffi::OsStrExt::as_bytes(socket.as_os_str()))?;
        acknowledged(&mut link)?;
        Ok(Holder {
            socket,
            link,
            _process: process,
        })
    }
}

fn acknowledged(link: &mut UnixStream) -> io::Result<()> {
    link.read_exact(&mut [0])
}

/// The name of a kernel's folder: the first 16 hexadecimal digits of HMAC-SHA256 of its connection key.
fn name(key: &[u8], connection_key: &str) -> io::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(io::Error::other)?;
    mac.update(connection_key.as_bytes());
    let bytes = mac.finalize().into_bytes();
    Ok(bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}
