//! [`EvcxrEngine`]: Rust cells, analysed and built by evcxr, run by our own cell runner.
//!
//! ```text
//! kernel process ─ engine ─ pump ◄── pipes of user output, reports ── supervisor + worker
//!                     └── requests ──► builder (evcxr) ── starts ─────────┘
//! ```
//!
//! The user's pipes and the control socket are made here and outlive restarts of the runner. When the builder itself ends,
//! all of this is made anew ([`Processes`]): the cell that ran fails, the next one runs with nothing defined.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use dbutils::protocol::{Request, Response};

use crate::builder::{ANALYSIS_CARGO, ANALYSIS_RUSTC, Fds, SOCKET};
use crate::dbutils_server::{self, Calls};
use crate::engine::{
    Completeness, Completions, DbutilsHandler, Documentation, Engine, EngineError, Event, Host, InputRequest,
    Interrupt, MimeBundle, Outcome,
};
use crate::folder::BuildFolder;
use crate::messages::{self, FromBuilder, ToBuilder};
use crate::pump::{self, Ending, FromCell, Open, Pump, Shared, State, ToCall, lock};
use crate::runner::{BUILDER, supervisor};
use crate::standard_input::{Found, StandardInput};
use crate::sys::{self, Waiting};
use crate::{completeness, environment, outcome};

/// Events that may wait for the session; each holds at most 64 KiB of output.
const EVENTS_MAX: usize = 64;

/// Size asked for of the pipes of user output: fewer switches between processes.
const PIPE_BYTES: i32 = 1 << 20;

/// How often processes that ended are started anew before the engine gives up.
const STARTS_MAX: usize = 3;

/// How long the supervisor may take to end, in milliseconds.
const END_TIME_MAX_MS: i32 = 1000;

const CUT: &str = "the answer was too long for standard input, and cut; `dbutils::input` takes it whole\n";

/// Names of environment variables that cells get besides the allow list, separated by commas.
const PASS_ENV: &str = "SEALBOOK_PASS_ENV";

/// How to start an [`EvcxrEngine`].
#[non_exhaustive]
pub struct Options {
    /// Answers the calls of user code.
    pub dbutils: Arc<dyn DbutilsHandler>,
    /// Takes what background threads produce while no cell runs (it belongs to the last cell). Without it, such
    /// output is kept, up to a bound, and comes at the start of the next cell's.
    pub late_output: Option<Arc<dyn Fn(Event) + Send + Sync>>,
    /// Names of environment variables that cells get besides the allow list and `SEALBOOK_PASS_ENV`.
    pub pass_env: Vec<String>,
    /// Where cells run; the kernel's own working folder if not given.
    pub working_dir: Option<PathBuf>,
}

impl Options {
    /// The usual options.
    pub fn new(dbutils: Arc<dyn DbutilsHandler>) -> Options {
        Options {
            dbutils,
            late_output: None,
            pass_env: Vec::new(),
            working_dir: None,
        }
    }
}

/// The engine. Dropping it ends the child processes and removes the build folder, as [`Engine::shutdown`] does.
pub struct EvcxrEngine {
    options: Options,
    processes: Processes,
    /// Whom an interrupt reaches.
    target: Arc<Mutex<Target>>,
}

/// The builder and what belongs to it.
struct Processes {
    shared: Arc<Shared>,
    builder: Arc<Builder>,
    input: Arc<StandardInput>,
    process: Child,
    folder: BuildFolder,
}

#[derive(Clone)]
struct Target {
    shared: Arc<Shared>,
    builder: Arc<Builder>,
}

/// The way to the builder, shared with interrupts.
struct Builder {
    requests: Mutex<UnixStream>,
}

impl Builder {
    fn send(&self, request: &ToBuilder) -> Result<(), EngineError> {
        messages::send(&mut *lock(&self.requests), request).map_err(|_| builder_gone())
    }
}

fn builder_gone() -> EngineError {
    EngineError(format!("{}; restart the kernel", pump::BUILDER_ENDED))
}

impl EvcxrEngine {
    /// Starts the child processes and waits until the first cell could run (seconds: call it on a thread of its own).
    ///
    /// The calling binary must call [`crate::runner::hook`] first thing in `main`.
    ///
    /// # Errors
    /// [`EngineError`] when there is no Rust toolchain, or the build folder or a child process cannot be made.
    pub fn start(options: Options) -> Result<EvcxrEngine, EngineError> {
        let processes = Processes::start(&options)?;
        let target = Arc::new(Mutex::new(processes.target()));
        Ok(EvcxrEngine {
            options,
            processes,
            target,
        })
    }

