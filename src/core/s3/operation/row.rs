//! What OSP knows of one S3 operation: a row of [`super::table::ROWS`]. The classifier, the decision, the request to the
//! backend and `docs/operations.md` all read the same row.

use http::Method;

use super::Permission;
use crate::s3::XmlDocument;

/// One S3 operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::s3) struct Row {
    /// As in AWS's API reference.
    pub(in crate::s3) name: &'static str,
    pub(super) verb: Verb,
    pub(in crate::s3) level: Level,
    /// The sub-resource that selects it.
    pub(in crate::s3) selector: Option<&'static str>,
    pub(super) mark: Mark,
    pub(super) kind: Kind,
    pub(super) need: Need,
    pub(super) scope: Scope,
    pub(super) handling: Handling,
    /// The document in a 2xx answer that is rewritten or checked on its way; `None` when it is passed on as it is.
    pub(super) answer: Option<XmlDocument>,
    pub(super) body: Body,
    /// Parameters beside the selector that belong to it, sorted.
    pub(super) modifiers: &'static [&'static str],
    /// Those without which it is none.
    pub(super) required: &'static [&'static str],
    /// Headers that only some operations take.
    pub(super) families: &'static [Family],
    /// For people: why, or what is adapted.
    pub(super) note: &'static str,
}

/// An HTTP method that S3 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Head,
    Put,
    Post,
    Delete,
    Options,
}

/// What an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::s3) enum Level {
    Service,
    Bucket,
    Object,
}

/// What tells operations with the same method, level and selector apart. Rows with a mark stand before the one without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Nothing,
    /// This header is there.
    Header(&'static str),
    /// This parameter is there.
    Parameter(&'static str),
    /// This parameter has this value.
    Value(&'static str, &'static str),
    /// The body is a form.
    Form,
}

/// Operations that OSP treats in a way of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Answered from the caller's grants.
    ListBuckets,
    /// A CORS preflight.
    Preflight,
    /// Its body is written anew: where a bucket is made is the route's decision.
    CreateBucket,
    /// Answered by OSP when no single backend holds the bucket.
    HeadBucket,
    /// Answered from the configured region.
    GetBucketLocation,
    /// Decided key by key once the body is proved.
    DeleteObjects,
    /// Any copy of the object can answer it.
    GetObject,
    /// As `GetObject`, without a body.
    HeadObject,
    /// All others: nothing but their row tells them apart.
    Other,
}

/// Which (permission, resource) pairs it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::s3) enum Need {
    Nothing,
    /// On any part of the bucket.
    PartOfBucket(Permission),
    /// [`Permission::List`] on every key that the prefix of the listing covers.
    Listing,
    /// On every key of the bucket: no grant that ends at a prefix reaches it, and no key may be denied.
    WholeBucket(Permission),
    /// On the object.
    Object(Permission),
    /// [`Permission::Read`] on the source, [`Permission::Write`] on the target.
    Copy,
    /// [`Permission::Delete`] on each key of the body.
    EachKey,
}

/// For which routes it is served (s3-protocol.md 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::s3) enum Scope {
    /// All.
    Any,
    /// Those without a prefix: below one, the backend's bucket is others' as well.
    WholeBucket,
    /// Those of them that keep the bucket's name, because the document has it in it.
    SameName,
    /// Those of patterns: which other buckets there are is said by routes. Without a prefix, like [`Self::WholeBucket`].
    OfPattern,
}

/// What OSP does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handling {
    /// Bucket, key, prefixes and markers of the request get the backend's names.
    Pass,
    /// So do the names in a body, or answers get the client's.
    Adapt,
    /// No backend is asked.
    Own,
    Refuse(Refusal),
}

/// The S3 code of a refusal, whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NotImplemented,
}

/// What it does with a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// It takes none.
    Nothing,
    /// The object or part itself; `STREAMING-*` payloads are legal (CH-1).
    Object,
    /// An XML document (or JSON: a policy) of at most 2 MiB.
    Document,
    /// The document of `CompleteMultipartUpload`: its checksum headers are about the object (RS-7).
    Completion,
    /// The document of `CreateBucket`, which may be left out.
    Creation,
    /// The document of `RestoreObject`: it may not name a place to restore to, which could be anybody's bucket.
    Restoration,
}

