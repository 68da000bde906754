//! What is wrong with documents, as lines for people: in the table, so that both are of one moment. Decides nothing.

use std::collections::BTreeMap;

use super::Rejection;
use crate::model::{Claim, Entry, Kind, ObjectName, Snapshot};
use crate::s3::BucketName;

/// Lines by whom they concern; of routes and clients, because only these are asked for by requests.
#[derive(Debug, Default)]
pub struct Problems {
    of_buckets: BTreeMap<BucketName, Vec<String>>,
    /// Of routes whose bucket cannot be read.
    of_any_bucket: Vec<String>,
    of_clients: BTreeMap<ObjectName, Vec<String>>,
}

impl Problems {
    /// Sorts what compiling this snapshot refused. `write` gives one line for each document that a rejection is about.
    #[must_use]
    pub fn sort(snapshot: &Snapshot, rejections: &[Rejection], write: impl Fn(&Rejection) -> Vec<String>) -> Self {
        let mut problems = Self::default();
        for rejection in rejections {
            let place = match Kind::parse(rejection.kind) {
                Some(Kind::BucketRoute) => match bucket(snapshot, &rejection.name) {
                    Some(bucket) => problems.of_buckets.entry(bucket.clone()).or_default(),
                    None => &mut problems.of_any_bucket,
                },
                Some(Kind::ClientIdentity) => problems.of_clients.entry(rejection.name.clone()).or_default(),
                // the route that needs it says so, too
                _ => continue,
            };
            place.extend(write(rejection));
        }
        problems
    }

    /// Of the routes of this bucket.
    pub fn of_bucket(&self, bucket: &BucketName) -> impl Iterator<Item = &str> {
        self.of_buckets.get(bucket).into_iter().flatten().map(String::as_str)
    }

    /// Of the routes that may be of any bucket: theirs cannot be read.
    pub fn of_any_bucket(&self) -> impl Iterator<Item = &str> {
        self.of_any_bucket.iter().map(String::as_str)
    }

    /// Of this `ClientIdentity`.
    pub fn of_client(&self, client: &ObjectName) -> impl Iterator<Item = &str> {
        self.of_clients.get(client).into_iter().flatten().map(String::as_str)
    }
}

/// The bucket that a route claims, as far as it can be read.
fn bucket<'a>(snapshot: &'a Snapshot, route: &ObjectName) -> Option<&'a BucketName> {
    match &snapshot.routes.get(route)?.entry {
        Entry::Valid(route) => Some(&route.matches.bucket),
        Entry::Invalid { claim: Claim::Match(matches), .. } => Some(&matches.bucket),
        Entry::Invalid { claim: Claim::Bucket(bucket, _), .. } => Some(bucket),
        Entry::Invalid { claim: Claim::Unreadable, .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Object, Problem, Reason};

    fn invalid<T>(claim: Claim) -> Object<T> {
        Object::new(Entry::Invalid { claim, problems: Vec::new() })
    }

    fn rejection(kind: &'static str, name: &str) -> Rejection {
        let problem = Problem { field: "spec".to_owned(), reason: Reason::Invalid, message: "no".to_owned() };
        Rejection { kind, name: ObjectName::new("team", name), condition: "Accepted", problem }
    }

    #[test]
    fn problems_are_found_by_the_bucket_that_a_route_claims_and_by_client() {
        let data = BucketName::parse("data").unwrap();
        let mut snapshot = Snapshot::default();
        let claim = Claim::Bucket(data.clone(), crate::s3::KeyPrefix::default());
        snapshot.routes.insert(ObjectName::new("team", "mine"), invalid(claim));
        snapshot.routes.insert(ObjectName::new("team", "nobodys"), invalid(Claim::Unreadable));
        let rejections = [
            rejection("BucketRoute", "mine"),
            rejection("BucketRoute", "nobodys"),
            rejection("ClientIdentity", "spark"),
            rejection("CredentialSource", "keys"),
        ];
        let problems = Problems::sort(&snapshot, &rejections, |one| vec![one.name.to_string()]);
        assert_eq!(problems.of_bucket(&data).collect::<Vec<_>>(), ["team/mine"]);
        assert_eq!(problems.of_any_bucket().collect::<Vec<_>>(), ["team/nobodys"]);
        assert_eq!(problems.of_client(&ObjectName::new("team", "spark")).collect::<Vec<_>>(), ["team/spark"]);
        assert_eq!(problems.of_bucket(&BucketName::parse("other").unwrap()).count(), 0);
        assert_eq!(problems.of_client(&ObjectName::new("team", "mine")).count(), 0);
    }
}
