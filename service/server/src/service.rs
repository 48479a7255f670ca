//! What all requests share.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use sealbook_core::{Clock, SystemClock, Vault};
use tokio::sync::Notify;

use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::oidc::Oidc;
use crate::peer::Owner;
use crate::rate::Buckets;
use crate::settings::Settings;

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) vault: Vault,
    pub(crate) identity: IdentitySource,
    pub(crate) trusted: Trusted,
    pub(crate) activity: Activity,
    pub(crate) metrics: Metrics,
    pub(crate) bounds: Bounds,
}

impl Service {
    /// The service of the user who runs it, with nobody else to trust.
    pub(crate) fn of_owner(vault: Vault, owner: Owner, settings: &Settings) -> Self {
        Self {
            vault,
            identity: IdentitySource::Peer(owner),
            trusted: Trusted::default(),
            activity: Activity::default(),
            metrics: Metrics::default(),
            bounds: Bounds::new(settings),
        }
    }
}

/// What requests may take of the service.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) body_bytes_max: usize,
    pub(crate) body_timeout: Duration,
    /// Requests, by user.
    pub(crate) requests: Buckets,
    /// Failed authentications, by address.
    pub(crate) failures: Buckets,
}

impl Bounds {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            body_bytes_max: settings.limits.body_bytes,
            body_timeout: settings.timeouts.body(),
            requests: Buckets::new(settings.limits.requests_per_second, 2),
            failures: Buckets::new(settings.limits.failed_authentications_per_second, 10),
        }
    }
}

/// Who else is believed when they say who somebody is.
#[derive(Debug, Default)]
pub(crate) struct Trusted {
    pub(crate) oidc: Vec<Oidc>,
    pub(crate) hub: Option<Hub>,
}

impl Trusted {
    /// The issuer that a token says it is of. With one issuer there is no question; it says what is wrong with the token.
    pub(crate) fn issuer_of(&self, token: &str) -> Option<&Oidc> {
        match self.oidc.as_slice() {
            [] => None,
            [only] => Some(only),
            several => {
                let claimed = Oidc::claimed(token, "iss");
                let named = several.iter().find(|oidc| Some(oidc.issuer()) == claimed.as_deref());
                named.or(several.first())
            }
        }
    }
}

/// Where a caller's identity comes from.
#[derive(Debug)]
pub(crate) enum IdentitySource {
    /// The socket's peer must be this user.
    Peer(Owner),
    /// The `Authorization` header.
    Tokens,
}

/// When the last request ended and how many are under way: an embedded service ends when nobody needs it.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    last_ms: AtomicI64,
    under_way: AtomicUsize,
    ended: Notify,
}

impl Activity {
    pub(crate) fn begin(&self) -> Busy<'_> {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        Busy(self)
    }

    fn touch(&self) {
        self.last_ms.store(SystemClock.now_ms(), Ordering::SeqCst);
    }

    /// Returns when nothing has happened for this long.
    pub(crate) async fn idle(&self, limit: Duration) {
        self.touch();
        loop {
            let passed = SystemClock.now_ms() - self.last_ms.load(Ordering::SeqCst);
            let left = (limit.as_millis() as i64).saturating_sub(passed.max(0));
            if left <= 0 && self.under_way.load(Ordering::SeqCst) == 0 {
                return;
            }
            if left > 0 {
                tokio::time::sleep(Duration::from_millis(left as u64)).await;
            } else {
                self.ended.notified().await;
            }
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Busy<'a>(&'a Activity);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.touch();
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.notify_waiters();
    }
}
