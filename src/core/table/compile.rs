//! Snapshot -> table and rejections: pure, total, the same for every order of the same documents.

mod canonical;
mod certificates;
mod clients;
mod credentials;
mod resolve;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::RouteTable;
use crate::access::Principal;
use crate::model::{Claim, Entry, Object, ObjectName, Problem, Reason, Route, Snapshot};
use resolve::Resolver;

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
    let mut rejections = Rejections::default();
    let mut table = RouteTable { clients: clients::resolve(snapshot, &mut rejections), ..RouteTable::default() };
    let mut resolver = Resolver::new(snapshot, &mut rejections);
    // The oldest route that claims a bucket is the one with precedence.
    let mut by_age: Vec<_> = snapshot.routes.iter().collect();
    by_age.sort_by_key(|(name, object)| (object.created, *name));
    for (name, object) in by_age {
        place(name, object, &mut table, &mut resolver, &mut rejections);
    }
    table.fingerprint = canonical::fingerprint(&table);
    Compiled { table, rejections: rejections.0.into_iter().collect(), notices: Vec::new() }
}

/// Puts one route into the table.
///
/// An invalid document whose bucket can be read takes part in precedence like a valid one: if it comes first, the bucket
/// is broken. Letting the next route have it would move the bucket to another owner because of a typing mistake.
fn place<'a>(
    name: &'a ObjectName,
    object: &'a Object<Route>,
    table: &mut RouteTable,
    resolver: &mut Resolver<'a>,
    rejections: &mut Rejections,
) {
    rejections.invalid("BucketRoute", name, object);
    let bucket = match &object.entry {
        Entry::Valid(route) => Some(&route.matches.bucket),
        Entry::Invalid { claim: Claim::Match(matches), .. } => Some(&matches.bucket),
        Entry::Invalid { claim: Claim::Bucket(bucket), .. } => Some(bucket),
        Entry::Invalid { claim: Claim::Unreadable, .. } => None,
    };
    let Some(bucket) = bucket else {
        table.some_bucket_unreadable = true;
        return;
    };
    if table.buckets.contains_key(bucket) {
        rejections.add("BucketRoute", name, "Accepted", claimed());
        return;
    }
    let Some(route) = object.valid() else {
        table.buckets.insert(bucket.clone(), None);
        return;
    };
    let (served, grantees) = resolver.resolve(name, route, rejections);
    table.buckets.insert(bucket.clone(), served.map(Arc::new));
    // A broken bucket is shown too: leaving it out would tell its users that it is gone.
    for principal in grantees {
        table.visible.entry(principal).or_default().insert(bucket.clone());
    }
}

fn claimed() -> Problem {
    problem("spec.match.bucket", Reason::Conflicted, "claimed by another route")
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

    /// Everything that lowering found wrong with a document.
    fn invalid<T>(&mut self, kind: &'static str, name: &ObjectName, object: &Object<T>) {
        if let Entry::Invalid { problems, .. } = &object.entry {
            for problem in problems {
                self.add(kind, name, "Accepted", problem.clone());
            }
        }
    }
}

/// Principals with an access entry on one route.
type Grantees = BTreeSet<Principal>;

#[cfg(test)]
mod tests;
