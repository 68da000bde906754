//! What a permit carries: where a request goes, where else it may go, and how its body does (D03, RN-6, RS-6, RS-8,
//! K-API-2.4). Found wanting by `make mutants`.

use super::signed::{Call, at_once, call};
use super::*;
use crate::Denial;
use crate::access::{Decision, NoHooks, Permit};
use crate::model::{HostPort, Region};
use crate::s3::DeleteOutcome;

/// What was decided, in a word or two.
fn told(snapshot: &Snapshot, call: Call<'_>) -> String {
    match call.decide(&compile(snapshot).table) {
        Ok(Decision::Forward(permit)) => {
            let outgoing = permit.outgoing();
            format!("{} {}?{}", outgoing.method, outgoing.path, outgoing.query)
        }
        Ok(Decision::Create(_)) => "create".to_owned(),
        Ok(Decision::Batch(_)) => "batch".to_owned(),
        Ok(Decision::Copy(_)) => "copy".to_owned(),
        Ok(Decision::Buckets(_)) => "ask backends".to_owned(),
        Ok(Decision::Answer(answer)) => format!("{answer:?}"),
        Err(denial) => denial.row().reason.to_owned(),
    }
}

/// A route of a pattern, for buckets that are made and deleted, beside [`complete`].
fn with_pattern() -> Snapshot {
    let mut snapshot = complete();
    let mut route = route("unused", &["demo"]);
    route.matches = RouteMatch::whole(crate::s3::BucketPattern::parse("team-*").unwrap());
    route.backends[0].bucket = "prod-{bucket}".into();
    route.backends[0].endpoint = Endpoint::parse("http://127.0.0.1:9001").unwrap();
    snapshot.routes.insert(name("team"), valid(route));
    snapshot
}

#[test]
fn each_kind_of_operation_gets_the_decision_that_is_its_own() {
    for (method, target, expected) in [
        ("GET", "/data/a%20b", "GET /data-real/a%20b?"),
        ("PUT", "/data/k?tagging", "malformed_xml"),
        ("DELETE", "/data/k", "DELETE /data-real/k?"),
        ("GET", "/data?list-type=2&prefix=x", "GET /data-real?list-type=2&prefix=x"),
        ("HEAD", "/data", "HEAD /data-real?"),
        ("GET", "/data?location", "Location"),
        ("PUT", "/team-a", "create"),
        ("DELETE", "/team-a", "DELETE /prod-team-a?"),
        ("PUT", "/data", "denied"),
        ("GET", "/", "ask backends"),
    ] {
        assert_eq!(told(&with_pattern(), call(method, target)), expected, "{method} {target}");
    }
}

/// A key of the customer's travels encrypted, on both sides of OSP, or not at all.
#[test]
fn a_customers_key_needs_an_encrypted_way_to_osp_and_from_it() {
    let key = [
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-server-side-encryption-customer-key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
        ("x-amz-server-side-encryption-customer-key-md5", "hRasmdxgYDKV3nvbahU1MA=="),
    ];
    let https = edit(|route| route.backends[0].endpoint = Endpoint::parse("https://127.0.0.1:9000").unwrap());
    let http = complete();
    let plain = "GET /data-real/k?";
    for (snapshot, headers, secure, expected) in [
        (&https, &key[..], true, plain),
        (&https, &key, false, "insecure_channel"),
        (&http, &key, true, "insecure_channel"),
        (&http, &key, false, "insecure_channel"),
        (&http, &[], false, plain),
        (&https, &[], false, plain),
    ] {
        let call = Call { headers, secure, ..call("GET", "/data/k") };
        assert_eq!(told(snapshot, call), expected, "{} {secure}", headers.len());
    }
}

/// The bucket `data` at backends `near` and `far`; writes go to `far`.
fn split() -> Snapshot {
    edit(|route| {
        let (mut near, mut far) = (backend("data"), backend("data"));
        (near.name, near.bucket, far.name, far.bucket) = ("near".into(), "near".into(), "far".into(), "far".into());
        far.endpoint = Endpoint::parse("http://127.0.0.1:9001").unwrap();
        route.backends = vec![near, far];
        route.traffic.writes = 1;
    })
}

fn names(permit: &Permit) -> Vec<&str> {
    permit.candidates().iter().map(|backend| &*backend.name).collect()
}

