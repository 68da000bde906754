//! K-API-3, K01: who owns a name, and which of the owner's routes serves what.

use proptest::prelude::*;

use super::*;
use crate::Timestamp;
use crate::model::{ClientScope, HostRule, LabelSelector, Labels, NAMESPACE_NAME_LABEL, ProcessRules};

/// What a test says of a route; the rest is as in [`complete`].
#[derive(Debug, Clone)]
struct Claimed {
    namespace: &'static str,
    name: String,
    /// Seconds; 0 = no creation time.
    age: i64,
    hosts: Vec<&'static str>,
    prefix: &'static str,
    tenant: bool,
    valid: bool,
}

fn claim(namespace: &'static str, name: &str) -> Claimed {
    Claimed { namespace, name: name.to_owned(), age: 0, hosts: vec![], prefix: "", tenant: false, valid: true }
}

impl Claimed {
    fn matches(&self) -> RouteMatch {
        RouteMatch {
            hosts: self.hosts.iter().map(|host| (*host).to_owned()).collect(),
            prefix: KeyPrefix::parse(self.prefix).unwrap(),
            scope: if self.tenant { ClientScope::SameNamespace } else { ClientScope::Any },
            ..RouteMatch::whole(bucket("data"))
        }
    }

    fn put(&self, snapshot: &mut Snapshot) {
        let entry = if self.valid {
            Entry::Valid(Route { matches: self.matches(), ..route("data", &["demo"]) })
        } else {
            let problems = vec![problem("spec.x", Reason::Invalid, "unknown")];
            Entry::Invalid { claim: Claim::Match(self.matches()), problems }
        };
        let created = (self.age != 0).then(|| Timestamp::from_unix_seconds(self.age));
        snapshot
            .routes
            .insert(ObjectName::new(self.namespace, &self.name), Object { created, labels: Labels::new(), entry });
    }
}

fn selector(key: &str, value: &str) -> LabelSelector {
    LabelSelector { match_labels: Labels::from([(key.to_owned(), value.to_owned())]) }
}

/// Hosts `a` and `b`, of which `b` is reserved for the namespace `tenant`; identities and sources in every namespace.
fn world(claims: &[Claimed]) -> Snapshot {
    let mut snapshot = Snapshot::new(ProcessRules {
        base_hosts: vec!["a.example".into(), "b.example".into(), "taken.a.example".into()],
        hosts: vec![HostRule { host: "b.example".into(), namespaces: selector(NAMESPACE_NAME_LABEL, "tenant") }],
        ..ProcessRules::default()
    });
    for namespace in ["owner", "tenant", "thief", "default"] {
        let complete = complete();
        let moved = |name: &ObjectName| ObjectName::new(namespace, &name.name);
        snapshot.credentials.extend(complete.credentials.iter().map(|(name, value)| (moved(name), value.clone())));
        snapshot.clients.extend(complete.clients.iter().map(|(name, value)| (moved(name), value.clone())));
        snapshot.secrets.extend(complete.secrets.iter().map(|(name, value)| (moved(name), value.clone())));
    }
    claims.iter().for_each(|claim| claim.put(&mut snapshot));
    snapshot
}

/// The name of the route that serves, or what is said instead.
fn at(compiled: &Compiled, host: Option<&str>, namespace: &str, text: &str) -> String {
    match compiled.table.lookup(Asker { host, namespace }, &bucket("data"), text) {
        Lookup::Served(route) => route.name.to_string(),
        other => format!("{other:?}"),
    }
}

fn refused(compiled: &Compiled) -> Vec<String> {
    said(compiled).into_iter().filter(|line| line.starts_with("BucketRoute")).collect()
}

const A: Option<&str> = Some("a.example");
const B: Option<&str> = Some("b.example");

#[test]
fn k_api_3_the_oldest_claim_owns_and_then_the_name_decides() {
    let young = Claimed { age: 20, ..claim("default", "a") };
    let old = Claimed { age: 10, ..claim("owner", "z") };
    let compiled = compile(&world(&[young.clone(), old.clone()]));
    assert_eq!(at(&compiled, None, "owner", "k"), "owner/z");
    assert_eq!(refused(&compiled), ["BucketRoute default/a Accepted spec.match.bucket Conflicted"]);
    assert_eq!(compiled.rejections[0].problem.message, "claimed by another route", "nobody is named");
    // Without a time it is the oldest, whatever it is called.
    let compiled = compile(&world(&[young.clone(), Claimed { age: 0, ..old.clone() }]));
    assert_eq!(at(&compiled, None, "owner", "k"), "owner/z");
    let same = Claimed { age: 20, ..old };
    assert_eq!(at(&compile(&world(&[young.clone(), same])), None, "owner", "k"), "default/a");
    assert_eq!(at(&compile(&world(&[young])), None, "owner", "k"), "default/a", "the next one takes over");
}

