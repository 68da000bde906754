//! What is wrong with documents, as lines for people: in the table, so that both are of one moment. Decides nothing.

use std::collections::BTreeMap;

use super::Rejection;
use crate::model::{Kind, Object, ObjectName, Snapshot};
use crate::s3::{BucketMatch, BucketName};

/// Lines for one bucket or client; the rest is a number. One document may have hundreds.
const MOST_LINES: usize = 8;
/// The same for all routes together whose bucket cannot be read.
const MOST_UNREADABLE: usize = 100;

/// Lines by whom they concern; of routes and clients, because only these are asked for by requests.
#[derive(Debug, Default)]
pub struct Problems {
    of_buckets: BTreeMap<BucketMatch, Lines>,
    /// Of routes of patterns: apart, because all of them are looked at.
    of_patterns: BTreeMap<BucketMatch, Lines>,
    /// Of routes whose bucket cannot be read.
    of_any_bucket: Lines,
    of_clients: BTreeMap<ObjectName, Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    first: Vec<String>,
    count: usize,
}

impl Lines {
    fn add(&mut self, lines: Vec<String>, most: usize) {
        self.count += lines.len();
        let room = most.saturating_sub(self.first.len());
        self.first.extend(lines.into_iter().take(room));
    }

    fn seal(&mut self) {
        let more = self.count - self.first.len();
        if more > 0 {
            self.first.push(format!("and {more} more"));
        }
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.first.iter().map(String::as_str)
    }
}

impl Problems {
    /// Sorts what compiling this snapshot refused: each rejection with one line for each document that it is about.
    #[must_use]
    pub fn sort<'a>(snapshot: &Snapshot, told: impl IntoIterator<Item = (&'a Rejection, Vec<String>)>) -> Self {
        let mut problems = Self::default();
        for (rejection, lines) in told {
            let (place, most) = match Kind::parse(rejection.kind) {
                Some(Kind::BucketRoute) => match snapshot.routes.get(&rejection.name).and_then(Object::bucket) {
                    Some(bucket) => {
                        let by_bucket = match bucket {
                            BucketMatch::Exact(_) => &mut problems.of_buckets,
                            BucketMatch::Pattern(_) => &mut problems.of_patterns,
                        };
                        (by_bucket.entry(bucket.clone()).or_default(), MOST_LINES)
                    }
                    None => (&mut problems.of_any_bucket, MOST_UNREADABLE),
                },
                Some(Kind::ClientIdentity) => {
                    (problems.of_clients.entry(rejection.name.clone()).or_default(), MOST_LINES)
                }
                // the route that needs it says so, too
                _ => continue,
            };
            place.add(lines, most);
        }
        let named = problems.of_buckets.values_mut().chain(problems.of_patterns.values_mut());
        named.chain(problems.of_clients.values_mut()).chain([&mut problems.of_any_bucket]).for_each(Lines::seal);
        problems
    }

    /// Of the routes of this bucket, and of the patterns that cover it.
    pub fn of_bucket(&self, bucket: &BucketName) -> impl Iterator<Item = &str> {
        let exact = self.of_buckets.get(&BucketMatch::Exact(bucket.clone())).into_iter();
        let covering = self.of_patterns.iter().filter(|(pattern, _)| pattern.covers(bucket)).map(|(_, lines)| lines);
        exact.chain(covering).flat_map(Lines::iter)
    }

    /// Of the routes that may be of any bucket: theirs cannot be read.
    pub fn of_any_bucket(&self) -> impl Iterator<Item = &str> {
        self.of_any_bucket.iter()
    }

    /// Of this `ClientIdentity`.
    pub fn of_client(&self, client: &ObjectName) -> impl Iterator<Item = &str> {
        self.of_clients.get(client).into_iter().flat_map(Lines::iter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Claim, Entry, Problem, Reason};

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
        let claim = Claim::Bucket(data.clone().into(), crate::s3::KeyPrefix::default());
        snapshot.routes.insert(ObjectName::new("team", "mine"), invalid(claim));
        snapshot.routes.insert(ObjectName::new("team", "nobodys"), invalid(Claim::Unreadable));
        let rejections = [
            rejection("BucketRoute", "mine"),
            rejection("BucketRoute", "nobodys"),
            rejection("ClientIdentity", "spark"),
            rejection("CredentialSource", "keys"),
        ];
        let told = rejections.iter().map(|one| (one, vec![one.name.to_string()]));
        let problems = Problems::sort(&snapshot, told);
        assert_eq!(problems.of_bucket(&data).collect::<Vec<_>>(), ["team/mine"]);
        assert_eq!(problems.of_any_bucket().collect::<Vec<_>>(), ["team/nobodys"]);
        assert_eq!(problems.of_client(&ObjectName::new("team", "spark")).collect::<Vec<_>>(), ["team/spark"]);
        assert_eq!(problems.of_bucket(&BucketName::parse("other").unwrap()).count(), 0);
        assert_eq!(problems.of_client(&ObjectName::new("team", "mine")).count(), 0);
    }

    #[test]
    fn one_document_with_hundreds_of_problems_takes_a_few_lines() {
        let lines = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        let client = ObjectName::new("team", "spark");
        let told = |count: usize| {
            let rejection = rejection("ClientIdentity", "spark");
            let problems = Problems::sort(&Snapshot::default(), [(&rejection, lines(count))]);
            problems.of_client(&client).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(told(MOST_LINES), lines(MOST_LINES));
        assert_eq!(told(300).len(), MOST_LINES + 1);
        assert_eq!(told(300).last().unwrap(), "and 292 more");
    }
}
