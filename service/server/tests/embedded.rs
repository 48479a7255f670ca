//! The embedded service over its real unix socket, with the real client.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use sealbook_api::client::{Client, ClientError, Home, Session, SessionRequest};
use sealbook_api::groups::Member;
use sealbook_api::secrets::PutValue;
use sealbook_api::sessions::Attestation;
use sealbook_api::{ErrorCode, Permission, SecretBytes, SecretText};
use sealbook_server::{Embedded, ServeError, embedded};

/// The service runs in a thread of its own, until it ends by itself or the test's process does.
type Running = tokio::sync::oneshot::Receiver<Result<(), ServeError>>;

async fn start(folder: &Path, idle: Duration) -> (Client, Running) {
    let home = Home::at(folder).unwrap();
    home.prepare().unwrap();
    let (ready, listening) = tokio::sync::oneshot::channel();
    let service = Embedded {
        home: home.path().to_owned(),
        idle,
    };
    let (ended, running) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        // Nobody may wait for the end.
        ended
            .send(runtime.block_on(embedded(service, move || ready.send(()).unwrap())))
            .ok();
    });
    if listening.await.is_err() {
        panic!("{}", running.await.unwrap().unwrap_err());
    }
    (Client::embedded(home).unwrap(), running)
}

async fn refused(folder: &Path) -> String {
    std::fs::create_dir_all(folder.join("run")).unwrap();
    std::fs::set_permissions(folder.join("run"), std::fs::Permissions::from_mode(0o700)).unwrap();
    let service = Embedded {
        home: folder.to_owned(),
        idle: Duration::from_secs(600),
    };
    embedded(service, || panic!("it must not start"))
        .await
        .unwrap_err()
        .to_string()
}

fn long() -> Duration {
    Duration::from_secs(600)
}

async fn session(client: &Client) -> Session {
    let request = SessionRequest {
        attestation: Attestation::PeerCredential,
        kernel_id: "kernel-1".into(),
        notebook_path: Some("warehouse.ipynb".into()),
        job: None,
    };
    client.open_session(request).await.unwrap()
}

fn text(value: &str) -> PutValue {
    PutValue::String(SecretText::new(value.into()))
}

