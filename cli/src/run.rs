//! `sealbook run`: a notebook as a job. Flags are papermill's.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use sealbook_kernel::job::{self, Destination, Ending, Job, JobError, Notebook, Parameter, Progress};
use serde_json::Value;

use crate::failure::{Failure, Outcome, Status, plain};
use crate::{install, output};

/// How often the progress bar's clock is drawn.
const TICK: Duration = Duration::from_millis(250);

/// Arguments of `run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Parameters are injected as a cell after the one tagged `parameters`, typed as declared there (`let port: u16 = 5432;`
keeps u16). A value that does not fit stops the run before anything is executed, and names the parameter.

Exit status: 0 all cells ran; 1 a cell failed; 2 wrong use; 130 interrupted; 138 the kernel died. In each case but 2 the
output notebook holds what there was.")]
pub struct Run {
    /// The notebook to run; `-` is standard input
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where to write it with its outputs; `-` is standard output
    #[arg(value_name = "OUT")]
    saved_as: PathBuf,
    /// A parameter; may be given several times
    #[arg(short = 'p', long, num_args = 2, value_names = ["NAME", "VALUE"], action = clap::ArgAction::Append, allow_hyphen_values = true)]
    parameters: Vec<String>,
    /// A parameter whose value is text, whatever it looks like
    #[arg(short = 'r', long, num_args = 2, value_names = ["NAME", "TEXT"], action = clap::ArgAction::Append, allow_hyphen_values = true)]
    parameters_raw: Vec<String>,
    /// Parameters as a YAML mapping
    #[arg(short = 'y', long, value_name = "YAML")]
    parameters_yaml: Vec<String>,
    /// A file with parameters, YAML or JSON
    #[arg(short = 'f', long, value_name = "FILE")]
    parameters_file: Vec<PathBuf>,
    /// The working folder of the cells
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// The longest time for one cell, in seconds
    #[arg(long, visible_alias = "execution-timeout", value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Also save while a cell runs, every so many seconds
    #[arg(long, visible_alias = "autosave-cell-every", value_name = "SECONDS", value_parser = seconds)]
    autosave: Option<Duration>,
    /// Copy what cells print to standard error, as they print it
    #[arg(long)]
    log_output: bool,
    /// Run with this installed kernelspec instead of this program's own kernel
    #[arg(short = 'k', long, value_name = "NAME")]
    kernel: Option<String>,
    /// Show no progress bar
    #[arg(long)]
    no_progress_bar: bool,
}

impl Run {
    /// Runs every cell, in order, until one fails.
    pub fn run(self) -> Outcome {
        let name = self.input.display().to_string();
        let notebook = Notebook::parse(&read(&self.input)?, &name).map_err(failed)?;
        let to_stdout = self.saved_as == Path::new("-");
        let destination = if to_stdout {
            Destination::StandardOutput
        } else {
            Destination::File(self.saved_as.clone())
        };
        let mut job = Job::new(destination, name);
        job.parameters = self.given_parameters()?;
        job.working_dir = self.cwd.clone();
        job.cell_timeout = self.timeout;
        job.autosave = self.autosave;
        job.kernel_command = self.kernel.as_deref().map(kernel_command).transpose()?;

        let mut bar = Bar::new(self.no_progress_bar, self.log_output);
        let report = job::run(notebook, job, &mut |progress| bar.show(&progress)).map_err(failed)?;
        bar.finish();
        if let Some(value) = &report.exit_value {
            if to_stdout {
                output::note(value)
            } else {
                output::line(value)?
            }
        }
        let kept = if to_stdout {
            "standard output".to_string()
        } else {
            self.saved_as.display().to_string()
        };
        ended(
            &report.ending,
            &format!("The outputs up to there are in {kept} (run {}).", report.run_id),
        )
    }

    fn given_parameters(&self) -> Result<Vec<Parameter>, Failure> {
        let mut parameters = Vec::new();
        for path in &self.parameters_file {
            let shown = path.display();
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::io(format!("read the parameters file {shown}"), &error).status(Status::Usage)
            })?;
            parameters.extend(mapping(&text, &shown.to_string())?);
        }
        for text in &self.parameters_yaml {
            parameters.extend(mapping(text, "--parameters-yaml")?);
        }
        let pairs = |words: &[String]| {
            words
                .chunks_exact(2)
                .map(|pair| (pair[0].clone(), pair[1].clone()))
                .collect::<Vec<_>>()
        };
        parameters.extend(
            pairs(&self.parameters)
                .into_iter()
                .map(|(name, text)| Parameter::text(name, text)),
        );
        parameters.extend(
            pairs(&self.parameters_raw)
                .into_iter()
                .map(|(name, text)| Parameter::value(name, Value::String(text))),
        );
        Ok(parameters)
    }
}

