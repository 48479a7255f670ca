//! HTML and XML: entities are decoded, tags and comments left out.

use std::ops::Range;

use super::View;
use super::escape::{digits, number};
use crate::squeeze::{places, which};
use crate::verify::Text;

/// Longest tag that is left out.
const TAG_BYTES_MAX: usize = 512;
/// Longest entity name.
const NAME_BYTES_MAX: usize = 24;

/// Whether an entity or a tag may start here.
pub(super) fn begins(bytes: &[u8], complete: bool) -> bool {
    match *bytes {
        [b'&', next, ..] => next == b'#' || next.is_ascii_alphabetic(),
        [b'<', next, ..] => next.is_ascii_alphabetic() || b"/!?".contains(&next),
        _ => !complete,
    }
}

/// Before which of sixty-four bytes one may stand that begins an entity or a tag: `after` is the next byte.
pub(super) fn before_names(bytes: &[u8; 64], after: u8) -> u64 {
    let next = |is: fn(u8) -> bool| which(bytes, is) >> 1 | u64::from(is(after)) << 63;
    let (names, tags) = (
        next(|byte| byte.is_ascii_alphabetic()),
        next(|byte| b"/!?".contains(&byte)),
    );
    names | places(bytes, b'&') & next(|byte| byte == b'#') | places(bytes, b'<') & tags
}

/// Decodes one level.
pub(crate) fn decode(text: Text<'_>, region: Range<usize>, plain: bool) -> View {
    let bytes = text.bytes;
    let mut view = View::new(region.len(), plain);
    let mut at = region.start;
    while at < region.end {
        view.checkpoint(at);
        let byte = bytes[at];
        if !matches!(byte, b'&' | b'<') {
            let same = memchr::memchr2(b'&', b'<', &bytes[at..region.end]).unwrap_or(region.end - at);
            // Two sections of character data that follow one another are one text.
            let section = bytes[..at + same].ends_with(b"]]>") && bytes[at + same..].starts_with(b"<![CDATA[");
            view.copy_range(bytes, at..at + same.saturating_sub(if section { 3 } else { 0 }));
            at += same;
            continue;
        }
        if byte == b'&' && bytes.get(at + 1) == Some(&b'&') {
            view.copy(byte, at);
            at += 1;
            continue;
        }
        match byte {
            b'&' => match entity(&bytes[at..]) {
                Some(Part::Char(char, n)) => {
                    view.decode_char(char, at..at + n);
                    at += n;
                }
                Some(Part::Open) if !text.complete => {
                    view.open_at(at);
                    break;
                }
                _ => {
                    view.copy(byte, at);
                    at += 1;
                }
            },
            _ => match tag(&bytes[at..]) {
                Some(Part::Tag(n)) => {
                    view.skip();
                    at += n;
                }
                Some(Part::Open) if !text.complete => {
                    view.open_at(at);
                    break;
                }
                _ => {
                    view.copy(byte, at);
                    at += 1;
                }
            },
        }
    }
    view
}

enum Part {
    Char(char, usize),
    Tag(usize),
    Open,
}

fn tag(bytes: &[u8]) -> Option<Part> {
    if bytes.starts_with(b"<![CDATA[") {
        return Some(Part::Tag(9));
    }
    let Some(first) = bytes.get(1) else {
        return Some(Part::Open);
    };
    if !first.is_ascii_alphabetic() && !b"/!?".contains(first) {
        return None;
    }
    let inner = &bytes[1..bytes.len().min(TAG_BYTES_MAX)];
    match inner.iter().position(|b| matches!(b, b'<' | b'>')) {
        Some(n) if inner[n] == b'>' => Some(Part::Tag(n + 2)),
        None if inner.len() + 1 == bytes.len() => Some(Part::Open),
        _ => None,
    }
}

fn entity(bytes: &[u8]) -> Option<Part> {
    let Some(first) = bytes.get(1) else {
        return Some(Part::Open);
    };
    if *first == b'#' {
        let Some(&kind) = bytes.get(2) else {
            return Some(Part::Open);
        };
        let (start, base) = if matches!(kind, b'x' | b'X') { (3, 16) } else { (2, 10) };
        let n = digits(&bytes[start..], 8, base);
        let end = start + n;
        if n == 0 {
            return (bytes.len() == end).then_some(Part::Open);
        }
        let char = number(&bytes[start..end], base).and_then(char::from_u32)?;
        return match bytes.get(end) {
            Some(b';') => Some(Part::Char(char, end + 1)),
            Some(_) => Some(Part::Char(char, end)),
            None => Some(Part::Open),
        };
    }
    let name = bytes[1..]
        .iter()
        .take(NAME_BYTES_MAX)
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    match bytes.get(1 + name) {
        Some(b';') => {
            let char = named(&bytes[1..1 + name])?;
            Some(Part::Char(char, name + 2))
        }
        None if name > 0 => Some(Part::Open),
        // Browsers take the five oldest ones without a semicolon.
        _ => {
            let old: [(&[u8], char); 4] = [(b"amp", '&'), (b"lt", '<'), (b"gt", '>'), (b"quot", '"')];
            let (name, char) = old.into_iter().find(|(name, _)| bytes[1..].starts_with(name))?;
            Some(Part::Char(char, 1 + name.len()))
        }
    }
}

