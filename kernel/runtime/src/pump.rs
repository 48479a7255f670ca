//! The one thread that reads everything the child processes send, always, and puts it in order.
//!
//! ```text
//! user's stdout ─► scanner ─┐
//! user's stderr ────────────┤                 ┌─► the running call (bounded queue: back-pressure on the child)
//! supervisor's reports ─────┼─► pump ── events┤
//! dbutils displays ─────────┤                 └─► late output, while no cell runs
//! builder's answers ────────┘
//! ```
//!
//! Why one thread: before it passes on an answer or a display it reads all that was printed before it, so order holds
//! without any marker in the output. Between cells it keeps reading, so no background thread blocks on a full pipe.
//! Lines in quick succession gather in their pipe for a few milliseconds; a single line is read at once.

use std::collections::VecDeque;
use std::io::BufReader;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::alarm::Alarm;
use crate::engine::{Event, Host, InputRefused, InputRequest, MimeBundle};
use crate::messages::{self, FromBuilder};
use crate::output::{Part, Scanner};
use crate::over::Over;
use crate::runner::report::{CellEnd, Death, Report};
use crate::runner::supervisor;
use crate::standard_input::{Asker, Found, StandardInput};
use crate::sys::{self, Waiting};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// A smaller read of standard output, soon after another, is one of many: a loop that prints line by line, each a write.
const SMALL_READ_BYTES: usize = 16 * 1024;

/// How long such output gathers in the pipe, so that not every line wakes two processes.
const GATHER_TIME: Duration = Duration::from_millis(3);

/// How long a possible beginning of a marker, or a display that may yet get a second form, is held back.
const HOLD_TIME: Duration = Duration::from_millis(30);

/// How long a display is held back that may be the cell's result: what shows the result says so right after it.
const RESULT_HOLD_TIME: Duration = Duration::from_millis(300);

/// Late output kept for the next cell, if nobody takes it at once; older bytes are dropped.
const BACKLOG_BYTES_MAX: usize = 4 << 20;

/// How often an event that has no room is tried again while the front end is asked for input.
const RETRY_TIME_MS: i32 = 10;

/// What a running call receives.
pub(crate) enum ToCall {
    Event(Event),
    /// Input for user code, and who waits for it.
    Input(InputRequest, Asker),
    Answer(FromBuilder, Ending),
    /// The builder ended.
    Gone,
}

/// What the runner reported during a call.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    pub(crate) cell: Option<CellEnd>,
    pub(crate) death: Option<Death>,
    /// Bytes that could not be had, which the process died of.
    pub(crate) bytes_wanted: Option<String>,
}

/// What a `dbutils` call gives to the pump, which answers when it is in order.
pub(crate) enum FromCell {
    /// Something to show.
    Event { event: Event, done: Sender<()> },
    /// The final expression has been shown: what it printed as content is the cell's result.
    Displayed { done: Sender<()> },
    /// Something to ask.
    Input {
        request: InputRequest,
        answer: Sender<String>,
    },
    /// Standard input is being read.
    Read { answer: Sender<Found> },
}

/// What the pump shares with the engine, its interrupts and the `dbutils` server.
pub(crate) struct Shared {
    call: Mutex<Option<Call>>,
    /// Of the newest call, also when that is over: a thread that it left may still wait for input.
    newest: Mutex<Arc<Open>>,
    pub(crate) supervisor: AtomicI32,
    /// An interrupt was asked for during this call.
    pub(crate) interrupt: AtomicBool,
    /// A cell, not a completion or the like, is the running call.
    pub(crate) executing: AtomicBool,
    /// The builder has ended, or is about to be ended on purpose.
    pub(crate) ended: AtomicBool,
    pub(crate) control: OwnedFd,
}

#[derive(Clone)]
pub(crate) struct Call {
    sender: SyncSender<ToCall>,
    /// The cell ends with an expression, so content printed last is its result.
    has_result: bool,
    open: Arc<Open>,
}

/// Requests for input of a call: while one is open, nobody takes what the call receives.
#[derive(Default)]
pub(crate) struct Open {
    /// Requests that were passed to the call and have no answer yet.
    requests: AtomicUsize,
    over: Over,
}

impl Open {
    /// Puts a request to the front end, unless the cell is over.
    pub(crate) fn ask(&self, host: &mut dyn Host, request: InputRequest) -> Result<String, InputRefused> {
        let answer = if self.is_over() {
            Err(InputRefused)
        } else {
            host.input(request, &self.over)
        };
        self.over.forget();
        self.requests.fetch_sub(1, Ordering::SeqCst);
        answer
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.is_over()
    }
}

