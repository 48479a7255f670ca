//! The thread that owns the engine. It loads the engine first, so that the channels answer at once, and then runs
//! one job after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use sealbook_runtime::{Engine, EngineError, Interrupt};
use tokio::sync::{oneshot, watch};

/// Makes the engine, on the engine's thread.
pub type Factory = Box<dyn FnOnce() -> Result<Box<dyn Engine>, EngineError> + Send>;

type Job = Box<dyn FnOnce(&mut dyn Engine) + Send>;

/// Handle to the engine's thread.
#[derive(Clone)]
pub struct EngineThread {
    jobs: mpsc::Sender<Job>,
    state: watch::Receiver<State>,
    interrupt: Arc<Mutex<Option<Arc<dyn Interrupt>>>>,
}

/// How far the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not ready yet.
    Loading,
    /// Runs jobs.
    Ready,
    /// Could not start; cells get this error.
    Failed(String),
    /// Has been shut down.
    Gone,
}

/// The engine's own code failed; the text has been logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnginePanicked;

impl EngineThread {
    /// Starts the thread and the loading of the engine.
    pub fn start(factory: Factory) -> std::io::Result<EngineThread> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (state_sender, state) = watch::channel(State::Loading);
        let interrupt: Arc<Mutex<Option<Arc<dyn Interrupt>>>> = Arc::default();
        let slot = Arc::clone(&interrupt);
        thread::Builder::new().name("engine".to_owned()).spawn(move || {
            // 1. Load.
            let mut engine = match catch_unwind(AssertUnwindSafe(factory)) {
                Ok(Ok(engine)) => engine,
                Ok(Err(error)) => {
                    tracing::error!(%error, "the engine could not start");
                    state_sender.send_replace(State::Failed(error.to_string()));
                    return;
                }
                Err(_) => {
                    let error = "the engine failed while it started; the kernel's log has more".to_owned();
                    state_sender.send_replace(State::Failed(error));
                    return;
                }
            };
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(engine.interrupt());
            state_sender.send_replace(State::Ready);
            // 2. Run jobs until all handles are gone.
            while let Ok(job) = queue.recv() {
                job(engine.as_mut());
            }
            // 3. End the engine's processes.
            slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            let _ = catch_unwind(AssertUnwindSafe(move || engine.shutdown()));
            state_sender.send_replace(State::Gone);
        })?;
        Ok(EngineThread { jobs, state, interrupt })
    }

    /// Runs `job` with the engine after the jobs before it. Waits for the engine to be loaded.
    pub async fn run<T, F>(&self, job: F) -> Result<T, EnginePanicked>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Engine) -> T + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |engine| {
            if let Ok(answer) = catch_unwind(AssertUnwindSafe(|| job(engine))) {
                let _ = sender.send(answer);
            }
        });
        self.jobs.send(job).map_err(|_| EnginePanicked)?;
        receiver.await.map_err(|_| EnginePanicked)
    }

    /// How far the engine is now.
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Waits until the engine is no longer loading.
    pub async fn loaded(&self) -> State {
        let mut state = self.state.clone();
        match state.wait_for(|state| *state != State::Loading).await {
            Ok(state) => state.clone(),
            Err(_) => State::Gone,
        }
    }

    /// Stops the running cell, if any.
    pub fn interrupt(&self) {
        let interrupt = self.interrupt.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(interrupt) = interrupt {
            interrupt.interrupt();
        }
    }

    /// Gives the thread no more jobs and returns a way to see its end.
    pub fn close(self) -> watch::Receiver<State> {
        self.state
    }
}
