//! Where a secret's value comes from: a flag, a file, an editor, a prompt without echo, or standard input.
//!
//! Invariants: the value is zeroised when it is dropped, is never printed, and an editor's file lives in a private
//! folder and is overwritten before it is removed.

use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use sealbook_api::names::VALUE_BYTES_MAX;
use sealbook_api::secrets::PutValue;
use sealbook_api::{SecretBytes, SecretText};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Everything from this line on is not part of the value.
const EDITOR_MARKER: &str = "# -- Enter the value above this line. This line and those below are left out. --";

/// The flags that say where the value comes from.
pub struct Source<'a> {
    /// `--string-value`.
    pub string_value: Option<StringValue>,
    /// `--binary-file`; `-` is standard input, kept byte for byte.
    pub binary_file: Option<&'a Path>,
    /// `--editor`.
    pub editor: bool,
}

impl Source<'_> {
    /// Reads the value. `name` is shown in prompts.
    pub fn read(self, name: &str) -> Result<PutValue, Failure> {
        if let Some(StringValue(text)) = self.string_value {
            not_empty(text.as_bytes(), "--string-value is empty")?;
            return Ok(PutValue::String(SecretText::new(text.to_string())));
        }
        if let Some(path) = self.binary_file {
            return from_file(path);
        }
        if self.editor {
            return from_editor(name);
        }
        if std::io::stdin().is_terminal() {
            from_prompt(name)
        } else {
            from_standard_input()
        }
    }
}

/// `--string-value` as parsed: shown by `Debug` only as its type's name. clap clones what it parses; clones share.
#[derive(Clone)]
pub struct StringValue(Arc<Zeroizing<String>>);

impl From<String> for StringValue {
    fn from(text: String) -> Self {
        StringValue(Arc::new(Zeroizing::new(text)))
    }
}

impl std::fmt::Debug for StringValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StringValue")
    }
}

fn from_file(path: &Path) -> Result<PutValue, Failure> {
    let bytes = if path == Path::new("-") {
        bounded(std::io::stdin().lock(), "standard input")?
    } else {
        let shown = path.display();
        let file = std::fs::File::open(path)
            .map_err(|error| Failure::io(format!("read the value from {shown}"), &error).hint("Nothing was stored."))?;
        bounded(file, &shown.to_string())?
    };
    not_empty(&bytes, &format!("{} is empty", path.display()))?;
    Ok(PutValue::Bytes(take(bytes)))
}

/// The value in a file, or with `-` on standard input: text where it is text, without one line end at its end.
pub fn text_of(path: &Path) -> Result<PutValue, Failure> {
    if path == Path::new("-") {
        return from_standard_input();
    }
    let shown = path.display().to_string();
    let file =
        std::fs::File::open(path).map_err(|error| Failure::io(format!("read the value from {shown}"), &error))?;
    as_text(bounded(file, &shown)?, &shown)
}

fn from_standard_input() -> Result<PutValue, Failure> {
    as_text(bounded(std::io::stdin().lock(), "standard input")?, "standard input")
}

fn as_text(mut bytes: Zeroizing<Vec<u8>>, from: &str) -> Result<PutValue, Failure> {
    if std::str::from_utf8(&bytes).is_err() {
        return Ok(PutValue::Bytes(take(bytes)));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    not_empty(&bytes, &format!("{from} held no value"))?;
    text(&bytes).map(PutValue::String)
}

fn from_prompt(name: &str) -> Result<PutValue, Failure> {
    let ask = |prompt: String| {
        rpassword::prompt_password(prompt)
            .map(Zeroizing::new)
            .map_err(|error| Failure::io("read from the terminal", &error).hint("Nothing was stored."))
    };
    let first = ask(format!("Value of {name} (not shown): "))?;
    not_empty(first.as_bytes(), "no value was entered")?;
    let second = ask("Again, to check: ".to_string())?;
    if *first != *second {
        return Err(Failure::new("the two entries differ; nothing was stored").hint("Run the command again."));
    }
    Ok(PutValue::String(SecretText::new(first.to_string())))
}

fn from_editor(name: &str) -> Result<PutValue, Failure> {
    let folder = tempfile::Builder::new()
        .prefix("sealbook-put-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir_in(private_folder())
        .map_err(|error| Failure::io("make a private folder for the editor's file", &error))?;
    let path = folder.path().join("value");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| Failure::io("make the editor's file", &error))?;
    file.write_all(format!("\n{EDITOR_MARKER}\n# {name}\n").as_bytes())
        .map_err(|error| Failure::io("write the editor's file", &error))?;
    drop(file);

    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()))
        .unwrap_or_else(|| "vi".to_string());
    // The variable may hold arguments (`code --wait`): the shell splits it, the file's name is passed apart.
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("sh")
        .arg(&path)
        .status();
    let text = std::fs::File::open(&path)
        .map_err(|error| Failure::io("read the editor's file", &error))
        .and_then(|file| bounded(file, "the editor's file"));
    overwrite(folder.path());

    match status {
        Ok(status) if status.success() => {}
        Ok(status) => {
            return Err(
                Failure::new(format!("the editor `{editor}` ended with {status}; nothing was stored"))
                    .hint("Set EDITOR to an editor that works, or leave --editor out to be asked for the value."),
            );
        }
        Err(error) => return Err(Failure::io(format!("start the editor `{editor}`"), &error)),
    }
    let bytes = text?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::usage("the editor's file is not UTF-8 text").hint("Use --binary-file for bytes."))?;
    let value = above_marker(text);
    not_empty(
        value.as_bytes(),
        "the editor's file held no value above the marker line",
    )?;
    Ok(PutValue::String(SecretText::new(value.to_string())))
}

