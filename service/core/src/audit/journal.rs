//! The local journal: every record is in it before anything is answered.
//!
//! One lock covers: number and MAC of the record, its line in the file, its place in the queue to the database. So the
//! three orders are one. A line that could not be written is taken back, and the request is refused.
//!
//! The file is emptied when everything in it is durable in the database and it has grown past a limit.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::clock::Clock;
use crate::error::Error;
use crate::keyring::Keyring;
use crate::store::AuditQueue;

use super::chain::{Chain, ChainCheck};
use super::event::{AuditRow, Event, Outcome, Phase};

/// Bytes after which an all-durable journal is emptied.
const JOURNAL_BYTES_MAX: u64 = 4 << 20;
/// Records that may wait for the database; past this, requests are refused until it catches up.
const QUEUE_ROWS_MAX: usize = 200_000;
/// What [`Journal::check`] writes and takes back: as much as a small record, and no line, so that a crash leaves a torn one.
const PROBE: [u8; 512] = [b' '; 512];
/// How long a record, or a check, that was written shows that the next can be.
const PROBE_INTERVAL_MS: i64 = 1_000;

/// When a record counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sync {
    /// When the operating system has it: it survives the death of this process, not of the machine.
    #[default]
    System,
    /// When the disk has it.
    Always,
}

/// The right to do what an intent announced, and the duty to say how it ended.
#[derive(Debug)]
#[must_use = "an intent without an outcome is reported as unknown"]
pub struct Entry {
    request_id: String,
    user: String,
    action: &'static str,
    scope: Option<String>,
}

/// What [`Journal::open`] found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Records that the database did not have yet.
    pub replayed: usize,
    /// Requests since the last start whose outcome will never be known.
    pub unknown: Vec<String>,
    /// There were records, and no checkpoint that says how many.
    pub checkpoints_missing: bool,
    /// The first record that the database had, by a checkpoint, and has no more.
    pub restored_from: Option<u64>,
    /// Bytes of a last line that was cut off by a crash.
    pub torn_bytes: u64,
}

/// The journal of one replica.
#[derive(Debug)]
pub struct Journal {
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    sync: Sync,
    state: Mutex<State>,
    /// The same file, to be synced while others append to it.
    disk: File,
    /// The last record that the disk has. Whoever holds it syncs, for all who wait for it.
    on_disk: Mutex<u64>,
    wake: Wake,
}

#[derive(Default)]
struct Wake(OnceLock<Box<dyn Fn() + Send + std::marker::Sync>>);

impl std::fmt::Debug for Wake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wake")
    }
}

#[derive(Debug)]
struct State {
    chain: Chain,
    file: File,
    length: u64,
    waiting: VecDeque<AuditRow>,
    durable: u64,
    /// A partial line could not be taken back, or the disk refused: nothing may be appended behind it.
    broken: bool,
    /// The last attempt to write failed.
    failing: bool,
    /// When something was written last.
    written_at: i64,
}

impl Journal {
    /// Opens or makes the journal, checks it against the end of the chain in the database, and queues what the database
    /// does not have.
    ///
    /// # Errors
    /// The file cannot be opened or written, or it does not continue the chain.
    pub fn open(
        path: &Path,
        database_end: Chain,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        sync: Sync,
    ) -> Result<(Self, Recovery), Error> {
        let cannot = |error: std::io::Error| {
            Error::unavailable(format!("the audit journal {} cannot be used: {error}", path.display()))
        };
        let file = File::options()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(cannot)?;
        let (rows, kept) = read_rows(&file, path).map_err(cannot)?;
        let length = file.metadata().map_err(cannot)?.len();
        file.set_len(kept).map_err(cannot)?;

        let mut check = ChainCheck::from(keyring.first().audit_mac(), database_end.clone());
        let mut waiting = VecDeque::new();
        for row in rows {
            if row.index > database_end.index() {
                check.next(&row).map_err(|what| {
                    Error::tampered(format_args!("The audit journal {}: {what}; it", path.display()))
                })?;
                waiting.push_back(row);
            }
        }
        let of = |phase: Phase| {
            waiting
                .iter()
                .filter(move |row| row.phase == phase)
                .map(|row| &row.request_id)
        };
        let finished: HashSet<&String> = of(Phase::Outcome).collect();
        let recovery = Recovery {
            replayed: waiting.len(),
            unknown: of(Phase::Intent)
                .filter(|request| !finished.contains(request))
                .cloned()
                .collect(),
            checkpoints_missing: false,
            restored_from: None,
            torn_bytes: length - kept,
        };
        let chain = check.chain().clone();
        let disk = file.try_clone().map_err(cannot)?;
        let state = State {
            chain,
            file,
            length: kept,
            waiting,
            durable: database_end.index(),
            broken: false,
            failing: false,
            written_at: 0,
        };
        let journal = Self {
            keyring,
            clock,
            sync,
            state: Mutex::new(state),
            disk,
            on_disk: Mutex::new(0),
            wake: Wake::default(),
        };
        Ok((journal, recovery))
    }

