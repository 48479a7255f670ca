//! Answers the calls that user code makes through `dbutils`.
//!
//! Order of `secrets.get`: fetch from the service, learn, then answer; the answer is built from the [`Learned`](sealbook_redact::Learned) proof,
//! so it cannot be made before the redactor knows the value. Method names and fields: `dbutils::protocol`.

mod comms;
mod notebooks;
mod secrets;
mod texts;
mod widgets;

use std::sync::{Arc, OnceLock};

use dbutils::protocol::{Request, Response};
use sealbook_api::sessions::LiteralMatch;
use sealbook_runtime::DbutilsHandler;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::comms::Comms;
use crate::output::Output;
use crate::redact::Redactor;
use crate::save_channel::Keeper;
use secrets::Secrets;
use widgets::Widgets;

pub use notebooks::{DEPTH, depth};

/// Time for the service to compare the literals of a cell; without an answer the cell runs.
const MATCH: std::time::Duration = std::time::Duration::from_secs(3);

/// The broker of one kernel.
pub struct Broker {
    secrets: Secrets,
    keeper: Keeper,
    redactor: Redactor,
    runtime: Handle,
    widgets: Widgets,
    /// Where notices and controls go; set once there is a session.
    screen: OnceLock<(Output, Arc<Comms>)>,
    interrupts: OnceLock<watch::Receiver<u64>>,
    exit_value: std::sync::Mutex<Option<String>>,
}

impl Broker {
    /// A broker that opens its session with the service at the first call that needs one.
    pub fn new(redactor: Redactor, keeper: Keeper, runtime: Handle, kernel_id: String) -> Arc<Broker> {
        Arc::new(Broker {
            secrets: Secrets::new(kernel_id),
            keeper,
            redactor,
            runtime,
            widgets: Widgets::from_environment(),
            screen: OnceLock::new(),
            interrupts: OnceLock::new(),
            exit_value: std::sync::Mutex::new(None),
        })
    }

    /// Gives the broker the way to the user.
    pub fn connect(&self, output: Output, comms: Arc<Comms>, interrupts: watch::Receiver<u64>) {
        let _ = self.screen.set((output, comms));
        let _ = self.interrupts.set(interrupts);
    }

    /// Makes sure that a value which the kernel learnt by other means is hidden when notebooks are saved, too.
    pub fn keep(&self, scope: &str, key: &str, value: &[u8]) {
        self.keeper.keep(scope, key, value);
    }

    /// Which of `texts` are values of secrets that the user may read; `None` when the service cannot say.
    pub async fn match_literals(&self, texts: &[&str]) -> Option<Vec<LiteralMatch>> {
        match tokio::time::timeout(MATCH, self.secrets.match_literals(texts)).await {
            Ok(Ok(matches)) => Some(matches),
            Ok(Err(error)) => {
                tracing::info!(%error, "string literals were not compared with secrets");
                None
            }
            Err(_) => {
                tracing::info!("string literals were not compared with secrets: the service is slow");
                None
            }
        }
    }

    /// The value of the last `dbutils.notebook.exit`, once.
    pub fn take_exit_value(&self) -> Option<String> {
        self.exit_value
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take()
    }

    /// Ends the session with the service, if one is open.
    pub async fn close(&self) {
        self.secrets.close().await;
    }

