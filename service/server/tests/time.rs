//! Sessions and tickets over hours, with a clock that the test turns, on a real database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/database.rs"]
mod database;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealbook_api::scopes::CreateScope;
use sealbook_api::sealing::{EphemeralKey, SessionKeys, SignedRequest};
use sealbook_api::secrets::{PutValue, SecretDescription};
use sealbook_api::sessions::{Attestation, MintTicket, OpenSession, OpenedSession};
use sealbook_api::tokens::{CreateToken, TokenKind};
use sealbook_api::{ErrorCode, SecretText};
use sealbook_core::audit::Origin;
use sealbook_core::vault::{Caller, Established, SessionOrigin, SignedCall, UserChange};
use sealbook_core::{Clock, Error, Vault};

/// Requests so far: each has an id of its own.
static REQUESTS: AtomicI64 = AtomicI64::new(0);
const START: i64 = 1_800_000_000_000;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

#[derive(Debug)]
struct Turned(AtomicI64);

impl Clock for Turned {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct World {
    vault: Vault,
    clock: Arc<Turned>,
}

async fn world(folder: &Path, now: i64) -> World {
    let clock = Arc::new(Turned(AtomicI64::new(now)));
    let mut parts = database::parts(folder, clock.clone()).await;
    parts.owner = Some("alice".into());
    let (vault, _) = Vault::open(parts).await.unwrap();
    World { vault, clock }
}

fn from() -> SessionOrigin {
    SessionOrigin {
        origin: Origin {
            source: "127.0.0.1".into(),
            user_agent: "test".into(),
        },
        request_id: format!("r{}", REQUESTS.fetch_add(1, Ordering::SeqCst)),
    }
}

fn alice() -> Established {
    Established {
        user: "alice".into(),
        attestation: "oidc".into(),
        attestation_id: "t".into(),
        job: None,
    }
}

fn opening(key: &EphemeralKey, nonce: &[u8]) -> OpenSession {
    OpenSession {
        attestation: Attestation::PeerCredential,
        hpke_public_key: STANDARD.encode(key.public()),
        kernel_id: "k".into(),
        notebook_path: None,
        job: None,
        client_nonce: STANDARD.encode(nonce),
    }
}

/// The kernel's side of a session.
struct Kernel {
    opened: OpenedSession,
    keys: SessionKeys,
}

impl World {
    /// What is said of the one secret in scope `s`.
    async fn only_secret(&self, caller: &Caller) -> SecretDescription {
        let [described] = self
            .vault
            .describe_secrets(caller, "s")
            .await
            .unwrap()
            .try_into()
            .unwrap();
        described
    }

    fn turn(&self, by: i64) {
        self.clock.0.fetch_add(by, Ordering::SeqCst);
    }

    async fn kernel(&self) -> Kernel {
        let key = EphemeralKey::generate();
        let nonce = [7; 16];
        let opened = self.vault.open_session(&from(), alice(), &opening(&key, &nonce)).await;
        let opened = opened.unwrap();
        let keys = key
            .open(&STANDARD.decode(&opened.encapsulated_key).unwrap(), &nonce, "k")
            .unwrap();
        Kernel { opened, keys }
    }

    /// A request in the session, stamped with a clock that differs from ours by this much.
    async fn list(&self, kernel: &Kernel, seq: u64, skew: i64) -> Result<(), Error> {
        let request = kernel.request(seq, self.clock.now_ms() + skew);
        let mac = kernel.keys.sign(&request);
        let call = SignedCall { request, mac: &mac };
        self.vault.list_in_session(&from(), call, None).await.map(drop)
    }

    async fn renew(&self, kernel: &Kernel, seq: u64) -> Result<i64, Error> {
        let request = kernel.request(seq, self.clock.now_ms());
        let mac = kernel.keys.sign(&request);
        let call = SignedCall { request, mac: &mac };
        let attest = async { Ok(Some(alice())) };
        let renewed = self.vault.renew_session(&from(), call, attest).await;
        renewed.map(|renewed| renewed.expires_at)
    }

    /// Reads `s/k`; what it says is the version that was read.
    async fn read(&self, kernel: &Kernel, seq: u64) -> Result<u64, Error> {
        let request = kernel.request(seq, self.clock.now_ms());
        let mac = kernel.keys.sign(&request);
        let call = SignedCall { request, mac: &mac };
        let answer = self.vault.read_secret(&from(), call, "s", "k").await?;
        Ok(answer.version)
    }

    async fn put(&self, expires_at: Option<i64>) -> Result<(), Error> {
        let value = PutValue::String(SecretText::new("planted-expiring-value".into()));
        let caller = self.caller().await;
        self.vault.put_secret(&caller, "s", "k", value, expires_at).await
    }

