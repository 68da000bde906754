//! The backend request, serialised from the structured value and never from what the client sent (trap 1).

#[cfg(test)]
mod tests;

use http::{HeaderName, HeaderValue, Method};

use super::operation::Fate;
use super::token::{Page, Position, Unopened, open_page, open_upload};
use super::{Mapping, ObjectKey, Operation, Query, Semantics, XmlDocument, encode_key, encode_query};
use crate::Denial;
use crate::model::AddressingStyle;

/// Headers that are passed on, the client's values: entity, conditional and range headers, known `x-amz-*`, telemetry.
/// Names that name a bucket or key are already rewritten; identity, routing, hop-by-hop and framing headers are absent
/// (s3-protocol.md 2.1).
pub type OutgoingHeaders = Vec<(HeaderName, HeaderValue)>;

/// Method, request target and headers of the backend request, still unsigned and without body framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// HTTP method.
    pub method: Method,
    /// Bucket label to put before the endpoint's host in virtual-host style; `None` in path style.
    pub bucket_label: Option<String>,
    /// Canonical URI: `/`, percent-encoded once, bucket included in path style. What is sent is what is signed.
    pub path: String,
    /// Canonical query: encoded and sorted, without `?`; empty when there is none.
    pub query: String,
    /// Passed-on headers.
    pub headers: OutgoingHeaders,
}

impl Outgoing {
    /// Builds the backend request of `operation` under `mapping`; `source` maps the bucket of a copy's source and is
    /// `None` for every other operation.
    ///
    /// # Errors
    /// [`Denial::KeyTooLong`] when the prefix makes a key too long, [`Denial::NoSuchUpload`] for an upload of another
    /// backend, [`Denial::InvalidArgument`] for a marker or token that no listing gave out, [`Denial::Internal`] for
    /// operations that are answered without a backend.
    pub fn build(
        operation: &Operation,
        query: &Query,
        semantics: &Semantics<'_>,
        style: AddressingStyle,
        mappings: (&Mapping, Option<&Mapping>),
    ) -> Result<Self, Denial> {
        if !operation.is_forwarded() {
            return Err(Denial::Internal("an operation without a backend was to be forwarded"));
        }
        let (mapping, source_mapping) = mappings;
        let mut headers = passed_on(operation, semantics)?;
        if let Some(source) = copy_source(operation, source_mapping)? {
            headers.push((HeaderName::from_static("x-amz-copy-source"), source));
        }
        let bucket_label = label(style, mapping)?;
        Ok(Self {
            method: operation.method(),
            path: path(operation, mapping, bucket_label.is_some())?,
            bucket_label,
            query: canonical_query(operation, query, mapping)?,
            headers,
        })
    }

    /// One of the requests that a copy between backends is made of. `query` is canonical already.
    ///
    /// # Errors
    /// [`Denial::KeyTooLong`], [`Denial::Internal`].
    pub(crate) fn of_step(
        operation: &Operation,
        (query, headers): (String, OutgoingHeaders),
        (style, mapping): (AddressingStyle, &Mapping),
    ) -> Result<Self, Denial> {
        let bucket_label = label(style, mapping)?;
        let path = path(operation, mapping, bucket_label.is_some())?;
        Ok(Self { method: operation.method(), bucket_label, path, query, headers })
    }

    /// The same request for another backend of the route. Only names change; the headers of operations that may be
    /// answered elsewhere name nothing.
    ///
    /// # Errors
    /// Those of [`Self::build`]; [`Denial::Internal`] for a copy, whose source is a header.
    pub fn retarget(
        &mut self,
        operation: &Operation,
        query: &Query,
        style: AddressingStyle,
        mapping: &Mapping,
    ) -> Result<(), Denial> {
        if operation.copy_source().is_some() {
            return Err(Denial::Internal("a copy was to be sent to another backend"));
        }
        self.bucket_label = label(style, mapping)?;
        self.path = path(operation, mapping, self.bucket_label.is_some())?;
        self.query = canonical_query(operation, query, mapping)?;
        Ok(())
    }
}