fn named(name: &[u8]) -> Option<char> {
    // Those that have to be written so come first.
    match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        _ => ENTITIES
            .iter()
            .find(|(known, _)| known.as_bytes() == name)
            .map(|(_, char)| *char),
    }
}

/// Named characters: ASCII and Latin-1, and typographic ones that passwords hold.
#[rustfmt::skip]
const ENTITIES: &[(&str, char)] = &[
    ("amp", '&'), ("AMP", '&'), ("lt", '<'), ("LT", '<'), ("gt", '>'), ("GT", '>'), ("quot", '"'), ("QUOT", '"'),
    ("apos", '\''), ("nbsp", ' '), ("Tab", '\t'), ("NewLine", '\n'), ("excl", '!'), ("num", '#'), ("dollar", '$'),
    ("percnt", '%'), ("lpar", '('), ("rpar", ')'), ("ast", '*'), ("midast", '*'), ("plus", '+'), ("comma", ','),
    ("hyphen", '-'), ("dash", '-'), ("period", '.'), ("sol", '/'), ("colon", ':'), ("semi", ';'), ("equals", '='),
    ("quest", '?'), ("commat", '@'), ("lsqb", '['), ("lbrack", '['), ("bsol", '\\'), ("rsqb", ']'), ("rbrack", ']'),
    ("Hat", '^'), ("lowbar", '_'), ("UnderBar", '_'), ("grave", '`'), ("DiacriticalGrave", '`'), ("lcub", '{'),
    ("lbrace", '{'), ("verbar", '|'), ("vert", '|'), ("VerticalLine", '|'), ("rcub", '}'), ("rbrace", '}'),
    ("iexcl", '¡'), ("cent", '¢'), ("pound", '£'), ("curren", '¤'), ("yen", '¥'), ("brvbar", '¦'), ("sect", '§'),
    ("uml", '¨'), ("copy", '©'), ("ordf", 'ª'), ("laquo", '«'), ("not", '¬'), ("reg", '®'), ("macr", '¯'), ("deg", '°'),
    ("plusmn", '±'), ("sup2", '²'), ("sup3", '³'), ("acute", '´'), ("micro", 'µ'), ("para", '¶'), ("middot", '·'),
    ("cedil", '¸'), ("sup1", '¹'), ("ordm", 'º'), ("raquo", '»'), ("frac14", '¼'), ("frac12", '½'), ("frac34", '¾'),
    ("iquest", '¿'), ("Agrave", 'À'), ("Aacute", 'Á'), ("Acirc", 'Â'), ("Atilde", 'Ã'), ("Auml", 'Ä'), ("Aring", 'Å'),
    ("AElig", 'Æ'), ("Ccedil", 'Ç'), ("Egrave", 'È'), ("Eacute", 'É'), ("Ecirc", 'Ê'), ("Euml", 'Ë'), ("Igrave", 'Ì'),
    ("Iacute", 'Í'), ("Icirc", 'Î'), ("Iuml", 'Ï'), ("ETH", 'Ð'), ("Ntilde", 'Ñ'), ("Ograve", 'Ò'), ("Oacute", 'Ó'),
    ("Ocirc", 'Ô'), ("Otilde", 'Õ'), ("Ouml", 'Ö'), ("times", '×'), ("Oslash", 'Ø'), ("Ugrave", 'Ù'), ("Uacute", 'Ú'),
    ("Ucirc", 'Û'), ("Uuml", 'Ü'), ("Yacute", 'Ý'), ("THORN", 'Þ'), ("szlig", 'ß'), ("agrave", 'à'), ("aacute", 'á'),
    ("acirc", 'â'), ("atilde", 'ã'), ("auml", 'ä'), ("aring", 'å'), ("aelig", 'æ'), ("ccedil", 'ç'), ("egrave", 'è'),
    ("eacute", 'é'), ("ecirc", 'ê'), ("euml", 'ë'), ("igrave", 'ì'), ("iacute", 'í'), ("icirc", 'î'), ("iuml", 'ï'),
    ("eth", 'ð'), ("ntilde", 'ñ'), ("ograve", 'ò'), ("oacute", 'ó'), ("ocirc", 'ô'), ("otilde", 'õ'), ("ouml", 'ö'),
    ("divide", '÷'), ("oslash", 'ø'), ("ugrave", 'ù'), ("uacute", 'ú'), ("ucirc", 'û'), ("uuml", 'ü'), ("yacute", 'ý'),
    ("thorn", 'þ'), ("yuml", 'ÿ'), ("euro", '€'), ("hellip", '…'), ("ndash", '–'), ("mdash", '—'), ("lsquo", '‘'),
    ("rsquo", '’'), ("ldquo", '“'), ("rdquo", '”'), ("bull", '•'), ("trade", '™'), ("dagger", '†'), ("tilde", '˜'),
    ("circ", 'ˆ'), ("OElig", 'Œ'), ("oelig", 'œ'), ("Scaron", 'Š'), ("scaron", 'š'), ("Yuml", 'Ÿ'), ("fnof", 'ƒ'),
    ("alpha", 'α'), ("beta", 'β'), ("gamma", 'γ'), ("delta", 'δ'), ("epsilon", 'ε'), ("lambda", 'λ'), ("mu", 'μ'),
    ("pi", 'π'), ("sigma", 'σ'), ("omega", 'ω'), ("Omega", 'Ω'), ("Delta", 'Δ'), ("Sigma", 'Σ'), ("check", '✓'),
];
