//! `GET /openapi.json`: the OpenAPI document, from the same table as the routes.

use sealbook_api::ErrorCode;
use sealbook_core::audit::Action;
use serde_json::{Map, Value, json};

use super::OPERATIONS;
use crate::operation::{Access, Answer, Call, Field, Kind, OTHERS, Operation, Refusal, Verb};
use crate::status::status_of;

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/openapi.json",
    action: Action::UnknownEndpoint,
    access: Access::Public,
    about: "Describes this API.",
    input: &[],
    output: &[],
    run: |call| Box::pin(run(call)),
};

/// What holds for every operation.
const ABOUT: &str = "Every answer below has a JSON body, but for /metrics, which is text. A request that is no HTTP/1.1 (400), or \
    that has more than 100 headers or a request line and headers too long for the buffer they are read into (431; 32 KiB \
    always fit), is answered before it belongs to any operation, without a body and without an audit record, and its connection is closed. A path or method that is not below gets 404 ENDPOINT_NOT_FOUND.";

async fn run(_call: Call) -> Result<Answer, Refusal> {
    Answer::json(&document())
}

fn document() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let methods = paths.entry(operation.path).or_insert_with(|| json!({}));
        methods[verb(operation)] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sealbook secret service",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
        },
        "paths": paths,
        "components": {
            "schemas": { "Error": object(&[
                Field::required("error_code", Kind::Text, "The kind of refusal."),
                Field::required("message", Kind::Text, "What happened."),
            ]) },
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "basic": { "type": "http", "scheme": "basic" },
            },
        },
    })
}

fn verb(operation: &Operation) -> &'static str {
    match operation.verb {
        Verb::Get => "get",
        Verb::Post => "post",
        Verb::Put => "put",
        Verb::Patch => "patch",
        Verb::Delete => "delete",
    }
}

fn described(operation: &Operation) -> Value {
    let mut described = json!({
        "summary": operation.about,
        "operationId": format!("{}{}", verb(operation), operation.path.replace(['/', '{', '}'], "_")),
        // What audit records call it; the tests go over all of them by this.
        "x-audit-action": operation.action.name(),
        "responses": responses(operation),
    });
    let mut parameters: Vec<Value> = operation
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if operation.verb.has_body() {
        described["requestBody"] = json!({ "content": { "application/json": { "schema": input(operation.input) } } });
    } else {
        parameters.extend(operation.input.iter().map(|field| {
            json!({
                "name": field.name, "in": "query", "required": field.required,
                "description": field.about, "schema": schema(field.kind),
            })
        }));
    }
    described["parameters"] = parameters.into();
    if operation.access == Access::User {
        described["security"] = json!([{ "bearer": [] }, { "basic": [] }]);
    }
    described
}

/// What an operation may answer.
fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    let served = match operation.path {
        "/metrics" => json!({ "text/plain": { "schema": { "type": "string" } } }),
        _ => json!({ "application/json": { "schema": object(operation.output) } }),
    };
    let status = match operation.action {
        Action::CreateUser => "201",
        Action::CreateGroup if operation.path.contains("/scim/") => "201",
        _ => "200",
    };
    responses.insert(status.into(), json!({ "description": "Served.", "content": served }));
    let mut refuse = |code: ErrorCode, description: &str| {
        let status = status_of(code).to_string();
        let refusal = json!({
            "description": description,
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
        });
        responses.entry(status).or_insert(refusal);
    };
    refuse(
        ErrorCode::InvalidParameterValue,
        "Malformed, not allowed, exists already, or a limit is reached.",
    );
    refuse(ErrorCode::ResourceDoesNotExist, "What the request names is not there.");
    refuse(
        ErrorCode::InternalError,
        "A stored row was altered, or a defect of the service.",
    );
    refuse(
        ErrorCode::TemporarilyUnavailable,
        "Something that the service needs is away.",
    );
    if operation.access != Access::Public {
        refuse(
            ErrorCode::Unauthenticated,
            "No credentials, or credentials that are not valid.",
        );
        refuse(ErrorCode::PermissionDenied, "The caller may not do this.");
        refuse(
            ErrorCode::Aborted,
            "A concurrent change won, or a request number was used before.",
        );
        refuse(
            ErrorCode::RequestLimitExceeded,
            "Too many requests; Retry-After says for how long to wait.",
        );
    }
    Value::Object(responses)
}

/// A body: what is optional may be null, and what is not named is refused.
fn input(fields: &[Field]) -> Value {
    let mut object = object(fields);
    for field in fields.iter().filter(|field| !field.required && field.name != OTHERS) {
        let kind = object["properties"][field.name]["type"].take();
        object["properties"][field.name]["type"] = json!([kind, "null"]);
    }
    object["additionalProperties"] = fields.iter().any(|field| field.name == OTHERS).into();
    object
}

fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .filter(|field| field.name != OTHERS)
        .map(|field| {
            let mut property = schema(field.kind);
            property["description"] = field.about.into();
            (field.name.to_owned(), property)
        })
        .collect();
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Text | Kind::Secret => json!({ "type": "string" }),
        Kind::Integer => json!({ "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Object => json!({ "type": "object" }),
        Kind::List => json!({ "type": "array", "items": {} }),
        Kind::SecretList => json!({ "type": "array", "items": { "type": "string" } }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_described_once() {
        let document = document();
        let described: usize = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .map(|m| m.as_object().unwrap().len())
            .sum();
        assert_eq!(described, OPERATIONS.len());
        assert_eq!(
            document["paths"]["/api/2.0/secrets/put"]["post"]["requestBody"]["content"]["application/json"]["schema"]["required"],
            json!(["scope", "key"])
        );
    }
}
