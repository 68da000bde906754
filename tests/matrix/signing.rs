//! Signatures by the `aws-sigv4` crate, as the AWS SDK for Rust makes them for S3. Nothing of OSP signs here, and nothing
//! of this repository's test support.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::http::Headers;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use osp_test_support::checksum::crc32_base64;
use osp_test_support::{Key, Request};

use crate::forms::{Auth, BOUNDARY};
use crate::operations::FORM_KEY;

/// Data of one aws-chunk: the smallest that may stand before the last.
const CHUNK: usize = 8192;
const LIFETIME: Duration = Duration::from_secs(600);

/// How one request is signed; attacks that a client with a key can make change it.
#[derive(Debug, Clone)]
pub struct Signing {
    pub key: Key,
    pub region: &'static str,
    pub service: &'static str,
    pub at: SystemTime,
    pub token: Option<&'static str>,
    pub lifetime: Duration,
    /// Instead of the true value of `x-amz-content-sha256`.
    pub literal: Option<String>,
    /// Instead of the true value of `x-amz-decoded-content-length`; `None` inside leaves the header out.
    pub decoded_length: Option<Option<String>>,
    /// Instead of the true trailer line; empty leaves it out.
    pub trailer: Option<String>,
    /// Headers that the signature leaves out.
    pub leave_out: Vec<&'static str>,
}

impl Signing {
    pub fn new(key: Key) -> Self {
        Self {
            key,
            region: "us-east-1",
            service: "s3",
            at: SystemTime::now(),
            token: None,
            lifetime: LIFETIME,
            literal: None,
            decoded_length: None,
            trailer: None,
            leave_out: Vec::new(),
        }
    }

    fn identity(&self) -> Identity {
        let token = self.token.map(str::to_owned);
        aws_credential_types::Credentials::new(self.key.id, self.key.secret, token, None, "matrix").into()
    }

    fn params<'a, S: Default>(&'a self, identity: &'a Identity, settings: S) -> v4::SigningParams<'a, S> {
        let builder = v4::SigningParams::builder().identity(identity).region(self.region).name(self.service);
        builder.time(self.at).settings(settings).build().unwrap()
    }

    fn settings(&self, location: SignatureLocation) -> SigningSettings {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = match location {
            SignatureLocation::Headers => PayloadChecksumKind::XAmzSha256,
            _ => PayloadChecksumKind::NoHeader,
        };
        settings.expires_in = matches!(location, SignatureLocation::QueryParams).then_some(self.lifetime);
        settings.signature_location = location;
        let excluded = settings.excluded_headers.get_or_insert_default();
        excluded.extend(self.leave_out.iter().map(|name| (*name).into()));
        settings
    }

    /// The request with the credentials, the framing and the length of this form.
    pub fn sign(&self, draft: Request, auth: Auth) -> Request {
        match auth {
            Auth::Header | Auth::HeaderUnsigned => self.sign_header(draft, auth),
            Auth::Chunked | Auth::ChunkedTrailer | Auth::UnsignedTrailer => self.sign_streaming(draft, auth),
            Auth::Presigned => self.presign(draft),
            Auth::PostPolicy => self.sign_form(draft),
        }
    }

    fn sign_header(&self, draft: Request, auth: Auth) -> Request {
        let body = draft.pieces.concat();
        let payload = match (&self.literal, auth) {
            (Some(literal), _) => SignableBody::Precomputed(literal.clone()),
            (None, Auth::HeaderUnsigned) => SignableBody::UnsignedPayload,
            _ => SignableBody::Bytes(&body),
        };
        with_length(self.apply(draft, payload, SignatureLocation::Headers).0)
    }

    fn presign(&self, draft: Request) -> Request {
        with_length(self.apply(draft, SignableBody::UnsignedPayload, SignatureLocation::QueryParams).0)
    }

    fn sign_streaming(&self, draft: Request, auth: Auth) -> Request {
        let body = draft.pieces.concat();
        let mut draft = draft.header("content-encoding", "aws-chunked");
        let length = self.decoded_length.clone().unwrap_or_else(|| Some(body.len().to_string()));
        if let Some(length) = length {
            draft = draft.header("x-amz-decoded-content-length", &length);
        }
        if auth != Auth::Chunked {
            draft = draft.header("x-amz-trailer", "x-amz-checksum-crc32");
        }
        let literal = self.literal.clone().unwrap_or_else(|| auth.literal().to_owned());
        let payload = SignableBody::Precomputed(literal);
        let (mut request, seed) = self.apply(draft, payload, SignatureLocation::Headers);
        request.pieces = self.chunks(auth, &body, seed);
        with_length(request)
    }