impl Shared {
    pub(crate) fn new(control: OwnedFd) -> Shared {
        Shared {
            call: Mutex::new(None),
            newest: Mutex::default(),
            supervisor: AtomicI32::new(0),
            interrupt: AtomicBool::new(false),
            executing: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            control,
        }
    }

    pub(crate) fn begin(&self, sender: SyncSender<ToCall>, is_cell: bool, has_result: bool) -> Arc<Open> {
        let open = Arc::new(Open::default());
        let mut call = lock(&self.call);
        *call = Some(Call {
            sender,
            has_result,
            open: Arc::clone(&open),
        });
        *lock(&self.newest) = Arc::clone(&open);
        self.interrupt.store(false, Ordering::SeqCst);
        self.executing.store(is_cell, Ordering::SeqCst);
        open
    }

    /// The call is over, or could not be made.
    pub(crate) fn end(&self) -> Option<Call> {
        let mut call = lock(&self.call);
        self.executing.store(false, Ordering::SeqCst);
        call.take()
    }

    /// Notes an interrupt and calls `tell`, if a cell is the running call. It neither ends nor begins meanwhile, so that an
    /// interrupt does not reach the next one.
    pub(crate) fn interrupt_with(&self, tell: impl FnOnce()) {
        let _call = lock(&self.call);
        if self.executing.load(Ordering::SeqCst) {
            self.interrupt.store(true, Ordering::SeqCst);
            tell();
            self.interrupt_cell();
        }
    }

    /// Stops the code that runs now, if any does.
    fn interrupt_cell(&self) {
        let _ = sys::send_packet(self.control.as_raw_fd(), supervisor::INTERRUPT, None);
    }
}

/// The pump's sources and state.
pub(crate) struct Pump {
    pub(crate) shared: Arc<Shared>,
    pub(crate) answers: UnixStream,
    pub(crate) control: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// The builder's own error output: progress of dependencies.
    pub(crate) progress: OwnedFd,
    pub(crate) input: Arc<StandardInput>,
    /// Readable when `from_cells` has something.
    pub(crate) waker: OwnedFd,
    pub(crate) from_cells: Receiver<FromCell>,
    pub(crate) late: Option<Arc<dyn Fn(Event) + Send + Sync>>,
    pub(crate) state: State,
}

#[derive(Default)]
pub(crate) struct State {
    scanner: Scanner,
    alarm: Alarm,
    /// Content that was printed last, by MIME type: one display, and perhaps the cell's result.
    content: MimeBundle,
    held_since: Option<Instant>,
    /// When standard output was last read.
    last_read: Option<Instant>,
    /// Standard output may gather until then.
    gather_until: Option<Instant>,
    progress: Vec<u8>,
    ending: Ending,
    /// The builder has answered once: what was printed before is of its own start.
    started: bool,
    backlog: VecDeque<Event>,
    backlog_bytes: usize,
}

impl Pump {
    /// Runs until the builder ends.
    pub(crate) fn run(mut self) {
        let mut answers = match self.answers.try_clone() {
            Ok(answers) => BufReader::with_capacity(1 << 16, answers),
            Err(_) => return self.end_call(ToCall::Gone),
        };
        loop {
            let gathering = self.is_gathering();
            let mut waiting = [
                if gathering {
                    Waiting::on_nothing()
                } else {
                    Waiting::on(&self.stdout)
                },
                Waiting::on(&self.stderr),
                Waiting::on(&self.control),
                Waiting::on(&self.waker),
                Waiting::on(&self.progress),
                Waiting::on(&self.answers),
            ];
            sys::wait(&mut waiting, self.timeout_ms());
            let [stdout, stderr, control, waker, progress, answer] = waiting.map(|waiting| waiting.is_ready());
            if stderr {
                // What was printed before it stands before it.
                self.drain_stdout();
                self.read_stderr(READ_BYTES);
            } else if stdout || (gathering && sys::readable_bytes(&self.stdout) > 0) {
                self.read_stdout(READ_BYTES);
            }
            if control {
                self.hear_runner();
            }
            if waker {
                self.hear_cells();
            }
            if progress {
                self.read_progress();
            }
            self.release_if_late();
            if answer {
                match messages::receive::<FromBuilder>(&mut answers) {
                    Ok(answer) => self.answer(answer),
                    Err(_) => {
                        self.stop_asking();
                        self.drain();
                        self.release(false);
                        return self.builder_ended();
                    }
                }
            }
        }
    }

