//! Decoded texts with a map back to where each byte came from.
//!
//! A view is built around its triggers only, widened by the length of the longest secret, and scanned like any text.

pub(crate) mod armor;
pub(crate) mod base64;
mod bits;
mod borders;
pub(crate) mod chars;
mod columns;
mod counted;
mod counting;
pub(crate) mod dense;
mod digits;
pub(crate) mod dull;
pub(crate) mod dump;
pub(crate) mod escape;
mod even;
#[cfg(target_arch = "x86_64")]
mod figures;
pub(crate) mod inflate;
mod layout;
mod lines;
mod literals;
pub(crate) mod markup;
pub(crate) mod numbers;
pub(crate) mod percent;
pub(crate) mod reading;
pub(crate) mod records;
pub(crate) mod sextets;
mod suspects;
pub(crate) mod table;
pub(crate) mod terminal;
pub(crate) mod tokens;
mod units;
mod view;
pub(crate) mod words;

#[cfg(test)]
#[path = "../../tests/support/random.rs"]
mod random;

use std::ops::Range;

use crate::Form;
use crate::scan::{DEPTH_MAX, Match, Scan, Scanner, Window};
use crate::squeeze::{high, places, sixty_four};
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
    // The same lines were looked at with plain borders in place of others, and no other change.
    let mut redrawn = false;
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
                    let (index, text, region, end) = (scanner.index, window.text, &region, region.end);
                    let before = scan.matches.len();
                    let strip = |blanks: bool| {
                        move |plain: bool, from: Option<usize>| {
                            terminal::strip(index, text, from.unwrap_or(region.start)..end, blanks, plain)
                        }
                    };
                    // What is left of them as it stands is not looked at again as such, but as what it looks like.
                    let stripped = strip(false)(true, None);
                    let mut limits = counts;
                    limits[TERMINAL] = stripped.unusual;
                    let shortened = stripped.shortened;
                    let again = &strip(false);
                    if scanner.again(window, stripped, again, end, Form::Terminal, depth, limits, scan) {
                        // What moves in it is looked at below, before its borders and blanks are read as such.
                        limits[TERMINAL] = usize::MAX;
                        scanner.refused = false;
                        scanner.lazily(window, &strip(true), end, Form::Terminal, depth, limits, scan);
                        let all = region.start <= window.from && region.end >= window.to;
                        let read = !scanner.refused && depth + 1 < DEPTH_MAX;
                        redrawn = all && read && !shortened && !window.last;
                    }
                    // Where nothing was found without the zero bytes, nothing is among them in units of plain characters.
                    let open = end == text.bytes.len() && !text.complete;
                    let nothing = scan.matches.len() == before && !open;
                    for (start, little) in terminal::wide(text, region).into_iter().flatten() {
                        let make = |plain, _| terminal::narrow(text, region, start, little, plain);
                        let units = make(true, None);
                        if !(nothing && terminal::is_plain(&units.bytes)) {
                            scanner.again(window, units, &make, end, Form::Terminal, depth, counts, scan);
                        }
                    }
                    if terminal::moves(text, region) {
                        // What is left is often little, so that it is mapped at once. Of a value with several lines, what
                        // a line break leaves standing is no part.
                        let erasing = if index.has_lines() { 2 } else { 1 };
                        for erases in [false, true].into_iter().take(erasing) {
                            let view = terminal::overwrite(index, text, region.clone(), erases);
                            scanner.view(window, view, end, Form::Terminal, depth, counts, scan);
                        }
                    }
                }
                ESCAPE => {
                    let (text, end) = (window.text, region.end);
                    let mut view = |wide: bool| {
                        let make = |plain: bool, from: Option<usize>| {
                            escape::decode(text, from.unwrap_or(region.start)..end, wide, plain)
                        };
                        scanner.lazily(window, &make, end, Form::Escaped, depth, counts, scan)
                    };
                    if view(false) {
                        view(true);
                    }
                }
                PERCENT => {
                    let (text, end) = (window.text, region.end);
                    let mut view = |wide: bool| {
                        let make = |plain: bool, from: Option<usize>| {
                            percent::decode(text, from.unwrap_or(region.start)..end, b'%', wide, plain)
                        };
                        scanner.lazily(window, &make, end, Form::Percent, depth, counts, scan)
                    };
                    if view(false) {
                        view(true);
                    }
                }
                _ => {
                    let make = |plain: bool, from: Option<usize>| {
                        markup::decode(window.text, from.unwrap_or(region.start)..region.end, plain)
                    };
                    scanner.lazily(window, &make, region.end, Form::Markup, depth, counts, scan);
                }
            }
        }
    }
    printable(scanner, window, &triggers, reach, depth, scan);
    literals::scan(scanner, window, reach, depth, scan);
    // Before numbers, which may stand for so much that nothing is left for what is in it.
    let mut known = std::mem::take(&mut scanner.armor);
    let others = armor::others(window, &mut known);
    base64::scan(scanner, window, &known, depth, scan);
    scanner.armor = known;
    match others {
        Some(others) => others
            .into_iter()
            .for_each(|part| scanner.part(window, part, depth, scan)),
        None => lists(scanner, window, redrawn, depth, scan),
    }
    if depth > 0 || window.from == 0 {
        inflate::scan(scanner, window, depth, scan);
    }
}