    /// The number of the last whole record in a journal's file; 0 for none.
    ///
    /// # Errors
    /// The file cannot be read, or is no journal.
    pub fn last_index(path: &Path) -> Result<u64, Error> {
        let cannot = |error: std::io::Error| {
            Error::unavailable(format!("the audit journal {} cannot be used: {error}", path.display()))
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(cannot(error)),
        };
        let (rows, _) = read_rows(&file, path).map_err(cannot)?;
        Ok(rows.last().map_or(0, |row| row.index))
    }

    /// Writes an intent.
    ///
    /// # Errors
    /// `TEMPORARILY_UNAVAILABLE`: the record could not be written, so the request must not be served.
    pub fn begin(&self, event: Event) -> Result<Entry, Error> {
        let entry = Entry {
            request_id: event.request_id.clone(),
            user: event.user.clone(),
            action: event.action.name(),
            scope: event.scope(),
        };
        let claim = event.session.clone();
        let at_ms = event.at_ms;
        let body = serde_json::to_string(&event.into_record())
            .map_err(|_| Error::internal("an audit record cannot be written as JSON"))?;
        self.append(row(&entry, Phase::Intent, at_ms, false, claim, body))?;
        Ok(entry)
    }

    /// Writes an outcome.
    ///
    /// # Errors
    /// `TEMPORARILY_UNAVAILABLE`: the record could not be written; the answer must not be given. The intent stays.
    pub fn finish(&self, entry: Entry, outcome: Outcome) -> Result<(), Error> {
        let failed = outcome.status >= 400;
        let body = serde_json::to_string(&outcome.into_response())
            .map_err(|_| Error::internal("an audit record cannot be written as JSON"))?;
        self.append(row(&entry, Phase::Outcome, self.clock.now_ms(), failed, None, body))
    }

    /// The end of the chain: how many records, and the last MAC.
    pub fn end(&self) -> Chain {
        self.lock().chain.clone()
    }

    /// Records that the database is known to have.
    pub fn durable_end(&self) -> u64 {
        self.lock().durable
    }

    /// Records that are not in the database yet.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Whether a record could be written now. Whoever asks often costs no more than a write in each second.
    ///
    /// # Errors
    /// `TEMPORARILY_UNAVAILABLE`: no request would be served.
    pub fn check(&self) -> Result<(), Error> {
        let now = self.clock.now_ms();
        let mut state = self.lock();
        Self::open_for_writing(&mut state)?;
        if !state.failing && (now - state.written_at).abs() < PROBE_INTERVAL_MS {
            return Ok(());
        }
        self.write(&mut state, &PROBE)?;
        let length = state.length;
        if let Err(error) = state.file.set_len(length) {
            state.broken = true;
            return Err(Self::refuse(&mut state, &error.to_string()));
        }
        Ok(())
    }

    fn open_for_writing(state: &mut State) -> Result<(), Error> {
        if state.broken {
            return Err(Self::refuse(
                state,
                "an earlier record could not be written or taken back",
            ));
        }
        if state.waiting.len() >= QUEUE_ROWS_MAX {
            return Err(Self::refuse(state, "the database has not taken any for too long"));
        }
        Ok(())
    }

    /// All of the bytes behind what the file has, or none of them.
    fn write(&self, state: &mut State, bytes: &[u8]) -> Result<(), Error> {
        if let Err(error) = state.file.write_all(bytes) {
            // A partial line would hide every later one at recovery.
            state.broken = state.file.set_len(state.length).is_err();
            return Err(Self::refuse(state, &error.to_string()));
        }
        state.written_at = self.clock.now_ms();
        state.failing = false;
        Ok(())
    }

    fn append(&self, mut row: AuditRow) -> Result<(), Error> {
        let mut state = self.lock();
        Self::open_for_writing(&mut state)?;
        state.chain.link(self.keyring.first().audit_mac(), &mut row);
        let mut line = serde_json::to_vec(&row).map_err(|_| Error::internal("an audit record cannot be written"))?;
        line.push(b'\n');
        self.write(&mut state, &line)?;
        state.length += line.len() as u64;
        state.chain.advance(&row);
        let index = row.index;
        state.waiting.push_back(row);
        drop(state);
        if let Some(wake) = self.wake.0.get() {
            wake();
        }
        match self.sync {
            Sync::System => Ok(()),
            Sync::Always => self.wait_for_disk(index),
        }
    }