#[test]
fn k_api_2_4_a_read_may_be_sent_to_every_backend_of_its_route_and_a_write_to_one() {
    let (compiled, foreign) = (compile(&split()), compile(&complete()));
    let route = served(&compiled, "data");
    let [near, far] = route.backends.usable() else { panic!() };
    let stranger = &served(&foreign, "data").backends.usable()[0].clone();

    let mut read = call("GET", "/data/k?partNumber=1").permit(&compiled.table);
    assert_eq!(names(&read), ["near", "far"]);
    assert_eq!(read.outgoing().path, "/near/k");
    assert_eq!(read.query().get("partNumber"), Some("1"));
    for (to, path) in [(far, "/far/k"), (far, "/far/k"), (near, "/near/k")] {
        read.redirect(to).unwrap();
        assert_eq!((&*read.backend().name, read.outgoing().path.as_str()), (&*to.name, path));
        assert_eq!(read.endpoint(), &to.upstream.endpoint);
        assert_eq!(read.outgoing().query, "partNumber=1");
    }
    assert!(matches!(read.redirect(stranger), Err(Denial::Internal(_))));
    assert_eq!(read.outgoing().path, "/near/k", "nothing has changed");

    for (method, target) in [("PUT", "/data/k"), ("GET", "/data?list-type=2"), ("GET", "/data/k?versionId=v")] {
        let mut one = call(method, target).permit(&compiled.table);
        assert_eq!(names(&one), ["far"], "{method} {target}");
        assert!(matches!(one.redirect(near), Err(Denial::Internal(_))), "{method} {target}");
        assert_eq!(one.redirect(far), Ok(()));
    }
}

/// RN-6: `(region of the route, its endpoint, what the backend says, where it is asked then)`; `None` = the answer told
/// nothing new.
#[test]
fn rn_6_a_bucket_in_another_region_is_asked_there_and_by_no_host_that_an_answer_named() {
    const CENTRAL: &str = "https://s3.eu-central-1.amazonaws.com";
    for (region, endpoint, said, expected) in [
        ("us-east-1", "https://s3.us-east-1.amazonaws.com", "eu-central-1", Some(CENTRAL)),
        ("us-east-1", "https://s3.us-east-1.amazonaws.com", "us-east-1", None),
        // the same region by another name
        ("eu-central-1", "https://s3.amazonaws.com", "eu-central-1", Some(CENTRAL)),
        ("us-east-1", "http://127.0.0.1:9000", "eu-central-1", Some("http://127.0.0.1:9000")),
        ("us-east-1", "http://127.0.0.1:9000", "us-east-1", None),
    ] {
        let snapshot = edit(|route| {
            route.backends[0].region = region.into();
            route.backends[0].endpoint = Endpoint::parse(endpoint).unwrap();
        });
        let compiled = compile(&snapshot);
        let mut permit = call("GET", "/data/k").permit(&compiled.table);
        let there = |permit: &Permit| (permit.region().to_owned(), permit.endpoint().to_string());
        let before = (there(&permit), permit.pool_group());
        assert_eq!(before, ((region.to_owned(), endpoint.to_owned()), permit.upstream().pool_group));
        let said = Region::parse(said).unwrap();
        assert_eq!(permit.relocate(&said), expected.is_some(), "{endpoint} {said:?}");
        if let Some(expected) = expected {
            assert_eq!(there(&permit), (said.as_str().to_owned(), expected.to_owned()));
            assert_ne!(permit.pool_group(), before.1, "connections and keys of another region are others");
            assert!(!permit.relocate(&said), "said twice");
            assert_eq!(there(&permit).1, expected);
        } else {
            assert_eq!((there(&permit), permit.pool_group()), before);
        }
    }
    // who has limited the endpoints of a credential has said so for every region
    let mut snapshot = edit(|route| route.backends[0].endpoint = Endpoint::parse("https://s3.amazonaws.com").unwrap());
    let Some(Entry::Valid(keys)) = snapshot.credentials.get_mut(&name("keys")).map(|keys| &mut keys.entry) else {
        panic!()
    };
    keys.allowed_endpoints = vec![HostPort { host: "s3.amazonaws.com".into(), port: 443 }];
    let compiled = compile(&snapshot);
    let mut permit = call("GET", "/data/k").permit(&compiled.table);
    assert!(permit.relocate(&Region::parse("eu-central-1").unwrap()));
    assert_eq!((permit.region(), permit.endpoint().to_string().as_str()), ("eu-central-1", "https://s3.amazonaws.com"));
}

/// RN-6: another backend of the route is asked where its own document says that it is.
#[test]
fn rn_6_what_one_backend_said_of_regions_is_forgotten_with_it() {
    let compiled = compile(&split());
    let mut permit = call("GET", "/data/k").permit(&compiled.table);
    assert!(permit.relocate(&Region::parse("eu-central-1").unwrap()));
    let far = Arc::clone(&permit.candidates()[1]);
    permit.redirect(&far).unwrap();
    assert_eq!((permit.region(), permit.pool_group()), ("us-east-1", far.upstream.pool_group));
}

