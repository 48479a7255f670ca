//! Edits evcxr's generated code before it is compiled, so that control never goes through standard output.
//!
//! evcxr's code reports panics, failed `?` and retyped variables by printing marker lines, which user output can
//! forge, glue to, or shift. Each such print becomes a call into the `dbutils` crate. It also writes the store of the
//! variables into every cell, to be compiled again and again; the one in `dbutils` takes its place. Every edit keeps the
//! number of lines and touches generated lines only, so the compiler's lines and columns still hold.

/// `source` (evcxr's `src/lib.rs`) with the markers turned into calls.
pub(crate) fn rewrite(source: &str) -> String {
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
    code
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
        assert_eq!(rewrite(source), expected);
    }

    #[test]
    fn the_wrapper_without_variables_is_rewritten_too() {
        let source =
            "if std::panic::catch_unwind(||{\n1\n}).is_err() {\n    println!(\"EVCXR_PANIC_NOTIFICATION\");\n}\n";
        let expected = "if std::panic::catch_unwind(||{\n1\n}).map_err(::dbutils::cell::panicked).is_err() {\n\n}\n";
        assert_eq!(rewrite(source), expected);
    }
}
