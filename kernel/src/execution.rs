//! Running a cell, and the other requests that need the engine.
//!
//! Order of the messages of one execution: `busy`, `execute_input`, outputs, `error` if it failed, the reply, `idle`.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use sealbook_runtime::{
    Completeness, Completions, Engine, Event, Host, InputRefused, InputRequest, MimeBundle, Outcome, Over,
};
use sealbook_wire::{Bytes, Header, Message};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::broker::Broker;
use crate::engine_thread::{EngineThread, State};
use crate::heal::{Healed, Healer};
use crate::input::Answers;
use crate::language::items;
use crate::output::Output;
use crate::pager;
use crate::requests::{self, Execute, byte_offset, code_points};
use crate::session::{Object, Shared, error_content, object};

/// Longest time for an answer about code, because front ends give up after ten seconds.
const ANSWER: Duration = Duration::from_secs(8);

/// What runs cells.
#[derive(Clone)]
pub struct Executor {
    /// The engine.
    pub engine: EngineThread,
    /// Where their output goes.
    pub output: Output,
    /// Answers their calls.
    pub broker: Arc<Broker>,
    /// Looks for secrets in their sources.
    pub healer: Arc<Healer>,
}

/// An execution whose outputs have been sent; its reply has not.
pub struct Executed {
    /// Content of the `execute_reply`.
    pub reply: Object,
    /// Its metadata.
    pub metadata: Object,
    /// Queued executions must not run.
    pub stop: bool,
    /// The engine cannot go on.
    pub fatal: bool,
}

/// Handles an `execute_request`, without busy, reply and idle.
pub async fn execute(session: &Shared, executor: &Executor, request: &Message) -> Executed {
    let cell: Execute = match requests::content(request) {
        Ok(cell) => cell,
        Err(error) => {
            let failure = Failure::new("MalformedRequest", error.to_string());
            let count = session.execution_count.load(Ordering::Relaxed);
            return Executed {
                reply: reply(count, Err(failure)),
                metadata: Object::new(),
                stop: true,
                fatal: false,
            };
        }
    };
    let started = sealbook_wire::message::now();
    // 1. A secret in the source is learnt before the source is shown.
    let healed = executor
        .healer
        .examine(&cell.code, &session.redactor, &executor.broker)
        .await;
    // 2. Count the cell, show its input, remember it. Whoever sees it may interrupt it from then on.
    let mut interrupts = session.interrupts.subscribe();
    interrupts.mark_unchanged();
    let store = cell.store_history && !cell.silent;
    let count = session.execution_count.load(Ordering::Relaxed) + 1;
    if store {
        session.execution_count.store(count, Ordering::Relaxed);
        session
            .history
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(count, &cell.code);
    }
    if !cell.silent {
        let input = object(json!({"code": cell.code, "execution_count": count}));
        session.publish(Some(&request.header), "execute_input", input).await;
    }
    if let Some(healed) = healed {
        return heal(session, request, healed, cell.silent).await;
    }
    // 3. Run it; its outputs are sent meanwhile.
    let (stop_on_error, silent) = (cell.stop_on_error, cell.silent);
    let ran = run_cell(session, executor, request, cell, count, interrupts).await;
    // 4. Show the error. Nothing waits after it, so that the kernel's end never finds a cell whose error is out and shows another.
    if let (Err(failure), false) = (&ran, silent) {
        session.publish(Some(&request.header), "error", failure.content()).await;
    }
    if let (
        Ok(Ran {
            result: Some(result), ..
        }),
        true,
    ) = (&ran, store)
    {
        session
            .history
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .set_output(count, result);
    }
    let shown = session.execution_count.load(Ordering::Relaxed);
    let mut metadata = ran
        .as_ref()
        .err()
        .map(|failure| failure.metadata(&executor.broker))
        .unwrap_or_default();
    // Front ends that show how long a cell took read it.
    metadata.insert("started".to_owned(), started.into());
    Executed {
        stop: ran.is_err() && stop_on_error,
        fatal: ran.as_ref().is_err_and(|failure| failure.fatal),
        metadata,
        reply: reply(shown, ran),
    }
}

