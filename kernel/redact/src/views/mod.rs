//! Decoded texts with a map back to where each byte came from.
//!
//! A view is built around its triggers only, widened by the length of the longest secret, and scanned like any text.

pub(crate) mod base64;
pub(crate) mod chars;
pub(crate) mod dump;
pub(crate) mod escape;
pub(crate) mod inflate;
pub(crate) mod markup;
pub(crate) mod numbers;
pub(crate) mod percent;
pub(crate) mod table;
pub(crate) mod terminal;
mod view;

use std::ops::Range;

use crate::Form;
use crate::scan::{Match, Scan, Scanner, Window};
use crate::verify::Text;

pub(crate) use view::View;

/// A match in a view counts from this many bytes of decoded text.
const DECODED_BYTES_MIN: usize = 6;

/// Bytes kept around triggers at least.
const REACH_BYTES_MIN: usize = 96;

/// Bytes kept around triggers at most; longer values are known by their lines too.
const REACH_BYTES_MAX: usize = 8 * 1024;

/// How many triggers of each family a parent had.
pub(crate) type Counts = [usize; FAMILIES];

const FAMILIES: usize = 4;

/// Triggers of one family in a window.
#[derive(Default)]
struct Triggers {
    /// Where there are some: the first and the last one in each block of sixty-four bytes, and how many there are up to
    /// the end of that block.
    blocks: Vec<(usize, usize, usize)>,
}

impl Triggers {
    fn count(&self) -> usize {
        self.blocks.last().map_or(0, |last| last.2)
    }

    /// How many lie in a region; rather too few than too many.
    fn count_in(&self, region: &Range<usize>) -> usize {
        let from = self.blocks.partition_point(|(first, _, _)| *first < region.start);
        let to = self.blocks.partition_point(|(_, last, _)| *last < region.end);
        let up_to = |i: usize| i.checked_sub(1).map_or(0, |i| self.blocks[i].2);
        up_to(to).saturating_sub(up_to(from))
    }
}

const TERMINAL: usize = 0;
const ESCAPE: usize = 1;
const PERCENT: usize = 2;
const MARKUP: usize = 3;

/// Builds and scans every view of a window.
pub(crate) fn all(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, limits: Counts, scan: &mut Scan) {
    if depth > 0 && is_noise(&window.text.bytes[window.from..window.to]) {
        inflate::scan(scanner, window, depth, scan);
        return;
    }
    let triggers = find_triggers(window);
    let reach = scanner.index.longest().clamp(REACH_BYTES_MIN, REACH_BYTES_MAX) + 16;
    for (family, limit) in limits.iter().enumerate() {
        if triggers[family].count() <= *limit {
            continue;
        }
        let places = triggers[family].blocks.iter().map(|(first, last, _)| (*first, *last));
        for region in regions(places, reach, window) {
            let counts = std::array::from_fn(|other| {
                if other >= family {
                    0
                } else {
                    triggers[other].count_in(&region)
                }
            });
            match family {
                TERMINAL => {
                    for view in terminal::strip(scanner.index, window.text, region.clone())
                        .into_iter()
                        .flatten()
                    {
                        scanner.view(window, view, region.end, Form::Terminal, depth, counts, scan);
                    }
                    for view in terminal::wide(window.text, region.clone()).into_iter().flatten() {
                        scanner.view(window, view, region.end, Form::Terminal, depth, counts, scan);
                    }
                    if let Some(view) = terminal::overwrite(scanner.index, window.text, region.clone()) {
                        scanner.view(window, view, region.end, Form::Terminal, depth, counts, scan);
                    }
                }
                ESCAPE => {
                    for view in escape::decode(window.text, region.clone()).into_iter().flatten() {
                        scanner.view(window, view, region.end, Form::Escaped, depth, counts, scan);
                    }
                }
                PERCENT => {
                    let view = percent::decode(window.text, region.clone(), b'%');
                    scanner.view(window, view, region.end, Form::Percent, depth, counts, scan);
                }
                _ => {
                    let view = markup::decode(window.text, region.clone());
                    scanner.view(window, view, region.end, Form::Markup, depth, counts, scan);
                }
            }
        }
    }
    printable(scanner, window, &triggers, reach, depth, scan);
    numbers::scan(scanner, window, depth, scan);
    base64::scan(scanner, window, depth, scan);
    chars::scan(scanner, window, depth, scan);
    dump::scan(scanner, window, depth, scan);
    table::scan(scanner, window, depth, scan);
    if depth > 0 || window.from == 0 {
        inflate::scan(scanner, window, depth, scan);
    }
}

/// Quoted-printable text.
fn printable(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    triggers: &[Triggers; FAMILIES],
    reach: usize,
    depth: usize,
    scan: &mut Scan,
) {
    let bytes = window.text.bytes;
    let signs = memchr::memchr_iter(b'=', &bytes[window.from..window.to]).map(|n| window.from + n);
    let places = signs
        .filter(|at| percent::is_printable(&bytes[at + 1..], window.text.complete))
        .map(|at| (at, at));
    for region in regions(places, reach, window) {
        let counts = std::array::from_fn(|family| triggers[family].count_in(&region));
        let view = percent::decode(window.text, region.clone(), b'=');
        scanner.view(window, view, region.end, Form::Percent, depth, counts, scan);
    }
}

