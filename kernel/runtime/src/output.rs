//! Finds evcxr's conventions in what user code prints: rich content and requests for input.
//!
//! Existing crates print `EVCXR_BEGIN_CONTENT mime`, the content, `EVCXR_END_CONTENT` on standard output, and
//! `EVCXR_INPUT_REQUEST:prompt` to ask for a line. All else is text and passes byte by byte.
//!
//! Invariant: nothing is held back but a suffix that may be the beginning of a marker, and content until its end.

use memchr::memmem;

const BEGIN: &[u8] = b"EVCXR_BEGIN_CONTENT ";
const END: &[u8] = b"EVCXR_END_CONTENT";
const INPUT: &[u8] = b"EVCXR_INPUT_REQUEST:";
const PASSWORD: &[u8] = b"EVCXR_INPUT_REQUEST_PASSWORD:";
const MARKERS: [&[u8]; 3] = [BEGIN, INPUT, PASSWORD];
const COMMON: &[u8] = b"EVCXR_";

/// Longest first line of content, or request for input; longer is text.
const LINE_BYTES_MAX: usize = 4096;

/// Largest content; more is text. Front ends cannot show more.
const CONTENT_BYTES_MAX: usize = 64 << 20;

/// A part of the output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(Vec<u8>),
    Content { mime: String, content: String },
    Input { prompt: String, password: bool },
}

/// The scanner of one stream.
#[derive(Default)]
pub(crate) struct Scanner {
    held: Vec<u8>,
}

impl Scanner {
    /// Takes what was read and gives the parts that are whole.
    pub(crate) fn push(&mut self, bytes: Vec<u8>) -> Vec<Part> {
        let buffer = if self.held.is_empty() {
            bytes
        } else {
            [std::mem::take(&mut self.held), bytes].concat()
        };
        let mut parts = Vec::new();
        let mut text_start = 0;
        let mut at = 0;
        while let Some(found) = memmem::find(&buffer[at..], COMMON) {
            let start = at + found;
            match marker(&buffer[start..]) {
                Found::Part(part, length) => {
                    text(&buffer[text_start..start], &mut parts);
                    parts.push(part);
                    at = start + length;
                    text_start = at;
                }
                Found::Unfinished => {
                    text(&buffer[text_start..start], &mut parts);
                    self.held = buffer[start..].to_vec();
                    return parts;
                }
                Found::Text => at = start + COMMON.len(),
            }
        }
        let end = buffer.len() - unfinished_suffix(&buffer[at..]);
        text(&buffer[text_start..end], &mut parts);
        self.held = buffer[end..].to_vec();
        parts
    }

    /// What is held back, as text: nothing more will come, or it has been waiting for too long.
    pub(crate) fn finish(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        text(&std::mem::take(&mut self.held), &mut parts);
        parts
    }

    /// Whether what is held back may be shown while more may come: not the middle of some content.
    pub(crate) fn holds_only_text(&self) -> bool {
        !self.held.is_empty() && !self.held.starts_with(BEGIN)
    }
}

enum Found {
    Part(Part, usize),
    Unfinished,
    Text,
}

/// What `bytes`, which start with the markers' common beginning, are.
fn marker(bytes: &[u8]) -> Found {
    if bytes.starts_with(BEGIN) {
        return content(bytes);
    }
    for (marker, password) in [(INPUT, false), (PASSWORD, true)] {
        if bytes.starts_with(marker) {
            let Some(end) = line_end(&bytes[marker.len()..]) else {
                return unfinished_line(bytes);
            };
            let prompt = String::from_utf8_lossy(&bytes[marker.len()..marker.len() + end]).into_owned();
            return Found::Part(Part::Input { prompt, password }, marker.len() + end + 1);
        }
    }
    if MARKERS.iter().any(|marker| marker.starts_with(bytes)) {
        Found::Unfinished
    } else {
        Found::Text
    }
}

fn content(bytes: &[u8]) -> Found {
    let Some(end) = line_end(&bytes[BEGIN.len()..]) else {
        return unfinished_line(bytes);
    };
    let mime = String::from_utf8_lossy(&bytes[BEGIN.len()..BEGIN.len() + end])
        .trim()
        .to_owned();
    let body_start = BEGIN.len() + end + 1;
    let body = &bytes[body_start..];
    for found in memmem::find_iter(body, END) {
        let starts_line = found == 0 || body[found - 1] == b'\n';
        if !starts_line {
            continue;
        }
        match body.get(found + END.len()) {
            Some(b'\n') => {
                let content = String::from_utf8_lossy(&body[..found.saturating_sub(1)]).into_owned();
                return Found::Part(Part::Content { mime, content }, body_start + found + END.len() + 1);
            }
            Some(_) => {}
            None => return Found::Unfinished,
        }
    }
    if body.len() > CONTENT_BYTES_MAX {
        Found::Text
    } else {
        Found::Unfinished
    }
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', bytes)
}