    fn timeout_ms(&self) -> i32 {
        let hold = self
            .state
            .held_since
            .map(|since| self.hold_time().saturating_sub(since.elapsed()));
        let gather = self
            .state
            .gather_until
            .map(|until| until.saturating_duration_since(Instant::now()));
        let alarm = self.state.alarm.time_left();
        match hold.into_iter().chain(gather).chain(alarm).min() {
            Some(left) => left.as_micros().div_ceil(1000) as i32,
            None => -1,
        }
    }

    /// Whether standard output gathers now. Whatever else comes meanwhile is read after it, so that order holds.
    fn is_gathering(&mut self) -> bool {
        self.state.gather_until = self.state.gather_until.filter(|until| *until > Instant::now());
        self.state.gather_until.is_some()
    }

    /// Reads what is in both pipes now: all that was printed before this moment.
    fn drain(&mut self) {
        self.drain_stdout();
        let mut left = sys::readable_bytes(&self.stderr);
        while left > 0 {
            left = left.saturating_sub(self.read_stderr(left.min(READ_BYTES)));
        }
    }

    fn drain_stdout(&mut self) {
        let mut left = sys::readable_bytes(&self.stdout);
        while left > 0 {
            left = left.saturating_sub(self.read_stdout(left.min(READ_BYTES)));
        }
    }

    fn read_stdout(&mut self, at_most: usize) -> usize {
        let bytes = read(&self.stdout, at_most);
        let size = bytes.len();
        let now = Instant::now();
        let is_one_of_many = size < SMALL_READ_BYTES
            && self
                .state
                .last_read
                .is_some_and(|last| now.duration_since(last) < 2 * GATHER_TIME);
        self.state.last_read = Some(now);
        self.state.gather_until = (is_one_of_many && size > 0).then(|| now + GATHER_TIME);
        let parts = self.state.scanner.push(bytes);
        self.pass(parts);
        self.note_hold();
        size.max(1)
    }

    fn read_stderr(&mut self, at_most: usize) -> usize {
        let bytes = read(&self.stderr, at_most);
        let size = bytes.len();
        let passed = self.state.alarm.push(bytes);
        self.stderr(passed);
        size.max(1)
    }

