//! Pattern routes (kubernetes.md 2.4): who owns what a pattern covers, which route serves a name, and under which name.

use super::*;
use crate::Timestamp;
use crate::model::{ClientScope, LabelSelector, Labels, NAMESPACE_NAME_LABEL, PatternRule};
use crate::s3::{BucketMatch, BucketPattern};

/// A route of a pattern with this template, for client `demo`.
fn pattern(pattern: &str, template: &str) -> Route {
    let mut route = route("unused", &["demo"]);
    route.matches = RouteMatch::whole(BucketPattern::parse(pattern).unwrap());
    route.backends[0].bucket = template.to_owned();
    route
}

/// [`complete`] without its route, in these namespaces.
fn world(namespaces: &[&str]) -> Snapshot {
    let (mut snapshot, complete) = (Snapshot::default(), complete());
    for namespace in namespaces {
        let moved = |name: &ObjectName| ObjectName::new(namespace, &name.name);
        snapshot.credentials.extend(complete.credentials.iter().map(|(name, value)| (moved(name), value.clone())));
        snapshot.clients.extend(complete.clients.iter().map(|(name, value)| (moved(name), value.clone())));
        snapshot.secrets.extend(complete.secrets.iter().map(|(name, value)| (moved(name), value.clone())));
    }
    snapshot
}

/// Puts a route in; `age` is its creation time.
fn put(snapshot: &mut Snapshot, namespace: &str, named: &str, age: i64, route: Route) {
    let created = Some(Timestamp::from_unix_seconds(age));
    let object = Object { created, labels: Labels::new(), entry: Entry::Valid(route) };
    snapshot.routes.insert(ObjectName::new(namespace, named), object);
}

/// Route and backend bucket that serve a name, or what is said instead.
fn at(compiled: &Compiled, namespace: &str, name: &str, key: &str) -> String {
    match compiled.table.lookup(Asker { host: None, namespace }, &bucket(name), key) {
        Lookup::Served(route) => {
            let mapping = &only(&route).mapping;
            assert_eq!(mapping.client_bucket, BucketMatch::Exact(bucket(name)), "nothing is served unnamed");
            format!("{} {}", route.name, mapping.backend_bucket)
        }
        other => format!("{other:?}"),
    }
}

fn refused(compiled: &Compiled) -> Vec<String> {
    compiled.rejections.iter().map(|one| format!("{} {}", one.name, one.problem.reason)).collect()
}

#[test]
fn k_2_4_names_that_a_pattern_covers_are_served_under_the_templates_name() {
    let mut snapshot = world(&["team"]);
    put(&mut snapshot, "team", "all", 1, pattern("team-*", "prod-{bucket}"));
    put(&mut snapshot, "team", "some", 2, pattern("team-a-*", "{bucket}"));
    let compiled = compile(&snapshot);
    assert_eq!(refused(&compiled), Vec::<String>::new());
    for (name, expected) in [
        ("team-x", "team/all prod-team-x"),
        ("team-a", "team/all prod-team-a"),
        ("team-a-1", "team/some team-a-1"),
        ("tea", "Absent"),
        ("other", "Absent"),
    ] {
        assert_eq!(at(&compiled, "team", name, "k"), expected, "{name}");
    }
    // a name that is too long for the backend is no bucket, and no other pattern's either
    let longest = format!("team-{}", "x".repeat(58));
    assert_eq!(at(&compiled, "team", &longest, "k"), "Absent");
    let shorter = format!("team-{}", "x".repeat(53));
    assert_eq!(at(&compiled, "team", &shorter, "k"), format!("team/all prod-{shorter}"));
}

#[test]
fn k_2_4_an_exact_route_of_the_owner_shadows_the_pattern_where_it_stands() {
    let mut snapshot = world(&["team"]);
    put(&mut snapshot, "team", "all", 1, pattern("team-*", "prod-{bucket}"));
    put(&mut snapshot, "team", "one", 2, route("team-one", &["demo"]));
    let mut part = route("team-part", &["demo"]);
    part.matches.prefix = KeyPrefix::parse("raw/").unwrap();
    put(&mut snapshot, "team", "part", 3, part);
    let compiled = compile(&snapshot);
    assert_eq!(refused(&compiled), Vec::<String>::new());
    assert_eq!(at(&compiled, "team", "team-one", "k"), "team/one team-one-real");
    assert_eq!(at(&compiled, "team", "team-part", "raw/k"), "team/part team-part-real");
    assert_eq!(at(&compiled, "team", "team-part", "k"), "team/all prod-team-part");
    let alone = |name: &str, key: &str| match compiled.table.lookup(
        Asker { host: None, namespace: "team" },
        &bucket(name),
        key,
    ) {
        Lookup::Served(route) => route.alone,
        other => panic!("{other:?}"),
    };
    assert!(alone("team-x", "k"), "nobody else is about it");
    assert!(!alone("team-part", "k") && !alone("team-part", "raw/k") && !alone("team-one", "k"));
}