    /// Starts everything anew if the builder has ended.
    fn revive(&mut self) -> Result<(), EngineError> {
        if self.processes.shared.ended.load(Ordering::SeqCst) {
            // The new ones may be killed while they start, by whatever ended the others.
            let mut started = Processes::start(&self.options);
            for _ in 1..STARTS_MAX {
                started = started.or_else(|_| Processes::start(&self.options));
            }
            self.processes = started?;
            *lock(&self.target) = self.processes.target();
        }
        Ok(())
    }

    fn ask(&mut self, request: &ToBuilder) -> Option<FromBuilder> {
        self.revive().ok()?;
        self.processes.ask(request)
    }
}

impl Processes {
    fn start(options: &Options) -> Result<Processes, EngineError> {
        let folder = BuildFolder::create()?;
        let failed =
            |error: std::io::Error| EngineError(format!("cannot start the process that builds cells: {error}"));
        let (mut processes, pump) = launch(options, folder).map_err(failed)?;
        let socket = processes.folder.path().join(SOCKET);
        let (from_cells, to_pump) = mpsc::channel();
        let (waker, wake) = sys::pipe().map_err(failed)?;
        let calls = OwnCalls {
            shared: Arc::clone(&processes.shared),
            to_pump: Mutex::new(from_cells),
            wake,
        };
        dbutils_server::serve(&socket, Arc::new(calls), Arc::clone(&options.dbutils)).map_err(failed)?;
        let pump = pump(waker, to_pump, options.late_output.clone());
        let (answer, _) = processes.begin(false, false);
        std::thread::Builder::new()
            .name("pump".into())
            .spawn(move || pump.run())
            .map_err(failed)?;
        match processes.wait(&answer) {
            Some(FromBuilder::Ready) => Ok(processes),
            Some(FromBuilder::Failed(reason)) => Err(EngineError(reason)),
            _ => Err(builder_gone()),
        }
    }

    fn target(&self) -> Target {
        Target {
            shared: Arc::clone(&self.shared),
            builder: Arc::clone(&self.builder),
        }
    }

    fn begin(&mut self, is_cell: bool, has_result: bool) -> (Receiver<ToCall>, Arc<Open>) {
        let (sender, receiver) = mpsc::sync_channel(EVENTS_MAX);
        let open = self.shared.begin(sender, is_cell, has_result);
        (receiver, open)
    }

    /// The answer to a call that is not a cell.
    fn wait(&mut self, answers: &Receiver<ToCall>) -> Option<FromBuilder> {
        let answer = answers.iter().find_map(|item| match item {
            ToCall::Answer(answer, _) => Some(Some(answer)),
            ToCall::Gone => Some(None),
            _ => None,
        });
        answer.flatten()
    }

    fn ask(&mut self, request: &ToBuilder) -> Option<FromBuilder> {
        let (answers, _) = self.begin(false, false);
        if self.builder.send(request).is_err() {
            let _ = self.shared.end();
            return None;
        }
        self.wait(&answers)
    }

    /// Passes events to `host` until the cell ends. `refused` says that input could not be had.
    fn follow(
        &mut self,
        items: &Receiver<ToCall>,
        open: &Open,
        host: &mut dyn Host,
        refused: &mut bool,
    ) -> Option<(FromBuilder, Ending)> {
        // Code that is told of no answer could end its cell in peace before the interrupt comes: it waits instead.
        let mut unanswered = Vec::new();
        loop {
            match items.recv().ok()? {
                ToCall::Event(event) => host.event(event),
                ToCall::Input(request, asker) => {
                    let answer = open.ask(host, request);
                    match answer {
                        Ok(text) => {
                            if !self.input.answer(text, asker) {
                                host.event(Event::Stderr(CUT.into()));
                            }
                        }
                        // What ended it is on its way.
                        Err(_) if open.is_over() => unanswered.push(asker),
                        Err(_) => {
                            // The wait for an answer was interrupted, or there is nobody to answer.
                            *refused = !self.shared.interrupt.load(Ordering::SeqCst);
                            self.target().interrupt();
                            unanswered.push(asker);
                        }
                    }
                }
                ToCall::Answer(answer, ending) => return Some((answer, ending)),
                ToCall::Gone => return None,
            }
        }
    }
}

