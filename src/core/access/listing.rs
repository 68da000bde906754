//! `ListBuckets` where routes are of patterns: only backends know which buckets there are (kubernetes.md 2.4).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::judgement::Granted;
use super::permit::Grant;
use super::{Permit, Principal};
use crate::Denial;
use crate::payload::Obligation;
use crate::s3::{
    BucketName, ListedBucket, Operation, Outgoing, Permission, Query, Resource, ToldBuckets, encode_query,
    read_template,
};
use crate::sigv4::AccessKeyId;
use crate::table::{Asker, Lookup, RouteTable, ServedRoute, Upstream};

/// A `ListBuckets` that waits for the lists of backends. Every one of them is needed: a list without some of its buckets
/// would look like one of which they are gone.
#[derive(Debug)]
pub struct PendingBuckets {
    principal: Principal,
    host: Option<Arc<str>>,
    /// What routes of single buckets show.
    exact: Vec<BucketName>,
    questions: Vec<Question>,
}

/// One backend that is asked for its buckets.
#[derive(Debug)]
struct Question {
    permit: Permit,
    route: Arc<ServedRoute>,
    /// The `allow` rules for whose clients these keys are.
    rules: Vec<usize>,
}

impl PendingBuckets {
    /// What has to be asked; `routes` are those of patterns on which the principal has grants.
    ///
    /// # Errors
    /// [`Denial::RouteBroken`] when one of the routes, or the backend of one that would have to be asked, is not usable.
    pub(super) fn new(
        (principal, access_key, host): (Principal, AccessKeyId, Option<Arc<str>>),
        (operation, query, obligation): (&Operation, &Query, &Obligation),
        exact: Vec<BucketName>,
        routes: Vec<Option<Arc<ServedRoute>>>,
    ) -> Result<Self, Denial> {
        let mut questions = Vec::new();
        for route in routes {
            let route = route.ok_or(Denial::RouteBroken)?;
            let backend = route.backends.writes().ok_or(Denial::RouteBroken)?;
            // clients whose entries have keys of their own may be shown other buckets by them
            let mut by_upstream: BTreeMap<*const Upstream, Vec<usize>> = BTreeMap::new();
            let mine = route.policy.allow.iter().enumerate().filter(|(_, rule)| rule.who.includes(&principal));
            for (index, _) in mine {
                by_upstream.entry(std::ptr::from_ref(backend.upstream_for(index))).or_default().push(index);
            }
            let mut asked: Vec<Vec<usize>> = by_upstream.into_values().collect();
            asked.sort();
            for rules in asked {
                let Some(&rule) = rules.first() else { continue };
                let permit = Permit::new(Box::new(Grant {
                    principal: principal.clone(),
                    access_key: access_key.clone(),
                    operation: operation.clone(),
                    granted: Granted { route: Arc::clone(&route), rule },
                    backend: Arc::clone(backend),
                    anywhere: false,
                    outgoing: outgoing(operation, String::new()),
                    obligation: obligation.clone(),
                    query: query.clone(),
                }));
                questions.push(Question { permit, route: Arc::clone(&route), rules });
            }
        }
        Ok(Self { principal, host, exact, questions })
    }

    /// How many lists are needed.
    #[must_use]
    pub fn count(&self) -> usize {
        self.questions.len()
    }

    /// The permit for one of them, from 0 to [`Self::count`]: for its first page, or for the one that begins at the token
    /// of the page before.
    #[must_use]
    pub fn permit(&mut self, index: usize, token: Option<&str>) -> Option<&Permit> {
        let question = self.questions.get_mut(index)?;
        let mut text = String::new();
        if let Some(token) = token {
            text.push_str("continuation-token=");
            encode_query(token.as_bytes(), &mut text);
        }
        question.permit.ask_for(text);
        Some(&question.permit)
    }

    /// What the client is shown, sorted: of each backend (`told`, by the same index) the buckets that the route's pattern
    /// covers, that some entry is about, and that requests of this client would find by this very route.
    #[must_use]
    pub fn merge(self, told: &[Vec<ToldBuckets>], table: &RouteTable) -> Vec<ListedBucket> {
        let mut shown: BTreeMap<BucketName, ListedBucket> = BTreeMap::new();
        for (question, pages) in self.questions.iter().zip(told) {
            for (name, created) in pages.iter().flat_map(|page| &page.buckets) {
                if let Some(name) = self.client_name(question, name, table) {
                    shown.insert(name.clone(), ListedBucket { name, created: *created });
                }
            }
        }
        for name in self.exact {
            shown.entry(name.clone()).or_insert_with(|| name.into());
        }
        shown.into_values().collect()
    }

    fn client_name(&self, question: &Question, told: &str, table: &RouteTable) -> Option<BucketName> {
        let Question { permit, route, rules } = question;
        let name = read_template(&permit.backend().mapping.backend_bucket, told)?;
        let is_granted = |rule: &usize| route.policy.allow.get(*rule).is_some_and(|rule| rule.is_about_bucket(&name));
        if !route.bucket.covers(&name) || !rules.iter().any(is_granted) {
            return None;
        }
        // the name of a bucket in which everything is denied is none of the client's business
        let whole = Resource::Bucket(name.clone());
        if !Permission::EVERY.iter().any(|one| route.policy.allows(&self.principal, *one, &whole)) {
            return None;
        }
        let asker = Asker { host: self.host.as_deref(), namespace: &self.principal.identity().namespace };
        match table.lookup(asker, &name, "") {
            Lookup::Served(found) if found.name == route.name => Some(name),
            _ => None,
        }
    }
}

/// `GET /` at the backend, whatever its style.
fn outgoing(operation: &Operation, query: String) -> Outgoing {
    Outgoing { method: operation.method(), bucket_label: None, path: "/".to_owned(), query, headers: Vec::new() }
}
