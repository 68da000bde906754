//! What is decided by a compiled table, told by [`explain`]: which routes an operation touches, and what each kind of them
//! answers (D01, D03, K-API-3). Found wanting by `make mutants`.

use super::*;
use crate::Denial;
use crate::access::{Check, CheckAnswer, Hypothesis, explain};

use crate::s3::{BucketMatch, CopySource, Query, named};

/// Parts `raw/` and `bad/` (broken) of bucket `data`, bucket `other` at another backend, which takes copies from elsewhere,
/// bucket `same` at that of `raw/`, buckets `shut` and `lost` with nothing but a broken route, `stray` with none that has a
/// place, bucket `apart` for another host, buckets `read-only` and `write-only` where client `demo` has that permission.
/// Elsewhere it may do everything, client `none` nothing.
fn snapshot(with_whole: bool) -> Snapshot {
    let mut snapshot = complete();
    snapshot.process.base_hosts = vec!["s3.apart.test".into()];
    snapshot.clients.insert(name("none"), client(&["none-1"]));
    snapshot.secrets.insert(name("none-1"), secret("AKIANONE", "none-secret"));
    let at = |bucket_name: &str, prefix: &str| {
        let prefix = KeyPrefix::parse(prefix).unwrap();
        RouteMatch { prefix, ..RouteMatch::whole(bucket(bucket_name)) }
    };
    let mut put = |route_name: &str, matches: RouteMatch, port: u16, permissions: Permissions| {
        let mut route = Route { matches, ..route("data", &["demo"]) };
        route.backends[0].endpoint = Endpoint::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        route.traffic.copies = if route_name == "other" { Copies::Stream } else { Copies::Refuse };
        route.access[0].permissions = permissions;
        snapshot.routes.insert(name(route_name), valid(route));
    };
    put("raw", at("data", "raw/"), 9000, Permissions::ALL);
    put("other", at("other", ""), 9001, Permissions::ALL);
    put("same", at("same", ""), 9000, Permissions::ALL);
    put("read-only", at("read-only", ""), 9000, [Permission::Read].into_iter().collect());
    put("write-only", at("write-only", ""), 9000, [Permission::Write].into_iter().collect());
    // no host of this gateway: it stands nowhere
    put("stray", RouteMatch { hosts: vec!["s3.elsewhere.test".into()], ..at("stray", "") }, 9000, Permissions::ALL);
    put("apart", RouteMatch { hosts: vec!["s3.apart.test".into()], ..at("apart", "") }, 9000, Permissions::ALL);
    if with_whole {
        put("data", at("data", ""), 9000, Permissions::ALL);
    } else {
        snapshot.routes.remove(&name("data"));
    }
    for (route_name, matches) in [("bad", at("data", "bad/")), ("shut", at("shut", ""))] {
        let problems = vec![problem("spec.x", Reason::Invalid, "unknown")];
        snapshot.routes.insert(name(route_name), Entry::Invalid { claim: Claim::Match(matches), problems }.into());
    }
    let claim = Claim::Bucket(BucketMatch::Exact(bucket("lost")), KeyPrefix::default());
    let problems = vec![problem("spec.x", Reason::Invalid, "unknown")];
    snapshot.routes.insert(name("lost"), Entry::Invalid { claim, problems }.into());
    snapshot
}

/// `denied: ...`, `route -> backend bucket/key`, or `answered`; after it whatever was asked and not allowed.
fn told(snapshot: &Snapshot, who: &str, operation: &str, names: (&str, Option<&str>, Option<(&str, &str)>)) -> String {
    let key = |text: &str| ObjectKey::parse(text.as_bytes().to_vec()).unwrap();
    let (bucket_name, object, source) = names;
    let source = source.map(|(of, at)| CopySource { bucket: bucket(of), key: key(at), version: None });
    let operation = named(operation, Some(bucket(bucket_name)), object.map(key), source).unwrap();
    let compiled = compile(snapshot);
    let (principal, query) = (principal(who), Query::default());
    let asked = Hypothesis { principal: &principal, host: None, operation: &operation, query: &query };
    let told = explain(asked, &compiled.table);
    assert!(told.buckets.is_empty() && told.patterns.is_empty(), "that is for lists of buckets");
    let refused = told.checks.iter().filter(|check| !matches!(check.answer, CheckAnswer::Allowed(_))).count();
    let what = match (told.denial, told.destination) {
        (Some(Denial::NotImplemented(_)), _) => "denied: NotImplemented".to_owned(),
        (Some(denial), _) => format!("denied: {denial:?}"),
        (None, Some(to)) => format!("{} -> {}/{}", to.route.name, to.bucket, to.key.unwrap_or_default()),
        (None, None) => "answered".to_owned(),
    };
    format!("{what}, {} asked, {refused} refused", told.checks.len())
}

