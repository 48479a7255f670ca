//! Lists that print as tables, as text and as HTML.

/// `rows` under `header` as aligned text.
pub(crate) fn text<H: AsRef<str>, C: AsRef<str>>(header: &[H], rows: &[impl AsRef<[C]>]) -> String {
    let header: Vec<&str> = header.iter().map(AsRef::as_ref).collect();
    let rows: Vec<Vec<&str>> = rows
        .iter()
        .map(|row| row.as_ref().iter().map(AsRef::as_ref).collect())
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().chain([&header]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut lines = vec![line(&header), rule.join("  ")];
    lines.extend(rows.iter().map(|row| line(row)));
    lines.join("\n")
}

/// `rows` under `header` as an HTML table.
pub(crate) fn html<H: AsRef<str>, C: AsRef<str>>(header: &[H], rows: &[impl AsRef<[C]>]) -> String {
    let mut out = String::from("<table><thead><tr>");
    for name in header {
        cell("th", name.as_ref(), &mut out);
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for value in row.as_ref() {
            cell("td", value.as_ref(), &mut out);
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    out
}

fn cell(tag: &str, text: &str, out: &mut String) {
    out.push_str(&format!("<{tag}>"));
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("<br>"),
            c => out.push(c),
        }
    }
    out.push_str(&format!("</{tag}>"));
}

/// An HTML table from what a list of `dbutils` or a data frame prints; `None` if `text` is no such table.
pub(crate) fn from_text(text: &str) -> Option<String> {
    ruled(text).or_else(|| boxed(text))
}

/// Our own tables: a header, a line of dashes that gives the columns, the rows.
fn ruled(text: &str) -> Option<String> {
    let mut lines = text.lines();
    let (header, rule) = (lines.next()?, lines.next()?);
    if !rule.starts_with('-') || !rule.chars().all(|c| c == '-' || c == ' ') {
        return None;
    }
    let mut columns = Vec::new();
    let mut start = 0;
    for dashes in rule.split("  ") {
        columns.push((start, dashes.len()));
        start += dashes.len() + 2;
    }
    let cut = |line: &str| -> Vec<String> {
        let chars: Vec<char> = line.chars().collect();
        let cell = |&(start, width): &(usize, usize)| chars.iter().skip(start).take(width).collect::<String>();
        columns
            .iter()
            .map(|column| cell(column).trim_end().to_owned())
            .collect()
    };
    let rows: Vec<Vec<String>> = lines.map(cut).collect();
    Some(html(&cut(header), &rows))
}

/// Tables in boxes, as data frames print: `│ a ┆ b │` with a double line under the header.
fn boxed(text: &str) -> Option<String> {
    let cut = |line: &str| -> Option<Vec<String>> {
        let inner = line.trim().strip_prefix('│')?.strip_suffix('│')?;
        Some(inner.split(['┆', '│']).map(|cell| cell.trim().to_owned()).collect())
    };
    let rule = text.lines().position(|line| line.trim().starts_with('╞'))?;
    let header_lines: Vec<Vec<String>> = text.lines().take(rule).filter_map(cut).collect();
    let rows: Vec<Vec<String>> = text.lines().skip(rule).filter_map(cut).collect();
    let columns = header_lines.first()?.len();
    let header: Vec<String> = (0..columns)
        .map(|column| {
            let parts = header_lines.iter().filter_map(|line| line.get(column));
            let parts: Vec<&str> = parts
                .map(String::as_str)
                .filter(|part| *part != "---" && !part.is_empty())
                .collect();
            parts.join("\n")
        })
        .collect();
    Some(html(&header, &rows))
}

/// Makes a list print as a table.
macro_rules! prints_as_table {
    ($list:ty, $item:ty, $header:expr) => {
        impl Deref for $list {
            type Target = [$item];

            fn deref(&self) -> &[$item] {
                &self.0
            }
        }

        impl IntoIterator for $list {
            type Item = $item;
            type IntoIter = std::vec::IntoIter<$item>;

            fn into_iter(self) -> Self::IntoIter {
                self.0.into_iter()
            }
        }

        impl fmt::Display for $list {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&$crate::table::text(&$header, &self.rows()))
            }
        }

        impl fmt::Debug for $list {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}
pub(crate) use prints_as_table;

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [&str; 2] = ["key", "at"];

    fn rows() -> Vec<Vec<String>> {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        vec![row("user name", "1"), row("<pw>", "22")]
    }

    const HTML: &str = "<table><thead><tr><th>key</th><th>at</th></tr></thead><tbody>\
        <tr><td>user name</td><td>1</td></tr><tr><td>&lt;pw&gt;</td><td>22</td></tr></tbody></table>";

    #[test]
    fn text_is_aligned_and_turns_into_html() {
        let printed = text(&HEADER, &rows());
        assert_eq!(printed, "key        at\n---------  --\nuser name  1\n<pw>       22");
        assert_eq!(from_text(&printed).as_deref(), Some(HTML));
    }

    #[test]
    fn html_is_escaped() {
        assert_eq!(html(&HEADER, &rows()), HTML);
    }

    #[test]
    fn a_data_frame_turns_into_html() {
        let printed = "shape: (1, 2)\n┌─────┬─────┐\n│ a   ┆ b   │\n│ --- ┆ --- │\n│ i32 ┆ str │\n╞═════╪═════╡\n│ 1   ┆ x   │\n└─────┴─────┘";
        let expected = "<table><thead><tr><th>a<br>i32</th><th>b<br>str</th></tr></thead><tbody><tr><td>1</td><td>x</td></tr></tbody></table>";
        assert_eq!(from_text(printed).as_deref(), Some(expected));
    }

    #[test]
    fn other_text_is_no_table() {
        assert_eq!(from_text("hello\nworld"), None);
    }
}
