//! One kernel process, from launch to end.
//!
//! 1. Make the process safe to hold secrets; send its log and standard error through the redactor.
//! 2. Bind the sockets; say `starting`; answer from now on. The engine loads on its own thread meanwhile.
//! 3. Serve the channels until something ends the kernel.
//! 4. Stop the cell, end the engine and the session with the service, write what is still to be sent.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealbook_redact::Redactor;
use sealbook_runtime::{Engine, EngineError, EvcxrEngine};
use sealbook_wire::{Bytes, ConnectionFile, Message, PROTOCOL_VERSION, Server, WireError};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::broker::Broker;
use crate::channels;
use crate::engine_thread::{EngineThread, State};
use crate::execution::Executor;
use crate::input::Input;
use crate::language;
use crate::log;
use crate::output::Output;
use crate::parent;
use crate::process;
use crate::save_channel::Keeper;
use crate::session::{Ending, Object, Session, Shared, object, topic};

/// Time for the engine to end its processes when it is idle, and for a cell to be stopped.
const ENGINE_END: Duration = Duration::from_secs(2);
/// Time to answer the requests that came before the end; a front end that reads nothing gets no answer.
const LAST_REPLIES: Duration = Duration::from_millis(300);
/// Time to tell the service that the session ends; it would end by itself.
const SESSION_END: Duration = Duration::from_millis(200);

/// How a kernel runs.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {
    /// Names of environment variables that cells get besides the allow list.
    pub pass_env: Vec<String>,
}

/// Why a kernel could not start or had to end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// The sockets.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The operating system refused something that a kernel needs.
    #[error("the kernel could not {what}: {source}")]
    System {
        /// What it tried.
        what: &'static str,
        /// Why it could not.
        source: std::io::Error,
    },
    /// The engine failed in a way from which it cannot recover.
    #[error("the engine cannot go on; restart the kernel")]
    EngineFailed,
}

/// What makes the engine, given the kernel's broker and output.
pub(crate) type EngineMaker = Box<dyn FnOnce(Arc<Broker>, Output) -> Result<Box<dyn Engine>, EngineError> + Send>;

