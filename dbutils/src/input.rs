//! Asking whoever sits at the notebook.

use crate::call::{CallError, call};

/// Asks for a text. The answer comes whole, with the newlines that are in it.
///
/// # Errors
/// [`CallError`] when nobody can be asked: the front end allows no input, or no cell is running.
pub fn input(prompt: &str) -> Result<String, CallError> {
    ask(prompt, b"0")
}

/// Asks for a text that is not shown while it is typed.
///
/// # Errors
/// As [`input`].
pub fn password(prompt: &str) -> Result<String, CallError> {
    ask(prompt, b"1")
}

fn ask(prompt: &str, is_hidden: &[u8]) -> Result<String, CallError> {
    let fields = call("cell.input", &[prompt.as_bytes(), is_hidden])?;
    let answer = fields.into_iter().next().unwrap_or_default();
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