fn unfinished_line(bytes: &[u8]) -> Found {
    if bytes.len() > LINE_BYTES_MAX {
        Found::Text
    } else {
        Found::Unfinished
    }
}

/// Length of the longest suffix that is the beginning of a marker.
fn unfinished_suffix(bytes: &[u8]) -> usize {
    let longest = (COMMON.len() - 1).min(bytes.len());
    (1..=longest)
        .rev()
        .find(|length| COMMON.starts_with(&bytes[bytes.len() - length..]))
        .unwrap_or(0)
}

fn text(bytes: &[u8], parts: &mut Vec<Part>) {
    if !bytes.is_empty() {
        parts.push(Part::Text(bytes.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(chunks: &[&[u8]]) -> Vec<Part> {
        let mut scanner = Scanner::default();
        let mut parts: Vec<Part> = chunks.iter().flat_map(|chunk| scanner.push(chunk.to_vec())).collect();
        parts.extend(scanner.finish());
        let mut joined: Vec<Part> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (Some(Part::Text(before)), Part::Text(more)) => before.extend(more),
                (_, part) => joined.push(part),
            }
        }
        joined
    }

    fn text(text: &str) -> Part {
        Part::Text(text.as_bytes().to_vec())
    }

    fn cases() -> Vec<(&'static [u8], Vec<Part>)> {
        let content = |mime: &str, content: &str| Part::Content {
            mime: mime.into(),
            content: content.into(),
        };
        let input = |prompt: &str, password| Part::Input {
            prompt: prompt.into(),
            password,
        };
        vec![
            (b"plain", vec![text("plain")]),
            (b"\xff\xfe\x00", vec![Part::Text(vec![0xff, 0xfe, 0])]),
            (b"a EVCXR_ b EVCXR_BEGIN", vec![text("a EVCXR_ b EVCXR_BEGIN")]),
            (b"EVCXR_EXECUTION_COMPLETE\n", vec![text("EVCXR_EXECUTION_COMPLETE\n")]),
            (
                b"xEVCXR_BEGIN_CONTENT text/html\n<b>\n\nEVCXR_END_CONTENT\ny",
                vec![text("x"), content("text/html", "<b>\n"), text("y")],
            ),
            (
                b"EVCXR_BEGIN_CONTENT a/b\nEVCXR_END_CONTENT\n",
                vec![content("a/b", "")],
            ),
            (
                b"EVCXR_BEGIN_CONTENT a/b\nx EVCXR_END_CONTENT\nEVCXR_END_CONTENTS\n\nEVCXR_END_CONTENT\n",
                vec![content("a/b", "x EVCXR_END_CONTENT\nEVCXR_END_CONTENTS\n")],
            ),
            (
                b"EVCXR_BEGIN_CONTENT a/b\nnever ended",
                vec![text("EVCXR_BEGIN_CONTENT a/b\nnever ended")],
            ),
            (
                b"no newlineEVCXR_INPUT_REQUEST:Name?\n",
                vec![text("no newline"), input("Name?", false)],
            ),
            (b"EVCXR_INPUT_REQUEST_PASSWORD:\nx", vec![input("", true), text("x")]),
        ]
    }

    #[test]
    fn conventions_are_found() {
        for (bytes, expected) in cases() {
            assert_eq!(scan(&[bytes]), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn any_split_gives_the_same() {
        for (bytes, expected) in cases() {
            for split in 0..=bytes.len() {
                assert_eq!(scan(&[&bytes[..split], &bytes[split..]]), expected, "{split}");
            }
            let singles: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(scan(&singles), expected);
        }
    }

    #[test]
    fn only_a_possible_marker_is_held_back() {
        let mut scanner = Scanner::default();
        assert_eq!(scanner.push(b"50%\r".to_vec()), [text("50%\r")]);
        assert_eq!(scanner.push(b"the E".to_vec()), [text("the ")]);
        assert!(scanner.holds_only_text());
        assert_eq!(scanner.push(b"nd".to_vec()), [text("End")]);
    }
}
