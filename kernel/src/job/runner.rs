//! The loop of a job: cell by cell, with one place where all messages of the kernel come in.

use std::time::{Duration, Instant};

use sealbook_wire::Message;
use sealbook_wire::connection::Channel;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::kernel_process::{Identity, KernelProcess};
use super::outputs::Outputs;
use super::{Ending, Job, JobError, Notebook, Progress, Report};

/// Time for an interrupted cell to end before its kernel is killed.
const INTERRUPT: Duration = Duration::from_secs(5);

/// See [`super::run`].
pub fn run(mut notebook: Notebook, job: Job, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Report, JobError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| JobError::KernelStart(error.to_string()))?;
    // 1. Parameters, before anything runs.
    notebook.inject(&job.parameters)?;
    notebook.clear_outputs();
    let run_id = job.run_id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let begun = Instant::now();
    notebook.note_kernel();
    notebook.note("run_id", run_id.as_str().into());
    notebook.note("input", job.input_name.as_str().into());
    notebook.note("started", now().into());
    // 2. An output that cannot be written is an error now, not after an hour.
    job.destination.save(&notebook)?;
    // 3. The cells.
    let ran = runtime.block_on(async {
        let mut signals = Signals::new(job.cancel.clone()).map_err(|error| JobError::KernelStart(error.to_string()))?;
        let parameters = job
            .parameters
            .iter()
            .map(|parameter| (parameter.name().to_owned(), parameter.as_text().into()));
        let identity = Identity {
            run_id: &run_id,
            parameters: parameters.collect(),
        };
        let kernel = tokio::select! {
            kernel = KernelProcess::start(&job, identity) => kernel?,
            () = signals.recv() => return Ok((Ending::Interrupted { cell: None }, None)),
        };
        let deadline = job.timeout.map(|limit| tokio::time::Instant::now() + limit);
        let mut runner = Runner {
            deadline,
            kernel,
            notebook: &mut notebook,
            job: &job,
            signals,
            progress,
            counts: Vec::new(),
        };
        let ran = runner.cells(&run_id).await;
        let Runner { kernel, .. } = runner;
        kernel.end().await;
        ran
    });
    // 4. What there is, is saved, whatever happened.
    let (ending, exit_value) = match ran {
        Ok(ran) => ran,
        Err(error) => {
            let _ = job.destination.finish(&notebook);
            return Err(error);
        }
    };
    notebook.note(
        "seconds",
        json!((begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0),
    );
    notebook.note("status", status(&ending).into());
    if let Some(value) = &exit_value {
        notebook.note("exit_value", value.as_str().into());
    }
    job.destination.finish(&notebook)?;
    Ok(Report {
        run_id,
        ending,
        exit_value,
    })
}

struct Runner<'a, 'p> {
    kernel: KernelProcess,
    notebook: &'a mut Notebook,
    job: &'a Job,
    signals: Signals,
    progress: &'a mut (dyn FnMut(Progress<'_>) + 'p),
    /// End of the time for all cells.
    deadline: Option<tokio::time::Instant>,
    /// Cell and execution count of what has run.
    counts: Vec<(usize, u64)>,
}

/// How one cell ended.
enum Cell {
    Ok,
    /// `dbutils.notebook.exit`.
    Exit(String),
    Ended(Ending),
}

impl Runner<'_, '_> {
    async fn cells(&mut self, run_id: &str) -> Result<(Ending, Option<String>), JobError> {
        let cells: Vec<usize> = (0..self.notebook.len())
            .filter(|index| self.notebook.runs(*index))
            .collect();
        (self.progress)(Progress::Started {
            cells: cells.len(),
            run_id,
        });
        let mut ending = (Ending::Completed, None);
        for (number, index) in cells.into_iter().enumerate() {
            let ended = self.cell(number, index).await?;
            (self.progress)(Progress::CellFinished {
                index: number,
                ok: matches!(ended, Cell::Ok | Cell::Exit(_)),
            });
            match ended {
                Cell::Ok => {}
                Cell::Exit(value) => {
                    ending.1 = Some(value);
                    break;
                }
                Cell::Ended(why) => {
                    ending.0 = why;
                    break;
                }
            }
        }
        if !matches!(ending.0, Ending::KernelDied { .. }) {
            self.clean_sources().await;
        }
        Ok(ending)
    }

