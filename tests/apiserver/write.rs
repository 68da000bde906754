//! Writes: statuses, Leases, Events.

use serde_json::Value;

use crate::request::{Asked, Verb};
use crate::state::{State, Written};

pub(crate) fn write(state: &mut State, asked: &Asked, body: &[u8]) -> Written {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Written::Conflict("BadRequest") };
    match (asked.verb, asked.subresource.as_str()) {
        (Verb::Create, _) => state.create(asked, body),
        (Verb::Replace, _) => state.replace(asked, body),
        (_, "status") => {
            // The real server refuses an apply that does not say what it is, and one without an owner.
            let complete = body["kind"].is_string() && body["apiVersion"].is_string();
            if complete && !asked.parameter("fieldManager").is_empty() {
                state.apply_status(asked, &body)
            } else {
                Written::Conflict("BadRequest")
            }
        }
        _ => state.replace(asked, body),
    }
}
