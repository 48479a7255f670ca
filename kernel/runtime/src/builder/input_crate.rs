//! Our `evcxr_input`: the crate's two functions, asked over the private channel.
//!
//! Why: the published one prints its request and reads one line of standard input, so an answer with newlines would be
//! cut at the first. Notebooks name it as before, and need no registry for it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const CRATE: &str = "evcxr_input";

const SOURCE: &str = "\
//! Asks for input, as the crate of this name does.

/// Asks for a text.
pub fn get_string(prompt: &str) -> String {
    dbutils::input(prompt).unwrap_or_default().trim().to_owned()
}

/// Asks for a text that is not shown while it is typed.
pub fn get_password(prompt: &str) -> String {
    dbutils::password(prompt).unwrap_or_default().trim().to_owned()
}
";

/// Where the crate is, in the build folder.
pub(crate) fn at(folder: &Path) -> PathBuf {
    folder.join(CRATE)
}

/// Writes the crate.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    let place = at(folder);
    fs::create_dir_all(place.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"{CRATE}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n[dependencies.dbutils]\npath = {:?}\n",
        folder.join("dbutils")
    );
    fs::write(place.join("Cargo.toml"), manifest)?;
    fs::write(place.join("src/lib.rs"), SOURCE)
}

/// `code`, whose dependency on `evcxr_input` is on ours; every line stays where it is.
pub(super) fn depend(code: &str, folder: &Path) -> String {
    let is_ours = |line: &str| {
        let dependency = line.trim().strip_prefix(":dep ");
        let name = dependency.and_then(|text| text.split([' ', '=']).find(|word| !word.is_empty()));
        name == Some(CRATE)
    };
    if !code.lines().any(is_ours) {
        return code.to_owned();
    }
    let ours = format!(":dep {CRATE} = {{ path = {:?} }}", at(folder));
    let lines = code.split_inclusive('\n').map(|line| {
        if !is_ours(line) {
            return line.to_owned();
        }
        let end = if line.ends_with('\n') { "\n" } else { "" };
        format!("{ours}{end}")
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_dependency_is_ours() {
        let folder = Path::new("/f");
        let ours = ":dep evcxr_input = { path = \"/f/evcxr_input\" }";
        let cases = [
            (":dep evcxr_input = \"1\"\n1", format!("{ours}\n1")),
            (":dep evcxr_input", ours.to_owned()),
            (":dep evcxr_inputs = \"1\"", ":dep evcxr_inputs = \"1\"".to_owned()),
            ("let evcxr_input = 1;", "let evcxr_input = 1;".to_owned()),
        ];
        for (code, expected) in cases {
            assert_eq!(depend(code, folder), expected);
        }
    }
}