#[test]
fn k_2_4_a_broken_exact_route_is_not_served_by_the_pattern() {
    let mut snapshot = world(&["team"]);
    put(&mut snapshot, "team", "all", 1, pattern("team-*", "prod-{bucket}"));
    snapshot.routes.insert(ObjectName::new("team", "one"), invalid(Some("team-one")));
    let compiled = compile(&snapshot);
    assert_eq!(at(&compiled, "team", "team-one", "k"), "Broken");
    assert_eq!(at(&compiled, "team", "team-two", "k"), "team/all prod-team-two");
}

/// Nobody can tell on which hosts, and for whom, the unreadable route was meant to stand.
#[test]
fn k_2_4_nor_by_a_pattern_that_has_precedence_over_what_is_left_of_it() {
    let mut snapshot = world(&["team", "other"]);
    snapshot.process.base_hosts = vec!["h1".to_owned()];
    for (scope, hosts) in
        [(ClientScope::Any, vec!["h1".to_owned()]), (ClientScope::SameNamespace, vec![]), (ClientScope::Any, vec![])]
    {
        let mut all = pattern("team-*", "prod-{bucket}");
        (all.matches.scope, all.matches.hosts) = (scope, hosts);
        put(&mut snapshot, "team", "all", 1, all);
        let on_host = |snapshot: &Snapshot| {
            let asker = Asker { host: Some("h1"), namespace: "team" };
            compile(snapshot).table.lookup(asker, &bucket("team-one"), "k")
        };
        let mut claimed = snapshot.clone();
        let claim = || Claim::Bucket(bucket("team-one").into(), KeyPrefix::default());
        let unreadable = || Object::from(Entry::Invalid { claim: claim(), problems: Vec::new() });
        claimed.routes.insert(ObjectName::new("team", "one"), unreadable());
        assert!(matches!(on_host(&claimed), Lookup::Broken), "{scope:?}");
        // the positive twins: without it, and when it is somebody else's
        let mut foreign = snapshot.clone();
        let younger = Object { created: Some(Timestamp::from_unix_seconds(2)), ..unreadable() };
        foreign.routes.insert(ObjectName::new("other", "one"), younger);
        for served in [&snapshot, &foreign] {
            assert!(matches!(on_host(served), Lookup::Served(_)), "{scope:?}");
        }
    }
}

#[test]
fn k01_an_exact_name_inside_a_pattern_of_others_is_conflicted() {
    for (older, younger) in [("owner", "thief"), ("thief", "owner")] {
        let mut snapshot = world(&["owner", "thief"]);
        let age = |namespace: &str| if namespace == older { 1 } else { 2 };
        put(&mut snapshot, "owner", "all", age("owner"), pattern("team-*", "prod-{bucket}"));
        put(&mut snapshot, "thief", "one", age("thief"), route("team-one", &["demo"]));
        let compiled = compile(&snapshot);
        let loser = if younger == "thief" { "thief/one" } else { "owner/all" };
        assert_eq!(refused(&compiled), [format!("{loser} Conflicted")]);
        let served = if older == "owner" { "owner/all prod-team-one" } else { "thief/one team-one-real" };
        assert_eq!(at(&compiled, "owner", "team-one", "k"), served);
        // a claim that was refused takes neither the configuration of the bucket from its owner nor its label
        if older == "owner" {
            let asker = Asker { host: None, namespace: "owner" };
            let name = BucketName::parse("team-one").unwrap();
            let Lookup::Served(found) = compiled.table.lookup(asker, &name, "k") else { panic!() };
            assert!(found.alone);
            assert_eq!(compiled.table.label(&name).unwrap().as_str(), "team-*");
        }
    }
}