/// Lists, tables and records. `redrawn`: its lines were looked at with plain borders.
pub(crate) fn lists(scanner: &mut Scanner<'_>, window: &Window<'_>, redrawn: bool, depth: usize, scan: &mut Scan) {
    numbers::scan(scanner, window, depth, scan);
    chars::scan(scanner, window, depth, scan);
    let several_words = !lines::are_words(window);
    if several_words {
        let heads = lines::Heads::of(window);
        if heads.rows {
            dump::scan(scanner, window, false, depth, scan);
        }
        table::scan(scanner, window, heads.numbered, depth, scan);
    }
    words::scan(scanner, window, depth, scan);
    if (several_words || !lines::are_single(window)) && !redrawn {
        records::scan(scanner, window, depth, scan);
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
    if !window.squeezed.equals.any() {
        return;
    }
    let bytes = window.text.bytes;
    let mut places = Vec::new();
    for (i, equals) in window.squeezed.equals.words().iter().enumerate() {
        let mut equals = *equals;
        while equals != 0 {
            let at = window.from + 64 * i + equals.trailing_zeros() as usize;
            equals &= equals - 1;
            if percent::is_printable(scanner.index, &bytes[at + 1..], window.text.complete) {
                places.push((at, at));
            }
        }
    }
    for region in regions(places.into_iter(), reach, window) {
        let counts = std::array::from_fn(|family| triggers[family].count_in(&region));
        let make = |plain: bool, from: Option<usize>| {
            percent::decode(
                window.text,
                from.unwrap_or(region.start)..region.end,
                b'=',
                false,
                plain,
            )
        };
        scanner.lazily(window, &make, region.end, Form::Percent, depth, counts, scan);
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
        let at_end = region_end == window.text.bytes.len() && !window.text.complete;
        match self.inside(&view, at_end, depth, limits) {
            Some(inner) => {
                scan.compared |= inner.compared;
                Self::map(window, &view, inner, region_end, form, scan);
            }
            None => Self::hold_open(&view, at_end, scan),
        }
    }

    /// Scans a view and makes it again, with its map, when something was found in it. Says whether the text may be read
    /// in a second way.
    #[expect(
        clippy::too_many_arguments,
        reason = "a view, where it comes from and where its matches go"
    )]
    pub(crate) fn lazily(
        &mut self,
        window: &Window<'_>,
        make: &dyn Fn(bool, Option<usize>) -> View,
        region_end: usize,
        form: Form,
        depth: usize,
        limits: Counts,
        scan: &mut Scan,
    ) -> bool {
        let view = make(true, None);
        self.again(window, view, make, region_end, form, depth, limits, scan)
    }

    /// The same, of a view that is made already.
    #[expect(
        clippy::too_many_arguments,
        reason = "a view, where it comes from and where its matches go"
    )]
    pub(crate) fn again(
        &mut self,
        window: &Window<'_>,
        view: View,
        make: &dyn Fn(bool, Option<usize>) -> View,
        region_end: usize,
        form: Form,
        depth: usize,
        limits: Counts,
        scan: &mut Scan,
    ) -> bool {
        let at_end = region_end == window.text.bytes.len() && !window.text.complete;
        if let Some(mut inner) = self.inside(&view, at_end, depth, limits) {
            scan.compared |= inner.compared;
            let live = inner.live.as_ref().filter(|_| at_end).map(|live| live.from);
            if let Some(first) = inner.matches.iter().map(|m| m.start).chain(live).min() {
                // Only what comes after the last place before the first finding is decoded again.
                let (skipped, from) = view.checkpoint_before(first).unzip();
                let skipped = skipped.unwrap_or(0);
                for found in &mut inner.matches {
                    (found.start, found.end) = (found.start - skipped, found.end - skipped);
                }
                if let Some(live) = &mut inner.live {
                    live.from = live.from.saturating_sub(skipped);
                }
                Self::map(window, &make(false, from), inner, region_end, form, scan);
            }
        }
        Self::hold_open(&view, at_end, scan);
        view.ambiguous
    }

    /// Something unfinished at the end is held, whatever else is there.
    fn hold_open(view: &View, at_end: bool, scan: &mut Scan) {
        if at_end && let Some(open) = view.open {
            scan.hold(open, 0, u32::MAX);
        }
    }

    /// What is found in a view, if it is worth looking.
    fn inside(&mut self, view: &View, at_end: bool, depth: usize, limits: Counts) -> Option<Scan> {
        let mut inner = Scan::default();
        if !view.changed {
            view.open.filter(|_| at_end)?;
            // The same text without its unfinished end, which may hide the beginning of a value before it.
            let from = view.bytes.len().saturating_sub(self.index.overlap());
            let end = &view.bytes[from..];
            self.spend(end.len(), depth)?;
            let text = Text {
                bytes: end,
                complete: false,
            };
            self.level(text, depth + 1, limits, &mut inner);
            inner.matches.clear();
            if let Some(live) = &mut inner.live {
                live.from += from;
            }
            return Some(inner);
        }
        if view.bytes.is_empty() {
            return None;
        }
        self.spend(view.bytes.len(), depth)?;
        self.level(
            Text {
                bytes: &view.bytes,
                complete: !at_end,
            },
            depth + 1,
            limits,
            &mut inner,
        );
        Some(inner)
    }

    /// Where in the parent stands what was found in a view.
    fn map(window: &Window<'_>, view: &View, inner: Scan, region_end: usize, form: Form, scan: &mut Scan) {
        let at_end = region_end == window.text.bytes.len() && !window.text.complete;
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
    if !window.squeezed.trigger.any() {
        return triggers;
    }
    let (bytes, keep) = (window.text.bytes, &window.squeezed.keep);
    for (i, trigger) in window.squeezed.trigger.words().iter().copied().enumerate() {
        if trigger == 0 || is_binary(window, i, trigger) {
            continue;
        }
        let start = window.from + 64 * i;
        let here = &sixty_four(&bytes[start..]);
        let mut masks = [0u64; FAMILIES];
        masks[ESCAPE] = trigger & places(here, b'\\');
        // What makes a byte of it is a digit or a letter; at the end more may come.
        let near_end = start + 64 + 2 > bytes.len() && !window.text.complete;
        let kept = if near_end {
            u64::MAX
        } else {
            (keep.at(i) >> 1) | if i + 1 < keep.words().len() { keep.at(i + 1) } else { 1 } << 63
        };
        let percent = trigger & kept & places(here, b'%');
        let markup = trigger & (places(here, b'&') | places(here, b'<'));
        let terminal = trigger & !(masks[ESCAPE] | percent | markup);
        if let Some(after) = bytes[start..].get(64..).and_then(<[u8]>::first_chunk) {
            masks[PERCENT] = if percent == 0 {
                0
            } else {
                percent & percent::before_digits(here, after)
            };
            masks[MARKUP] = if markup.count_ones() < MARKS_MIN {
                only(markup, start, |at| markup::begins(&bytes[at..], true))
            } else {
                markup & markup::before_names(here, after[0])
            };
        } else {
            let complete = window.text.complete;
            masks[PERCENT] = only(percent, start, |at| percent::begins(&bytes[at + 1..], complete));
            masks[MARKUP] = only(markup, start, |at| markup::begins(&bytes[at..], complete));
        }
        if terminal != 0 {
            // A return before a line break is none.
            let next = u64::from(bytes.get(start + 64) == Some(&b'\n')) << 63;
            let breaks = terminal & places(here, b'\r') & (window.squeezed.line.at(i) >> 1 | next);
            let high = high(here);
            let after = bytes.get(start + 64).copied().unwrap_or(0);
            let borders = if terminal & high == 0 {
                0
            } else {
                terminal::borders(here, after)
            };
            let unsure = terminal & (high & !borders | breaks);
            let sure = only(unsure & !breaks, start, |at| terminal::is_noise(&bytes[at..]));
            masks[TERMINAL] = terminal & !unsure | sure;
        }
        for (found, mask) in triggers.iter_mut().zip(masks).filter(|(_, mask)| *mask != 0) {
            let (first, last) = (mask.trailing_zeros() as usize, 63 - mask.leading_zeros() as usize);
            let count = found.count() + mask.count_ones() as usize;
            found.blocks.push((start + first, start + last, count));
        }
    }
    triggers
}

