//! s3-protocol.md 7.13, CL-8, K01: whose cross-origin rules count, and that they are part of what a table is.

use super::*;
use crate::model::{ClientScope, CorsGrant, CorsMethod, CorsRequest, CorsRule, Wildcard};
use crate::s3::{BucketPattern, Query};
use crate::table::CorsPlace;

pub(super) fn rules(origin: &str) -> Cors {
    vec![CorsRule {
        origins: vec![Wildcard::parse(origin).unwrap()],
        methods: [CorsMethod::Get, CorsMethod::Put, CorsMethod::Post].into(),
        headers: vec![],
        exposed: vec!["ETag".into()],
        max_age_seconds: Some(60),
    }]
    .into()
}

/// A route of a namespace, with rules for this origin; no origin = no rules.
struct Placed {
    namespace: &'static str,
    prefix: &'static str,
    tenant: bool,
    origin: &'static str,
}

const fn placed(namespace: &'static str, prefix: &'static str, origin: &'static str) -> Placed {
    Placed { namespace, prefix, tenant: false, origin }
}

const fn tenant(namespace: &'static str, prefix: &'static str, origin: &'static str) -> Placed {
    Placed { namespace, prefix, tenant: true, origin }
}

/// The table of routes of the bucket `data`, the oldest first.
fn table(routes: &[Placed]) -> RouteTable {
    let mut snapshot = Snapshot::default();
    for (index, Placed { namespace, prefix, tenant, origin }) in routes.iter().enumerate() {
        let complete = complete();
        let moved = |name: &ObjectName| ObjectName::new(namespace, &name.name);
        snapshot.credentials.extend(complete.credentials.iter().map(|(name, value)| (moved(name), value.clone())));
        snapshot.clients.extend(complete.clients.iter().map(|(name, value)| (moved(name), value.clone())));
        snapshot.secrets.extend(complete.secrets.iter().map(|(name, value)| (moved(name), value.clone())));
        let matches = RouteMatch {
            prefix: KeyPrefix::parse(prefix).unwrap(),
            scope: if *tenant { ClientScope::SameNamespace } else { ClientScope::Any },
            ..RouteMatch::whole(bucket("data"))
        };
        let cors = if origin.is_empty() { Cors::default() } else { rules(origin) };
        let entry = Entry::Valid(Route { matches, cors, ..route("data", &["demo"]) });
        let created = Some(crate::Timestamp::from_unix_seconds(1 + i64::try_from(index).unwrap()));
        let object = Object { created, labels: crate::model::Labels::new(), entry };
        snapshot.routes.insert(ObjectName::new(namespace, &format!("route-{index}")), object);
    }
    compile(&snapshot).table
}

fn asked(method: CorsMethod) -> CorsRequest {
    CorsRequest { origin: "https://app.test".into(), method, headers: vec![] }
}

fn anybody(table: &RouteTable, name: &str, text: &str, method: CorsMethod) -> Option<CorsGrant> {
    let (name, key, query) = (bucket(name), ObjectKey::parse(text.into()).ok(), Query::default());
    let place = CorsPlace::new(None, (&name, key.as_ref()), &query, method);
    table.cors_for_anybody(place, &asked(method))
}

fn may_anybody(table: &RouteTable, text: &str) -> bool {
    anybody(table, "data", text, CorsMethod::Get).is_some()
}

fn may(table: &RouteTable, namespace: &str, text: &str) -> bool {
    let (name, key, query) = (bucket("data"), ObjectKey::parse(text.into()).unwrap(), Query::default());
    let place = CorsPlace::new(None, (&name, Some(&key)), &query, CorsMethod::Get);
    table.cors_for(namespace, place, &asked(CorsMethod::Get)).is_some()
}

const APP: &str = "https://app.test";
const OTHER: &str = "https://other.test";

#[test]
fn s3_7_13_the_longest_prefix_decides_as_for_requests() {
    let table = table(&[placed("team", "", APP), placed("team", "raw/", ""), placed("team", "raw/open/", APP)]);
    assert!(may_anybody(&table, "x") && may_anybody(&table, "raw/open/x"));
    assert!(!may_anybody(&table, "raw/x"), "no rules there");
    assert!(may(&table, "team", "x") && !may(&table, "team", "raw/x"));
    // CL-8: nothing tells a bucket that is not there from one without rules
    assert_eq!(anybody(&table, "absent", "x", CorsMethod::Get), None);
    // a listing goes where its prefix lies
    let name = bucket("data");
    let listing = |query: &str| {
        let query = Query::parse(query.as_bytes()).unwrap();
        table.cors_for_anybody(CorsPlace::new(None, (&name, None), &query, CorsMethod::Get), &asked(CorsMethod::Get))
    };
    assert!(listing("").is_some() && listing("prefix=raw/open/").is_some() && listing("prefix=raw/").is_none());
}

#[test]
fn s3_7_13_what_names_its_keys_in_its_body_needs_the_rules_of_every_route_of_the_bucket() {
    let post = |routes: &[Placed]| anybody(&table(routes), "data", "", CorsMethod::Post).is_some();
    assert!(post(&[placed("team", "", APP)]));
    assert!(post(&[placed("team", "a/", APP), placed("team", "b/", "*")]), "prefixes only");
    assert!(!post(&[placed("team", "a/", APP), placed("team", "b/", "")]));
    assert!(!post(&[placed("team", "", APP), placed("team", "b/", OTHER)]));
    assert!(!post(&[]));
}

