//! What other processes of the same user can see of the notebook's, and what these cost while nothing runs.

#![expect(unsafe_code, reason = "asks the system, and gives up privileges in a child process")]

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sealbook_runtime::Engine;

use super::cells::{Notebook, Recorder};
use super::processes::{self, Processes};

/// Set in the process that gave up the administrator's privileges, which would open everything.
const WITHOUT_PRIVILEGES: &str = "SEALBOOK_TEST_WITHOUT_PRIVILEGES";

/// Highest number of a capability, with room for those to come.
const CAPABILITIES: libc::c_ulong = 64;

/// Header and data of `capset`, version 3.
const CAPSET_HEADER: [u32; 2] = [0x2008_0522, 0];

pub fn processes_cannot_be_read() {
    if std::env::var_os(WITHOUT_PRIVILEGES).is_none() {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again
            .args(["processes_cannot_be_read", "--exact"])
            .env(WITHOUT_PRIVILEGES, "1");
        // SAFETY: the closure makes system calls only.
        unsafe { again.pre_exec(give_up_privileges) };
        assert!(again.status().unwrap().success());
        return;
    }
    let mut plain = Command::new("sleep").arg("1000").spawn().unwrap();
    // The way in is open where nothing closes it.
    assert_eq!(ways_in(plain.id() as i32), ["trace", "memory"]);
    let mut notebook = Notebook::open();
    notebook.ok("let n = 1;");
    let mut recorder = Recorder {
        on_output: Some({
            let interrupt = notebook.engine.interrupt();
            Box::new(move || {
                let running = Processes::of_this();
                let copies = processes::children(running.worker);
                assert_eq!(copies.len(), 1, "{copies:?}");
                let all = running.all().into_iter().chain([("copy", copies[0])]);
                for (name, pid) in all {
                    assert_eq!(ways_in(pid), [""; 0], "{name}");
                    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
                    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
                    let words: Vec<&str> = core.unwrap().split_whitespace().collect();
                    assert_eq!(words[4..6], ["0", "0"], "{name}");
                }
                interrupt.interrupt();
            })
        }),
        ..Recorder::default()
    };
    notebook
        .engine
        .execute("println!(\"go\"); loop { std::hint::black_box(()); }", &mut recorder);
    assert!(recorder.on_output.is_none(), "nothing was looked at");
    // What took over after the interrupt, too.
    assert_eq!(ways_in(Processes::of_this().worker), [""; 0]);
    assert_eq!(notebook.result("n"), "1");
    // Nor while one takes over, or when libraries are looked at.
    let supervisor = Processes::of_this().supervisor;
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looker = scope.spawn(|| {
            let mut looks = 0u64;
            while !is_over.load(Ordering::Relaxed) {
                for worker in processes::children(supervisor) {
                    for _ in 0..1000 {
                        assert!(File::open(format!("/proc/{worker}/mem")).is_err());
                        looks += 1;
                    }
                }
            }
            looks
        });
        for round in 0..40 {
            if round % 4 == 0 {
                assert_eq!(notebook.error("std::process::exit(1)").0, "ProcessExit");
            }
            notebook.ok("let n = 1;");
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(looker.join().unwrap() > 0);
    });
    plain.kill().unwrap();
    plain.wait().unwrap();
}

fn give_up_privileges() -> io::Result<()> {
    // SAFETY: the calls take numbers, and two structures that outlive them.
    unsafe {
        for capability in 0..CAPABILITIES {
            // Refused where there is no such capability, and to whoever has none.
            libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0);
        }
        let none = [0u32; 6];
        match libc::syscall(libc::SYS_capset, CAPSET_HEADER.as_ptr(), none.as_ptr()) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// By which ways this process gets into another.
fn ways_in(pid: i32) -> Vec<&'static str> {
    let mut ways = Vec::new();
    // SAFETY: no memory is involved; the process goes on when it is let go.
    unsafe {
        if libc::ptrace(libc::PTRACE_ATTACH, pid, 0, 0) == 0 {
            libc::waitpid(pid, std::ptr::null_mut(), 0);
            libc::ptrace(libc::PTRACE_DETACH, pid, 0, 0);
            ways.push("trace");
        }
    }
    if File::open(format!("/proc/{pid}/mem")).is_ok() {
        ways.push("memory");
    }
    ways
}

pub fn what_waits_ends_with_its_parent() {
    let mut notebook = Notebook::open();
    notebook.ok("1");
    let builder = Processes::of_this().builder;
    let since = std::time::Instant::now();
    let linker = loop {
        let found = processes::children(builder)
            .into_iter()
            .find(|pid| processes::command(*pid).contains("lld"));
        if let Some(pid) = found {
            break pid;
        }
        assert!(since.elapsed().as_secs() < 20, "no linker waits");
        std::thread::yield_now();
    };
    processes::kill(builder);
    assert!(processes::is_over(linker));
    // Also when the parent has ended before.
    let folder = tempfile::tempdir().unwrap();
    let wrapper = folder.path().join("sealbook-rustc");
    std::os::unix::fs::symlink(std::env::current_exe().unwrap(), &wrapper).unwrap();
    let mut orphan = std::process::Command::new(wrapper);
    let status = orphan
        .args(["sleep", "30"])
        .env("SEALBOOK_PARENT", "1")
        .status()
        .unwrap();
    assert!(!status.success());
}

/// Counted are wake-ups, not time: a busy machine does not change them.
pub fn idle_processes_sleep() {
    /// Of all threads of the three processes, in a second. One that polls does more.
    const WAKE_UPS_MAX: u64 = 5;
    /// The standard library is analysed meanwhile, on a slow machine.
    const SECONDS_MAX: usize = 120;
    let mut notebook = Notebook::open();
    notebook.ok("let n = 1;");
    let processes = Processes::of_this();
    let mut before = wake_ups(&processes);
    let mut quiet = 0;
    for _ in 0..SECONDS_MAX {
        std::thread::sleep(Duration::from_secs(1));
        let now = wake_ups(&processes);
        quiet = if now - before <= WAKE_UPS_MAX { quiet + 1 } else { 0 };
        before = now;
        // Before it starts, the analysis waits for more than a second.
        if quiet == 4 {
            return;
        }
    }
    panic!("the processes never came to rest");
}

fn wake_ups(processes: &Processes) -> u64 {
    let of_thread = |path: std::path::PathBuf| -> u64 {
        let status = fs::read_to_string(path.join("status")).unwrap_or_default();
        let counts = status.lines().filter_map(|line| {
            let (name, count) = line.split_once(':')?;
            name.ends_with("voluntary_ctxt_switches")
                .then(|| count.trim().parse::<u64>().ok())?
        });
        counts.sum()
    };
    processes
        .all()
        .iter()
        .flat_map(|(_, pid)| fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten())
        .map(|task| of_thread(task.path()))
        .sum()
}