#[test]
fn k01_patterns_inside_patterns_of_others_are_conflicted_and_beside_them_are_not() {
    for (first, second, conflicts) in [
        ("team-*", "team-a-*", true),
        ("team-a-*", "team-*", true),
        ("*", "x*", true),
        ("team-*", "team-*", true),
        ("team-a-*", "team-b-*", false),
    ] {
        let mut snapshot = world(&["owner", "thief"]);
        put(&mut snapshot, "owner", "all", 1, pattern(first, "{bucket}"));
        put(&mut snapshot, "thief", "all", 2, pattern(second, "{bucket}"));
        let said = refused(&compile(&snapshot));
        let expected: &[&str] = if conflicts { &["thief/all Conflicted"] } else { &[] };
        assert_eq!(said, expected, "{first} {second}");
    }
}

#[test]
fn k01_a_refused_pattern_changes_nothing_for_others() {
    let mut snapshot = world(&["owner", "thief"]);
    put(&mut snapshot, "owner", "one", 1, route("data", &["demo"]));
    put(&mut snapshot, "thief", "all", 2, pattern("*", "{bucket}"));
    let compiled = compile(&snapshot);
    assert_eq!(refused(&compiled), ["thief/all Conflicted"]);
    assert_eq!(at(&compiled, "owner", "other", ""), "Absent", "no 503 in place of a 404");
    assert_eq!(at(&compiled, "thief", "other", ""), "Broken", "its own clients are told");
    assert_eq!(at(&compiled, "thief", "data", ""), "owner/one data-real");
}

#[test]
fn k01_when_the_owner_goes_the_next_one_takes_over() {
    let mut snapshot = world(&["owner", "heir"]);
    put(&mut snapshot, "owner", "all", 1, pattern("team-*", "{bucket}"));
    put(&mut snapshot, "heir", "all", 2, pattern("team-*", "heir-{bucket}"));
    assert_eq!(at(&compile(&snapshot), "heir", "team-1", ""), "owner/all team-1");
    snapshot.routes.remove(&ObjectName::new("owner", "all"));
    assert_eq!(at(&compile(&snapshot), "heir", "team-1", ""), "heir/all heir-team-1");
}

#[test]
fn k_2_4_a_tenants_own_pattern_is_for_its_clients_only() {
    let mut snapshot = world(&["owner", "tenant"]);
    put(&mut snapshot, "owner", "all", 1, pattern("team-*", "{bucket}"));
    let mut own = pattern("team-*", "tenant-{bucket}");
    own.matches.scope = ClientScope::SameNamespace;
    put(&mut snapshot, "tenant", "own", 2, own);
    let compiled = compile(&snapshot);
    assert_eq!(refused(&compiled), Vec::<String>::new());
    assert_eq!(at(&compiled, "tenant", "team-1", ""), "tenant/own tenant-team-1");
    assert_eq!(at(&compiled, "owner", "team-1", ""), "owner/all team-1");
}

#[test]
fn k_2_4_only_namespaces_of_a_rule_make_patterns() {
    let by_name =
        |name: &str| LabelSelector { match_labels: Labels::from([(NAMESPACE_NAME_LABEL.to_owned(), name.to_owned())]) };
    let rule = |text: &str, name: &str| PatternRule {
        pattern: BucketPattern::parse(text).unwrap(),
        namespaces: by_name(name),
    };
    for (rules, text, allowed) in [
        (vec![], "team-*", false),
        (vec![rule("team-*", "team")], "team-*", true),
        (vec![rule("team-*", "team")], "team-a-*", true),
        (vec![rule("team-*", "team")], "tea*", false),
        (vec![rule("team-*", "others")], "team-*", false),
        (vec![rule("team-*", "others"), rule("*", "team")], "team-*", true),
    ] {
        let mut snapshot = world(&["team"]);
        snapshot.process.patterns = Some(rules.clone());
        put(&mut snapshot, "team", "all", 1, pattern(text, "{bucket}"));
        let compiled = compile(&snapshot);
        let expected: &[&str] = if allowed { &[] } else { &["team/all PatternNotAllowed"] };
        assert_eq!(refused(&compiled), expected, "{rules:?} {text}");
        let is_served = at(&compiled, "team", "team-a-1", "").starts_with("team/all");
        assert_eq!(is_served, allowed, "{rules:?} {text}");
        assert_eq!(at(&compiled, "x", "other", ""), "Absent");
    }
}

