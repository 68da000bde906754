//! The one place that speaks HTTP, with servers on the loopback.

use std::time::Duration;

use osp_core::model::{Endpoint, ProcessProxy, TokenEndpoint, basic_authorization};
use osp_core::sigv4::SecretKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::{Exchange, Failure, HttpIssuer, Issuer as _, Token};

const GOOD: &str = r#"{"access_token":"the-token","token_type":"Bearer","expires_in":3600}"#;

/// Answers one request, and tells what it was: everything that came, and its port.
async fn server(answer: String) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let (mut request, mut buffer) = (String::new(), [0; 4096]);
        while !request.ends_with("a-key") {
            let count = connection.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the form is cut off: {request}");
            request.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
        // whoever has heard enough hangs up
        let _ = connection.write_all(answer.as_bytes()).await;
        request
    });
    (port, served)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len())
}

async fn exchange(endpoint: &str, proxy: Option<&ProcessProxy>) -> Result<Token, Failure> {
    let (api_key, endpoint) = (SecretKey::new("a-key".to_owned()).unwrap(), TokenEndpoint::parse(endpoint).unwrap());
    HttpIssuer::default().exchange(Exchange { api_key: &api_key, endpoint: &endpoint, proxy }).await
}

fn token() -> Token {
    Token { token: SecretKey::new("the-token".to_owned()).unwrap(), lifetime: Duration::from_secs(3590) }
}

#[tokio::test]
async fn c24_a_key_is_posted_as_a_form() {
    let (port, served) = server(answer("200 OK", "", GOOD)).await;
    assert_eq!(exchange(&format!("http://127.0.0.1:{port}/identity/token"), None).await, Ok(token()));
    let request = served.await.unwrap().to_ascii_lowercase();
    assert!(request.starts_with("post /identity/token http/1.1\r\n"), "{request}");
    assert!(request.contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\ngrant_type=urn%3aibm%3aparams%3aoauth%3agrant-type%3aapikey&apikey=a-key"));
    assert!(!request.contains("\r\nauthorization:"), "{request}");
}

/// B-1: an answer does not decide where a key is sent.
#[tokio::test]
async fn security_8_no_redirect_is_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = elsewhere.local_addr().unwrap();
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let (port, _served) = server(answer(status, &format!("location: http://{address}/\r\n"), "")).await;
        let endpoint = format!("http://127.0.0.1:{port}/identity/token");
        assert_eq!(exchange(&endpoint, None).await, Err(Failure::Unreachable), "{status}");
    }
    let nobody = tokio::time::timeout(Duration::from_millis(1), elsewhere.accept()).await;
    assert!(nobody.is_err(), "somebody came");
}

/// C29: the name is resolved by the proxy, which has the password for itself.
#[tokio::test]
async fn c29_the_proxy_of_the_process_leads_to_the_issuer() {
    let (port, served) = server(answer("200 OK", "", GOOD)).await;
    let endpoint = Endpoint::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let proxy = ProcessProxy { endpoint, authorization: basic_authorization("user", "password") };
    assert_eq!(exchange("http://iam.invalid/identity/token", Some(&proxy)).await, Ok(token()));
    let request = served.await.unwrap();
    assert!(request.starts_with("POST http://iam.invalid/identity/token HTTP/1.1\r\n"), "{request}");
    assert!(
        request.to_ascii_lowercase().contains("\r\nproxy-authorization: basic dxnlcjpwyxnzd29yza==\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn c24_answers_are_bounded_and_what_is_not_there_is_unreachable() {
    let padding = " ".repeat(70 << 10);
    let (port, _served) = server(answer("200 OK", "", &format!("{padding}{GOOD}"))).await;
    assert_eq!(exchange(&format!("http://127.0.0.1:{port}/t"), None).await, Err(Failure::Malformed));
    let (port, _served) = server(answer("400 Bad Request", "", "{}")).await;
    assert_eq!(exchange(&format!("http://127.0.0.1:{port}/t"), None).await, Err(Failure::Refused));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert_eq!(exchange(&format!("http://127.0.0.1:{closed}/t"), None).await, Err(Failure::Unreachable));
    assert_eq!(exchange("http://no-such-name.invalid/t", None).await, Err(Failure::Unreachable));
    // plain HTTP where TLS is expected: nothing of the key is sent
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    let seen = tokio::spawn(async move {
        let (mut connection, _) = plain.accept().await.unwrap();
        let mut buffer = vec![0; 4096];
        let count = connection.read(&mut buffer).await.unwrap();
        connection.write_all(answer("200 OK", "", GOOD).as_bytes()).await.unwrap();
        buffer.truncate(count);
        buffer
    });
    assert_eq!(exchange(&format!("https://127.0.0.1:{port}/t"), None).await, Err(Failure::Unreachable));
    let seen = seen.await.unwrap();
    assert!(seen.first() == Some(&0x16) && !seen.windows(5).any(|part| part == b"a-key"), "{seen:?}");
}
