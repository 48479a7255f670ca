//! What every cell finds: the `dbutils` crate, as a dependency and in scope, and the build's settings.

use std::fs;
use std::io;
use std::path::Path;

/// Source of the `dbutils` crate, compiled into this binary.
const SOURCES: &[(&str, &str)] = &[
    ("lib.rs", include_str!("../../../../dbutils/src/lib.rs")),
    ("call.rs", include_str!("../../../../dbutils/src/call.rs")),
    ("cell.rs", include_str!("../../../../dbutils/src/cell.rs")),
    ("comms.rs", include_str!("../../../../dbutils/src/comms.rs")),
    ("content.rs", include_str!("../../../../dbutils/src/content.rs")),
    ("display.rs", include_str!("../../../../dbutils/src/display.rs")),
    ("fs.rs", include_str!("../../../../dbutils/src/fs.rs")),
    ("help.rs", include_str!("../../../../dbutils/src/help.rs")),
    ("input.rs", include_str!("../../../../dbutils/src/input.rs")),
    ("location.rs", include_str!("../../../../dbutils/src/location.rs")),
    ("notebook.rs", include_str!("../../../../dbutils/src/notebook.rs")),
    ("places.rs", include_str!("../../../../dbutils/src/places.rs")),
    ("print.rs", include_str!("../../../../dbutils/src/print.rs")),
    ("protocol.rs", include_str!("../../../../dbutils/src/protocol.rs")),
    ("secrets.rs", include_str!("../../../../dbutils/src/secrets.rs")),
    ("table.rs", include_str!("../../../../dbutils/src/table.rs")),
    ("variables.rs", include_str!("../../../../dbutils/src/variables.rs")),
    ("widgets.rs", include_str!("../../../../dbutils/src/widgets.rs")),
];

/// A shared library, so that all cells share its state with the runner.
const MANIFEST: &str = "\
[package]
name = \"dbutils\"
version = \"0.1.0\"
edition = \"2024\"

[lib]
crate-type = [\"dylib\"]
";

/// Optimisation of cells unless `:opt` says otherwise.
///
/// Small cells compile as fast with it as without; loops over data run several times faster.
pub(super) const OPT_LEVEL_DEFAULT: &str = "1";

/// What rust-analyzer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Analysis {
    /// Nothing of the standard library, so that the first cell need not wait for it.
    Early,
    /// All.
    Full,
}

/// Brings `dbutils` into scope. Run at the start and after `:clear`, which drops it.
pub(super) const IN_SCOPE: &str = "\
use ::dbutils::{dbutils, display, display_html, display_table, display_data, clear_output, print, dbg};
use ::dbutils::{Basic as _, Fallback as _};
";

/// Name of the socket in the build folder.
pub(crate) const SOCKET: &str = "dbutils.sock";

/// Writes the crate and evcxr's configuration into the build folder.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    let source = folder.join("dbutils/src");
    fs::create_dir_all(&source)?;
    fs::write(folder.join("dbutils/Cargo.toml"), MANIFEST)?;
    for (name, text) in SOURCES {
        fs::write(source.join(name), text)?;
    }
    fs::create_dir_all(folder.join("probe"))?;
    let opt_level = opt_level(folder, OPT_LEVEL_DEFAULT, Analysis::Early);
    // A TOML basic string is written as a Rust string literal is, for what is in it.
    fs::write(
        folder.join("config/evcxr.toml"),
        format!("[evcxr]\nopt_level = {opt_level:?}\n"),
    )
}

/// evcxr's setting for an optimisation level.
///
/// evcxr pastes the setting into its manifest after `opt-level = `, inside `[profile.dev]`. Ours goes on: it completes
/// the profile, adds the dependency on `dbutils`, and opens a profile that nobody uses for the lines that follow.
pub(super) fn opt_level(folder: &Path, level: &str, analysis: Analysis) -> String {
    let level = if level.parse::<u8>().is_ok() {
        level.to_owned()
    } else {
        format!("\"{level}\"")
    };
    let dbutils = folder.join("dbutils");
    // rust-analyzer reads its sources anew when the manifest is another; to cargo a comment is nothing.
    let comment = match analysis {
        Analysis::Early => "# early",
        Analysis::Full => "# full",
    };
    format!(
        "{level}
debug = false
rpath = true
lto = \"off\"
debug-assertions = true
codegen-units = 16
panic = \"unwind\"
incremental = true
overflow-checks = true

[profile.dev.package.\"*\"]
opt-level = 2

[profile.dev.package.dbutils]
opt-level = 0

[dependencies.dbutils]
path = {dbutils:?}

{comment}
[profile.unused]
inherits = \"dev\"
opt-level = 0"
    )
}
