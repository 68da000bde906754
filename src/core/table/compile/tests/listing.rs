//! `ListBuckets` where routes are of patterns (kubernetes.md 2.4): which backends are asked, and what of their answers is
//! shown. Found wanting by `make mutants`.

use super::signed::call;
use super::*;
use crate::access::{Decision, OwnAnswer, PendingBuckets};
use crate::s3::{BucketMatch, BucketPattern, ToldBuckets};
use crate::{Denial, Timestamp};

fn pattern(text: &str, template: &str, port: u16) -> Route {
    let mut route = route("unused", &["demo"]);
    route.matches = RouteMatch::whole(BucketPattern::parse(text).unwrap());
    route.backends[0].bucket = template.to_owned();
    route.backends[0].endpoint = Endpoint::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    route
}

/// `demo` has bucket `data`, all of `team-*` but `team-one`, which is another client's, and of `lab-*` what begins with
/// `lab-a-`, and by other keys what begins with `lab-b-`. All of `shut-*` is denied.
fn world() -> Snapshot {
    let mut snapshot = complete();
    snapshot.clients.insert(name("other"), client(&["other-1"]));
    snapshot.secrets.insert(name("other-1"), secret("AKIAOTHER", "other-secret"));
    snapshot.credentials.insert(name("keys-b"), source(keys("backend-b")));
    snapshot.secrets.insert(name("backend-b"), secret("backend-b-key", "backend-b-secret"));
    snapshot.routes.insert(name("team"), valid(pattern("team-*", "prod-{bucket}", 9001)));
    snapshot.routes.insert(name("team-one"), valid(route("team-one", &["other"])));
    let mut lab = pattern("lab-*", "{bucket}", 9002);
    lab.access.extend(lab.access.clone());
    let of = |text: &str| vec![BucketMatch::Pattern(BucketPattern::parse(text).unwrap())];
    (lab.access[0].buckets, lab.access[1].buckets) = (of("lab-a-*"), of("lab-b-*"));
    lab.access[1].name = "by other keys".into();
    lab.access[1].credentials =
        vec![CredentialOverride { backend: "only".into(), credential: Reference::local("keys-b") }];
    snapshot.routes.insert(name("lab"), valid(lab));
    let mut shut = pattern("shut-*", "{bucket}", 9003);
    shut.deny.push(deny(None, ""));
    snapshot.routes.insert(name("shut"), valid(shut));
    snapshot
}

fn pending(compiled: &Compiled) -> PendingBuckets {
    match call("GET", "/").decide(&compiled.table) {
        Ok(Decision::Buckets(pending)) => pending,
        other => panic!("no backend is asked: {other:?}"),
    }
}

/// Route and credentials of every question, in the order of their indices.
fn asked(pending: &mut PendingBuckets) -> Vec<String> {
    let permits = (0..pending.count()).map(|index| {
        let permit = pending.permit(index, None).unwrap();
        format!("{} by {}", permit.route().name.name, permit.upstream().source.name)
    });
    permits.collect()
}

#[test]
fn d05_each_backend_is_asked_once_for_all_entries_with_the_same_keys() {
    let compiled = compile(&world());
    let mut pending = pending(&compiled);
    assert_eq!(asked(&mut pending), ["lab by keys", "lab by keys-b", "shut by keys", "team by keys"]);
    assert!(pending.permit(4, None).is_none());
    for (token, query) in [(None, ""), (Some("a/b="), "continuation-token=a%2Fb%3D"), (None, "")] {
        let outgoing = pending.permit(3, token).unwrap().outgoing();
        assert_eq!((outgoing.method.as_str(), outgoing.path.as_str(), outgoing.query.as_str()), ("GET", "/", query));
        assert!(outgoing.bucket_label.is_none() && outgoing.headers.is_empty());
    }
}

#[test]
fn d05_a_backends_list_is_shown_as_far_as_requests_would_find_it() {
    let compiled = compile(&world());
    let mut pending = pending(&compiled);
    let questions = asked(&mut pending);
    let made = Timestamp::from_unix_seconds(7);
    let told: Vec<Vec<ToldBuckets>> = questions
        .iter()
        .map(|question| {
            let pages: &[&[&str]] = match question.as_str() {
                // not of the template, not of the pattern, another route's, no name at all
                "team by keys" => &[
                    &["prod-team-z", "team-z", "prod-other", "prod-team-one", "prod-team-"],
                    &["prod-team-a", "data-real", "prod-data"],
                ],
                "lab by keys" => &[&["lab-a-1", "lab-b-1", "lab-c-1"]],
                "lab by keys-b" => &[&["lab-a-2", "lab-b-2"]],
                "shut by keys" => &[&["shut-1"]],
                other => panic!("{other} was not to be asked"),
            };
            let page = |names: &&[&str]| ToldBuckets {
                buckets: names.iter().map(|name| ((*name).to_owned(), Some(made))).collect(),
                continuation_token: None,
            };
            pages.iter().map(page).collect()
        })
        .collect();
    let shown = pending.merge(&told, &compiled.table);
    let shown: Vec<_> = shown.iter().map(|bucket| (bucket.name.as_str(), bucket.created)).collect();
    // of a route of one bucket nobody is asked when it was made
    let expected = ["lab-a-1", "lab-b-2", "team-a", "team-z"].map(|name| (name, Some(made)));
    assert_eq!(shown, [&[("data", None)], &expected[..]].concat());
}

/// A list without some of its buckets would look like one of which they are gone.
#[test]
fn law_2_a_list_that_one_backend_is_missing_from_is_none() {
    let mut snapshot = world();
    let mut team = pattern("team-*", "prod-{bucket}", 9001);
    team.backends[0].credential = Reference::local("gone");
    snapshot.routes.insert(name("team"), valid(team));
    let answer = call("GET", "/").decide(&compile(&snapshot).table);
    assert_eq!(answer.err(), Some(Denial::RouteBroken));
}

#[test]
fn d05_without_patterns_osp_answers_by_itself() {
    let compiled = compile(&complete());
    let Ok(Decision::Answer(answer)) = call("GET", "/").decide(&compiled.table) else { panic!() };
    assert_eq!(answer, OwnAnswer::Buckets(vec![bucket("data").into()]));
}
