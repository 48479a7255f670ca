//! `sealbook install` and `sealbook uninstall`: the Jupyter kernelspec.
//!
//! A kernelspec is a folder `kernels/NAME` with kernel.json and logos under one of Jupyter's data folders:
//!
//! ```text
//! --user        $JUPYTER_DATA_DIR, or $XDG_DATA_HOME/jupyter, or ~/.local/share/jupyter (macOS: ~/Library/Jupyter)
//! --prefix DIR  DIR/share/jupyter
//! --sys-prefix  the same under the active Python environment
//! ```
//!
//! Invariants: `argv[0]` is this binary's absolute path; a folder that is not ours is never replaced or removed, unless
//! --replace says so; a half-written kernelspec is never visible (written beside, then renamed).

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde_json::{Value, json};

use crate::failure::{Failure, Outcome};
use crate::output;

/// The kernelspec's default name.
pub const NAME: &str = "sealbook";

const TEMPLATE: &str = include_str!("../../kernelspec/kernel.json");
const LOGOS: [(&str, &[u8]); 3] = [
    ("logo-svg.svg", include_bytes!("../../kernelspec/logo-svg.svg")),
    ("logo-32x32.png", include_bytes!("../../kernelspec/logo-32x32.png")),
    ("logo-64x64.png", include_bytes!("../../kernelspec/logo-64x64.png")),
];

/// Which of Jupyter's data folders; at most one flag.
#[derive(Debug, Args)]
pub struct Place {
    /// For your user (the default); JUPYTER_DATA_DIR is honoured
    #[arg(long, group = "place")]
    user: bool,
    /// In the active Python environment (virtualenv or conda)
    #[arg(long, group = "place")]
    sys_prefix: bool,
    /// Under DIR/share/jupyter
    #[arg(long, group = "place", value_name = "DIR")]
    prefix: Option<PathBuf>,
    /// The kernelspec's name
    #[arg(long, default_value = NAME)]
    name: String,
}

/// Arguments of `install`.
#[derive(Debug, Args)]
pub struct Install {
    #[command(flatten)]
    place: Place,
    /// The name that front ends show
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// An environment variable for the kernel process; may be given several times
    #[arg(long, num_args = 2, value_names = ["KEY", "VALUE"], action = clap::ArgAction::Append)]
    env: Vec<String>,
    /// Replace a kernelspec of the same name that differs
    #[arg(long)]
    replace: bool,
}

/// Arguments of `uninstall`.
#[derive(Debug, Args)]
pub struct Uninstall {
    #[command(flatten)]
    place: Place,
}

impl Install {
    /// Installs and says where.
    pub fn run(self) -> Outcome {
        let env = self
            .env
            .chunks_exact(2)
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect();
        let spec = Spec {
            display_name: self.display_name,
            env,
        };
        let folder = self.place.folder()?;
        match spec.install(&folder, self.replace)? {
            Installed::Written => output::line(&format!(
                "installed kernelspec {} in {}",
                self.place.name,
                folder.display()
            )),
            Installed::AlreadyThere => output::line(&format!(
                "kernelspec {} is already installed in {}",
                self.place.name,
                folder.display()
            )),
        }
    }
}

impl Uninstall {
    /// Removes the kernelspec and says from where.
    pub fn run(self) -> Outcome {
        let folder = self.place.folder()?;
        if !folder.join("kernel.json").exists() {
            return Err(Failure::new(format!("no kernelspec in {}; nothing was removed", folder.display()))
                .hint("Use the flags that it was installed with (--user, --sys-prefix, --prefix, --name); `jupyter kernelspec list` shows where kernelspecs are."));
        }
        if !is_ours(&folder) {
            return Err(Failure::new(format!(
                "the kernelspec in {} was not made by sealbook; nothing was removed",
                folder.display()
            ))
            .hint(format!(
                "To remove it all the same: jupyter kernelspec remove {}",
                self.place.name
            )));
        }
        std::fs::remove_dir_all(&folder)
            .map_err(|error| Failure::io(format!("remove {}", folder.display()), &error))?;
        output::line(&format!("removed {}", folder.display()))
    }
}

/// What distinguishes one installed kernelspec from another.
#[derive(Debug, Default)]
pub struct Spec {
    /// Shown by front ends; the template's without it.
    pub display_name: Option<String>,
    /// Environment of the kernel process.
    pub env: Vec<(String, String)>,
}

