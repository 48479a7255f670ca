//! Standard output: tables for people, JSON for programs.
//!
//! Invariant: a reader that goes away (`| head`) ends the process quietly instead of with a panic.

use std::io::{ErrorKind, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::failure::{Failure, Outcome, Status};

/// How results are printed; `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Aligned columns with a header.
    #[default]
    Table,
    /// The service's answer as JSON.
    Json,
}

impl Format {
    /// Prints the service's answer, or the table that `table` makes of it.
    pub fn print<T: Serialize>(self, answer: &T, table: impl FnOnce(&T) -> Table) -> Outcome {
        match self {
            Format::Json => json(answer),
            Format::Table => text(&table(answer).to_string()),
        }
    }

    /// A command that only did something says nothing to people, as the original's do, and `{}` to programs.
    pub fn done(self) -> Outcome {
        match self {
            Format::Json => line("{}"),
            Format::Table => Ok(()),
        }
    }
}

/// Rows under a header, columns padded to the widest cell.
#[derive(Debug)]
pub struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new<const N: usize>(header: [&'static str; N]) -> Self {
        Table {
            header: header.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut widths: Vec<usize> = self.header.iter().map(|cell| cell.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut text = String::new();
            for (cell, width) in cells.zip(&widths) {
                text.push_str(cell);
                text.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
            }
            writeln!(f, "{}", text.trim_end())
        };
        line(&mut self.header.iter().copied())?;
        for row in &self.rows {
            line(&mut row.iter().map(String::as_str))?;
        }
        Ok(())
    }
}

/// Writes text to standard output.
pub fn text(text: &str) -> Outcome {
    bytes(text.as_bytes())
}

/// Writes a line to standard output.
pub fn line(text: &str) -> Outcome {
    bytes(format!("{text}\n").as_bytes())
}

/// Writes bytes to standard output.
pub fn bytes(bytes: &[u8]) -> Outcome {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::silent(Status::Failed)),
        Err(error) => Err(Failure::io("write to standard output", &error)),
    }
}

/// Tells the person at the terminal something that is no result.
pub fn note(text: &str) {
    // Nobody to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints an answer as an indented JSON document.
pub fn json(answer: &impl Serialize) -> Outcome {
    match serde_json::to_string_pretty(answer) {
        Ok(document) => line(&document),
        Err(error) => Err(Failure::new(format!("cannot write the answer as JSON: {error}"))),
    }
}

/// Milliseconds since 1970 as `2026-01-31 12:00:00Z`; empty for `None`.
pub fn time(milliseconds: Option<i64>) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    milliseconds
        .and_then(|ms| time::OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)).ok())
        .and_then(|moment| moment.format(format).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_without_blanks() {
        let mut table = Table::new(["Scope", "Backend"]);
        table.row(["jdbc".into(), "DATABRICKS".into()]);
        table.row(["clickstream-db".into(), String::new()]);
        assert_eq!(
            table.to_string(),
            "Scope           Backend\njdbc            DATABRICKS\nclickstream-db\n"
        );
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time(Some(1_700_000_000_123)), "2023-11-14 22:13:20Z");
        assert_eq!(time(None), "");
    }
}
