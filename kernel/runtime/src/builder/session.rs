//! One notebook's evcxr context: runs cells, completes, inspects.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::time::{Duration, Instant};

use evcxr::{CommandContext, CompilationError, Completions, Error, EvalContext, EvalOutputs};

use super::commands::{self, Step};
use super::diagnostics;
use super::hidden::Hidden;
use super::members::Members;
use super::pieces::Cells;
use super::prelude::Analysis;
use super::types::{self, Typed};
use super::{Fds, Place, SOCKET, input_crate, listing, lists, markdown, prelude, replaced, syntax, toolchain, unkept};
use crate::cargo_shim::{INTERRUPTED, SAID, SOURCE};
use crate::engine::EngineError;
use crate::messages::{Executed, Failure, FromBuilder};
use crate::named_arguments;
use crate::prebuilt;
use crate::probe;
use crate::runner::RUNNER;
use crate::sys;
use crate::warm::Compilers;

/// Set for the builder by the kernel, and not for the children of the builder that run user code.
pub(crate) const BUILDER_ONLY: &[&str] = &["EVCXR_CONFIG_DIR", "EVCXR_TMPDIR", "CARGO", "RUSTC"];

pub(super) struct Session {
    context: CommandContext,
    folder: PathBuf,
    rustc: PathBuf,
    cells: Cells,
    fds: Fds,
    /// Counts the cells whose code started.
    starts: OwnedFd,
    compilers: Compilers,
    analysis: Analysis,
    opt_level: String,
    /// By `:opt`.
    is_opt_level_chosen: bool,
    /// Whether results are pretty-printed, and whether with their types.
    format: (bool, bool),
    shows_time: bool,
    members: Members,
    hidden: Hidden,
    /// Variables whose names items took over in cells of items alone, which leave the store of the variables as it is.
    given_up: Vec<String>,
    /// Process group of the shell command that runs now; 0 if none.
    shell: Arc<AtomicI32>,
}

impl Session {
    pub(super) fn start(place: &Place, shell: Arc<AtomicI32>, compilers: Compilers) -> Result<Session, EngineError> {
        let folder = &place.folder;
        let rustc = toolchain::install_shims(folder)?;
        let failed = |what: &str, error: &dyn std::fmt::Display| EngineError(format!("cannot {what}: {error}"));
        prelude::write(folder)
            .and_then(|()| input_crate::write(folder))
            .and_then(|()| prebuilt::prepare(folder, &rustc))
            .map_err(|error| failed("fill the build folder", &error))?;
        let here = std::env::current_dir().map_err(|error| failed("find the working folder", &error))?;
        // A configuration of evcxr in the user's folder would win over ours, which carries the dependency on dbutils.
        std::env::set_current_dir(folder).map_err(|error| failed("enter the build folder", &error))?;
        let starts = sys::counter().map_err(|error| failed("count cells", &error))?;
        let runner =
            runner_command(place, &here, starts.as_raw_fd()).map_err(|error| failed("find our own program", &error))?;
        let (context, _outputs) =
            EvalContext::with_subprocess_command(runner).map_err(|error| failed("start the evaluator", &error))?;
        std::env::set_current_dir(&here).map_err(|error| failed("enter the working folder", &error))?;
        let mut session = Session {
            context: CommandContext::with_eval_context(context),
            folder: folder.clone(),
            rustc,
            cells: Cells::default(),
            fds: place.fds,
            starts,
            compilers,
            analysis: Analysis::Early,
            opt_level: prelude::OPT_LEVEL_DEFAULT.to_owned(),
            is_opt_level_chosen: false,
            format: (false, false),
            shows_time: false,
            members: Members::default(),
            hidden: Hidden::default(),
            given_up: Vec::new(),
            shell,
        };
        session
            .bring_into_scope()
            .map_err(|error| failed("bring dbutils into scope", &error))?;
        Ok(session)
    }