impl Scanner<'_> {
    /// Scans a view and maps what it finds to the parent.
    #[expect(
        clippy::too_many_arguments,
        reason = "a view, where it comes from and where its matches go"
    )]
    pub(crate) fn view(
        &mut self,
        window: &Window<'_>,
        view: View,
        region_end: usize,
        form: Form,
        depth: usize,
        limits: Counts,
        scan: &mut Scan,
    ) {
        if !view.changed || view.bytes.is_empty() && view.open.is_none() {
            return;
        }
        if view.bytes.len() > self.budget {
            return;
        }
        self.budget -= view.bytes.len();
        let at_end = region_end == window.text.bytes.len() && !window.text.complete;
        let mut inner = Scan::default();
        self.level(
            Text {
                bytes: &view.bytes,
                complete: !at_end,
            },
            depth + 1,
            limits,
            &mut inner,
        );
        let mut sources = Vec::new();
        for found in inner.matches {
            if found.bytes < DECODED_BYTES_MIN {
                continue;
            }
            sources.clear();
            view.sources(window.text.bytes, found.start..found.end, &mut sources);
            for also in view
                .also
                .get(found.start..found.end)
                .into_iter()
                .flatten()
                .filter(|also| !also.is_empty())
            {
                let also = also.start as usize..also.end as usize;
                match sources.last_mut() {
                    Some(last) if last.end == also.start => last.end = also.end,
                    _ => sources.push(also),
                }
            }
            for source in &sources {
                let (start, end) = (source.start, source.end);
                scan.matches.push(Match {
                    start,
                    end,
                    secret: found.secret,
                    form,
                    bytes: found.bytes,
                });
            }
        }
        if at_end {
            if let Some(live) = inner.live {
                let from = view.source(live.from).map_or(region_end, |source| source.start);
                scan.hold(from, live.bytes, live.secret);
            }
            if let Some(open) = view.open {
                scan.hold(open, 0, u32::MAX);
            }
        }
    }
}

/// Sorts the window's triggers into families.
fn find_triggers(window: &Window<'_>) -> [Triggers; FAMILIES] {
    let mut triggers: [Triggers; FAMILIES] = Default::default();
    let bytes = window.text.bytes;
    for (i, block) in window.squeezed.blocks.iter().enumerate() {
        let mut bits = block.trigger;
        if bits == 0 || is_binary(window, i, bits) {
            continue;
        }
        let start = window.from + 64 * i;
        let mut masks = [0u64; FAMILIES];
        while bits != 0 {
            let at = start + bits.trailing_zeros() as usize;
            let bit = bits & bits.wrapping_neg();
            bits &= bits - 1;
            let family = match bytes[at] {
                b'\\' => ESCAPE,
                b'%' => PERCENT,
                b'&' | b'<' => MARKUP,
                b'\r' if bytes.get(at + 1) == Some(&b'\n') => continue,
                0xC2 | 0xCC | 0xCD | 0xE2 | 0xEF if !terminal::is_noise(&bytes[at..]) => continue,
                _ => TERMINAL,
            };
            masks[family] |= bit;
        }
        for (found, mask) in triggers.iter_mut().zip(masks).filter(|(_, mask)| *mask != 0) {
            let (first, last) = (mask.trailing_zeros() as usize, 63 - mask.leading_zeros() as usize);
            let count = found.count() + mask.count_ones() as usize;
            found.blocks.push((start + first, start + last, count));
        }
    }
    triggers
}

/// Whether decoded bytes are no text: nothing in them is decoded once more, unless it is compressed.
fn is_noise(bytes: &[u8]) -> bool {
    let sample = &bytes[..bytes.len().min(4096)];
    sample.len() >= 32 && controls(sample) * 10 >= sample.len() && high(sample) * 6 >= sample.len()
}

/// Control characters that no terminal knows.
fn controls(bytes: &[u8]) -> usize {
    let odd = bytes.iter().map(|b| matches!(b, 1..=6 | 11 | 14..=26 | 28..=31));
    odd.map(usize::from).sum()
}

/// Bytes above ASCII.
fn high(bytes: &[u8]) -> usize {
    bytes.iter().map(|b| usize::from(b >> 7)).sum()
}

/// Whether sixty-four bytes are no text at all: control characters that no terminal knows among many bytes above ASCII.
/// What looks like an escape there is none. (A value that is binary itself is found without views.)
fn is_binary(window: &Window<'_>, block: usize, triggers: u64) -> bool {
    const FEW: usize = 3;
    if (triggers.count_ones() as usize) < FEW {
        return false;
    }
    let from = window.from + 64 * block;
    let bytes = &window.text.bytes[from..(from + 64).min(window.to)];
    high(bytes) >= bytes.len() / 6 && controls(bytes) >= FEW
}

/// Joins triggers to regions, widened by `reach` on both sides.
fn regions(places: impl Iterator<Item = (usize, usize)>, reach: usize, window: &Window<'_>) -> Vec<Range<usize>> {
    let mut regions: Vec<Range<usize>> = Vec::new();
    for (first, last) in places {
        let start = first.saturating_sub(reach);
        let end = (last + reach).min(window.text.bytes.len());
        match regions.last_mut() {
            Some(last) if start <= last.end => last.end = end,
            _ => regions.push(start..end),
        }
    }
    regions
}
