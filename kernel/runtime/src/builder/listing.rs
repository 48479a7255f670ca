//! What `:vars`, `:type` and `:help` show, as text and as HTML.

use std::collections::BTreeMap;

use dbutils::cell::short_type;

/// The commands, and what they do.
const COMMANDS: &[(&str, &str)] = &[
    (
        "!COMMAND",
        "run a shell command; a cell that starts with %%sh is a shell script",
    ),
    (
        ":allow_static_linking 0|1",
        "whether dependencies may be linked statically",
    ),
    (":build_env KEY=VALUE", "set an environment variable for the compiler"),
    (
        ":cache MIB",
        "keep compiled dependencies, at most so many MiB; 0 for none",
    ),
    (":clear", "forget all variables, items and dependencies"),
    (":clear_cache", "remove what :cache keeps"),
    (
        ":dep NAME = VERSION",
        "use a crate, such as :dep serde = { version = \"1\", features = [\"derive\"] }",
    ),
    (":doc NAME", "show the documentation of a name"),
    (":efmt {}|{:?}|{:#?}", "how errors are shown that ? meets"),
    (
        ":env KEY=VALUE",
        "set an environment variable for cells, from the next :restart on",
    ),
    (":explain", "explain the last error of the compiler"),
    (":fmt {:?}|{:#?}", "how results are shown"),
    (":help", "show this list"),
    (":linker NAME", "link with system, lld or mold"),
    (
        ":offline 0|1",
        "whether only crates are used that were downloaded before",
    ),
    (":opt 0|1|2|3|s|z", "how much cells are optimised"),
    (":quit", "end the kernel"),
    (":restart", "forget all variables; items and dependencies stay"),
    (":sccache 0|1", "whether dependencies are compiled with sccache"),
    (":show_deps", "list the dependencies"),
    (":timing", "whether it is shown how long a cell takes"),
    (":type NAME", "show the type of a variable; :t for short"),
    (":types", "whether results are shown with their types"),
    (":vars", "list the variables and their types"),
    (":version", "show the version of evcxr"),
    ("?NAME", "show the documentation of a name; ??NAME its source too"),
];

/// Content by MIME type.
type Content = BTreeMap<String, String>;

/// The variables, in the order of their names.
pub(super) fn variables<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>) -> Content {
    let mut rows: Vec<(String, String)> = variables
        .map(|(name, found)| (name.to_owned(), short_type(found)))
        .collect();
    rows.sort();
    if rows.is_empty() {
        return Content::from([("text/plain".to_owned(), "There are no variables.".to_owned())]);
    }
    let text: Vec<String> = rows.iter().map(|(name, found)| format!("{name}: {found}")).collect();
    content(text.join("\n"), Some(("Variable", "Type")), &rows)
}

/// The type of one variable; `None` if there is none of this name.
pub(super) fn type_of<'a>(name: &str, mut variables: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Content> {
    let (_, found) = variables.find(|(known, _)| *known == name)?;
    let text = format!("{name}: {}", short_type(found));
    Some(Content::from([("text/plain".to_owned(), text)]))
}

/// The commands.
pub(super) fn help() -> Content {
    let width = COMMANDS.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, what): &(&str, &str)| format!("{name:width$}  {what}");
    let text: Vec<String> = COMMANDS.iter().map(line).collect();
    let rows: Vec<(String, String)> = COMMANDS
        .iter()
        .map(|(name, what)| ((*name).to_owned(), (*what).to_owned()))
        .collect();
    content(text.join("\n"), None, &rows)
}

fn content(text: String, head: Option<(&str, &str)>, rows: &[(String, String)]) -> Content {
    let mut html = "<table>".to_owned();
    if let Some((left, right)) = head {
        html.push_str(&format!("<tr><th>{left}</th><th>{right}</th></tr>"));
    }
    for (left, right) in rows {
        let cell = |text: &str| format!("<td style=\"text-align: left\"><code>{}</code></td>", escaped(text));
        html.push_str(&format!("<tr>{}{}</tr>", cell(left), cell(right)));
    }
    html.push_str("</table>");
    Content::from([("text/plain".to_owned(), text), ("text/html".to_owned(), html)])
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_in_order_and_escaped() {
        let found = [("b", "std::vec::Vec<a::B>"), ("a", "i32")];
        let shown = variables(found.into_iter());
        assert_eq!(shown["text/plain"], "a: i32\nb: Vec<B>");
        assert!(
            shown["text/html"].contains("<code>Vec&lt;B&gt;</code></td></tr></table>"),
            "{shown:?}"
        );
        assert_eq!(variables([].into_iter())["text/plain"], "There are no variables.");
        let shown = type_of("b", found.into_iter()).unwrap();
        assert_eq!(shown["text/plain"], "b: Vec<B>");
        assert_eq!(type_of("c", found.into_iter()), None);
    }

    #[test]
    fn commands_are_in_order() {
        assert!(COMMANDS.is_sorted_by_key(|(name, _)| *name));
        assert!(help()["text/plain"].contains(":dep NAME = VERSION"));
    }
}
