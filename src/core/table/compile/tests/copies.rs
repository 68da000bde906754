//! s3-protocol.md 3.1, D01, D02: what a decision about a copy between backends lets OSP send, request by request.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::signed::{Call, call};
use super::*;
use crate::access::{Decision, PendingCopy, Permit, PlannedCopy, StoredPart};
use crate::{CopyFault, Denial, Timestamp};

const MIB: u64 = 1024 * 1024;
const COPY: &str = "x-amz-copy-source: src/a%20b?versionId=v%2B1";

/// Bucket `src` under a prefix at one backend, bucket `dst`, which takes copies from elsewhere, under another prefix at
/// another; everything is for client `demo`, and nothing for client `none`.
fn table(edit: impl Fn(&mut Route, &mut Route)) -> RouteTable {
    let mut snapshot = complete();
    snapshot.clients.insert(name("none"), client(&["none-1"]));
    snapshot.secrets.insert(name("none-1"), secret("AKIANONE", "none-secret"));
    let (mut from, mut to) = (route("src", &["demo"]), route("dst", &["demo"]));
    from.backends[0].endpoint = Endpoint::parse("https://from.test:9000").unwrap();
    from.backends[0].prefix = KeyPrefix::parse("f/").unwrap();
    to.backends[0].endpoint = Endpoint::parse("https://to.test:9000").unwrap();
    to.backends[0].prefix = KeyPrefix::parse("t/").unwrap();
    to.traffic.copies = Copies::Stream;
    edit(&mut from, &mut to);
    snapshot.routes.insert(name("src"), valid(from));
    snapshot.routes.insert(name("dst"), valid(to));
    compile(&snapshot).table
}

fn asked(table: &RouteTable, who: &str, target: &str, lines: &[&str]) -> Result<Decision, Denial> {
    let headers: Vec<(&str, &str)> = lines.iter().map(|line| line.split_once(": ").unwrap()).collect();
    let keys = if who == "demo" { ("AKIADEMO", "demo-secret") } else { ("AKIANONE", "none-secret") };
    Call { headers: &headers, keys, secure: true, ..call("PUT", target) }.decide(table)
}

fn pending(lines: &[&str]) -> Result<PendingCopy, Denial> {
    match asked(&table(|_, _| ()), "demo", "/dst/c", lines)? {
        Decision::Copy(copy) => Ok(copy),
        other => panic!("{other:?}"),
    }
}

fn told(lines: &[(&str, &str)]) -> HeaderMap {
    let pairs = lines
        .iter()
        .map(|(name, value)| (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap()));
    pairs.collect()
}

fn source(size: u64) -> HeaderMap {
    told(&[("content-length", &size.to_string()), ("etag", "\"tag\""), ("content-type", "text/plain")])
}

fn planned(lines: &[&str], size: u64) -> Result<PlannedCopy, Denial> {
    pending(lines)?.plan(&source(size))
}

/// `endpoint METHOD target`, and the headers.
fn sent(permit: &Permit) -> String {
    let outgoing = permit.outgoing();
    let mut headers: Vec<String> =
        outgoing.headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
    headers.sort();
    let endpoint = permit.endpoint().host.clone();
    format!("{endpoint} {} {}?{} [{}]", outgoing.method, outgoing.path, outgoing.query, headers.join(", "))
}

#[test]
fn d01_no_permit_without_read_on_the_source_and_write_on_the_target() {
    type Edit = fn(&mut Route, &mut Route);
    assert!(matches!(asked(&table(|_, _| ()), "demo", "/dst/c", &[COPY]), Ok(Decision::Copy(_))));
    let denied: [(Edit, &str); 4] = [
        (|from, _| from.access[0].permissions = [Permission::Write].into_iter().collect(), COPY),
        (|_, to| to.access[0].permissions = [Permission::Read].into_iter().collect(), COPY),
        (|from, _| from.deny = vec![deny(None, "a b")], COPY),
        (|_, to| to.deny = vec![deny(Some("demo"), "c")], COPY),
    ];
    for (edit, line) in denied {
        assert_eq!(asked(&table(edit), "demo", "/dst/c", &[line]).unwrap_err(), Denial::AccessDenied);
    }
    assert_eq!(asked(&table(|_, _| ()), "none", "/dst/c", &[COPY]).unwrap_err(), Denial::AccessDenied);
    // just enough
    let enough = table(|from, to| {
        from.access[0].permissions = [Permission::Read].into_iter().collect();
        to.access[0].permissions = [Permission::Write].into_iter().collect();
    });
    assert!(matches!(asked(&enough, "demo", "/dst/c", &[COPY]), Ok(Decision::Copy(_))));
    // D09: an access control list needs more, for the whole copy
    let listed = asked(&enough, "demo", "/dst/c", &[COPY, "x-amz-acl: public-read"]);
    assert_eq!(listed.unwrap_err(), Denial::AccessDenied);
}