    /// Runs a cell. How its code ended is in the runner's reports; the answer says what happened before and around it.
    /// `number` is how the front end counts it.
    pub(super) fn execute(&mut self, code: &str, number: Option<u64>) -> Executed {
        self.revive(false);
        // Compilers read it so, too.
        let code = code.strip_prefix('\u{feff}').unwrap_or(code).replace("\r\n", "\n");
        self.cells.begin(number, &code);
        let mut executed = Executed::default();
        let start = Instant::now();
        for step in commands::steps(&code) {
            let failure = match step {
                Step::Code(code) => self.evaluate(&code, &mut executed.content),
                Step::Shell(script) => commands::run_shell(&script, self.fds, &self.shell, &self.folder).err(),
                Step::Clear => self.clear(),
                Step::Restart => self.restart(),
                Step::Optimise(level) => self.optimise(&level, &mut executed.content),
                Step::Format(format) => self.format(&format, &mut executed.content),
                Step::Types(types) => self.types(&types, &mut executed.content),
                Step::Timing => {
                    self.shows_time = !self.shows_time;
                    let text = format!("Timing: {}\n", self.shows_time);
                    say(&mut executed.content, text);
                    None
                }
                Step::Variables => {
                    let shown = listing::variables(self.context.variables_and_types());
                    executed.content.extend(shown);
                    None
                }
                Step::Type(name) => self.type_of(&name, &mut executed.content),
                Step::Help => {
                    executed.content.extend(listing::help());
                    None
                }
                Step::Refused(why) => Some(Failure::new("CommandError", why)),
                Step::Quit => {
                    executed.quit = true;
                    None
                }
            };
            if failure.is_some() {
                executed.failure = failure;
                break;
            }
        }
        self.show_time(start.elapsed());
        if executed.failure.is_some() && self.folder.join(INTERRUPTED).exists() {
            executed.failure = Some(Failure::new("KeyboardInterrupt", "interrupted"));
        }
        executed
    }

    /// Has a compiler wait for the next cell.
    pub(super) fn prepare(&self) {
        self.compilers.prepare();
    }

    fn evaluate(&mut self, code: &str, content: &mut BTreeMap<String, String>) -> Option<Failure> {
        if let Some(failure) = syntax::failure(code, &self.cells, &self.rustc, &self.folder) {
            return Some(failure);
        }
        let code = input_crate::depend(&named_arguments::rewrite(code), &self.folder);
        let command = code.split_whitespace().next().unwrap_or_default();
        if command == ":doc" {
            self.complete_analysis();
        }
        let replaced = self.replaced(&code);
        let mut typed = Typed::unchanged(&code);
        // To rust-analyzer a name that an item takes over is still the variable's.
        if self.analysis == Analysis::Early || !replaced.is_empty() {
            match self.typed(&code) {
                Ok(Some(found)) => typed = found,
                Ok(None) => self.complete_analysis(),
                Err(failure) => return Some(failure),
            }
        }
        let mut result = self.run(&typed, false)?;
        if self.analysis == Analysis::Early && result.as_ref().is_err_and(wants_full_analysis) {
            self.complete_analysis();
            typed = Typed::unchanged(&code);
            result = self.run(&typed, false)?;
        }
        if self.analysis == Analysis::Full && result.as_ref().is_err_and(is_about_closure) {
            // rust-analyzer cannot name its type; the compiler says what it takes and gives.
            if let Ok(Some(found)) = self.typed(&code) {
                typed = found;
                result = self.run(&typed, false)?;
            }
        }
        if result.as_ref().is_err_and(lacks_debug) {
            // The compiler's word on the first try is the one to show if this one fails too.
            result = match self.run(&typed, true)? {
                Err(Error::CompilationErrors(_)) => result,
                shown => shown,
            };
        }
        match result {
            Ok(outputs) => {
                self.cells.keep(&self.source(), &typed);
                let variables: BTreeSet<&str> = self.context.variables_and_types().map(|(name, _)| name).collect();
                self.given_up = replaced
                    .into_iter()
                    .filter(|name| variables.contains(name.as_str()))
                    .collect();
                add(content, outputs);
                if command == ":show_deps" && content.is_empty() {
                    say(content, "There are no dependencies.\n".to_owned());
                }
                None
            }
            Err(Error::CompilationErrors(errors)) => Some(self.failure(&errors, &typed)),
            Err(Error::SubprocessTerminated(_)) => Some(Failure::new(
                "ProcessDied",
                "the process that runs the cells ended\nThe variables are lost; the next cell starts a new process.",
            )),
            Err(error) => Some(unkept::failure(&error.to_string(), &code, &self.cells)),
        }
    }

