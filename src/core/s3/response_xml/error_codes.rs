//! Which error codes of a backend a client may see, and in which words.
//!
//! Messages are never the backend's: they name its bucket, its keys, its region. Each code has the text of AWS's
//! "Error responses" (`ErrorResponses.html`) instead. The set is finite, so codes may be labels of metrics.

use crate::s3::Operation;

/// A code with its message, as a client may see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientError {
    /// `<Code>`.
    pub code: &'static str,
    /// `<Message>`.
    pub message: &'static str,
}

/// For whatever is OSP's or the operator's business.
pub const INTERNAL: ClientError =
    ClientError { code: "InternalError", message: "We encountered an internal error. Please try again." };

/// Codes about the client's object, bucket or request.
const PASSED_ON: [(&str, &str); 68] = [
    (INTERNAL.code, INTERNAL.message),
    ("BadDigest", "The Content-MD5 or checksum value that you specified did not match what the server received."),
    (
        "BucketAlreadyExists",
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Specify a \
         different name and try again.",
    ),
    ("BucketAlreadyOwnedByYou", "The bucket that you tried to create already exists, and you own it."),
    ("BucketNotEmpty", "The bucket you tried to delete is not empty."),
    (
        "ConditionalRequestConflict",
        "The conditional request cannot succeed due to a conflicting operation against this resource.",
    ),
    ("EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size."),
    ("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"),
    ("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header."),
    ("InvalidArgument", "Invalid Argument"),
    ("InvalidDigest", "The Content-MD5 or checksum value that you specified is not valid."),
    ("InvalidEncryptionAlgorithmError", "The encryption request that you specified is not valid."),
    ("InvalidObjectState", "The operation is not valid for the object's storage class or access tier."),
    (
        "InvalidPart",
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified \
         entity tag may not match the part's entity tag.",
    ),
    ("InvalidPartNumber", "The requested partnumber is not satisfiable"),
    (
        "InvalidPartOrder",
        "The list of parts was not in ascending order. The parts list must be specified in order by part number.",
    ),
    ("InvalidRange", "The requested range is not satisfiable"),
    ("InvalidRequest", "The request is not valid for this resource."),
    ("InvalidStorageClass", "The storage class you specified is not valid."),
    ("InvalidTag", "The tag provided was not a valid tag."),
    ("InvalidURI", "Couldn't parse the specified URI."),
    ("KeyTooLongError", "Your key is too long."),
    ("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"),
    ("MaxMessageLengthExceeded", "Your request was too big."),
    ("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size."),
    ("MethodNotAllowed", "The specified method is not allowed against this resource."),
    ("MissingContentLength", "You must provide the Content-Length HTTP header."),
    ("MissingRequestBodyError", "Request body is empty."),
    ("NoSuchBucket", "The specified bucket does not exist"),
    ("NoSuchKey", "The specified key does not exist."),
    (
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
         completed.",
    ),
    ("NoSuchVersion", "The specified version does not exist."),
    ("NotImplemented", "A header or query you provided implies functionality that is not implemented."),
    ("NotModified", "Not Modified"),
    ("ObjectAlreadyInActiveTierError", "This object is already in the active tier."),
    ("ObjectNotInActiveTierError", "The source object of the copy is not in the active tier."),
    (
        "OperationAborted",
        "A conflicting conditional operation is currently in progress against this resource. Please try again.",
    ),
    ("PreconditionFailed", "At least one of the pre-conditions you specified did not hold"),
    ("QuotaExceeded", "The quota of this bucket is used up."),
    ("RequestTimeout", "The storage backend did not receive the request within the timeout period."),
    ("RestoreAlreadyInProgress", "Object restore is already in progress"),
    ("ServiceUnavailable", "Service is unable to handle request."),
    ("SlowDown", "Please reduce your request rate."),
    ("SlowDownRead", "Please reduce your request rate."),
    ("SlowDownWrite", "Please reduce your request rate."),
    ("TooManyParts", "The part number must be an integer between 1 and 10000, inclusive."),
    ("TooManyBuckets", "You have attempted to create more buckets than allowed."),
    ("UnexpectedContent", "This request does not support content"),
    ("XMinioServerNotInitialized", "Server not initialized yet, please try again."),
    ("XMinioStorageFull", "Storage backend has reached its minimum free drive threshold."),
    // of what is configured of a bucket, or not
    ("AccessControlListNotSupported", "The bucket does not allow ACLs"),
    ("InvalidBucketState", "The request is not valid for the current state of the bucket."),
    ("InvalidPolicyDocument", "The content of the form does not meet the conditions specified in the policy document."),
    ("InvalidRetentionPeriod", "The retention period must be in the future and within the limits of the bucket."),
    (
        "MalformedACLError",
        "The ACL that you provided was not well formed or did not validate against our published schema.",
    ),
    ("MalformedPolicy", "This policy contains invalid Json or elements."),
    ("NoSuchBucketPolicy", "The bucket policy does not exist"),
    ("NoSuchConfiguration", "The specified configuration does not exist."),
    ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
    ("NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration"),
    ("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"),
    ("NoSuchTagSet", "The TagSet does not exist"),
    ("NoSuchTagSetError", "The TagSet does not exist"),
    ("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
    ("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket"),
    ("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
    ("ServerSideEncryptionConfigurationNotFoundError", "The server side encryption configuration was not found"),
];

/// Codes about OSP's own credentials, clock, region or address (trap 11): clients would react to them by signing in
/// another way or by talking to the backend directly.
const OWN_BUSINESS: [&str; 34] = [
    "AccessDenied",
    "AccessForbidden",
    "AccountProblem",
    "AllAccessDisabled",
    "AuthFailure",
    "AuthorizationHeaderMalformed",
    "AuthorizationQueryParametersError",
    "CredentialsNotSupported",
    "ExpiredToken",
    "Forbidden",
    "IllegalLocationConstraintException",
    "IncorrectEndpoint",
    "InvalidAccessKeyId",
    "InvalidAddressingHeader",
    "InvalidBucketName",
    "InvalidHostHeader",
    "InvalidPayer",
    "InvalidRegion",
    "InvalidSecurity",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingSecurityElement",
    "MissingSecurityHeader",
    "NotSignedUp",
    "PermanentRedirect",
    "Redirect",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TemporaryRedirect",
    "TokenRefreshRequired",
    "UnauthorizedAccess",
    "UserSuspended",
    "XAmzContentSHA256Mismatch",
];

/// True for a code that is about OSP towards its backend.
pub fn is_own_business(code: &str) -> bool {
    OWN_BUSINESS.contains(&code)
}

/// What a client sees of a backend's code; `None` for a code that OSP does not know.
pub fn client_error(code: &str) -> Option<ClientError> {
    if is_own_business(code) {
        return Some(INTERNAL);
    }
    PASSED_ON.iter().find(|(known, _)| *known == code).map(|&(code, message)| ClientError { code, message })
}

/// What a client sees when only the status is known.
pub fn generic_error(status: u16, operation: &Operation) -> ClientError {
    let code = match status {
        304 => "NotModified",
        400 => "InvalidRequest",
        404 => operation.missing(),
        405 => "MethodNotAllowed",
        408 => "RequestTimeout",
        409 => "OperationAborted",
        411 => "MissingContentLength",
        412 => "PreconditionFailed",
        413 => "EntityTooLarge",
        416 => "InvalidRange",
        429 => "SlowDown",
        501 => "NotImplemented",
        503 => "ServiceUnavailable",
        _ => return INTERNAL,
    };
    client_error(code).unwrap_or(INTERNAL)
}