impl Engine for EvcxrEngine {
    fn execute(&mut self, code: &str, host: &mut dyn Host) -> Outcome {
        if let Err(error) = self.revive() {
            return Outcome::Fatal(error);
        }
        let processes = &mut self.processes;
        processes.input.clear();
        let (items, open) = processes.begin(true, completeness::ends_with_expression(code));
        let request = ToBuilder::Execute {
            code: code.to_owned(),
            number: host.number(),
        };
        let mut refused = false;
        let ended = match processes.builder.send(&request) {
            Ok(()) => processes.follow(&items, &open, host, &mut refused),
            Err(_) => None,
        };
        let interrupted = processes.shared.interrupt.load(Ordering::SeqCst);
        let Some((FromBuilder::Executed(mut executed), ending)) = ended else {
            let _ = processes.shared.end();
            processes.shared.ended.store(true, Ordering::SeqCst);
            return match self.revive() {
                Ok(()) => outcome::builder_died(),
                Err(error) => Outcome::Fatal(error),
            };
        };
        if !executed.content.is_empty() {
            let content: &BTreeMap<String, String> = &executed.content;
            let data: MimeBundle = content
                .iter()
                .map(|(mime, text)| (mime.clone(), pump::mime_value(mime, text.clone())))
                .collect();
            host.event(Event::Result(data));
        }
        if let Some(failure) = &mut executed.failure
            && let Some(unchanged) = failure.unchanged.take()
            && unchanged.sources.iter().any(|code| host.holds_secret(code))
        {
            failure.traceback = unchanged.traceback;
        }
        outcome::of(executed, ending, outcome::Stop { interrupted, refused })
    }

    fn complete(&mut self, code: &str, cursor: usize) -> Completions {
        let request = ToBuilder::Complete {
            code: code.to_owned(),
            cursor,
        };
        match self.ask(&request) {
            Some(FromBuilder::Completed(items, start, end)) => messages::completions((items, start, end)),
            _ => messages::completions((Vec::new(), cursor, cursor)),
        }
    }

    fn inspect(&mut self, code: &str, cursor: usize, _detail_level: u8) -> Option<Documentation> {
        let request = ToBuilder::Inspect {
            code: code.to_owned(),
            cursor,
        };
        match self.ask(&request) {
            Some(FromBuilder::Inspected(found)) => found.map(messages::documentation),
            _ => None,
        }
    }

    fn is_complete(&self, code: &str) -> Completeness {
        completeness::check(code)
    }

    fn interrupt(&self) -> Arc<dyn Interrupt> {
        Arc::new(InterruptHandle(Arc::clone(&self.target)))
    }

    fn shutdown(self: Box<Self>) {}
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // The supervisor ends what the cells started; the builder's end takes cargo with it; then the folder goes.
        let supervisor = sys::open_process(self.shared.supervisor.load(Ordering::SeqCst));
        let told = sys::send_packet(self.shared.control.as_raw_fd(), supervisor::END, None);
        if let (Ok(supervisor), Ok(())) = (supervisor, told) {
            sys::wait(&mut [Waiting::on(&supervisor)], END_TIME_MAX_MS);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        // Lets the server of `dbutils` calls see that it is over.
        let _ = UnixStream::connect(self.folder.path().join(SOCKET));
    }
}

struct InterruptHandle(Arc<Mutex<Target>>);

impl Interrupt for InterruptHandle {
    fn interrupt(&self) {
        let target = lock(&self.0).clone();
        target.interrupt();
    }
}

impl Target {
    fn interrupt(&self) {
        // Whichever of the two is at work, builder or runner, stops; the other ignores it.
        self.shared.interrupt_with(|| {
            let _ = self.builder.send(&ToBuilder::Interrupt);
        });
    }
}

/// Starts the builder. What the pump still needs comes later, so it is given as a closure.
type MakePump = Box<dyn FnOnce(OwnedFd, Receiver<FromCell>, Option<Arc<dyn Fn(Event) + Send + Sync>>) -> Pump>;