/// Does not run a cell with a pasted secret: gives its new source to the front end instead. In a job that is an error,
/// because nobody is there to run it again.
async fn heal(session: &Shared, request: &Message, healed: Healed, silent: bool) -> Executed {
    let count = session.execution_count.load(Ordering::Relaxed);
    let metadata = object(json!({"sealbook": {"source": healed.source}}));
    if silent || std::env::var_os("SEALBOOK_RUN_ID").is_some() {
        let failure = Failure::new("PastedSecret", healed.notice);
        if !silent {
            session.publish(Some(&request.header), "error", failure.content()).await;
        }
        return Executed {
            reply: reply(count, Err(failure)),
            metadata,
            stop: true,
            fatal: false,
        };
    }
    let notice = object(json!({"name": "stderr", "text": format!("{}\n", healed.notice)}));
    session.publish(Some(&request.header), "stream", notice).await;
    let next_input = json!({"source": "set_next_input", "text": healed.source, "replace": true});
    let ran = Ran {
        payload: vec![next_input],
        expressions: Object::new(),
        result: None,
    };
    Executed {
        reply: reply(count, Ok(ran)),
        metadata,
        stop: true,
        fatal: false,
    }
}

/// A cell that ran to its end.
struct Ran {
    payload: Vec<Value>,
    expressions: Object,
    result: Option<String>,
}

/// A cell that did not.
struct Failure {
    ename: String,
    evalue: String,
    traceback: Vec<String>,
    fatal: bool,
}

impl Failure {
    fn new(ename: &str, evalue: String) -> Failure {
        let traceback = vec![format!("{ename}: {evalue}")];
        Failure {
            ename: ename.to_owned(),
            evalue,
            traceback,
            fatal: false,
        }
    }

    /// Before its code ran.
    fn interrupted() -> Failure {
        Failure::new("KeyboardInterrupt", "interrupted before the cell began".to_owned())
    }

    /// For who runs the notebook as a job: the value that it ended with.
    fn metadata(&self, broker: &Broker) -> Object {
        match broker.take_exit_value() {
            Some(value) if self.ename == "SystemExit" => object(json!({"sealbook": {"exit_value": value}})),
            _ => Object::new(),
        }
    }