/// Turns the end of a job into this command's end. `kept` says where the outputs are.
pub fn ended(ending: &Ending, kept: &str) -> Outcome {
    let at = |cell: &Option<usize>| cell.map_or_else(String::new, |cell| format!(" in cell {cell}"));
    match ending {
        Ending::Completed => Ok(()),
        Ending::CellFailed {
            cell,
            ename,
            evalue,
            traceback,
        } => {
            if !traceback.is_empty() {
                output::note(&traceback.join("\n"));
            }
            Err(Failure::new(format!("cell {cell} failed: {ename}: {evalue}")).hint(kept))
        }
        Ending::Interrupted { cell } => Err(Failure::new(format!("interrupted{}", at(cell)))
            .status(Status::Interrupted)
            .hint(kept)),
        Ending::KernelDied { cell, reason } => Err(Failure::new(format!("the kernel died{}: {reason}", at(cell)))
            .status(Status::KernelDied)
            .hint(kept)),
        _ => Err(Failure::new("the run ended in a way that this version does not know").hint(kept)),
    }
}

/// A job that could not be run.
pub fn failed(error: JobError) -> Failure {
    let failure = Failure::new(error.to_string());
    match &error {
        _ if error.is_usage() => failure.status(Status::Usage).hint("Nothing was run."),
        JobError::KernelStart(_) => failure.hint("To find out more: sealbook doctor"),
        _ => failure,
    }
}

fn read(input: &Path) -> Result<Vec<u8>, Failure> {
    let read = if input == Path::new("-") {
        let mut text = Vec::new();
        std::io::stdin().lock().read_to_end(&mut text).map(|_| text)
    } else {
        std::fs::read(input)
    };
    read.map_err(|error| {
        Failure::usage(format!(
            "cannot read the notebook {}: {}",
            input.display(),
            plain(&error)
        ))
        .hint("Nothing was run.")
    })
}

/// Parameters of a YAML (or JSON) mapping. Errors show no line of it: it may hold a credential.
fn mapping(text: &str, from: &str) -> Result<Vec<Parameter>, Failure> {
    let wrong = || {
        Failure::usage(format!(
            "the parameters in {from} are not a YAML mapping of names to values"
        ))
        .hint("For example: {port: 5433, tables: [a, b]}. Nothing was run.")
    };
    let value: Value = serde_saphyr::from_str(text).map_err(|_| wrong())?;
    let Value::Object(fields) = value else {
        return Err(wrong());
    };
    Ok(fields
        .into_iter()
        .map(|(name, value)| Parameter::value(name, value))
        .collect())
}

/// The command of an installed kernelspec.
fn kernel_command(name: &str) -> Result<Vec<String>, Failure> {
    let folders = install::known_folders(name);
    let Some((folder, spec)) = folders
        .iter()
        .find_map(|folder| install::read_kernel_json(folder).map(|spec| (folder, spec)))
    else {
        let looked: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
        return Err(
            Failure::usage(format!("no kernelspec {name} (looked at {})", looked.join(", "))).hint(
                "`jupyter kernelspec list` shows what is installed; without --kernel this program's own kernel runs.",
            ),
        );
    };
    let argv = spec["argv"].as_array().map(|words| {
        let folder = folder.display().to_string();
        words
            .iter()
            .filter_map(Value::as_str)
            .map(|word| word.replace("{resource_dir}", &folder))
            .collect::<Vec<_>>()
    });
    argv.filter(|words| !words.is_empty())
        .ok_or_else(|| Failure::usage(format!("{}/kernel.json has no argv", folder.display())))
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text
        .parse::<f64>()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    {
        Some(time) if !time.is_zero() => Ok(time),
        _ => Err(format!("`{text}` is not a number of seconds above 0")),
    }
}

/// The progress bar, drawn on standard error when that is a terminal.
pub struct Bar {
    bar: ProgressBar,
    log_output: bool,
}

impl Bar {
    /// A bar, or none.
    pub fn new(hidden: bool, log_output: bool) -> Self {
        let bar = if hidden {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(0)
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} cells  {elapsed}  {wide_msg}") {
            bar.set_style(style);
        }
        Bar { bar, log_output }
    }

    /// Shows one step of a job.
    pub fn show(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Started { cells, .. } => {
                self.bar.set_length(*cells as u64);
                self.bar.enable_steady_tick(TICK);
            }
            Progress::CellStarted { name, .. } => self.bar.set_message((*name).to_string()),
            Progress::CellFinished { .. } => self.bar.inc(1),
            Progress::Output { text, .. } if self.log_output => {
                self.bar.suspend(|| output::note(text.trim_end_matches('\n')))
            }
            _ => {}
        }
    }

    /// Leaves the bar as it is.
    pub fn finish(&self) {
        self.bar.disable_steady_tick();
        self.bar.abandon();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_mappings_are_parameters() {
        let names =
            |text: &str| mapping(text, "x").map(|found| found.iter().map(|p| p.name().to_string()).collect::<Vec<_>>());
        assert_eq!(names("{port: 5433, xs: [1, a]}").unwrap(), ["port", "xs"]);
        assert_eq!(names("{\"a\": null}").unwrap(), ["a"]);
        for wrong in ["[1]", "planted", "{a: [}"] {
            let failure = format!("{:?}", names(wrong).unwrap_err());
            assert!(!failure.contains("planted"), "{failure}");
        }
    }

    #[test]
    fn times_are_positive_seconds() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for wrong in ["0", "-1", "x", "inf", ""] {
            assert!(seconds(wrong).is_err(), "{wrong:?}");
        }
    }
}