    fn answer(&self, request: &Request) -> Result<Vec<Vec<u8>>, Refusal> {
        match request.method.as_str() {
            "secrets.get" | "secrets.get_bytes" => {
                let [scope, key] = texts(request)?;
                let secret = self.runtime.block_on(self.secrets.read(scope, key))?;
                let learned = self.redactor.learn(&secret);
                if let (Some(notice), Some((output, _))) = (learned.notice(), self.screen.get()) {
                    output.event(sealbook_runtime::Event::Stderr(format!("{notice}\n").into_bytes()));
                }
                let value = learned.expose();
                self.keeper.keep(learned.scope(), learned.key(), value);
                Ok(vec![value.to_vec()])
            }
            "secrets.list" => {
                let [scope] = texts(request)?;
                let rows = self.runtime.block_on(self.secrets.list(scope))?;
                let fields = |row: sealbook_api::secrets::SecretMetadata| {
                    [
                        row.key.into_bytes(),
                        row.last_updated_timestamp.to_string().into_bytes(),
                    ]
                };
                Ok(rows.into_iter().flat_map(fields).collect())
            }
            "secrets.list_scopes" => {
                let [] = texts(request)?;
                let rows = self.runtime.block_on(self.secrets.list_scopes())?;
                let fields = |row: sealbook_api::scopes::Scope| [row.name.into_bytes(), row.backend_type.into_bytes()];
                Ok(rows.into_iter().flat_map(fields).collect())
            }
            "secrets.redactions" => {
                let [] = texts(request)?;
                let fields = |found: crate::redact::Redaction| {
                    let form = found.form.name().to_owned();
                    [found.scope, found.key, form, found.count.to_string()].map(String::into_bytes)
                };
                Ok(self.redactor.redactions().into_iter().flat_map(fields).collect())
            }
            "notebook.exit" => {
                let [value] = texts(request)?;
                *self
                    .exit_value
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(value.to_owned());
                Ok(Vec::new())
            }
            "notebook.run" => {
                let arguments = all_texts(request)?;
                let (_, none) = watch::channel(0);
                let interrupts = self.interrupts.get().cloned().unwrap_or(none);
                let value = notebooks::run(&arguments, &self.redactor, interrupts)?;
                Ok(vec![value.into_bytes()])
            }
            "widgets.text" | "widgets.dropdown" | "widgets.combobox" | "widgets.multiselect" => {
                self.widgets
                    .declare(&request.method, &all_texts(request)?, self.screen())?;
                Ok(Vec::new())
            }
            "widgets.get" => {
                let [name] = texts(request)?;
                Ok(vec![self.widgets.value(name)?.into_bytes()])
            }
            "widgets.remove" => {
                let [name] = texts(request)?;
                self.widgets.remove(name, self.screen())?;
                Ok(Vec::new())
            }
            "widgets.remove_all" => {
                let [] = texts(request)?;
                self.widgets.remove_all(self.screen());
                Ok(Vec::new())
            }
            "comms.register" | "comms.unregister" | "comms.open" | "comms.is_open" | "comms.close"
            | "comms.receive" | "comms.accept" => {
                let (_, none) = watch::channel(0);
                let interrupts = self.interrupts.get().cloned().unwrap_or(none);
                let (_, comms) = self.screen().ok_or_else(|| malformed(request))?;
                comms::answer(comms, &self.runtime, interrupts, request)
            }
            _ => Err(Refusal::new("ENDPOINT_NOT_FOUND", texts::unknown_call(&request.method))),
        }
    }
}

impl Broker {
    fn screen(&self) -> Option<(&Output, &Arc<Comms>)> {
        self.screen.get().map(|(output, comms)| (output, comms))
    }
}

impl DbutilsHandler for Broker {
    fn call(&self, request: Request) -> Response {
        match self.answer(&request) {
            Ok(fields) => Response::Ok(fields),
            Err(refusal) => Response::Err {
                code: refusal.code,
                message: refusal.message,
            },
        }
    }
}

/// Why a call has no result. Never holds a value.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    code: String,
    message: String,
}

impl Refusal {
    fn new(code: &str, message: impl Into<String>) -> Refusal {
        Refusal {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

/// The arguments of `request`, if they are as many as the call takes and text.
fn texts<const N: usize>(request: &Request) -> Result<[&str; N], Refusal> {
    all_texts(request)?.try_into().map_err(|_| malformed(request))
}

/// The arguments of `request`, if they are text.
fn all_texts(request: &Request) -> Result<Vec<&str>, Refusal> {
    request
        .args
        .iter()
        .map(|arg| std::str::from_utf8(arg).map_err(|_| malformed(request)))
        .collect()
}

fn malformed(request: &Request) -> Refusal {
    Refusal::new("MALFORMED_REQUEST", texts::malformed_call(&request.method))
}