#[test]
fn a_copy_between_backends_is_refused_unless_the_target_says_otherwise() {
    for (edit, is_streamed) in [
        ((|_, _| ()) as fn(&mut Route, &mut Route), true),
        (|_, to| to.traffic.copies = Copies::Refuse, false),
        // it is the target's word that counts
        (
            |from, to| {
                from.traffic.copies = Copies::Stream;
                to.traffic.copies = Copies::Refuse;
            },
            false,
        ),
    ] {
        match asked(&table(edit), "demo", "/dst/c", &[COPY]) {
            Ok(Decision::Copy(_)) => assert!(is_streamed),
            Err(Denial::NotImplemented(_)) => assert!(!is_streamed),
            other => panic!("{other:?}"),
        }
    }
    // what one backend can do, it does
    let same = table(|from, to| from.backends[0].endpoint = to.backends[0].endpoint.clone());
    assert!(matches!(asked(&same, "demo", "/dst/c", &[COPY]), Ok(Decision::Forward(_))));
}

#[test]
fn d01_every_request_of_a_copy_names_what_was_decided_in_its_backends_words() {
    let lines = [COPY, "x-amz-meta-a: request", "if-none-match: *", "x-amz-storage-class: COLD"];
    let copy = pending(&lines).unwrap();
    let identity = "accept-encoding=identity";
    assert_eq!(sent(&copy.look().unwrap()), format!("from.test HEAD /src-real/f/a%20b?versionId=v%2B1 [{identity}]"));
    let copy = copy.plan(&source(5)).unwrap();
    assert_eq!((copy.pieces(), copy.is_part()), (1, false));
    assert_eq!(
        sent(&copy.read(0).unwrap()),
        format!("from.test GET /src-real/f/a%20b?versionId=v%2B1 [{identity}, if-match=\"tag\"]")
    );
    assert_eq!(sent(&copy.read_tags().unwrap()), "from.test GET /src-real/f/a%20b?tagging=&versionId=v%2B1 []");
    assert_eq!(
        sent(&copy.put().unwrap()),
        "to.test PUT /dst-real/t/c? [content-type=text/plain, if-none-match=*, x-amz-storage-class=COLD]"
    );
    let object = "content-type=text/plain, x-amz-storage-class=COLD";
    assert_eq!(sent(&copy.create().unwrap()), format!("to.test POST /dst-real/t/c?uploads= [{object}]"));
    assert_eq!(sent(&copy.part("u&1", 79).unwrap()), "to.test PUT /dst-real/t/c?partNumber=80&uploadId=u%261 []");
    assert_eq!(sent(&copy.abort("u&1").unwrap()), "to.test DELETE /dst-real/t/c?uploadId=u%261 []");
    let part = StoredPart { etag: "\"e\"".into(), checksum: None };
    let (permit, body) = copy.complete("u&1", &[part.clone(), part]).unwrap();
    assert_eq!(sent(&permit), "to.test POST /dst-real/t/c?uploadId=u%261 [if-none-match=*]");
    assert_eq!(String::from_utf8(body).unwrap().matches("<Part>").count(), 2);
    // who may is the same in all of them
    assert_eq!(*copy.read(0).unwrap().principal(), principal("demo"));
    assert_eq!(*copy.put().unwrap().principal(), principal("demo"));
}

/// The rule of evidence: what a copy was not decided for it cannot do, on either side.
#[test]
fn d01_no_step_of_a_copy_needs_what_was_not_decided() {
    let copy = planned(&[COPY], 5).unwrap();
    for step in ["GetObject", "HeadObject", "GetObjectTagging"] {
        let (of_source, of_target) = copy.step(step);
        assert!(sent(&of_source.unwrap()).starts_with("from.test "), "{step}");
        assert!(matches!(of_target, Err(Denial::Internal(_))), "nothing is read with the target's permit: {step}");
    }
    for step in ["PutObject", "UploadPart", "CreateMultipartUpload", "CompleteMultipartUpload", "AbortMultipartUpload"]
    {
        let (of_source, of_target) = copy.step(step);
        assert!(sent(&of_target.unwrap()).starts_with("to.test "), "{step}");
        assert!(matches!(of_source, Err(Denial::Internal(_))), "nothing is written with the source's permit: {step}");
    }
    for step in [
        "DeleteObject",
        "PutObjectAcl",
        "PutObjectRetention",
        "ListObjectsV2",
        "DeleteObjects",
        "PutBucketPolicy",
        "DeleteBucket",
        "ListBuckets",
        "CopyObject",
        "Nothing",
    ] {
        assert!(matches!(copy.step(step), (Err(Denial::Internal(_)), Err(Denial::Internal(_)))), "{step}");
    }
    // what a header asked for on top is asked of the target's steps, and decided with them
    let listed = planned(&[COPY, "x-amz-acl: public-read"], 5).unwrap();
    assert!(sent(&listed.put().unwrap()).contains("x-amz-acl=public-read"));
    assert!(sent(&listed.read(0).unwrap()).starts_with("from.test GET "));
}

