//! A user as SCIM shows one (RFC 7643, section 4.1).

use sealbook_core::rows::UserRow;
use serde_json::{Value, json};

use crate::operation::{Field, Kind};

/// The fields of [`user`] that clients rely on.
pub(super) const USER: &[Field] = &[
    Field::required("id", Kind::Text, "The immutable id."),
    Field::required("userName", Kind::Text, "The name in ACLs."),
    Field::required("active", Kind::Boolean, "Can authenticate."),
];

pub(super) fn user(row: &UserRow) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": row.id,
        "userName": row.name,
        "displayName": row.name,
        "active": row.active,
        "emails": [{ "value": row.name, "primary": true, "type": "work" }],
    })
}