fn code<T: std::fmt::Debug>(result: Result<T, ClientError>) -> ErrorCode {
    result.unwrap_err().api().unwrap().error_code
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_read_in_a_session_and_by_no_other_route() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _running) = start(folder.path(), long()).await;
    client.create_scope("jdbc", None).await.unwrap();
    client
        .put_secret("jdbc", "password", &text("planted-hunter2-é"))
        .await
        .unwrap();
    client
        .put_secret("jdbc", "blob", &PutValue::Bytes(SecretBytes::new(vec![0, 255, 1])))
        .await
        .unwrap();

    let session = session(&client).await;
    let value = session.read("JDBC", "password").await.unwrap();
    assert_eq!(
        (value.expose(), value.scope(), value.version()),
        ("planted-hunter2-é".as_bytes(), "jdbc", 1)
    );
    assert_eq!(session.read("jdbc", "blob").await.unwrap().expose(), [0, 255, 1]);
    client
        .put_secret("jdbc", "password", &text("planted-second"))
        .await
        .unwrap();
    let value = session.read("jdbc", "password").await.unwrap();
    assert_eq!((value.expose(), value.version()), (b"planted-second".as_slice(), 2));
    assert_eq!(session.list_scopes().await.unwrap().len(), 1);
    let keys: Vec<_> = session
        .list("jdbc")
        .await
        .unwrap()
        .into_iter()
        .map(|secret| secret.key)
        .collect();
    assert_eq!(keys, ["blob", "password"]);
    let matches = session
        .match_literals(&["planted-second", "planted-hunter2-é", "short"])
        .await
        .unwrap();
    assert_eq!(
        matches.iter().map(|m| (m.index, m.key.as_str())).collect::<Vec<_>>(),
        [(0, "password")]
    );

    let message = session
        .read("jdbc", "nothing")
        .await
        .unwrap_err()
        .api()
        .unwrap()
        .message
        .clone();
    assert_eq!(message, "Secret does not exist with scope: jdbc and key: nothing");
    assert_eq!(
        session.read("nowhere", "x").await.unwrap_err().api().unwrap().message,
        "Scope nowhere does not exist!"
    );
    let direct = client
        .get_json("/api/2.0/secrets/get", &[("scope", "jdbc"), ("key", "password")])
        .await;
    assert_eq!(code(direct), ErrorCode::BadRequest);

    let id = session.id().to_owned();
    session.close().await.unwrap();
    assert_eq!(code(client.revoke_session(&id).await), ErrorCode::ResourceDoesNotExist);

    let page = client
        .query_audit(&sealbook_api::audit::AuditQuery::default())
        .await
        .unwrap();
    let reads: Vec<_> = page
        .records
        .iter()
        .filter(|record| record.action_name == "getSecret")
        .collect();
    let statuses: Vec<_> = reads
        .iter()
        .map(|read| read.response.as_ref().unwrap().status_code)
        .collect();
    assert_eq!(statuses, [200, 200, 200, 404, 404, 400]);
    assert_eq!(
        reads[0].kernel.as_ref().unwrap().asserted_notebook_path.as_deref(),
        Some("warehouse.ipynb")
    );
    let verification = client.verify_audit(Vec::new()).await.unwrap();
    assert!(
        verification.intact && verification.unknown_outcomes == 0,
        "{verification:?}"
    );

    for file in ["secrets.db", "secrets.db-wal", "audit.journal"] {
        let bytes = std::fs::read(folder.path().join(file)).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"planted"), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_reads_in_one_session_all_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _running) = start(folder.path(), long()).await;
    client.create_scope("s", None).await.unwrap();
    client.put_secret("s", "k", &text("planted-concurrent")).await.unwrap();
    let session = std::sync::Arc::new(session(&client).await);
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let session = session.clone();
        reads.spawn(async move { session.read("s", "k").await.unwrap().expose().to_vec() });
    }
    let values = reads.join_all().await;
    assert!(values.iter().all(|value| value == b"planted-concurrent") && values.len() == 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_acls_and_groups_answer_as_the_contract_says() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _running) = start(folder.path(), long()).await;
    client.create_scope("a", Some("users")).await.unwrap();
    assert_eq!(
        code(client.create_scope("A", None).await),
        ErrorCode::ResourceAlreadyExists
    );
    assert_eq!(
        code(client.create_scope("a/b", None).await),
        ErrorCode::InvalidParameterValue
    );
    assert_eq!(
        code(client.create_scope("b", Some("alice")).await),
        ErrorCode::InvalidParameterValue
    );
    let acls = client.list_acls("a").await.unwrap();
    assert_eq!(
        acls.iter().map(|item| item.principal.as_str()).collect::<Vec<_>>(),
        ["users"]
    );
    assert_eq!(
        code(client.put_acl("a", "ds", Permission::Read).await),
        ErrorCode::ResourceDoesNotExist
    );
    client.create_group("ds").await.unwrap();
    client.put_acl("a", "ds", Permission::Read).await.unwrap();
    client.put_acl("a", "ds", Permission::Write).await.unwrap();
    assert_eq!(client.get_acl("a", "ds").await.unwrap().permission, Permission::Write);
    let me = client.me().await.unwrap().user_name;
    client.add_member("ds", &Member::User(me.clone())).await.unwrap();
    assert_eq!(
        client.list_parents(&Member::User(me.clone())).await.unwrap(),
        ["ds", "users"]
    );
    assert_eq!(
        client.explain("a", &me).await.unwrap().permission,
        Some(Permission::Manage)
    );
    // A group's grants do not wait for its successor.
    client.delete_group("ds").await.unwrap();
    client.create_group("ds").await.unwrap();
    let error = client.get_acl("a", "ds").await.unwrap_err();
    assert_eq!(
        error.api().unwrap().message,
        "Failed to get secret acl for principal ds for scope a."
    );
    client.delete_scope("a").await.unwrap();
    assert_eq!(code(client.list_secrets("a").await), ErrorCode::ResourceDoesNotExist);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_service_ends_and_the_next_one_has_everything() {
    let folder = tempfile::tempdir().unwrap();
    let (client, running) = start(folder.path(), Duration::from_millis(300)).await;
    client.create_scope("s", None).await.unwrap();
    client.put_secret("s", "k", &text("planted-kept")).await.unwrap();
    let session = session(&client).await;
    running.await.unwrap().unwrap();
    assert!(!folder.path().join("run/service.sock").exists());
    let (_, _running) = start(folder.path(), long()).await;
    // The session outlives the process that opened it.
    assert_eq!(session.read("s", "k").await.unwrap().expose(), b"planted-kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_opened_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (client, running) = start(folder.path(), Duration::from_millis(300)).await;
    client.create_scope("s", None).await.unwrap();
    drop(client);
    running.await.unwrap().unwrap();

    let key = folder.path().join("root.key");
    let good = std::fs::read(&key).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refused(folder.path()).await.contains("chmod 600"));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&key, format!("sealbook-root-key-v1 {}\n", "0".repeat(64))).unwrap();
    assert!(refused(folder.path()).await.contains("another data folder's key file"));
    std::fs::remove_file(&key).unwrap();
    assert!(refused(folder.path()).await.contains("is missing"));
    std::fs::write(&key, good).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(
        folder.path().join("secrets.db"),
        "planted: this is no database".repeat(400),
    )
    .unwrap();
    for file in ["secrets.db-wal", "secrets.db-shm"] {
        std::fs::remove_file(folder.path().join(file)).ok();
    }
    let error = refused(folder.path()).await;
    assert!(error.contains("damaged") && error.contains("backup"), "{error}");
}
