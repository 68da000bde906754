//! Who may do what: the oracle. A table and a few lines, written from the documentation alone; nothing of the gateway is
//! used here.

use osp_test_support::documents::{Route, client};
use osp_test_support::{ALICE, Key, STRANGER};

use crate::forms::Auth;
use crate::operations::{Need, Operation};

/// The client's bucket of the matrix, and what it is called at the backend.
pub const BUCKET: &str = "vault";
pub const BACKEND_BUCKET: &str = "vault-at-backend";
/// A bucket at another storage backend, with the same grants.
pub const FAR_BUCKET: &str = "distant";
pub const FAR_BACKEND_BUCKET: &str = "distant-at-backend";
/// A bucket that no route names: one of a pattern of theirs.
pub const MADE_BUCKET: &str = "vaults-made";
pub const MADE_BACKEND_BUCKET: &str = "vaults-made-at-backend";
/// What the prefix-granted principal may touch.
pub const PREFIX: &str = "team-a/";

const UNGRANTED: Key = Key { id: "OSPMATRIXUNGRANTED01", secret: "canary-ungranted-secret-41f0" };
const READER: Key = Key { id: "OSPMATRIXREADER00001", secret: "canary-reader-secret-9b27aa" };
const PREFIXED: Key = Key { id: "OSPMATRIXPREFIXED001", secret: "canary-prefixed-secret-c3d8" };
const ADMINISTRATOR: Key = Key { id: "OSPMATRIXADMIN000001", secret: "canary-admin-secret-77e1b0c9" };
const FULL: Key = Key { id: "OSPMATRIXFULL0000001", secret: "canary-full-secret-0d6e51b2" };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// No credentials at all.
    Nobody,
    /// A key that no identity has.
    Unknown,
    /// An identity that no grant names.
    Ungranted,
    /// Read and List.
    Reader,
    /// Everything under [`PREFIX`].
    Prefixed,
    /// Read, List, Write and Delete on all of the bucket.
    Full,
    /// The same and Admin; and the only one that may make and delete buckets of the pattern.
    Administrator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    Read,
    List,
    Write,
    Delete,
    ManageBuckets,
    Admin,
}

/// Status and S3 code; an empty code stands for any.
pub type Code = (u16, &'static str);

pub const DENIED: Code = (403, "AccessDenied");
pub const MISMATCH: Code = (403, "SignatureDoesNotMatch");
pub const UNKNOWN_KEY: Code = (403, "InvalidAccessKeyId");
pub const MALFORMED_HEADER: Code = (400, "AuthorizationHeaderMalformed");
pub const MALFORMED_QUERY: Code = (400, "AuthorizationQueryParametersError");
/// Credentials that cannot be read.
pub const MALFORMED: &[Code] = &[MALFORMED_HEADER, MALFORMED_QUERY];
pub const INVALID_REQUEST: Code = (400, "InvalidRequest");
pub const INVALID_ARGUMENT: Code = (400, "InvalidArgument");
pub const NOT_IMPLEMENTED: Code = (501, "NotImplemented");
/// What is announced as a form and is none.
pub const MALFORMED_FORM: Code = (400, "MalformedPOSTRequest");
const NO_CORS: Code = (403, "AccessForbidden");

/// What has to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// 2xx, and the backend saw exactly this request.
    Forwarded,
    /// 2xx by the gateway alone.
    Answered,
    /// `DeleteObjects`: 200, the key refused in the answer, nothing at the backend.
    KeysRefused,
    /// Denied before anything reached the backend.
    Head(Vec<Code>),
    /// Denied by the body: at most one aborted request, nothing changed.
    Body(Vec<Code>),
}

impl Verdict {
    pub fn passes(&self) -> bool {
        matches!(self, Self::Forwarded | Self::Answered)
    }

    pub const fn name(&self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Answered => "answered by OSP",
            Self::KeysRefused => "keys refused",
            Self::Head(_) => "denied by the head",
            Self::Body(_) => "denied by the body",
        }
    }
}

impl Principal {
    pub const ALL: [Self; 7] =
        [Self::Nobody, Self::Unknown, Self::Ungranted, Self::Reader, Self::Prefixed, Self::Full, Self::Administrator];

    /// What the principal signs with. Nobody's requests are signed and then stripped of it.
    pub fn key(self) -> Key {
        match self {
            Self::Unknown => STRANGER,
            Self::Ungranted => UNGRANTED,
            Self::Reader => READER,
            Self::Prefixed => PREFIXED,
            Self::Administrator => ADMINISTRATOR,
            Self::Nobody | Self::Full => FULL,
        }
    }

    /// True for those with a grant on the pattern.
    pub fn has_pattern(self) -> bool {
        matches!(self, Self::Prefixed | Self::Full | Self::Administrator)
    }

