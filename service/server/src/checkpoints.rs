//! Signs the end of the audit chain: at the start, every minute in which something was recorded, and at the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::error::ServeError;
use crate::service::Service;

/// How long records stay without a checkpoint, at most.
const INTERVAL: Duration = Duration::from_secs(60);

/// The task that signs.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    service: Arc<Service>,
    task: JoinHandle<()>,
}

impl Checkpoints {
    pub(crate) async fn start(service: &Arc<Service>) -> Self {
        attempt(service).await;
        let of_task = Arc::clone(service);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(INTERVAL).await;
                attempt(&of_task).await;
            }
        });
        Self {
            service: Arc::clone(service),
            task,
        }
    }

    /// Signs the last records.
    pub(crate) async fn stop(self) -> Result<(), ServeError> {
        self.task.abort();
        self.service.vault.flush_audit().await?;
        attempt(&self.service).await;
        Ok(())
    }
}

/// The next attempt covers what this one could not.
async fn attempt(service: &Service) {
    if let Err(error) = service.vault.checkpoint().await {
        tracing::warn!(%error, "the audit log has no new checkpoint");
    }
}