    fn content(&self) -> Object {
        error_content(&self.ename, &self.evalue, &self.traceback)
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Outcome {
        Outcome::Error {
            ename: failure.ename,
            evalue: failure.evalue,
            traceback: failure.traceback,
        }
    }
}

fn reply(count: u64, ran: Result<Ran, Failure>) -> Object {
    let mut content = match ran {
        Ok(ran) => object(json!({"status": "ok", "payload": ran.payload, "user_expressions": ran.expressions})),
        Err(failure) => {
            let mut content = failure.content();
            content.insert("status".to_owned(), "error".into());
            content
        }
    };
    content.insert("execution_count".to_owned(), count.into());
    content
}

async fn run_cell(
    session: &Shared,
    executor: &Executor,
    request: &Message,
    cell: Execute,
    count: u64,
    mut interrupts: watch::Receiver<u64>,
) -> Result<Ran, Failure> {
    // Wait for the engine; an interrupt ends the wait.
    let state = tokio::select! {
        biased;
        state = executor.engine.loaded() => state,
        _ = interrupts.changed() => return Err(Failure::interrupted()),
    };
    match state {
        State::Ready => {}
        State::Failed(error) => return Err(Failure::new("EngineError", error)),
        State::Loading | State::Gone => return Err(Failure::new("EngineError", "the kernel is ending".to_owned())),
    }
    let host = CellHost {
        session: session.clone(),
        output: executor.output.clone(),
        parent: request.header.clone(),
        identities: request.identities.clone(),
        allow_stdin: cell.allow_stdin,
        number: (cell.store_history && !cell.silent).then_some(count),
    };
    let job = move |engine: &mut dyn Engine| {
        let mut host = host;
        host.output.begin(&host.parent, count, cell.silent);
        let outcome = if interrupts.has_changed().unwrap_or(false) {
            // It came when the engine did not run the cell yet, and so did not hear of it.
            Failure::interrupted().into()
        } else if cell.code.trim().is_empty() {
            Outcome::Ok { payload: Vec::new() }
        } else if let Some(question) = pager::question(&cell.code) {
            let source = (question.detail_level > 0)
                .then(|| defined(&host.session, question.last()))
                .flatten();
            pager::answer(engine, &question, source.as_deref(), &mut host)
        } else {
            engine.execute(&cell.code, &mut host)
        };
        let expressions = match outcome {
            Outcome::Ok { .. } => evaluate(engine, cell.user_expressions),
            _ => Object::new(),
        };
        let result = host.output.end();
        (outcome, expressions, result)
    };
    match executor.engine.run(job).await {
        Ok((Outcome::Ok { payload }, expressions, result)) => Ok(Ran {
            payload,
            expressions,
            result,
        }),
        Ok((
            Outcome::Error {
                ename,
                evalue,
                traceback,
            },
            ..,
        )) => Err(Failure {
            ename,
            evalue,
            traceback,
            fatal: false,
        }),
        Ok((Outcome::Fatal(error), ..)) => Err(Failure {
            fatal: true,
            ..Failure::new("EngineError", error.0)
        }),
        Ok(_) => Err(Failure::new(
            "EngineError",
            "the engine gave an outcome that this kernel does not know".to_owned(),
        )),
        Err(_) => {
            let output = executor.output.clone();
            // The panic left the output of the cell open; ending it may wait for front ends.
            let _ = tokio::task::spawn_blocking(move || output.end()).await;
            let what = "the engine failed while it ran this cell; the kernel's log has more. Restart the kernel if \
                        cells after this one fail too";
            Err(Failure::new("EngineError", what.to_owned()))
        }
    }
}

/// `user_expressions` of the reply: each evaluated by itself, its output not shown.
fn evaluate(engine: &mut dyn Engine, expressions: Map<String, Value>) -> Object {
    let evaluate = |(name, expression): (String, Value)| {
        let Value::String(code) = expression else {
            let mut error = error_content("TypeError", "an expression must be a string", &[]);
            error.insert("status".to_owned(), "error".into());
            return (name, Value::Object(error));
        };
        let mut host = ExpressionHost { data: None };
        let value = match engine.execute(&code, &mut host) {
            Outcome::Ok { .. } => {
                json!({"status": "ok", "data": host.data.unwrap_or_default(), "metadata": {}})
            }
            Outcome::Error {
                ename,
                evalue,
                traceback,
            } => {
                let mut error = error_content(&ename, &evalue, &traceback);
                error.insert("status".to_owned(), "error".into());
                Value::Object(error)
            }
            _ => json!({"status": "error", "ename": "EngineError", "evalue": "the engine failed", "traceback": []}),
        };
        (name, value)
    };
    expressions.into_iter().map(evaluate).collect()
}

/// The session as a running cell sees it.
struct CellHost {
    session: Shared,
    output: Output,
    parent: Header,
    identities: Vec<Bytes>,
    allow_stdin: bool,
    /// Its `execution_count`, unless the front end does not show it.
    number: Option<u64>,
}

impl Host for CellHost {
    fn number(&self) -> Option<u64> {
        self.number
    }

    fn holds_secret(&self, code: &str) -> bool {
        !self.session.redactor.find(code.as_bytes()).is_empty()
    }

    fn event(&mut self, event: Event) {
        self.output.event(event);
    }

    fn input(&mut self, request: InputRequest, over: &Over) -> Result<String, InputRefused> {
        if !self.allow_stdin {
            return Err(InputRefused);
        }
        self.output.settle();
        let content = object(json!({"prompt": request.prompt, "password": request.password}));
        let mut message = Message::child("input_request", &self.session.id, &self.parent, content);
        message.identities = self.identities.clone();
        let answer = self.session.input.answers.expect();
        let session = self.session.clone();
        over.then(move || session.input.answers.cancel());
        let sealed = self.session.redactor.seal(message);
        self.session
            .runtime
            .block_on(self.session.input.outbox.send(sealed))
            .map_err(|_| InputRefused)?;
        Answers::wait(answer)
    }
}

/// The session as a user expression sees it.
struct ExpressionHost {
    data: Option<MimeBundle>,
}

impl Host for ExpressionHost {
    fn event(&mut self, event: Event) {
        if let Event::Result(data) = event {
            self.data = Some(data);
        }
    }

