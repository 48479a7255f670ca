//! The supervisor: evcxr's direct child. It runs no user code, so it outlives every cell.
//!
//! ```text
//! evcxr ── LOAD_AND_RUN library function ──► supervisor ── order, socket for a copy ──► worker
//! evcxr ◄─ control lines, EXECUTION_COMPLETE ─┤ ◄── record of how the cell ended ──────┘
//! kernel ◄─ reports ──────────────────────────┤
//! kernel ── interrupt, end ──────────────────►┘
//! ```
//!
//! When the worker dies in a cell, its frozen copy takes over, and evcxr reads one line that is not UTF-8: its
//! evaluation then fails without restarting the child and without committing anything, which is a full rollback.
//!
//! Invariants: single-threaded, so that it may fork; evcxr's descriptors and the control socket never reach the worker.

#![expect(unsafe_code, reason = "forks the worker and takes over inherited descriptors")]

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;
use std::time::{Duration, Instant};

use super::checkpoint;
use super::crash;
use super::memory::{self, Score};
use super::report::{CellEnd, Death, Report};
use super::worker::{self, TookOver};
use crate::sys::{self, Waiting};

/// The kernel asks for the running cell to be interrupted.
pub(crate) const INTERRUPT: &[u8] = b"i";
/// The kernel asks for the worker and the supervisor to end; evcxr then starts anew.
pub(crate) const END: &[u8] = b"e";

/// How long a worker that got a signal may take to flush what the cell printed.
const FLUSH_TIME_MAX: Duration = Duration::from_millis(200);
/// How long a copy may take to wake up.
const TAKE_OVER_TIME_MAX: Duration = Duration::from_secs(5);

/// Control lines of evcxr 0.22.
const EXECUTION_COMPLETE: &str = "EVCXR_EXECUTION_COMPLETE";
const PANIC_NOTIFICATION: &str = "EVCXR_PANIC_NOTIFICATION";
const ERROR_OCCURRED: &str = "EVCXR_ERROR_OCCURRED";
const VARIABLE_CHANGED_TYPE: &str = "EVCXR_VARIABLE_CHANGED_TYPE:";
/// A line that evcxr cannot read: its evaluation fails and nothing is committed.
const ROLL_BACK: &[u8] = b"\xff\n";

/// Never returns. `args` are five descriptors (the user's input, output, error output, the control socket, and the
/// counter of started cells) and the path of the socket that `dbutils` calls.
pub(crate) fn main(args: Vec<OsString>) -> ! {
    let dbutils = args.last().cloned().unwrap_or_default();
    let fds: Vec<i32> = args
        .iter()
        .take(5)
        .filter_map(|arg| arg.to_str()?.parse().ok())
        .collect();
    let [input, output, error, control, starts] = fds[..] else {
        std::process::exit(2);
    };
    // Not killed with the builder, whose end it notices: user code's own processes are to be ended then.
    sys::adopt_orphans();
    sys::forbid_core_dumps();
    let score = Score::open();
    sys::forbid_reading();
    let outcome = (|| {
        let from_evcxr = sys::duplicate(0, FIRST_FD)?;
        let to_evcxr = sys::duplicate(1, FIRST_FD)?;
        let errors_of_evcxr = sys::duplicate(2, FIRST_FD)?;
        let control_fd = sys::duplicate(control, FIRST_FD)?;
        let starts_fd = sys::duplicate(starts, FIRST_FD)?;
        for (fd, standard) in [(input, 0), (output, 1), (error, 2)] {
            sys::replace(fd, standard)?;
        }
        for fd in [input, output, error, control, starts] {
            // SAFETY: inherited for us, and used under its new number from now on.
            drop(unsafe { sys::inherited(fd) });
        }
        let signals = child_signals()?;
        let mut supervisor = Supervisor {
            from_evcxr,
            to_evcxr,
            errors_of_evcxr,
            control: control_fd,
            starts: starts_fd,
            signals,
            score,
            unread: Vec::new(),
            worker: None,
            cell: None,
            dbutils,
        };
        supervisor.spawn()?;
        let supervisor_pid = std::process::id() as i32;
        Report::Hello {
            supervisor: supervisor_pid,
        }
        .send(supervisor.control.as_raw_fd())?;
        let served = supervisor.serve();
        // Whatever it was that ended it: a builder that died closes its ends at any time.
        supervisor.end();
        served
    })();
    let outcome: std::io::Result<()> = outcome;
    std::process::exit(i32::from(outcome.is_err()));
}