    async fn caller(&self) -> Caller {
        Caller {
            identity: self.vault.identity("alice").await.unwrap(),
            origin: from().origin,
            request_id: from().request_id,
        }
    }
}

impl Kernel {
    fn request(&self, seq: u64, timestamp_ms: i64) -> SignedRequest<'_> {
        SignedRequest {
            method: "POST",
            path: "/p",
            body: b"{}",
            session: &self.opened.session_id,
            seq,
            timestamp_ms,
        }
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, code: ErrorCode, text: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(error.message().contains(text), "{error}");
}

#[tokio::test]
async fn a_session_lasts_an_hour_and_with_renewals_twelve() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path(), START).await;
    let short = world.kernel().await;
    let long = world.kernel().await;
    assert_eq!(
        (short.opened.expires_at, short.opened.renewable_until),
        (START + HOUR, START + 12 * HOUR)
    );
    world.turn(HOUR - 1);
    world.list(&short, 1, 0).await.unwrap();
    assert_eq!(world.renew(&long, 1).await.unwrap(), START + 2 * HOUR - 1);
    world.turn(1);
    refused(world.list(&short, 2, 0).await, ErrorCode::Unauthenticated, "expired");
    refused(world.renew(&short, 3).await, ErrorCode::Unauthenticated, "expired");
    for seq in 2..13 {
        world.list(&long, 100 + seq, 0).await.unwrap();
        world.turn(HOUR - 5 * MINUTE);
        let expires = world.renew(&long, seq).await.unwrap();
        assert!(expires <= START + 12 * HOUR, "{seq}");
    }
    world.turn(long.opened.renewable_until - world.clock.now_ms());
    refused(world.list(&long, 200, 0).await, ErrorCode::Unauthenticated, "expired");
}

#[tokio::test]
async fn a_minute_of_skew_is_the_limit_also_when_our_clock_steps_back() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path(), START).await;
    let kernel = world.kernel().await;
    for (seq, skew) in [(1, MINUTE), (2, -MINUTE)] {
        world.list(&kernel, seq, skew).await.unwrap();
    }
    for (seq, skew) in [(3, MINUTE + 1), (4, -MINUTE - 1)] {
        refused(
            world.list(&kernel, seq, skew).await,
            ErrorCode::Unauthenticated,
            "timestamp",
        );
    }
    // Refused requests claim no number.
    world.list(&kernel, 3, 0).await.unwrap();
    world.turn(-10 * MINUTE);
    refused(
        world.list(&kernel, 5, 10 * MINUTE).await,
        ErrorCode::Unauthenticated,
        "timestamp",
    );
    world.list(&kernel, 5, 0).await.unwrap();
    refused(world.list(&kernel, 1, 0).await, ErrorCode::Aborted, "used before");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_stay_used_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let first = world(folder.path(), START).await;
    let kernel = first.kernel().await;
    for seq in [1, 5, 3] {
        first.list(&kernel, seq, 0).await.unwrap();
    }
    // Nothing is closed or flushed: what was answered is in the journal, if not in the database.
    drop(first);
    let second = world(folder.path(), START).await;
    for seq in [1, 3, 5] {
        refused(second.list(&kernel, seq, 0).await, ErrorCode::Aborted, "used before");
    }
    second.list(&kernel, 4, 0).await.unwrap();
}

#[tokio::test]
async fn a_revoked_session_stays_revoked_until_it_could_live_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path(), START).await;
    let kernel = world.kernel().await;
    let caller = world.caller().await;
    world
        .vault
        .revoke_session(&caller, &kernel.opened.session_id)
        .await
        .unwrap();
    refused(
        world.vault.revoke_session(&caller, &kernel.opened.session_id).await,
        ErrorCode::ResourceDoesNotExist,
        "does not exist",
    );
    assert!(world.vault.list_sessions(&caller).await.unwrap().is_empty());
    for hours in 0..11 {
        refused(
            world.list(&kernel, hours + 1, 0).await,
            ErrorCode::PermissionDenied,
            "revoked",
        );
        refused(
            world.renew(&kernel, hours + 1).await,
            ErrorCode::PermissionDenied,
            "revoked",
        );
        world.turn(HOUR);
        // Opening another removes what has expired.
        world.kernel().await;
    }
    world.turn(2 * HOUR);
    world.kernel().await;
    refused(world.list(&kernel, 50, 0).await, ErrorCode::Unauthenticated, "unknown");
}