/// The text above the marker line, without the line ends at its end.
fn above_marker(text: &str) -> &str {
    let mut offset = 0;
    let mut end = text.len();
    for line in text.split_inclusive('\n') {
        if line.trim_end() == EDITOR_MARKER {
            end = offset;
            break;
        }
        offset += line.len();
    }
    text[..end].trim_end_matches(['\n', '\r'])
}

/// Where a file that holds a secret for a moment is best kept: memory, if the system offers it.
fn private_folder() -> PathBuf {
    std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|path| path.is_dir())
        .or_else(|| Some(PathBuf::from("/dev/shm")).filter(|path| path.is_dir()))
        .unwrap_or_else(std::env::temp_dir)
}

/// Overwrites what the editor left in `folder`, backups included; the folder itself is removed by its owner.
fn overwrite(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (Ok(metadata), Ok(mut file)) = (
            entry.metadata(),
            std::fs::OpenOptions::new().write(true).open(entry.path()),
        ) else {
            continue;
        };
        // Best effort: an editor that replaced the file left blocks we cannot reach.
        let _ = file
            .write_all(&vec![0; metadata.len() as usize])
            .and_then(|()| file.sync_all());
    }
}

/// Hands the bytes over without leaving a copy behind.
fn take(mut bytes: Zeroizing<Vec<u8>>) -> SecretBytes {
    SecretBytes::new(std::mem::take(&mut *bytes))
}

fn text(bytes: &[u8]) -> Result<SecretText, Failure> {
    std::str::from_utf8(bytes)
        .map(|text| SecretText::new(text.to_string()))
        .map_err(|_| Failure::usage("the value is not UTF-8 text").hint("Use --binary-file for bytes."))
}

fn bounded(reader: impl Read, from: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // Reserved at once: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(VALUE_BYTES_MAX + 1));
    reader
        .take(VALUE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::io(format!("read the value from {from}"), &error).hint("Nothing was stored."))?;
    if bytes.len() > VALUE_BYTES_MAX {
        return Err(Failure::usage(format!(
            "the value in {from} is larger than {VALUE_BYTES_MAX} bytes; nothing was stored"
        )));
    }
    Ok(bytes)
}

fn not_empty(value: &[u8], message: &str) -> Result<(), Failure> {
    if value.is_empty() {
        return Err(Failure::usage(format!("{message}; nothing was stored")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_and_what_follows_are_left_out() {
        let text = format!("planted-value\n{EDITOR_MARKER}\n# jdbc/password\n");
        assert_eq!(above_marker(&text), "planted-value");
        assert_eq!(above_marker(&format!("\n\n{EDITOR_MARKER}\n")), "");
        assert_eq!(above_marker("no marker\r\n"), "no marker");
        assert_eq!(above_marker(&format!("two\nlines\n\n{EDITOR_MARKER}")), "two\nlines");
    }

    #[test]
    fn a_value_over_the_limit_is_refused() {
        let at_limit = vec![b'a'; VALUE_BYTES_MAX];
        assert!(bounded(at_limit.as_slice(), "x").is_ok());
        let over = vec![b'a'; VALUE_BYTES_MAX + 1];
        assert!(bounded(over.as_slice(), "x").is_err());
    }
}
