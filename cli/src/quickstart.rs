//! `sealbook quickstart`: from nothing to a notebook that used two credentials and shows neither.
//!
//! Plan: 1. install the kernelspec for the user; 2. reach the service (the embedded one is started on demand);
//! 3. create scope `jdbc`, with `username` and `password`, where they are missing; 4. run the bundled notebook; 5. show
//! what it printed, where it is, and how to open it.
//!
//! Invariants: can be run any number of times; never replaces a secret or a kernelspec that is not ours; needs no network.

use std::io::Read;
use std::path::Path;

use clap::Args;
use sealbook_api::SecretText;
use sealbook_api::client::{Client, Home};
use sealbook_api::error::ErrorCode;
use sealbook_api::secrets::PutValue;
use sealbook_kernel::job::{self, Destination, Job, Notebook};
use serde_json::Value;

use crate::failure::{Failure, Outcome};
use crate::install::{self, Installed, Spec};
use crate::run::{self, Bar};
use crate::{output, service};

/// The notebook that is run.
const NOTEBOOK: &str = include_str!("../../examples/quickstart.ipynb");
const SCOPE: &str = "jdbc";
const PASSWORD_CHARS: usize = 24;

/// Arguments of `quickstart`.
#[derive(Debug, Args)]
pub struct Quickstart {}

impl Quickstart {
    /// Does the whole job.
    pub fn run(self) -> Outcome {
        // 1. The kernelspec.
        let folder = install::user_folder(install::NAME)?;
        let spec = Spec::default();
        // Ours of another version is replaced; anybody else's is left, and said.
        let installed = spec.install(&folder, install::is_ours(&folder))?;
        output::line(&match installed {
            Installed::Written => format!("Kernelspec: installed in {}", folder.display()),
            Installed::AlreadyThere => format!("Kernelspec: in {}", folder.display()),
        })?;

        // 2. and 3. The secrets.
        let client = service::client()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::io("start", &error))?;
        let created = runtime.block_on(provide(&client))?;
        output::line(&format!("Service:    {}", client.address()))?;
        output::line(&if created.is_empty() {
            format!("Secrets:    scope {SCOPE} has username and password")
        } else {
            format!("Secrets:    stored {} in scope {SCOPE}", created.join(" and "))
        })?;

        // 4. The notebook.
        let home = Home::from_environment().map_err(service::failed)?;
        let path = home.path().join("quickstart").join("quickstart.ipynb");
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failure::io(format!("make the folder {}", folder.display()), &error))?;
        }
        let notebook = Notebook::parse(NOTEBOOK.as_bytes(), "quickstart.ipynb").map_err(run::failed)?;
        let mut bar = Bar::new(false, false);
        let job = Job::new(Destination::File(path.clone()), "quickstart.ipynb");
        let report = job::run(notebook, job, &mut |progress| bar.show(&progress)).map_err(run::failed)?;
        bar.finish();

        // 5. What it printed.
        show(&path)?;
        run::ended(&report.ending, &format!("The notebook is {}.", path.display()))?;
        output::line(&format!(
            "\nWho read what:            sealbook audit tail\nOpen it in JupyterLab:    jupyter lab {}",
            path.display()
        ))
    }
}

/// Creates what is missing, and says which keys it stored.
async fn provide(client: &Client) -> Result<Vec<&'static str>, Failure> {
    match client.create_scope(SCOPE, None).await {
        Err(error)
            if error
                .api()
                .is_some_and(|refusal| refusal.error_code == ErrorCode::ResourceAlreadyExists) => {}
        other => other.map_err(service::failed)?,
    }
    let there = client.list_secrets(SCOPE).await.map_err(service::failed)?;
    let mut stored = Vec::new();
    for key in ["username", "password"] {
        if there.iter().any(|secret| secret.key == key) {
            continue;
        }
        let value = match key {
            "username" => SecretText::new("warehouse_reader".to_string()),
            _ => password()?,
        };
        client
            .put_secret(SCOPE, key, &PutValue::String(value))
            .await
            .map_err(service::failed)?;
        stored.push(key);
    }
    Ok(stored)
}

/// A random password of letters and digits.
fn password() -> Result<SecretText, Failure> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut random = [0_u8; PASSWORD_CHARS];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .map_err(|error| Failure::io("read randomness from /dev/urandom", &error))?;
    // 64 characters: six bits of each byte, without bias.
    Ok(SecretText::new(
        random
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte & 63)]))
            .collect(),
    ))
}

/// Prints each code cell's source and outputs.
fn show(path: &Path) -> Outcome {
    let unreadable = |why: String| Failure::new(format!("cannot read the executed notebook {}: {why}", path.display()));
    let text = std::fs::read(path).map_err(|error| unreadable(crate::failure::plain(&error)))?;
    let notebook = Notebook::parse(&text, "the executed notebook").map_err(|error| unreadable(error.to_string()))?;
    let mut shown = String::new();
    for index in 0..notebook.len() {
        let outputs: String = notebook.outputs(index).iter().map(text_of).collect();
        if outputs.is_empty() {
            continue;
        }
        shown.push('\n');
        for line in notebook.source(index).lines() {
            shown.push_str(&format!("  │ {line}\n"));
        }
        for line in outputs.lines() {
            shown.push_str(&format!("  {line}\n"));
        }
    }
    output::text(&shown)
}

/// What a terminal can show of an output.
fn text_of(output: &Value) -> String {
    let joined = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    };
    let mut text = match output["output_type"].as_str() {
        Some("stream") => joined(&output["text"]),
        Some("error") => format!("{}: {}", joined(&output["ename"]), joined(&output["evalue"])),
        _ => joined(&output["data"]["text/plain"]),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_and_never_the_same() {
        let (one, other) = (password().unwrap(), password().unwrap());
        assert_eq!(one.expose().len(), PASSWORD_CHARS);
        assert_ne!(one.expose(), other.expose());
    }

    #[test]
    fn the_bundled_notebook_is_one() {
        let notebook = Notebook::parse(NOTEBOOK.as_bytes(), "quickstart.ipynb").unwrap();
        assert!((0..notebook.len()).any(|index| notebook.source(index).contains("dbutils.secrets.get")));
    }
}
