//! Edits evcxr's generated code before it is compiled, so that control never goes through standard output.
//!
//! evcxr's code reports panics, failed `?` and retyped variables by printing marker lines, which user output can
//! forge, glue to, or shift. Each such print becomes a call into the `dbutils` crate. It also writes the store of the
//! variables into every cell, to be compiled again and again; the one in `dbutils` takes its place. Every edit keeps the
//! number of lines and touches generated lines only, so the compiler's lines and columns still hold.
//!
//! Invariant: a line of a cell, wherever the [`Map`] finds one, is never changed, whatever it looks like.

use std::borrow::Cow;
use std::ops::Range;

use crate::places::{Build, Map};

/// `source` (evcxr's `src/lib.rs`) with the markers turned into calls. `build` says what else is wanted, `map` which lines
/// are those of cells.
pub(crate) fn rewrite(source: &str, build: &Build, map: &Map) -> String {
    let mut code = Lines::new(source, map);
    caught_panic(&mut code);
    failed_question_mark(&mut code);
    shared_store(&mut code);
    tokio_runtime(&mut code);
    result(&mut code, build.is_opaque);
    for name in &build.boxed {
        box_up(&mut code, name);
    }
    give_names_up(&mut code, &build.replaced);
    name_never(&mut code);
    code.join()
}

/// Rewritten code with the cell in a module of its own: rustc compiles a module anew when something in it has changed, and
/// the functions of earlier cells have not. `None` if the code is not as expected.
pub(crate) fn apart(code: &str, map: &Map) -> Option<String> {
    // A macro that comes with all else would be ambiguous beside the standard library's.
    let macros: Vec<&str> = ["print", "dbg"]
        .into_iter()
        .filter(|name| code.contains(&format!("\nuse dbutils::{name};\n")))
        .collect();
    let mut code = Lines::new(code, map);
    let is = |at: usize, start: &str| code.own(at).is_some_and(|line| line.starts_with(start));
    let start = (1..code.count()).rev().find(|at| {
        is(*at, "pub extern \"C\" fn run_user_code_") && code.own(at - 1) == Some("#[unsafe(no_mangle)]\n")
    })?;
    let end = code.last(code.count(), |line| line.trim_end() == "}")?;
    let opening = format!(
        "mod sealbook_cell {{ use super::*; use super::{{{}}}; #[unsafe(no_mangle)]\n",
        macros.join(", ")
    );
    code.set(start - 1, opening);
    code.set(end, "}}\n".to_owned());
    Some(code.join())
}

/// Generated code, line by line.
struct Lines<'a> {
    lines: Vec<Cow<'a, str>>,
    /// Whether a line is evcxr's own.
    is_own: Vec<bool>,
}

