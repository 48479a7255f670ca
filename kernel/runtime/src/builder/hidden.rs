//! Methods that a completion should not offer, because no cell can call them.
//!
//! evcxr asks rust-analyzer for private members too, and does not pass on which they are. To ask about each of some hundred
//! methods would take seconds. So the sources are read once, in the background: those of the standard library, of
//! `dbutils` and of the dependencies. A name is hidden if all that has it is a function of an `impl` block without a trait,
//! and is not `pub`.
//!
//! Invariant: a name that is public anywhere in what was read, or is a trait's, is offered whatever type it is behind. Of a
//! dependency whose sources are not found all names may be public, so then nothing is hidden.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

/// Crates of the standard library whose methods cells can see.
const STANDARD: &[&str] = &["core", "alloc", "std"];

/// The packages of every notebook, as `Cargo.lock` calls them. The first is made of cells, which may call what they define.
const OWN: &[&str] = &["ctx", "dbutils", "evcxr_input"];

/// What is known of the names.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    read: Arc<Mutex<Read>>,
}

#[derive(Debug, Default)]
struct Read {
    /// The list of packages that was read, or is being read.
    lock: Option<String>,
    names: HashSet<String>,
}

impl Hidden {
    /// Reads the sources in the background, unless that was done for these dependencies. `folder` is the build folder.
    pub(super) fn prepare(&self, rustc: &Path, folder: &Path) {
        let lock = fs::read_to_string(folder.join("home/Cargo.lock")).unwrap_or_default();
        {
            let mut read = self.read();
            if read.lock.as_ref() == Some(&lock) {
                return;
            }
            read.names.clear();
            read.lock = Some(lock.clone());
        }
        let Some(mut folders) = of_packages(&lock) else { return };
        folders.push(folder.join("dbutils/src"));
        if let Some(sysroot) = rustc.parent().and_then(Path::parent) {
            let library = sysroot.join("lib/rustlib/src/rust/library");
            folders.extend(STANDARD.iter().map(|name| library.join(name).join("src")));
        }
        let shared = Arc::clone(&self.read);
        // Without it, all is offered.
        let _ = std::thread::Builder::new().name("hidden".into()).spawn(move || {
            let mut found = Found::default();
            for folder in folders {
                read_folder(&folder, &mut found);
            }
            let names = found.private.difference(&found.others).cloned().collect();
            let mut read = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if read.lock == Some(lock) {
                read.names = names;
            }
        });
    }

    /// Whether no cell can call a function of this name, as far as the sources have been read.
    pub(super) fn has(&self, name: &str) -> bool {
        self.read().names.contains(name)
    }

    fn read(&self) -> std::sync::MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is read of `Cargo.lock`.
#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
}

/// Where the sources are of what `Cargo.lock` lists. `None` if some are not where cargo keeps those of a registry.
fn of_packages(lock: &str) -> Option<Vec<PathBuf>> {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    let registries: Vec<PathBuf> = fs::read_dir(cargo_home.join("registry/src"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    let mut folders = Vec::new();
    for Package { name, version, source } in toml::from_str::<Lock>(lock).ok()?.package {
        if OWN.contains(&&*name) && source.is_none() {
            continue;
        }
        let mut places = registries
            .iter()
            .map(|registry| registry.join(format!("{name}-{version}")));
        folders.push(places.find(|place| place.is_dir())?);
    }
    Some(folders)
}

/// Names of functions: the private ones of types, and all others.
#[derive(Debug, Default)]
struct Found {
    private: HashSet<String>,
    others: HashSet<String>,
}

fn read_folder(folder: &Path, found: &mut Found) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => read_folder(&path, found),
            Ok(kind) if kind.is_file() && path.extension().is_some_and(|end| end == "rs") => {
                if let Ok(text) = fs::read_to_string(&path) {
                    read_source(&text, found);
                }
            }
            _ => {}
        }
    }
}

/// What begins at a brace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    /// `impl Type`.
    Own,
    /// All else; functions in it are not a type's own, or nobody knows.
    Other,
}

/// What stands before a brace, since the last brace or semicolon.
#[derive(Debug, Default)]
struct Head {
    is_impl: bool,
    is_fn: bool,
    is_of_trait: bool,
    is_public: bool,
}

/// Notes the functions of a source file. It is read word by word: what a macro makes of its text is unknown, so a function
/// there counts as what it looks like.
fn read_source(text: &str, found: &mut Found) {
    let mut blocks = Vec::new();
    let mut head = Head::default();
    let mut words = Words { text, at: 0 };
    let mut word = words.next();
    while let Some(current) = word {
        let next = words.next();
        match current {
            "{" => {
                let is_own = head.is_impl && !head.is_of_trait;
                blocks.push(if is_own { Block::Own } else { Block::Other });
                head = Head::default();
            }
            "}" => {
                blocks.pop();
                head = Head::default();
            }
            ";" => head = Head::default(),
            "impl" if !head.is_fn => head.is_impl = true,
            // Not `for<'a>`.
            "for" if head.is_impl && next != Some("<") => head.is_of_trait = true,
            // Not `pub(crate)`.
            "pub" if next != Some("(") => head.is_public = true,
            "fn" => {
                head.is_fn = true;
                if let Some(name) = next.filter(|name| is_name(name)) {
                    let is_private = blocks.last() == Some(&Block::Own) && !head.is_public;
                    let names = if is_private {
                        &mut found.private
                    } else {
                        &mut found.others
                    };
                    if !names.contains(name) {
                        names.insert(name.to_owned());
                    }
                }
            }
            _ => {}
        }
        word = next;
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c == '_' || c.is_alphabetic())
}