/// Our own descriptors are numbered from here, out of the way of the user's.
const FIRST_FD: i32 = 200;

struct Supervisor {
    from_evcxr: OwnedFd,
    to_evcxr: OwnedFd,
    errors_of_evcxr: OwnedFd,
    control: OwnedFd,
    /// Counts the cells whose code started, for the builder: one that did not start can be run again. The worker counts,
    /// because this process may be killed before it hears of a start.
    starts: OwnedFd,
    /// Readable when a child changed state.
    signals: OwnedFd,
    score: Score,
    /// What evcxr sent of its next line.
    unread: Vec<u8>,
    worker: Option<Worker>,
    /// Path of the socket that `dbutils` calls.
    dbutils: OsString,
    /// The cell that is running.
    cell: Option<Cell>,
}

struct Worker {
    pid: i32,
    channel: OwnedFd,
}

struct Cell {
    /// The other end of the socket on which the copy waits.
    copy: OwnedFd,
    no_copy: Option<String>,
    /// In clock ticks since boot, as processes' start times are given.
    started_at: u64,
    /// What the worker was told to run.
    order: String,
    /// The copy is made and the cell's code runs. Until then nothing may end the worker on purpose.
    started: bool,
    interrupted: bool,
    /// The signal that the worker reported, and whether its stack overflowed.
    crash: Option<(i32, bool)>,
    /// Place and message of the panic that made it abort.
    last_words: Option<(String, String)>,
    /// How many processes the system had killed for want of memory when the cell started.
    killed_for_memory: u64,
    /// When to kill a worker that was told to end.
    deadline: Option<Instant>,
}

impl Supervisor {
    fn spawn(&mut self) -> std::io::Result<()> {
        let (ours, low) = sys::packet_pair()?;
        let theirs = sys::duplicate(low.as_raw_fd(), FIRST_FD)?;
        drop(low);
        let parent = std::process::id();
        // SAFETY: this process has one thread.
        match self.score.of_victim(|| unsafe { libc::fork() }) {
            -1 => Err(std::io::Error::last_os_error()),
            0 => {
                restore_child_signals();
                self.score.leave();
                for fd in [
                    &self.from_evcxr,
                    &self.to_evcxr,
                    &self.errors_of_evcxr,
                    &self.control,
                    &self.signals,
                    &ours,
                ] {
                    // SAFETY: the worker never touches these objects again: `worker::main` does not return.
                    unsafe { libc::close(fd.as_raw_fd()) };
                }
                worker::main(theirs, self.starts.as_raw_fd(), parent, self.dbutils.as_encoded_bytes())
            }
            pid => {
                self.worker = Some(Worker { pid, channel: ours });
                Ok(())
            }
        }
    }

    /// Serves evcxr, the kernel and the worker until evcxr closes its end.
    fn serve(&mut self) -> std::io::Result<()> {
        loop {
            let channel = match &self.worker {
                Some(worker) => &worker.channel,
                None => return Ok(()),
            };
            let mut waiting = [
                Waiting::on(channel),
                Waiting::on(&self.signals),
                Waiting::on(&self.control),
                Waiting::on(&self.from_evcxr),
            ];
            sys::wait(&mut waiting, self.timeout_ms());
            let [channel, signals, control, from_evcxr] = waiting.map(|waiting| waiting.is_ready());
            self.kill_if_late();
            if channel {
                self.hear_worker()?;
            }
            if signals {
                self.reap()?;
            }
            if control && !self.hear_kernel() {
                return Ok(());
            }
            if from_evcxr && !self.hear_evcxr()? {
                return Ok(());
            }
        }
    }

    fn timeout_ms(&self) -> i32 {
        let deadline = self.cell.as_ref().and_then(|cell| cell.deadline);
        deadline.map_or(-1, |at| {
            at.saturating_duration_since(Instant::now()).as_millis() as i32 + 1
        })
    }

