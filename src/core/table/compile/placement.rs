//! Who owns which name, and which route stands where (kubernetes.md 2.4): ownership before precedence, oldest first.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use super::owners::{Owners, overlap};
use super::problem;
use crate::access::Who;
use crate::model::{ClientScope, Labels, ObjectName, Problem, ProcessRules, Reason, RouteMatch, Snapshot};
use crate::s3::{BucketMatch, BucketName, BucketPattern, KeyPrefix};
use crate::table::bucket::{Bucket, HostKey, Place};
use crate::table::patterns::Patterns;

/// Routes of other namespaces are never named: whoever reads it need not know them.
const CLAIMED: &str = "claimed by another route";

/// Seats routes, one after another, the oldest first.
#[derive(Debug)]
pub(super) struct Placement<'a> {
    process: &'a ProcessRules,
    namespaces: &'a BTreeMap<Arc<str>, Labels>,
    /// Base hosts, and whether a rule reserves them.
    hosts: BTreeMap<&'a str, (Arc<str>, bool)>,
    /// What routes without hosts stand on, by namespace.
    everywhere: HashMap<Arc<str>, Arc<[HostKey]>>,
    owners: Owners,
    buckets: HashMap<BucketName, Arc<Bucket>>,
    patterns: Patterns,
    /// What is broken wherever nobody else has a place: decided when everybody has one.
    leftovers: Vec<(BucketMatch, Seat)>,
}

/// Where one route stands.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    hosts: Arc<[HostKey]>,
    namespace: Arc<str>,
    /// For clients of this namespace only.
    is_tenant: bool,
    prefix: KeyPrefix,
}

impl Seat {
    fn tenant(&self) -> Option<&Arc<str>> {
        self.is_tenant.then_some(&self.namespace)
    }
}

/// What became of a claim.
#[derive(Debug)]
pub(super) enum Standing {
    /// It has its place.
    Seated(Seat),
    /// It has its place, and is broken there.
    Unusable(Seat, Problem),
    /// It has none.
    Refused(Problem),
}

