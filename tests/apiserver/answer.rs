//! Requests and answers.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::fault::Fault;
use crate::request::{Asked, Verb};
use crate::state::{Seen, Written, kind};
use crate::{ApiServer, stream, write};

/// Frames of a body, as they come; it may stay open for ever.
pub struct AnswerBody(mpsc::UnboundedReceiver<io::Result<Bytes>>);

/// There is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("connection refused")
    }
}

impl std::error::Error for Refused {}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(context).map(|next| next.map(|bytes| bytes.map(Frame::data)))
    }
}

impl AnswerBody {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let _ = sender.send(Ok(bytes.into()));
        Self(receiver)
    }

    pub(crate) fn open() -> (mpsc::UnboundedSender<io::Result<Bytes>>, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Self(receiver))
    }
}

impl ApiServer {
    /// The answer to one request; it may never come.
    ///
    /// # Errors
    /// The server is down, or refuses.
    pub async fn answer(&self, request: Request<Bytes>) -> Result<Response<AnswerBody>, Refused> {
        let uri = request.uri();
        let Some(asked) = Asked::parse(request.method(), uri.path(), uri.query().unwrap_or_default()) else {
            return Ok(failure(404, "NotFound"));
        };
        let accepted = request.headers().get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let accepts_gzip = accepted.contains("gzip");
        let fault = self.change(|state| {
            if state.down {
                return Some(Fault::Refuse);
            }
            let fault = state.rules.iter_mut().find_map(|rule| rule.strike(&asked));
            let selector = ["fieldSelector", "labelSelector"].map(|one| asked.parameter(one)).join("&");
            state.seen.push(Seen {
                verb: asked.verb,
                plural: asked.plural.clone(),
                namespace: asked.namespace.clone(),
                name: asked.name.clone(),
                subresource: asked.subresource.clone(),
                selector,
                accepts_gzip,
                fault,
                at: Instant::now(),
            });
            fault
        });
        match fault {
            Some(Fault::Refuse) => return Err(Refused),
            Some(Fault::Stall) => return std::future::pending().await,
            Some(Fault::Status(status)) => return Ok(failure(status, reason(status))),
            Some(Fault::Slow(pause)) => sleep(pause).await,
            _ => {}
        }
        // As the real server: LISTs by and by, watches from 1.37 on, each event a member of its own.
        let gzip = accepts_gzip || fault == Some(Fault::Compressed);
        Ok(match asked.verb {
            Verb::List => self.list(&asked, fault, gzip),
            Verb::Watch => stream::watch(self, asked, fault, gzip),
            Verb::Get => match self.lock().get(&asked.plural, &asked.namespace, &asked.name) {
                Some(object) => success(object),
                None => failure(404, "NotFound"),
            },
            _ => {
                let written = self.change(|state| write::write(state, &asked, request.body()));
                match written {
                    Written::Stored(object) => success(&object),
                    Written::Conflict(reason) => failure(409, reason),
                    Written::NotFound => failure(404, "NotFound"),
                }
            }
        })
    }

    fn list(&self, asked: &Asked, fault: Option<Fault>, gzip: bool) -> Response<AnswerBody> {
        let state = self.lock();
        let limit: usize = asked.parameter("limit").parse().unwrap_or(usize::MAX);
        // "version of the first page:last key"
        let (version, after) = match asked.parameter("continue").split_once(':') {
            Some((version, after)) => (version.parse().unwrap_or(state.version), after),
            None => (state.version, ""),
        };
        let mut found = state.page(asked, after);
        let items: Vec<(String, &Value)> = found.by_ref().take(limit).collect();
        let next = match (found.next(), items.last()) {
            (Some(_), Some((last, _))) => format!("{version}:{last}"),
            _ => String::new(),
        };
        let items: Vec<&Value> = items.into_iter().map(|(_, object)| object).collect();
        let body = json!({
            "apiVersion": items.first().map_or(json!("v1"), |one| one["apiVersion"].clone()),
            "kind": format!("{}List", kind(&asked.plural)),
            "metadata": { "resourceVersion": version.to_string(), "continue": next },
            "items": items,
        });
        let text = body.to_string();
        if fault == Some(Fault::StallBody) {
            let (sender, open) = AnswerBody::open();
            let half = text.as_bytes().iter().take(text.len() / 2).copied().collect::<Vec<u8>>();
            let _ = sender.send(Ok(half.into()));
            // Kept open by a task that lives as long as the runtime.
            tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(sender);
            });
            return response(200, open);
        }
        if gzip {
            return compressed(response(200, AnswerBody::whole(packed(text.as_bytes()))));
        }
        response(200, AnswerBody::whole(text))
    }
}

/// One member of gzip.
pub(crate) fn packed(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything").into()
}

pub(crate) fn compressed(mut response: Response<AnswerBody>) -> Response<AnswerBody> {
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response
}

pub(crate) fn response(status: u16, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn success(object: &Value) -> Response<AnswerBody> {
    response(200, AnswerBody::whole(object.to_string()))
}

/// The body that `kube::Error::Api` is read from.
pub(crate) fn status_body(code: u16, reason: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("the fake says {code}"), "reason": reason, "code": code,
    })
}

fn failure(code: u16, reason: &str) -> Response<AnswerBody> {
    response(code, AnswerBody::whole(status_body(code, reason).to_string()))
}

fn reason(code: u16) -> &'static str {
    match code {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        _ => "InternalError",
    }
}
