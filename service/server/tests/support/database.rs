//! A vault's parts over a real database in a folder.

use std::path::Path;
use std::sync::Arc;

use sealbook_core::audit::Sync;
use sealbook_core::kms::FileKms;
use sealbook_core::vault::{Limits, Parts};
use sealbook_core::{Clock, SystemEntropy};
use sealbook_server::status::status_of;
use sealbook_store::{Sharing, SqliteStore};

/// A shared server's: nobody owns it. A test changes what it is about.
pub async fn parts(folder: &Path, clock: Arc<dyn Clock>) -> Parts {
    let entropy = Arc::new(SystemEntropy);
    let store = SqliteStore::open(&folder.join("secrets.db"), Sharing::Alone).await;
    Parts {
        store: Arc::new(store.unwrap()),
        kms: Arc::new(FileKms::open_or_create(&folder.join("root.key"), entropy.clone()).unwrap()),
        clock,
        entropy,
        limits: Limits::default(),
        organisation: "default".into(),
        replica: "main".into(),
        journal_path: folder.join("audit.journal"),
        checkpoints_path: folder.join("audit.checkpoints"),
        journal_sync: Sync::System,
        owner: None,
        api_tokens_open_sessions: false,
        status_of,
    }
}