    /// Runs the cell at `index` of the notebook.
    async fn cell(&mut self, number: usize, index: usize) -> Result<Cell, JobError> {
        let died = |reason: String| {
            Cell::Ended(Ending::KernelDied {
                cell: Some(index + 1),
                reason,
            })
        };
        let code = self.notebook.source(index);
        let request = json!({"code": code, "allow_stdin": false, "stop_on_error": true});
        let mut outputs = Outputs::default();
        let Some(id) = self.kernel.send(Channel::Shell, "execute_request", request).await else {
            return self.dead(index, outputs, died("its connection closed".to_owned()));
        };
        let of_cell = self.job.cell_timeout.map(|limit| tokio::time::Instant::now() + limit);
        let deadline = [of_cell, self.deadline].into_iter().flatten().min();
        let mut autosave = tokio::time::interval(self.job.autosave.unwrap_or(Duration::from_secs(3600)));
        autosave.reset();
        let (mut reply, mut idle, mut stopped) = (None::<Message>, false, None::<Stopped>);
        let mut changed = false;
        while reply.is_none() || !idle {
            let limit = stopped.as_ref().map(|stopped| stopped.give_up).or(deadline);
            tokio::select! {
                next = self.kernel.next() => match next {
                    Ok((channel, message)) if message.parent_id() == id => match channel {
                        Channel::Shell => reply = Some(message),
                        Channel::Iopub => {
                            idle |= self.broadcast(number, index, &message);
                            changed |= outputs.take(message.msg_type(), &message.content);
                        }
                        _ => {}
                    },
                    Ok(_) => {}
                    Err(reason) => match stopped {
                        Some(stopped) => return self.end(index, outputs, stopped.ending),
                        None => return self.dead(index, outputs, died(reason)),
                    },
                },
                () = self.signals.recv() => match stopped {
                    // The second time, without waiting.
                    Some(stopped) => return self.end(index, outputs, stopped.ending),
                    None => {
                        self.interrupt().await;
                        stopped = Some(Stopped::new(Ending::Interrupted { cell: Some(index + 1) }));
                    }
                },
                () = sleep_until(limit), if limit.is_some() => match stopped {
                    Some(stopped) => return self.end(index, outputs, stopped.ending),
                    None => {
                        self.interrupt().await;
                        stopped = Some(Stopped::new(self.too_long(index)));
                    }
                },
                _ = autosave.tick(), if self.job.autosave.is_some() && changed => {
                    changed = false;
                    self.notebook.set_outputs(index, outputs.to_values());
                    self.job.destination.save(self.notebook)?;
                }
            }
        }
        if let Some(stopped) = stopped {
            return self.end(index, outputs, stopped.ending);
        }
        let ended = reply.map_or(Cell::Ok, |reply| {
            outcome(index, &reply, &mut self.counts, self.notebook)
        });
        let mut values = outputs.to_values();
        if matches!(ended, Cell::Exit(_)) {
            // An exit is how the notebook ends, not an error of the cell.
            values.retain(|value| value["output_type"] != "error");
        }
        self.notebook.set_outputs(index, values);
        self.job.destination.save(self.notebook)?;
        Ok(ended)
    }

    /// Takes note of a broadcast; true when the cell is idle.
    fn broadcast(&mut self, number: usize, index: usize, message: &Message) -> bool {
        let text = |name: &str| message.content.get(name).and_then(Value::as_str).unwrap_or_default();
        match message.msg_type() {
            "status" => return text("execution_state") == "idle",
            "execute_input" => {
                let count = message.content.get("execution_count").cloned().unwrap_or(Value::Null);
                self.notebook.set_count(index, count);
                let name = cell_name(text("code"));
                (self.progress)(Progress::CellStarted {
                    index: number,
                    name: &name,
                });
            }
            "stream" => (self.progress)(Progress::Output {
                stderr: text("name") == "stderr",
                text: text("text"),
            }),
            _ => {}
        }
        false
    }

    async fn interrupt(&mut self) {
        let _ = self.kernel.send(Channel::Control, "interrupt_request", json!({})).await;
    }

    fn too_long(&self, index: usize) -> Ending {
        let all = self
            .deadline
            .is_some_and(|deadline| deadline <= tokio::time::Instant::now());
        let (what, limit) = match all {
            true => ("the notebook", self.job.timeout),
            false => ("the cell", self.job.cell_timeout),
        };
        let evalue = format!("{what} ran longer than {} s", limit.unwrap_or_default().as_secs_f64());
        let traceback = vec![format!("CellTimeout: {evalue}")];
        Ending::CellFailed {
            cell: index + 1,
            ename: "CellTimeout".to_owned(),
            evalue,
            traceback,
        }
    }

    /// Keeps what the cell of a dead kernel had shown, and says what happened.
    fn dead(&mut self, index: usize, mut outputs: Outputs, ended: Cell) -> Result<Cell, JobError> {
        if let Cell::Ended(Ending::KernelDied { reason, .. }) = &ended {
            let evalue = format!("the kernel ended while it ran this cell: {reason}");
            outputs.take("error", &error("DeadKernelError", &evalue));
        }
        self.keep(index, &outputs)?;
        Ok(ended)
    }