    fn input(&mut self, _request: InputRequest, _over: &Over) -> Result<String, InputRefused> {
        Err(InputRefused)
    }
}

/// Content of `complete_reply`.
pub async fn complete(engine: &EngineThread, request: requests::Complete) -> Object {
    let cursor = byte_offset(&request.code, request.cursor_pos);
    let code = request.code.clone();
    let none = Completions {
        start: cursor,
        end: cursor,
        candidates: Vec::new(),
    };
    let asking = async {
        match engine.loaded().await {
            State::Ready => engine.run(move |engine| engine.complete(&code, cursor)).await.ok(),
            _ => None,
        }
    };
    let found = in_time(asking).await.unwrap_or(none);
    let (start, end) = (
        code_points(&request.code, found.start),
        code_points(&request.code, found.end),
    );
    let matches: Vec<&str> = found
        .candidates
        .iter()
        .map(|candidate| candidate.text.as_str())
        .collect();
    let types: Vec<Value> = found
        .candidates
        .iter()
        .map(|candidate| {
            json!({
                "text": candidate.text, "type": candidate.kind, "signature": candidate.signature.as_deref().unwrap_or(""),
                "start": start, "end": end,
            })
        })
        .collect();
    object(json!({
        "status": "ok", "matches": matches, "cursor_start": start, "cursor_end": end,
        "metadata": {"_jupyter_types_experimental": types},
    }))
}

/// Content of `inspect_reply`. With more detail, the source of what a cell of this notebook defines is part of it.
pub async fn inspect(session: &Shared, engine: &EngineThread, request: requests::Inspect) -> Object {
    let cursor = byte_offset(&request.code, request.cursor_pos);
    let source = (request.detail_level > 0)
        .then(|| defined(session, items::word_at(&request.code, cursor)))
        .flatten();
    let asking = async {
        match engine.loaded().await {
            State::Ready => engine
                .run(move |engine| engine.inspect(&request.code, cursor, request.detail_level))
                .await
                .unwrap_or_default(),
            _ => None,
        }
    };
    let found = in_time(asking).await;
    let found = pager::with_source(found, source.as_deref());
    let data = found.as_ref().map(pager::bundle).unwrap_or_default();
    object(json!({"status": "ok", "found": found.is_some(), "data": data, "metadata": {}}))
}

/// What the engine knows within [`ANSWER`]. What takes it longer (it reads the standard library before the first
/// completion) it finishes by itself, and the next question finds it done.
async fn in_time<T>(asking: impl Future<Output = Option<T>>) -> Option<T> {
    tokio::time::timeout(ANSWER, asking).await.unwrap_or_else(|_| {
        tracing::debug!("a question about code was answered with nothing: the engine is busy");
        None
    })
}

/// The source of the item called `name` in the cells that have run.
fn defined(session: &Shared, name: &str) -> Option<String> {
    let history = session.history.lock().unwrap_or_else(PoisonError::into_inner);
    history.source_of(name)
}

/// Content of `is_complete_reply`.
pub async fn is_complete(engine: &EngineThread, request: requests::IsComplete) -> Object {
    if pager::question(&request.code).is_some() {
        return object(json!({"status": "complete"}));
    }
    let answer = match engine.loaded().await {
        State::Ready => engine.run(move |engine| engine.is_complete(&request.code)).await.ok(),
        _ => None,
    };
    object(match answer {
        Some(Completeness::Complete) => json!({"status": "complete"}),
        Some(Completeness::Incomplete { indent }) => json!({"status": "incomplete", "indent": indent}),
        Some(Completeness::Invalid) => json!({"status": "invalid"}),
        None => json!({"status": "unknown"}),
    })
}
