//! There is always an administrator, whatever administrators do to each other and to groups; and refusals of requests that
//! cannot be done, on a real database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/database.rs"]
mod database;

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sealbook_api::ErrorCode;
use sealbook_api::groups::Member;
use sealbook_api::scopes::CreateScope;
use sealbook_core::audit::Origin;
use sealbook_core::vault::{Caller, GroupChange, MemberChange, UserChange};
use sealbook_core::{Error, SystemClock, Vault};

/// Requests so far: each has an id of its own.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

struct World {
    vault: Vault,
    /// The first administrator, who has no part in the tests.
    first: Caller,
    /// The database's.
    _folder: tempfile::TempDir,
}

async fn open(folder: &Path) -> Vault {
    let mut parts = database::parts(folder, Arc::new(SystemClock)).await;
    parts.limits.scopes_max = 1;
    Vault::open(parts).await.unwrap().0
}

/// Users alice and bob, a group ops, and an administrator who only sets things up.
async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let vault = open(folder.path()).await;
    vault.bootstrap().await.unwrap();
    let first = caller(&vault, "admin").await;
    for name in ["alice", "bob"] {
        vault
            .create_user(&again(&first), name, UserChange::default())
            .await
            .unwrap();
    }
    vault.create_group(&again(&first), "ops").await.unwrap();
    World {
        vault,
        first,
        _folder: folder,
    }
}

/// Who asks, with the rights that they have now.
async fn caller(vault: &Vault, name: &str) -> Caller {
    Caller {
        identity: vault.identity(name).await.unwrap(),
        origin: Origin {
            source: "127.0.0.1".into(),
            user_agent: "test".into(),
        },
        request_id: "r".into(),
    }
}

/// The same caller in another request.
fn again(caller: &Caller) -> Caller {
    let mut caller = caller.clone();
    caller.request_id = format!("r{}", REQUESTS.fetch_add(1, Ordering::SeqCst));
    caller
}

fn user(name: &str) -> Member {
    Member::User(name.into())
}

fn ops() -> Member {
    Member::Group("ops".into())
}

fn code<T: Debug>(result: Result<T, Error>) -> ErrorCode {
    result.unwrap_err().code()
}

impl World {
    async fn add(&self, group: &str, member: Member) {
        let first = again(&self.first);
        self.vault.add_member(&first, group, &member).await.unwrap();
    }

    async fn is_admin(&self, name: &str) -> bool {
        self.vault.identity(name).await.unwrap().is_admin()
    }

    async fn user_id(&self, name: &str) -> String {
        let directory = self.vault.list_users(&again(&self.first)).await.unwrap();
        let row = directory.users().iter().find(|row| row.name == name);
        row.unwrap().id.clone()
    }

    async fn group_id(&self, name: &str) -> String {
        let directory = self.vault.list_directory_groups(&again(&self.first)).await.unwrap();
        let row = directory.groups().iter().find(|row| row.name == name);
        row.unwrap().id.clone()
    }

    async fn replace(&self, caller: &Caller, group: &str, ids: Vec<String>) -> Result<(), Error> {
        let change = GroupChange {
            members: vec![MemberChange::Replace(ids)],
            ..GroupChange::default()
        };
        let id = self.group_id(group).await;
        self.vault.update_group(&again(caller), &id, change).await.map(drop)
    }
}

