//! Asks a running OSP by its admin listener.

use std::fmt::Display;
use std::time::Duration;

use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use osp_core::model::HostPort;
use tokio::net::TcpStream;

use super::asked::wrong;
use super::parameters;
use crate::Failure;
use crate::args::ExplainedRequest;

/// Connecting and the whole answer: a person waits, and the answer takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(10);
/// The answer to `ListBuckets` names every bucket that the client sees; more is no answer of OSP.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Of an answer that is not OSP's, as much as a terminal can bear.
const MOST_SHOWN: usize = 500;

/// What OSP at this address says.
pub(super) fn ask(admin: &str, request: &ExplainedRequest) -> Result<String, Failure> {
    let Ok(address) = HostPort::parse(admin) else {
        let reason = format!("{admin:?} is no ADDRESS:PORT, such as 127.0.0.1:9090");
        return Err(Failure::Config(vec![wrong("--admin", reason)]));
    };
    let failed = |why: &dyn Display| Failure::Explain(format!("{address}: {why}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| failed(&why))?;
    let answer = runtime.block_on(async { tokio::time::timeout(DEADLINE, fetch(&address, request)).await });
    let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} s", DEADLINE.as_secs())));
    let (status, body) = answer.map_err(|why| failed(&why))?;
    if status == StatusCode::OK {
        return Ok(body);
    }
    let shown: String = body.trim_end().chars().take(MOST_SHOWN).collect();
    Err(match status {
        // one mistake a line, each with its parameter
        StatusCode::BAD_REQUEST => Failure::Explain(body.trim_end().to_owned()),
        StatusCode::FORBIDDEN => failed(&format!(
            "{shown}: run `osp explain` where OSP runs (kubectl exec), or by way of kubectl port-forward"
        )),
        StatusCode::NOT_FOUND => failed(&"there is no /explain: an older OSP, or something else"),
        status => failed(&format!("{status}: {shown}")),
    })
}

async fn fetch(address: &HostPort, request: &ExplainedRequest) -> Result<(StatusCode, String), String> {
    let stream = TcpStream::connect((address.host.as_str(), address.port)).await;
    let stream = stream.map_err(|why| format!("cannot connect: {why}"))?;
    let broken = |why: &dyn Display| format!("no answer of OSP's admin listener: {why}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|why| broken(&why))?;
    // Ends with the connection; its error is the request's, too.
    let connection = tokio::spawn(connection);
    let head = Request::get(format!("/explain?{}", parameters::write(request))).header(HOST, address.to_string());
    let head = head.body(Empty::<Bytes>::new()).map_err(|why| broken(&why))?;
    let answer = sender.send_request(head).await.map_err(|why| broken(&why))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await.map_err(|why| broken(&why))?;
    connection.abort();
    let body = String::from_utf8(body.to_bytes().to_vec()).map_err(|why| broken(&why))?;
    Ok((status, body))
}