    /// Variables whose names are those of items that `code` defines, or that were defined after them.
    fn replaced(&self, code: &str) -> Vec<String> {
        let variables = self.context.variables_and_types().map(|(name, _)| name);
        replaced::names(code, variables, &self.given_up)
    }

    /// The file that was generated last.
    fn source(&self) -> String {
        fs::read_to_string(self.folder.join(SOURCE)).unwrap_or_default()
    }

    fn failure(&self, errors: &[CompilationError], typed: &Typed) -> Failure {
        let map = self.cells.map(&self.source(), typed);
        let said = fs::read_to_string(self.folder.join(SAID)).unwrap_or_default();
        diagnostics::with_unchanged(&map, &self.cells, |origin| {
            diagnostics::failure(errors, &said, typed, origin)
        })
    }

    /// Builds and runs code. If `is_opaque`, of its final expression only the type is shown.
    fn run(&mut self, typed: &Typed, is_opaque: bool) -> Option<Result<EvalOutputs, Error>> {
        // Without it, places of panics are not known, and all else works.
        let replaced = self.replaced(&typed.code);
        let is_plain = !self.is_opt_level_chosen && lists::are_long(&typed.code);
        let _ = self.cells.announce(&self.folder, typed, is_opaque, replaced, is_plain);
        let code = typed.code.as_str();
        let _ = self.started_cells();
        let result = self.guarded(|context| context.execute(code))?;
        if matches!(result, Err(Error::SubprocessTerminated(_))) && self.started_cells() == 0 {
            // The process had died before the cell could start. evcxr has started another by now, without the
            // variables that the code was built for: the cell is built again, for what there is.
            self.say_lost();
            return self.guarded(|context| context.execute(code));
        }
        Some(result)
    }

    /// `code` with the types of its variables, as the compiler infers them. `None` if it could not be asked.
    fn typed(&mut self, code: &str) -> Result<Option<Typed>, Failure> {
        let Some(untyped) = types::untyped(code) else {
            return Ok(Some(Typed::unchanged(code)));
        };
        if !untyped.is_open() {
            return Ok(Some(untyped.write(code, &BTreeMap::new())));
        }
        let replaced = self.replaced(code);
        let announced = self
            .cells
            .announce(&self.folder, &Typed::unchanged(code), false, replaced, false);
        if announced.is_err() {
            return Ok(None);
        }
        let noted = self.folder.join(probe::TYPES);
        let _ = fs::remove_file(&noted);
        let checked = self.guarded(|context| context.check(code));
        if self.folder.join(INTERRUPTED).exists() {
            return Err(Failure::new("KeyboardInterrupt", "interrupted"));
        }
        let errors = checked.and_then(Result::ok).unwrap_or_default();
        if errors
            .iter()
            .any(|error| error.level() == "error" && error.is_from_user_code())
        {
            return Err(self.failure(&errors, &Typed::unchanged(code)));
        }
        let types = fs::read(&noted)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        Ok(types.map(|types| untyped.write(code, &types)))
    }

    /// Lets rust-analyzer read the standard library: for completion and documentation, and for types from now on.
    pub(super) fn complete_analysis(&mut self) {
        self.hidden.prepare(&self.rustc, &self.folder);
        if self.analysis == Analysis::Full {
            return;
        }
        self.analysis = Analysis::Full;
        toolchain::end_early_analysis(&self.folder);
        let setting = prelude::opt_level(&self.folder, &self.opt_level, self.analysis);
        let _ = self.context.set_opt_level(&setting);
        // What the first of these asks for is what takes long in the first cell with a container.
        const RICH: &str = "let text = String::new(); let mut list = vec![text]; list.iter().ma";
        let _ = self.guarded(|context| context.completions(RICH, RICH.len()));
    }

    /// How many cells started since the last call.
    fn started_cells(&self) -> u64 {
        let mut count = [0; 8];
        match sys::read(&self.starts, &mut count) {
            Ok(8) => u64::from_ne_bytes(count),
            _ => 0,
        }
    }

    /// A panic inside evcxr is its own fault, and no reason to lose the session.
    fn guarded<T>(&mut self, call: impl FnOnce(&mut CommandContext) -> T) -> Option<T> {
        catch_unwind(AssertUnwindSafe(|| call(&mut self.context))).ok()
    }