fn launch(options: &Options, folder: BuildFolder) -> std::io::Result<(Processes, MakePump)> {
    let (requests, builder_requests) = UnixStream::pair()?;
    let input = Arc::new(StandardInput::new()?);
    let (stdout, user_stdout) = sys::pipe()?;
    let (stderr, user_stderr) = sys::pipe()?;
    let (progress, builder_stderr) = sys::pipe()?;
    let (control, runner_control) = sys::packet_pair()?;
    for pipe in [&stdout, &stderr] {
        sys::enlarge_pipe(pipe, PIPE_BYTES);
    }
    let fds = Fds {
        requests: builder_requests.as_raw_fd(),
        user: [
            input.of_cells().as_raw_fd(),
            user_stdout.as_raw_fd(),
            user_stderr.as_raw_fd(),
        ],
        control: runner_control.as_raw_fd(),
    };
    let mut command = builder_command(options, &folder)?;
    command.args(fds.to_args()).stdout(Stdio::null()).stderr(builder_stderr);
    #[expect(unsafe_code, reason = "the only way to hand over descriptors")]
    // SAFETY: the closure only makes async-signal-safe calls.
    unsafe {
        command.pre_exec(move || fds.all().into_iter().try_for_each(|fd| sys::set_inherited(fd, true)));
    }
    let process = command.spawn()?;
    let shared = Arc::new(Shared::new(sys::duplicate(control.as_raw_fd(), 3)?));
    let processes = Processes {
        shared: Arc::clone(&shared),
        builder: Arc::new(Builder {
            requests: Mutex::new(requests.try_clone()?),
        }),
        input: Arc::clone(&input),
        process,
        folder,
    };
    let make = move |waker, from_cells, late| Pump {
        shared,
        answers: requests,
        control,
        stdout,
        stderr,
        progress,
        input,
        waker,
        from_cells,
        late,
        state: State::default(),
    };
    Ok((processes, Box::new(make)))
}

fn builder_command(options: &Options, folder: &BuildFolder) -> std::io::Result<Command> {
    let passed = std::env::var(PASS_ENV).unwrap_or_default();
    let mut requested = options.pass_env.clone();
    requested.extend(
        passed
            .split(',')
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty()),
    );
    let allowed = environment::allowed(std::env::vars_os(), &requested);
    let bin = folder.path().join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([bin.clone()].into_iter().chain(std::env::split_paths(&path))).unwrap_or(path);
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(BUILDER).arg(folder.path()).env_clear().envs(allowed);
    command.env("PATH", path);
    command.env("EVCXR_CONFIG_DIR", folder.path().join("config"));
    command.env("EVCXR_TMPDIR", folder.path().join("home"));
    command.env("CARGO", bin.join(ANALYSIS_CARGO));
    command.env("RUSTC", bin.join(ANALYSIS_RUSTC));
    command.stdin(Stdio::null());
    if let Some(dir) = &options.working_dir {
        command.current_dir(dir);
    }
    Ok(command)
}

/// Answers the calls of user code that are for the runtime.
struct OwnCalls {
    shared: Arc<Shared>,
    to_pump: Mutex<Sender<FromCell>>,
    wake: OwnedFd,
}

impl Calls for OwnCalls {
    fn supervisor(&self) -> i32 {
        self.shared.supervisor.load(Ordering::SeqCst)
    }

    fn ended(&self) -> bool {
        self.shared.ended.load(Ordering::SeqCst)
    }

    fn own_call(&self, request: &Request) -> Option<Response> {
        let call = request.method.strip_prefix("cell.")?;
        let text = |index: usize| {
            request
                .args
                .get(index)
                .map(|arg| String::from_utf8_lossy(arg).into_owned())
        };
        let is_set = |index: usize| request.args.get(index).is_some_and(|arg| arg == b"1");
        let event = match call {
            "input" => return Some(self.input(text(0).unwrap_or_default(), is_set(1))),
            "read" => return Some(self.read()),
            "result" => Event::Result(bundle(&request.args)),
            "displayed" => {
                let (done, wait) = mpsc::channel();
                if self.tell(FromCell::Displayed { done }) {
                    let _ = wait.recv();
                }
                return Some(Response::Ok(Vec::new()));
            }
            "clear_output" => Event::ClearOutput { wait: is_set(0) },
            "comm" | "display" => match if call == "comm" { comm } else { shown }(&request.args) {
                Ok(event) => event,
                Err(message) => {
                    return Some(Response::Err {
                        code: "INVALID_PARAMETER_VALUE".into(),
                        message: message.into(),
                    });
                }
            },
            _ => {
                return Some(Response::Err {
                    code: "NOT_FOUND".into(),
                    message: format!("there is no call {}", request.method),
                });
            }
        };
        let (done, wait) = mpsc::channel();
        if self.tell(FromCell::Event { event, done }) {
            let _ = wait.recv();
        }
        Some(Response::Ok(Vec::new()))
    }
}

