//! Every request is one of these operations, or it is refused. Nothing is ever passed on unclassified.

mod classify;
mod headers;
mod page;
mod parameters;
mod permission;
mod row;
mod table;
#[cfg(test)]
mod tests;

use http::Method;

use self::headers::Demands;
use self::row::{Family, Handling, Level, Mark, Need, Row, Scope, Verb};
use super::{BucketName, CopySource, ObjectKey, Query, RawHead, Semantics, Target, XmlDocument};
use crate::Denial;
use crate::sigv4::ProvedForm;

pub(super) use self::headers::Fate;
pub use self::page::operations_page;
pub use self::permission::{Needs, Permission, Permissions, Resource};
pub(crate) use self::row::Body;
pub use self::row::Kind;

/// One S3 operation with the names it is about. What it is stands in its row of the table; the names, and what its headers
/// ask for on top, are of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    row: &'static Row,
    bucket: Option<BucketName>,
    key: Option<ObjectKey>,
    source: Option<CopySource>,
    demands: Demands,
}

/// The operation of this name (as [`Operation::name`] gives it) on this bucket and key, for whoever asks about operations
/// without a request. `None` for a name that is unknown or refused for everybody, or when something is missing or too
/// much.
#[must_use]
pub fn named(
    name: &str,
    bucket: Option<BucketName>,
    key: Option<ObjectKey>,
    source: Option<CopySource>,
) -> Option<Operation> {
    let row = table::ROWS.iter().find(|row| row.name == name && row.is_served() && row.kind != Kind::Preflight)?;
    // a form names its key in a field
    let has_key = row.level == Level::Object || row.mark == Mark::Form;
    let fits = (bucket.is_some(), key.is_some()) == (row.level != Level::Service, has_key)
        && source.is_some() == (row.need == Need::Copy);
    fits.then_some(Operation { row, bucket, key, source, demands: Demands::default() })
}

/// Decides which operation a request is: total, deny by default (traps 9 and 15, CL-1 ... CL-6).
///
/// # Errors
/// [`Denial::NotImplemented`] for what S3 knows and OSP does not serve (operations, parameters, `x-amz-*` headers that
/// change meaning), [`Denial::AccessDenied`] for headers that change rights where
/// they have no meaning, [`Denial::MethodNotAllowed`], [`Denial::InvalidArgument`] for conflicting sub-resources, empty or
/// malformed modifiers, [`Denial::InvalidRequest`] for a selector on the wrong level,
/// [`Denial::MultipleAuthentication`] for a form, which has its credentials in itself.
pub fn classify(method: &Method, target: &Target, semantics: &Semantics<'_>) -> Result<Operation, Denial> {
    classify::classify(method, target, semantics)
}

/// True when the head announces a form that uploads an object: its credentials, and what is asked for, stand in its body.
#[must_use]
pub fn is_form_upload(head: &RawHead, target: &Target) -> bool {
    classify::is_form_upload(head, target)
}

/// The `PostObject` that a proved form asks for. `semantics` are those of the same form, `target` is where it was sent.
///
/// # Errors
/// As [`classify`], and those of [`ProvedForm::key`].
pub fn classify_form(form: &ProvedForm, target: &Target, semantics: &Semantics<'_>) -> Result<Operation, Denial> {
    classify::classify_form(form, target, semantics)
}