    fn kill_if_late(&mut self) {
        if let (Some(cell), Some(worker)) = (&mut self.cell, &self.worker)
            && cell.deadline.is_some_and(|at| at <= Instant::now())
        {
            cell.deadline = None;
            sys::kill(worker.pid, libc::SIGKILL);
        }
    }

    /// False when the kernel wants us to end, or is gone.
    fn hear_kernel(&mut self) -> bool {
        let Ok((order, _)) = sys::receive_packet(self.control.as_raw_fd()) else {
            return false;
        };
        if order == INTERRUPT
            && let Some(cell) = &mut self.cell
            && !cell.interrupted
        {
            cell.interrupted = true;
            if cell.started {
                self.stop_worker();
            }
        }
        !order.is_empty() && order != END
    }

    /// Interrupts the running cell.
    fn stop_worker(&mut self) {
        if let (Some(cell), Some(worker)) = (&mut self.cell, &self.worker) {
            cell.deadline = Some(Instant::now() + FLUSH_TIME_MAX);
            sys::kill(worker.pid, crash::interrupt_signal());
        }
    }

    /// False when evcxr closed its end.
    fn hear_evcxr(&mut self) -> std::io::Result<bool> {
        let mut buffer = [0; 4096];
        let size = sys::read(&self.from_evcxr, &mut buffer)?;
        self.unread.extend_from_slice(&buffer[..size]);
        while let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            self.start_cell(&line[..end])?;
        }
        Ok(size > 0)
    }

    fn start_cell(&mut self, line: &[u8]) -> std::io::Result<()> {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split(' ');
        let (Some("LOAD_AND_RUN"), Some(library), Some(function)) = (words.next(), words.next(), words.next()) else {
            return Err(std::io::Error::other("unknown instruction"));
        };
        self.run_in_worker(format!("{library}\0{function}"), false)
    }

    fn run_in_worker(&mut self, order: String, interrupted: bool) -> std::io::Result<()> {
        let (copy, theirs) = sys::packet_pair()?;
        let Some(worker) = &self.worker else { return Ok(()) };
        let cell = Cell {
            copy,
            no_copy: None,
            // Before the worker hears of it, which may have started processes when this one comes to run again.
            started_at: ticks_since_boot(),
            order,
            started: false,
            interrupted,
            crash: None,
            last_words: None,
            killed_for_memory: memory::processes_killed(),
            deadline: None,
        };
        // A worker that is dead by now is noticed by its signal.
        let _ = sys::send_packet(
            worker.channel.as_raw_fd(),
            cell.order.as_bytes(),
            Some(theirs.as_raw_fd()),
        );
        self.cell = Some(cell);
        Ok(())
    }

    fn hear_worker(&mut self) -> std::io::Result<()> {
        let Some(worker) = &self.worker else { return Ok(()) };
        let packet = match sys::receive_packet(worker.channel.as_raw_fd()) {
            Ok((packet, _)) if !packet.is_empty() => packet,
            // Closed: the process is dead or dying, or user code closed what is not its own. Either way it is over.
            _ => {
                sys::kill(worker.pid, libc::SIGKILL);
                return self.reap_worker();
            }
        };
        match (packet[0], &mut self.cell) {
            (worker::STARTED, Some(_)) => self.cell_started(),
            // Interrupted at its very end: the signal is on its way and kills the worker, so the copy is needed.
            (worker::DONE, Some(cell)) if cell.interrupted => Ok(()),
            (worker::DONE, Some(_)) => {
                let end: CellEnd = serde_json::from_slice(&packet[1..]).unwrap_or_default();
                self.end_cell(end)
            }
            (worker::NO_COPY, Some(cell)) => {
                cell.no_copy = Some(String::from_utf8_lossy(&packet[1..]).into_owned());
                Ok(())
            }
            (crash::CRASHED, Some(cell)) if packet.len() == 3 => {
                cell.crash = Some((i32::from(packet[1]), packet[2] == 1));
                cell.deadline.get_or_insert(Instant::now() + FLUSH_TIME_MAX);
                Ok(())
            }
            (worker::LAST_WORDS, Some(cell)) => {
                cell.last_words = last_words(&packet);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn cell_started(&mut self) -> std::io::Result<()> {
        Report::Started.send(self.control.as_raw_fd())?;
        let Some(cell) = &mut self.cell else { return Ok(()) };
        cell.started = true;
        if cell.interrupted {
            self.stop_worker();
        }
        Ok(())
    }

    /// The cell's function returned.
    fn end_cell(&mut self, end: CellEnd) -> std::io::Result<()> {
        let Some(cell) = self.cell.take() else { return Ok(()) };
        let _ = sys::send_packet(cell.copy.as_raw_fd(), checkpoint::RELEASE, None);
        let failed_to_load = end.kind == "load";
        let mut lines: Vec<String> = end
            .changed
            .iter()
            .map(|name| format!("{VARIABLE_CHANGED_TYPE}{name}"))
            .collect();
        match end.kind.as_str() {
            // To evcxr an early end of the cell is a panic too: new variables were not stored.
            "panic" | "exit" => lines.push(PANIC_NOTIFICATION.to_owned()),
            "error" => lines.push(ERROR_OCCURRED.to_owned()),
            _ => {}
        }
        lines.push(EXECUTION_COMPLETE.to_owned());
        Report::Ended(end).send(self.control.as_raw_fd())?;
        if failed_to_load {
            return sys::write_all(&self.to_evcxr, ROLL_BACK);
        }
        sys::write_all(&self.to_evcxr, (lines.join("\n") + "\n").as_bytes())
    }

    /// Reaps every child that ended: the worker, and orphans of user code.
    fn reap(&mut self) -> std::io::Result<()> {
        let mut ignored = [0; 1024];
        let _ = sys::read(&self.signals, &mut ignored);
        loop {
            let mut status = 0;
            // SAFETY: `status` outlives the call.
            let pid = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) };
            if pid <= 0 {
                return Ok(());
            }
            if self.worker.as_ref().is_some_and(|worker| worker.pid == pid) {
                self.worker_died(status)?;
            }
        }
    }

    fn reap_worker(&mut self) -> std::io::Result<()> {
        let Some(worker) = &self.worker else { return Ok(()) };
        let mut status = 0;
        // SAFETY: `status` outlives the call.
        unsafe { libc::waitpid(worker.pid, &mut status, 0) };
        self.worker_died(status)
    }

    /// 1. Hears what the worker still had to say. 2. Lets the copy take over. 3. Tells the kernel, then evcxr.
    fn worker_died(&mut self, status: i32) -> std::io::Result<()> {
        self.hear_last_words()?;
        self.worker = None;
        let cell = self.cell.take();
        let crash = cell.as_ref().and_then(|cell| cell.crash);
        let killed_by = libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status));
        let (location, message) = cell
            .as_ref()
            .and_then(|cell| cell.last_words.clone())
            .unwrap_or_default();
        let mut death = Death {
            signal: crash.map(|(signal, _)| signal).or(killed_by),
            exit_code: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
            // A fault whose handler could not run is one of a thread that had no stack left to run it on.
            stack_overflow: crash.map_or(killed_by == Some(libc::SIGSEGV), |(_, overflow)| overflow),
            message,
            location,
            out_of_memory: killed_by == Some(libc::SIGKILL)
                && cell
                    .as_ref()
                    .is_some_and(|cell| memory::processes_killed() > cell.killed_for_memory),
            interrupted: cell.as_ref().is_some_and(|cell| cell.interrupted),
            in_cell: cell.as_ref().is_some_and(|cell| cell.started),
            no_copy: cell.as_ref().and_then(|cell| cell.no_copy.clone()),
            ..Death::default()
        };
        let copy = cell.and_then(|cell| Some((take_over(&cell.copy)?, cell)));
        let mut not_started = None;
        if let Some((heir, cell)) = copy {
            kill_children_since(cell.started_at, heir.pid);
            death.restored = true;
            death.threads = heir.threads;
            death.connections = heir.connections;
            self.worker = Some(Worker {
                pid: heir.pid,
                channel: cell.copy,
            });
            not_started = (!cell.started).then_some((cell.order, cell.interrupted));
        }
        let restored = death.restored;
        Report::Died(death).send(self.control.as_raw_fd())?;
        if let Some((order, interrupted)) = not_started {
            return self.run_in_worker(order, interrupted);
        }
        // Without a worker `serve` ends, evcxr sees its child end, and starts another with no variables.
        if restored {
            sys::write_all(&self.to_evcxr, ROLL_BACK)
        } else {
            Ok(())
        }
    }

    /// The worker may have reported a signal, or the end of the cell, just before it died.
    fn hear_last_words(&mut self) -> std::io::Result<()> {
        let Some(worker) = &self.worker else { return Ok(()) };
        while sys::readable_bytes(&worker.channel) > 0 {
            let (packet, _) = sys::receive_packet(worker.channel.as_raw_fd())?;
            match (packet.first(), &mut self.cell) {
                (Some(&worker::STARTED), Some(cell)) => {
                    cell.started = true;
                    Report::Started.send(self.control.as_raw_fd())?;
                }
                (Some(&crash::CRASHED), Some(cell)) if packet.len() == 3 => {
                    cell.crash = Some((i32::from(packet[1]), packet[2] == 1));
                }
                (Some(&worker::LAST_WORDS), Some(cell)) => cell.last_words = last_words(&packet),
                (Some(&worker::NO_COPY), Some(cell)) => {
                    cell.no_copy = Some(String::from_utf8_lossy(&packet[1..]).into_owned());
                }
                (None, _) => return Ok(()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Ends the worker, and what user code left running.
    fn end(&mut self) {
        if let Some(worker) = &self.worker {
            sys::kill(worker.pid, libc::SIGKILL);
            // SAFETY: no memory is involved; the status is not wanted.
            unsafe { libc::waitpid(worker.pid, ptr::null_mut(), 0) };
        }
        kill_children_since(0, 0);
    }
}

/// Place and message of the panic in a worker's last packet.
fn last_words(packet: &[u8]) -> Option<(String, String)> {
    let text = packet.get(1..)?;
    let zero = text.iter().position(|byte| *byte == 0)?;
    let part = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some((part(&text[..zero]), part(&text[zero + 1..])))
}

/// Tells the copy to go on, and waits until it does.
fn take_over(copy: &OwnedFd) -> Option<TookOver> {
    sys::send_packet(copy.as_raw_fd(), checkpoint::TAKE_OVER, None).ok()?;
    let mut waiting = [Waiting::on(copy)];
    sys::wait(&mut waiting, TAKE_OVER_TIME_MAX.as_millis() as i32);
    if !waiting[0].is_ready() {
        return None;
    }
    let (packet, _) = sys::receive_packet(copy.as_raw_fd()).ok()?;
    let (kind, body) = packet.split_first()?;
    (*kind == worker::TOOK_OVER).then(|| serde_json::from_slice(body).ok())?
}

/// Kills children of this process that started at or after `ticks`, except `spared`: what a dead cell had started.
fn kill_children_since(ticks: u64, spared: i32) {
    let ours = std::process::id() as i32;
    let mut seen = HashSet::new();
    // Killing one may hand us its children.
    loop {
        let Ok(entries) = fs::read_dir("/proc") else { return };
        let mut found = false;
        for pid in entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        {
            let Some(status) = sys::status_of(pid) else {
                continue;
            };
            if status.parent == ours
                && status.state != 'Z'
                && pid != spared
                && status.started_at >= ticks
                && seen.insert(pid)
            {
                sys::kill(pid, libc::SIGKILL);
                found = true;
            }
        }
        if !found {
            return;
        }
    }
}

fn ticks_since_boot() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut now) };
    // SAFETY: no memory is involved.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as u64;
    now.tv_sec as u64 * per_second + now.tv_nsec as u64 * per_second / 1_000_000_000
}

/// A descriptor that becomes readable when a child ends.
fn child_signals() -> std::io::Result<OwnedFd> {
    // SAFETY: the set outlives the calls; the new descriptor belongs to nobody else.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, &set, ptr::null_mut());
        let fd = libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if fd < 0 {
            Err(std::io::Error::last_os_error())
        } else {
            Ok(sys::inherited(fd))
        }
    }
}

fn restore_child_signals() {
    // SAFETY: the set outlives the calls.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_UNBLOCK, &set, ptr::null_mut());
    }
}
