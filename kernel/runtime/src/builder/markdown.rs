//! Markdown from the HTML that evcxr makes of rust-analyzer's markdown.
//!
//! evcxr offers its hover text as plain text and as HTML only. The HTML comes from one known renderer and holds few
//! elements, so turning it back is safe; an unknown element loses its tags and keeps its text.

/// The markdown of `html`.
pub(super) fn from_html(html: &str) -> String {
    let mut out = String::new();
    let mut links: Vec<String> = Vec::new();
    let mut in_code_block = false;
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        text(&rest[..start], &mut out);
        let Some(length) = rest[start..].find('>') else { break };
        let tag = &rest[start + 1..start + length];
        rest = &rest[start + length + 1..];
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        let is_end = tag.starts_with('/');
        match (name, is_end) {
            ("p", true) | ("ul" | "ol", _) | ("hr", _) => {
                if name == "hr" {
                    out.push_str("\n---");
                }
                out.push_str("\n\n");
            }
            ("pre", false) => in_code_block = true,
            ("pre", true) => in_code_block = false,
            ("code", false) if in_code_block => {
                let language = tag.split("language-").nth(1).unwrap_or("").trim_end_matches('"');
                out.push_str(&format!("\n```{language}\n"));
            }
            ("code", true) if in_code_block => out.push_str("```\n\n"),
            ("code", _) => out.push('`'),
            ("strong", _) => out.push_str("**"),
            ("em", _) => out.push('*'),
            ("li", false) => out.push_str("\n- "),
            ("br", _) => out.push('\n'),
            ("h1" | "h2" | "h3" | "h4", false) => {
                let level = usize::from(name.as_bytes()[1] - b'0');
                out.push_str(&format!("\n{} ", "#".repeat(level)));
            }
            ("h1" | "h2" | "h3" | "h4", true) => out.push_str("\n\n"),
            ("a", false) => {
                let target = tag.split("href=\"").nth(1).and_then(|rest| rest.split('"').next());
                links.push(target.unwrap_or_default().to_owned());
                out.push('[');
            }
            ("a", true) => out.push_str(&format!("]({})", links.pop().unwrap_or_default())),
            _ => {}
        }
    }
    text(rest, &mut out);
    collapse(&out)
}

fn text(html: &str, out: &mut String) {
    let plain = html
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
    out.push_str(&plain);
}

/// No more than one empty line in a row.
fn collapse(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        let line = line.trim_end();
        if !line.is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(line);
        }
    }
    lines.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hover_text_becomes_markdown() {
        let html = "<pre><code class=\"language-rust\">fn f() -&gt; &amp;str\n</code></pre>\n<hr />\n\
                    <p>See <a href=\"https://x.y\"><code>g</code></a>, <em>now</em>.</p>\n<ul>\n<li>one</li>\n</ul>";
        let expected = "```rust\nfn f() -> &str\n```\n\n---\n\nSee [`g`](https://x.y), *now*.\n\n- one";
        assert_eq!(from_html(html), expected);
    }
}
