//! Rich output: [`display`] and [`display_html`] send at once, in order with what the cell prints.
//!
//! The kernel reads what was printed before it takes the display, and answers only then, so the order holds.
//! [`Fallback`] shows the final expression of a cell through `Debug`: the evaluator first tries `evcxr_display`, and
//! with this trait in scope its first build succeeds for every type that has `Debug`. A type's own `evcxr_display` wins.
//!
//! What is generic here calls at once what is not, because every cell compiles it anew for its types.

use std::fmt::Debug;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::call::call;
use crate::cell;
use crate::content::Content;
use crate::table;

/// Content by MIME type.
pub(crate) type Bundle = Vec<(String, String)>;

/// A display that can be replaced.
#[derive(Debug, Clone)]
pub struct DisplayHandle {
    id: String,
}

impl DisplayHandle {
    /// Replaces the display by `value`.
    pub fn update(&self, value: impl Debug) {
        send(debug_bundle(&value, name_of(&value)), &self.id, true);
    }

    /// Replaces the display by HTML.
    pub fn update_html(&self, html: impl AsRef<str>) {
        send(html_bundle(html.as_ref()), &self.id, true);
    }

    /// Replaces the display by content with metadata and buffers.
    ///
    /// # Panics
    /// When the metadata is no JSON object, or the kernel does not take the display.
    #[track_caller]
    pub fn update_content(&self, content: &Content) {
        if let Err(error) = content.send(&self.id, true) {
            panic!("{error}");
        }
    }

    /// The display's id, as front ends see it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Of a new display.
    pub(crate) fn next() -> DisplayHandle {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        DisplayHandle {
            id: format!("{}-{number}", std::process::id()),
        }
    }
}

/// Shows `value` at once; pass a reference to keep it. Data frames and lists of `dbutils` show as HTML tables too.
pub fn display(value: impl Debug) -> DisplayHandle {
    show(debug_bundle(&value, name_of(&value)))
}

/// Shows HTML at once.
pub fn display_html(html: impl AsRef<str>) -> DisplayHandle {
    show(html_bundle(html.as_ref()))
}

/// Shows rows under a header as a table at once.
pub fn display_table<H, R>(header: impl IntoIterator<Item = H>, rows: impl IntoIterator<Item = R>) -> DisplayHandle
where
    H: ToString,
    R: IntoIterator,
    R::Item: ToString,
{
    let header: Vec<String> = header.into_iter().map(|name| name.to_string()).collect();
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| row.into_iter().map(|cell| cell.to_string()).collect())
        .collect();
    show(vec![
        ("text/html".to_owned(), table::html(&header, &rows)),
        ("text/plain".to_owned(), table::text(&header, &rows)),
    ])
}

/// Shows content by MIME type at once, such as `[("image/svg+xml", svg)]`.
pub fn display_data<M: AsRef<str>, C: AsRef<str>>(bundle: impl IntoIterator<Item = (M, C)>) -> DisplayHandle {
    let bundle: Bundle = bundle
        .into_iter()
        .map(|(mime, content)| (mime.as_ref().to_owned(), content.as_ref().to_owned()))
        .collect();
    show(bundle)
}

/// Clears the output of the running cell; with `wait`, when the next output comes, so that nothing flickers.
pub fn clear_output(wait: bool) {
    flush();
    let _ = call("cell.clear_output", &[if wait { b"1" } else { b"0" }]);
}

fn name_of<T>(_: &T) -> &'static str {
    std::any::type_name::<T>()
}

#[inline(never)]
fn debug_bundle(value: &dyn Debug, name: &str) -> Bundle {
    bundle(name, format!("{value:?}"))
}

/// `text`, the `Debug` of a value of the type `name`, as content; as HTML too for types that print as tables.
fn bundle(name: &str, text: String) -> Bundle {
    let is_table = name.contains("dbutils::") || (name.contains("polars") && name.contains("DataFrame"));
    let html = is_table.then(|| table::from_text(&text)).flatten();
    let mut bundle = Vec::new();
    bundle.extend(html.map(|html| ("text/html".to_owned(), html)));
    bundle.push(("text/plain".to_owned(), text));
    bundle
}

fn html_bundle(html: &str) -> Bundle {
    vec![
        ("text/html".to_owned(), html.to_owned()),
        ("text/plain".to_owned(), html.to_owned()),
    ]
}

fn show(bundle: Bundle) -> DisplayHandle {
    let handle = DisplayHandle::next();
    send(bundle, &handle.id, false);
    handle
}

/// What cannot be shown is no reason to end the cell: it is said instead.
fn send(bundle: Bundle, id: &str, update: bool) {
    if let Err(error) = Content::from(bundle).send(id, update) {
        let _ = writeln!(std::io::stderr(), "not shown: {error}");
    }
}

pub(crate) fn flush() {
    let _ = std::io::stdout().flush();
}

#[inline(never)]
fn result(value: &dyn Debug, name: &str) {
    cell::shown_by_debug();
    if name != "()" {
        cell::result(&bundle(name, cell::format_result(value, name)));
    }
}

/// Shows the final expression of a cell that has `Debug` and no `evcxr_display` of its own.
pub trait Fallback {
    /// Sends the value as the cell's result; `()` is no result.
    fn evcxr_display(&self);
}

impl<T: Debug + ?Sized> Fallback for T {
    fn evcxr_display(&self) {
        result(&self, std::any::type_name::<T>());
    }
}

/// Shows a final expression of a basic type. It takes the value itself, so that the compiler finds it before it looks for
/// references to a value with [`Fallback`], for which it would read every `impl` of `Debug` there is.
pub trait Basic {
    /// Sends the value as the cell's result; `()` is no result.
    fn evcxr_display(self);
}

macro_rules! basic {
    ($($kind:ty)*) => {
        $(impl Basic for $kind {
            fn evcxr_display(self) {
                result(&self, stringify!($kind));
            }
        })*
    };
}

basic! { () bool char i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64 }
