//! What grants allow, and what operations need.

use crate::s3::{BucketName, ObjectKey};

/// What a grant may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Contents, metadata, tags and versions of objects.
    Read,
    /// Names of objects, of their versions and of uploads; the bucket's existence and location.
    List,
    /// Creating and replacing objects and their tags, the whole multipart family.
    Write,
    /// Deleting objects and versions.
    Delete,
    /// Creating and deleting buckets, which only routes of patterns can grant.
    ManageBuckets,
    /// Whatever changes the rights of others or outlives the request: access control lists, retention, legal hold,
    /// governance bypass, configuration of buckets. Contains no other permission.
    Admin,
}

impl Permission {
    /// Every permission, in the order of their bits.
    pub const EVERY: [Self; 6] = [Self::Read, Self::List, Self::Write, Self::Delete, Self::ManageBuckets, Self::Admin];

    /// The word of documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::List => "List",
            Self::Write => "Write",
            Self::Delete => "Delete",
            Self::ManageBuckets => "ManageBuckets",
            Self::Admin => "Admin",
        }
    }
}

/// A set of [`Permission`]s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u8);

impl Permissions {
    /// Every permission there is or will be: what a `deny` entry without `permissions` is about. Grants name theirs one by
    /// one, so a new permission widens none of them.
    pub const ALL: Self = Self(u8::MAX);

    /// Membership.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(items: I) -> Self {
        Self(items.into_iter().fold(0, |bits, permission| bits | 1 << permission as u8))
    }
}

/// What a permission is needed on, in the client's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// The bucket itself; any grant of the permission on any of its prefixes suffices.
    Bucket(BucketName),
    /// All keys of the bucket that begin with this text: a listing, or with the empty text the bucket as a whole (its
    /// configuration).
    Prefix(BucketName, String),
    /// One object.
    Object(BucketName, ObjectKey),
}

impl Resource {
    /// The bucket that it is, or is in.
    #[must_use]
    pub const fn bucket(&self) -> &BucketName {
        match self {
            Self::Bucket(bucket) | Self::Prefix(bucket, _) | Self::Object(bucket, _) => bucket,
        }
    }
}

/// Every (permission, resource) pair that an operation needs; all of them must be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// No permission on a named resource: `ListBuckets` (shows what the caller's grants name) and preflights.
    Nothing,
    /// All of these pairs; never empty.
    All(Vec<(Permission, Resource)>),
    /// `DeleteObjects`: all of these permissions on each key of the body, decided once the body is proved; the head is
    /// refused at once if the caller has them nowhere in the bucket.
    EachKey(BucketName, &'static [Permission]),
}
