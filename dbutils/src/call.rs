//! One call to the kernel: connect, ask, read the answer, close.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;

use crate::location;
use crate::protocol::{FRAME_BYTES_MAX, Request, Response};

/// Why a call failed: a code as in the REST API and what to do. Never holds a value.
#[derive(Clone, PartialEq, Eq)]
pub struct CallError {
    code: String,
    message: String,
}

impl CallError {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> CallError {
        CallError {
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// The error code, such as `RESOURCE_DOES_NOT_EXIST` or `PERMISSION_DENIED`.
    pub fn code(&self) -> &str {
        &self.code
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for CallError {}

/// Calls `method` with `args` and returns the fields of the answer.
pub(crate) fn call(method: &str, args: &[&[u8]]) -> Result<Vec<Vec<u8>>, CallError> {
    let unreachable = |error: std::io::Error| {
        CallError::new(
            "KERNEL_UNREACHABLE",
            format!("dbutils.{method}: the notebook's kernel does not answer ({error}); restart the kernel"),
        )
    };
    let unsent = |error: std::io::Error| match error.kind() {
        ErrorKind::InvalidInput => {
            let most = FRAME_BYTES_MAX >> 20;
            let message = format!("dbutils.{method}: more than {most} MiB in one call; pass less at once");
            CallError::new("INVALID_PARAMETER_VALUE", message)
        }
        _ => unreachable(error),
    };
    let mut stream = UnixStream::connect(location::socket()).map_err(unreachable)?;
    let request = Request {
        method: method.to_owned(),
        args: args.iter().map(|arg| arg.to_vec()).collect(),
    };
    request.write_to(&mut stream).map_err(unsent)?;
    match Response::read_from(&mut stream).map_err(unreachable)? {
        Response::Ok(fields) => Ok(fields),
        Response::Err { code, message } => Err(CallError { code, message }),
    }
}

/// As [`call`], for answers that are text.
pub(crate) fn call_text(method: &str, args: &[&str]) -> Result<Vec<String>, CallError> {
    let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
    let fields = call(method, &args)?;
    Ok(fields
        .into_iter()
        .map(|field| String::from_utf8_lossy(&field).into_owned())
        .collect())
}
