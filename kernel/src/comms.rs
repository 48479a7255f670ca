//! Open comms. The kernel offers no targets of its own to front ends, so what a front end opens is closed again; what
//! the kernel opens (widgets) is listed and gets the front end's messages.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::requests;
use crate::session::{Object, object};

/// Open comms kept; a front end cannot open any, so this bounds user code.
const COMMS_MAX: usize = 10_000;

/// Takes the data of the front end's messages to one comm; gives the data of the answer, if there is one.
pub type Handler = Box<dyn Fn(&Object) -> Option<Object> + Send + Sync>;

/// The open comms of one kernel.
#[derive(Default)]
pub struct Comms {
    open: Mutex<Vec<Comm>>,
}

struct Comm {
    id: String,
    target: String,
    handler: Option<std::sync::Arc<Handler>>,
}

impl Comms {
    /// Notes a comm that the kernel or user code opens.
    pub fn opened(&self, id: &str, target: &str, handler: Option<Handler>) {
        let mut open = self.lock();
        open.retain(|comm| comm.id != id);
        if open.len() >= COMMS_MAX {
            open.remove(0);
        }
        open.push(Comm {
            id: id.to_owned(),
            target: target.to_owned(),
            handler: handler.map(std::sync::Arc::new),
        });
    }

    /// Notes the end of a comm.
    pub fn closed(&self, id: &str) {
        self.lock().retain(|comm| comm.id != id);
    }

    /// Content of `comm_info_reply`.
    pub fn info(&self, request: &requests::CommInfo) -> Object {
        let wanted = |comm: &&Comm| request.target_name.as_ref().is_none_or(|target| *target == comm.target);
        let entry = |comm: &Comm| (comm.id.clone(), json!({"target_name": comm.target}));
        let comms: Object = self.lock().iter().filter(wanted).map(entry).collect();
        object(json!({"status": "ok", "comms": comms}))
    }

    /// Delivers a `comm_msg` of the front end; gives the content of the `comm_msg` that answers it, if there is one.
    pub fn message(&self, message: &requests::Comm) -> Option<Object> {
        let open = self.lock();
        let handler = open.iter().find(|comm| comm.id == message.comm_id)?.handler.clone()?;
        // Called without the lock, so that a handler may use comms.
        drop(open);
        let data = handler(&message.data)?;
        Some(object(json!({"comm_id": message.comm_id, "data": data})))
    }

    /// Content of the `comm_close` that answers a front end's `comm_open`: no target is known here.
    pub fn refuse(message: &requests::Comm) -> Object {
        object(json!({"comm_id": message.comm_id, "data": Value::Object(Object::new())}))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Comm>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
