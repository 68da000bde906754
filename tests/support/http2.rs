//! HTTP/2 over TLS, one request after the other. The pseudo headers are the caller's: `:authority` may differ from
//! `Host`.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

use crate::connection::{PATIENCE, Response};
use crate::request::Request;

/// How an HTTP/2 exchange ended.
#[derive(Debug)]
pub enum Outcome {
    Answer(Response),
    /// RST_STREAM, GOAWAY or a closed connection before the head of an answer.
    Refused(String),
}

impl Outcome {
    /// The answer, or a panic that says how the exchange ended.
    #[must_use]
    pub fn answer(self) -> Response {
        match self {
            Self::Answer(response) => response,
            Self::Refused(why) => panic!("no answer over HTTP/2: {why}"),
        }
    }
}

/// Sends `request` with `authority` as `:authority`. A `Host` header of the request goes along only if `with_host`.
#[must_use]
pub fn exchange(
    address: SocketAddr,
    config: Arc<ClientConfig>,
    authority: &str,
    request: &Request,
    with_host: bool,
) -> Outcome {
    match Session::connect(address, config) {
        Ok(mut session) => session.exchange(authority, request, with_host),
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

/// A connection for many requests, one after the other. It moves only while [`Self::exchange`] runs.
pub struct Session {
    runtime: Runtime,
    client: SendRequest<Bytes>,
}

impl Session {
    /// Connects with the name `localhost`.
    ///
    /// # Errors
    /// When the peer ends the connection before it has begun.
    pub fn connect(address: SocketAddr, config: Arc<ClientConfig>) -> Result<Self, h2::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let tcp = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let tls = TlsConnector::from(config).connect(name, tcp).await.unwrap();
            assert_eq!(tls.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()), "the gateway did not choose HTTP/2");
            let (client, connection) = h2::client::handshake(tls).await?;
            tokio::spawn(connection);
            Ok::<_, h2::Error>(client)
        })?;
        Ok(Self { runtime, client })
    }

    /// As [`exchange`], on this connection.
    pub fn exchange(&mut self, authority: &str, request: &Request, with_host: bool) -> Outcome {
        let Self { runtime, client } = self;
        runtime.block_on(async {
            let work = converse(client, authority, request, with_host);
            match tokio::time::timeout(PATIENCE, work).await {
                Ok(Ok(response)) => Outcome::Answer(response),
                Ok(Err(error)) => Outcome::Refused(error.to_string()),
                Err(_) => panic!("no end of the HTTP/2 exchange within {PATIENCE:?}"),
            }
        })
    }
}

async fn converse(
    client: &mut SendRequest<Bytes>,
    authority: &str,
    request: &Request,
    with_host: bool,
) -> Result<Response, h2::Error> {
    let mut client = client.clone().ready().await?;
    let body = Bytes::from(request.pieces.concat());
    let (answer, mut sender) = client.send_request(head(authority, request, with_host), body.is_empty())?;
    // an answer may come before the body is taken
    let sent = if body.is_empty() { Ok(()) } else { sender.send_data(body, true) };
    let answer = answer.await.map_err(|error| sent.err().unwrap_or(error))?;
    let mut response = Response { status: answer.status().as_u16(), ..Response::default() };
    response.headers = answer
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let mut incoming = answer.into_body();
    response.complete = true;
    while let Some(piece) = incoming.data().await {
        match piece {
            Ok(piece) => {
                let _ = incoming.flow_control().release_capacity(piece.len());
                response.body.extend_from_slice(&piece);
            }
            Err(_) => {
                response.complete = false;
                break;
            }
        }
    }
    Ok(response)
}

fn head(authority: &str, request: &Request, with_host: bool) -> http::Request<()> {
    let mut builder = http::Request::builder()
        .method(request.method.as_str())
        .uri(format!("https://{authority}{}", request.target()))
        .version(http::Version::HTTP_2);
    for (name, value) in &request.headers {
        if with_host || !name.eq_ignore_ascii_case("host") {
            builder = builder.header(name.to_ascii_lowercase(), value.as_str());
        }
    }
    builder.body(()).unwrap()
}