    fn clear(&mut self) -> Option<Failure> {
        self.format = (false, false);
        self.cells.clear();
        let cleared = self.context.execute(":clear").and_then(|_| self.bring_into_scope());
        cleared.err().map(|error| Failure::new("Error", &error.to_string()))
    }

    fn bring_into_scope(&mut self) -> Result<(), Error> {
        self.context.execute(prelude::IN_SCOPE).map(drop)
    }

    /// Ends the child. evcxr's own `:restart` keeps variables that no longer exist; its handling of a child that died
    /// does not, so that is what it gets to see.
    fn restart(&mut self) -> Option<Failure> {
        if let Ok(mut child) = self.context.process_handle().lock() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.revive(true);
        None
    }

    /// Says on the user's standard error what a supervisor that was killed could not say itself.
    fn say_lost(&self) {
        const LOST: &[u8] = b"the process that runs the cells ended: the variables are lost\n";
        if let Ok(error) = sys::duplicate(self.fds.user[2], 3) {
            let _ = sys::write_all(&error, LOST);
        }
    }

    /// Starts the child anew if it died between cells.
    fn revive(&mut self, on_purpose: bool) {
        let handle = self.context.process_handle();
        let status = handle.lock().ok().and_then(|mut child| child.try_wait().ok().flatten());
        if let Some(status) = status {
            if !on_purpose && status.signal().is_some() {
                self.say_lost();
            }
            self.format = (false, false);
            // Fails, because there is no child to run it; that makes evcxr start one and forget the variables.
            let _ = self.guarded(|context| context.execute("();"));
        }
    }

    fn optimise(&mut self, level: &str, content: &mut BTreeMap<String, String>) -> Option<Failure> {
        if level.is_empty() {
            say(content, format!("Optimization: {}\n", self.opt_level));
            return None;
        }
        if !["0", "1", "2", "3", "s", "z"].contains(&level) {
            let text = format!("unknown optimisation level {level:?}; use :opt 0, 1, 2, 3, s or z");
            return Some(Failure::new("CommandError", &text));
        }
        let setting = prelude::opt_level(&self.folder, level, self.analysis);
        if let Err(error) = self.context.set_opt_level(&setting) {
            return Some(Failure::new("Error", &error.to_string()));
        }
        self.opt_level = level.to_owned();
        self.is_opt_level_chosen = true;
        say(content, format!("Optimization: {level}\n"));
        None
    }

    /// `:fmt` and `:types` act on results, which our own trait formats, in the cell's process.
    fn format(&mut self, format: &str, content: &mut BTreeMap<String, String>) -> Option<Failure> {
        let is_pretty = match format {
            "" | "{:?}" => false,
            "{:#?}" => true,
            _ => {
                let text = format!("results cannot be shown with {format:?}; use :fmt {{:?}} or :fmt {{:#?}}");
                return Some(Failure::new("CommandError", &text));
            }
        };
        self.set_format(is_pretty, self.format.1, content)
    }

    fn types(&mut self, types: &str, content: &mut BTreeMap<String, String>) -> Option<Failure> {
        let with_types = match types {
            "" => !self.format.1,
            "0" => false,
            "1" => true,
            _ => {
                let text = format!("unknown setting {types:?}; use :types, :types 0 or :types 1");
                return Some(Failure::new("CommandError", &text));
            }
        };
        self.set_format(self.format.0, with_types, content)
    }

    fn set_format(&mut self, pretty: bool, types: bool, content: &mut BTreeMap<String, String>) -> Option<Failure> {
        let code = format!("{{ ::dbutils::cell::set_format({pretty}, {types}) }};");
        let failure = self.evaluate(&code, &mut BTreeMap::new());
        if failure.is_none() {
            self.format = (pretty, types);
            let shown = if pretty { "{:#?}" } else { "{:?}" };
            say(content, format!("Output format: {shown}, types: {types}\n"));
        }
        failure
    }

    fn type_of(&self, name: &str, content: &mut BTreeMap<String, String>) -> Option<Failure> {
        let text = match listing::type_of(name, self.context.variables_and_types()) {
            Some(shown) => {
                content.extend(shown);
                return None;
            }
            None if name.is_empty() => "say which variable: :type NAME".to_owned(),
            None => format!("there is no variable {name:?}; :vars lists them"),
        };
        Some(Failure::new("CommandError", &text))
    }