/// Runs a kernel until a front end shuts it down. For a process of its own: it redirects standard error.
///
/// # Errors
/// [`KernelError`].
pub fn run(connection: ConnectionFile, options: Options) -> Result<(), KernelError> {
    process::protect();
    let redactor = Redactor::new();
    let log = log::start(&redactor).map_err(|source| KernelError::System {
        what: "redirect its log",
        source,
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| KernelError::System {
            what: "start its threads",
            source,
        })?;
    let maker: EngineMaker = Box::new(move |broker, output| {
        let mut engine = sealbook_runtime::Options::new(broker);
        engine.late_output = Some(Arc::new(move |event| output.event(event)));
        engine.pass_env = options.pass_env;
        Ok(Box::new(EvcxrEngine::start(engine)?))
    });
    let ended = runtime.block_on(serve(connection, redactor, maker));
    runtime.shutdown_background();
    log.finish();
    ended
}

/// Serves one kernel with the engine that `maker` makes.
pub(crate) async fn serve(
    connection: ConnectionFile,
    redactor: Redactor,
    maker: EngineMaker,
) -> Result<(), KernelError> {
    let id = uuid::Uuid::new_v4().to_string();
    let system = |what| move |source| KernelError::System { what, source };
    tokio::task::spawn_blocking(language::version);
    let keeper = Keeper::from_environment(&connection.key);
    // 1. Sockets.
    let welcome = {
        let (redactor, id) = (redactor.clone(), id.clone());
        Box::new(move |subscription: &[u8]| {
            let text = String::from_utf8_lossy(subscription);
            let mut message = Message::new("iopub_welcome", &id, object(json!({"subscription": text})));
            // Of a topic that is subscribed to, whatever that is: others do not arrive.
            let own = topic(&id, "iopub_welcome");
            message.identities = vec![if own.starts_with(subscription) {
                own
            } else {
                Bytes::copy_from_slice(subscription)
            }];
            redactor.seal(message)
        })
    };
    let server = Server::bind(connection, welcome).await?;
    let ports = ports(&server.connection);
    let (guard, [shell, control, stdin], iopub) = server.split();
    let session: Shared = Arc::new(Session {
        id: id.clone(),
        redactor: redactor.clone(),
        iopub,
        shell: shell.1,
        control: control.1,
        input: Input::new(stdin.1),
        comms: Default::default(),
        ports,
        history: Mutex::default(),
        execution_count: AtomicU64::new(0),
        interrupts: watch::Sender::new(0),
        ending: watch::Sender::new(None),
        runtime: Handle::current(),
    });
    session
        .publish(None, "status", object(json!({"execution_state": "starting"})))
        .await;
    // 2. Engine, on its own thread.
    let output = Output::new(Arc::clone(&session)).map_err(system("start its threads"))?;
    let broker = Broker::new(redactor, keeper, Handle::current(), id);
    broker.connect(
        output.clone(),
        Arc::clone(&session.comms),
        session.interrupts.subscribe(),
    );
    let factory = {
        let (broker, output) = (Arc::clone(&broker), output.clone());
        Box::new(move || maker(broker, output))
    };
    let engine = EngineThread::start(factory).map_err(system("start its threads"))?;
    // 3. Channels.
    let executor = Executor {
        engine: engine.clone(),
        output: output.clone(),
        broker: Arc::clone(&broker),
        healer: Arc::default(),
    };
    let mut tasks = tokio::task::JoinSet::new();
    let mut shell = tokio::spawn(channels::shell::serve(Arc::clone(&session), executor, shell.0));
    tasks.spawn(channels::control::serve(
        Arc::clone(&session),
        engine.clone(),
        control.0,
    ));
    tasks.spawn(channels::stdin::serve(Arc::clone(&session), stdin.0));
    tasks.spawn(signals(Arc::clone(&session), engine.clone()));
    tasks.spawn(parent::watch(Arc::clone(&session)));
    let mut ending = session.ending.subscribe();
    let why = ending.wait_for(Option::is_some).await.ok().and_then(|why| *why);
    // 4. The end.
    channels::control::interrupt(&session, &engine);
    // Requests that wait for their turn still get their replies.
    if tokio::time::timeout(LAST_REPLIES, &mut shell).await.is_err() {
        shell.abort();
        let _ = shell.await;
    }
    tasks.shutdown().await;
    let (mut engine_state, loading) = (engine.clone().close(), engine.state() == State::Loading);
    drop(engine);
    let engine_end = async {
        if !loading {
            let gone = |state: &State| matches!(state, State::Gone | State::Failed(_));
            let _ = tokio::time::timeout(ENGINE_END, engine_state.wait_for(gone)).await;
        }
    };
    let session_end = tokio::time::timeout(SESSION_END, broker.close());
    let (_, _) = tokio::join!(engine_end, session_end);
    // What is left may wait for front ends, so not on this thread.
    let last = tokio::task::spawn_blocking(move || output.close());
    let _ = tokio::time::timeout(SESSION_END, last).await;
    guard.close().await;
    match why {
        Some(Ending::EngineFailed) => Err(KernelError::EngineFailed),
        _ => Ok(()),
    }
}

/// Content of `connect_reply`.
fn ports(connection: &ConnectionFile) -> Object {
    object(json!({
        "status": "ok",
        "shell_port": connection.shell_port,
        "iopub_port": connection.iopub_port,
        "stdin_port": connection.stdin_port,
        "control_port": connection.control_port,
        "hb_port": connection.hb_port,
    }))
}

/// Content of `kernel_info_reply`.
pub(crate) async fn kernel_info() -> Object {
    let language = tokio::task::spawn_blocking(language::info).await.unwrap_or(Value::Null);
    let version = env!("CARGO_PKG_VERSION");
    object(json!({
        "status": "ok",
        "protocol_version": PROTOCOL_VERSION,
        "implementation": "sealbook",
        "implementation_version": version,
        "language_info": language,
        "banner": format!("Sealbook {version}: Rust notebooks in which secrets stay secret. dbutils.help() shows the way."),
        "debugger": false,
        "supported_features": [],
        "help_links": [
            {"text": "Rust book", "url": "https://doc.rust-lang.org/book/"},
            {"text": "Rust standard library", "url": "https://doc.rust-lang.org/std/"},
        ],
    }))
}

/// SIGINT interrupts the cell; SIGTERM and SIGHUP end the kernel in order.
async fn signals(session: Shared, engine: EngineThread) {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds else {
        tracing::warn!("cannot listen for signals; they have their default effect");
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => channels::control::interrupt(&session, &engine),
            _ = terminate.recv() => session.end(Ending::Asked),
            _ = hangup.recv() => session.end(Ending::Asked),
        }
    }
}
