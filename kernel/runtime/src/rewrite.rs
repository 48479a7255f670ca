//! Edits evcxr's generated code before it is compiled, so that control never goes through standard output.
//!
//! evcxr's code reports panics, failed `?` and retyped variables by printing marker lines, which user output can
//! forge, glue to, or shift. Each such print becomes a call into the `dbutils` crate. Every edit stays on its line and
//! touches generated lines only, so the compiler's lines and columns still hold.

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
    replace_last(
        &mut code,
        "println!(\"{VARIABLE_CHANGED_TYPE}{name}\");",
        "::dbutils::cell::type_changed(name);",
    );
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
            println!("{VARIABLE_CHANGED_TYPE}{name}");
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
            ::dbutils::cell::type_changed(name);
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
