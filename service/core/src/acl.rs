//! Who may do what in a scope, and why.
//!
//! MANAGE ⊃ WRITE ⊃ READ. The strongest of the user's own grants and those of their groups wins; members of `admins`
//! manage every scope; everybody is in `users`.

use std::collections::BTreeSet;

use sealbook_api::Permission;
use sealbook_api::acls::Reason;
use sealbook_api::names::{ADMINS, USERS};

use crate::rows::ScopeRow;

/// A user with every group they are in, directly or through other groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's name.
    pub user: String,
    /// Group names, `users` included.
    pub groups: BTreeSet<String>,
}

impl Identity {
    /// A user with these groups; `users` is added.
    pub fn new(user: impl Into<String>, groups: impl IntoIterator<Item = String>) -> Self {
        let mut groups: BTreeSet<String> = groups.into_iter().collect();
        groups.insert(USERS.to_owned());
        Self {
            user: user.into(),
            groups,
        }
    }

    /// A member of `admins`.
    pub fn is_admin(&self) -> bool {
        self.groups.contains(ADMINS)
    }
}

/// Every grant that applies to somebody in a scope, strongest first.
pub fn reasons(identity: &Identity, scope: &ScopeRow) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if identity.is_admin() {
        reasons.push(Reason {
            permission: Permission::Manage,
            because: format!("member of {ADMINS}, who manage every scope"),
        });
    }
    for entry in &scope.acl {
        let because = if entry.principal == identity.user {
            format!("entry for {}", entry.principal)
        } else if identity.groups.contains(&entry.principal) {
            format!("entry for group {}", entry.principal)
        } else {
            continue;
        };
        reasons.push(Reason {
            permission: entry.permission,
            because,
        });
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.permission));
    reasons
}

/// The strongest grant.
pub fn permission(identity: &Identity, scope: &ScopeRow) -> Option<Permission> {
    if identity.is_admin() {
        return Some(Permission::Manage);
    }
    scope
        .acl
        .iter()
        .filter(|entry| entry.principal == identity.user || identity.groups.contains(&entry.principal))
        .map(|entry| entry.permission)
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::AclEntry;

    fn scope(entries: &[(&str, Permission)]) -> ScopeRow {
        let acl = entries.iter().map(|(principal, permission)| AclEntry {
            principal: (*principal).to_owned(),
            permission: *permission,
        });
        ScopeRow {
            id: "i".into(),
            name: "s".into(),
            acl: acl.collect(),
            epoch: 1,
            created_at: 0,
            mac: vec![],
        }
    }

    fn bob(groups: &[&str]) -> Identity {
        Identity::new("bob", groups.iter().map(|group| (*group).to_owned()))
    }

    #[test]
    fn the_strongest_grant_wins() {
        use Permission::{Manage, Read, Write};
        type Case<'a> = (&'a [(&'a str, Permission)], &'a [&'a str], Option<Permission>);
        let cases: [Case<'_>; 8] = [
            (&[], &[], None),
            (&[("alice", Manage)], &[], None),
            (&[("bob", Read)], &[], Some(Read)),
            (&[("bob", Read), ("ds", Write)], &["ds"], Some(Write)),
            (&[("bob", Write), ("ds", Read)], &["ds"], Some(Write)),
            (&[("ds", Manage)], &["other"], None),
            (&[("users", Read)], &[], Some(Read)),
            (&[], &["admins"], Some(Manage)),
        ];
        for (entries, groups, expected) in cases {
            assert_eq!(
                permission(&bob(groups), &scope(entries)),
                expected,
                "{entries:?} {groups:?}"
            );
            let strongest = reasons(&bob(groups), &scope(entries))
                .first()
                .map(|reason| reason.permission);
            assert_eq!(strongest, expected, "{entries:?} {groups:?}");
        }
    }
}
