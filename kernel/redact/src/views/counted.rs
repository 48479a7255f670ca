//! Texts between numbers that count up: `0:a 1:b 2:c`, `s[0]=a, s[1]=b`.

use super::View;
use super::tokens::{SEPARATOR_BYTES_MAX, Token, tokenise};
use crate::Form;
use crate::scan::{Scan, Scanner, Window};
use crate::squeeze::is_kept;

/// Shortest text that is numbered.
pub(super) const COUNTED_MIN: usize = 6;

/// Lines that begin with numbers.
pub(super) fn lines(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    (from, to): (usize, usize),
    depth: usize,
    scan: &mut Scan,
) {
    let mut tokens = Vec::new();
    tokenise(window.text.bytes, from, to, false, &mut tokens);
    self::scan(scanner, window, &tokens, depth, scan);
}

/// Texts between numbers of a list.
pub(super) fn scan(scanner: &mut Scanner<'_>, window: &Window<'_>, tokens: &[Token], depth: usize, scan: &mut Scan) {
    let bytes = window.text.bytes;
    let plain = |token: &Token| (token.digits[0] == token.len).then_some(token.values[0]);
    let mark = |token: &Token| bytes.get(token.end()).copied().filter(|b| !is_kept(*b));
    // A text between two numbers may be a number itself.
    let next = |last: usize, first: usize| {
        let number = plain(&tokens[last])?.checked_add(1)?;
        let near = last + 1..tokens.len().min(last + 4);
        near.into_iter()
            .find(|i| plain(&tokens[*i]) == Some(number) && mark(&tokens[*i]) == mark(&tokens[first]))
    };
    let mut first = 0;
    while first + COUNTED_MIN <= tokens.len() {
        if mark(&tokens[first]).is_none() || next(first, first).is_none() {
            first += 1;
            continue;
        }
        let mut chain = vec![tokens[first]];
        let mut last = first;
        while let Some(following) = next(last, first) {
            chain.push(tokens[following]);
            last = following;
        }
        // At the end of an unfinished text more may follow.
        let begun = window.last && !window.text.complete && bytes.len() - tokens[last].end() <= SEPARATOR_BYTES_MAX;
        if chain.len() < if begun { 3 } else { COUNTED_MIN } {
            first += 1;
            continue;
        }
        let from = chain[0].start();
        let to = (tokens[last].end() + SEPARATOR_BYTES_MAX).min(bytes.len());
        let mut view = View::with_capacity(to - from);
        let mut at = from;
        for token in &chain {
            view.copy_range(bytes, at..token.start());
            view.skip();
            at = token.end();
        }
        view.copy_range(bytes, at..to);
        scanner.view(window, view, to, Form::Spaced, depth, [usize::MAX; 4], scan);
        if let Some(view) = items(bytes, &chain) {
            scanner.view(window, view, to, Form::Spaced, depth, [usize::MAX; 4], scan);
        }
        first = last + 1;
    }
}

/// The texts between numbers that count up, without what they all begin and end with: `s[0]=a`, `s[1]=b`.
fn items(bytes: &[u8], chain: &[Token]) -> Option<View> {
    let between = |pair: &[Token]| pair[0].end()..pair[1].start();
    let first = &bytes[between(&chain[..2])];
    let (mut head, mut tail) = (first.len(), first.len());
    for pair in chain.windows(2) {
        let item = &bytes[between(pair)];
        head = head.min(item.iter().zip(first).take_while(|(a, b)| a == b).count());
        tail = tail.min(
            item.iter()
                .rev()
                .zip(first.iter().rev())
                .take_while(|(a, b)| a == b)
                .count(),
        );
    }
    let end = &first[first.len() - tail..];
    let start = &first[..head];
    // Without letters the plain view has it all.
    if !end.iter().chain(start).any(|b| is_kept(*b)) {
        return None;
    }
    let mut view = View::with_capacity(chain.len() * 4);
    view.fragments = true;
    let last = chain.last()?.end();
    let rest = &bytes[last..(last + SEPARATOR_BYTES_MAX).min(bytes.len())];
    let line = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    let all = chain.windows(2).map(between).chain(std::iter::once(last..last + line));
    for item in all {
        let text = &bytes[item.clone()];
        let (head, tail) = if text.starts_with(start) && text.ends_with(end) && text.len() >= head + tail {
            (head, tail)
        } else if text.starts_with(start) {
            (head, 0)
        } else {
            break;
        };
        view.copy_range(bytes, item.start + head..item.end - tail);
        view.decode(b'\n', item.end - tail..item.end - tail);
    }
    Some(view)
}
