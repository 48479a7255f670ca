//! Evidence that a step was taken, as types. Each has private fields, one origin and no `Clone`.
//!
//! ```text
//! Vault::authorize::<Read>() ─▶ Authorized<Read> ─┐
//! Journal::begin()           ─▶ Entry ────────────┴▶ Audited<Read> ─▶ Store::record(&proof) ─▶ plaintext ─▶ Entry
//! ```
//!
//! One audit record opens one value: [`Audited`] consumes the entry and gives it back only for the outcome.
//!
//! ```compile_fail
//! // No proof can be written down.
//! let proof = sealbook_core::proof::Authorized::<sealbook_core::proof::Read> { scope: todo!(), marker: todo!() };
//! ```
//!
//! ```compile_fail
//! // No proof can be used twice.
//! fn twice(proof: sealbook_core::proof::Audited<sealbook_core::proof::Read>) {
//!     let _ = proof.clone();
//! }
//! ```

use std::marker::PhantomData;

use sealbook_api::Permission;

use crate::acl::{self, Identity};
use crate::audit::Entry;
use crate::error::Error;
use crate::rows::ScopeRow;

/// What an authorisation is for.
pub trait Need: sealed::Sealed {
    /// The least permission that allows it.
    const PERMISSION: Permission;
}

/// Reading and listing.
#[derive(Debug)]
pub enum Read {}
/// Putting and deleting secrets.
#[derive(Debug)]
pub enum Write {}
/// Changing the ACL and deleting the scope.
#[derive(Debug)]
pub enum Manage {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Read {}
    impl Sealed for super::Write {}
    impl Sealed for super::Manage {}
}

impl Need for Read {
    const PERMISSION: Permission = Permission::Read;
}
impl Need for Write {
    const PERMISSION: Permission = Permission::Write;
}
impl Need for Manage {
    const PERMISSION: Permission = Permission::Manage;
}

/// The user may do `N` in this scope.
#[derive(Debug)]
pub struct Authorized<N: Need> {
    scope: ScopeRow,
    user: String,
    marker: PhantomData<N>,
}

impl<N: Need> Authorized<N> {
    /// The one origin: the ACL of a scope whose row has been checked.
    pub(crate) fn check(identity: &Identity, scope: ScopeRow) -> Result<Self, Error> {
        match acl::permission(identity, &scope) {
            Some(granted) if granted >= N::PERMISSION => Ok(Self {
                scope,
                user: identity.user.clone(),
                marker: PhantomData,
            }),
            _ => Err(Error::denied(&identity.user, N::PERMISSION, &scope.name)),
        }
    }

    /// The scope.
    pub fn scope(&self) -> &ScopeRow {
        &self.scope
    }

    /// The scope, when the proof is no longer needed.
    pub(crate) fn into_scope(self) -> ScopeRow {
        self.scope
    }

    /// Who.
    pub fn user(&self) -> &str {
        &self.user
    }
}

/// The user may do `N` in this scope, and the intent is in the audit log.
#[derive(Debug)]
pub struct Audited<N: Need> {
    authorized: Authorized<N>,
    entry: Entry,
}

impl<N: Need> Audited<N> {
    /// The one origin: both proofs are consumed.
    pub(crate) fn new(authorized: Authorized<N>, entry: Entry) -> Self {
        Self { authorized, entry }
    }

    /// The scope.
    pub fn scope(&self) -> &ScopeRow {
        self.authorized.scope()
    }

    /// The entry, for writing the outcome; the proof is used up.
    pub(crate) fn into_entry(self) -> Entry {
        self.entry
    }
}
