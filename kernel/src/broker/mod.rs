//! Answers the calls that user code makes through `dbutils`.
//!
//! Order of `secrets.get`: fetch from the service, learn, then answer; the answer is built from the [`Learned`] proof,
//! so it cannot be made before the redactor knows the value. Method names and fields: `dbutils::protocol`.

mod secrets;
mod texts;

use std::sync::{Arc, OnceLock};

use dbutils::protocol::{Request, Response};
use sealbook_runtime::DbutilsHandler;
use tokio::runtime::Handle;

use crate::output::Output;
use crate::redact::Redactor;
use secrets::Secrets;

/// The broker of one kernel.
pub struct Broker {
    secrets: Secrets,
    redactor: Redactor,
    runtime: Handle,
    /// Where notices to the user go; set once the output exists.
    output: OnceLock<Output>,
    exit_value: std::sync::Mutex<Option<String>>,
}

impl Broker {
    /// A broker that opens its session with the service at the first call that needs one.
    pub fn new(redactor: Redactor, runtime: Handle, kernel_id: String) -> Arc<Broker> {
        Arc::new(Broker {
            secrets: Secrets::new(kernel_id),
            redactor,
            runtime,
            output: OnceLock::new(),
            exit_value: std::sync::Mutex::new(None),
        })
    }

    /// Gives the broker a way to tell the user something.
    pub fn set_output(&self, output: Output) {
        let _ = self.output.set(output);
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
                if let (Some(notice), Some(output)) = (learned.notice(), self.output.get()) {
                    output.event(sealbook_runtime::Event::Stderr(format!("{notice}\n").into_bytes()));
                }
                Ok(vec![learned.expose().to_vec()])
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
            _ => Err(Refusal::new("ENDPOINT_NOT_FOUND", texts::unknown_call(&request.method))),
        }
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
    let malformed = || Refusal::new("MALFORMED_REQUEST", texts::malformed_call(&request.method));
    let texts: Option<Vec<&str>> = request.args.iter().map(|arg| std::str::from_utf8(arg).ok()).collect();
    texts.and_then(|texts| texts.try_into().ok()).ok_or_else(malformed)
}