#[tokio::test]
async fn a_ticket_lives_a_minute_and_is_burnt_by_a_late_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path(), START).await;
    let caller = world.caller().await;
    let mint = async || {
        let minted = world.vault.mint_ticket(&caller, &MintTicket::default()).await.unwrap();
        assert_eq!(minted.1, world.clock.now_ms() + MINUTE);
        minted.0
    };
    let (used, late) = (mint().await, mint().await);
    world.turn(MINUTE - 1);
    assert_eq!(world.vault.establish_by_ticket(&used).await.unwrap().user, "alice");
    refused(
        world.vault.establish_by_ticket(&used).await,
        ErrorCode::Unauthenticated,
        "not valid",
    );
    world.turn(1);
    for _ in 0..2 {
        refused(
            world.vault.establish_by_ticket(&late).await,
            ErrorCode::Unauthenticated,
            "not valid",
        );
        world.turn(-MINUTE / 2);
    }
    let guess = SecretText::new("sealbook_ticket_planted".into());
    refused(
        world.vault.establish_by_ticket(&guess).await,
        ErrorCode::Unauthenticated,
        "not valid",
    );
}

#[tokio::test]
async fn a_secret_is_read_until_it_expires_and_again_with_a_new_value() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path(), START).await;
    let caller = world.caller().await;
    let scope = CreateScope {
        scope: "s".into(),
        initial_manage_principal: None,
        scope_backend_type: None,
    };
    world.vault.create_scope(&caller, &scope).await.unwrap();
    for wrong in [0, START, -1, i64::MAX] {
        refused(
            world.put(Some(wrong)).await,
            ErrorCode::InvalidParameterValue,
            "expires_at must be",
        );
    }
    world.put(Some(START + MINUTE)).await.unwrap();
    let kernel = world.kernel().await;
    world.turn(MINUTE - 1);
    assert_eq!(world.read(&kernel, 1).await.unwrap(), 1);
    world.turn(1);
    let said = "Secret expired at 2027-01-15T08:01:00Z with scope: s and key: k";
    refused(world.read(&kernel, 2).await, ErrorCode::ResourceDoesNotExist, said);
    let described = world.only_secret(&caller).await;
    assert_eq!(described.expires_at, Some(START + MINUTE));
    assert_eq!(
        described.last_read_timestamp,
        Some(START + MINUTE - 1),
        "the refused one is none"
    );
    // A clock that steps back does not wait for anything, and a new value without an expiry has none.
    world.put(None).await.unwrap();
    world.turn(HOUR / 2);
    assert_eq!(world.read(&kernel, 3).await.unwrap(), 2);
    let described = world.only_secret(&caller).await;
    assert_eq!((described.expires_at, described.version), (None, 2));
    assert_eq!(described.last_read_by.as_deref(), Some("alice"));
}

#[tokio::test]
async fn whoever_left_while_a_session_was_being_opened_gets_none() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path(), START).await;
    let caller = world.caller().await;
    let (bob, _) = world
        .vault
        .create_user(&caller, "bob", UserChange::default())
        .await
        .unwrap();
    let request = CreateToken {
        kind: Some(TokenKind::Kernel),
        user_name: Some("bob".into()),
        ..CreateToken::default()
    };
    let (token, info) = world.vault.create_token(&caller, &request).await.unwrap();
    let open = async |established: &Established| {
        let key = EphemeralKey::generate();
        let request = opening(&key, &[7; 16]);
        world
            .vault
            .open_session(&from(), established.clone(), &request)
            .await
            .map(drop)
    };
    // The attestation is good, and then something happens before the session is there.
    let established = world.vault.establish_by_token(&token).await.unwrap();
    open(&established).await.unwrap();
    let active = |active| UserChange {
        active: Some(active),
        ..UserChange::default()
    };
    world.vault.update_user(&caller, &bob.id, active(false)).await.unwrap();
    refused(
        open(&established).await,
        ErrorCode::Unauthenticated,
        "not active any more",
    );
    world.vault.update_user(&caller, &bob.id, active(true)).await.unwrap();
    open(&established).await.unwrap();
    world.vault.delete_token(&caller, &info.token_id).await.unwrap();
    refused(
        open(&established).await,
        ErrorCode::Unauthenticated,
        "the token was revoked",
    );
    world.vault.delete_user(&caller, &bob.id).await.unwrap();
    let by_issuer = Established {
        user: "bob".into(),
        ..alice()
    };
    refused(
        open(&by_issuer).await,
        ErrorCode::Unauthenticated,
        "not active any more",
    );
    assert!(world.vault.list_sessions(&caller).await.unwrap().is_empty());
}
