//! Signature Version 4 once more, written from AWS's description alone and sharing no code with the product: what it
//! signs the gateway has to accept, and what the gateway signs it has to accept. `tests/oracle.rs` holds it against
//! the `aws-sigv4` crate and against AWS's published streaming example.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::{digest, hmac};

/// SHA-256 of no bytes, in hex.
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 in lower-case hex.
#[must_use]
pub fn sha256_hex(data: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, data).as_ref())
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// `YYYYMMDDTHHMMSSZ` in UTC.
#[must_use]
pub fn amz_date(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to civil date, counting years from March so that the leap day comes last.
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// `UriEncode` of the S3 flavour; `/` stays when `keep_slash`.
#[must_use]
pub fn uri_encode(bytes: &[u8], keep_slash: bool) -> String {
    let mut out = String::new();
    for &byte in bytes {
        let bare = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (keep_slash && byte == b'/');
        if bare { out.push(char::from(byte)) } else { out.push_str(&format!("%{byte:02X}")) }
    }
    out
}

/// Percent-decoding; a `%` without two hex digits stays as it is.
#[must_use]
pub fn uri_decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok()))
            .flatten();
        out.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    out
}

/// Names and values of a raw query, decoded, in order.
#[must_use]
pub fn query_pairs(raw: &str) -> Vec<(String, String)> {
    let text = |part: &str| String::from_utf8_lossy(&uri_decode(part)).into_owned();
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (text(name), text(value))
        })
        .collect()
}

/// The canonical query: everything but the signature, encoded and sorted.
#[must_use]
pub fn canonical_query(raw: &str) -> String {
    let mut pairs: Vec<(String, String)> = query_pairs(raw)
        .into_iter()
        .filter(|(name, _)| name != "X-Amz-Signature")
        .map(|(name, value)| (uri_encode(name.as_bytes(), false), uri_encode(value.as_bytes(), false)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The parts of a request that a signature covers.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    pub method: &'a str,
    /// Raw path of the request target.
    pub path: &'a str,
    /// Raw query of the request target.
    pub query: &'a str,
    pub headers: &'a [(String, String)],
    /// Lower-case names, sorted.
    pub signed: &'a [String],
    /// Value of `x-amz-content-sha256`, or `UNSIGNED-PAYLOAD`.
    pub payload: &'a str,
}

/// The canonical request.
#[must_use]
pub fn canonical_request(parts: Parts<'_>) -> String {
    let headers: String = parts
        .signed
        .iter()
        .map(|name| {
            let values: Vec<String> = parts
                .headers
                .iter()
                .filter(|(header, _)| header.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            format!("{name}:{}\n", values.join(","))
        })
        .collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{}",
        parts.method,
        uri_encode(&uri_decode(parts.path), true),
        canonical_query(parts.query),
        parts.signed.join(";"),
        parts.payload
    )
}

/// A derived key with its scope.
#[derive(Debug, Clone)]
pub struct SigningKey {
    key: Vec<u8>,
    /// `date/region/service/aws4_request`.
    pub scope: String,
    /// `YYYYMMDDTHHMMSSZ`.
    pub date: String,
}

impl SigningKey {
    /// Derives the key of one day, region and service.
    #[must_use]
    pub fn derive(secret: &str, date: &str, region: &str, service: &str) -> Self {
        let day = &date[..8];
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in [day, region, service, "aws4_request"] {
            key = hmac_sha256(&key, part);
        }
        Self { key, scope: format!("{day}/{region}/{service}/aws4_request"), date: date.to_owned() }
    }

    /// The signature of a request, in hex.
    #[must_use]
    pub fn sign(&self, canonical_request: &str) -> String {
        let hash = sha256_hex(canonical_request.as_bytes());
        self.sign_text(&format!("AWS4-HMAC-SHA256\n{}\n{}\n{hash}", self.date, self.scope))
    }

    /// The signature of one chunk of a signed streaming body.
    #[must_use]
    pub fn sign_chunk(&self, previous: &str, data: &[u8]) -> String {
        let (date, scope, hash) = (&self.date, &self.scope, sha256_hex(data));
        self.sign_text(&format!("AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{EMPTY_SHA256}\n{hash}"))
    }

    /// The signature of the trailer; `lines` is `name:value\n` for each trailer.
    #[must_use]
    pub fn sign_trailer(&self, previous: &str, lines: &str) -> String {
        let (date, scope, hash) = (&self.date, &self.scope, sha256_hex(lines.as_bytes()));
        self.sign_text(&format!("AWS4-HMAC-SHA256-TRAILER\n{date}\n{scope}\n{previous}\n{hash}"))
    }

    /// The signature of any text: of a form's policy, it is all that is signed.
    #[must_use]
    pub fn sign_text(&self, text: &str) -> String {
        hex(&hmac_sha256(&self.key, text))
    }
}
