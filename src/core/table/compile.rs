//! Snapshot -> table and rejections: pure, total, the same for every order of the same documents.

mod backends;
mod canonical;
mod certificates;
mod clients;
mod credentials;
mod hooks;
mod memo;
mod owners;
mod placement;
mod references;
mod resolve;
mod sharing;
mod surroundings;
mod visible;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::RouteTable;
use super::bucket::Place;
use crate::model::{Claim, Entry, Object, ObjectName, Problem, Reason, RouteMatch, Snapshot};
use memo::{Memo, Remembered};
use placement::{Placement, Seat, Standing};
use resolve::Resolver;
use sharing::Sharing;
use surroundings::Surroundings;

/// The result of compiling.
#[derive(Debug)]
pub struct Compiled {
    /// What to serve.
    pub table: RouteTable,
    /// One for each thing that was refused, sorted.
    pub rejections: Vec<Rejection>,
    /// What does not turn a condition false and should be known all the same, sorted: the condition of a notice is
    /// written *true*, with this reason and message.
    pub notices: Vec<Rejection>,
}

/// One thing that is wrong with one document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rejection {
    /// `BucketRoute`, `CredentialSource` or `ClientIdentity`.
    pub kind: &'static str,
    /// Which document.
    pub name: ObjectName,
    /// Condition type that it turns false: `Accepted`, `ResolvedRefs` or `Ready`.
    pub condition: &'static str,
    /// Where, why, what.
    pub problem: Problem,
}

/// Compiles a snapshot. Never fails: what cannot be served is broken in the table and named in the rejections
/// (kubernetes.md 2.4).
#[must_use]
pub fn compile(snapshot: &Snapshot) -> Compiled {
    Compiler::default().compile(snapshot)
}

/// Compiles one snapshot after another, each with the result that [`compile`] has: routes that are as they were, like
/// everything that they refer to, are only not resolved again.
#[derive(Debug, Default)]
pub struct Compiler {
    memo: Memo,
}

impl Compiler {
    /// Compiles a snapshot, like [`compile`].
    #[must_use]
    pub fn compile(&mut self, snapshot: &Snapshot) -> Compiled {
        let (mut rejections, mut notices) = (Rejections::default(), Rejections::default());
        let clients = clients::resolve(snapshot, &mut rejections, &mut notices);
        let reserved_hosts = snapshot.process.hosts.iter().map(|rule| rule.host.as_str().into()).collect();
        let mut table = RouteTable { clients, reserved_hosts, ..RouteTable::default() };
        table.some_bucket_unreadable = snapshot.incomplete;
        let surroundings = Surroundings::of(snapshot);
        let mut memo = std::mem::take(&mut self.memo).of(&snapshot.routes, &surroundings);
        let found = (std::mem::take(&mut memo.selections), std::mem::take(&mut memo.bundles));
        let mut resolver = Resolver::new(&surroundings, found, &mut rejections);
        hooks::notice_sources(&surroundings, &mut notices);
        place(snapshot, (&mut memo.routes, &mut resolver), &mut table, (&mut rejections, &mut notices));
        (memo.selections, memo.bundles) = resolver.into_found();
        self.memo = memo.tidy();
        table.fingerprint = canonical::fingerprint(&table);
        Compiled { table, rejections: rejections.finish(), notices: notices.finish() }
    }
}

/// Gives every route its place, the oldest first: whoever comes first owns. `memo` has one for each route, in their order.
fn place(
    snapshot: &Snapshot,
    (memo, resolver): (&mut [Remembered], &mut Resolver<'_>),
    table: &mut RouteTable,
    (rejections, notices): (&mut Rejections, &mut Rejections),
) {
    let sharing = Sharing::new(snapshot, memo.iter().map(|one| &one.uses));
    let mut placement = Placement::new(snapshot);
    let mut visible = visible::Index::default();
    let mut routes = Vec::with_capacity(snapshot.routes.len());
    let mut by_age: Vec<_> = snapshot.routes.iter().zip(memo).zip(sharing.met()).collect();
    // By name they are sorted already.
    by_age.sort_by_key(|(((_, object), _), _)| object.created);
    for (((name, object), remembered), is_met) in by_age {
        rejections.invalid("BucketRoute", name, object);
        match &object.entry {
            Entry::Valid(route) => {
                let seat = seat(name, &route.matches, &mut placement, rejections);
                // Asked of refused routes, too: all that is wrong with a document is said at once.
                let neighbours = sharing.neighbours((name, route), is_met);
                let resolved = remembered.resolved(neighbours, |beside| resolver.resolve(name, route, beside));
                for problem in resolved.problems.iter() {
                    rejections.add("BucketRoute", name, "ResolvedRefs", problem.clone());
                }
                let Some((seat, is_usable)) = seat else { continue };
                if let Some(bucket) = route.matches.bucket.exact() {
                    visible.note(bucket, &resolved.grantees);
                }
                let place = match resolved.served.filter(|_| is_usable) {
                    Some(served) => {
                        backends::notice(name, route, &served, notices);
                        hooks::notice(&snapshot.process, name, &served, notices);
                        routes.push((name.clone(), Arc::clone(&served)));
                        Place::Served(served)
                    }
                    None => Place::Broken(resolved.grantees),
                };
                placement.put(&route.matches.bucket, &seat, &place);
            }
            // An invalid document takes part in precedence like a valid one. Letting the next route have its place would
            // move a bucket to another owner because of a typing mistake.
            Entry::Invalid { claim: Claim::Match(matches), .. } => {
                if let Some((seat, _)) = seat(name, matches, &mut placement, rejections) {
                    placement.put(&matches.bucket, &seat, &Place::Broken(Arc::new([])));
                }
            }
            Entry::Invalid { claim: Claim::Bucket(bucket, prefix), .. } => placement.somewhere(name, bucket, prefix),
            Entry::Invalid { claim: Claim::Unreadable, .. } => table.some_bucket_unreadable = true,
        }
    }
    table.routes = routes.into_iter().collect();
    (table.buckets, table.patterns) = placement.finish();
    table.visible = visible.finish();
}

/// The place of a route, and whether it can be used there.
fn seat(
    name: &ObjectName,
    matches: &RouteMatch,
    placement: &mut Placement<'_>,
    rejections: &mut Rejections,
) -> Option<(Seat, bool)> {
    let mut reject = |problem| rejections.add("BucketRoute", name, "Accepted", problem);
    match placement.seat(name, matches) {
        Standing::Seated(seat) => Some((seat, true)),
        Standing::Unusable(seat, problem) => {
            reject(problem);
            Some((seat, false))
        }
        Standing::Refused(problem) => {
            reject(problem);
            None
        }
    }
}

fn problem(field: impl Into<String>, reason: Reason, message: impl Into<String>) -> Problem {
    Problem { field: field.into(), reason, message: message.into() }
}

/// What was refused so far. A set: sorted, and nothing is said twice.
#[derive(Debug, Default)]
struct Rejections(BTreeSet<Rejection>);

impl Rejections {
    fn add(&mut self, kind: &'static str, name: &ObjectName, condition: &'static str, problem: Problem) {
        self.0.insert(Rejection { kind, name: name.clone(), condition, problem });
    }

    fn finish(self) -> Vec<Rejection> {
        self.0.into_iter().collect()
    }

    /// Everything that lowering found wrong with a document.
    fn invalid<T>(&mut self, kind: &'static str, name: &ObjectName, object: &Object<T>) {
        if let Entry::Invalid { problems, .. } = &object.entry {
            for problem in problems {
                self.add(kind, name, "Accepted", problem.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