    /// Returns when the disk has this record. One sync serves everybody who waited for it.
    fn wait_for_disk(&self, index: u64) -> Result<(), Error> {
        let mut on_disk = self.on_disk.lock().unwrap_or_else(PoisonError::into_inner);
        if *on_disk >= index {
            return Ok(());
        }
        let (end, broken) = {
            let state = self.lock();
            (state.chain.index(), state.broken)
        };
        if broken {
            return Err(Self::refuse(
                &mut self.lock(),
                "the disk did not take an earlier record",
            ));
        }
        if let Err(error) = self.disk.sync_data() {
            // The system may have dropped what it could not write: nothing more can be promised.
            let mut state = self.lock();
            state.broken = true;
            return Err(Self::refuse(&mut state, &error.to_string()));
        }
        *on_disk = end;
        Ok(())
    }

    /// Without the file's path, which is no caller's business. Nothing is logged: the log may be on the same full disk.
    fn refuse(state: &mut State, why: &str) -> Error {
        state.failing = true;
        Error::unavailable(format!(
            "The audit log cannot be written ({why}), so nothing is served. It recovers by itself when there is room"
        ))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AuditQueue for Journal {
    fn take(&self) -> Vec<AuditRow> {
        self.lock().waiting.drain(..).collect()
    }

    fn put_back(&self, rows: Vec<AuditRow>) {
        let mut state = self.lock();
        for row in rows.into_iter().rev() {
            state.waiting.push_front(row);
        }
    }

    fn on_append(&self, wake: Box<dyn Fn() + Send + std::marker::Sync>) {
        // A second store would be a defect; the first stays.
        self.wake.0.set(wake).ok();
    }

    fn committed(&self, index: u64) {
        let mut state = self.lock();
        state.durable = state.durable.max(index);
        if state.length > JOURNAL_BYTES_MAX && state.durable == state.chain.index() && state.file.set_len(0).is_ok() {
            state.length = 0;
        }
    }
}

fn row(entry: &Entry, phase: Phase, at_ms: i64, failed: bool, claim: Option<(String, u64)>, body: String) -> AuditRow {
    AuditRow {
        replica: String::new(),
        index: 0,
        phase,
        request_id: entry.request_id.clone(),
        at_ms,
        user: entry.user.clone(),
        action: entry.action.to_owned(),
        scope: entry.scope.clone(),
        failed,
        claim,
        body,
        mac: Vec::new(),
    }
}

/// The rows of the file, and the length up to the end of the last whole one.
fn read_rows(file: &File, path: &Path) -> std::io::Result<(Vec<AuditRow>, u64)> {
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(0))?;
    let mut rows = Vec::new();
    let mut kept = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok((rows, kept));
        }
        if line.last() != Some(&b'\n') {
            // Only a crash in the middle of a write leaves this, and nothing was answered for it.
            return Ok((rows, kept));
        }
        let row = serde_json::from_slice(&line).map_err(|_| {
            std::io::Error::other(format!(
                "line {} of {} is not an audit record",
                rows.len() + 1,
                path.display()
            ))
        })?;
        rows.push(row);
        kept += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Action, GENESIS, Origin};
    use crate::clock::SystemClock;
    use crate::keyring::Kek;
    use sealbook_api::SecretBytes;
    use std::fs;

    fn keyring() -> Arc<Keyring> {
        Arc::new(Keyring::new([Kek::derive(1, &SecretBytes::new(vec![1; 32])).unwrap()]).unwrap())
    }

    fn event(request_id: &str) -> Event {
        Event {
            at_ms: 5,
            organisation: "default".into(),
            origin: Origin {
                source: "unix:uid=0,pid=1".into(),
                user_agent: "test".into(),
            },
            user: "alice".into(),
            action: Action::GetSecret,
            request_id: request_id.into(),
            params: serde_json::from_str(r#"{"scope":"JDBC","key":"password"}"#).unwrap(),
            session: Some(("s".into(), 3)),
            kernel: None,
        }
    }

    fn open(path: &Path, end: Chain) -> (Journal, Recovery) {
        Journal::open(path, end, keyring(), Arc::new(SystemClock), Sync::System).unwrap()
    }

    fn empty() -> Chain {
        Chain::at("main", 0, GENESIS)
    }

    #[test]
    fn records_survive_and_an_intent_without_outcome_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (journal, recovery) = open(&path, empty());
        assert_eq!(recovery, Recovery::default());
        let entry = journal.begin(event("r1")).unwrap();
        journal.finish(entry, Outcome::ok()).unwrap();
        let _lost = journal.begin(event("r2")).unwrap();
        let end = journal.end();
        drop(journal);

        // The process died in the middle of a line.
        File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"replica\":\"ma")
            .unwrap();
        let (journal, recovery) = open(&path, empty());
        assert_eq!(
            recovery,
            Recovery {
                replayed: 3,
                unknown: vec!["r2".into()],
                checkpoints_missing: false,
                restored_from: None,
                torn_bytes: 14
            }
        );
        assert_eq!(journal.end(), end);
        assert_eq!(Journal::last_index(&path).unwrap(), 3);
        assert_eq!(Journal::last_index(&folder.path().join("none")).unwrap(), 0);
        let rows = journal.take();
        assert_eq!(rows.iter().map(|row| row.index).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(rows[0].scope.as_deref(), Some("jdbc"));
        assert_eq!(rows[0].claim, Some(("s".to_owned(), 3)));

        // The database has the first two by now: only the third is replayed.
        let (journal, recovery) = open(&path, Chain::at("main", 2, rows[1].mac.clone()));
        assert_eq!((recovery.replayed, recovery.unknown), (1, vec!["r2".to_owned()]));
        assert_eq!(journal.end(), end);
    }

    #[test]
    fn an_edited_journal_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (journal, _) = open(&path, empty());
        let entry = journal.begin(event("r1")).unwrap();
        journal.finish(entry, Outcome::ok()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let cases = [
            text.replacen("alice", "carol", 1),
            text.replacen("getSecret", "putSecret", 1),
            format!("{}\n{}\n", lines[1], lines[0]),
            format!("{}\n", lines[1]),
            format!("{}\n{}\n{}\n", lines[0], lines[0], lines[1]),
        ];
        for case in cases {
            fs::write(&path, &case).unwrap();
            let error = Journal::open(&path, empty(), keyring(), Arc::new(SystemClock), Sync::System).unwrap_err();
            assert_eq!(error.code(), sealbook_api::ErrorCode::DataLoss, "{case}");
        }
    }

    #[test]
    fn whoever_waits_for_the_disk_is_told_when_it_has_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (journal, _) = Journal::open(&path, empty(), keyring(), Arc::new(SystemClock), Sync::Always).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let journal = &journal;
                scope.spawn(move || {
                    for number in 0..20 {
                        let entry = journal.begin(event(&format!("{thread}-{number}"))).unwrap();
                        journal.finish(entry, Outcome::ok()).unwrap();
                    }
                });
            }
        });
        assert_eq!((journal.end().index(), *journal.on_disk.lock().unwrap()), (320, 320));
        // Once the disk has refused, nothing is promised any more.
        journal.lock().broken = true;
        assert!(journal.wait_for_disk(321).is_err() && journal.begin(event("late")).is_err());
    }

    #[test]
    fn a_full_disk_refuses_and_recovers() {
        // /dev/full takes no byte.
        let (journal, _) = open(&tempfile::tempdir().unwrap().path().join("journal"), empty());
        let good = std::mem::replace(
            &mut journal.lock().file,
            File::options().write(true).open("/dev/full").unwrap(),
        );
        let error = journal.begin(event("r1")).unwrap_err();
        assert_eq!(error.code(), sealbook_api::ErrorCode::TemporarilyUnavailable);
        assert!(!error.message().contains("/journal"), "{error}");
        assert_eq!(
            journal.check().unwrap_err().code(),
            sealbook_api::ErrorCode::TemporarilyUnavailable
        );
        let mut state = journal.lock();
        state.file = good;
        // A device cannot be cut; on a real file the cut succeeds and the journal goes on by itself.
        state.broken = false;
        drop(state);
        // Nobody has to ask for anything else before it is known to work again, and the check leaves nothing behind.
        journal.check().unwrap();
        assert_eq!(journal.lock().file.metadata().unwrap().len(), 0);
        let entry = journal.begin(event("r2")).unwrap();
        journal.finish(entry, Outcome::ok()).unwrap();
        assert_eq!(journal.end().index(), 2);
    }

    #[test]
    fn a_durable_journal_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (journal, _) = open(&path, empty());
        while journal.lock().length <= JOURNAL_BYTES_MAX {
            let entry = journal.begin(event(&"x".repeat(4_000))).unwrap();
            journal.finish(entry, Outcome::ok()).unwrap();
        }
        let end = journal.end();
        let rows = journal.take();
        journal.committed(end.index() - 1);
        assert!(fs::metadata(&path).unwrap().len() > JOURNAL_BYTES_MAX);
        journal.put_back(rows);
        assert_eq!(journal.take().len() as u64, end.index());
        journal.committed(end.index());
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        let _entry = journal.begin(event("after")).unwrap();
        assert_eq!(journal.end().index(), end.index() + 1);
    }
}