    /// The grants. `key` is the object or the listed prefix; `None` asks about the bucket itself.
    fn may(self, permission: Permission, key: Option<&str>) -> bool {
        match self {
            Self::Nobody | Self::Unknown | Self::Ungranted => false,
            Self::Reader => matches!(permission, Permission::Read | Permission::List),
            Self::Prefixed => !is_managing(permission) && key.is_none_or(|key| key.starts_with(PREFIX)),
            Self::Full => !is_managing(permission),
            Self::Administrator => true,
        }
    }
}

/// Neither is in "everything" that somebody does with data.
fn is_managing(permission: Permission) -> bool {
    matches!(permission, Permission::Admin | Permission::ManageBuckets)
}

/// The same grants as documents, of the two backends.
pub fn documents(endpoint: &str, far: &str) -> String {
    let everything = "Read, List, Write, Delete";
    let granted = |route: Route| {
        route
            .allow("reader", "Read, List", &[])
            .allow("prefixed", everything, &[PREFIX])
            .allow("full", everything, &[])
            .allow("administrator", "Read, List, Write, Delete, Admin", &[])
    };
    let vault = granted(Route::new(BUCKET, endpoint, BACKEND_BUCKET)).traffic("copyBetweenBackends: Stream");
    // Copies into this one stop at the default.
    let distant = granted(Route::new(FAR_BUCKET, far, FAR_BACKEND_BUCKET));
    // Somebody else's bucket, for confused deputies: it is there, and nobody of the matrix may touch it.
    let foreign = Route::new("foreign", endpoint, "foreign-at-backend").allow("alice", everything, &[]);
    let made = Route::new("vaults*", endpoint, "{bucket}-at-backend")
        .allow("prefixed", everything, &[PREFIX])
        .allow("full", everything, &[])
        .allow("administrator", "Read, List, Write, Delete, ManageBuckets, Admin", &[]);
    let clients = [
        client("ungranted", UNGRANTED),
        client("reader", READER),
        client("prefixed", PREFIXED),
        client("full", FULL),
        client("administrator", ADMINISTRATOR),
    ];
    [clients.join("---\n"), vault.yaml(), distant.yaml(), made.yaml(), foreign.yaml()].join("---\n")
}

/// Every secret that must be nowhere.
pub fn secrets() -> Vec<&'static str> {
    [UNGRANTED, READER, PREFIXED, FULL, ADMINISTRATOR, ALICE, STRANGER, osp_test_support::BACKEND]
        .map(|key| key.secret)
        .to_vec()
}

/// What `principal` gets for a whole, well-signed request. The signature comes first, then what the gateway serves at
/// all, then the grants; where both of the latter say no, either may speak.
pub fn verdict(operation: &Operation, principal: Principal, key: &str, auth: Auth) -> Verdict {
    if matches!(operation.need, Need::Preflight) {
        return Verdict::Head(vec![NO_CORS]);
    }
    if operation.name == "PostObject" && auth != Auth::PostPolicy {
        // a form is authorised by itself and by nothing else; stripped of its credentials, this is no form either
        let code = if principal == Principal::Nobody { vec![DENIED, MALFORMED_FORM] } else { vec![INVALID_ARGUMENT] };
        return Verdict::Head(code);
    }
    // to all other operations, credentials in a form are none
    if principal == Principal::Nobody || (auth == Auth::PostPolicy && operation.name != "PostObject") {
        return Verdict::Head(vec![DENIED]);
    }
    if principal == Principal::Unknown {
        return Verdict::Head(vec![UNKNOWN_KEY]);
    }
    let misframed = auth.streams() && !operation.streams();
    if let Need::Refused(codes) = operation.need {
        let mut codes = codes.to_vec();
        codes.extend(misframed.then_some(INVALID_REQUEST));
        return Verdict::Head(codes);
    }
    let allowed = match operation.need {
        Need::Anyone => true,
        Need::Bucket(permission) => principal.may(permission, None),
        Need::Listing => principal.may(Permission::List, Some(key)),
        Need::Object(permission) => principal.may(permission, Some(key)),
        Need::Copy | Need::CopyRefused => {
            principal.may(Permission::Read, Some(key)) && principal.may(Permission::Write, Some(PREFIX))
        }
        Need::EachKey => principal.may(Permission::Delete, None),
        Need::ManageBuckets => principal.may(Permission::ManageBuckets, None),
        Need::Admin => principal.may(Permission::Admin, None),
        Need::WithAdmin(permission) => {
            principal.may(permission, Some(key)) && principal.may(Permission::Admin, Some(key))
        }
        Need::Preflight | Need::Refused(_) => false,
    };
    if misframed {
        return Verdict::Head(if allowed { vec![INVALID_REQUEST] } else { vec![INVALID_REQUEST, DENIED] });
    }
    if !allowed {
        return Verdict::Head(vec![DENIED]);
    }
    if matches!(operation.need, Need::CopyRefused) {
        return Verdict::Head(vec![NOT_IMPLEMENTED]);
    }
    if matches!(operation.need, Need::EachKey) && !principal.may(Permission::Delete, Some(key)) {
        return Verdict::KeysRefused;
    }
    if operation.own { Verdict::Answered } else { Verdict::Forwarded }
}