/// Words and single other characters of Rust code, without comments, texts and characters.
struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Goes behind the next `end`, or to the end of the text.
    fn skip_past(&mut self, end: &str) {
        self.at = self
            .rest()
            .find(end)
            .map_or(self.text.len(), |at| self.at + at + end.len());
    }

    /// Goes behind a text between quotes, of which the first is next.
    fn skip_text(&mut self) {
        let bytes = self.text.as_bytes();
        self.at += 1;
        while let Some(byte) = bytes.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == b'"' {
                break;
            }
        }
        while !self.text.is_char_boundary(self.at.min(self.text.len())) {
            self.at += 1;
        }
        self.at = self.at.min(self.text.len());
    }

    fn skip_comment(&mut self) {
        let mut depth = 0;
        while let Some(at) = self.rest().find(['/', '*']) {
            self.at += at;
            let (step, change) = match self.rest() {
                rest if rest.starts_with("/*") => (2, 1),
                rest if rest.starts_with("*/") => (2, -1),
                _ => (1, 0),
            };
            self.at += step;
            depth += change;
            if depth == 0 {
                return;
            }
        }
        self.at = self.text.len();
    }

    /// Goes behind a character or a lifetime, of which the quote is next.
    fn skip_character(&mut self) {
        let mut chars = self.rest().chars().skip(1);
        match (chars.next(), chars.next()) {
            (Some('\\'), Some(escaped)) => {
                self.at += 2 + escaped.len_utf8();
                self.skip_past("'");
            }
            (Some(c), Some('\'')) => self.at += 2 + c.len_utf8(),
            _ => self.at += 1,
        }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let rest = self.rest();
            let first = rest.chars().next()?;
            if first == '_' || first.is_alphanumeric() {
                let is_end = |c: char| c != '_' && !c.is_alphanumeric();
                let length = rest.find(is_end).unwrap_or(rest.len());
                let word = &rest[..length];
                self.at += length;
                let hashes = self.rest().len() - self.rest().trim_start_matches('#').len();
                if matches!(word, "r" | "br" | "cr") && self.rest()[hashes..].starts_with('"') {
                    self.at += hashes + 1;
                    self.skip_past(&format!("\"{}", "#".repeat(hashes)));
                    continue;
                }
                return Some(word);
            }
            match first {
                '"' => self.skip_text(),
                '\'' => self.skip_character(),
                '/' if rest.starts_with("//") => self.skip_past("\n"),
                '/' if rest.starts_with("/*") => self.skip_comment(),
                c if c.is_whitespace() => self.at += c.len_utf8(),
                c => {
                    self.at += c.len_utf8();
                    return Some(&rest[..c.len_utf8()]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn private(text: &str) -> Vec<String> {
        let mut found = Found::default();
        read_source(text, &mut found);
        let mut names: Vec<String> = found.private.difference(&found.others).cloned().collect();
        names.sort();
        names
    }

    #[test]
    fn only_names_that_nobody_can_call_are_private() {
        let text = r##"
            /* } impl Comment { fn comment() {} /* nested */ fn other() {} } */ // impl Line { fn line() {} }
            #[doc = "impl Text { fn text() {} }"]
            impl<T, F: for<'a> Fn(&'a T) -> char> Own<T, F> where F: Clone {
                const QUOTE: char = '"'; const ESCAPED: char = '\''; const RAW: &str = r#"" fn raw() {"#;
                fn hidden<'a>(&'a self) { fn inner() {} let x = '{'; }
                pub(crate) fn of_the_crate() {}
                pub fn shown() {}
                #[inline] pub const unsafe fn unsafely() {}
                pub(in crate::x) const fn of_a_module(f: impl Fn()) -> impl Clone { }
                fn also_public_elsewhere() {}
                fn also_of_a_trait() {}
            }
            impl<T> Trait for Own<T> { fn of_trait() {} }
            trait Trait { fn of_trait(); fn also_of_a_trait() {} }
            fn free() -> impl Iterator<Item = u8> { struct Local; }
            mod inner { pub fn also_public_elsewhere() {} impl Other { fn also_hidden() {} } }
        "##;
        assert_eq!(private(text), ["also_hidden", "hidden", "of_a_module", "of_the_crate"]);
        // Whatever the text, reading ends.
        for broken in ["\"a\\", "r#\"a", "/* /*", "'", "'\\", "impl X {{ fn", "\"\\ä"] {
            assert_eq!(private(broken), [""; 0]);
        }
    }

    #[test]
    fn unknown_sources_are_said() {
        let package = |rest: &str| format!("version = 4\n\n[[package]]\nname = \"ctx\"\nversion = \"1.0.0\"\n{rest}");
        assert_eq!(of_packages(&package("")), Some(Vec::new()));
        let missing = "\n[[package]]\nname = \"planted-nowhere\"\nversion = \"0.0.0\"\n";
        assert_eq!(of_packages(&package(missing)), None);
    }
}
