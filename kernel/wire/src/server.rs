//! The five sockets of a kernel, bound from one connection file.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::connection::{Channel, ConnectionFile};
use crate::heartbeat::Heartbeat;
use crate::peer::{self, Listener, OwnFile};
use crate::publisher::{Publisher, Welcome};
use crate::registration;
use crate::router::{Inbox, Outbox, router};
use crate::{Signer, WireError};

/// Time that the last messages get to reach slow peers before the process ends.
const FLUSH: Duration = Duration::from_millis(250);

/// The server side of a connection. Its sockets close when it is dropped.
#[derive(Debug)]
pub struct Server {
    /// The connection file, with the ports that were bound where it asked for free ones.
    pub connection: ConnectionFile,
    /// Requests and replies of the shell channel.
    pub shell: (Inbox, Outbox),
    /// Requests and replies of the control channel.
    pub control: (Inbox, Outbox),
    /// Answers and requests of the stdin channel.
    pub stdin: (Inbox, Outbox),
    /// Broadcasts.
    pub iopub: Publisher,
    guard: ServerGuard,
}

/// Keeps the sockets of a [`Server`] open.
#[derive(Debug)]
pub struct ServerGuard {
    tasks: JoinSet<()>,
    outboxes: Vec<Outbox>,
    iopub: Publisher,
    _file: Option<OwnFile>,
}

impl Server {
    /// Binds all sockets; tells the launcher where they are, if the connection file asks for that. `welcome` makes the
    /// message that a new iopub subscription gets.
    ///
    /// # Errors
    /// [`WireError::Bind`] and [`WireError::Registration`].
    pub async fn bind(mut connection: ConnectionFile, welcome: Welcome) -> Result<Server, WireError> {
        let signer = Signer::new(connection.key.as_bytes());
        let mut tasks = JoinSet::new();
        let (iopub_socket, iopub) = Publisher::new(signer.clone(), welcome);
        let (shell_socket, shell_in, shell_out) = router(Channel::Shell, signer.clone());
        let (control_socket, control_in, control_out) = router(Channel::Control, signer.clone());
        let (stdin_socket, stdin_in, stdin_out) = router(Channel::Stdin, signer);
        // Front ends take an open shell port for a ready kernel, so it comes last.
        tasks.spawn(peer::serve(
            Listener::bind(&mut connection, Channel::Heartbeat).await?,
            Arc::new(Heartbeat),
        ));
        tasks.spawn(peer::serve(
            Listener::bind(&mut connection, Channel::Iopub).await?,
            iopub_socket,
        ));
        tasks.spawn(peer::serve(
            Listener::bind(&mut connection, Channel::Stdin).await?,
            stdin_socket,
        ));
        tasks.spawn(peer::serve(
            Listener::bind(&mut connection, Channel::Control).await?,
            control_socket,
        ));
        tasks.spawn(peer::serve(
            Listener::bind(&mut connection, Channel::Shell).await?,
            shell_socket,
        ));
        let file = match &connection.registration {
            Some(registration) => Some(registration::register(&connection, registration).await?),
            None => None,
        };
        let outboxes = vec![shell_out.clone(), control_out.clone(), stdin_out.clone()];
        Ok(Server {
            connection,
            shell: (shell_in, shell_out),
            control: (control_in, control_out),
            stdin: (stdin_in, stdin_out),
            guard: ServerGuard {
                tasks,
                outboxes,
                iopub: iopub.clone(),
                _file: file,
            },
            iopub,
        })
    }

    /// Takes the sockets apart for the tasks that use them; they stay open while the guard lives.
    #[must_use]
    pub fn split(self) -> (ServerGuard, [(Inbox, Outbox); 3], Publisher) {
        (self.guard, [self.shell, self.control, self.stdin], self.iopub)
    }
}

impl ServerGuard {
    /// Waits until what was sent has been written, but not longer than peers that read at all need.
    pub async fn flush(&self) {
        let all = async {
            for outbox in &self.outboxes {
                outbox.drained().await;
            }
            self.iopub.drained().await;
        };
        let _ = tokio::time::timeout(FLUSH, all).await;
    }

    /// Stops accepting peers.
    pub async fn close(mut self) {
        self.flush().await;
        self.tasks.shutdown().await;
    }
}