#[test]
fn k01_the_rules_of_the_owner_of_a_name_are_nobody_elses() {
    // whoever makes a route for its own clients neither opens nor closes what is for everybody
    let closed = table(&[placed("owner", "", ""), tenant("thief", "", "*")]);
    assert!(!may_anybody(&closed, "x"));
    let open = table(&[placed("owner", "", APP), tenant("thief", "", "")]);
    assert!(may_anybody(&open, "x"));
    // once they have signed, it is known whose rules count
    assert!(may(&closed, "thief", "x") && !may(&closed, "owner", "x"));
    assert!(!may(&open, "thief", "x") && may(&open, "owner", "x"));
    // a refused claim counts for nothing
    let refused = table(&[placed("owner", "", ""), placed("thief", "", "*")]);
    assert!(!may_anybody(&refused, "x"));
}

#[test]
fn k01_where_every_route_is_for_clients_of_its_own_namespace_none_closes_the_door_of_another() {
    for other in ["*", OTHER, ""] {
        assert!(may_anybody(&table(&[tenant("one", "", APP), tenant("two", "", other)]), "x"), "{other}");
    }
    assert!(!may_anybody(&table(&[tenant("one", "", OTHER), tenant("two", "", "")]), "x"));
    // nor does a namespace learn by its own rules whether others have a route
    let told = |routes: &[Placed]| anybody(&table(routes), "data", "x", CorsMethod::Get);
    assert_eq!(told(&[tenant("thief", "", "*")]), told(&[tenant("thief", "", "*"), tenant("victim", "", "")]));
    // one whose part is another is not asked
    let apart = table(&[tenant("one", "a/", APP), tenant("two", "b/", "")]);
    assert!(may_anybody(&apart, "a/x") && !may_anybody(&apart, "b/x"));
    // what is for everybody covers another part
    let beside = table(&[placed("owner", "b/", ""), tenant("one", "a/", APP)]);
    assert!(may_anybody(&beside, "a/x") && !may_anybody(&beside, "b/x"));
    let many = (0..50).map(|index| tenant(&*format!("team-{index}").leak(), "", ""));
    let last: Vec<Placed> = many.chain([tenant("zoo", "", APP)]).collect();
    assert!(may_anybody(&table(&last), "x"), "however many there are");
}

#[test]
fn law_2_a_broken_route_grants_nothing() {
    let mut snapshot = complete();
    let broken = Route { cors: rules("*"), ..route("broken", &["demo"]) };
    let backend = Backend { credential: Reference::local("absent"), ..backend("broken") };
    snapshot.routes.insert(name("broken"), valid(Route { backends: vec![backend], ..broken.clone() }));
    let table = compile(&snapshot).table;
    assert_eq!(anybody(&table, "broken", "x", CorsMethod::Get), None);
    snapshot.routes.insert(name("broken"), valid(broken));
    assert!(anybody(&compile(&snapshot).table, "broken", "x", CorsMethod::Get).is_some());
}

#[test]
fn k_2_4_the_rules_of_a_pattern_are_those_of_its_buckets_until_a_route_is_about_one() {
    let mut snapshot = complete();
    let pattern = RouteMatch::whole(BucketPattern::parse("team-*").unwrap());
    let backends = vec![Backend { bucket: "prod-{bucket}".into(), ..backend("x") }];
    let of_pattern = Route { matches: pattern, backends, cors: rules(APP), ..route("data", &["demo"]) };
    snapshot.routes.insert(name("pattern"), valid(of_pattern));
    snapshot.routes.insert(name("own"), valid(route("team-own", &["demo"])));
    let table = compile(&snapshot).table;
    assert!(anybody(&table, "team-a", "x", CorsMethod::Put).is_some());
    assert!(anybody(&table, "team-a", "", CorsMethod::Post).is_some());
    assert_eq!(anybody(&table, "team-own", "x", CorsMethod::Put), None);
    assert_eq!(anybody(&table, "other", "x", CorsMethod::Put), None);
}

#[test]
fn every_part_of_a_rule_is_in_the_fingerprint() {
    let fingerprint = |cors: Cors| {
        let mut snapshot = complete();
        snapshot.routes.insert(name("data"), valid(Route { cors, ..route("data", &["demo"]) }));
        compile(&snapshot).table.fingerprint()
    };
    let base = rules(APP).rules()[0].clone();
    let wildcard = |text: &str| vec![Wildcard::parse(text).unwrap()];
    let changed = [
        CorsRule { origins: wildcard(OTHER), ..base.clone() },
        CorsRule { origins: wildcard("https://app.test*"), ..base.clone() },
        CorsRule { methods: [CorsMethod::Get].into(), ..base.clone() },
        CorsRule { headers: wildcard("*"), ..base.clone() },
        CorsRule { exposed: vec![], ..base.clone() },
        CorsRule { max_age_seconds: None, ..base.clone() },
        CorsRule { max_age_seconds: Some(0), ..base.clone() },
    ];
    let one = |rule: &CorsRule| fingerprint(vec![rule.clone()].into());
    let mut seen = std::collections::BTreeSet::from([fingerprint(Cors::default()), one(&base)]);
    seen.extend(changed.iter().map(one));
    seen.insert(fingerprint(vec![base.clone(), base.clone()].into()));
    // their order decides
    seen.insert(fingerprint(vec![base.clone(), changed[0].clone()].into()));
    seen.insert(fingerprint(vec![changed[0].clone(), base.clone()].into()));
    assert_eq!(seen.len(), changed.len() + 5);
    assert_eq!(one(&base), one(&base));
}
