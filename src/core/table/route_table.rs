//! What requests read: buckets, access keys and policies, resolved and immutable.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use foldhash::HashMap;

use super::Backends;
use super::bucket::{Asker, Bucket, Place, Seen, View};
use super::patterns::{Overlay, Patterns};
use super::problems::Problems;
use crate::access::{Policy, Principal};
use crate::model::{ClientSecret, Cors, ObjectName, RouteHook};
use crate::s3::{BucketMatch, BucketName};
use crate::sigv4::AccessKeyId;

/// One usable route.
#[derive(Debug)]
pub struct ServedRoute {
    /// The document it came from.
    pub name: ObjectName,
    /// The bucket that clients name, or the pattern of those.
    pub bucket: BucketMatch,
    /// No other route is about this bucket or about a bucket of its backends, as far as this table's documents tell.
    pub alone: bool,
    /// Of a pattern: backend buckets that other routes are about, too. With one of these it is not alone.
    pub(super) shared: Arc<BTreeSet<String>>,
    /// Where requests go, at least one place.
    pub backends: Backends,
    /// Who may do what.
    pub policy: Arc<Policy>,
    /// Who is asked beside the policy, in this order; all must say yes.
    pub hooks: Arc<[RouteHook]>,
    /// Which pages of other origins may read its answers.
    pub cors: Cors,
    /// A hash of all of this.
    pub(super) digest: [u8; 32],
}

/// What the table says of a name.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// Serve it.
    Served(Arc<ServedRoute>),
    /// Its route is present and broken: 503.
    Broken,
    /// The bucket has routes, and none of them is for this part of it: 403.
    Elsewhere,
    /// A route whose bucket could not be read exists, so nobody can know: 503.
    Unknown,
    /// No route: 404.
    Absent,
}

/// The immutable table. One per generation; requests pin an `Arc` of it.
#[derive(Debug, Default)]
pub struct RouteTable {
    pub(super) buckets: HashMap<BucketName, Arc<Bucket>>,
    /// Of routes of patterns.
    pub(super) patterns: Patterns,
    /// Base hosts that only some namespaces may use.
    pub(super) reserved_hosts: HashSet<Arc<str>>,
    pub(super) clients: HashMap<AccessKeyId, Vec<ClientSecret>>,
    pub(super) visible: Visible,
    /// Every usable route, by name.
    pub(super) routes: BTreeMap<ObjectName, Arc<ServedRoute>>,
    pub(super) some_bucket_unreadable: bool,
    pub(super) problems: Problems,
    pub(super) fingerprint: u64,
}

/// Where principals have entries: more than what `ListBuckets` shows, which depends on the host. In no order, and some
/// buckets more than once.
#[derive(Debug, Default)]
pub(super) struct Visible {
    pub(super) by_name: HashMap<Principal, Vec<BucketName>>,
    /// Of everybody who has signed.
    pub(super) by_all: BTreeSet<BucketName>,
    pub(super) by_selection: Vec<(Arc<BTreeSet<Principal>>, Vec<BucketName>)>,
}

/// A bucket as one asker sees it, to be kept for the time that a body takes.
#[derive(Debug)]
pub(crate) struct Part {
    bucket: Option<Arc<Bucket>>,
    overlay: Option<Overlay>,
    host: Option<Arc<str>>,
    namespace: Arc<str>,
    is_reserved: bool,
}

impl RouteTable {
    /// The route of a key of this bucket, or of the listing of all keys that begin with `text` (empty = all of them).
    #[must_use]
    pub fn lookup(&self, asker: Asker<'_>, bucket: &BucketName, text: &str) -> Lookup {
        let exact = self.buckets.get(bucket);
        let overlay = self.overlay(asker, bucket);
        match self.view(asker, exact.map(|bucket| &**bucket), overlay.as_ref()).lookup(text) {
            Lookup::Absent => self.absent(),
            found => found,
        }
    }