    /// What a cell took, if that is to be shown.
    fn show_time(&self, took: Duration) {
        if let (true, Ok(output)) = (self.shows_time, sys::duplicate(self.fds.user[1], 3)) {
            let _ = sys::write_all(&output, format!("Took {:.1?}\n", took).as_bytes());
        }
    }

    pub(super) fn complete(&mut self, code: &str, cursor: usize) -> FromBuilder {
        self.complete_analysis();
        let nothing = FromBuilder::Completed(Vec::new(), cursor, cursor);
        if !code.is_char_boundary(cursor) {
            return nothing;
        }
        let Some(Ok(found)) = self.guarded(|context| context.completions(code, cursor)) else {
            return nothing;
        };
        let typed = code.get(found.start_offset..found.end_offset).unwrap_or_default();
        let before = &code[..found.start_offset.min(code.len())];
        let is_member = before.ends_with('.');
        let is_behind = is_member || before.ends_with("::");
        let private = if is_member {
            self.private_fields(&code[..found.start_offset], &found)
        } else {
            Vec::new()
        };
        let mut items: Vec<(String, String, Option<String>)> = Vec::new();
        for item in found.completions {
            let code = plain_name(&item.code, item.kind);
            if item.kind == FIELD && private.contains(&code) {
                continue;
            }
            // What a cell names may be its own.
            if item.kind == METHOD && is_behind && self.hidden.has(&code) && !self.cells.mention(&code) {
                continue;
            }
            // A field and a method of one name are written alike; so is what only our own code should see.
            let known = items.iter().any(|(name, ..)| *name == code);
            if known || code.is_empty() || OWN_NAMES.contains(&code.as_str()) {
                continue;
            }
            let signature = (item.label != code).then_some(item.label);
            items.push((code, item.kind.to_owned(), signature));
        }
        // What begins as typed comes first; other matches of the same letters follow. Behind a dot fields that no cell names
        // go to the end.
        items.sort_by_cached_key(|(name, kind, _)| {
            let is_strange = is_member && kind == FIELD && !self.cells.mention(name);
            (!name.starts_with(typed), is_strange)
        });
        FromBuilder::Completed(items, found.start_offset, found.end_offset)
    }

    /// The fields among `found`, offered behind `code`, that no cell can name.
    fn private_fields(&mut self, code: &str, found: &Completions) -> Vec<String> {
        let found = &found.completions;
        let fields: Vec<String> = found
            .iter()
            .filter(|item| item.kind == FIELD)
            .map(|item| item.code.clone())
            .collect();
        if fields.is_empty() {
            return fields;
        }
        let variables = self.context.variables_and_types();
        let mut variables: Vec<String> = variables.map(|(name, kind)| format!("{name}: {kind}")).collect();
        variables.sort();
        let mut members = std::mem::take(&mut self.members);
        let names = found.iter().map(|item| item.code.as_str());
        let private = members.private((code, variables), names, &fields, |name| {
            let code = format!("{code}{name}");
            let (about, _) = self.guarded(|context| context.hover_at(&code, code.len()))?.ok()?;
            (about != NOTHING_FOUND).then_some(about)
        });
        self.members = members;
        private
    }

    /// Plain text and markdown about what stands at `cursor`.
    pub(super) fn inspect(&mut self, code: &str, cursor: usize) -> Option<(String, String)> {
        self.complete_analysis();
        let end = end_of_word(code, cursor)?;
        let (plain, html) = self.guarded(|context| context.hover_at(code, end))?.ok()?;
        (!plain.is_empty() && plain != NOTHING_FOUND).then(|| (plain, markdown::from_html(&html)))
    }
}

/// Adds a line to what commands say.
fn say(content: &mut BTreeMap<String, String>, text: String) {
    content.entry("text/plain".to_owned()).or_default().push_str(&text);
}

/// What evcxr says when rust-analyzer has nothing to say.
const NOTHING_FOUND: &str = "No documentation found";

/// What evcxr calls a field.
const FIELD: &str = "instance";
/// And a function.
const METHOD: &str = "function";

/// Names that are public for code that we generate only.
const OWN_NAMES: &[&str] = &["_private", "evcxr_display"];

