//! The chain: each record's MAC covers the one before it, so that editing, reordering, deleting and inserting show.
//!
//! `mac_i = HMAC(k, mac_{i-1} ‖ replica ‖ i ‖ phase ‖ fields ‖ body)`, `mac_0` is zero.

use super::event::{AuditRow, Phase};
use crate::keyring::MacKey;

/// The MAC before the first record.
pub const GENESIS: [u8; 32] = [0; 32];

/// The end of one replica's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    replica: String,
    index: u64,
    head: Vec<u8>,
}

impl Chain {
    /// A chain that ends at this record; index 0 and [`GENESIS`] for an empty one.
    pub fn at(replica: impl Into<String>, index: u64, head: impl Into<Vec<u8>>) -> Self {
        Self {
            replica: replica.into(),
            index,
            head: head.into(),
        }
    }

    /// Records so far.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The last record's MAC.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Whose chain.
    pub fn replica(&self) -> &str {
        &self.replica
    }

    /// Numbers and authenticates the next row, without moving on yet.
    pub(super) fn link(&self, key: &MacKey, row: &mut AuditRow) {
        row.replica.clone_from(&self.replica);
        row.index = self.index + 1;
        row.mac = mac(key, &self.head, row).to_vec();
    }

    /// Moves on to a row that was linked and written.
    pub(super) fn advance(&mut self, row: &AuditRow) {
        self.index = row.index;
        self.head.clone_from(&row.mac);
    }
}

/// Walks a chain and stops at the first row that is not where and as it was written.
#[derive(Debug)]
pub struct ChainCheck<'a> {
    key: &'a MacKey,
    chain: Chain,
}

impl<'a> ChainCheck<'a> {
    /// From a known end; see [`Chain::at`].
    pub fn from(key: &'a MacKey, chain: Chain) -> Self {
        Self { key, chain }
    }

    /// Checks the next row.
    ///
    /// # Errors
    /// What is wrong, in words that name the record.
    pub fn next(&mut self, row: &AuditRow) -> Result<(), String> {
        let expected = self.chain.index + 1;
        let name = format!("record {} of chain {}", row.index, row.replica);
        if row.replica != self.chain.replica || row.index < expected {
            return Err(format!("{name} is out of order"));
        }
        if row.index > expected {
            return Err(format!("record {expected} of chain {} is missing", row.replica));
        }
        if !self
            .key
            .verify(&fields(&self.chain.head, row).each_ref().map(Vec::as_slice), &row.mac)
        {
            return Err(format!(
                "{name} ({} by {}, request {}) was altered",
                row.action, row.user, row.request_id
            ));
        }
        self.chain.advance(row);
        Ok(())
    }

    /// The end reached so far.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }
}

fn mac(key: &MacKey, previous: &[u8], row: &AuditRow) -> [u8; 32] {
    key.mac(&fields(previous, row).each_ref().map(Vec::as_slice))
}

fn fields(previous: &[u8], row: &AuditRow) -> [Vec<u8>; 11] {
    let (session, seq) = row.claim.clone().unwrap_or_default();
    [
        previous.to_vec(),
        row.replica.clone().into_bytes(),
        row.index.to_be_bytes().to_vec(),
        vec![match row.phase {
            Phase::Intent => 0,
            Phase::Outcome => 1,
        }],
        row.request_id.clone().into_bytes(),
        row.at_ms.to_be_bytes().to_vec(),
        format!("{}\0{}\0{}", row.user, row.action, row.scope.as_deref().unwrap_or("")).into_bytes(),
        vec![u8::from(row.failed)],
        session.into_bytes(),
        seq.to_be_bytes().to_vec(),
        row.body.clone().into_bytes(),
    ]
}
