//! Edits evcxr's generated code before it is compiled, so that control never goes through standard output.
//!
//! evcxr's code reports panics, failed `?` and retyped variables by printing marker lines, which user output can
//! forge, glue to, or shift. Each such print becomes a call into the `dbutils` crate. It also writes the store of the
//! variables into every cell, to be compiled again and again; the one in `dbutils` takes its place. Every edit keeps the
//! number of lines and touches generated lines only, so the compiler's lines and columns still hold.

use std::ops::Range;

use crate::places::Build;

/// `source` (evcxr's `src/lib.rs`) with the markers turned into calls. `build` says what else is wanted.
pub(crate) fn rewrite(source: &str, build: &Build) -> String {
    let mut code = source.to_owned();
    // A panic that the cell's wrapper caught. The wrapper follows the cell's code: the last match is the wrapper's.
    replace_last(
        &mut code,
        "  Err(_) => {\n    println!(\"EVCXR_PANIC_NOTIFICATION\");",
        "  Err(e) => {\n    ::dbutils::cell::panicked(e);",
    );
    replace_last(
        &mut code,
        "}).is_err() {\n    println!(\"EVCXR_PANIC_NOTIFICATION\");",
        "}).map_err(::dbutils::cell::panicked).is_err() {\n",
    );
    failed_question_mark(&mut code);
    shared_store(&mut code);
    replace_last(
        &mut code,
        "\"evcxr_tokio_runtime\"",
        "&::dbutils::cell::tokio_runtime_name()",
    );
    result(&mut code, build.is_opaque);
    for name in &build.boxed {
        let kept = format!(">(stringify!({name}), ");
        replace_last(
            &mut code,
            &format!("{kept}{name});\n"),
            &format!("{kept}::std::boxed::Box::new({name}));\n"),
        );
    }
    name_never(&give_up(&code, &build.replaced))
}

/// `source` without the variables `names`: each is taken out of the store, or is a parameter, under no name. That it cannot
/// be put back makes evcxr forget it, as it does with one that was moved.
pub(crate) fn give_up(source: &str, names: &[String]) -> String {
    if names.is_empty() {
        return source.to_owned();
    }
    let parameters = parameters(source);
    let mut next = 0;
    let line = |line: &str| {
        let may_be_parameter = parameters.contains(&next);
        next += line.len();
        let own = |name: &&String| {
            let is_taken = line
                .strip_prefix("let ")
                .map(|line| line.strip_prefix("mut ").unwrap_or(line))
                .is_some_and(|line| line.starts_with(&format!("{name} = evcxr_variable_store.take_variable::<")))
                && line.ends_with(&format!(">(stringify!({name}));\n"));
            let is_put = line.starts_with("evcxr_variable_store.put_variable::<")
                && line.ends_with(&format!(">(stringify!({name}), {name});\n"));
            let is_parameter = may_be_parameter
                && (line.strip_prefix("mut ").unwrap_or(line)).starts_with(&format!("{name}: "))
                && line.ends_with(",\n");
            is_taken || is_put || is_parameter
        };
        let Some(name) = names.iter().find(own) else {
            return line.to_owned();
        };
        if let Some((_, taken)) = line.split_once(" = evcxr_variable_store.take_variable::<") {
            format!("let _ = evcxr_variable_store.take_variable::<{taken}")
        } else if let Some((put, _)) = line.split_once(&format!(", {name});")) {
            format!("{put}, sealbook_given_up);\n")
        } else {
            line.replacen("mut ", "", 1).replacen(name.as_str(), "_", 1)
        }
    };
    source.split_inclusive('\n').map(line).collect()
}

/// Where evcxr's own function for the analysis of a cell has its parameters, a line each: lines of cells may look the same.
fn parameters(source: &str) -> Range<usize> {
    const START: &str = "\n#[allow(unused_variables)]\nasync fn evcxr_analysis_wrapper(\n";
    const END: &str = "\n) -> Result<";
    let Some(start) = source.find(START).map(|at| at + START.len()) else {
        return 0..0;
    };
    // From the line break before, as there may be no parameters.
    source[start - 1..]
        .find(END)
        .map_or(0..0, |length| start..start + length)
}

