//! The operator's own listener: `/livez`, `/readyz`, `/metrics`, `/config` and `/explain`.
//!
//! It shares nothing with the data plane but what it reads, so that it answers while the data plane is busy or drains.

#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use osp_core::table::{Reader, ServedBackend, ServedRoute};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::explain;
use crate::telemetry::Metrics;

/// Probes and scrapers are few; more connections wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 64;
/// One request and its answer, so that a stuck scraper cannot hold a connection: scrapers give up after 10 s themselves.
const CONNECTION_DEADLINE: Duration = Duration::from_secs(15);
/// Heads here are a line and a few headers. A key and a copy's source of 1,024 bytes, the one percent-encoded and the
/// other one twice, are 8 KiB.
const HEAD_BYTES: usize = 16 * 1024;
/// After a failed accept (no descriptors left, as a rule) it is not tried again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const NO_TABLE: &str = "no table of routes yet\n";
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EXPOSITION: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// What the admin listener reads. Clones read the same.
#[derive(Debug, Clone)]
pub struct Admin {
    /// The table in force.
    pub table: Reader,
    /// True from the moment at which the process was told to end.
    pub draining: watch::Receiver<bool>,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// The effective settings, [`crate::Config::effective`].
    pub settings: Arc<Value>,
    /// [`crate::Config::base_hosts`].
    pub base_hosts: Arc<[String]>,
}

/// Serves until `shutdown` turns true or its sender is gone. Answers go on while the data plane drains: `shutdown` is
/// not [`Admin::draining`].
///
/// # Errors
/// The listener cannot be handed to the runtime.
pub async fn serve(
    listener: std::net::TcpListener,
    admin: Admin,
    mut shutdown: watch::Receiver<bool>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return Ok(()) };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = shutdown.wait_for(|stop| *stop) => return Ok(()),
        };
        match accepted {
            Ok((stream, peer)) => {
                let admin = admin.clone();
                tokio::spawn(async move {
                    // A client that breaks off or is too slow is no event worth a line.
                    let _ = tokio::time::timeout(CONNECTION_DEADLINE, exchange(stream, peer.ip(), admin)).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin listener cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One request and one answer: idle connections would only hold descriptors.
async fn exchange(stream: TcpStream, peer: IpAddr, admin: Admin) -> hyper::Result<()> {
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let answer = answer(&admin, peer, request.method(), request.uri());
        async move { Ok::<_, std::convert::Infallible>(answer) }
    });
    http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn answer(admin: &Admin, peer: IpAddr, method: &Method, uri: &Uri) -> Response<Full<Bytes>> {
    let get = matches!(*method, Method::GET | Method::HEAD);
    let mut response = match uri.path() {
        "/livez" | "/readyz" | "/metrics" | "/config" | "/explain" if !get => method_not_allowed(),
        "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" => ready(admin),
        "/metrics" => metrics(admin),
        "/config" | "/explain" if !peer.to_canonical().is_loopback() => {
            text(StatusCode::FORBIDDEN, "only from the machine itself\n")
        }
        "/config" => configuration(admin),
        "/explain" => explained(admin, uri.query().unwrap_or_default()),
        _ => text(StatusCode::NOT_FOUND, "there are /livez, /readyz, /metrics, /config and /explain\n"),
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn ready(admin: &Admin) -> Response<Full<Bytes>> {
    if *admin.draining.borrow() {
        text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else if admin.table.pin().is_none() {
        text(StatusCode::SERVICE_UNAVAILABLE, NO_TABLE)
    } else {
        text(StatusCode::OK, "ok\n")
    }
}

fn metrics(admin: &Admin) -> Response<Full<Bytes>> {
    match admin.metrics.encode() {
        Ok(encoded) => respond(StatusCode::OK, EXPOSITION, encoded),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be encoded");
            text(StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be encoded\n")
        }
    }
}

/// Settings, and of the table its fingerprint, its usable routes and the buckets of which something is broken. Nothing
/// here is secret, but where the gateway's parts are is nobody else's business.
fn configuration(admin: &Admin) -> Response<Full<Bytes>> {
    let table = admin.table.pin().map(|table| {
        let mut broken: Vec<_> = table.broken().collect();
        broken.sort_unstable();
        json!({
            "hash": format!("{:016x}", table.fingerprint()),
            "routes": table.routes().map(|route| shown(route)).collect::<Vec<_>>(),
            "broken": broken,
        })
    });
    let body = json!({ "settings": *admin.settings, "table": table });
    respond(StatusCode::OK, JSON, format!("{body:#}\n"))
}

fn shown(route: &ServedRoute) -> Value {
    let backends = route.backends.usable();
    let backend = |backend: &std::sync::Arc<ServedBackend>| {
        json!({
            "name": &*backend.name,
            "bucket": backend.mapping.backend_bucket,
            "prefix": backend.mapping.prefix.as_str(),
        })
    };
    json!({
        "name": route.name.to_string(),
        "bucket": route.bucket.as_str(),
        "prefix": backends.first().map_or("", |backend| backend.mapping.client_prefix.as_str()),
        "backends": backends.iter().map(backend).collect::<Vec<_>>(),
        "writes": route.backends.writes().map(|backend| &*backend.name),
        "accessEntries": route.policy.allow.len(),
        "denyEntries": route.policy.deny.len(),
    })
}

/// What would be decided by the table in force, in the lines of `osp explain`. What it says of routes is nobody else's
/// business, either.
fn explained(admin: &Admin, query: &str) -> Response<Full<Bytes>> {
    match (explain::parameters::read(query, &admin.base_hosts), admin.table.pin()) {
        (Err(errors), _) => {
            let lines: String = errors.iter().map(|error| format!("{error}\n")).collect();
            respond(StatusCode::BAD_REQUEST, TEXT, lines)
        }
        (Ok(_), None) => text(StatusCode::SERVICE_UNAVAILABLE, NO_TABLE),
        (Ok(asked), Some(table)) => respond(StatusCode::OK, TEXT, explain::told(&asked, &table)),
    }
}

fn method_not_allowed() -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    respond(status, TEXT, body)
}

fn respond(status: StatusCode, kind: HeaderValue, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
