//! What happens when memory ends: which process the system kills, and how often it did.

use std::fs::{self, File};
use std::io::Write;

/// How much the system prefers to kill the worker, rather than the kernel, when memory ends; 0 would be as any other process.
const VICTIM_SCORE: i32 = 500;

/// The supervisor's own score, which processes inherit when they are made: so the worker need not open a file of its own in
/// /proc, which it could do only while other processes of the user may read its memory.
///
/// The copies of the worker have its score too. Of two such processes the larger one goes, which is the one whose cell used up
/// the memory.
pub(super) struct Score {
    file: Option<File>,
    own: i32,
}

impl Score {
    /// Call it before the process is closed to others.
    pub(super) fn open() -> Score {
        const PATH: &str = "/proc/self/oom_score_adj";
        let own = fs::read_to_string(PATH).ok().and_then(|text| text.trim().parse().ok());
        Score {
            file: own.and_then(|_| File::options().write(true).open(PATH).ok()),
            own: own.unwrap_or(0),
        }
    }

    /// Calls `fork`, whose child is preferred.
    pub(super) fn of_victim<T>(&mut self, fork: impl FnOnce() -> T) -> T {
        self.set(self.own.max(VICTIM_SCORE));
        let forked = fork();
        self.set(self.own);
        forked
    }

    /// For the child of that fork: the score is not its own.
    pub(super) fn leave(&mut self) {
        self.file = None;
    }

    fn set(&mut self, score: i32) {
        if let Some(file) = &mut self.file {
            let _ = file.write_all(score.to_string().as_bytes());
        }
    }
}

/// Of this process's group where groups are counted, else of the whole system: containers count on their own.
pub(super) fn processes_killed() -> u64 {
    let group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = group.lines().find_map(|line| line.strip_prefix("0::"));
    let events = group.and_then(|group| fs::read_to_string(format!("/sys/fs/cgroup{group}/memory.events")).ok());
    let counted = events.or_else(|| fs::read_to_string("/proc/vmstat").ok());
    counted.as_deref().and_then(count).unwrap_or(0)
}

/// Both files call it the same.
fn count(text: &str) -> Option<u64> {
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    count?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_are_read() {
        let events = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n";
        let vmstat = "drop_slab 0\noom_kill 7\nnuma_pte_updates 0\n";
        assert_eq!((count(events), count(vmstat), count("")), (Some(2), Some(7), None));
    }
}
