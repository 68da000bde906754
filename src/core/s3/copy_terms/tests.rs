use super::*;

fn headers(lines: &[&str]) -> OutgoingHeaders {
    let split = |line: &&str| {
        let (name, value) = line.split_once(": ").unwrap();
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    lines.iter().map(split).collect()
}

fn map(lines: &[&str]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers(lines) {
        map.append(name, value);
    }
    map
}

fn object(lines: &[&str]) -> Result<CopyTerms, Denial> {
    CopyTerms::read(false, headers(lines))
}

fn part(lines: &[&str]) -> Result<CopyTerms, Denial> {
    CopyTerms::read(true, headers(lines))
}

fn sorted(headers: &OutgoingHeaders) -> Vec<String> {
    let mut lines: Vec<String> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines
}

const SOURCE: [&str; 8] = [
    "content-type: text/plain",
    "cache-control: no-store",
    "x-amz-meta-a: source",
    "x-amz-website-redirect-location: /x",
    "x-amz-storage-class: GLACIER",
    "etag: \"tag\"",
    "last-modified: Thu, 01 Jan 2026 00:00:00 GMT",
    "content-encoding: aws-chunked",
];

#[test]
fn s3_copy_the_metadata_is_the_sources_unless_the_request_replaces_it() {
    let own = ["content-type: image/png", "x-amz-meta-b: request", "x-amz-storage-class: ONEZONE_IA"];
    let of = |lines: &[&str]| sorted(&object(lines).unwrap().of_object(&map(&SOURCE)));
    let class = "x-amz-storage-class: ONEZONE_IA";
    let copied = ["cache-control: no-store", "content-type: text/plain", "x-amz-meta-a: source"];
    assert_eq!(of(&[]), copied);
    for directive in ["x-amz-metadata-directive: COPY", "user-agent: x"] {
        let asked = of(&[&own[..], &[directive]].concat());
        assert_eq!(asked, [&copied[..], &[class]].concat(), "what is not replaced is the source's");
    }
    let replaced = of(&[&["x-amz-metadata-directive: REPLACE"], &own[..]].concat());
    assert_eq!(replaced, ["content-type: image/png", "x-amz-meta-b: request", class]);
    assert_eq!(of(&["x-amz-metadata-directive: REPLACE"]), Vec::<String>::new());
    let packed = map(&["content-encoding: aws-chunked, gzip"]);
    assert_eq!(sorted(&object(&[]).unwrap().of_object(&packed)), ["content-encoding: gzip"]);
}

#[test]
fn s3_copy_tags_are_the_sources_unless_the_request_replaces_them() {
    let read = |lines: &[&str]| {
        let terms = object(lines).unwrap();
        (terms.copies_tags, sorted(&terms.of_object(&HeaderMap::new())))
    };
    assert_eq!(read(&[]), (true, vec![]));
    assert_eq!(read(&["x-amz-tagging: a=b"]), (true, vec![]), "they count with REPLACE only");
    let replaced = read(&["x-amz-tagging: a=b", "x-amz-tagging-directive: REPLACE"]);
    assert_eq!(replaced, (false, vec!["x-amz-tagging: a=b".to_owned()]));
    assert!(!part(&[]).unwrap().copies_tags, "a part has none");
}

#[test]
fn s3_copy_every_header_goes_to_its_own_request() {
    let key = |of: &str, value: &str| format!("x-amz-{of}server-side-encryption-customer-key: {value}");
    let lines = [
        key("copy-source-", "c291cmNl"),
        key("", "dGFyZ2V0"),
        "if-none-match: *".to_owned(),
        "x-amz-acl: public-read".to_owned(),
        "x-amz-object-lock-mode: GOVERNANCE".to_owned(),
        "x-amz-server-side-encryption: AES256".to_owned(),
        "x-amz-checksum-algorithm: SHA256".to_owned(),
        "x-amz-copy-source: bucket/key".to_owned(),
        "range: bytes=0-1".to_owned(),
        "accept-encoding: gzip".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let terms = object(&lines).unwrap();
    assert_eq!(sorted(&terms.source_key), [key("", "c291cmNl")], "by the name that a read has for it");
    assert_eq!(sorted(&terms.target_key), [key("", "dGFyZ2V0")]);
    assert_eq!(sorted(&terms.only_if), ["if-none-match: *"]);
    assert_eq!(terms.checksum, ChecksumAlgorithm::named("sha256").ok());
    let made_with = sorted(&terms.of_object(&HeaderMap::new()));
    let expected = [
        "x-amz-acl: public-read",
        "x-amz-object-lock-mode: GOVERNANCE",
        &key("", "dGFyZ2V0"),
        "x-amz-server-side-encryption: AES256",
    ];
    let mut expected: Vec<String> = expected.map(str::to_owned).into();
    expected.sort();
    assert_eq!(made_with, expected, "and nothing of the source's key, of this connection, of the copy itself");
    let locked = object(&["x-amz-object-lock-legal-hold: ON"]).unwrap();
    assert_eq!(locked.checksum, ChecksumAlgorithm::named("crc32").ok(), "AWS: no lock without a digest");
    assert_eq!(object(&["x-amz-storage-class: COLD"]).unwrap().checksum, None);
    let terms = part(&lines).unwrap();
    assert_eq!((terms.checksum, terms.only_if.len(), terms.object.len()), (None, 0, 0), "a part has a key only");
    assert_eq!((terms.source_key.len(), terms.target_key.len()), (1, 1));
}

#[test]
fn s3_copy_conditions_on_the_source_are_awss() {
    let (before, at, after) =
        ("Wed, 31 Dec 2025 23:59:59 GMT", "Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:01 GMT");
    let condition = |short: &str, value: &str| format!("x-amz-copy-source-if-{short}: {value}");
    let failed = |lines: &[String], source: &HeaderMap| {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        match object(&lines).unwrap().check(source) {
            Ok(()) => "holds".to_owned(),
            Err(Denial::Copy(CopyFault::Condition(name))) => {
                name.strip_prefix("x-amz-copy-source-if-").unwrap().to_owned()
            }
            Err(other) => unreachable!("{other:?}"),
        }
    };
    let source = map(&SOURCE);
    for (conditions, expected) in [
        (vec![], "holds"),
        (vec![("match", "\"tag\"")], "holds"),
        (vec![("match", "tag")], "holds"),
        (vec![("match", "\"other\", \"tag\"")], "holds"),
        (vec![("match", "*")], "holds"),
        (vec![("match", "\"other\"")], "match"),
        (vec![("match", "W/\"tag\"")], "match"),
        (vec![("match", "")], "match"),
        (vec![("none-match", "\"other\"")], "holds"),
        (vec![("none-match", "\"tag\"")], "none-match"),
        (vec![("none-match", "*")], "none-match"),
        (vec![("unmodified-since", at)], "holds"),
        (vec![("unmodified-since", before)], "unmodified-since"),
        (vec![("modified-since", before)], "holds"),
        (vec![("modified-since", at)], "modified-since"),
        (vec![("modified-since", after)], "modified-since"),
        // AWS: "If both ... are present": the tag decides
        (vec![("match", "\"tag\""), ("unmodified-since", before)], "holds"),
        (vec![("match", "\"other\""), ("unmodified-since", at)], "match"),
        (vec![("none-match", "\"tag\""), ("modified-since", before)], "none-match"),
        (vec![("none-match", "\"other\""), ("modified-since", after)], "holds"),
        // each pair for itself
        (vec![("match", "\"tag\""), ("none-match", "\"tag\"")], "none-match"),
        (vec![("unmodified-since", at), ("modified-since", at)], "modified-since"),
    ] {
        let lines: Vec<String> = conditions.iter().map(|(short, value)| condition(short, value)).collect();
        assert_eq!(failed(&lines, &source), expected, "{conditions:?}");
    }
    // law 2: what is not known does not hold
    for (short, value) in [("match", "*"), ("none-match", "x"), ("unmodified-since", at), ("modified-since", before)] {
        assert_eq!(failed(&[condition(short, value)], &HeaderMap::new()), short);
    }
    for date in ["yesterday", "2026-01-01T00:00:00Z", "Thu, 31 Feb 2026 00:00:00 GMT"] {
        let read = object(&[&condition("modified-since", date)]);
        assert!(matches!(read, Err(Denial::InvalidArgument(_))), "{date}");
    }
}

#[test]
fn s3_copy_a_range_is_of_a_part_and_inside_of_the_source() {
    let extent = |value: &str| part(&[&format!("x-amz-copy-source-range: {value}")]).and_then(|terms| terms.extent(10));
    assert_eq!(extent("bytes=0-9"), Ok((0, 10)));
    assert_eq!(extent("bytes=3-3"), Ok((3, 1)));
    assert_eq!(part(&[]).unwrap().extent(10), Ok((0, 10)));
    for wrong in [
        "bytes=0-10",
        "bytes=9-8",
        "bytes=0-",
        "bytes=-5",
        "bytes=+1-2",
        "bytes=0-1,3-4",
        "bytes 0-1",
        "0-1",
        "",
        "bytes=0-99999999999999999999",
        "bytes=0-18446744073709551615",
    ] {
        assert!(matches!(extent(wrong), Err(Denial::InvalidArgument(_))), "{wrong}");
    }
    assert!(matches!(object(&["x-amz-copy-source-range: bytes=0-1"]), Err(Denial::InvalidRequest(_))));
}