#[test]
fn k01_nothing_that_another_namespace_writes_takes_traffic_from_the_owner() {
    let owner = Claimed { age: 10, ..claim("owner", "data") };
    let thief = Claimed { age: 20, ..claim("thief", "data") };
    for attempt in [
        Claimed { prefix: "raw/", ..thief.clone() },
        Claimed { hosts: vec!["a.example"], ..thief.clone() },
        Claimed { hosts: vec!["a.example"], prefix: "raw/", ..thief.clone() },
        Claimed { valid: false, ..thief.clone() },
        Claimed { valid: false, prefix: "raw/", hosts: vec!["a.example"], ..thief.clone() },
        thief.clone(),
    ] {
        let compiled = compile(&world(&[owner.clone(), attempt.clone()]));
        for host in [None, A] {
            for namespace in ["owner", "thief", "default"] {
                assert_eq!(at(&compiled, host, namespace, "raw/k"), "owner/data", "{attempt:?}");
            }
        }
        let conflict = "BucketRoute thief/data Accepted spec.match.bucket Conflicted";
        assert!(refused(&compiled).iter().any(|line| line == conflict), "{attempt:?}: {:?}", refused(&compiled));
    }
    // Nor by an exact host from those whose own namespace keeps a bucket of that name for them.
    let kept = Claimed { age: 10, tenant: true, ..claim("owner", "data") };
    let named = Claimed { hosts: vec!["a.example"], ..thief.clone() };
    let compiled = compile(&world(&[kept, named]));
    assert_eq!(
        (at(&compiled, A, "owner", "k"), at(&compiled, A, "x", "k")),
        ("owner/data".into(), "thief/data".into())
    );
    // The positive twin: its own clients may have a bucket of that name, and nobody else's.
    let own = Claimed { tenant: true, ..thief };
    let compiled = compile(&world(&[owner, own]));
    assert_eq!(refused(&compiled), Vec::<String>::new());
    assert_eq!(at(&compiled, A, "thief", "k"), "thief/data");
    assert_eq!(at(&compiled, A, "default", "k"), "owner/data");
}

#[test]
fn k01_a_host_that_was_not_given_cannot_be_claimed_and_one_that_was_can() {
    let owner = Claimed { age: 10, ..claim("owner", "data") };
    let given = Claimed { age: 20, hosts: vec!["b.example"], ..claim("tenant", "data") };
    let compiled = compile(&world(&[owner.clone(), given]));
    assert_eq!(refused(&compiled), Vec::<String>::new());
    assert_eq!(at(&compiled, B, "default", "k"), "tenant/data");
    assert_eq!((at(&compiled, A, "x", "k"), at(&compiled, None, "x", "k")), ("owner/data".into(), "owner/data".into()));

    let taken = Claimed { hosts: vec!["b.example"], ..claim("thief", "data") };
    let compiled = compile(&world(&[taken]));
    assert_eq!(refused(&compiled), ["BucketRoute thief/data Accepted spec.match.hosts HostNotAllowed"]);
    assert_eq!(at(&compiled, B, "thief", "k"), "Broken", "503, never 404");
    // Without hosts, a route reaches the hosts that are everybody's, and no others.
    let compiled = compile(&world(&[owner]));
    assert_eq!((at(&compiled, A, "x", "k"), at(&compiled, B, "x", "k")), ("owner/data".into(), "Absent".into()));
    let compiled = compile(&world(&[claim("tenant", "data")]));
    assert_eq!((at(&compiled, A, "x", "k"), at(&compiled, B, "x", "k")), ("tenant/data".into(), "tenant/data".into()));
}

#[test]
fn hosts_of_other_installations_are_refused_and_the_bucket_answers_503() {
    let compiled = compile(&world(&[Claimed { hosts: vec!["c.example"], ..claim("owner", "data") }]));
    assert_eq!(refused(&compiled), ["BucketRoute owner/data Accepted spec.match.hosts HostNotAllowed"]);
    assert_eq!(at(&compiled, A, "owner", "k"), "Broken");
    assert!(compiled.table.label(&bucket("data")).is_some() && compiled.table.broken().count() == 1);
    assert!(!compiled.table.serves(&ObjectName::new("owner", "data")));
}

