//! Watches.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::ApiServer;
use crate::answer::{AnswerBody, compressed, packed, response, status_body};
use crate::fault::Fault;
use crate::request::Asked;
use crate::state::{Logged, kind, selected};

/// When the client names no time.
const DEFAULT_SECONDS: u64 = 1800;

/// Opens a watch: 200 at once, then events until its time is over.
pub(crate) fn watch(server: &ApiServer, asked: Asked, fault: Option<Fault>, gzip: bool) -> Response<AnswerBody> {
    let (sender, body) = AnswerBody::open();
    let from: u64 = asked.parameter("resourceVersion").parse().unwrap_or(0);
    let gone = fault == Some(Fault::GoneEvent) || from < server.lock().compacted;
    if gone {
        let _ = sender.send(Ok(line("ERROR", &status_body(410, "Expired"))));
    } else {
        let garbled = if let Some(Fault::Garbled(text)) = fault { Some(text) } else { None };
        tokio::spawn(run(server.clone(), asked, from, Wire { sender, garbled, gzip }));
    }
    if gzip { compressed(response(200, body)) } else { response(200, body) }
}

/// How events go to the client.
struct Wire {
    sender: mpsc::UnboundedSender<io::Result<Bytes>>,
    /// Said instead of the first event.
    garbled: Option<&'static str>,
    gzip: bool,
}

impl Wire {
    /// False when nobody listens any more.
    fn send(&mut self, line: Bytes) -> bool {
        let line = self.garbled.take().map_or(line, |text| format!("{text}\n").into());
        self.sender.send(Ok(if self.gzip { packed(&line) } else { line })).is_ok()
    }
}

async fn run(server: ApiServer, asked: Asked, from: u64, mut wire: Wire) {
    let seconds = asked.parameter("timeoutSeconds").parse().unwrap_or(DEFAULT_SECONDS);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut changes = server.shared.changed.subscribe();
    let (cuts, freezes) = {
        let state = server.lock();
        (state.cuts, state.freezes)
    };
    let mut sent = from;
    loop {
        changes.borrow_and_update();
        let (cut, frozen, lines) = {
            let state = server.lock();
            let news = state.log.iter().filter(|one| one.version > sent && one.plural == asked.plural);
            let lines: Vec<Bytes> = news.filter_map(|one| event(&asked, one)).collect();
            sent = sent.max(state.version);
            (state.cuts != cuts, state.freezes != freezes, lines)
        };
        if cut {
            let _ = wire.sender.send(Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut")));
            return;
        }
        if frozen {
            // Open and silent, until the client gives up.
            wire.sender.closed().await;
            return;
        }
        for line in lines {
            if !wire.send(line) {
                return;
            }
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = wire.sender.closed() => return,
            () = sleep_until(end) => {
                let kind = kind(&asked.plural);
                wire.send(line("BOOKMARK", &json!({
                    "apiVersion": "v1", "kind": kind, "metadata": { "resourceVersion": sent.to_string() },
                })));
                return;
            }
        }
    }
}

/// What a change looks like through the selection of this watch.
fn event(asked: &Asked, change: &Logged) -> Option<Bytes> {
    let inside = |object: &Option<Value>| object.as_ref().is_some_and(|object| selected(asked, object));
    let (what, mut object) = match (inside(&change.before), inside(&change.after)) {
        (false, true) => ("ADDED", change.after.clone()?),
        (true, true) => ("MODIFIED", change.after.clone()?),
        // Deleted, or no longer selected.
        (true, false) => ("DELETED", change.before.clone()?),
        (false, false) => return None,
    };
    object["metadata"]["resourceVersion"] = json!(change.version.to_string());
    Some(line(what, &object))
}

fn line(what: &str, object: &Value) -> Bytes {
    format!("{}\n", json!({ "type": what, "object": object })).into()
}
