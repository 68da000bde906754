//! Drafts of requests, signed by a few lines of their own and not by the code under test; the tests that use them are
//! in the files beside this one.

mod mechanism;
mod presigned;
mod published;
mod signed;

use super::*;
use crate::model::ObjectName;
use crate::s3::{BaseHosts, parse};
use crate::sigv4::SecretKey;

pub(super) const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub(super) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const NOON: &str = "20130524T120000Z";

pub(super) fn secret_of(name: &str, secret: &str) -> ClientSecret {
    let principal = Principal::new(ObjectName::new("default", name));
    ClientSecret::new(principal, SecretKey::new(secret.to_owned()).unwrap())
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_amz(text.as_bytes()).unwrap()
}

/// A head from lines that end in `\n`.
fn head_of(text: &str) -> RawHead {
    let lines = text.trim_end().replace('\n', "\r\n");
    RawHead::parse_http1(format!("{lines}\r\n\r\n").as_bytes()).unwrap().0
}

pub(super) fn target_of(head: &RawHead) -> Target {
    parse(head, &BaseHosts::new(["s3.amazonaws.com".to_owned()])).unwrap()
}

fn verify_at(head: &RawHead, secrets: &[ClientSecret], now: Timestamp) -> Result<Verified, Denial> {
    claim(head, &target_of(head))?.verify(secrets, now)
}

/// Verifies at noon with the one right secret.
fn verify(head: &RawHead) -> Result<Verified, Denial> {
    verify_at(head, &[secret_of("alice", SECRET)], at(NOON))
}

/// A request that is right in every way, and what a test changes in it.
struct Draft {
    method: &'static str,
    /// Raw path, and as it is signed.
    path: (String, String),
    /// Raw query without authentication, and as it is signed (sorted, when a presigned one is prepended).
    query: (String, String),
    fields: Vec<(&'static str, String)>,
    signed: String,
    payload: String,
    date: &'static str,
    credential: String,
    expires: String,
}

impl Draft {
    fn header() -> Self {
        Self {
            method: "GET",
            path: ("/bucket/key".into(), "/bucket/key".into()),
            query: (String::new(), String::new()),
            fields: vec![
                ("host", "localhost:8080".into()),
                ("x-amz-content-sha256", EMPTY.into()),
                ("x-amz-date", NOON.into()),
            ],
            signed: "host;x-amz-content-sha256;x-amz-date".into(),
            payload: EMPTY.into(),
            date: NOON,
            credential: format!("{ACCESS_KEY}/20130524/us-east-1/s3/aws4_request"),
            expires: "86400".into(),
        }
    }

    fn presigned() -> Self {
        let fields = vec![("host", "localhost:8080".into())];
        Self { fields, signed: "host".into(), payload: "UNSIGNED-PAYLOAD".into(), ..Self::header() }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Adds a field and signs it; `signed` must stay sorted, so fields are added in order.
    fn and(mut self, name: &'static str, value: &str) -> Self {
        self.fields.push((name, value.into()));
        let mut names: Vec<&str> = self.signed.split(';').chain([name]).collect();
        names.sort_unstable();
        names.dedup();
        self.signed = names.join(";");
        self
    }

    fn signature(&self, query: &str) -> String {
        let mut canonical = format!("{}\n{}\n{query}\n", self.method, self.path.1);
        for name in self.signed.split(';') {
            let values = self.fields.iter().filter(|(present, _)| *present == name).map(|(_, value)| value.as_str());
            canonical += &format!("{name}:{}\n", values.collect::<Vec<_>>().join(","));
        }
        canonical += &format!("\n{}\n{}", self.signed, self.payload);
        let hash = hex::encode(ring::digest::digest(&ring::digest::SHA256, canonical.as_bytes()));
        let (_, scope) = self.credential.split_once('/').unwrap();
        let mut key = format!("AWS4{SECRET}").into_bytes();
        let string_to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", self.date);
        for text in scope.split('/').chain([string_to_sign.as_str()]) {
            let derived = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
            key = ring::hmac::sign(&derived, text.as_bytes()).as_ref().to_vec();
        }
        hex::encode(key)
    }

    fn authorization(&self) -> String {
        let signature = self.signature(&self.query.1);
        format!("AWS4-HMAC-SHA256 Credential={}, SignedHeaders={}, Signature={signature}", self.credential, self.signed)
    }

    fn render(&self, query: &str, authorization: Option<String>) -> RawHead {
        let mark = if query.is_empty() { "" } else { "?" };
        let mut text = format!("{} {}{mark}{query} HTTP/1.1\n", self.method, self.path.0);
        for (name, value) in &self.fields {
            text += &format!("{name}: {value}\n");
        }
        head_of(&(text + &authorization.map(|value| format!("Authorization: {value}\n")).unwrap_or_default()))
    }

    fn by_header(&self) -> RawHead {
        self.render(&self.query.0, Some(self.authorization()))
    }

    /// The query with the authentication parameters, signature included.
    fn presigned_query(&self) -> String {
        let credential = self.credential.replace('/', "%2F");
        let mut query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={}&X-Amz-Expires={}&X-Amz-SignedHeaders={}",
            self.date,
            self.expires,
            self.signed.replace(';', "%3B")
        );
        if !self.query.1.is_empty() {
            query += &format!("&{}", self.query.1);
        }
        let mut sorted: Vec<&str> = query.split('&').collect();
        sorted.sort_unstable();
        let signature = self.signature(&sorted.join("&"));
        format!("{query}&X-Amz-Signature={signature}")
    }

    fn by_query(&self) -> RawHead {
        self.render(&self.presigned_query(), None)
    }
}

/// The `reason` of the error table, for denials whose text does not matter.
fn reason(denial: &Denial) -> &'static str {
    denial.row().reason
}
