//! Section 3.1: whether a route has its bucket to itself.

use super::*;
use crate::model::Endpoint;

/// `data` and another route; is `data` alone?
fn alone_beside(other: &ObjectName, change: impl FnOnce(&mut Route)) -> bool {
    let mut snapshot = complete();
    let mut beside = route("other", &["demo"]);
    change(&mut beside);
    snapshot.routes.insert(other.clone(), valid(beside));
    served(&compile(&snapshot), "data").alone
}

#[test]
fn a_route_is_alone_until_another_one_is_about_its_bucket() {
    let other = name("other");
    assert!(served(&compile(&complete()), "data").alone);
    assert!(alone_beside(&other, |_| {}), "another bucket");
    assert!(!alone_beside(&other, |route| route.backends[0].bucket = "data-real".into()), "an alias");
    let below = |route: &mut Route| {
        route.backends[0].bucket = "data-real".into();
        route.backends[0].prefix = KeyPrefix::parse("hr/").unwrap();
    };
    assert!(!alone_beside(&other, below), "keys below a prefix of the same backend bucket");
    let part = |route: &mut Route| {
        route.matches = RouteMatch { prefix: KeyPrefix::parse("hr/").unwrap(), ..RouteMatch::whole(bucket("data")) };
    };
    assert!(!alone_beside(&other, part), "a part of the client's bucket, wherever it is kept");
    let elsewhere = |route: &mut Route| {
        route.backends[0].bucket = "data-real".into();
        route.backends[0].endpoint = Endpoint::parse("http://127.0.0.1:9001").unwrap();
    };
    assert!(alone_beside(&other, elsewhere), "a bucket of that name at another backend");
}

#[test]
fn a_broken_route_counts_for_the_bucket_that_it_claims() {
    let mut snapshot = complete();
    let prefix = KeyPrefix::parse("hr/").unwrap();
    let entry = Entry::Invalid { claim: Claim::Bucket(bucket("data").into(), prefix), problems: Vec::new() };
    snapshot.routes.insert(name("broken"), entry.into());
    assert!(!served(&compile(&snapshot), "data").alone);
}

#[test]
fn a_route_of_another_namespace_counts_by_its_credential_only() {
    let stranger = ObjectName::new("elsewhere", "other");
    let same_bucket = |route: &mut Route| route.backends[0].bucket = "data-real".into();
    assert!(alone_beside(&stranger, same_bucket), "naming a bucket takes nothing from those who have it");
    let same_credential = |route: &mut Route| {
        same_bucket(route);
        route.backends[0].credential = Reference { namespace: Some("default".into()), name: "keys".into() };
    };
    assert!(!alone_beside(&stranger, same_credential));
}
