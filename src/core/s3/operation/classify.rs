//! (method, level, selector, copy source) -> operation. Total: whatever is not listed is refused (CL-1, CL-6).

use http::Method;

use super::parameters::{self, Selector, Verdict};
use super::{Operation, headers};
use crate::Denial;
use crate::s3::{BucketName, CopySource, ObjectKey, Semantics, Target};

/// See [`super::classify`].
pub(super) fn classify(method: &Method, target: &Target, semantics: &Semantics<'_>) -> Result<Operation, Denial> {
    let known = [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE, Method::OPTIONS];
    if !known.contains(method) {
        return Err(Denial::MethodNotAllowed);
    }
    if *method == Method::OPTIONS {
        return target.bucket.as_ref().map(|_| Operation::Preflight).ok_or(Denial::MethodNotAllowed);
    }
    let selector = parameters::selector_of(&target.query)?;
    let operation = match (&target.bucket, &target.key) {
        (None, _) => of_service(method, selector)?,
        (Some(bucket), None) => of_bucket(method, bucket.clone(), selector, semantics)?,
        (Some(bucket), Some(key)) => of_object(method, (bucket.clone(), key.clone()), selector, semantics)?,
    };
    parameters::check(&operation, &target.query)?;
    if matches!(operation, Operation::UploadPart { .. } | Operation::UploadPartCopy { .. })
        && target.query.get("partNumber").is_none()
    {
        return Err(Denial::InvalidRequest("An uploadId without a partNumber does not go with PUT.".to_owned()));
    }
    if semantics.header("x-amz-copy-source").is_some() && operation.copy_source().is_none() {
        return Err(Denial::InvalidArgument("You can only specify a copy source header for copy requests.".to_owned()));
    }
    headers::check(semantics)?;
    Ok(operation)
}

fn of_service(method: &Method, selector: Option<&Selector>) -> Result<Operation, Denial> {
    match (method, selector) {
        (_, Some(selector)) => Err(wrong_level(selector.name)),
        (&Method::GET, None) => Ok(Operation::ListBuckets),
        _ => Err(Denial::MethodNotAllowed),
    }
}

fn of_bucket(
    method: &Method,
    bucket: BucketName,
    selector: Option<&Selector>,
    semantics: &Semantics<'_>,
) -> Result<Operation, Denial> {
    let selector = selector.map(|selector| served(selector.name, selector.at_bucket)).transpose()?;
    match (method, selector) {
        (&Method::HEAD, None) => Ok(Operation::HeadBucket { bucket }),
        (&Method::GET, None) => Ok(Operation::ListObjects { bucket }),
        (&Method::GET, Some("list-type")) => Ok(Operation::ListObjectsV2 { bucket }),
        (&Method::GET, Some("location")) => Ok(Operation::GetBucketLocation { bucket }),
        (&Method::GET, Some("uploads")) => Ok(Operation::ListMultipartUploads { bucket }),
        (&Method::POST, Some("delete")) => Ok(Operation::DeleteObjects { bucket }),
        (&Method::POST, None) if is_form(semantics) => Err(Denial::NotImplemented("PostObject".to_owned())),
        // CreateBucket and DeleteBucket.
        (&Method::PUT | &Method::DELETE, None) => Err(Denial::AccessDenied),
        _ => Err(Denial::MethodNotAllowed),
    }
}

fn of_object(
    method: &Method,
    (bucket, key): (BucketName, ObjectKey),
    selector: Option<&Selector>,
    semantics: &Semantics<'_>,
) -> Result<Operation, Denial> {
    let selector = selector.map(|selector| served(selector.name, selector.at_object)).transpose()?;
    let source = || semantics.header("x-amz-copy-source").map(CopySource::parse).transpose();
    match (method, selector) {
        (&Method::GET, None) => Ok(Operation::GetObject { bucket, key }),
        (&Method::HEAD, None) => Ok(Operation::HeadObject { bucket, key }),
        (&Method::DELETE, None) => Ok(Operation::DeleteObject { bucket, key }),
        (&Method::PUT, None) => Ok(match source()? {
            Some(source) => Operation::CopyObject { bucket, key, source },
            None => Operation::PutObject { bucket, key },
        }),
        (&Method::PUT, Some("uploadId")) => Ok(match source()? {
            Some(source) => Operation::UploadPartCopy { bucket, key, source },
            None => Operation::UploadPart { bucket, key },
        }),
        (&Method::POST, Some("uploads")) => Ok(Operation::CreateMultipartUpload { bucket, key }),
        (&Method::POST, Some("uploadId")) => Ok(Operation::CompleteMultipartUpload { bucket, key }),
        (&Method::DELETE, Some("uploadId")) => Ok(Operation::AbortMultipartUpload { bucket, key }),
        // aws-cli reads the tags of every object that it copies in parts; writing them is not served
        (&Method::GET, Some("tagging")) => Ok(Operation::GetObjectTagging { bucket, key }),
        (_, Some(name @ "tagging")) => Err(Denial::NotImplemented(name.to_owned())),
        (&Method::GET, Some("uploadId")) => Ok(Operation::ListParts { bucket, key }),
        (&Method::GET, Some(name @ "uploads")) => Err(wrong_level(name)),
        (&Method::HEAD, Some("uploadId")) => {
            Err(Denial::InvalidRequest("The parameter uploadId does not go with HEAD.".to_owned()))
        }
        _ => Err(Denial::MethodNotAllowed),
    }
}

/// The name of a selector whose operations are served at this level.
fn served(name: &'static str, verdict: Verdict) -> Result<&'static str, Denial> {
    match verdict {
        Verdict::Served => Ok(name),
        Verdict::Administration => Err(Denial::AccessDenied),
        Verdict::NotServed => Err(Denial::NotImplemented(name.to_owned())),
        Verdict::WrongLevel => Err(wrong_level(name)),
    }
}

fn wrong_level(selector: &str) -> Denial {
    Denial::InvalidRequest(format!("The sub-resource {selector} does not exist at this level."))
}

fn is_form(semantics: &Semantics<'_>) -> bool {
    semantics
        .header("content-type")
        .is_some_and(|value| value.get(..19).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/form-data")))
}