/// RS-6, RS-8: what is said to the backend of a body, and in which order it is sent.
#[test]
fn rs_8_an_empty_object_in_frames_is_proved_before_anything_is_sent() {
    const FRAMES: Option<&str> = Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    let (snapshot, put) = (complete(), call("PUT", "/data/k"));
    let framed =
        |length: &'static str| [("x-amz-decoded-content-length", length), ("x-amz-trailer", "x-amz-checksum-crc32")];
    let (empty, full) = (framed("0"), framed("5"));
    let dropping = edit(|route| route.backends[0].trailing_checksums = TrailingChecksums::Drop);
    for (snapshot, call, expects_body, proves) in [
        (&snapshot, call("GET", "/data/k"), false, false),
        (&snapshot, put, false, false),
        (&snapshot, Call { body: b"12345", ..put }, true, false),
        (&dropping, Call { headers: &full, payload: FRAMES, body: b"some frames", ..put }, true, false),
        (&dropping, Call { headers: &empty, payload: FRAMES, body: b"some frames", ..put }, true, true),
        // the frames of the backend's own body are not nothing
        (&snapshot, Call { headers: &empty, payload: FRAMES, body: b"some frames", ..put }, true, false),
    ] {
        let permit = call.permit(&compile(snapshot).table);
        assert_eq!((permit.expects_body(), permit.proves_before_sending()), (expects_body, proves), "{:?}", call.line);
    }
}

/// D03, D07: every key by the policy of its route; all that are allowed go to the backend of the first one.
#[test]
fn d03_the_keys_of_a_batch_are_decided_one_by_one() {
    let mut snapshot = complete();
    snapshot.routes.remove(&name("data"));
    let mut put = |prefix: &str, port: u16, permissions: &[Permission]| {
        let prefix = KeyPrefix::parse(prefix).unwrap();
        let mut route = route("data", &["demo"]);
        route.matches.prefix = prefix.clone();
        route.backends[0].endpoint = Endpoint::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        route.backends[0].prefix = KeyPrefix::parse("at/").unwrap();
        route.access[0].permissions = permissions.iter().copied().collect();
        let mut admin = route.access[0].clone();
        (admin.name, admin.permissions) = ("admin".into(), Permissions::ALL);
        admin.prefixes = vec![KeyPrefix::parse("a/v/").unwrap()];
        route.access.push(admin);
        snapshot.routes.insert(name(&format!("r{}", prefix.as_str().trim_end_matches('/'))), valid(route));
    };
    put("a/", 9000, &[Permission::Delete]);
    put("kept/", 9000, &[Permission::Read]);
    put("elsewhere/", 9001, &[Permission::Delete]);
    let broken =
        Claim::Match(RouteMatch { prefix: KeyPrefix::parse("bad/").unwrap(), ..RouteMatch::whole(bucket("data")) });
    let problems = vec![problem("spec.x", Reason::Invalid, "unknown")];
    snapshot.routes.insert(name("bad"), Entry::Invalid { claim: broken, problems }.into());
    let compiled = compile(&snapshot);

    let decided = |keys: &[&str]| {
        let objects = keys.iter().map(|text| match text.split_once('@') {
            Some((key, version)) => format!("<Object><Key>{key}</Key><VersionId>{version}</VersionId></Object>"),
            None => format!("<Object><Key>{text}</Key></Object>"),
        });
        let body = format!("<Delete>{}</Delete>", objects.collect::<String>());
        let call = Call { body: body.as_bytes(), ..call("POST", "/data?delete") };
        let Ok(Decision::Batch(batch)) = call.decide(&compiled.table) else { panic!() };
        let decided = at_once(batch.decide(body.as_bytes(), &NoHooks)).unwrap();
        let refused = decided.refused.iter().map(|one| match one {
            DeleteOutcome::Failed { key, version, code, .. } => format!("{key} {version:?} {code}"),
            DeleteOutcome::Deleted { .. } => panic!("{one:?}"),
        });
        let refused: Vec<String> = refused.collect();
        let goes = decided.permit.map(|permit| format!("{}{}", permit.endpoint(), permit.outgoing().path));
        (goes, String::from_utf8(decided.body).unwrap().matches("<Key>").count(), refused)
    };
    let here = Some("http://127.0.0.1:9000/data-real".to_owned());
    let (goes, sent, refused) = decided(&["kept/1", "a/1", "none", "bad/1", "elsewhere/1", "a/2@v", "a/v/1@v"]);
    assert_eq!((goes, sent), (here, 2));
    assert_eq!(
        refused,
        [
            "kept/1 None AccessDenied",
            "none None AccessDenied",
            "bad/1 None ServiceUnavailable",
            "elsewhere/1 None InvalidRequest",
            "a/2 Some(\"v\") AccessDenied",
        ]
    );
    let (goes, sent, refused) = decided(&["elsewhere/1", "a/1"]);
    assert_eq!((goes.as_deref(), sent), (Some("http://127.0.0.1:9001/data-real"), 1));
    assert_eq!(refused, ["a/1 None InvalidRequest"]);
    assert_eq!(decided(&["kept/1"]), (None, 0, vec!["kept/1 None AccessDenied".to_owned()]));
}
