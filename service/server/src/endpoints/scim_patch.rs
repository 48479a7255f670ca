//! The operations of a PATCH (RFC 7644, section 3.5.2), as changes of a user or group. Not an endpoint; two use it.
//!
//! | op | path | value |
//! |---|---|---|
//! | add, replace | none | an object of attributes |
//! | add, replace, remove | an attribute, perhaps with a sub-attribute | the value |
//! | add, replace, remove | `members` | `[{"value": "ID"}]`; without a value `remove` removes all |
//! | remove | `members[value eq "ID"]` | none |

use sealbook_api::ErrorCode;
use sealbook_core::Error;
use sealbook_core::vault::{GroupChange, MemberChange, UserChange};
use serde_json::{Map, Value};

use super::scim;
use super::scim_filter::{Filter, Operator};
use crate::fields::Fields;
use crate::operation::{Field, Kind};

/// Operations in one request.
const OPERATIONS_MAX: usize = 1_000;

/// What a PATCH takes.
pub(super) const INPUT: &[Field] = &[
    Field::optional("schemas", Kind::List, "SCIM's PatchOp; not used."),
    Field::required("Operations", Kind::List, "op, path and value of each change, in order."),
];

/// What is done to an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Add,
    Remove,
    Replace,
}

/// One attribute and what is done to it.
struct Step {
    op: Op,
    path: String,
    value: Option<Value>,
}

/// The changes of a user.
pub(super) fn of_user(fields: &mut Fields) -> Result<UserChange, Error> {
    let mut change = UserChange::default();
    for Step { op, path, value } in steps(fields)? {
        match (path.as_str(), value) {
            ("active", Some(value)) if op != Op::Remove => change.active = Some(boolean(&value)?),
            ("userName", Some(Value::String(name))) if op != Op::Remove => change.name = Some(name),
            ("active" | "userName", _) => return Err(invalid(format!("{path} takes a value and cannot be removed"))),
            (path, value) if scim::is_shown_of_user(path) => {
                change
                    .profile
                    .push((path.to_owned(), value.filter(|_| op != Op::Remove)));
            }
            ("name.givenName" | "name.familyName", _) => {
                return Err(invalid("give the whole attribute name, with givenName and familyName"));
            }
            (path, _) => return Err(unknown(path)),
        }
    }
    Ok(change)
}

/// The changes of a group.
pub(super) fn of_group(fields: &mut Fields) -> Result<GroupChange, Error> {
    let mut change = GroupChange::default();
    for Step { op, path, value } in steps(fields)? {
        match (path.as_str(), value) {
            ("displayName", Some(Value::String(name))) if op != Op::Remove => change.name = Some(name),
            ("displayName", _) => return Err(invalid("displayName takes a text and cannot be removed")),
            ("members", value) => change.members.push(members(op, value.as_ref())?),
            (path, value) if scim::is_shown_of_group(path) => {
                change
                    .profile
                    .push((path.to_owned(), value.filter(|_| op != Op::Remove)));
            }
            (path, _) => match member_of_path(path)? {
                Some(id) if op == Op::Remove => change.members.push(MemberChange::Remove(vec![id])),
                Some(_) => return Err(invalid("a path with a filter can only be removed")),
                None => return Err(unknown(path)),
            },
        }
    }
    Ok(change)
}

fn members(op: Op, value: Option<&Value>) -> Result<MemberChange, Error> {
    let ids = value.map(scim::member_ids).transpose()?;
    match (op, ids) {
        (Op::Add, Some(ids)) => Ok(MemberChange::Add(ids)),
        (Op::Replace, Some(ids)) => Ok(MemberChange::Replace(ids)),
        (Op::Remove, Some(ids)) => Ok(MemberChange::Remove(ids)),
        (Op::Remove, None) => Ok(MemberChange::Replace(Vec::new())),
        (Op::Add | Op::Replace, None) => Err(invalid("members takes a value")),
    }
}

/// The id in `members[value eq "ID"]`.
fn member_of_path(path: &str) -> Result<Option<String>, Error> {
    let Some(filter) = path.strip_prefix("members[").and_then(|rest| rest.strip_suffix(']')) else {
        return Ok(None);
    };
    match Filter::parse(filter, &["value"])? {
        Filter::Test(_, Operator::Equal, Value::String(id)) => Ok(Some(id)),
        Filter::Test(_, Operator::Equal, id @ Value::Number(_)) => Ok(Some(id.to_string())),
        _ => Err(invalid("a path selects members by their id: members[value eq \"ID\"]")),
    }
}