fn label(style: AddressingStyle, mapping: &Mapping) -> Result<Option<String>, Denial> {
    match style {
        AddressingStyle::Path => Ok(None),
        AddressingStyle::VirtualHost => host_label(&mapping.backend_bucket).map(Some),
    }
}

/// True for the headers outside `x-amz-*` that a backend gets as the client sent them (2.1).
pub(super) fn is_passed_on(name: &str) -> bool {
    matches!(
        name,
        "accept"
            | "accept-encoding"
            | "cache-control"
            | "content-disposition"
            | "content-encoding"
            | "content-language"
            | "content-type"
            | "expires"
            | "if-match"
            | "if-modified-since"
            | "if-none-match"
            | "if-range"
            | "if-unmodified-since"
            | "range"
            | "user-agent"
    )
}

/// `/bucket/key`, or `/key` when the bucket stands in the host.
fn path(operation: &Operation, mapping: &Mapping, bucket_in_host: bool) -> Result<String, Denial> {
    let key = operation.key().map(|key| mapping.backend_key(key)).transpose()?;
    let mut path = String::with_capacity(128);
    if !bucket_in_host {
        path.push('/');
        encode_query(mapping.backend_bucket.as_bytes(), &mut path);
    }
    if let Some(key) = key {
        path.push('/');
        encode_key(key.as_bytes(), &mut path);
    } else if bucket_in_host {
        path.push('/');
    }
    Ok(path)
}

/// The parameters of the operation, with the mapping's prefix put before every one that begins a key, and ids and tokens as
/// this backend gave them.
fn canonical_query(operation: &Operation, query: &Query, mapping: &Mapping) -> Result<String, Denial> {
    let mut out = String::new();
    let mut append = |name: &str, value: &str| {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        encode_query(value.as_bytes(), &mut out);
    };
    let page = page(operation, query, mapping)?;
    // the listing goes on at another backend than it began at
    let resumed = page.as_ref().filter(|page| page.token.is_none()).and_then(|page| page.after.as_ref());
    let resumed = resumed.map(Position::start_after);
    let value_of = |name: &str| match &resumed {
        Some(position) if name == "start-after" => Some(&**position),
        _ => query.get(name),
    };
    let mut from_the_first_key = false;
    // `parameters` is sorted, and its names need no encoding: this order is the canonical one.
    for name in operation.parameters() {
        match (name, value_of(name)) {
            _ if operation.flag() == Some(name) => append(name, ""),
            ("prefix", value) => {
                let prefix = mapping.backend_text(value.unwrap_or_default())?;
                if value.is_some() || !prefix.is_empty() {
                    append(name, &prefix);
                }
            }
            ("marker" | "start-after" | "key-marker", Some(value)) => match mapping.backend_marker(value)? {
                Some(marker) => append(name, &marker),
                None => from_the_first_key = true,
            },
            // they say where to go on within the key of the marker
            ("upload-id-marker" | "version-id-marker", Some(_)) if from_the_first_key => {}
            ("upload-id-marker", Some(value)) => {
                if let Some(id) = upload_marker(query, mapping, value)? {
                    append(name, &id);
                }
            }
            ("uploadId", Some(id)) => {
                let key = operation.key().map(ObjectKey::as_str).unwrap_or_default();
                append(name, &open_upload(mapping, key, id).map_err(|_| Denial::NoSuchUpload)?);
            }
            ("continuation-token", Some(value)) => match &page {
                Some(page) => page.token.iter().for_each(|token| append(name, token)),
                // of a listing of something else than objects
                None => append(name, value),
            },
            (_, Some(value)) => append(name, value),
            (_, None) => {}
        }
    }
    Ok(out)
}