#[tokio::test]
async fn nobody_leaves_admins_through_a_group() {
    let world = world().await;
    world.add("admins", ops()).await;
    world.add("ops", user("alice")).await;
    let alice = caller(&world.vault, "alice").await;
    let vault = &world.vault;
    let refused = ErrorCode::InvalidParameterValue;
    let error = vault
        .remove_member(&again(&alice), "ops", &user("alice"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (refused, "this would remove you from admins; ask another administrator")
    );
    assert_eq!(
        code(vault.remove_member(&again(&alice), "admins", &ops()).await),
        refused
    );
    assert_eq!(code(vault.delete_group(&again(&alice), "ops").await), refused);
    let id = world.group_id("ops").await;
    assert_eq!(code(vault.delete_group_by_id(&again(&alice), &id).await), refused);
    assert_eq!(code(world.replace(&alice, "ops", Vec::new()).await), refused);
    assert_eq!(
        code(world.replace(&alice, "admins", vec![world.user_id("bob").await]).await),
        refused
    );
    assert!(world.is_admin("alice").await);
    // A new name changes nothing about who is in it; and with another way into admins, the group may go.
    let change = GroupChange {
        name: Some("operators".into()),
        ..GroupChange::default()
    };
    vault.update_group(&again(&alice), &id, change).await.unwrap();
    assert!(world.is_admin("alice").await);
    vault
        .add_member(&again(&alice), "admins", &user("alice"))
        .await
        .unwrap();
    vault.delete_group(&again(&alice), "operators").await.unwrap();
    assert!(world.is_admin("alice").await);
}

#[tokio::test]
async fn administrators_who_remove_each_other_leave_one() {
    for how in ["remove", "group", "replace", "deactivate", "delete"] {
        let world = world().await;
        world.add("admins", ops()).await;
        world.add("ops", user("alice")).await;
        world.add("admins", user("bob")).await;
        // Both were administrators when their requests came in.
        let (alice, bob) = (caller(&world.vault, "alice").await, caller(&world.vault, "bob").await);
        world
            .vault
            .remove_member(&again(&alice), "admins", &user("bob"))
            .await
            .unwrap();
        let (vault, bob) = (&world.vault, again(&bob));
        let id = world.user_id("alice").await;
        let result = match how {
            "remove" => vault.remove_member(&bob, "ops", &user("alice")).await,
            "group" => vault.delete_group(&bob, "ops").await,
            "replace" => world.replace(&bob, "ops", Vec::new()).await,
            "deactivate" => {
                let change = UserChange {
                    active: Some(false),
                    ..UserChange::default()
                };
                vault.update_user(&bob, &id, change).await.map(drop)
            }
            _ => vault.delete_user(&bob, &id).await,
        };
        assert_eq!(code(result), ErrorCode::PermissionDenied, "{how}");
        assert!(world.is_admin("alice").await, "{how}");
    }
}

#[tokio::test]
async fn one_of_two_at_the_same_moment_wins() {
    let world = world().await;
    world.add("admins", user("alice")).await;
    world.add("admins", user("bob")).await;
    let alice = again(&caller(&world.vault, "alice").await);
    let bob = again(&caller(&world.vault, "bob").await);
    let (out, gone) = (user("bob"), user("alice"));
    let (one, other) = tokio::join!(
        world.vault.remove_member(&alice, "admins", &out),
        world.vault.remove_member(&bob, "admins", &gone),
    );
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    assert!(world.is_admin("alice").await != world.is_admin("bob").await);
}

#[tokio::test]
async fn the_members_of_users_cannot_be_changed() {
    let world = world().await;
    let refused = ErrorCode::InvalidParameterValue;
    let alice = world.user_id("alice").await;
    assert_eq!(
        code(world.replace(&world.first, "users", vec![alice.clone()]).await),
        refused
    );
    let change = GroupChange {
        members: vec![MemberChange::Remove(vec![alice])],
        ..GroupChange::default()
    };
    let first = again(&world.first);
    assert_eq!(code(world.vault.update_group(&first, "users", change).await), refused);
    let first = again(&world.first);
    assert_eq!(
        code(world.vault.remove_member(&first, "users", &user("alice")).await),
        refused
    );
}

#[tokio::test]
async fn a_scope_that_exists_needs_no_room() {
    let world = world().await;
    let create = |scope: &str| CreateScope {
        scope: scope.into(),
        initial_manage_principal: None,
        scope_backend_type: None,
    };
    let first = || again(&world.first);
    world.vault.create_scope(&first(), &create("jdbc")).await.unwrap();
    assert_eq!(
        code(world.vault.create_scope(&first(), &create("JDBC")).await),
        ErrorCode::ResourceAlreadyExists
    );
    assert_eq!(
        code(world.vault.create_scope(&first(), &create("other")).await),
        ErrorCode::ResourceLimitExceeded
    );
}
