//! The real client and two servers on one data folder, behind a proxy that loses answers.
#![cfg(feature = "server")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../service/server/tests/support/lossy_proxy.rs"]
mod lossy_proxy;

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sealbook_api::SecretText;
use sealbook_api::audit::AuditQuery;
use sealbook_api::client::{Client, SessionRequest};
use sealbook_api::secrets::PutValue;
use sealbook_api::sessions::Attestation;
use sealbook_api::tokens::{CreateToken, TokenKind};

const READS: usize = 64;

/// `sealbook serve`, ended when dropped.
struct Replica {
    child: Child,
    address: SocketAddr,
    lines: BufReader<std::process::ChildStdout>,
}

impl Replica {
    fn start(folder: &Path, name: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sealbook"))
            .args(["serve", "--listen", "127.0.0.1:0", "--replica", name, "--data"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut replica = Self {
            lines: BufReader::new(child.stdout.take().unwrap()),
            address: "0.0.0.0:0".parse().unwrap(),
            child,
        };
        let line = replica.line();
        replica.address = line.strip_prefix("listening on http://").unwrap().parse().unwrap();
        replica
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn client(&self, token: &SecretText) -> Client {
        let token = SecretText::new(token.expose().to_owned());
        Client::remote(&format!("http://{}", self.address), Some(token), None).unwrap()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_reads_over_two_replicas_are_all_answered_and_none_twice_under_one_number() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Replica::start(folder.path(), "a");
    let second = Replica::start(folder.path(), "b");
    let token = first.line();
    let token = SecretText::new(token.strip_prefix("bootstrap token: ").unwrap().to_owned());
    let admin = first.client(&token);
    admin.create_scope("s", None).await.unwrap();
    let value = PutValue::String(SecretText::new("planted-behind-two-replicas".into()));
    second.client(&token).put_secret("s", "k", &value).await.unwrap();
    let kernel = CreateToken {
        comment: None,
        lifetime_seconds: None,
        kind: Some(TokenKind::Kernel),
        user_name: None,
    };

    let (proxy, dropped) = lossy_proxy::start(vec![first.address, second.address]).await;
    let client = Client::remote(&format!("http://{proxy}"), None, None).unwrap();
    let request = SessionRequest {
        attestation: Attestation::KernelToken(admin.create_token(&kernel).await.unwrap().token_value),
        kernel_id: "k".into(),
        notebook_path: None,
        job: None,
    };
    let session = Arc::new(client.open_session(request).await.unwrap());
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..READS {
        let session = Arc::clone(&session);
        reads.spawn(async move { session.read("s", "k").await.map(|value| value.expose().to_vec()) });
    }
    for read in reads.join_all().await {
        assert_eq!(read.unwrap(), b"planted-behind-two-replicas");
    }
    assert!(dropped.load(Ordering::SeqCst) > 10);

    // Every read that a replica saw was served once, under a number of its own. Each is asked, so that both have written
    // what they have.
    let query = AuditQuery {
        action: Some("getSecret".into()),
        limit: Some(1_000),
        ..AuditQuery::default()
    };
    second.client(&token).query_audit(&query).await.unwrap();
    let records = admin.query_audit(&query).await.unwrap().records;
    assert!(records.len() > READS, "{} reads, {} records", READS, records.len());
    for record in &records {
        assert_eq!(record.response.as_ref().unwrap().status_code, 200);
    }
    let ids: HashSet<&str> = records.iter().map(|record| record.request_id.as_str()).collect();
    assert_eq!(ids.len(), records.len());
}
