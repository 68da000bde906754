//! Answers of the backend, regular and scripted.

use std::fmt::Write as _;

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Value of `Content-Length` where it is not the body's length (answers to HEAD, lies).
    pub length: Option<usize>,
}

impl Answer {
    /// An answer with a body.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), length: None }
    }

    /// Appends a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// An XML document.
    #[must_use]
    pub fn xml(status: u16, document: &str) -> Self {
        let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{document}");
        Self::new(status, text).header("Content-Type", "application/xml")
    }

    /// An S3 error that also names what must not reach a client: the backend's host id and bucket.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::xml(
            status,
            &format!(
                "<Error><Code>{code}</Code><Message>{}</Message><BucketName>hidden-backend-bucket</BucketName>\
                 <Resource>/hidden-backend-bucket/key</Resource><RequestId>BACKENDREQUESTID</RequestId>\
                 <HostId>BACKENDHOSTID</HostId></Error>",
                escape(message)
            ),
        )
    }

    /// What a backend says when it does not accept the gateway's signature (trap 11).
    #[must_use]
    pub fn signature_refused(access_key: &str) -> Self {
        Self::xml(
            403,
            &format!(
                "<Error><Code>SignatureDoesNotMatch</Code><Message>signature</Message>\
                 <AWSAccessKeyId>{access_key}</AWSAccessKeyId><StringToSign>AWS4-HMAC-SHA256 hidden</StringToSign>\
                 <CanonicalRequest>PUT /hidden-backend-bucket</CanonicalRequest></Error>"
            ),
        )
    }

    /// What a backend says when the bucket lives in another region (trap 11, B-2).
    #[must_use]
    pub fn redirect(location: &str) -> Self {
        Self::error(301, "PermanentRedirect", "elsewhere")
            .header("Location", location)
            .header("x-amz-bucket-region", "backend-region-9")
    }

    pub(super) fn bytes(&self, to_head: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Answer\r\n", self.status);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !matches!(self.status, 204 | 304) {
            let _ = write!(head, "Content-Length: {}\r\n", self.length.unwrap_or(self.body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if !to_head {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// Text for an XML element.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            control if (control as u32) < 32 || control == '\u{7f}' => {
                let _ = write!(out, "&#{};", control as u32);
            }
            other => out.push(other),
        }
    }
    out
}