#[test]
fn an_exact_host_beats_no_host_and_a_tenants_route_beats_everybodys() {
    let claims = [
        claim("owner", "open"),
        Claimed { hosts: vec!["a.example"], ..claim("owner", "named") },
        Claimed { tenant: true, ..claim("owner", "mine") },
        Claimed { tenant: true, hosts: vec!["a.example"], prefix: "x/", ..claim("owner", "mine-x") },
    ];
    let compiled = compile(&world(&claims));
    assert_eq!(refused(&compiled), Vec::<String>::new());
    for (host, namespace, text, expected) in [
        (None, "default", "k", "owner/open"),
        (A, "default", "k", "owner/named"),
        (None, "owner", "k", "owner/mine"),
        (A, "owner", "k", "owner/named"),
        (A, "owner", "x/k", "owner/mine-x"),
        (None, "owner", "x/k", "owner/mine"),
    ] {
        assert_eq!(at(&compiled, host, namespace, text), expected, "{host:?} {namespace} {text}");
    }
}

#[test]
fn the_longest_prefix_serves_keys_and_the_listings_inside_it() {
    let whole = claim("owner", "whole");
    let parts = [
        Claimed { prefix: "raw/", ..claim("owner", "raw") },
        Claimed { prefix: "raw/2026/", ..claim("owner", "year") },
        Claimed { prefix: "bad/", valid: false, ..claim("owner", "bad") },
    ];
    let compiled = compile(&world(&parts));
    for (text, expected) in [
        ("raw/x", "owner/raw"),
        ("raw/2026/x", "owner/year"),
        ("raw/2026/", "owner/year"),
        ("raw/20", "owner/raw"),
        ("raw", "Elsewhere"),
        ("", "Elsewhere"),
        ("bad/x", "Broken"),
        ("b", "Elsewhere"),
    ] {
        assert_eq!(at(&compiled, A, "owner", text), expected, "{text}");
    }
    let compiled = compile(&world(&[parts.as_slice(), &[whole]].concat()));
    assert_eq!(
        (at(&compiled, A, "x", ""), at(&compiled, A, "x", "rawx")),
        ("owner/whole".into(), "owner/whole".into())
    );
    assert_eq!((at(&compiled, A, "x", "raw/x"), at(&compiled, A, "x", "bad/x")), ("owner/raw".into(), "Broken".into()));
}

#[test]
fn k_api_3_the_same_place_twice_is_the_oldest_ones_and_the_rest_of_the_loser_is_broken() {
    let first = Claimed { age: 1, hosts: vec!["a.example"], ..claim("tenant", "z") };
    let second = Claimed { age: 2, hosts: vec!["a.example", "b.example"], ..claim("tenant", "a") };
    let compiled = compile(&world(&[first.clone(), second.clone()]));
    assert_eq!(refused(&compiled), ["BucketRoute tenant/a Accepted spec.match.bucket Conflicted"]);
    assert_eq!((at(&compiled, A, "x", "k"), at(&compiled, B, "x", "k")), ("tenant/z".into(), "Broken".into()));
    // What the loser leaves is free for a third one.
    let third = Claimed { age: 3, hosts: vec!["b.example"], ..claim("tenant", "b") };
    assert_eq!(at(&compile(&world(&[first, second, third])), B, "x", "k"), "tenant/b");
}

#[test]
fn a_base_host_that_reads_like_the_bucket_is_a_conflict() {
    let mut snapshot = world(&[]);
    for (name, bucket_name, hosts) in [("a", "taken", vec![]), ("b", "other", vec![]), ("c", "free", vec!["b.example"])]
    {
        let mut one = route(bucket_name, &["demo"]);
        one.matches.hosts = hosts.into_iter().map(str::to_owned).collect();
        snapshot.routes.insert(ObjectName::new("tenant", name), valid(one));
    }
    let compiled = compile(&snapshot);
    assert_eq!(refused(&compiled), ["BucketRoute tenant/a Accepted spec.match.bucket HostConflict"]);
    assert!(is_broken(&compiled, "taken"));
    served(&compiled, "other");
    // On another host there is nothing to confuse.
    let Entry::Valid(one) = &mut snapshot.routes.get_mut(&ObjectName::new("tenant", "a")).unwrap().entry else {
        panic!()
    };
    one.matches.hosts = vec!["b.example".into()];
    assert_eq!(refused(&compile(&snapshot)), Vec::<String>::new());
}