impl<'a> Lines<'a> {
    fn new(source: &'a str, map: &Map) -> Lines<'a> {
        let lines: Vec<Cow<'a, str>> = source.split_inclusive('\n').map(Cow::Borrowed).collect();
        let mut is_own = vec![true; lines.len()];
        for range in map.lines() {
            let end = range.end.min(is_own.len());
            is_own[range.start.min(end)..end].fill(false);
        }
        Lines { lines, is_own }
    }

    /// The line, with its end, if it is evcxr's own.
    fn own(&self, at: usize) -> Option<&str> {
        self.is_own
            .get(at)
            .is_some_and(|is_own| *is_own)
            .then(|| &*self.lines[at])
    }

    /// The last of evcxr's own lines before another that is as wanted.
    fn last(&self, before: usize, is_wanted: impl Fn(&str) -> bool) -> Option<usize> {
        (0..before).rev().find(|at| self.own(*at).is_some_and(&is_wanted))
    }

    fn set(&mut self, at: usize, line: String) {
        self.lines[at] = Cow::Owned(line);
    }

    fn count(&self) -> usize {
        self.lines.len()
    }

    fn join(self) -> String {
        self.lines.concat()
    }
}

/// A panic that the cell's wrapper caught.
fn caught_panic(code: &mut Lines) {
    const MARKER: &str = "    println!(\"EVCXR_PANIC_NOTIFICATION\");\n";
    let Some(at) = code.last(code.count(), |line| line == MARKER) else {
        return;
    };
    match at.checked_sub(1).and_then(|before| code.own(before)) {
        Some("  Err(_) => {\n") => {
            code.set(at - 1, "  Err(e) => {\n".to_owned());
            code.set(at, "    ::dbutils::cell::panicked(e);\n".to_owned());
        }
        Some("}).is_err() {\n") => {
            let caught = "}).map_err(::dbutils::cell::panicked).is_err() {\n";
            code.set(at - 1, caught.to_owned());
            code.set(at, "\n".to_owned());
        }
        _ => {}
    }
}

fn tokio_runtime(code: &mut Lines) {
    const NAME: &str = "\"evcxr_tokio_runtime\"";
    if let Some(at) = code.last(code.count(), |line| line.contains(NAME)) {
        let line = code.lines[at].replacen(NAME, "&::dbutils::cell::tokio_runtime_name()", 1);
        code.set(at, line);
    }
}

/// A closure is kept in a box.
fn box_up(code: &mut Lines, name: &str) {
    let put = format!(">(stringify!({name}), {name});\n");
    if let Some(at) = code.last(code.count(), |line| line.ends_with(&put)) {
        let types = code.lines[at].strip_suffix(&put).unwrap_or_default();
        let boxed = format!("{types}>(stringify!({name}), ::std::boxed::Box::new({name}));\n");
        code.set(at, boxed);
    }
}

/// `source` without the variables `names`: each is taken out of the store, or is a parameter, under no name. That it cannot
/// be put back makes evcxr forget it, as it does with one that was moved.
pub(crate) fn give_up(source: &str, names: &[String], map: &Map) -> String {
    let mut code = Lines::new(source, map);
    give_names_up(&mut code, names);
    code.join()
}

fn give_names_up(code: &mut Lines, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let parameters = parameters(code);
    for at in 0..code.count() {
        let Some(line) = code.own(at) else { continue };
        let own = |name: &&String| {
            let is_taken = line
                .strip_prefix("let ")
                .map(|line| line.strip_prefix("mut ").unwrap_or(line))
                .is_some_and(|line| line.starts_with(&format!("{name} = evcxr_variable_store.take_variable::<")))
                && line.ends_with(&format!(">(stringify!({name}));\n"));
            let is_put = line.starts_with("evcxr_variable_store.put_variable::<")
                && line.ends_with(&format!(">(stringify!({name}), {name});\n"));
            let is_parameter = parameters.contains(&at)
                && (line.strip_prefix("mut ").unwrap_or(line)).starts_with(&format!("{name}: "))
                && line.ends_with(",\n");
            is_taken || is_put || is_parameter
        };
        let Some(name) = names.iter().find(own) else { continue };
        let changed = if let Some((_, taken)) = line.split_once(" = evcxr_variable_store.take_variable::<") {
            format!("let _ = evcxr_variable_store.take_variable::<{taken}")
        } else if let Some((put, _)) = line.split_once(&format!(", {name});")) {
            format!("{put}, sealbook_given_up);\n")
        } else {
            line.replacen("mut ", "", 1).replacen(name.as_str(), "_", 1)
        };
        code.set(at, changed);
    }
}

/// Where evcxr's own function for the analysis of a cell has its parameters, a line each: lines of cells may look the same.
fn parameters(code: &Lines) -> Range<usize> {
    let is = |at: usize, text: &str| code.own(at).is_some_and(|line| line == text);
    let is_start = |at: &usize| {
        is(*at, "async fn evcxr_analysis_wrapper(\n") && *at > 0 && is(at - 1, "#[allow(unused_variables)]\n")
    };
    let Some(start) = (0..code.count()).find(is_start).map(|at| at + 1) else {
        return 0..0;
    };
    let is_end = |at: &usize| code.own(*at).is_some_and(|line| line.starts_with(") -> Result<"));
    start..(start..code.count()).find(is_end).unwrap_or(start)
}

/// The lines before and after the final expression; and those that show its type only.
const DISPLAYED: (&str, &str) = ("::dbutils::cell::displayed((\n", ").evcxr_display());\n");
const OPAQUE: (&str, &str) = (
    "::dbutils::cell::displayed((::dbutils::cell::opaque(&(\n",
    "))).evcxr_display());\n",
);

/// The display of the final expression, which is said to be over before temporaries of the expression are dropped.
fn result(code: &mut Lines, is_opaque: bool) {
    let to = if is_opaque { OPAQUE } else { DISPLAYED };
    surround(code, ("(\n", ").evcxr_display();\n"), to);
}

/// Changes rewritten code, so that the type of the final expression is shown, which has no way to show itself.
pub(crate) fn show_type(code: &str, map: &Map) -> String {
    let mut code = Lines::new(code, map);
    surround(&mut code, DISPLAYED, OPAQUE);
    code.join()
}

/// Replaces the lines around the final expression.
fn surround(code: &mut Lines, from: (&str, &str), to: (&str, &str)) {
    let end = code.last(code.count(), |line| line == from.1);
    let start = end.and_then(|end| code.last(end, |line| line == from.0));
    if let (Some(start), Some(end)) = (start, end) {
        code.set(start, to.0.to_owned());
        code.set(end, to.1.to_owned());
    }
}

/// The type `!` cannot be written in the types of variables; `dbutils` has a name for it.
fn name_never(code: &mut Lines) {
    const PUT: &str = "evcxr_variable_store.put_variable::<";
    const CHECKED: &str = "vars_ok &= evcxr_variable_store.check_variable::<";
    const TAKEN: &str = " = evcxr_variable_store.take_variable::<";
    for at in 0..code.count() {
        let Some(line) = code.own(at).filter(|line| line.contains('!')) else {
            continue;
        };
        let is_taken = line.starts_with("let ") && line.contains(TAKEN);
        if !is_taken && !line.starts_with(PUT) && !line.starts_with(CHECKED) {
            continue;
        }
        if let Some((types, rest)) = line.split_once(">(stringify!(")
            && types.contains('!')
        {
            let named = format!("{}>(stringify!({rest}", types.replace('!', "::dbutils::Never"));
            code.set(at, named);
        }
    }
}

/// The conversion of an error at a top-level `?`: prints the error, then the marker.
fn failed_question_mark(code: &mut Lines) {
    const MARKER: &str = "println!(\"{}\", evcxr_internal_runtime::USER_ERROR_OCCURRED);";
    const PRINT: (&str, &str) = ("eprintln!(\"", "\", error);");
    let Some(marker) = code.last(code.count(), |line| line.trim() == MARKER) else {
        return;
    };
    let format = |line: &str| Some(line.trim().strip_prefix(PRINT.0)?.strip_suffix(PRINT.1)?.to_owned());
    let without = code.lines[marker].replacen(MARKER, "", 1);
    code.set(marker, without);
    let Some(print) = code.last(marker, |line| format(line).is_some()) else {
        return;
    };
    let line = &code.lines[print];
    let indent = &line[..line.len() - line.trim_start().len()];
    let format = format(line).unwrap_or_default();
    let call = format!("{indent}::dbutils::cell::failed::<T>(&format!(\"{format}\", error));\n");
    code.set(print, call);
}

/// The store of the variables, out of `dbutils`.
fn shared_store(code: &mut Lines) {
    let is = |at: usize, start: &str| code.own(at).is_some_and(|line| line.starts_with(start));
    let start = (0..code.count()).find(|at| is(*at, "mod evcxr_internal_runtime {\n"));
    let is_end = |at: &usize| {
        is(*at, "}\n") && is(at + 1, "#[unsafe(no_mangle)]\n") && is(at + 2, "pub extern \"C\" fn run_user_code_")
    };
    let Some(start) = start else { return };
    let Some(end) = (start..code.count()).find(is_end) else {
        return;
    };
    code.set(
        start,
        "use ::dbutils::variables as evcxr_internal_runtime;\n".to_owned(),
    );
    for at in start + 1..=end {
        code.set(at, "\n".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A statement of the first cell.
    fn statement(text: &str) -> Piece {
        Piece {
            text: text.to_owned(),
            cell: 1,
            label: "cell [1]".to_owned(),
            line: 1,
            column: 0,
            is_statement: true,
        }
    }
    use crate::places::Piece;

    /// As it is done, when nothing is known of the cells.
    fn rewrite(source: &str, build: &Build) -> String {
        let map = Map::new(source, build.pieces.clone());
        super::rewrite(source, build, &map)
    }

    #[test]
    fn markers_become_calls_on_the_same_lines() {
        let source = r#"
            impl<T: std::fmt::Display> From<T> for EvcxrUserCodeError {
                fn from(error: T) -> Self {
                    eprintln!("{}", error);
                    println!("{}", evcxr_internal_runtime::USER_ERROR_OCCURRED);
                    EvcxrUserCodeError {}
mod evcxr_internal_runtime {
pub struct VariableStore {
}

}
#[unsafe(no_mangle)]
pub extern "C" fn run_user_code_7(
match std::panic::catch_unwind(
  std::panic::AssertUnwindSafe(||{
println!("EVCXR_PANIC_NOTIFICATION");
})) { 
  Ok(_) => {}
  Err(_) => {
    println!("EVCXR_PANIC_NOTIFICATION");
}}
"#;
        let expected = r#"
            impl<T: std::fmt::Display> From<T> for EvcxrUserCodeError {
                fn from(error: T) -> Self {
                    ::dbutils::cell::failed::<T>(&format!("{}", error));
                    
                    EvcxrUserCodeError {}
use ::dbutils::variables as evcxr_internal_runtime;




#[unsafe(no_mangle)]
pub extern "C" fn run_user_code_7(
match std::panic::catch_unwind(
  std::panic::AssertUnwindSafe(||{
println!("EVCXR_PANIC_NOTIFICATION");
})) { 
  Ok(_) => {}
  Err(e) => {
    ::dbutils::cell::panicked(e);
}}
"#;
        assert_eq!(rewrite(source, &Build::default()), expected);
    }

    #[test]
    fn results_are_said_to_be_over() {
        let source = "fn a() {\n(\nx\n).evcxr_display();\n}\n(\nf(\n)\n).evcxr_display();\nb\n";
        let start = "fn a() {\n(\nx\n).evcxr_display();\n}\n";
        assert_eq!(
            rewrite(source, &Build::default()),
            format!("{start}::dbutils::cell::displayed((\nf(\n)\n).evcxr_display());\nb\n")
        );
        let opaque = Build {
            is_opaque: true,
            ..Build::default()
        };
        assert_eq!(
            rewrite(source, &opaque),
            format!("{start}::dbutils::cell::displayed((::dbutils::cell::opaque(&(\nf(\n)\n))).evcxr_display());\nb\n")
        );
    }

    #[test]
    fn a_cell_may_be_apart() {
        let piece = statement("}\n#[unsafe(no_mangle)]\npub extern \"C\" fn run_user_code_2(\n");
        let source = format!(
            "#![allow(x)]\nuse dbutils::dbg;\nfn a() {{\n}}\n#[unsafe(no_mangle)]\npub extern \"C\" fn run_user_code_2(\n{}store\n}}\n",
            piece.text
        );
        let map = Map::new(&source, vec![piece.clone()]);
        let expected = format!(
            "#![allow(x)]\nuse dbutils::dbg;\nfn a() {{\n}}\nmod sealbook_cell {{ use super::*; use super::{{dbg}}; #[unsafe(no_mangle)]\n\
             pub extern \"C\" fn run_user_code_2(\n{}store\n}}}}\n",
            piece.text
        );
        assert_eq!(apart(&source, &map), Some(expected));
        assert_eq!(apart("fn a() {}\n", &Map::default()), None);
    }

    #[test]
    fn closures_are_kept_in_boxes() {
        let source = "store.put_variable::<T>(stringify!(g), g);\nstore.put_variable::<T>(stringify!(f), f);\n";
        let build = Build {
            boxed: vec!["f".to_owned()],
            ..Build::default()
        };
        let expected = "store.put_variable::<T>(stringify!(g), g);\nstore.put_variable::<T>(stringify!(f), ::std::boxed::Box::new(f));\n";
        assert_eq!(rewrite(source, &build), expected);
    }

    #[test]
    fn names_that_items_take_are_given_up() {
        let source = "\n#[allow(unused_variables)]\nasync fn evcxr_analysis_wrapper(\nmut f: Box<dyn Fn(f)>,\nff: i32,\n) -> Result<()> {\nlet mut f = evcxr_variable_store.take_variable::<A>(stringify!(f));\n\
             let ff = evcxr_variable_store.take_variable::<A>(stringify!(ff));\nf(1);\n\
             evcxr_variable_store.put_variable::<A>(stringify!(f), f);\nevcxr_variable_store.put_variable::<A>(stringify!(ff), ff);\n";
        let expected = "\n#[allow(unused_variables)]\nasync fn evcxr_analysis_wrapper(\n_: Box<dyn Fn(f)>,\nff: i32,\n) -> Result<()> {\nlet _ = evcxr_variable_store.take_variable::<A>(stringify!(f));\n\
             let ff = evcxr_variable_store.take_variable::<A>(stringify!(ff));\nf(1);\n\
             evcxr_variable_store.put_variable::<A>(stringify!(f), sealbook_given_up);\nevcxr_variable_store.put_variable::<A>(stringify!(ff), ff);\n";
        let build = Build {
            replaced: vec!["f".to_owned()],
            ..Build::default()
        };
        assert_eq!(rewrite(source, &build), expected);
    }

    #[test]
    fn lines_of_cells_that_look_generated_are_kept() {
        let cell = "let text = \"\nport: 8080,\nmut port: 1,\n\";\nlet server = Server {\nport: 8080,\n};\n\
             // let port = evcxr_variable_store.take_variable::<A>(stringify!(port));\n\
             // evcxr_variable_store.put_variable::<A>(stringify!(port), port);\n";
        let start = "#![allow(x)]\nfn port(\nport: u8,\n) -> Result<()> {\n}\n#[allow(unused_variables)]\nasync fn evcxr_analysis_wrapper(\n";
        let build = Build {
            replaced: vec!["port".to_owned()],
            ..Build::default()
        };
        let run = format!("pub extern \"C\" fn run_user_code_2(\n{cell}}}\n");
        assert_eq!(rewrite(&run, &build), run);
        for (given, kept) in [("", ""), ("port: i32,\n", "_: i32,\n")] {
            let analysed = |parameters: &str| format!("{start}{parameters}) -> Result<()> {{\n{cell}Ok(())\n}}\n");
            assert_eq!(rewrite(&analysed(given), &build), analysed(kept));
        }
    }

    #[test]
    fn the_type_of_what_never_ends_has_a_name() {
        let source = "let x = !y;\nevcxr_variable_store.put_variable::<J<!>>(stringify!(h), h);\n";
        let expected = "let x = !y;\nevcxr_variable_store.put_variable::<J<::dbutils::Never>>(stringify!(h), h);\n";
        assert_eq!(rewrite(source, &Build::default()), expected);
    }

    #[test]
    fn the_wrapper_without_variables_is_rewritten_too() {
        let source =
            "if std::panic::catch_unwind(||{\n1\n}).is_err() {\n    println!(\"EVCXR_PANIC_NOTIFICATION\");\n}\n";
        let expected = "if std::panic::catch_unwind(||{\n1\n}).map_err(::dbutils::cell::panicked).is_err() {\n\n}\n";
        assert_eq!(rewrite(source, &Build::default()), expected);
    }

    /// Lines of cells that look like all that is edited.
    const LOOKING_GENERATED: &str = "\
(
).evcxr_display();
    println!(\"EVCXR_PANIC_NOTIFICATION\");
  Err(_) => {
    println!(\"EVCXR_PANIC_NOTIFICATION\");
}).is_err() {
    println!(\"EVCXR_PANIC_NOTIFICATION\");
\"evcxr_tokio_runtime\"
                    eprintln!(\"{}\", error);
                    println!(\"{}\", evcxr_internal_runtime::USER_ERROR_OCCURRED);
mod evcxr_internal_runtime {
}
#[unsafe(no_mangle)]
pub extern \"C\" fn run_user_code_1(
#[allow(unused_variables)]
async fn evcxr_analysis_wrapper(
port: u8,
) -> Result<(), EvcxrUserCodeError> {
let port = evcxr_variable_store.take_variable::<J<!>>(stringify!(port));
vars_ok &= evcxr_variable_store.check_variable::<J<!>>(stringify!(port));
evcxr_variable_store.put_variable::<J<!>>(stringify!(port), port);
evcxr_variable_store.put_variable::<J<!>>(stringify!(f), f);
::dbutils::cell::displayed((
).evcxr_display());
";

    #[test]
    fn no_line_of_a_cell_is_changed() {
        let around = [
            ("let text = \"", "\";"),
            ("let text = r#\"\n", "\"#;"),
            ("/*\n", "*/"),
            ("// ", ""),
            ("keep! {\n", "}"),
            ("macro_rules! kept { () => {\n", "} }"),
            ("#[doc = r#\"\n", "\"#]\nfn item() {}"),
        ];
        let piece = |text: &str, is_statement| Piece {
            text: text.to_owned(),
            cell: 1,
            label: "cell [1]".to_owned(),
            line: 1,
            column: 0,
            is_statement,
        };
        for (before, after) in around {
            let user = format!("{before}{LOOKING_GENERATED}{after}\n");
            let build = Build {
                pieces: vec![
                    piece(&user, false),
                    piece(&user, true),
                    piece(&format!("({user})\n"), true),
                    piece("fn other() {}\n", false),
                ],
                is_opaque: false,
                boxed: vec!["f".to_owned()],
                replaced: vec!["port".to_owned()],
                ..Build::default()
            };
            // Without any line of evcxr's own that is edited, and with all of them.
            let plain = format!("#![allow(x)]\n{user}pub extern \"C\" fn run_user_code_2(\n{user}({user})\n}}\n");
            assert_eq!(rewrite(&plain, &build), plain);
            let generated = |own: [&str; 6]| {
                let [question, store, tokio, shown, put, caught] = own;
                format!(
                    "#![allow(x)]\n{user}{question}{store}#[unsafe(no_mangle)]\npub extern \"C\" fn run_user_code_2(\n\
                     {tokio}{user}{}({user})\n{}{put}{caught}",
                    shown.split_once('|').unwrap().0,
                    shown.split_once('|').unwrap().1,
                )
            };
            let given = generated([
                "eprintln!(\"{}\", error);\nprintln!(\"{}\", evcxr_internal_runtime::USER_ERROR_OCCURRED);\n",
                "mod evcxr_internal_runtime {\n}\n",
                "f(\"evcxr_tokio_runtime\")\n",
                "(\n|).evcxr_display();\n",
                "evcxr_variable_store.put_variable::<J<!>>(stringify!(f), f);\n\
                 evcxr_variable_store.put_variable::<u8>(stringify!(port), port);\n",
                "  Err(_) => {\n    println!(\"EVCXR_PANIC_NOTIFICATION\");\n}}\n",
            ]);
            let expected = generated([
                "::dbutils::cell::failed::<T>(&format!(\"{}\", error));\n\n",
                "use ::dbutils::variables as evcxr_internal_runtime;\n\n",
                "f(&::dbutils::cell::tokio_runtime_name())\n",
                "::dbutils::cell::displayed((\n|).evcxr_display());\n",
                "evcxr_variable_store.put_variable::<J<::dbutils::Never>>(stringify!(f), ::std::boxed::Box::new(f));\n\
                 evcxr_variable_store.put_variable::<u8>(stringify!(port), sealbook_given_up);\n",
                "  Err(e) => {\n    ::dbutils::cell::panicked(e);\n}}\n",
            ]);
            let rewritten = rewrite(&given, &build);
            assert_eq!(rewritten, expected);
            let map = Map::new(&given, build.pieces.clone());
            let opaque = expected.replace(
                &format!("displayed((\n({before}"),
                &format!("displayed((::dbutils::cell::opaque(&(\n({before}"),
            );
            let opaque = opaque.replace(&format!("{after}\n)\n).evcxr"), &format!("{after}\n)\n))).evcxr"));
            assert_eq!(show_type(&rewritten, &map), opaque);
        }
    }

    #[test]
    fn a_result_may_have_its_parentheses_on_lines_of_their_own() {
        let piece = statement("vec![\n(\n1, 2\n),\n]\n");
        let source = format!(
            "pub extern \"C\" fn run_user_code_2(\n(\n{}).evcxr_display();\n}}\n",
            piece.text
        );
        let build = Build {
            pieces: vec![piece],
            ..Build::default()
        };
        let expected = "pub extern \"C\" fn run_user_code_2(\n::dbutils::cell::displayed((\nvec![\n(\n1, 2\n),\n]\n).evcxr_display());\n}\n";
        assert_eq!(rewrite(&source, &build), expected);
    }
}