impl OwnCalls {
    fn tell(&self, from_cell: FromCell) -> bool {
        let sent = lock(&self.to_pump).send(from_cell).is_ok();
        sent && sys::write_all(&self.wake, b"w").is_ok()
    }

    /// Asks the front end, and waits for its answer, or for the end of the cell.
    fn input(&self, prompt: String, password: bool) -> Response {
        let (answer, wait) = mpsc::channel();
        let request = InputRequest { prompt, password };
        let told = self.tell(FromCell::Input { request, answer });
        match wait.recv() {
            Ok(text) if told => Response::Ok(vec![text.into_bytes()]),
            _ => nobody_to_ask(),
        }
    }

    /// Waits until standard input holds a line. No field: there is its end.
    fn read(&self) -> Response {
        let (answer, wait) = mpsc::channel();
        let told = self.tell(FromCell::Read { answer });
        match wait.recv() {
            Ok(Found::Line) if told => Response::Ok(vec![b"line".to_vec()]),
            Ok(Found::End) if told => Response::Ok(Vec::new()),
            _ => nobody_to_ask(),
        }
    }
}

fn nobody_to_ask() -> Response {
    Response::Err {
        code: "INPUT_NOT_ALLOWED".into(),
        message: "nobody can be asked for input: the front end allows none, or no cell is running".into(),
    }
}

/// A message of a comm: its type, the comm's id and target, data, metadata, buffers.
fn comm(args: &[Vec<u8>]) -> Result<Event, &'static str> {
    let [msg_type, id, target, data, metadata, buffers @ ..] = args else {
        return Err("a comm's message has too few fields");
    };
    let msg_type = match msg_type.as_slice() {
        b"comm_open" => "comm_open",
        b"comm_msg" => "comm_msg",
        b"comm_close" => "comm_close",
        _ => return Err("no such message of a comm"),
    };
    let mut content = MimeBundle::new();
    content.insert("comm_id".into(), String::from_utf8_lossy(id).into());
    if msg_type == "comm_open" {
        content.insert("target_name".into(), String::from_utf8_lossy(target).into());
    }
    let data = object(data).ok_or("the data of a comm's message must be a JSON object, such as {\"key\": 1}")?;
    content.insert("data".into(), serde_json::Value::Object(data));
    Ok(Event::Comm {
        msg_type,
        content,
        metadata: object(metadata).ok_or("the metadata of a comm's message must be a JSON object")?,
        buffers: buffers.to_vec(),
    })
}

/// A display: its id, whether it replaces another, metadata, the number of MIME types, each with its content, buffers.
fn shown(args: &[Vec<u8>]) -> Result<Event, &'static str> {
    let [id, update, metadata, count, rest @ ..] = args else {
        return Err("a display has too few fields");
    };
    let count = std::str::from_utf8(count).ok().and_then(|count| count.parse().ok());
    let (data, buffers) = count
        .and_then(|count: usize| rest.split_at_checked(count.checked_mul(2)?))
        .ok_or("a display has fewer fields than it says")?;
    Ok(Event::Display {
        data: bundle(data),
        metadata: object(metadata).ok_or("the metadata of a display must be a JSON object, such as {\"key\": 1}")?,
        buffers: buffers.to_vec(),
        display_id: Some(String::from_utf8_lossy(id).into_owned()).filter(|id| !id.is_empty()),
        update: update == b"1",
    })
}

/// A JSON object; empty text is one without fields.
fn object(text: &[u8]) -> Option<MimeBundle> {
    match text.trim_ascii() {
        b"" => Some(MimeBundle::new()),
        text => serde_json::from_slice(text).ok(),
    }
}

fn bundle(args: &[Vec<u8>]) -> MimeBundle {
    let text = |arg: &[u8]| String::from_utf8_lossy(arg).into_owned();
    let entry = |pair: &[Vec<u8>]| {
        let mime = text(&pair[0]);
        let value = pump::mime_value(&mime, text(&pair[1]));
        (mime, value)
    };
    args.chunks_exact(2).map(entry).collect()
}