    fn stderr(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.event(Event::Stderr(bytes));
        }
    }

    fn pass(&mut self, parts: Vec<Part>) {
        for part in parts {
            match part {
                Part::Text(text) => self.event(Event::Stdout(text)),
                Part::Content { mime, content } => self.content(mime, content),
                Part::Input { prompt, password } => {
                    self.release(false);
                    if self.shared.executing.load(Ordering::SeqCst) {
                        self.input.request_printed();
                        self.deliver(ToCall::Input(InputRequest { prompt, password }, Asker::Printed));
                    }
                }
            }
        }
    }

    /// Adjacent content is one display if it is another form of the same: plain text beside something richer.
    fn content(&mut self, mime: String, content: String) {
        let has = |mime: &str| self.state.content.contains_key(mime);
        let only_plain = self.state.content.len() == 1 && has("text/plain");
        let same_display = self.state.content.is_empty() || (!has(&mime) && (mime == "text/plain" || only_plain));
        if !same_display {
            self.release_content(false);
        }
        let value = mime_value(&mime, content);
        self.state.content.insert(mime, value);
    }

    fn note_hold(&mut self) {
        let holds = self.state.scanner.holds_only_text() || !self.state.content.is_empty();
        self.state.held_since = holds.then(|| self.state.held_since.unwrap_or_else(Instant::now));
    }

    fn hold_time(&self) -> Duration {
        if self.has_result() && !self.state.content.is_empty() {
            RESULT_HOLD_TIME
        } else {
            HOLD_TIME
        }
    }

    fn has_result(&self) -> bool {
        lock(&self.shared.call).as_ref().is_some_and(|call| call.has_result)
    }

    fn release_if_late(&mut self) {
        if self.state.alarm.time_left().is_some_and(|left| left.is_zero()) {
            let held = self.state.alarm.release();
            self.stderr(held);
        }
        if self
            .state
            .held_since
            .is_some_and(|since| since.elapsed() >= self.hold_time())
        {
            self.release_content(false);
            if self.state.scanner.holds_only_text() {
                let parts = self.state.scanner.finish();
                self.pass(parts);
            }
            self.state.held_since = None;
        }
    }

    /// Passes on all that is held back. `at_end`: content is the cell's result, if it has one.
    fn release(&mut self, at_end: bool) {
        let held = self.state.alarm.release();
        self.stderr(held);
        let parts = self.state.scanner.finish();
        if !parts.is_empty() {
            self.release_content(false);
            self.pass(parts);
        }
        self.release_content(at_end);
        self.state.held_since = None;
    }

    fn release_content(&mut self, at_end: bool) {
        if self.state.content.is_empty() {
            return;
        }
        let data = std::mem::take(&mut self.state.content);
        let is_result = at_end && self.has_result();
        self.event(if is_result { Event::Result(data) } else { display(data) });
    }

    fn hear_runner(&mut self) {
        let Ok((packet, _)) = sys::receive_packet(self.control.as_raw_fd()) else {
            return;
        };
        // The end of the other side, not a report.
        if packet.is_empty() {
            return;
        }
        match serde_json::from_slice(&packet) {
            Ok(Report::Hello { supervisor }) => self.shared.supervisor.store(supervisor, Ordering::SeqCst),
            Ok(Report::Started) => {
                // The interrupt came while the cell was being built.
                if self.shared.interrupt.load(Ordering::SeqCst) {
                    self.shared.interrupt_cell();
                }
            }
            Ok(Report::Ended(end)) => self.state.ending.cell = Some(end),
            Ok(Report::Died(death)) => {
                if death.signal == Some(libc::SIGABRT) {
                    self.drain();
                    let (bytes_wanted, others) = self.state.alarm.aborted();
                    self.state.ending.bytes_wanted = bytes_wanted;
                    self.stderr(others);
                }
                if death.in_cell {
                    self.state.ending.cell = None;
                    self.state.ending.death = Some(death);
                } else {
                    // A thread that a cell left may have asked, and is gone.
                    self.stop_asking();
                    self.event(Event::Stderr(between_cells(&death).into_bytes()));
                }
            }
            Err(_) => tracing::warn!("unreadable report of the cell runner"),
        }
    }

    fn hear_cells(&mut self) {
        let mut ignored = [0; 64];
        let _ = sys::read(&self.waker, &mut ignored);
        while let Ok(from_cell) = self.from_cells.try_recv() {
            self.drain();
            self.release(matches!(from_cell, FromCell::Displayed { .. }));
            match from_cell {
                FromCell::Displayed { done } => {
                    let _ = done.send(());
                }
                FromCell::Event { event, done } => {
                    self.event(event);
                    let _ = done.send(());
                }
                FromCell::Input { request, answer } => {
                    if self.shared.executing.load(Ordering::SeqCst) {
                        self.deliver(ToCall::Input(request, Asker::Call(answer)));
                    }
                }
                // What was printed before has been read: if it was a request, the answer is on its way.
                FromCell::Read { answer } if self.input.is_coming() => {
                    let _ = answer.send(Found::Line);
                }
                FromCell::Read { answer } => {
                    if self.shared.executing.load(Ordering::SeqCst) {
                        let request = InputRequest {
                            prompt: String::new(),
                            password: false,
                        };
                        self.deliver(ToCall::Input(request, Asker::Read(answer)));
                    }
                }
            }
        }
    }

    /// Lines of cargo about the dependencies it builds; all else (a crash of evcxr prints the cell) is dropped.
    fn read_progress(&mut self) {
        let bytes = read(&self.progress, READ_BYTES);
        self.state.progress.extend(bytes);
        while let Some(end) = self.state.progress.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.state.progress.drain(..=end).collect();
            if line.trim_ascii_start().starts_with(b"Compiling ") && self.shared.executing.load(Ordering::SeqCst) {
                self.event(Event::Stderr(line));
            }
        }
        self.state.progress.truncate(READ_BYTES);
    }

    /// The builder answered: passes on what came before, then the answer.
    fn answer(&mut self, answer: FromBuilder) {
        while sys::readable_bytes(&self.control) > 0 {
            self.hear_runner();
        }
        self.hear_cells_without_waiting();
        if self.has_failed(&answer) {
            self.stop_asking();
        }
        if self.shared.executing.load(Ordering::SeqCst) {
            self.drain();
            self.release(true);
        }
        if !self.state.started {
            self.drain();
            self.release(false);
            self.state.started = true;
        }
        let ending = std::mem::take(&mut self.state.ending);
        self.end_call(ToCall::Answer(answer, ending));
    }

    /// Whether the cell is over before its time. One that has ended in peace may have a thread that asks, and whoever is asked
    /// may answer it.
    fn has_failed(&self, answer: &FromBuilder) -> bool {
        let ending = &self.state.ending;
        let is_failure = matches!(answer, FromBuilder::Executed(executed) if executed.failure.is_some());
        is_failure || ending.death.is_some() || ending.cell.as_ref().is_some_and(|end| !end.kind.is_empty())
    }

    /// Ends the wait for what somebody types.
    fn stop_asking(&self) {
        let open = lock(&self.shared.newest).clone();
        open.over.happens();
    }

    fn hear_cells_without_waiting(&mut self) {
        if sys::readable_bytes(&self.waker) > 0 {
            self.hear_cells();
        }
    }

    fn event(&mut self, event: Event) {
        if !matches!(event, Event::Result(_)) && !self.state.content.is_empty() {
            self.release_content(false);
        }
        if !self.state.started {
            return;
        }
        if self.shared.executing.load(Ordering::SeqCst) {
            while let Some(event) = self.state.backlog.pop_front() {
                self.deliver(ToCall::Event(event));
            }
            self.state.backlog_bytes = 0;
            return self.deliver(ToCall::Event(event));
        }
        match &self.late {
            Some(late) => late(event),
            None => self.keep(event),
        }
    }

    fn keep(&mut self, event: Event) {
        self.state.backlog_bytes += size(&event);
        self.state.backlog.push_back(event);
        while self.state.backlog_bytes > BACKLOG_BYTES_MAX {
            let dropped = self.state.backlog.pop_front();
            self.state.backlog_bytes -= dropped.as_ref().map_or(self.state.backlog_bytes, size);
        }
    }

    /// The builder ended by itself: was killed, perhaps for its memory. The call, or else the user, is told.
    fn builder_ended(&mut self) {
        let was_ended = self.shared.ended.swap(true, Ordering::SeqCst);
        if !was_ended && !self.shared.executing.load(Ordering::SeqCst) {
            let text = format!("{BUILDER_ENDED}: {BUILDER_LOST}\n");
            self.event(Event::Stderr(text.into_bytes()));
        }
        self.end_call(ToCall::Gone);
    }

    /// The last thing that a call receives. It is over first, so whatever comes from now on is late, and not lost.
    fn end_call(&mut self, item: ToCall) {
        if let Some(call) = self.shared.end() {
            let _ = call.sender.send(item);
        }
    }

    /// Blocks while the call's queue is full: then nothing is read, and the child waits.
    fn deliver(&mut self, mut item: ToCall) {
        let call = lock(&self.shared.call).clone();
        let Some(call) = call else { return };
        if matches!(item, ToCall::Input(..)) {
            call.open.requests.fetch_add(1, Ordering::SeqCst);
        }
        while call.open.requests.load(Ordering::SeqCst) > 0 && !call.open.is_over() {
            item = match call.sender.try_send(item) {
                Err(TrySendError::Full(item)) => item,
                Ok(()) | Err(TrySendError::Disconnected(_)) => return,
            };
            // Whoever is asked may never answer, and nothing else would tell of the cell's end meanwhile.
            let mut waiting = [Waiting::on(&self.answers)];
            sys::wait(&mut waiting, RETRY_TIME_MS);
            if waiting[0].is_ready() {
                call.open.over.happens();
            }
        }
        let _ = call.sender.send(item);
    }
}