#[test]
fn law_2_a_claim_of_which_only_the_bucket_is_known_breaks_what_is_nobody_elses() {
    let under = |prefix: &str, namespace: &str, snapshot: &mut Snapshot| {
        let problems = vec![problem("spec.match.x", Reason::Invalid, "unknown")];
        let entry =
            Entry::Invalid { claim: Claim::Bucket(bucket("data").into(), KeyPrefix::parse(prefix).unwrap()), problems };
        snapshot.routes.insert(ObjectName::new(namespace, "a"), Object::new(entry));
    };
    let somewhere = |namespace: &str, snapshot: &mut Snapshot| under("", namespace, snapshot);
    let part = Claimed { age: 1, prefix: "raw/", ..claim("owner", "raw") };
    let mut snapshot = world(std::slice::from_ref(&part));
    somewhere("owner", &mut snapshot);
    let compiled = compile(&snapshot);
    assert_eq!((at(&compiled, A, "x", "raw/k"), at(&compiled, A, "x", "k")), ("owner/raw".into(), "Broken".into()));

    // It owns as well, being older; and it does nothing to an older owner.
    let mut snapshot = world(&[Claimed { namespace: "thief", ..part.clone() }]);
    somewhere("owner", &mut snapshot);
    assert_eq!(at(&compile(&snapshot), A, "x", "raw/k"), "Broken");
    let mut snapshot = world(&[Claimed { age: 0, ..part }]);
    somewhere("thief", &mut snapshot);
    let compiled = compile(&snapshot);
    assert_eq!((at(&compiled, A, "x", "raw/k"), at(&compiled, A, "x", "k")), ("owner/raw".into(), "Elsewhere".into()));

    // A prefix that can be read is not left to the route of the whole bucket.
    let mut snapshot = world(&[Claimed { age: 1, ..claim("owner", "whole") }]);
    under("secret/", "owner", &mut snapshot);
    let compiled = compile(&snapshot);
    let found = (at(&compiled, A, "x", "secret/k"), at(&compiled, A, "x", "k"));
    assert_eq!(found, ("Broken".into(), "owner/whole".into()));
}

#[test]
fn law_2_a_route_with_one_bad_host_is_broken_on_its_good_ones() {
    let whole = claim("owner", "whole");
    for bad in ["c.example", "b.example"] {
        let part = Claimed { age: 1, prefix: "secret/", hosts: vec!["a.example", bad], ..claim("owner", "part") };
        let compiled = compile(&world(&[whole.clone(), part.clone()]));
        assert_eq!(refused(&compiled), ["BucketRoute owner/part Accepted spec.match.hosts HostNotAllowed"]);
        let found =
            (at(&compiled, A, "x", "secret/k"), at(&compiled, A, "x", "k"), at(&compiled, None, "x", "secret/k"));
        assert_eq!(found, ("Broken".into(), "owner/whole".into(), "owner/whole".into()));
        // In another namespace it takes nothing.
        let thief = Claimed { namespace: "thief", ..part };
        let compiled = compile(&world(&[whole.clone(), thief]));
        assert_eq!(at(&compiled, A, "x", "secret/k"), "owner/whole");
    }
}

#[test]
fn list_buckets_shows_what_can_be_reached_by_this_host() {
    let named = Claimed { hosts: vec!["a.example"], ..claim("owner", "data") };
    let compiled = compile(&world(&[named]));
    let demo = |namespace: &str| Principal::new(ObjectName::new(namespace, "demo"));
    assert_eq!(compiled.table.visible_to(A, &demo("owner")), [bucket("data")]);
    assert_eq!(compiled.table.visible_to(None, &demo("owner")), []);
    assert_eq!(compiled.table.visible_to(A, &demo("thief")), []);
    // Behind a route of its own, what is everybody's is not reached.
    let mut snapshot = world(&[claim("owner", "data"), Claimed { tenant: true, ..claim("thief", "data") }]);
    let Entry::Valid(own) = &mut snapshot.routes.get_mut(&ObjectName::new("thief", "data")).unwrap().entry else {
        panic!()
    };
    own.access.clear();
    assert_eq!(compile(&snapshot).table.visible_to(A, &demo("thief")), []);
    assert_eq!(compile(&snapshot).table.visible_to(A, &demo("owner")), [bucket("data")]);
}

fn some_claim(namespace: &'static str) -> impl Strategy<Value = Claimed> {
    let hosts = proptest::sample::subsequence(vec!["a.example", "b.example", "c.example"], 0..=2);
    let prefix = proptest::sample::select(vec!["", "raw/", "raw/2026/", "r"]);
    (1..4_i64, hosts, prefix, any::<bool>(), proptest::bool::weighted(0.7), 0..3_usize).prop_map(
        move |(age, hosts, prefix, tenant, valid, name)| Claimed {
            namespace,
            name: format!("{}-{name}", namespace),
            age,
            hosts,
            prefix,
            tenant,
            valid,
        },
    )
}