impl<'a> Placement<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        let process = &snapshot.process;
        let is_reserved = |host: &str| process.hosts.iter().any(|rule| rule.host == host);
        let hosts =
            process.base_hosts.iter().map(|host| (host.as_str(), (Arc::from(host.as_str()), is_reserved(host))));
        Self {
            process,
            namespaces: &snapshot.namespaces,
            hosts: hosts.collect(),
            everywhere: HashMap::new(),
            owners: Owners::new(snapshot),
            // about as many as routes: growing would mean to hash all of them again
            buckets: HashMap::with_capacity(snapshot.routes.len()),
            patterns: Patterns::default(),
            leftovers: Vec::new(),
        }
    }

    /// Gives a route the place that its `match` asks for, or says why not.
    pub(super) fn seat(&mut self, name: &ObjectName, matches: &RouteMatch) -> Standing {
        let bucket = &matches.bucket;
        if let Some(pattern) = bucket.pattern().filter(|pattern| !self.may_make(&name.namespace, pattern)) {
            let message = format!("the pattern {pattern} is not assigned to this namespace");
            self.unplaced(bucket, &name.namespace);
            return Standing::Refused(problem("spec.match.bucket", Reason::PatternNotAllowed, message));
        }
        let (hosts, wrong) = self.hosts_of(name, matches);
        let is_tenant = matches.scope == ClientScope::SameNamespace;
        if let Some(problem) = wrong {
            self.unplaced(bucket, &name.namespace);
            if !hosts.is_empty() && (is_tenant || self.own(bucket, &name.namespace, &hosts)) {
                // Broken where it may stand: a wider route must not serve what this one meant to keep.
                let (namespace, prefix) = (Arc::clone(&name.namespace), matches.prefix.clone());
                self.leftovers.push((bucket.clone(), Seat { hosts, namespace, is_tenant, prefix }));
            }
            return Standing::Refused(problem);
        }
        if !is_tenant && !self.own(bucket, &name.namespace, &hosts) {
            self.unplaced(bucket, &name.namespace);
            return Standing::Refused(problem("spec.match.bucket", Reason::Conflicted, CLAIMED));
        }
        let (namespace, prefix) = (Arc::clone(&name.namespace), matches.prefix.clone());
        let seat = Seat { hosts, namespace, is_tenant, prefix };
        let places = self.bucket(bucket);
        if seat.hosts.iter().any(|host| places.place(host, seat.tenant(), &seat.prefix).is_some()) {
            // The places that the winner leaves are this route's, and it is broken.
            self.leftovers.push((bucket.clone(), seat));
            return Standing::Refused(problem("spec.match.bucket", Reason::Conflicted, CLAIMED));
        }
        match self.host_conflict(bucket, &seat.hosts) {
            Some(problem) => Standing::Unusable(seat, problem),
            None => Standing::Seated(seat),
        }
    }

    /// Notes that a route of this namespace claims something of a bucket under a prefix, and nobody knows what: what is
    /// nobody else's is broken.
    pub(super) fn somewhere(&mut self, name: &ObjectName, bucket: &BucketMatch, prefix: &KeyPrefix) {
        let may_own = bucket.pattern().is_none_or(|pattern| self.may_make(&name.namespace, pattern));
        let hosts = self.everywhere(&name.namespace);
        if may_own && self.own(bucket, &name.namespace, &hosts) {
            let namespace = Arc::clone(&name.namespace);
            // a pattern is about whole buckets, whatever else was written
            let prefix = if bucket.pattern().is_some() { &KeyPrefix::default() } else { prefix };
            let seat = Seat { hosts, namespace, is_tenant: false, prefix: prefix.clone() };
            self.leftovers.push((bucket.clone(), seat));
        }
        self.unplaced(bucket, &name.namespace);
    }

    /// Puts a route, or its ruins, where it belongs.
    pub(super) fn put(&mut self, bucket: &BucketMatch, seat: &Seat, place: &Place) {
        let places = self.bucket(bucket);
        for host in seat.hosts.iter() {
            places.put(host, (&seat.namespace, seat.is_tenant), &seat.prefix, place.clone());
        }
    }

    /// Every bucket and pattern, when every route has its place.
    pub(super) fn finish(mut self) -> (HashMap<BucketName, Arc<Bucket>>, Patterns) {
        let nobody: Arc<[Who]> = Arc::new([]);
        for (bucket, seat) in std::mem::take(&mut self.leftovers) {
            let places = self.bucket(&bucket);
            for host in seat.hosts.iter() {
                if places.place(host, seat.tenant(), &seat.prefix).is_none() {
                    let place = Place::Broken(Arc::clone(&nobody));
                    places.put(host, (&seat.namespace, seat.is_tenant), &seat.prefix, place);
                }
            }
        }
        (self.buckets, self.patterns)
    }

    fn bucket(&mut self, bucket: &BucketMatch) -> &mut Bucket {
        let bucket = match bucket {
            BucketMatch::Exact(bucket) => bucket,
            BucketMatch::Pattern(pattern) => return &mut self.patterns.entry(pattern).places,
        };
        // Nobody else has it yet, so nothing is copied.
        Arc::make_mut(self.buckets.entry(bucket.clone()).or_default())
    }

    /// A route of this namespace claims it and has no place there.
    fn unplaced(&mut self, bucket: &BucketMatch, namespace: &Arc<str>) {
        match bucket {
            BucketMatch::Exact(_) => self.bucket(bucket).unplaced.insert(Arc::clone(namespace)),
            BucketMatch::Pattern(pattern) => self.patterns.entry(pattern).unplaced.insert(Arc::clone(namespace)),
        };
    }

    /// True when routes of this namespace may be about this pattern (`tenancy.bucketPatterns`).
    fn may_make(&self, namespace: &str, pattern: &BucketPattern) -> bool {
        let Some(rules) = &self.process.patterns else { return true };
        let labels = self.namespaces.get(namespace);
        let mut rules = rules.iter().filter(|rule| rule.pattern.contains(pattern));
        rules.any(|rule| rule.namespaces.selects_namespace(namespace, labels))
    }

    /// The hosts that a route stands on, and what is wrong with the first one that it must not.
    fn hosts_of(&mut self, name: &ObjectName, matches: &RouteMatch) -> (Arc<[HostKey]>, Option<Problem>) {
        if matches.hosts.is_empty() {
            return (self.everywhere(&name.namespace), None);
        }
        let wrong = |message| problem("spec.match.hosts", Reason::HostNotAllowed, message);
        let (mut hosts, mut first) = (Vec::with_capacity(matches.hosts.len()), None);
        for host in &matches.hosts {
            let problem = match self.hosts.get(host.as_str()) {
                None => wrong(format!("{host} is no base host of this gateway")),
                Some((_, true)) if !self.may_use(&name.namespace, host) => {
                    wrong(format!("{host} is not assigned to this namespace"))
                }
                Some((known, _)) => {
                    hosts.push(HostKey::Named(Arc::clone(known)));
                    continue;
                }
            };
            first.get_or_insert(problem);
        }
        (hosts.into(), first)
    }

    /// What a route of this namespace stands on that names no hosts.
    fn everywhere(&mut self, namespace: &Arc<str>) -> Arc<[HostKey]> {
        if let Some(known) = self.everywhere.get(namespace) {
            return Arc::clone(known);
        }
        let reserved = self.hosts.values().filter(|(host, is_reserved)| *is_reserved && self.may_use(namespace, host));
        let hosts: Arc<[HostKey]> =
            reserved.map(|(host, _)| HostKey::Reserved(Arc::clone(host))).chain([HostKey::Open]).collect();
        self.everywhere.insert(Arc::clone(namespace), Arc::clone(&hosts));
        hosts
    }

    fn may_use(&self, namespace: &str, host: &str) -> bool {
        let labels = self.namespaces.get(namespace);
        let mut rules = self.process.hosts.iter().filter(|rule| rule.host == host);
        rules.any(|rule| rule.namespaces.selects_namespace(namespace, labels))
    }

    /// True when the bucket belongs to this namespace on all of these hosts: from now on, if nobody had it before.
    fn own(&mut self, bucket: &BucketMatch, namespace: &Arc<str>, hosts: &Arc<[HostKey]>) -> bool {
        let is_open = |host: &Arc<str>| self.hosts.get(&**host).is_none_or(|(_, is_reserved)| !is_reserved);
        self.owners.own(bucket, namespace, hosts, |one, other| overlap(one, other, is_open))
    }

    /// `X.H` is a base host: on `H`, nobody could tell it from the bucket `X` in virtual-host style. A pattern does without
    /// that one name there, since the base host comes first; in path style it has it.
    fn host_conflict(&self, bucket: &BucketMatch, hosts: &[HostKey]) -> Option<Problem> {
        let label = bucket.exact()?.as_str();
        let conflicts = |host: &str| {
            let taken = self.hosts.keys().find(|base| {
                base.strip_prefix(label).and_then(|rest| rest.strip_prefix('.')).is_some_and(|rest| rest == host)
            })?;
            let message = format!("the gateway's own host {taken} reads like this bucket on {host}");
            Some(problem("spec.match.bucket", Reason::HostConflict, message))
        };
        hosts.iter().find_map(|host| match host {
            HostKey::Named(host) | HostKey::Reserved(host) => conflicts(host),
            HostKey::Open => {
                self.hosts.iter().filter(|(_, (_, is_reserved))| !is_reserved).find_map(|(host, _)| conflicts(host))
            }
        })
    }
}