#[test]
fn k_2_4_an_entry_is_about_its_buckets_and_a_deny_about_all() {
    let mut all = pattern("team-*", "{bucket}");
    all.access[0].buckets = vec![BucketMatch::parse("team-a-*").unwrap(), BucketMatch::parse("team-b").unwrap()];
    all.deny.push(deny(None, "secret/"));
    let mut snapshot = world(&["default"]);
    put(&mut snapshot, "default", "all", 1, all);
    let compiled = compile(&snapshot);
    let may = |name: &str, key: &str| may(&served(&compiled, name), "demo", key);
    assert!(may("team-a-1", "k") && may("team-b", "k"));
    assert!(!may("team-a", "k") && !may("team-bb", "k") && !may("team-c", "k"));
    assert!(!may("team-a-1", "secret/k"));
}

#[test]
fn section_3_1_a_bucket_that_others_reach_at_the_backend_is_not_the_patterns_alone() {
    let mut snapshot = world(&["team"]);
    put(&mut snapshot, "team", "all", 1, pattern("team-*", "prod-{bucket}"));
    let mut elsewhere = route("elsewhere", &["demo"]);
    elsewhere.backends[0].bucket = "prod-team-1".to_owned();
    put(&mut snapshot, "team", "elsewhere", 2, elsewhere);
    let alone = |snapshot: &Snapshot, name: &str| match compile(snapshot).table.lookup(
        Asker { host: None, namespace: "team" },
        &bucket(name),
        "",
    ) {
        Lookup::Served(route) => route.alone,
        other => panic!("{other:?}"),
    };
    assert!(!alone(&snapshot, "team-1") && !alone(&snapshot, "elsewhere"));
    assert!(alone(&snapshot, "team-2"));
    // a template that may make the same names takes all of them
    put(&mut snapshot, "team", "other", 3, pattern("x-*", "prod-team-{bucket}"));
    assert!(!alone(&snapshot, "team-2"), "prod-team-x-* is inside prod-team-*");
}

#[test]
fn k_api_3_the_order_of_documents_is_nothing_and_the_fingerprint_tells_patterns_apart() {
    let prints = |routes: &[(&str, Route)]| {
        let mut snapshot = world(&["team"]);
        for (named, route) in routes {
            put(&mut snapshot, "team", named, 1, route.clone());
        }
        compile(&snapshot).table.fingerprint()
    };
    let all = prints(&[("all", pattern("team-*", "{bucket}"))]);
    assert_eq!(all, prints(&[("all", pattern("team-*", "{bucket}"))]));
    let mut narrow = pattern("team-*", "{bucket}");
    narrow.access[0].buckets = vec![BucketMatch::parse("team-a").unwrap()];
    for other in [pattern("team*", "{bucket}"), pattern("team-*", "x{bucket}"), narrow] {
        assert_ne!(all, prints(&[("all", other)]));
    }
}

#[test]
fn k_2_4_labels_are_patterns_and_never_names_that_clients_think_of() {
    let mut snapshot = world(&["team"]);
    put(&mut snapshot, "team", "all", 1, pattern("team-*", "{bucket}"));
    put(&mut snapshot, "team", "one", 2, route("team-one", &["demo"]));
    let table = compile(&snapshot).table;
    let label = |name: &str| table.label(&bucket(name)).map(|label| label.as_str().to_owned());
    assert_eq!(label("team-1").as_deref(), Some("team-*"));
    assert_eq!(label("team-one").as_deref(), Some("team-one"));
    assert_eq!(label("other"), None);
}

#[test]
fn k_2_4_virtual_host_over_https_has_no_bucket_with_a_dot() {
    let mut snapshot = world(&["team"]);
    let mut all = pattern("team*", "{bucket}");
    all.backends[0].endpoint = Endpoint::parse("https://s3.example.com").unwrap();
    all.backends[0].addressing = AddressingStyle::VirtualHost;
    put(&mut snapshot, "team", "all", 1, all);
    let compiled = compile(&snapshot);
    assert_eq!(at(&compiled, "team", "team-1", ""), "team/all team-1");
    assert_eq!(at(&compiled, "team", "team.1", ""), "Absent");
}