/// Every attribute that the operations name, in order.
fn steps(fields: &mut Fields) -> Result<Vec<Step>, Error> {
    let Some(Value::Array(operations)) = fields.json("Operations") else {
        return Err(invalid("Operations must be a list"));
    };
    if operations.len() > OPERATIONS_MAX {
        return Err(invalid(format!("there are more than {OPERATIONS_MAX} Operations")));
    }
    let mut steps = Vec::new();
    for operation in operations {
        let Value::Object(mut operation) = operation else {
            return Err(invalid("each of the Operations must be an object"));
        };
        let op = match operation.remove("op").as_ref().and_then(Value::as_str) {
            Some(op) if op.eq_ignore_ascii_case("add") => Op::Add,
            Some(op) if op.eq_ignore_ascii_case("remove") => Op::Remove,
            Some(op) if op.eq_ignore_ascii_case("replace") => Op::Replace,
            _ => return Err(invalid("op must be add, remove or replace")),
        };
        let value = operation.remove("value").filter(|value| !value.is_null());
        match (operation.remove("path").filter(|path| !path.is_null()), value) {
            (Some(Value::String(path)), value) => steps.push(Step { op, path, value }),
            (Some(_), _) => return Err(invalid("path must be a text")),
            (None, Some(Value::Object(attributes))) if op != Op::Remove => steps.extend(each(op, attributes)),
            (None, _) => {
                return Err(invalid(
                    "without a path, value must be an object of attributes to add or replace",
                ));
            }
        }
    }
    Ok(steps)
}

fn each(op: Op, attributes: Map<String, Value>) -> impl Iterator<Item = Step> {
    // Identity providers repeat what a resource is; that changes nothing.
    let attributes = attributes
        .into_iter()
        .filter(|(name, _)| name != "id" && name != "schemas");
    attributes.map(move |(path, value)| Step {
        op,
        path,
        value: Some(value),
    })
}

/// Some clients send `"False"`.
fn boolean(value: &Value) -> Result<bool, Error> {
    match value {
        Value::Bool(value) => Ok(*value),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(invalid("active must be true or false")),
    }
}

fn unknown(path: &str) -> Error {
    let path: String = path.chars().filter(|c| !c.is_control()).take(64).collect();
    invalid(format!("the attribute {path:?} cannot be changed here"))
}

fn invalid(what: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorCode::InvalidParameterValue,
        format!("The request cannot be carried out: {what}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(operations: Value) -> Fields {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        Fields::from_body(body.to_string().as_bytes(), INPUT).unwrap()
    }

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn users() {
        let change = of_user(&mut fields(json!([
            { "op": "Replace", "path": "active", "value": "False" },
            { "op": "add", "value": { "displayName": "Bob", "schemas": [] } },
            { "op": "remove", "path": "externalId" },
        ])));
        assert_eq!(
            change.unwrap(),
            UserChange {
                name: None,
                active: Some(false),
                profile: vec![("displayName".into(), Some(json!("Bob"))), ("externalId".into(), None)],
            }
        );
    }

    #[test]
    fn groups() {
        let change = of_group(&mut fields(json!([
            { "op": "add", "value": { "members": [{ "value": "1" }, { "value": "2" }] } },
            { "op": "add", "path": "members", "value": { "value": "3" } },
            { "op": "remove", "path": "members[value eq \"1\"]" },
            { "op": "remove", "path": "members", "value": [{ "value": "2" }] },
            { "op": "replace", "path": "members", "value": [] },
            { "op": "remove", "path": "members" },
            { "op": "replace", "path": "displayName", "value": "new" },
        ])));
        let members = vec![
            MemberChange::Add(ids(&["1", "2"])),
            MemberChange::Add(ids(&["3"])),
            MemberChange::Remove(ids(&["1"])),
            MemberChange::Remove(ids(&["2"])),
            MemberChange::Replace(Vec::new()),
            MemberChange::Replace(Vec::new()),
        ];
        assert_eq!(
            change.unwrap(),
            GroupChange {
                name: Some("new".into()),
                profile: Vec::new(),
                members
            }
        );
    }

    #[test]
    fn what_is_no_change_is_refused() {
        let of_either = |operations: Value| {
            let user = of_user(&mut fields(operations.clone())).is_err();
            assert_eq!(user, of_group(&mut fields(operations.clone())).is_err(), "{operations}");
            user
        };
        for operations in [
            json!([1]),
            json!([{}]),
            json!([{ "op": "move", "path": "active", "value": true }]),
            json!([{ "op": "add" }]),
            json!([{ "op": "remove" }]),
            json!([{ "op": "add", "path": 1, "value": true }]),
            json!([{ "op": "add", "value": [] }]),
            json!([{ "op": "add", "path": "roles", "value": [] }]),
            json!([{ "op": "remove", "path": "members[value eq" }]),
            json!([{ "op": "remove", "path": "members[display eq \"x\"]" }]),
            json!([{ "op": "add", "path": "members[value eq \"x\"]", "value": 1 }]),
        ] {
            assert!(of_either(operations));
        }
        for operations in [
            json!([{ "op": "add", "path": "members", "value": "x" }]),
            json!([{ "op": "remove", "path": "displayName" }]),
        ] {
            assert!(of_group(&mut fields(operations)).is_err());
        }
        for operations in [
            json!([{ "op": "add", "path": "active", "value": 7 }]),
            json!([{ "op": "remove", "path": "userName" }]),
        ] {
            assert!(of_user(&mut fields(operations)).is_err());
        }
        assert_eq!(of_user(&mut fields(json!([]))).unwrap(), UserChange::default());
    }
}
