//! `POST /api/2.0/secrets/put`: Writes a secret.

use crate::operation::unaudited;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealbook_api::secrets::PutValue;
use sealbook_api::{ErrorCode, SecretBytes, SecretText};
use sealbook_core::Error;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/secrets/put",
    action: Action::PutSecret,
    access: Access::User,
    about: "Writes a secret.",
    input: &[
        Field::required("scope", Kind::Text, "The scope."),
        Field::required("key", Kind::Text, "The secret's key."),
        Field::optional("string_value", Kind::Secret, "The value as text."),
        Field::optional("bytes_value", Kind::Secret, "The value in base64."),
        Field::optional(
            "expires_at",
            Kind::Integer,
            "From when on it is not read any more, in milliseconds since 1970.",
        ),
    ],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(mut call: Call) -> Result<Answer, Refusal> {
    let value = value(call.fields.secret("string_value"), call.fields.secret("bytes_value")).map_err(unaudited)?;
    let scope = call.fields.text("scope").map_err(unaudited)?;
    let key = call.fields.text("key").map_err(unaudited)?;
    let expires_at = call.fields.maybe_integer("expires_at").map_err(unaudited)?;
    call.vault()
        .put_secret(&call.caller, scope, key, value, expires_at)
        .await?;
    Answer::empty()
}

/// Exactly one of the two.
fn value(text: Option<SecretText>, base64: Option<SecretText>) -> Result<PutValue, Error> {
    let refuse = |message: &str| Err(Error::new(ErrorCode::InvalidParameterValue, message));
    match (text, base64) {
        (Some(text), None) => Ok(PutValue::String(text)),
        (None, Some(base64)) => match STANDARD.decode(base64.expose()) {
            Ok(bytes) => Ok(PutValue::Bytes(SecretBytes::new(bytes))),
            Err(_) => refuse("The field bytes_value is not base64."),
        },
        (None, None) => refuse("One of the fields string_value and bytes_value must be given."),
        (Some(_), Some(_)) => refuse("Only one of the fields string_value and bytes_value may be given."),
    }
}