#[test]
fn d_a_key_belongs_to_one_route_and_its_policy_decides() {
    let parts = snapshot(false);
    for (who, operation, bucket_name, key, expected) in [
        ("demo", "GetObject", "data", "raw/k", "raw -> data-real/k, 1 asked, 0 refused"),
        ("demo", "PutObject", "data", "raw/k", "raw -> data-real/k, 1 asked, 0 refused"),
        ("none", "GetObject", "data", "raw/k", "denied: AccessDenied, 1 asked, 1 refused"),
        ("demo", "GetObject", "data", "elsewhere", "denied: AccessDenied, 0 asked, 0 refused"),
        ("demo", "GetObject", "data", "bad/k", "denied: RouteBroken, 0 asked, 0 refused"),
        ("demo", "GetObject", "nowhere", "k", "denied: NoSuchBucket(\"nowhere\"), 0 asked, 0 refused"),
        ("demo", "GetObject", "shut", "k", "denied: RouteBroken, 0 asked, 0 refused"),
        ("nobody", "GetObject", "data", "raw/k", "denied: UnknownAccessKey, 0 asked, 0 refused"),
    ] {
        assert_eq!(told(&parts, who, operation, (bucket_name, Some(key), None)), expected, "{who} {operation} {key}");
    }
}

#[test]
fn d_a_bucket_as_a_whole_exists_for_whoever_may_list_a_part_of_it() {
    let (parts, whole) = (snapshot(false), snapshot(true));
    for (configured, who, operation, bucket_name, expected) in [
        // no route for the whole: OSP answers
        (&parts, "demo", "HeadBucket", "data", "answered, 1 asked, 0 refused"),
        (&parts, "none", "HeadBucket", "data", "denied: RouteBroken, 1 asked, 1 refused"),
        // a route for the whole: the backend answers, also for those who may see it only
        (&whole, "demo", "HeadBucket", "data", "data -> data-real/, 1 asked, 0 refused"),
        (&whole, "none", "HeadBucket", "data", "denied: RouteBroken, 2 asked, 2 refused"),
        (&whole, "demo", "GetBucketLocation", "data", "answered, 1 asked, 0 refused"),
        (&whole, "none", "GetBucketLocation", "data", "denied: RouteBroken, 2 asked, 2 refused"),
        (&whole, "demo", "DeleteObjects", "data", "answered, 1 asked, 0 refused"),
        (&whole, "none", "DeleteObjects", "data", "denied: RouteBroken, 2 asked, 2 refused"),
        // nothing broken: a plain no
        (&whole, "none", "HeadBucket", "other", "denied: AccessDenied, 1 asked, 1 refused"),
        (&whole, "none", "DeleteObjects", "other", "denied: AccessDenied, 1 asked, 1 refused"),
        (&whole, "demo", "HeadBucket", "other", "other -> data-real/, 1 asked, 0 refused"),
        (&whole, "demo", "HeadBucket", "nowhere", "denied: NoSuchBucket(\"nowhere\"), 0 asked, 0 refused"),
        (&whole, "demo", "HeadBucket", "shut", "denied: RouteBroken, 0 asked, 0 refused"),
        (&whole, "demo", "HeadBucket", "lost", "denied: RouteBroken, 0 asked, 0 refused"),
        (&whole, "demo", "HeadBucket", "stray", "denied: RouteBroken, 0 asked, 0 refused"),
        (&whole, "demo", "HeadBucket", "apart", "denied: NoSuchBucket(\"apart\"), 0 asked, 0 refused"),
        // CL-8: who may not make buckets is not told which there are
        (&whole, "demo", "DeleteBucket", "nowhere", "denied: AccessDenied, 0 asked, 0 refused"),
        (&whole, "demo", "GetBucketVersioning", "nowhere", "denied: NoSuchBucket(\"nowhere\"), 0 asked, 0 refused"),
    ] {
        assert_eq!(
            told(configured, who, operation, (bucket_name, None, None)),
            expected,
            "{who} {operation} {bucket_name}"
        );
    }
}

/// Law 2: a route of which not even the bucket can be read may be about any of them.
#[test]
fn law_2_what_cannot_be_known_is_not_denied_to_exist() {
    let mut unreadable = snapshot(false);
    unreadable.routes.insert(name("riddle"), invalid(None));
    for (operation, key) in [("GetObject", Some("k")), ("HeadBucket", None)] {
        let told = told(&unreadable, "demo", operation, ("nowhere", key, None));
        assert_eq!(told, "denied: NotReady, 0 asked, 0 refused", "{operation}");
    }
}