    /// Keeps what a stopped cell had shown, and says what stopped it.
    fn end(&mut self, index: usize, mut outputs: Outputs, ending: Ending) -> Result<Cell, JobError> {
        if let Ending::CellFailed { ename, evalue, .. } = &ending {
            outputs.take("error", &error(ename, evalue));
        }
        self.keep(index, &outputs)?;
        Ok(Cell::Ended(ending))
    }

    fn keep(&mut self, index: usize, outputs: &Outputs) -> Result<(), JobError> {
        self.notebook.set_outputs(index, outputs.to_values());
        self.job.destination.save(self.notebook)
    }

    /// Replaces sources in which the kernel has meanwhile recognised a secret: the history comes back redacted.
    async fn clean_sources(&mut self) {
        let request = json!({"hist_access_type": "range", "start": 1, "raw": true, "output": false});
        let Some(id) = self.kernel.send(Channel::Shell, "history_request", request).await else {
            return;
        };
        let answer = async {
            while let Ok((channel, message)) = self.kernel.next().await {
                if channel == Channel::Shell && message.parent_id() == id {
                    return Some(message);
                }
            }
            None
        };
        let Ok(Some(reply)) = tokio::time::timeout(INTERRUPT, answer).await else {
            return;
        };
        for entry in reply
            .content
            .get("history")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let (Some(count), Some(source)) = (entry[1].as_u64(), entry[2].as_str()) else {
                continue;
            };
            if let Some((index, _)) = self.counts.iter().find(|(_, ran)| *ran == count)
                && source.contains(crate::redact::TOKEN)
                && self.notebook.source(*index) != source
            {
                self.notebook.set_source(*index, source);
            }
        }
    }
}

/// A cell that was interrupted, and until when it may end by itself.
struct Stopped {
    ending: Ending,
    give_up: tokio::time::Instant,
}

impl Stopped {
    fn new(ending: Ending) -> Stopped {
        Stopped {
            ending,
            give_up: tokio::time::Instant::now() + INTERRUPT,
        }
    }
}

fn outcome(index: usize, reply: &Message, counts: &mut Vec<(usize, u64)>, notebook: &mut Notebook) -> Cell {
    let content = &reply.content;
    let text = |name: &str| content.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(count) = content.get("execution_count").and_then(Value::as_u64) {
        notebook.set_count(index, count.into());
        counts.push((index, count));
    }
    if let Some(source) = reply.metadata.get("sealbook").and_then(|ours| ours["source"].as_str()) {
        notebook.set_source(index, source);
    }
    if text("status") == "ok" {
        return Cell::Ok;
    }
    if text("ename") == "SystemExit" && matches!(text("evalue").as_str(), "" | "0") {
        let value = reply
            .metadata
            .get("sealbook")
            .and_then(|ours| ours["exit_value"].as_str());
        return Cell::Exit(value.unwrap_or_default().to_owned());
    }
    let traceback = content.get("traceback").and_then(Value::as_array).into_iter().flatten();
    Cell::Ended(Ending::CellFailed {
        cell: index + 1,
        ename: text("ename"),
        evalue: text("evalue"),
        traceback: traceback.filter_map(Value::as_str).map(str::to_owned).collect(),
    })
}

fn error(ename: &str, evalue: &str) -> Map<String, Value> {
    crate::session::error_content(ename, evalue, &[format!("{ename}: {evalue}")])
}

/// The first line with something in it, cut to what a progress bar shows.
fn cell_name(code: &str) -> String {
    let line = code
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    line.trim_start_matches('/').trim().chars().take(60).collect()
}

fn status(ending: &Ending) -> &'static str {
    match ending {
        Ending::Completed => "completed",
        Ending::CellFailed { .. } => "failed",
        Ending::KernelDied { .. } => "kernel died",
        Ending::Interrupted { .. } => "interrupted",
    }
}

fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Ctrl-C, the signals that end a process, and the interrupts of a notebook that runs this one.
struct Signals {
    signals: [Signal; 3],
    cancel: Option<watch::Receiver<u64>>,
}

impl Signals {
    fn new(mut cancel: Option<watch::Receiver<u64>>) -> std::io::Result<Signals> {
        if let Some(cancel) = &mut cancel {
            cancel.mark_unchanged();
        }
        let [interrupt, terminate, hangup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Signals {
            signals: [interrupt?, terminate?, hangup?],
            cancel,
        })
    }

    async fn recv(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        let cancelled = async {
            if let Some(cancel) = &mut self.cancel
                && cancel.changed().await.is_ok()
            {
                return;
            }
            std::future::pending().await
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            () = cancelled => {}
        }
    }
}
