//! The engine's processes, as the system shows them.

use std::time::{Duration, Instant};

/// Numbers of the processes of the one notebook that this process has open.
#[derive(Debug)]
pub struct Processes {
    pub builder: i32,
    pub supervisor: i32,
    pub worker: i32,
}

impl Processes {
    pub fn of_this() -> Processes {
        let only = |parent: i32, what: &str| {
            let found: Vec<i32> = children(parent)
                .into_iter()
                .filter(|pid| command(*pid).contains(what))
                .collect();
            assert_eq!(found.len(), 1, "{what} below {parent}: {found:?}");
            found[0]
        };
        let builder = only(std::process::id() as i32, "cell-builder");
        let supervisor = only(builder, "cell-runner");
        Processes {
            builder,
            supervisor,
            worker: only(supervisor, "cell-runner"),
        }
    }

    pub fn all(&self) -> [(&'static str, i32); 3] {
        [
            ("builder", self.builder),
            ("supervisor", self.supervisor),
            ("worker", self.worker),
        ]
    }
}

/// Living children of a process.
pub fn children(of: i32) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(state, parent)| parent == of && state != "Z"))
        .collect()
}

/// The command line, empty if the process is gone.
pub fn command(pid: i32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// State and parent.
fn stat(pid: i32) -> Option<(String, i32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// Whether the process ends, within a time that only a failure takes.
pub fn is_over(pid: i32) -> bool {
    let since = Instant::now();
    while stat(pid).is_some_and(|(state, _)| state != "Z") {
        if since.elapsed() > Duration::from_secs(20) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// As `kill -9`.
#[expect(unsafe_code, reason = "no safe wrapper in the standard library")]
pub fn kill(pid: i32) {
    // SAFETY: no memory is involved.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
}