/// The lines before and after the final expression; and those that show its type only.
const DISPLAYED: (&str, &str) = ("::dbutils::cell::displayed((", ").evcxr_display());");
const OPAQUE: (&str, &str) = (
    "::dbutils::cell::displayed((::dbutils::cell::opaque(&(",
    "))).evcxr_display());",
);

/// The display of the final expression, which is said to be over before temporaries of the expression are dropped.
fn result(code: &mut String, is_opaque: bool) {
    const START: &str = "\n(\n";
    const END: &str = "\n).evcxr_display();\n";
    let Some(end) = code.rfind(END) else { return };
    let Some(start) = code[..end].rfind(START) else { return };
    code.replace_range(end..end + END.len(), &format!("\n{}\n", DISPLAYED.1));
    code.replace_range(start..start + START.len(), &format!("\n{}\n", DISPLAYED.0));
    if is_opaque {
        show_type(code);
    }
}

/// Changes rewritten code, so that the type of the final expression is shown, which has no way to show itself.
pub(crate) fn show_type(code: &mut String) {
    replace_last(code, &format!("\n{}\n", DISPLAYED.0), &format!("\n{}\n", OPAQUE.0));
    replace_last(code, &format!("\n{}\n", DISPLAYED.1), &format!("\n{}\n", OPAQUE.1));
}

/// The type `!` cannot be written in the types of variables; `dbutils` has a name for it.
pub(crate) fn name_never(code: &str) -> String {
    const KEPT: [&str; 3] = [
        "evcxr_variable_store.put_variable::<",
        "vars_ok &= evcxr_variable_store.check_variable::<",
        " = evcxr_variable_store.take_variable::<",
    ];
    let is_kept = |line: &str| KEPT.iter().any(|kept| line.contains(kept)) && line.contains('!');
    if !code.lines().any(is_kept) {
        return code.to_owned();
    }
    let lines = code
        .split_inclusive('\n')
        .map(|line| match line.split_once(">(stringify!(") {
            Some((types, rest)) if is_kept(line) => {
                format!("{}>(stringify!({rest}", types.replace('!', "::dbutils::Never"))
            }
            _ => line.to_owned(),
        });
    lines.collect()
}

/// The conversion of an error at a top-level `?`: prints the error, then the marker.
fn failed_question_mark(code: &mut String) {
    const MARKER: &str = "println!(\"{}\", evcxr_internal_runtime::USER_ERROR_OCCURRED);";
    const PRINT: &str = "eprintln!(\"";
    const END: &str = "\", error);";
    let Some(marker) = code.rfind(MARKER) else { return };
    code.replace_range(marker..marker + MARKER.len(), "");
    let Some(print) = code[..marker].rfind(PRINT) else {
        return;
    };
    let format_start = print + PRINT.len();
    let Some(format_length) = code[format_start..marker].find(END) else {
        return;
    };
    let format = code[format_start..format_start + format_length].to_owned();
    let end = format_start + format_length + END.len();
    code.replace_range(
        print..end,
        &format!("::dbutils::cell::failed::<T>(&format!(\"{format}\", error));"),
    );
}

/// The store of the variables, out of `dbutils`.
fn shared_store(code: &mut String) {
    const START: &str = "\nmod evcxr_internal_runtime {";
    const END: &str = "\n}\n#[unsafe(no_mangle)]\npub extern \"C\" fn run_user_code_";
    let Some(start) = code.find(START) else { return };
    let Some(length) = code[start..].find(END) else { return };
    let lines = code[start..start + length].matches('\n').count();
    let shared = "\nuse ::dbutils::variables as evcxr_internal_runtime;".to_owned() + &"\n".repeat(lines);
    // The closing brace goes too; the end of its line stays.
    code.replace_range(start..start + length + 2, &shared);
}

fn replace_last(code: &mut String, from: &str, to: &str) {
    if let Some(at) = code.rfind(from) {
        code.replace_range(at..at + from.len(), to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