    /// What the asker sees of a bucket.
    pub(super) fn view<'a>(
        &self,
        asker: Asker<'_>,
        exact: Option<&'a Bucket>,
        overlay: Option<&'a Overlay>,
    ) -> View<'a> {
        let exact = exact.map_or_else(Seen::default, |bucket| bucket.seen(asker, self.is_reserved(asker.host)));
        View::of(asker.namespace, exact, overlay.map_or_else(Seen::default, Overlay::seen))
    }

    /// What patterns make of a bucket for this asker.
    pub(super) fn overlay(&self, asker: Asker<'_>, bucket: &BucketName) -> Option<Overlay> {
        if self.patterns.is_empty() {
            return None;
        }
        let is_named = self.buckets.get(bucket).is_some_and(|exact| exact.is_placed());
        self.patterns.of_bucket(bucket, (asker, self.is_reserved(asker.host)), is_named)
    }

    /// The same for longer, without the table.
    pub(crate) fn part(&self, host: Option<&Arc<str>>, principal: &Principal, bucket: &BucketName) -> Option<Part> {
        let namespace = Arc::clone(&principal.identity().namespace);
        let asker = Asker { host: host.map(|host| &**host), namespace: &namespace };
        let exact = self.buckets.get(bucket).map(Arc::clone);
        let overlay = self.overlay(asker, bucket);
        if exact.is_none() && overlay.is_none() {
            return None;
        }
        let is_reserved = self.is_reserved(asker.host);
        Some(Part { bucket: exact, overlay, host: host.cloned(), namespace, is_reserved })
    }

    /// What is said of a name that nothing is known of.
    pub(crate) fn absent(&self) -> Lookup {
        if self.some_bucket_unreadable { Lookup::Unknown } else { Lookup::Absent }
    }

    pub(super) fn is_reserved(&self, host: Option<&str>) -> bool {
        host.is_some_and(|host| self.reserved_hosts.contains(host))
    }

    /// The same table with what is wrong beside it: for people who ask why, no part of its fingerprint. No stage of a
    /// request reads it.
    #[must_use]
    pub fn with_problems(self, problems: Problems) -> Self {
        Self { problems, ..self }
    }

    /// What was wrong with the documents that it was made of, if that was told.
    #[must_use]
    pub fn problems(&self) -> &Problems {
        &self.problems
    }

    /// The bucket or pattern of the routes that are about this bucket, for whomever and however well: only such names may be
    /// labels, because a pattern covers as many names as clients think of.
    #[must_use]
    pub fn label(&self, bucket: &BucketName) -> Option<BucketMatch> {
        let exact = self.buckets.get_key_value(bucket);
        let placed = exact.filter(|(_, places)| places.is_placed());
        let covering = || self.patterns.covering(bucket).next().map(|covered| covered.pattern.clone().into());
        placed
            .map(|(bucket, _)| bucket.clone().into())
            .or_else(covering)
            .or_else(|| exact.map(|(name, _)| name.clone().into()))
    }

    /// The live secrets of an access key; empty when nobody has it.
    #[must_use]
    pub fn secrets(&self, access_key: &AccessKeyId) -> &[ClientSecret] {
        self.clients.get(access_key).map_or(&[], Vec::as_slice)
    }

    /// True when some live secret is this principal's.
    #[must_use]
    pub fn can_sign(&self, principal: &Principal) -> bool {
        self.clients.values().flatten().any(|secret| secret.principal == *principal)
    }

    /// The buckets that a principal has any grant on, by routes that can be reached on this host, sorted: what
    /// `ListBuckets` shows.
    #[must_use]
    pub fn visible_to(&self, host: Option<&str>, principal: &Principal) -> Vec<BucketName> {
        let asker = Asker { host, namespace: &principal.identity().namespace };
        let named = self.visible.by_name.get(principal).into_iter();
        let selected = self.visible.by_selection.iter().filter(|(who, _)| who.contains(principal));
        let candidates: BTreeSet<&BucketName> =
            named.chain(selected.map(|(_, buckets)| buckets)).flatten().chain(&self.visible.by_all).collect();
        let shows = |bucket: &&BucketName| {
            let overlay = self.overlay(asker, bucket);
            self.view(asker, self.buckets.get(*bucket).map(|bucket| &**bucket), overlay.as_ref()).shows(principal)
        };
        candidates.into_iter().filter(shows).cloned().collect()
    }

    /// The routes of patterns on which a principal has any grant and that can be reached on this host: `None` stands for one
    /// that is broken. Which buckets they have only their backends know.
    pub(crate) fn patterns_of(&self, host: Option<&str>, principal: &Principal) -> Vec<Option<Arc<ServedRoute>>> {
        let asker = Asker { host, namespace: &principal.identity().namespace };
        let places = self.patterns.listed((asker, self.is_reserved(host)), principal);
        let route = |place: &Place| match place {
            Place::Served(route) => Some(Arc::clone(route)),
            Place::Broken(_) => None,
        };
        places.map(route).collect()
    }

    /// Every usable route, by name.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<ServedRoute>> {
        self.routes.values()
    }

    /// True when this route is in force: all that it is for is served by it.
    #[must_use]
    pub fn serves(&self, route: &ObjectName) -> bool {
        self.routes.contains_key(route)
    }

    /// Every bucket and pattern of which something is broken, in no particular order.
    pub fn broken(&self) -> impl Iterator<Item = &str> {
        let exact = self.buckets.iter().filter(|(_, bucket)| bucket.is_broken()).map(|(name, _)| name.as_str());
        let patterns = self.patterns.iter().filter(|covered| covered.places.is_broken());
        exact.chain(patterns.map(|covered| covered.pattern.as_str()))
    }

    /// A hash of everything in the table: equal inputs give equal fingerprints on every replica.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

impl Part {
    /// The bucket as the asker sees it.
    pub(crate) fn view(&self) -> View<'_> {
        let asker = Asker { host: self.host.as_deref(), namespace: &self.namespace };
        let exact = self.bucket.as_ref().map_or_else(Seen::default, |bucket| bucket.seen(asker, self.is_reserved));
        View::of(&self.namespace, exact, self.overlay.as_ref().map_or_else(Seen::default, Overlay::seen))
    }
}