/// Fewer marks in sixty-four bytes are looked at one by one.
const MARKS_MIN: u32 = 6;

/// The places of a mask that really begin something.
fn only(mut mask: u64, start: usize, begins: impl Fn(usize) -> bool) -> u64 {
    let mut kept = 0;
    while mask != 0 {
        let bit = mask & mask.wrapping_neg();
        kept |= if begins(start + mask.trailing_zeros() as usize) {
            bit
        } else {
            0
        };
        mask &= mask - 1;
    }
    kept
}

/// Fewer bytes may be anything.
const NOISE_BYTES_MIN: usize = 16;

/// Whether decoded bytes are no text: nothing in them is decoded once more, unless it is compressed.
fn is_noise(bytes: &[u8]) -> bool {
    let sample = &bytes[..bytes.len().min(4096)];
    if sample.len() < NOISE_BYTES_MIN {
        return false;
    }
    let sums = sample.chunks(64).map(odd).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    sums.0 * 20 >= sample.len() && sums.1 * 6 >= sample.len()
}

/// Control characters that no terminal knows, and bytes above ASCII, among up to sixty-four.
fn odd(bytes: &[u8]) -> (usize, usize) {
    // 1 to 6, 11, 14 to 26 and 28 to 31, without branches.
    let control = |b: u8| u8::from((b.wrapping_sub(1) < 6) | (b == 11) | (b.wrapping_sub(14) < 18) & (b != 27));
    let controls: u8 = bytes.iter().map(|b| control(*b)).sum();
    let high: u8 = bytes.iter().map(|b| b >> 7).sum();
    (usize::from(controls), usize::from(high))
}

/// Whether sixty-four bytes are no text at all: control characters that no terminal knows among many bytes above ASCII,
/// here or here and around. What looks like an escape there is none. (A value that is binary itself is found without
/// views.)
fn is_binary(window: &Window<'_>, block: usize, triggers: u64) -> bool {
    const FEW: usize = 3;
    let bytes = &window.text.bytes[..window.to];
    let from = window.from + 64 * block;
    let here = &bytes[from..(from + 64).min(bytes.len())];
    let (controls, above) = odd(here);
    if above < here.len() / 6 || controls == 0 {
        return false;
    }
    if controls >= FEW && triggers.count_ones() as usize >= FEW {
        return true;
    }
    let around = &bytes[from.saturating_sub(64)..(from + 128).min(bytes.len())];
    let (controls, above) = around.chunks(64).map(odd).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    above * 6 >= around.len() && controls * 64 >= FEW * around.len()
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
