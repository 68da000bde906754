//! Whose cross-origin rules count for a request, before and after it is known who sent it.
//!
//! A preflight is not signed, and neither is a request whose signature is wrong. For these, what is for everybody
//! (`clientScope: Any`) decides, since its namespace owns the name: no other one opens or closes it (K01). Where nothing is for
//! everybody, one namespace with a route of its own there that grants it is enough: any of them may be meant, and none may
//! close the door of another, or learn whether there is one. A preflight lets nobody in: what follows it is signed, and its
//! answer is marked by the rules of the route that the signer has.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::bucket::Place;
use super::{Asker, Lookup, RouteTable};
use crate::model::{CorsGrant, CorsMethod, CorsRequest};
use crate::s3::{BucketName, ObjectKey, Query};

/// No namespace has this name: who asks from it sees what is for everybody.
const NOBODY: &str = "";

/// What a request is about, as far as rules go.
#[derive(Debug, Clone, Copy)]
pub struct CorsPlace<'a> {
    host: Option<&'a str>,
    bucket: &'a BucketName,
    part: Part<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    /// One key, or all keys that begin with this.
    Of(&'a str),
    /// Keys that the body names (`DeleteObjects`, forms): any of them.
    AnyKey,
}

/// What one asker's part of the table says.
enum Said {
    /// No route of theirs is about it.
    Nothing,
    Refused,
    Granted(CorsGrant),
}

impl<'a> CorsPlace<'a> {
    /// Of what a request names; `host` is the base host that it came by, `method` its own, not that of its preflight.
    #[must_use]
    pub fn new(
        host: Option<&'a str>,
        (bucket, key): (&'a BucketName, Option<&'a ObjectKey>),
        query: &'a Query,
        method: CorsMethod,
    ) -> Self {
        let part = match key {
            Some(key) => Part::Of(key.as_str()),
            None if method == CorsMethod::Post => Part::AnyKey,
            None => Part::Of(query.get("prefix").unwrap_or_default()),
        };
        Self { host, bucket, part }
    }
}

impl RouteTable {
    /// What the rules of the route grant that serves this place for clients of this namespace; `None` = nothing.
    #[must_use]
    pub fn cors_for(&self, namespace: &str, place: CorsPlace<'_>, asked: &CorsRequest) -> Option<CorsGrant> {
        match self.cors_seen_from(namespace, place, asked) {
            Said::Granted(grant) => Some(grant),
            Said::Nothing | Said::Refused => None,
        }
    }

    /// The same while nobody knows whose request it is. A bucket without rules and no bucket are the same `None` (CL-8).
    #[must_use]
    pub fn cors_for_anybody(&self, place: CorsPlace<'_>, asked: &CorsRequest) -> Option<CorsGrant> {
        match self.cors_seen_from(NOBODY, place, asked) {
            Said::Granted(grant) => return Some(grant),
            Said::Refused => return None,
            Said::Nothing => {}
        }
        self.tenants(place).into_iter().find_map(|tenant| self.cors_for(tenant, place, asked))
    }

    fn cors_seen_from(&self, namespace: &str, place: CorsPlace<'_>, asked: &CorsRequest) -> Said {
        let CorsPlace { host, bucket, part } = place;
        let asker = Asker { host, namespace };
        let overlay = self.overlay(asker, bucket);
        let view = self.view(asker, self.buckets.get(bucket).map(|bucket| &**bucket), overlay.as_ref());
        // a claim without a place takes nothing from others, not even their pages
        if view.is_empty() {
            return Said::Nothing;
        }
        let said = |grant: Option<CorsGrant>| grant.map_or(Said::Refused, Said::Granted);
        match (view.lookup(if let Part::Of(text) = part { text } else { "" }), part) {
            (Lookup::Broken | Lookup::Unknown, _) => Said::Refused,
            (Lookup::Served(route), Part::Of(_)) => said(route.cors.grant(asked)),
            (Lookup::Elsewhere | Lookup::Absent, Part::Of(_)) => Said::Nothing,
            (_, Part::AnyKey) => {
                let mut grants = view.reachable().map(|place| match place {
                    Place::Served(route) => route.cors.grant(asked),
                    Place::Broken(_) => None,
                });
                let first = grants.next().flatten();
                said(first.and_then(|first| grants.try_fold(first, |all, grant| Some(all.and(&grant?)))))
            }
        }
    }

    /// The namespaces that have routes for their own clients only, about this bucket and by this host.
    fn tenants<'a>(&'a self, CorsPlace { host, bucket, .. }: CorsPlace<'a>) -> BTreeSet<&'a Arc<str>> {
        let is_reserved = self.is_reserved(host);
        let exact = self.buckets.get(bucket).map(|bucket| &**bucket);
        let patterns = self.patterns.covering(bucket).map(|covered| &covered.places);
        exact.into_iter().chain(patterns).flat_map(|places| places.tenants(host, is_reserved)).collect()
    }
}
