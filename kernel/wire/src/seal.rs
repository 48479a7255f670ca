//! Provisional.
use crate::Message;
use sealbook_redact::Seal;
impl Seal for Message {}