/// What a completion writes: the name. The parentheses that rust-analyzer adds for some calls may stand there already, and
/// front ends insert the places of a snippet (`while $1 {`) as they are.
fn plain_name(code: &str, kind: &str) -> String {
    let is_call = kind == METHOD || code.ends_with("()");
    let end = if code.contains('$') {
        code.find(|c: char| c != '_' && c != '!' && !c.is_alphanumeric())
    } else {
        code.find('(').filter(|at| is_call && *at > 0)
    };
    code[..end.unwrap_or(code.len())].to_owned()
}

/// Whether an error may come from a type that was written down wrongly, or could not be found.
fn wants_full_analysis(error: &Error) -> bool {
    match error {
        Error::CompilationErrors(errors) => errors
            .iter()
            .any(|error| !error.is_from_user_code() && ["E0603", "E0412", "E0433"].map(Some).contains(&error.code())),
        Error::Message(text) => text.contains("determine type of variable"),
        _ => false,
    }
}

fn is_about_closure(error: &Error) -> bool {
    matches!(error, Error::Message(text) if text.contains("is a closure"))
}

/// Whether all that is wrong is that the final expression cannot be shown.
fn lacks_debug(error: &Error) -> bool {
    const SHOWN: &str = "evcxr_send_text_plain(&format!(";
    let Error::CompilationErrors(errors) = error else {
        return false;
    };
    let is_it = |error: &CompilationError| {
        let spans = error.json["spans"].as_array();
        let is_shown = |span: &serde_json::Value| {
            span["text"][0]["text"]
                .as_str()
                .is_some_and(|text| text.contains(SHOWN))
        };
        error.code() == Some("E0277") && spans.is_some_and(|spans| spans.iter().any(is_shown))
    };
    let mut errors = errors.iter().filter(|error| error.level() == "error").peekable();
    errors.peek().is_some() && errors.all(is_it)
}

fn end_of_word(code: &str, cursor: usize) -> Option<usize> {
    let rest = code.get(cursor..)?;
    let length = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    Some(cursor + length)
}

fn add(content: &mut BTreeMap<String, String>, outputs: EvalOutputs) {
    for (mime, text) in outputs.content_by_mime_type {
        content.entry(mime).or_default().push_str(&text);
    }
}

/// The program that evcxr starts, and starts anew, to run cells.
fn runner_command(place: &Place, working_dir: &Path, starts: RawFd) -> std::io::Result<Command> {
    let [input, output, error] = place.fds.user;
    let fds = [input, output, error, place.fds.control, starts];
    let mut command = Command::new(std::env::current_exe()?);
    // The standard library prints addresses, and paths of the machine that built it, when memory cannot be had. What user
    // code captures itself is decided by the other variable.
    if let Some(backtraces) = std::env::var_os("RUST_BACKTRACE") {
        if std::env::var_os("RUST_LIB_BACKTRACE").is_none() {
            command.env("RUST_LIB_BACKTRACE", backtraces);
        }
        command.env("RUST_BACKTRACE", "0");
    }
    command
        .arg(RUNNER)
        .args(fds.map(|fd| fd.to_string()))
        .arg(place.folder.join(SOCKET))
        .current_dir(working_dir);
    for_user_code(&mut command);
    #[expect(unsafe_code, reason = "the only way to hand over descriptors")]
    // SAFETY: the closure only makes async-signal-safe calls.
    unsafe {
        command.pre_exec(move || fds.into_iter().try_for_each(|fd| sys::set_inherited(fd, true)));
    }
    Ok(command)
}

/// Takes what is for the builder only out of the environment.
pub(super) fn for_user_code(command: &mut Command) {
    for name in BUILDER_ONLY {
        command.env_remove(name);
    }
    if let Some(path) = std::env::var_os("PATH") {
        // The first entry is that of our shims.
        let rest = std::env::split_paths(&path).skip(1);
        if let Ok(path) = std::env::join_paths(rest) {
            command.env("PATH", path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::plain_name;

    #[test]
    fn completions_are_names() {
        for (code, kind, name) in [
            ("is_empty()", "function", "is_empty"),
            ("while $1 {\n    $0\n}", "keyword", "while"),
            ("println!($0)", "macro", "println!"),
            ("push(${1:value})$0", "function", "push"),
            ("(a, b)", "local", "(a, b)"),
            ("Vec", "struct", "Vec"),
        ] {
            assert_eq!(plain_name(code, kind), name);
        }
    }
}
