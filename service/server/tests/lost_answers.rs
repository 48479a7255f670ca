//! The real client against a shared server behind a proxy that loses answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/lossy_proxy.rs"]
mod lossy_proxy;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sealbook_api::SecretText;
use sealbook_api::audit::AuditQuery;
use sealbook_api::client::{Client, Home, SessionRequest};
use sealbook_api::secrets::PutValue;
use sealbook_api::sessions::Attestation;
use sealbook_api::tokens::{CreateToken, TokenKind};
use sealbook_server::{Shared, serve};
use tokio::sync::oneshot;

/// A server on a free port, in a thread of its own until the process ends; its address and its first token.
async fn start(folder: &std::path::Path) -> (SocketAddr, SecretText) {
    Home::at(folder).unwrap().prepare().unwrap();
    let options = Shared {
        settings: sealbook_server::Settings::default(),
        listen: "127.0.0.1:0".parse().unwrap(),
        data: folder.to_owned(),
    };
    let (ready, listening) = oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(serve(options, |listening| {
            ready.send((listening.address, listening.bootstrap_token.unwrap())).ok();
        }))
    });
    listening.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_whose_answers_are_lost_are_made_again_under_new_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let (server, token) = start(folder.path()).await;
    let admin = Client::remote(&format!("http://{server}"), Some(token), None).unwrap();
    admin.create_scope("s", None).await.unwrap();
    let value = PutValue::String(SecretText::new("planted-behind-a-lossy-proxy".into()));
    admin.put_secret("s", "k", &value).await.unwrap();
    let kernel = CreateToken {
        comment: None,
        lifetime_seconds: None,
        kind: Some(TokenKind::Kernel),
        user_name: None,
    };
    let kernel = admin.create_token(&kernel).await.unwrap().token_value;
    let request = SessionRequest {
        attestation: Attestation::KernelToken(kernel),
        kernel_id: "k".into(),
        notebook_path: None,
        job: None,
    };
    let (proxy, dropped) = lossy_proxy::start(vec![server]).await;
    let client = Client::remote(&format!("http://{proxy}"), None, None).unwrap();
    let session = Arc::new(client.open_session(request).await.unwrap());

    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let session = Arc::clone(&session);
        reads.spawn(async move { session.read("s", "k").await.map(|value| value.expose().to_vec()) });
    }
    for read in reads.join_all().await {
        assert_eq!(read.unwrap(), b"planted-behind-a-lossy-proxy");
    }
    assert!(dropped.load(Ordering::SeqCst) > 10);

    // Every read that the service saw was served once, under a number of its own.
    let query = AuditQuery {
        action: Some("getSecret".into()),
        limit: Some(1_000),
        ..AuditQuery::default()
    };
    let records = admin.query_audit(&query).await.unwrap().records;
    assert!(records.len() > 64);
    assert!(
        records
            .iter()
            .all(|record| record.response.as_ref().unwrap().status_code == 200)
    );
    let ids: HashSet<&str> = records.iter().map(|record| record.request_id.as_str()).collect();
    assert_eq!(ids.len(), records.len());
}
