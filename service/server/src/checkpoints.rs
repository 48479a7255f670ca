//! Signs the end of the audit chain: at the start, every minute in which something was recorded, and at the end.

use std::sync::Arc;
use std::time::Duration;

use sealbook_api::audit::AuditCheckpoint;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::ServeError;
use crate::service::Service;

/// How long records stay without a checkpoint, at most.
const INTERVAL: Duration = Duration::from_secs(60);

/// The task that signs.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    service: Arc<Service>,
    newest: Arc<watch::Sender<Option<AuditCheckpoint>>>,
    task: JoinHandle<()>,
}

impl Checkpoints {
    pub(crate) async fn start(service: &Arc<Service>) -> Self {
        let newest = Arc::new(watch::Sender::new(None));
        attempt(service, &newest).await;
        let (of_task, newest_of_task) = (Arc::clone(service), Arc::clone(&newest));
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(INTERVAL).await;
                attempt(&of_task, &newest_of_task).await;
            }
        });
        Self {
            service: Arc::clone(service),
            newest,
            task,
        }
    }

    /// Each new checkpoint, for sinks.
    pub(crate) fn newest(&self) -> watch::Receiver<Option<AuditCheckpoint>> {
        let mut receiver = self.newest.subscribe();
        receiver.mark_changed();
        receiver
    }

    /// Signs the last records.
    pub(crate) async fn stop(self) -> Result<(), ServeError> {
        self.task.abort();
        self.service.vault.flush_audit().await?;
        attempt(&self.service, &self.newest).await;
        Ok(())
    }
}

/// The next attempt covers what this one could not.
async fn attempt(service: &Service, newest: &watch::Sender<Option<AuditCheckpoint>>) {
    match service.vault.checkpoint().await {
        Ok(Some(checkpoint)) => {
            newest.send_replace(Some(checkpoint));
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "the audit log has no new checkpoint"),
    }
}