    /// The signed request with its signature. The body is not looked at.
    fn apply(&self, mut draft: Request, payload: SignableBody<'_>, location: SignatureLocation) -> (Request, String) {
        let identity = self.identity();
        let params = self.params(&identity, self.settings(location)).into();
        let uri = format!("http://{}{}", draft.value("host"), draft.target());
        let headers = draft.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new(&draft.method, uri, headers, payload).unwrap();
        let (instructions, signature) = sign(signable, &params).unwrap().into_parts();
        for (name, value) in instructions.headers() {
            draft.headers.push((name.to_owned(), value.to_owned()));
        }
        for (name, value) in instructions.params() {
            let value = aws_percent_encode(value);
            let separator = if draft.query.is_empty() { "" } else { "&" };
            draft.query.push_str(&format!("{separator}{name}={value}"));
        }
        (draft, signature)
    }

    fn chunks(&self, auth: Auth, body: &[u8], seed: String) -> Vec<Vec<u8>> {
        let identity = self.identity();
        let params = self.params(&identity, ());
        let mut previous = seed;
        let mut header = |data: &[u8]| {
            if auth == Auth::UnsignedTrailer {
                return format!("{:x}\r\n", data.len());
            }
            let data_bytes = Bytes::copy_from_slice(data);
            previous = v4::sign_chunk(&data_bytes, &previous, &params).unwrap().signature().to_owned();
            format!("{:x};chunk-signature={previous}\r\n", data.len())
        };
        let mut pieces: Vec<Vec<u8>> =
            body.chunks(CHUNK).map(|data| [header(data).as_bytes(), data, b"\r\n"].concat()).collect();
        let mut last = header(b"");
        if auth != Auth::Chunked {
            let truth = || format!("x-amz-checksum-crc32:{}", crc32_base64(body));
            let line = self.trailer.clone().unwrap_or_else(truth);
            if let Some((name, value)) = line.split_once(':') {
                last.push_str(&format!("{line}\r\n"));
                if auth == Auth::ChunkedTrailer {
                    let mut headers = Headers::new();
                    headers.insert(name.to_owned(), value.to_owned());
                    let signature = v4::sign_trailer(&headers, &previous, &params).unwrap().signature().to_owned();
                    last.push_str(&format!("x-amz-trailer-signature:{signature}\r\n"));
                }
            }
        }
        last.push_str("\r\n");
        pieces.push(last.into_bytes());
        pieces
    }

    /// A browser's form: the policy and its signature stand in the body, and the file is what the draft has for a body.
    fn sign_form(&self, mut draft: Request) -> Request {
        let (credential, date) = self.params_text();
        let key = draft.value(FORM_KEY).replace("%20", " ");
        let key = if key.is_empty() { "team-a/form" } else { &key };
        let covered = [
            ("key", key),
            ("Content-Type", "text/plain"),
            ("x-amz-meta-colour", "blue"),
            ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
            ("x-amz-credential", &credential),
            ("x-amz-date", &date),
        ];
        let token = self.token.map(|token| ("x-amz-security-token", token));
        let covered: Vec<(&str, &str)> = covered.into_iter().chain(token).collect();
        let conditions: Vec<String> =
            covered.iter().map(|(name, value)| format!("{{\"{name}\":\"{value}\"}}")).collect();
        let policy = STANDARD.encode(format!(
            "{{\"expiration\":\"2099-01-01T00:00:00Z\",\"conditions\":[{{\"bucket\":\"{}\"}},{}]}}",
            crate::model::BUCKET,
            conditions.join(",")
        ));
        let key = v4::generate_signing_key(self.key.secret, self.at, self.region, self.service);
        let signature = v4::calculate_signature(key, policy.as_bytes());
        let part = |(name, value): (&str, &str)| {
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let signed = [("policy", policy.as_str()), ("x-amz-signature", &signature)];
        let fields: String = covered.into_iter().chain(signed).map(part).collect();
        let file = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n");
        let content = draft.pieces.concat();
        let end = format!("\r\n--{BOUNDARY}--\r\n");
        draft.headers.retain(|(name, _)| name != "content-type" && name != FORM_KEY);
        draft.pieces = vec![fields.into_bytes(), file.into_bytes(), content, end.into_bytes()];
        with_length(draft.header("content-type", &format!("multipart/form-data; boundary={BOUNDARY}")))
    }

    /// Credential and date as `aws-sigv4` writes them: taken from a request that it has signed.
    fn params_text(&self) -> (String, String) {
        let empty = Request::new("GET", "form.test", "/");
        let signed = self.apply(empty, SignableBody::UnsignedPayload, SignatureLocation::Headers).0;
        let credential = signed.value("authorization").split("Credential=").nth(1).unwrap_or_default();
        let credential = credential.split(',').next().unwrap_or_default().to_owned();
        (credential, signed.value("x-amz-date").to_owned())
    }
}

/// Values of the presigned parameters hold `/` and `;` and nothing else that has to be escaped, or a token.
fn aws_percent_encode(value: &str) -> String {
    value.replace('/', "%2F").replace(';', "%3B")
}

fn with_length(request: Request) -> Request {
    let length: usize = request.pieces.iter().map(Vec::len).sum();
    if length == 0 && !matches!(request.method.as_str(), "PUT" | "POST") {
        return request;
    }
    request.header("content-length", &length.to_string())
}
