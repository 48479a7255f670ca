//! Lists of SCIM resources: filter, order, page, attributes (RFC 7644, section 3.4.2). Not an endpoint; two use it.

use sealbook_core::Error;
use serde_json::{Map, Value, json};

use super::scim_filter::Filter;
use crate::fields::Fields;
use crate::operation::{Field, Kind};

/// Resources in one page.
const PAGE_MAX: i64 = 10_000;

/// What a list takes.
pub(super) const INPUT: &[Field] = &[
    Field::optional(
        "filter",
        Kind::Text,
        "For example: userName eq \"bob\" and active eq true.",
    ),
    Field::optional("sortBy", Kind::Text, "The attribute to order by."),
    Field::optional("sortOrder", Kind::Text, "ascending or descending."),
    Field::optional("startIndex", Kind::Integer, "The first resource of the page, from 1."),
    Field::optional("count", Kind::Integer, "Resources in the page, at most 10000."),
    Field::optional("attributes", Kind::Text, "Only these attributes, with commas between."),
    Field::optional("excludedAttributes", Kind::Text, "All attributes but these."),
];

/// What a list answers.
pub(super) const OUTPUT: &[Field] = &[
    Field::required("totalResults", Kind::Integer, "How many pass the filter."),
    Field::required("startIndex", Kind::Integer, "The first resource of this page, from 1."),
    Field::required("itemsPerPage", Kind::Integer, "Resources in this page."),
    Field::required("Resources", Kind::List, "The resources."),
];

/// Filters, orders and cuts `resources`, whose attributes are `known`.
pub(super) fn page(mut resources: Vec<Value>, known: &[&str], fields: &Fields) -> Result<Value, Error> {
    if let Some(text) = fields.maybe_text("filter").filter(|text| !text.trim().is_empty()) {
        let filter = Filter::parse(text, known)?;
        resources.retain(|resource| filter.holds(resource));
    }
    let descending = match fields.maybe_text("sortOrder") {
        None | Some("ascending") => false,
        Some("descending") => true,
        Some(_) => return Err(invalid("The field sortOrder must be ascending or descending.")),
    };
    if let Some(attribute) = fields.maybe_text("sortBy") {
        let path = super::scim_filter::known_path(attribute, known)?;
        let key = |resource: &Value| path.texts(resource).into_iter().next().map(|text| text.to_lowercase());
        resources.sort_by_cached_key(key);
    }
    if descending {
        resources.reverse();
    }
    let total = resources.len();
    let start = fields.maybe_integer("startIndex")?.unwrap_or(1).max(1);
    let count = fields.maybe_integer("count")?.unwrap_or(PAGE_MAX).clamp(0, PAGE_MAX);
    let first = usize::try_from(start - 1).unwrap_or(usize::MAX);
    let page: Vec<Value> = resources
        .into_iter()
        .skip(first)
        .take(count as usize)
        .map(|resource| projected(resource, fields))
        .collect();
    Ok(json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": page.len(),
        "Resources": page,
    }))
}

/// Only the attributes that were asked for; `id` and `schemas` always.
pub(super) fn projected(resource: Value, fields: &Fields) -> Value {
    let wanted = names(fields.maybe_text("attributes"));
    let unwanted = names(fields.maybe_text("excludedAttributes"));
    let Value::Object(attributes) = resource else {
        return resource;
    };
    let kept = attributes.into_iter().filter(|(name, _)| {
        let name = name.to_ascii_lowercase();
        name == "id"
            || name == "schemas"
            || ((wanted.is_empty() || wanted.contains(&name)) && !unwanted.contains(&name))
    });
    Value::Object(kept.collect::<Map<String, Value>>())
}

/// Attribute names in lower case, each without what comes after a dot.
fn names(list: Option<&str>) -> Vec<String> {
    let items = list
        .unwrap_or("")
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    items
        .map(|item| item.split('.').next().unwrap_or(item).to_ascii_lowercase())
        .collect()
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(sealbook_api::ErrorCode::InvalidParameterValue, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(query: &str) -> Value {
        let resources =
            ["ann", "Bob", "cem"].map(|name| json!({ "id": name, "schemas": [], "userName": name, "active": true }));
        let fields = Fields::from_query(query, INPUT).unwrap();
        page(resources.to_vec(), &["id", "userName", "active"], &fields).unwrap()
    }

    fn ids(list: &Value) -> Vec<&str> {
        let resources = list["Resources"].as_array().unwrap().iter();
        resources.map(|resource| resource["id"].as_str().unwrap()).collect()
    }

    #[test]
    fn pages() {
        let all = listed("");
        assert_eq!(
            (ids(&all), &all["totalResults"], &all["startIndex"]),
            (vec!["ann", "Bob", "cem"], &json!(3), &json!(1))
        );
        let second = listed("startIndex=2&count=1");
        assert_eq!(ids(&second), ["Bob"]);
        assert_eq!(
            (&second["totalResults"], &second["startIndex"], &second["itemsPerPage"]),
            (&json!(3), &json!(2), &json!(1))
        );
        assert_eq!(ids(&listed("startIndex=4")), [""; 0]);
        assert_eq!(ids(&listed("startIndex=9223372036854775807&count=10000")), [""; 0]);
        assert_eq!(ids(&listed("startIndex=-5&count=-5")), [""; 0]);
        assert_eq!(ids(&listed("count=0")), [""; 0]);
    }

    #[test]
    fn orders_and_attributes() {
        assert_eq!(
            ids(&listed("sortBy=userName&sortOrder=descending")),
            ["cem", "Bob", "ann"]
        );
        assert_eq!(ids(&listed("filter=userName+co+%22b%22&sortBy=USERNAME")), ["Bob"]);
        let names = listed("attributes=userName&count=1");
        assert_eq!(
            names["Resources"],
            json!([{ "id": "ann", "schemas": [], "userName": "ann" }])
        );
        let without = listed("excludedAttributes=username,%20active&count=1");
        assert_eq!(without["Resources"], json!([{ "id": "ann", "schemas": [] }]));
    }

    #[test]
    fn what_is_not_an_order_is_refused() {
        for query in [
            "sortOrder=up",
            "sortBy=password",
            "filter=password+pr",
            "filter=userName",
        ] {
            let fields = Fields::from_query(query, INPUT).unwrap();
            assert!(page(Vec::new(), &["id", "userName"], &fields).is_err(), "{query}");
        }
    }
}