#[test]
fn d01_a_copy_reads_its_source_writes_its_target_and_stays_within_one_backend() {
    let parts = snapshot(false);
    for (who, source, target, expected) in [
        ("demo", ("data", "raw/a"), ("data", "raw/b"), "raw -> data-real/b, 2 asked, 0 refused"),
        ("demo", ("data", "raw/a"), ("same", "b"), "same -> data-real/b, 2 asked, 0 refused"),
        ("demo", ("other", "a"), ("same", "b"), "denied: NotImplemented, 2 asked, 0 refused"),
        // into a route that says so, the gateway carries the bytes; nobody is asked less for that
        ("demo", ("data", "raw/a"), ("other", "b"), "other -> data-real/b, 2 asked, 0 refused"),
        ("none", ("data", "raw/a"), ("other", "b"), "denied: AccessDenied, 1 asked, 1 refused"),
        ("none", ("other", "a"), ("same", "b"), "denied: AccessDenied, 1 asked, 1 refused"),
        ("demo", ("data", "bad/a"), ("same", "b"), "denied: RouteBroken, 0 asked, 0 refused"),
        ("demo", ("data", "elsewhere"), ("same", "b"), "denied: AccessDenied, 0 asked, 0 refused"),
        ("demo", ("read-only", "a"), ("write-only", "b"), "write-only -> data-real/b, 2 asked, 0 refused"),
        ("demo", ("write-only", "a"), ("write-only", "b"), "denied: AccessDenied, 1 asked, 1 refused"),
        ("demo", ("read-only", "a"), ("read-only", "b"), "denied: AccessDenied, 2 asked, 1 refused"),
        ("demo", ("nowhere", "a"), ("same", "b"), "denied: NoSuchBucket(\"nowhere\"), 0 asked, 0 refused"),
    ] {
        let told = told(&parts, who, "CopyObject", (target.0, Some(target.1), Some(source)));
        assert_eq!(told, expected, "{source:?} to {target:?}");
    }
}

/// Reads of one object may go to any backend, everything else to the one for writes.
#[test]
fn k_api_2_4_the_first_backend_of_a_read_may_be_another_than_that_of_a_write() {
    let split = edit(|route| {
        let (mut near, mut far) = (backend("data"), backend("data"));
        (near.name, near.bucket, far.name, far.bucket) = ("near".into(), "near".into(), "far".into(), "far".into());
        route.backends = vec![near, far];
        route.traffic.writes = 1;
    });
    for (operation, key, expected) in [
        ("GetObject", Some("k"), "data -> near/k, 1 asked, 0 refused"),
        ("HeadObject", Some("k"), "data -> near/k, 1 asked, 0 refused"),
        ("PutObject", Some("k"), "data -> far/k, 1 asked, 0 refused"),
        ("ListObjectsV2", None, "data -> far/, 1 asked, 0 refused"),
    ] {
        assert_eq!(told(&split, "demo", operation, ("data", key, None)), expected, "{operation}");
    }
}

/// D05: a list of buckets touches no route, and shows those that the caller has a grant on.
#[test]
fn d05_list_buckets_shows_what_the_caller_may_use() {
    let compiled = compile(&snapshot(true));
    for (who, expected) in [("demo", vec!["data", "other", "read-only", "same", "write-only"]), ("none", vec![])] {
        let (principal, query) = (principal(who), Query::default());
        let operation = named("ListBuckets", None, None, None).unwrap();
        let asked = Hypothesis { principal: &principal, host: None, operation: &operation, query: &query };
        let told = explain(asked, &compiled.table);
        assert_eq!((told.denial, told.checks.len(), told.destination), (None, 0, None), "{who}");
        assert_eq!(told.buckets.iter().map(BucketName::as_str).collect::<Vec<_>>(), expected, "{who}");
    }
}

/// K-API-3: what `osp explain` prints of each question.
#[test]
fn a_check_says_what_was_asked_and_who_answered() {
    let (bucket, key) = (bucket("data"), ObjectKey::parse(b"a\nb".to_vec()).unwrap());
    let check =
        |resource, answer| Check { route: name("data"), permission: Permission::Read, resource, answer }.to_string();
    assert_eq!(
        check(Resource::Object(bucket.clone(), key), CheckAnswer::Allowed("spark".to_owned())),
        "Read on data/a\\nb: allowed by access entry \"spark\" of default/data"
    );
    assert_eq!(
        check(Resource::Prefix(bucket.clone(), "raw/".into()), CheckAnswer::Denied("no".to_owned())),
        "Read on data/raw/*: denied by deny entry \"no\" of default/data"
    );
    assert_eq!(
        check(Resource::Bucket(bucket), CheckAnswer::NotGranted),
        "Read on data: no access entry of default/data allows it"
    );
}