/// What [`Spec::install`] did.
#[derive(Debug, PartialEq, Eq)]
pub enum Installed {
    /// The folder was written.
    Written,
    /// The same kernelspec was there before.
    AlreadyThere,
}

impl Spec {
    /// Writes the kernelspec to `folder`.
    pub fn install(&self, folder: &Path, replace: bool) -> Result<Installed, Failure> {
        let kernel_json = self.kernel_json()?;
        if folder.exists() {
            if is_same(folder, &kernel_json) {
                return Ok(Installed::AlreadyThere);
            }
            if !replace {
                return Err(Failure::new(format!(
                    "another kernelspec is in {}; it was left as it is",
                    folder.display()
                ))
                .hint("Use --replace to overwrite it, or --name to install under another name."));
            }
        }
        let write = |path: &Path, bytes: &[u8]| {
            std::fs::write(path, bytes).map_err(|error| Failure::io(format!("write {}", path.display()), &error))
        };
        let parent = folder.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|error| {
            Failure::io(format!("make the folder {}", parent.display()), &error)
                .hint("Install for your user (--user) or into a folder that you may write (--prefix DIR).")
        })?;
        let staged = tempfile::Builder::new()
            .prefix(".sealbook-")
            .tempdir_in(parent)
            .map_err(|error| {
                Failure::io(format!("write in {}", parent.display()), &error)
                    .hint("Install for your user (--user) or into a folder that you may write (--prefix DIR).")
            })?;
        write(
            &staged.path().join("kernel.json"),
            format!("{kernel_json:#}\n").as_bytes(),
        )?;
        for (name, bytes) in LOGOS {
            write(&staged.path().join(name), bytes)?;
        }
        readable_by_all(staged.path())?;
        if folder.exists() {
            std::fs::remove_dir_all(folder)
                .map_err(|error| Failure::io(format!("replace {}", folder.display()), &error))?;
        }
        std::fs::rename(staged.keep(), folder)
            .map_err(|error| Failure::io(format!("move the kernelspec to {}", folder.display()), &error))?;
        Ok(Installed::Written)
    }

    fn kernel_json(&self) -> Result<Value, Failure> {
        let mut spec: Value = serde_json::from_str(TEMPLATE)
            .map_err(|error| Failure::new(format!("the kernelspec template is damaged: {error}")))?;
        let binary = std::env::current_exe().map_err(|error| Failure::io("find the path of this binary", &error))?;
        spec["argv"][0] = json!(binary);
        if let Some(name) = &self.display_name {
            spec["display_name"] = json!(name);
        }
        spec["env"] = self
            .env
            .iter()
            .cloned()
            .collect::<std::collections::BTreeMap<_, _>>()
            .into_iter()
            .collect();
        spec["metadata"]["sealbook"] = json!({ "version": env!("CARGO_PKG_VERSION") });
        Ok(spec)
    }
}

impl Place {
    /// The kernelspec's folder.
    fn folder(&self) -> Result<PathBuf, Failure> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.name.is_empty() || !self.name.chars().all(legal) || self.name.starts_with('.') {
            return Err(Failure::usage(format!("`{}` cannot be a kernelspec's name", self.name))
                .hint("Names are made of ASCII letters, digits, dots, underscores and hyphens, and do not begin with a dot."));
        }
        let data = if let Some(prefix) = &self.prefix {
            std::path::absolute(prefix)
                .map_err(|error| Failure::io("resolve --prefix", &error))?
                .join("share/jupyter")
        } else if self.sys_prefix {
            python_prefix()?.join("share/jupyter")
        } else {
            user_data()?
        };
        Ok(data.join("kernels").join(&self.name))
    }
}

/// The folder of the user's kernelspec `name`.
pub fn user_folder(name: &str) -> Result<PathBuf, Failure> {
    Ok(user_data()?.join("kernels").join(name))
}

/// Where a kernelspec `name` of this user or of the active Python environment would be.
pub fn known_folders(name: &str) -> Vec<PathBuf> {
    [user_data(), python_prefix().map(|prefix| prefix.join("share/jupyter"))]
        .into_iter()
        .flatten()
        .map(|data| data.join("kernels").join(name))
        .collect()
}