/// What to say when the builder has ended.
pub(crate) const BUILDER_ENDED: &str =
    "the process that builds the cells ended, perhaps because the system ran out of memory";
pub(crate) const BUILDER_LOST: &str = "variables and definitions are lost, and the next cell starts anew";

/// What to say of a death that no running cell is to blame for.
fn between_cells(death: &Death) -> String {
    let what = if death.restored {
        "every variable is as it was, threads of earlier cells are gone"
    } else {
        "the variables are lost, and the next cell starts it anew"
    };
    format!("the process that runs the cells ended between two cells: {what}\n")
}

fn size(event: &Event) -> usize {
    match event {
        Event::Stdout(bytes) | Event::Stderr(bytes) => bytes.len(),
        _ => 1024,
    }
}

fn read(fd: &OwnedFd, at_most: usize) -> Vec<u8> {
    let mut bytes = vec![0; at_most];
    let size = sys::read(fd, &mut bytes).unwrap_or(0);
    bytes.truncate(size);
    bytes
}

/// A display without an id.
pub(crate) fn display(data: MimeBundle) -> Event {
    Event::Display {
        data,
        metadata: MimeBundle::new(),
        buffers: Vec::new(),
        display_id: None,
        update: false,
    }
}

/// Content as Jupyter wants it: JSON types as JSON, all else as text.
pub(crate) fn mime_value(mime: &str, content: String) -> Value {
    let is_json = mime == "application/json" || mime.ends_with("+json");
    let parsed = is_json.then(|| serde_json::from_str(&content).ok()).flatten();
    parsed.unwrap_or(Value::String(content))
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
