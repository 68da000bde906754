//! An upload by a form, as a browser sends it: a policy signed by this crate's own code, fields, and the file. Everything can
//! be changed after signing.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::request::{Key, Request};
use crate::sigv4::{SigningKey, amz_date};

/// What separates the parts.
pub const BOUNDARY: &str = "----osp7MA4YWxkTrZu0gW";
const LIFETIME: Duration = Duration::from_secs(600);

/// One form.
#[derive(Debug, Clone)]
pub struct UploadForm {
    /// Before the file, in this order; signing adds policy and signature.
    pub fields: Vec<(String, String)>,
    /// JSON, one each.
    pub conditions: Vec<String>,
    /// When the policy ends.
    pub expires: SystemTime,
    /// Head lines of the file's part behind its name.
    pub file_head: String,
    pub file: Vec<u8>,
    /// Behind the file.
    pub end: String,
    key: Key,
    at: SystemTime,
}

impl UploadForm {
    /// A form for this bucket, of now, with the fields of the signature and a condition for each.
    #[must_use]
    pub fn new(key: Key, bucket: &str) -> Self {
        let at = SystemTime::now();
        let form = Self {
            fields: Vec::new(),
            conditions: vec![format!("{{\"bucket\": \"{bucket}\"}}")],
            expires: at + LIFETIME,
            file_head: "; filename=\"a b.txt\"\r\nContent-Type: text/html".to_owned(),
            file: b"content".to_vec(),
            end: format!("\r\n--{BOUNDARY}--\r\n"),
            key,
            at,
        };
        let scope = form.signing_key().scope;
        form.field("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
            .field("X-Amz-Credential", &format!("{}/{scope}", key.id))
            .field("X-Amz-Date", &amz_date(at))
    }

    fn signing_key(&self) -> SigningKey {
        SigningKey::derive(self.key.secret, &amz_date(self.at), "us-east-1", "s3")
    }

    /// Adds a field, and the condition that it has this value.
    #[must_use]
    pub fn field(self, name: &str, value: &str) -> Self {
        let condition = serde_json::json!({ name: value }).to_string();
        self.bare(name, value).condition(&condition)
    }

    /// Adds a field and no condition.
    #[must_use]
    pub fn bare(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a condition.
    #[must_use]
    pub fn condition(mut self, json: &str) -> Self {
        self.conditions.push(json.to_owned());
        self
    }

    /// Another file.
    #[must_use]
    pub fn file(mut self, file: impl Into<Vec<u8>>) -> Self {
        self.file = file.into();
        self
    }

    /// Adds policy and signature: what is changed from here on is not covered.
    #[must_use]
    pub fn signed(self) -> Self {
        let date = amz_date(self.expires);
        let (d, t) = (&date[..8], &date[9..15]);
        let policy = format!(
            "{{\"expiration\": \"{}-{}-{}T{}:{}:{}.000Z\", \"conditions\": [{}]}}",
            &d[..4],
            &d[4..6],
            &d[6..],
            &t[..2],
            &t[2..4],
            &t[4..],
            self.conditions.join(", ")
        );
        let policy = STANDARD.encode(policy);
        let signature = self.signing_key().sign_text(&policy);
        self.bare("Policy", &policy).bare("X-Amz-Signature", &signature)
    }

    /// Replaces the value of a field wherever it stands.
    #[must_use]
    pub fn replacing(mut self, name: &str, value: &str) -> Self {
        let field = self.fields.iter_mut().find(|(field, _)| field.eq_ignore_ascii_case(name));
        value.clone_into(&mut field.unwrap_or_else(|| panic!("no field {name}")).1);
        self
    }

    /// Takes a field away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        let before = self.fields.len();
        self.fields.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
        assert!(self.fields.len() < before, "no field {name}");
        self
    }

    /// What stands before the first byte of the file.
    #[must_use]
    pub fn before_file(&self) -> Vec<u8> {
        let mut body = String::new();
        for (name, value) in &self.fields {
            let head = format!("Content-Disposition: form-data; name=\"{name}\"");
            body.push_str(&format!("--{BOUNDARY}\r\n{head}\r\n\r\n{value}\r\n"));
        }
        let head = format!("Content-Disposition: form-data; name=\"file\"{}", self.file_head);
        body.push_str(&format!("--{BOUNDARY}\r\n{head}\r\n\r\n"));
        body.into_bytes()
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        [&self.before_file(), &self.file, self.end.as_bytes()].concat()
    }

    /// The whole request.
    #[must_use]
    pub fn request(&self, host: &str, path: &str) -> Request {
        let body = self.body();
        Request::new("POST", host, path)
            .header("Content-Type", &format!("multipart/form-data; boundary={BOUNDARY}"))
            .header("Content-Length", &body.len().to_string())
            .body(body)
    }
}