/// Jupyter's data folder of the user.
fn user_data() -> Result<PathBuf, Failure> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(data) = variable("JUPYTER_DATA_DIR") {
        return Ok(data);
    }
    let home = || {
        variable("HOME").ok_or_else(|| {
            Failure::new("your home folder is not known: HOME is not set")
                .hint("Set HOME or JUPYTER_DATA_DIR, or use --prefix DIR.")
        })
    };
    if cfg!(target_os = "macos") {
        return Ok(home()?.join("Library/Jupyter"));
    }
    match variable("XDG_DATA_HOME") {
        Some(data) => Ok(data.join("jupyter")),
        None => Ok(home()?.join(".local/share/jupyter")),
    }
}

/// Prefix of the active Python environment: what activation says, else what `python3` says of itself.
fn python_prefix() -> Result<PathBuf, Failure> {
    for name in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
        if let Some(prefix) = std::env::var_os(name).filter(|value| !value.is_empty()) {
            return Ok(PathBuf::from(prefix));
        }
    }
    for python in ["python3", "python"] {
        let answer = Command::new(python)
            .args(["-c", "import sys; print(sys.prefix)"])
            .output();
        if let Ok(answer) = answer
            && answer.status.success()
            && let Ok(prefix) = String::from_utf8(answer.stdout)
        {
            return Ok(PathBuf::from(prefix.trim_end()));
        }
    }
    Err(Failure::new("no Python environment found for --sys-prefix: neither VIRTUAL_ENV nor CONDA_PREFIX is set, and no python3 is on PATH")
        .hint("Activate the environment, or name it: --prefix DIR."))
}

/// Whether a kernelspec folder was written by some version of this command.
pub fn is_ours(folder: &Path) -> bool {
    read_kernel_json(folder).is_some_and(|spec| spec["metadata"].get("sealbook").is_some())
}

/// The parsed kernel.json of a kernelspec folder.
pub fn read_kernel_json(folder: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(folder.join("kernel.json")).ok()?).ok()
}

fn is_same(folder: &Path, kernel_json: &Value) -> bool {
    read_kernel_json(folder).as_ref() == Some(kernel_json)
        && LOGOS
            .iter()
            .all(|(name, bytes)| std::fs::read(folder.join(name)).is_ok_and(|there| there == *bytes))
}

/// A kernelspec under a shared prefix is for everyone, whatever the caller's umask.
fn readable_by_all(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
        .map_err(|error| Failure::io(format!("set the mode of {}", folder.display()), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        Spec::default()
    }

    #[test]
    fn a_second_install_changes_nothing_and_a_different_one_needs_replace() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("kernels/sealbook");
        assert_eq!(spec().install(&folder, false).unwrap(), Installed::Written);
        assert_eq!(spec().install(&folder, false).unwrap(), Installed::AlreadyThere);
        let other = Spec {
            display_name: Some("Other".into()),
            env: vec![("A".into(), "1".into())],
        };
        assert!(other.install(&folder, false).is_err());
        assert_eq!(other.install(&folder, true).unwrap(), Installed::Written);
        let written = read_kernel_json(&folder).unwrap();
        assert_eq!(written["display_name"], "Other");
        assert_eq!(written["env"], json!({"A": "1"}));
        let names: Vec<_> = std::fs::read_dir(base.path().join("kernels"))
            .unwrap()
            .flatten()
            .map(|e| e.file_name())
            .collect();
        assert_eq!(names, ["sealbook"], "no staging folder is left");
    }

    #[test]
    fn kernel_json_has_an_absolute_argv_and_interrupts_by_message() {
        let spec = spec().kernel_json().unwrap();
        assert!(Path::new(spec["argv"][0].as_str().unwrap()).is_absolute());
        assert_eq!(spec["argv"][1], "kernel");
        assert_eq!(spec["argv"][3], "{connection_file}");
        assert_eq!(spec["interrupt_mode"], "message");
        assert_eq!(spec["language"], "rust");
    }

    #[test]
    fn names_that_would_leave_the_folder_are_refused() {
        for name in ["", "..", "a/b", ".hidden", "ä"] {
            let place = Place {
                user: true,
                sys_prefix: false,
                prefix: None,
                name: name.into(),
            };
            assert!(place.folder().is_err(), "{name:?}");
        }
    }
}