#[test]
fn s3_copy_large_objects_go_in_parts_and_all_of_them_are_of_one_object() {
    let ranges = |size: u64| -> Vec<String> {
        let copy = planned(&[COPY], size).unwrap();
        let range = |index| {
            let permit = copy.read(index).unwrap();
            let mut headers = permit.outgoing().headers.iter();
            assert!(headers.clone().any(|(name, value)| name == "if-match" && value == "\"tag\""), "{index}");
            headers
                .find(|(name, _)| name == "range")
                .map_or_else(String::new, |(_, value)| value.to_str().unwrap().into())
        };
        (0..copy.pieces()).map(range).collect()
    };
    assert_eq!(ranges(0), [""]);
    assert_eq!(ranges(64 * MIB), [""]);
    assert_eq!(ranges(64 * MIB + 1), ["bytes=0-67108863", "bytes=67108864-67108864"]);
    assert_eq!(ranges(128 * MIB), ["bytes=0-67108863", "bytes=67108864-134217727"]);
    assert_eq!(ranges(5 * 1024 * MIB).len(), 80);
    assert!(matches!(planned(&[COPY], 5 * 1024 * MIB + 1), Err(Denial::InvalidRequest(_))));
}

#[test]
fn trap_4_what_is_not_the_piece_that_was_asked_for_is_not_copied() {
    let whole = planned(&[COPY], 5).unwrap();
    let (tag, length) = (("etag", "\"tag\""), ("content-length", "5"));
    assert_eq!(whole.check(0, 200, &told(&[tag, length])), Ok(()));
    assert_eq!(whole.check(0, 200, &told(&[tag])), Ok(()), "then the end of the body decides");
    for (status, lines, expected) in [
        (412, vec![], CopyFault::SourceChanged.into()),
        (200, vec![("etag", "\"other\""), length], CopyFault::SourceChanged.into()),
        (200, vec![length], Denial::UpstreamMisbehaved),
        (200, vec![tag, ("content-length", "4")], Denial::UpstreamMisbehaved),
        (206, vec![tag, length], Denial::UpstreamMisbehaved),
        (204, vec![tag], Denial::UpstreamMisbehaved),
    ] {
        assert_eq!(whole.check(0, status, &told(&lines)), Err(expected), "{status} {lines:?}");
    }
    let parts = planned(&[COPY], 64 * MIB + 5).unwrap();
    let range = |text| ("content-range", text);
    assert_eq!(parts.check(1, 206, &told(&[tag, length, range("bytes 67108864-67108868/67108869")])), Ok(()));
    for (status, lines) in [
        // a backend that knows no ranges
        (200, vec![tag, ("content-length", "67108869")]),
        (206, vec![tag, length]),
        (206, vec![tag, length, range("bytes 0-4/67108869")]),
        (206, vec![tag, ("content-length", "6"), range("bytes 67108864-67108868/67108869")]),
    ] {
        assert_eq!(parts.check(1, status, &told(&lines)), Err(Denial::UpstreamMisbehaved), "{status} {lines:?}");
    }
}

#[test]
fn s3_copy_a_source_without_length_or_tag_is_none() {
    for head in [
        told(&[("etag", "\"tag\"")]),
        told(&[("content-length", "5")]),
        told(&[("content-length", "x"), ("etag", "e")]),
    ] {
        assert_eq!(pending(&[COPY]).unwrap().plan(&head).unwrap_err(), Denial::UpstreamMisbehaved, "{head:?}");
    }
    let failed = planned(&[COPY, "x-amz-copy-source-if-match: other"], 5).unwrap_err();
    assert_eq!(failed.row().status, 412);
}