impl Operation {
    /// The S3 name of the operation, as in AWS's API reference: a finite set for logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.row.name
    }

    /// What tells it apart where its row does not.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.row.kind
    }

    /// Every (permission, resource) pair that must be allowed. Listings need [`Permission::List`] on
    /// [`Resource::Prefix`] of the `prefix` parameter; copies need `Read` on the source and `Write` on the target; headers
    /// that change rights, and deleting a version (which is for good), need [`Permission::Admin`] on top.
    #[must_use]
    pub fn needs(&self, query: &Query) -> Needs {
        let Self { row, bucket, key, source, demands } = self;
        let object = |permission| Some((permission, Resource::Object(bucket.clone()?, key.clone()?)));
        let prefix = |text: &str| Some(Resource::Prefix(bucket.clone()?, text.to_owned()));
        let read = |source: &CopySource| Resource::Object(source.bucket.clone(), source.key.clone());
        let mut pairs: Vec<Option<(Permission, Resource)>> = match row.need {
            Need::Nothing => return Needs::Nothing,
            Need::EachKey => return bucket.clone().map_or(Needs::Nothing, |bucket| self.of_each_key(bucket)),
            Need::PartOfBucket(permission) => vec![bucket.clone().map(|bucket| (permission, Resource::Bucket(bucket)))],
            Need::WholeBucket(permission) => vec![prefix("").map(|whole| (permission, whole))],
            Need::Listing => {
                let listed = prefix(query.get("prefix").unwrap_or_default());
                vec![listed.map(|listed| (Permission::List, listed))]
            }
            Need::Object(permission) => vec![object(permission)],
            Need::Copy => {
                vec![source.as_ref().map(|source| (Permission::Read, read(source))), object(Permission::Write)]
            }
        };
        let deletes_version = row.need == Need::Object(Permission::Delete) && query.get("versionId").is_some();
        if (demands.admin || deletes_version) && key.is_some() && row.need != Need::Object(Permission::Admin) {
            pairs.push(object(Permission::Admin));
        }
        if demands.admin && row.need == Need::WholeBucket(Permission::ManageBuckets) {
            pairs.push(prefix("").map(|whole| (Permission::Admin, whole)));
        }
        // a name that is missing is a bug, and nothing to decide on: nobody has grants on nothing
        pairs.into_iter().collect::<Option<Vec<_>>>().map_or(Needs::Nothing, Needs::All)
    }

    fn of_each_key(&self, bucket: BucketName) -> Needs {
        Needs::EachKey(bucket, self.of_entry(false))
    }

    /// What `DeleteObjects` needs on one key, or on one version of it: D07.
    pub(crate) const fn of_entry(&self, names_version: bool) -> &'static [Permission] {
        if self.demands.admin || names_version {
            &[Permission::Delete, Permission::Admin]
        } else {
            &[Permission::Delete]
        }
    }

    /// True when it is nothing without a document: an empty one might be another operation to a backend that does not know
    /// this one.
    pub(crate) fn requires_document(&self) -> bool {
        matches!(self.row.body, Body::Document | Body::Completion | Body::Restoration) && !self.row.takes(Family::Acl)
    }

    /// One of the operations that a copy between backends is made of, and whether it is about its source: what reads an
    /// object is, everything else is about its target. `None` when this is no copy, or for a name that no operation has.
    pub(crate) fn step_of_copy(&self, name: &str) -> Option<(Self, bool)> {
        let source = self.source.as_ref()?;
        let row = table::ROWS.iter().find(|row| row.name == name && row.is_served())?;
        let is_of_source = row.need == Need::Object(Permission::Read);
        let (bucket, key) = match is_of_source {
            true => (Some(source.bucket.clone()), Some(source.key.clone())),
            false => (self.bucket.clone(), self.key.clone()),
        };
        // the headers that ask for more are about the new object
        let demands = Demands { admin: self.demands.admin && !is_of_source, secure: self.demands.secure };
        Some((Self { row, bucket, key, source: None, demands }, is_of_source))
    }

    /// The client-facing bucket, `None` for the service level.
    #[must_use]
    pub const fn bucket(&self) -> Option<&BucketName> {
        self.bucket.as_ref()
    }

    /// The client-facing key, if the operation is about one object.
    #[must_use]
    pub const fn key(&self) -> Option<&ObjectKey> {
        self.key.as_ref()
    }

    /// The source of a copy.
    #[must_use]
    pub const fn copy_source(&self) -> Option<&CopySource> {
        self.source.as_ref()
    }

    /// The HTTP method towards the backend: the client's, but `PUT` for what came in a form.
    #[must_use]
    pub const fn method(&self) -> Method {
        if self.is_form_upload() { Method::PUT } else { self.row.verb.method() }
    }

    /// True for `PostObject`: what is asked for was read from a form, and from nothing else.
    #[must_use]
    pub const fn is_form_upload(&self) -> bool {
        matches!(self.row.mark, Mark::Form)
    }

    /// True when a backend answers it; `ListBuckets`, `Preflight` and `GetBucketLocation` are answered by OSP.
    #[must_use]
    pub const fn is_forwarded(&self) -> bool {
        matches!(self.row.handling, Handling::Pass | Handling::Adapt)
    }

    /// True when the operation takes a request body; any other operation with a body is refused.
    #[must_use]
    pub fn takes_body(&self) -> bool {
        self.row.body != Body::Nothing
    }

    /// True when `STREAMING-*` payloads are legal: `PutObject` and `UploadPart` (CH-1).
    #[must_use]
    pub fn takes_streaming_payload(&self) -> bool {
        self.row.body == Body::Object
    }

    /// What it does with a body.
    pub(crate) const fn body(&self) -> Body {
        self.row.body
    }

    /// True for reads of one object that any copy of it can answer: `GetObject` and `HeadObject` without a version, since
    /// version ids belong to one backend (kubernetes.md 2.4), and without a key of the customer's, which is for one
    /// backend as well.
    #[must_use]
    pub fn may_read_elsewhere(&self, query: &Query) -> bool {
        matches!(self.row.kind, Kind::GetObject | Kind::HeadObject)
            && query.get("versionId").is_none()
            && !self.demands.secure
    }

    /// The id of the upload that it goes on with, as the client says it.
    pub(crate) fn upload<'a>(&self, query: &'a Query) -> Option<&'a str> {
        self.row.selector.filter(|selector| *selector == "uploadId").and_then(|selector| query.get(selector))
    }

    /// True when sending the request twice does no harm: GET, HEAD and listings.
    #[must_use]
    pub fn is_replayable(&self) -> bool {
        matches!(self.method(), Method::GET | Method::HEAD)
    }

    /// True for `CompleteMultipartUpload`, for which backends may take minutes (RS-14).
    #[must_use]
    pub fn may_take_minutes(&self) -> bool {
        self.row.body == Body::Completion
    }

    /// True when it carries a key of the customer's (SSE-C): it may only travel encrypted.
    #[must_use]
    pub const fn demands_secure_channel(&self) -> bool {
        self.demands.secure
    }

    /// True when a lock on a version can be why a backend refuses it: deleting a version, and changing its lock.
    pub(super) fn may_meet_a_lock(&self, query: &Query) -> bool {
        match (self.row.verb, self.row.selector) {
            (Verb::Delete, None) => query.get("versionId").is_some(),
            (Verb::Put, Some("retention" | "legal-hold")) => true,
            _ => false,
        }
    }

    /// What becomes of one of its headers.
    ///
    /// # Errors
    /// As [`classify`].
    pub(super) fn fate(&self, name: &str, value: &[u8]) -> Result<Option<Fate>, Denial> {
        headers::fate(self.row, name, value)
    }

    /// The document in a successful answer that has to be rewritten.
    pub(super) const fn answer(&self) -> Option<XmlDocument> {
        self.row.answer
    }

    /// What is missing when a backend answers 404 and does not say what.
    pub(super) fn missing(&self) -> &'static str {
        match (self.row.level, self.row.selector) {
            (Level::Object, Some("uploadId")) => "NoSuchUpload",
            (Level::Object, Some("uploads")) | (Level::Bucket | Level::Service, _) => "NoSuchBucket",
            (Level::Object, _) => "NoSuchKey",
        }
    }

    /// True when the routes of a bucket as a whole are asked, not the one that a key or prefix leads to.
    pub(crate) const fn is_about_parts(&self) -> bool {
        matches!(self.row.need, Need::PartOfBucket(_) | Need::EachKey)
    }

    /// The text that leads to its route: the key, the prefix of a listing, or nothing.
    pub(crate) fn placed_by<'a>(&'a self, query: &'a Query) -> &'a str {
        match (&self.key, self.row.need) {
            (Some(key), _) => key.as_str(),
            (None, Need::Listing) => query.get("prefix").unwrap_or_default(),
            (None, _) => "",
        }
    }

    /// True when it makes or deletes a bucket, which only routes of patterns let anybody do.
    pub(crate) fn manages_buckets(&self) -> bool {
        self.row.scope == Scope::OfPattern
    }

    /// Checks that the route may serve it: the configuration of a bucket is everybody's who has keys in it, so the route
    /// has to be `alone` with it, and some documents have the bucket's name in them (s3-protocol.md 3.1). Buckets are made
    /// and deleted where the route is `of_pattern`.
    ///
    /// # Errors
    /// [`Denial::NotImplemented`], [`Denial::AccessDenied`].
    pub(crate) fn check_scope(
        &self,
        mapping: &super::Mapping,
        (alone, of_pattern): (bool, bool),
    ) -> Result<(), Denial> {
        let refused = |why: &str| Err(Denial::NotImplemented(format!("{} {why}", self.row.name)));
        let shares = !alone || !mapping.prefix.is_empty() || !mapping.client_prefix.is_empty();
        match self.row.scope {
            Scope::Any => Ok(()),
            Scope::OfPattern if !of_pattern => Err(Denial::AccessDenied),
            Scope::WholeBucket | Scope::SameName | Scope::OfPattern if shares => {
                refused("for a bucket that is a part of the backend's bucket, or that several routes are for")
            }
            Scope::SameName if mapping.backend_bucket != mapping.client_bucket.as_str() => {
                refused("for a bucket that has another name at its backend")
            }
            Scope::WholeBucket | Scope::SameName | Scope::OfPattern => Ok(()),
        }
    }

    /// The sub-resource that selects it and has no value of its own.
    pub(super) fn flag(&self) -> Option<&'static str> {
        self.row.selector.filter(|name| !matches!(*name, "list-type" | "uploadId"))
    }
}
