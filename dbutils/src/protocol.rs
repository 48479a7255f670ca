//! The calls between user code and the kernel's broker, and their framing.
//!
//! ```text
//! cell code ── connect ──► private unix socket of the kernel
//!           ── Request ──►  u32 length (big endian), then fields, each u32 length + bytes
//!           ◄─ Response ──  one answer, then the connection is closed
//! ```
//!

//! | method | arguments | fields of the answer |
//! |---|---|---|
//! | `secrets.get` | scope, key | value |
//! | `secrets.list` | scope | key, last_updated_timestamp (decimal milliseconds), for each secret |
//! | `secrets.list_scopes` | | name, backend_type, for each scope |
//! | `secrets.redactions` | | scope, key, form, count (decimal), for each secret and form hidden so far |
//! | `widgets.text`, `.dropdown`, `.combobox`, `.multiselect` | name, default, label, choice… | |
//! | `widgets.get` | name | value |
//! | `widgets.remove`, `widgets.remove_all` | name; none | |
//! | `comms.register`, `.unregister` | target | |
//! | `comms.open` | target | id; the message itself is a `cell.comm` |
//! | `comms.is_open` | id | `1` or `0` |
//! | `comms.close` | id | |
//! | `comms.receive` | id, milliseconds to wait | `message` or `close`, data, metadata, buffer…; or `closed`; or nothing |
//! | `comms.accept` | target, milliseconds to wait | id, data, metadata, buffer…; or nothing |
//! | `notebook.exit` | value | |
//! | `notebook.run` | path, timeout in seconds (0: none), then name, value of each argument | exit value |
//!
//! `cell.*` is answered by the runtime and never reaches the broker.

use std::io::{self, Read, Write};

/// Largest frame either side accepts: a secret of 131,072 bytes, a notebook's exit value, with room to spare.
pub const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One call: its name (`secrets.get`, `secrets.list`, `widgets.text`, …) and its arguments in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Dotted name of the call.
    pub method: String,
    /// Arguments, as bytes.
    pub args: Vec<Vec<u8>>,
}

/// The broker's answer. Has no `Debug`: it may hold a secret value.
pub enum Response {
    /// Fields of the result, in an order fixed per method.
    Ok(Vec<Vec<u8>>),
    /// The call failed: an error code (`RESOURCE_DOES_NOT_EXIST`, …) and the text for the user.
    Err {
        /// Error code as in the REST API.
        code: String,
        /// What happened and what to do.
        message: String,
    },
}

impl Request {
    /// Writes the request as one frame.
    ///
    /// # Errors
    /// Those of `writer`, and `InvalidInput` for a frame over [`FRAME_BYTES_MAX`].
    pub fn write_to(&self, writer: &mut impl Write) -> io::Result<()> {
        let mut fields: Vec<&[u8]> = vec![self.method.as_bytes()];
        fields.extend(self.args.iter().map(Vec::as_slice));
        write_frame(writer, &fields)
    }

    /// Reads one request.
    ///
    /// # Errors
    /// Those of `reader`, and `InvalidData` for a malformed frame.
    pub fn read_from(reader: &mut impl Read) -> io::Result<Request> {
        let mut fields = read_frame(reader)?.into_iter();
        let method = fields.next().ok_or_else(malformed)?;
        Ok(Request {
            method: String::from_utf8(method).map_err(|_| malformed())?,
            args: fields.collect(),
        })
    }
}

impl Response {
    /// Writes the response as one frame.
    ///
    /// # Errors
    /// Those of `writer`, and `InvalidInput` for a frame over [`FRAME_BYTES_MAX`].
    pub fn write_to(&self, writer: &mut impl Write) -> io::Result<()> {
        match self {
            Response::Ok(fields) => {
                let mut all: Vec<&[u8]> = vec![b"ok"];
                all.extend(fields.iter().map(Vec::as_slice));
                write_frame(writer, &all)
            }
            Response::Err { code, message } => write_frame(writer, &[b"err", code.as_bytes(), message.as_bytes()]),
        }
    }

    /// Reads one response.
    ///
    /// # Errors
    /// Those of `reader`, and `InvalidData` for a malformed frame.
    pub fn read_from(reader: &mut impl Read) -> io::Result<Response> {
        let mut fields = read_frame(reader)?.into_iter();
        let status = fields.next().ok_or_else(malformed)?;
        match status.as_slice() {
            b"ok" => Ok(Response::Ok(fields.collect())),
            b"err" => {
                let mut text = || {
                    fields
                        .next()
                        .and_then(|bytes| String::from_utf8(bytes).ok())
                        .ok_or_else(malformed)
                };
                Ok(Response::Err {
                    code: text()?,
                    message: text()?,
                })
            }
            _ => Err(malformed()),
        }
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "malformed dbutils frame")
}

fn write_frame(writer: &mut impl Write, fields: &[&[u8]]) -> io::Result<()> {
    let size: usize = fields.iter().map(|field| 4 + field.len()).sum();
    if size > FRAME_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "dbutils frame too large"));
    }
    let mut frame = Vec::with_capacity(4 + size);
    frame.extend_from_slice(&(size as u32).to_be_bytes());
    for field in fields {
        frame.extend_from_slice(&(field.len() as u32).to_be_bytes());
        frame.extend_from_slice(field);
    }
    writer.write_all(&frame)?;
    writer.flush()
}

fn read_frame(reader: &mut impl Read) -> io::Result<Vec<Vec<u8>>> {
    let size = read_length(reader)?;
    if size > FRAME_BYTES_MAX {
        return Err(malformed());
    }
    let mut frame = vec![0; size];
    reader.read_exact(&mut frame)?;
    let mut rest = frame.as_slice();
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let length = read_length(&mut rest)?;
        if length > rest.len() {
            return Err(malformed());
        }
        let (field, after) = rest.split_at(length);
        fields.push(field.to_vec());
        rest = after;
    }
    Ok(fields)
}

fn read_length(reader: &mut impl Read) -> io::Result<usize> {
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    Ok(u32::from_be_bytes(length) as usize)
}
