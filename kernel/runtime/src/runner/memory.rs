//! How often the system killed a process because memory had ended: nothing else tells such a death from any other.

use std::fs;

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