#[test]
fn s3_copy_tags_are_read_where_there_are_some_and_the_request_does_not_replace_them() {
    let some = told(&[("x-amz-tagging-count", "2")]);
    for (lines, at_look, at_read, expected) in [
        (&[COPY][..], false, false, false),
        (&[COPY], true, false, true),
        // not every backend tells of them when it is asked for the head alone
        (&[COPY], false, true, true),
        (&[COPY, "x-amz-tagging-directive: COPY"], false, true, true),
        (&[COPY, "x-amz-tagging-directive: REPLACE", "x-amz-tagging: a=b"], true, true, false),
    ] {
        let mut head = source(5);
        if at_look {
            head.extend(some.clone());
        }
        let copy = pending(lines).unwrap().plan(&head).unwrap();
        let read = if at_read { some.clone() } else { HeaderMap::new() };
        assert_eq!(copy.needs_tags(&read), expected, "{lines:?}");
    }
    let mut copy = planned(&[COPY], 5).unwrap();
    let tags = b"<Tagging><TagSet><Tag><Key>a b</Key><Value>c&amp;d</Value></Tag></TagSet></Tagging>";
    copy.take_tags(tags).unwrap();
    for permit in [copy.put().unwrap(), copy.create().unwrap()] {
        assert!(sent(&permit).contains("x-amz-tagging=a%20b=c%26d"), "{}", sent(&permit));
    }
    assert_eq!(copy.take_tags(b"<Error/>"), Err(Denial::UpstreamMisbehaved));
}

#[test]
fn sse_c_each_key_goes_to_its_own_side_and_only_encrypted() {
    let source_key = "x-amz-copy-source-server-side-encryption-customer-key: c291cmNl";
    let target_key = "x-amz-server-side-encryption-customer-key: dGFyZ2V0";
    let copy = planned(&[COPY, source_key, target_key], 65 * MIB).unwrap();
    let (of_source, of_target) = ("customer-key=c291cmNl", "customer-key=dGFyZ2V0");
    let part = StoredPart { etag: "e".into(), checksum: None };
    for permit in [copy.read(0).unwrap(), copy.read(1).unwrap()] {
        assert!(sent(&permit).contains(of_source) && !sent(&permit).contains(of_target), "{}", sent(&permit));
    }
    let complete = copy.complete("u", &[part]).unwrap().0;
    for permit in [copy.put().unwrap(), copy.create().unwrap(), copy.part("u", 0).unwrap(), complete] {
        assert!(sent(&permit).contains(of_target) && !sent(&permit).contains(of_source), "{}", sent(&permit));
        let secret = permit.outgoing().headers.iter().find(|(name, _)| name.as_str().ends_with("customer-key"));
        assert!(secret.unwrap().1.is_sensitive());
    }
    for plain in [
        (|from, _| from.backends[0].endpoint = Endpoint::parse("http://from.test").unwrap())
            as fn(&mut Route, &mut Route),
        |_, to| to.backends[0].endpoint = Endpoint::parse("http://to.test").unwrap(),
    ] {
        for key in [source_key, target_key] {
            let denied = asked(&table(plain), "demo", "/dst/c", &[COPY, key]);
            assert_eq!(denied.unwrap_err(), Denial::InsecureChannel, "{key}");
        }
        assert!(matches!(asked(&table(plain), "demo", "/dst/c", &[COPY]), Ok(Decision::Copy(_))));
    }
}

#[test]
fn ch_7_a_checksum_is_computed_where_the_backend_knows_them() {
    let asked_for = "x-amz-checksum-algorithm: CRC32";
    let copy = planned(&[COPY, asked_for], 65 * MIB).unwrap();
    assert!(sent(&copy.create().unwrap()).contains("x-amz-checksum-algorithm=CRC32"));
    let announced = copy.transit(1, &copy.read(1).unwrap(), &copy.part("u", 1).unwrap()).announcement();
    assert!(announced.aws_chunked && announced.content_length > MIB);
    let part = StoredPart { etag: "e".into(), checksum: Some("AAAAAA==".into()) };
    let document = String::from_utf8(copy.complete("u", &[part]).unwrap().1).unwrap();
    assert!(document.contains("<ChecksumCRC32>AAAAAA==</ChecksumCRC32>"), "{document}");
    // one that knows none gets none (RS-6)
    let table = table(|_, to| to.backends[0].trailing_checksums = TrailingChecksums::Drop);
    let Ok(Decision::Copy(copy)) = asked(&table, "demo", "/dst/c", &[COPY, asked_for]) else { panic!() };
    let copy = copy.plan(&source(65 * MIB)).unwrap();
    assert!(!sent(&copy.create().unwrap()).contains("checksum"));
    let announced = copy.transit(1, &copy.read(1).unwrap(), &copy.part("u", 1).unwrap()).announcement();
    assert_eq!((announced.aws_chunked, announced.content_length), (false, MIB));
}

#[test]
fn s3_copy_the_result_is_awss() {
    let copy = planned(&[COPY], 5).unwrap();
    let result = String::from_utf8(copy.result("\"e\"", Timestamp::from_unix_seconds(0), None)).unwrap();
    assert!(result.starts_with("<CopyObjectResult ") && result.contains("<ETag>&quot;e&quot;</ETag>"), "{result}");
}