/// What the token of a listing of objects says to this backend.
fn page(operation: &Operation, query: &Query, mapping: &Mapping) -> Result<Option<Page>, Denial> {
    let token = query.get("continuation-token").filter(|_| operation.answer() == Some(XmlDocument::ListObjects));
    let prefix = query.get("prefix").unwrap_or_default();
    token.map(|token| open_page(mapping, prefix, token)).transpose()
}

/// The upload that a listing of uploads goes on after, among those of the key of `key-marker`: without that it says nothing
/// (AWS "ListMultipartUploads"). An upload of another backend says nothing here; the list goes on with the next key.
fn upload_marker(query: &Query, mapping: &Mapping, id: &str) -> Result<Option<String>, Denial> {
    let key = query.get("key-marker").filter(|_| !id.is_empty());
    match key.map(|key| open_upload(mapping, key, id)) {
        None | Some(Err(Unopened::Elsewhere)) => Ok(None),
        Some(Ok(id)) => Ok(Some(id)),
        Some(Err(Unopened::Foreign)) => Err(Denial::InvalidArgument("Invalid uploadId marker".to_owned())),
    }
}

fn passed_on(operation: &Operation, semantics: &Semantics<'_>) -> Result<OutgoingHeaders, Denial> {
    let mut headers = OutgoingHeaders::with_capacity(8);
    for (name, value) in semantics.headers() {
        let value = match operation.fate(name, value)? {
            Some(Fate::PassedOn) => HeaderValue::from_bytes(value).ok(),
            Some(Fate::Secret) => HeaderValue::from_bytes(value).ok().map(sensitive),
            Some(Fate::Consumed) => continue,
            None if name == "content-encoding" => match without_aws_chunked(value) {
                Some(rest) => HeaderValue::from_bytes(&rest).ok(),
                None => continue,
            },
            None if is_passed_on(name) => HeaderValue::from_bytes(value).ok(),
            None => continue,
        };
        let name = HeaderName::from_bytes(name.as_bytes()).ok();
        let header = name.zip(value).ok_or(Denial::MalformedHead("a header cannot be passed on"))?;
        headers.push(header);
    }
    Ok(headers)
}

/// A value that no debugging output shows.
fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// Removes the `aws-chunked` token and only that (CH-6); `None` when nothing is left.
pub(super) fn without_aws_chunked(value: &[u8]) -> Option<Vec<u8>> {
    let codings = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    let kept: Vec<&[u8]> =
        codings.filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"aws-chunked")).collect();
    if kept.is_empty() { None } else { Some(kept.join(&b","[..])) }
}

/// `bucket/key` of the backend, percent-encoded; never what the client wrote (trap 1).
fn copy_source(operation: &Operation, mapping: Option<&Mapping>) -> Result<Option<HeaderValue>, Denial> {
    let Some(source) = operation.copy_source() else { return Ok(None) };
    let mapping = mapping.filter(|mapping| mapping.client_bucket == source.bucket);
    let mapping = mapping.ok_or(Denial::Internal("a copy was built without the mapping of its source"))?;
    let mut text = String::with_capacity(128);
    encode_query(mapping.backend_bucket.as_bytes(), &mut text);
    text.push('/');
    encode_key(mapping.backend_key(&source.key)?.as_bytes(), &mut text);
    if let Some(version) = &source.version {
        text.push_str("?versionId=");
        encode_query(version.as_bytes(), &mut text);
    }
    HeaderValue::try_from(text).map(Some).map_err(|_| Denial::Internal("a percent-encoded name is no header value"))
}

/// The backend's bucket as a label of a host name. Routes with another name in virtual-host style are refused when
/// they are compiled; what slips through must not choose the host that a request is sent to.
fn host_label(bucket: &str) -> Result<String, Denial> {
    let is_label = bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    if is_label && !bucket.is_empty() {
        Ok(bucket.to_owned())
    } else {
        Err(Denial::Internal("the backend's bucket name cannot stand in a host name"))
    }
}