/// `x-amz-*` headers that mean something to some operations only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// `x-amz-acl` and `x-amz-grant-*`.
    Acl,
    /// `x-amz-bucket-object-lock-enabled` and `x-amz-object-ownership` of a new bucket.
    NewBucket,
    /// `x-amz-object-lock-*`: retention and legal hold of a new object.
    Lock,
    /// `x-amz-bypass-governance-retention`.
    Bypass,
    /// `x-amz-tagging`.
    Tags,
    /// `x-amz-tagging-directive`.
    TagsOfCopy,
    /// `x-amz-server-side-encryption-customer-*`.
    CustomerKey,
    /// The same of a copy's source.
    SourceCustomerKey,
    /// `x-amz-object-attributes` and its paging.
    Attributes,
}

impl Verb {
    pub(super) fn of(method: &Method) -> Option<Self> {
        [Self::Get, Self::Head, Self::Put, Self::Post, Self::Delete, Self::Options]
            .into_iter()
            .find(|verb| verb.method() == *method)
    }

    pub(super) const fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Head => Method::HEAD,
            Self::Put => Method::PUT,
            Self::Post => Method::POST,
            Self::Delete => Method::DELETE,
            Self::Options => Method::OPTIONS,
        }
    }
}

/// The parts of the table are written with these.
impl Row {
    pub(super) const fn at(verb: Verb, level: Level, selector: &'static str, name: &'static str) -> Self {
        Self {
            name,
            verb,
            level,
            selector: if selector.is_empty() { None } else { Some(selector) },
            mark: Mark::Nothing,
            kind: Kind::Other,
            need: Need::Nothing,
            scope: Scope::Any,
            handling: Handling::Pass,
            answer: None,
            body: Body::Nothing,
            modifiers: &[],
            required: &[],
            families: &[],
            note: "",
        }
    }

    pub(super) const fn marked(self, mark: Mark) -> Self {
        Self { mark, ..self }
    }

    pub(super) const fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    pub(super) const fn needs(self, need: Need) -> Self {
        Self { need, ..self }
    }

    /// Names in its answer are the backend's.
    pub(super) const fn answers(self, document: XmlDocument, note: &'static str) -> Self {
        Self { answer: Some(document), handling: Handling::Adapt, note, ..self }
    }

    /// Its answer is passed on if it begins with one of these elements.
    pub(super) const fn checked(self, roots: &'static [&'static str]) -> Self {
        Self { answer: Some(XmlDocument::Checked(roots)), ..self }
    }

    pub(super) const fn adapted(self, note: &'static str) -> Self {
        Self { handling: Handling::Adapt, note, ..self }
    }

    pub(super) const fn own(self, note: &'static str) -> Self {
        Self { handling: Handling::Own, note, ..self }
    }

    pub(super) const fn refused(self, refusal: Refusal, note: &'static str) -> Self {
        Self { handling: Handling::Refuse(refusal), note, ..self }
    }

    pub(super) const fn body(self, body: Body) -> Self {
        Self { body, ..self }
    }

    pub(super) const fn with(self, modifiers: &'static [&'static str]) -> Self {
        Self { modifiers, ..self }
    }

    pub(super) const fn requires(self, required: &'static [&'static str]) -> Self {
        Self { required, ..self }
    }

    pub(super) const fn headers(self, families: &'static [Family]) -> Self {
        Self { families, ..self }
    }

    pub(super) const fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    pub(super) const fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }
}

impl Row {
    /// True when this header family means something to it.
    pub(super) fn takes(&self, family: Family) -> bool {
        self.families.contains(&family)
    }

    /// True for a parameter of it, the selector included.
    pub(super) fn has(&self, parameter: &str) -> bool {
        self.selector == Some(parameter) || self.modifiers.contains(&parameter)
    }

    /// True when OSP serves it, by itself or by a backend.
    pub(super) const fn is_served(&self) -> bool {
        !matches!(self.handling, Handling::Refuse(_))
    }
}
