//! Where something is in a TOML file, for error messages: line and key. It reads lines, not TOML: what a person would point at.

/// A line that says something about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) line: usize,
    /// With its table before it: `limits.scopes`; a table alone for its heading.
    pub(crate) key: String,
}

/// What stands at this byte.
pub(crate) fn at(text: &str, offset: usize) -> Place {
    let line = text.get(..offset).unwrap_or(text).matches('\n').count() + 1;
    let mut places = places(text).filter(|place| place.line <= line);
    let last = places.by_ref().last();
    Place {
        line,
        key: last.map_or_else(String::new, |place| place.key),
    }
}

/// The line of a key, or of the nearest table around it that the file has.
pub(crate) fn of(text: &str, key: &str) -> Option<usize> {
    let mut wanted = key;
    loop {
        if let Some(place) = places(text).find(|place| place.key == wanted) {
            return Some(place.line);
        }
        wanted = wanted.rsplit_once('.')?.0;
    }
}

fn places(text: &str) -> impl Iterator<Item = Place> {
    let mut table = String::new();
    text.lines().enumerate().filter_map(move |(at, line)| {
        let line = line.trim();
        let key = if let Some(heading) = line.strip_prefix('[') {
            table = heading
                .split(']')
                .next()
                .unwrap_or("")
                .trim_matches(['[', ' '])
                .to_owned();
            table.clone()
        } else {
            let (key, _) = line.split_once('=')?;
            let key = key.trim().trim_matches('"');
            match (key.starts_with('#'), table.as_str()) {
                (true, _) => return None,
                (false, "") => key.to_owned(),
                (false, table) => format!("{table}.{key}"),
            }
        };
        Some(Place { line: at + 1, key })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "listen = 1\n# scopes = 5\n[limits]   # downwards\n  scopes = 2\n\n[[oidc]]\nissuer = \"a\"\n";

    #[test]
    fn keys_and_lines_find_each_other() {
        for (key, line) in [("listen", 1), ("limits", 3), ("limits.scopes", 4), ("oidc.issuer", 7)] {
            assert_eq!(of(TEXT, key), Some(line), "{key}");
            let start: usize = TEXT.lines().take(line - 1).map(|line| line.len() + 1).sum();
            let place = at(TEXT, start);
            assert_eq!((place.line, place.key.as_str()), (line, key));
        }
        assert_eq!(of(TEXT, "limits.absent"), Some(3));
        assert_eq!(of(TEXT, "absent"), None);
        assert_eq!(at("", 5).key, "");
    }
}