const TEXTS: [&str; 6] = ["", "k", "r", "raw/", "raw/2026/x", "raw/x"];

fn askers<'a>(namespaces: &[&'a str]) -> Vec<(Option<&'static str>, &'a str, &'static str)> {
    let hosts = [None, A, B].into_iter().flat_map(|host| namespaces.iter().map(move |namespace| (host, *namespace)));
    hosts.flat_map(|(host, namespace)| TEXTS.map(|text| (host, namespace, text))).collect()
}

fn answers(compiled: &Compiled, namespaces: &[&str]) -> Vec<String> {
    askers(namespaces).into_iter().map(|(host, namespace, text)| at(compiled, host, namespace, text)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    /// K01, K10: whatever a younger namespace writes, the older one's routes go on as if it were not there, and are told
    /// the same.
    #[test]
    fn k01_a_younger_namespace_changes_nothing_for_an_older_one(
        own in proptest::collection::vec(some_claim("owner"), 1..4),
        more in proptest::collection::vec(some_claim("tenant"), 0..3),
        hijack in proptest::collection::vec(some_claim("thief"), 1..5),
    ) {
        let before: Vec<Claimed> = own.into_iter().chain(more).collect();
        let younger = hijack.into_iter().map(|claim| Claimed { age: claim.age + 10, ..claim });
        let after: Vec<Claimed> = before.iter().cloned().chain(younger).collect();
        let (claims, before, after) = (before.clone(), compile(&world(&before)), compile(&world(&after)));
        for ((host, namespace, text), was) in std::iter::zip(askers(&["owner", "tenant", "x"]), answers(&before, &["owner", "tenant", "x"])) {
            let is = at(&after, host, namespace, text);
            // Only a name that nobody has a place under may become somebody's, or broken; and behind a tenant's own part of
            // a bucket, everybody's bucket of that name may appear.
            let has_own = claims.iter().any(|claim| claim.tenant && claim.namespace == namespace);
            let asker = crate::access::Principal::new(ObjectName::new(namespace, "x"));
            let host = host.map(Arc::from);
            let part = before.table.part(host.as_ref(), &asker, &bucket("data"));
            prop_assert!(was == is || part.is_none_or(|part| part.view().is_empty()) || (has_own && was == "Elsewhere"), "{} became {}", was, is);
        }
        let not_the_thiefs = |compiled: &Compiled| -> Vec<String> {
            refused(compiled).into_iter().filter(|line| !line.contains("thief/")).collect()
        };
        prop_assert_eq!(not_the_thiefs(&before), not_the_thiefs(&after));
    }

    /// K-API-6: a route that stops being valid takes nothing from any other place, and its own answers 503.
    #[test]
    fn k_api_6_a_route_that_breaks_changes_its_own_places_only(
        claims in proptest::collection::vec(some_claim("owner"), 1..5), which in any::<proptest::sample::Index>(),
    ) {
        let mut broken = claims.clone();
        let hit = which.index(claims.len());
        let name = format!("owner/{}", broken[hit].name);
        // The last one of a name is the one that stands.
        for claim in broken.iter_mut().filter(|claim| claim.name == claims[hit].name) {
            claim.valid = false;
        }
        let (before, after) = (compile(&world(&claims)), compile(&world(&broken)));
        for (was, is) in std::iter::zip(answers(&before, &["owner", "x"]), answers(&after, &["owner", "x"])) {
            let expected = if was == name { "Broken" } else { was.as_str() };
            prop_assert_eq!(is.as_str(), expected);
        }
    }

    /// K-API-3: no order shows, with everything that decides about precedence.
    #[test]
    fn k_api_3_the_order_of_claims_does_not_show(
        (claims, shuffled) in (proptest::collection::vec(some_claim("owner"), 0..4), proptest::collection::vec(some_claim("thief"), 0..4))
            .prop_map(|(mut claims, more)| {
                claims.extend(more);
                let mut seen = BTreeSet::new();
                claims.retain(|claim| seen.insert(claim.name.clone()));
                claims
            })
            .prop_flat_map(|claims| (Just(claims.clone()), Just(claims).prop_shuffle())),
    ) {
        let (one, other) = (compile(&world(&claims)), compile(&world(&shuffled)));
        prop_assert_eq!(one.table.fingerprint(), other.table.fingerprint());
        prop_assert_eq!((one.rejections, one.notices), (other.rejections, other.notices));
    }
}
