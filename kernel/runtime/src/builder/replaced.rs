//! Functions and constants of a cell that have the name of a variable of an earlier one: from then on the name is theirs.
//!
//! Why: evcxr brings every variable into the function that holds a cell's statements, where it hides an item of its name,
//! also one that was defined after it; a constant of that name would even be taken for a pattern.

use syn::Item;

use super::types;

/// The names of `variables` that the items of `code` take over, and those `given_up` before, unless `code` defines them anew.
pub(super) fn names<'a>(code: &str, variables: impl Iterator<Item = &'a str>, given_up: &[String]) -> Vec<String> {
    let mentioned: Vec<&str> = variables
        .filter(|name| code.contains(name) || given_up.iter().any(|given_up| given_up == name))
        .collect();
    if mentioned.is_empty() {
        return Vec::new();
    }
    let items = types::statements(code)
        .into_iter()
        .filter_map(|statement| match statement {
            syn::Stmt::Item(item) => value_name(&item),
            _ => None,
        });
    let items: Vec<String> = items.chain(given_up.iter().cloned()).collect();
    // A `let` beside an item of its name hides it, in the same cell too.
    let defined = types::defined(code);
    let is_replaced =
        |name: &&str| items.iter().any(|item| item == name) && defined.iter().all(|(defined, _)| defined != name);
    mentioned.into_iter().filter(is_replaced).map(str::to_owned).collect()
}

/// The name that an item has among values.
fn value_name(item: &Item) -> Option<String> {
    match item {
        Item::Fn(item) => Some(item.sig.ident.to_string()),
        Item::Const(item) => Some(item.ident.to_string()),
        Item::Static(item) => Some(item.ident.to_string()),
        Item::Struct(item) if !matches!(item.fields, syn::Fields::Named(_)) => Some(item.ident.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_take_over_names_of_values() {
        let cases: [(&str, &[&str]); 8] = [
            (
                "fn f() {} const G: i32 = 1; static S: i32 = 2; struct T(i32); struct U;",
                &["f", "G", "S", "T", "U"],
            ),
            ("f(1)", &[]),
            ("struct T { f: i32 } enum U { G } mod f {}", &[]),
            ("{ fn f() {} }", &[]),
            ("mod m { pub fn f() {} }", &[]),
            ("fn f() {} let f = 1;", &[]),
            (":dep x\nfn f() {}", &["f"]),
            ("fn f(", &[]),
        ];
        for (code, expected) in cases {
            let variables = ["f", "G", "S", "T", "U"].into_iter();
            assert_eq!(names(code, variables, &[]), expected, "{code}");
        }
    }

    #[test]
    fn what_was_given_up_stays_so_until_it_is_defined() {
        let given_up = ["f".to_owned()];
        let names = |code, variables: [&'static str; 1]| names(code, variables.into_iter(), &given_up);
        assert_eq!(names("1 + 1", ["f"]), ["f"]);
        assert_eq!(names("1 + 1", ["g"]), [""; 0]);
        assert_eq!(names("let f = 1;", ["f"]), [""; 0]);
    }
}
