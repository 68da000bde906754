//! Why a request stops, whose fault that is, and the one table that turns it into an S3 code and status.
//!
//! Every stage returns `Err(Denial)`; only the data plane's `respond.rs` turns one into bytes.
//! Source of codes and statuses: AWS "Error responses" (`ErrorResponses.html`), s3-protocol.md section 5.

mod copy;
mod credential;
mod form;
mod hook;

use self::Blame::{Client, Gateway, Operator, Upstream};
pub use self::copy::CopyFault;
pub use self::credential::CredentialFault;
pub use self::form::FormFault;
pub use self::hook::{HookFailure, HookFault};
use crate::Timestamp;

/// Who has to act so that the request would succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The caller: a malformed, unauthentic or forbidden request.
    Client,
    /// Whoever configures OSP: a broken route, wrong backend credentials.
    Operator,
    /// A policy hook that failed, was late or answered nonsense.
    Hook,
    /// The storage backend or the network to it.
    Upstream,
    /// OSP itself.
    Gateway,
}

impl Blame {
    /// Value of the `blame` label of metrics and of the log.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Operator => "operator",
            Self::Hook => "hook",
            Self::Upstream => "upstream",
            Self::Gateway => "gateway",
        }
    }
}

/// Why a request stops. Variants carry data, never secrets; the text of a variant is the client's `<Message>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    // --- the head on the wire
    /// The request head breaks HTTP framing or S3's rules for heads.
    #[error("The request head is malformed: {0}.")]
    MalformedHead(&'static str),
    /// The head is larger than the limit.
    #[error("Your request header section exceeds the maximum allowed size.")]
    HeadTooLarge,
    /// The head did not arrive within its deadline, or the body stalled.
    #[error("Your socket connection to the server was not read from or written to within the timeout period.")]
    RequestTimeout,
    /// The request target cannot be decoded.
    #[error("Couldn't parse the specified URI: {0}.")]
    InvalidUri(&'static str),
    /// A bucket name outside the grammar of S3.
    #[error("The specified bucket is not valid.")]
    InvalidBucketName,
    /// Key longer than 1,024 bytes, in the client's or in the backend's name space.
    #[error("Your key is too long.")]
    KeyTooLong,
    /// A header that may appear once appears more often.
    #[error("The header {0} may appear only once.")]
    DuplicateHeader(String),

    // --- who asks
    /// No credentials at all.
    #[error("Access Denied")]
    Anonymous,
    /// An `Authorization` scheme or query form that is not `SigV4`.
    #[error("The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")]
    UnsupportedAuthentication,
    /// Header and query credentials at once.
    #[error(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified"
    )]
    MultipleAuthentication,
    /// The `Authorization` header cannot be read or names the wrong scope.
    #[error("The authorization header is malformed; {0}")]
    AuthorizationMalformed(String),
    /// A presigned query cannot be read.
    #[error("{0}")]
    QueryAuthorizationMalformed(&'static str),
    /// No identity has this access key.
    #[error("The AWS Access Key Id you provided does not exist in our records.")]
    UnknownAccessKey,
    /// The signature differs from the one computed.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    )]
    SignatureMismatch,
    /// Neither `x-amz-date` nor `Date`.
    #[error("AWS authentication requires a valid Date or x-amz-date header")]
    MissingDate,
    /// The request's date is more than 15 minutes from ours.
    #[error("The difference between the request time and the current time is too large.")]
    ClockSkew {
        /// When the client says it signed.
        request: Timestamp,
        /// Our time.
        server: Timestamp,
    },
    /// A presigned URL after its end.
    #[error("Request has expired")]
    PresignExpired {
        /// `X-Amz-Date` plus `X-Amz-Expires`.
        expires: Timestamp,
        /// Our time.
        server: Timestamp,
    },
    /// A presigned URL more than 15 minutes before its beginning.
    #[error("Request is not valid yet")]
    PresignNotYetValid,
    /// Headers that must be signed are not (SIG-8).
    #[error("There were headers present in the request which were not signed")]
    HeadersNotSigned(Vec<String>),
    /// `SignedHeaders` names a header that the request lacks (SIG-7), or its list is not sorted, lower-case and unique.
    #[error("There were signed headers that are absent from the request or listed out of order")]
    SignedHeadersWrong,
    /// Header authentication without `x-amz-content-sha256`.
    #[error("Missing required header for this request: x-amz-content-sha256")]
    MissingContentSha256,
    /// A literal of `x-amz-content-sha256` that is none of the known ones, or not allowed on this operation (CH-1).
    #[error("The value of x-amz-content-sha256 header is invalid.")]
    InvalidContentSha256,
    /// A session token that OSP did not issue.
    #[error("The provided token is malformed or otherwise invalid.")]
    InvalidToken,

    // --- may they
    /// The policy does not allow it.
    #[error("Access Denied")]
    AccessDenied,
    /// A hook says no, or does not answer.
    #[error(transparent)]
    Hook(#[from] HookFault),

    // --- what they ask
    /// Known to S3, not served here. Carries what was asked for.
    #[error("A header or query you provided implies functionality that is not implemented: {0}")]
    NotImplemented(String),
    /// This method is not allowed on this resource.
    #[error("The specified method is not allowed against this resource.")]
    MethodNotAllowed,
    /// A parameter or header has an impossible value.
    #[error("{0}")]
    InvalidArgument(String),
    /// The request contradicts itself.
    #[error("{0}")]
    InvalidRequest(String),
    /// A new bucket is wanted elsewhere than its route makes it.
    #[error("The specified location-constraint is not valid")]
    InvalidLocationConstraint,
    /// A preflight that no CORS rule grants. The same for a bucket without rules and for no bucket: nobody has signed it
    /// (CL-8).
    #[error(
        "CORSResponse: This CORS request is not allowed. This is usually because no CORS rule of the bucket covers its \
         Origin, Access-Control-Request-Method and Access-Control-Request-Headers."
    )]
    CorsRefused,

    /// A key of the customer's (SSE-C) over a connection that is not encrypted, on either side of OSP.
    #[error(
        "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection."
    )]
    InsecureChannel,

    /// A copy that OSP makes itself, from one backend to another.
    #[error(transparent)]
    Copy(#[from] CopyFault),

    // --- the body
    /// No length where S3 demands one.
    #[error("You must provide the Content-Length HTTP header.")]
    MissingContentLength,
    /// SHA-256 of the body differs from `x-amz-content-sha256`; both in lower-case hex.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    PayloadHashMismatch {
        /// What the client declared.
        client: String,
        /// What we computed.
        computed: String,
    },
    /// A checksum header or trailer, or `Content-MD5`, differs from the body.
    #[error("The {0} you specified did not match the calculated checksum.")]
    ChecksumMismatch(&'static str),
    /// A checksum or `Content-MD5` value that is not base64 of the right length.
    #[error("The {0} you specified is not valid.")]
    InvalidDigest(&'static str),
    /// A chunk or trailer signature differs.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    )]
    ChunkSignatureMismatch,
    /// Fewer or more bytes than declared.
    #[error("You did not provide the number of bytes specified by the Content-Length HTTP header.")]
    IncompleteBody,
    /// A chunk that is not the last is smaller than 8 KiB, or larger than allowed.
    #[error("Only the last chunk is allowed to have a size less than 8192 bytes")]
    InvalidChunkSize,
    /// A form that uploads an object is no good.
    #[error(transparent)]
    Form(#[from] FormFault),
    /// The aws-chunked framing is broken.
    #[error("The aws-chunked body is malformed: {0}")]
    MalformedChunk(&'static str),
    /// The trailer is absent, not announced, or malformed.
    #[error("The request contained trailing data that was not well-formed or did not conform to our published schema.")]
    MalformedTrailer,
    /// Larger than S3 allows for one PUT or part.
    #[error("Your proposed upload exceeds the maximum allowed size")]
    EntityTooLarge,
    /// An XML body that cannot be parsed or breaks the schema.
    #[error("The XML you provided was not well-formed or did not validate against our published schema")]
    MalformedXml,
    /// An XML body over its limit.
    #[error("Your request was too big.")]
    MessageTooLong,
    /// The client went away.
    #[error("The client closed the connection.")]
    ClientGone,

    // --- where it goes
    /// No route for this bucket.
    #[error("The specified bucket does not exist")]
    NoSuchBucket(String),
    /// The bucket's route is present and invalid; the reason is for the operator's log, not for the client.
    #[error("The route of this bucket is not usable; the operator of the gateway has to act.")]
    RouteBroken,
    /// No table has been published yet, or the gateway cannot know whether the bucket exists.
    #[error("The gateway is not ready.")]
    NotReady,

    // --- the backend
    /// There is no credential for it.
    #[error(transparent)]
    Credential(#[from] CredentialFault),
    /// Connecting failed: refused, unresolvable, TLS.
    #[error("The storage backend cannot be reached.")]
    UpstreamUnreachable,
    /// The backend did not answer in time.
    #[error("The storage backend did not answer in time.")]
    UpstreamTimeout,
    /// The backend refused OSP's own credentials, region or address (trap 11).
    #[error("The storage backend refused the gateway.")]
    UpstreamRefused,
    /// Not every backend told which buckets it has, and a list without some of them would look like one.
    #[error("The buckets cannot be listed at the moment.")]
    BucketsUnknown,
    /// The backend's bucket has just been found in another region than its route says, too late for this request: its
    /// body cannot be sent again (RN-6).
    #[error("Please reduce your request rate.")]
    UpstreamElsewhere,
    /// The backend broke HTTP or S3: reset, wrong length, success before the body was proved, garbage XML.
    #[error("The storage backend answered in a way that cannot be passed on.")]
    UpstreamMisbehaved,

    /// An upload that no backend of the route has: never begun, begun for another key, or begun at a backend that the
    /// route has left.
    #[error(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    )]
    NoSuchUpload,

    /// The backend answered with an error that is the client's business.
    #[error("{message}")]
    BackendError {
        /// The backend's status.
        status: u16,
        /// S3 code.
        code: &'static str,
        /// AWS's message for the code.
        message: &'static str,
        /// Further elements of the body, in order; they name nothing of the backend.
        details: Vec<(&'static str, String)>,
    },

    // --- ourselves
    /// A bug; the text is for the log.
    #[error("We encountered an internal error. Please try again.")]
    Internal(&'static str),
}

/// One row of the error table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// HTTP status.
    pub status: u16,
    /// S3 error code, the `<Code>` of the body.
    pub code: &'static str,
    /// Who has to act.
    pub blame: Blame,
    /// Value of the `reason` label of metrics and of the log: a finite set.
    pub reason: &'static str,
}

const MALFORMED_QUERY: &str = "AuthorizationQueryParametersError";

const fn row(status: u16, code: &'static str, blame: Blame, reason: &'static str) -> Row {
    Row { status, code, blame, reason }
}

impl Denial {
    /// Status, code, blame and reason of this denial: the only such table in OSP.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one table, one line a row")]
    pub fn row(&self) -> Row {
        match self {
            Self::MalformedHead(_) => row(400, "InvalidRequest", Client, "malformed_head"),
            Self::HeadTooLarge => row(400, "RequestHeaderSectionTooLarge", Client, "head_too_large"),
            Self::RequestTimeout => row(400, "RequestTimeout", Client, "timeout"),
            Self::InvalidUri(_) => row(400, "InvalidURI", Client, "invalid_uri"),
            Self::InvalidBucketName => row(400, "InvalidBucketName", Client, "invalid_bucket"),
            Self::KeyTooLong => row(400, "KeyTooLongError", Client, "key_too_long"),
            Self::DuplicateHeader(_) => row(400, "InvalidArgument", Client, "duplicate_header"),
            Self::Anonymous => row(403, "AccessDenied", Client, "anonymous"),
            Self::UnsupportedAuthentication => row(400, "InvalidRequest", Client, "unsupported_auth"),
            Self::MultipleAuthentication => row(400, "InvalidArgument", Client, "multiple_auth"),
            Self::AuthorizationMalformed(_) => row(400, "AuthorizationHeaderMalformed", Client, "malformed_auth"),
            Self::QueryAuthorizationMalformed(_) => row(400, MALFORMED_QUERY, Client, "malformed_auth"),
            Self::UnknownAccessKey => row(403, "InvalidAccessKeyId", Client, "unknown_key"),
            Self::SignatureMismatch => row(403, "SignatureDoesNotMatch", Client, "bad_signature"),
            Self::MissingDate => row(403, "AccessDenied", Client, "missing_date"),
            Self::ClockSkew { .. } => row(403, "RequestTimeTooSkewed", Client, "skew"),
            Self::PresignExpired { .. } => row(403, "AccessDenied", Client, "expired"),
            Self::PresignNotYetValid => row(403, "AccessDenied", Client, "not_yet_valid"),
            Self::HeadersNotSigned(_) => row(403, "AccessDenied", Client, "unsigned_header"),
            Self::SignedHeadersWrong => row(403, "SignatureDoesNotMatch", Client, "signed_headers"),
            Self::MissingContentSha256 => row(400, "InvalidRequest", Client, "missing_content_sha256"),
            Self::InvalidContentSha256 => row(400, "InvalidRequest", Client, "invalid_content_sha256"),
            Self::InvalidToken => row(400, "InvalidToken", Client, "invalid_token"),
            Self::AccessDenied => row(403, "AccessDenied", Client, "denied"),
            Self::Hook(fault) => fault.row(),
            Self::NotImplemented(_) => row(501, "NotImplemented", Client, "not_implemented"),
            Self::MethodNotAllowed => row(405, "MethodNotAllowed", Client, "method_not_allowed"),
            Self::InvalidArgument(_) => row(400, "InvalidArgument", Client, "invalid_argument"),
            Self::InvalidRequest(_) => row(400, "InvalidRequest", Client, "invalid_request"),
            Self::InvalidLocationConstraint => row(400, "InvalidLocationConstraint", Client, "location_constraint"),
            Self::InsecureChannel => row(400, "InvalidRequest", Client, "insecure_channel"),
            Self::CorsRefused => row(403, "AccessForbidden", Client, "cors"),
            Self::MissingContentLength => row(411, "MissingContentLength", Client, "missing_length"),
            Self::PayloadHashMismatch { .. } => row(400, "XAmzContentSHA256Mismatch", Client, "bad_payload_hash"),
            Self::ChecksumMismatch(_) => row(400, "BadDigest", Client, "bad_digest"),
            Self::InvalidDigest(_) => row(400, "InvalidDigest", Client, "invalid_digest"),
            Self::ChunkSignatureMismatch => row(403, "SignatureDoesNotMatch", Client, "bad_chunk"),
            Self::IncompleteBody => row(400, "IncompleteBody", Client, "incomplete_body"),
            Self::InvalidChunkSize => row(400, "InvalidChunkSizeError", Client, "bad_chunk"),
            Self::MalformedChunk(_) => row(400, "InvalidRequest", Client, "bad_chunk"),
            Self::MalformedTrailer => row(400, "MalformedTrailerError", Client, "bad_trailer"),
            Self::EntityTooLarge => row(400, "EntityTooLarge", Client, "too_large"),
            Self::Form(fault) => fault.row(),
            Self::Copy(fault) => fault.row(),
            Self::MalformedXml => row(400, "MalformedXML", Client, "malformed_xml"),
            Self::MessageTooLong => row(400, "MaxMessageLengthExceeded", Client, "too_large"),
            Self::ClientGone => row(400, "RequestTimeout", Client, "client_gone"),
            Self::NoSuchBucket(_) => row(404, "NoSuchBucket", Client, "no_such_bucket"),
            Self::NoSuchUpload => row(404, "NoSuchUpload", Client, "no_such_upload"),
            Self::RouteBroken => row(503, "ServiceUnavailable", Operator, "route_broken"),
            Self::NotReady => row(503, "ServiceUnavailable", Gateway, "not_ready"),
            Self::Credential(fault) => fault.row(),
            Self::UpstreamUnreachable => row(503, "ServiceUnavailable", Upstream, "upstream_unreachable"),
            Self::UpstreamTimeout => row(503, "ServiceUnavailable", Upstream, "upstream_timeout"),
            Self::UpstreamRefused => row(503, "ServiceUnavailable", Operator, "upstream_refused"),
            Self::BucketsUnknown => row(503, "ServiceUnavailable", Upstream, "buckets_unknown"),
            Self::UpstreamElsewhere => row(503, "SlowDown", Operator, "upstream_region"),
            Self::UpstreamMisbehaved => row(502, "InternalError", Upstream, "upstream_misbehaved"),
            Self::BackendError { status, code, .. } => row(*status, code, Upstream, "backend"),
            Self::Internal(_) => row(500, "InternalError", Gateway, "internal"),
        }
    }

    /// Extra elements of the error body, after `<Message>`, in order. Nothing of the backend, nothing secret.
    #[must_use]
    pub fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::ClockSkew { request, server } => vec![
                ("RequestTime", request.amz()),
                ("ServerTime", server.iso8601()),
                ("MaxAllowedSkewMilliseconds", "900000".to_owned()),
            ],
            Self::PresignExpired { expires, server } => {
                vec![("Expires", expires.iso8601()), ("ServerTime", server.iso8601())]
            }
            Self::HeadersNotSigned(names) => vec![("HeadersNotSigned", names.join(", "))],
            Self::PayloadHashMismatch { client, computed } => {
                vec![("ClientComputedContentSHA256", client.clone()), ("S3ComputedContentSHA256", computed.clone())]
            }
            Self::Form(fault) => fault.details(),
            Self::Copy(fault) => fault.details(),
            Self::NoSuchBucket(bucket) => vec![("BucketName", bucket.clone())],
            Self::BackendError { details, .. } => details.clone(),
            _ => Vec::new(),
        }
    }
}
