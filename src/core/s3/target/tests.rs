use super::*;

/// Under the base hosts `s3.test`, `eu.s3.test` and `other.test`.
fn at(host: &str, target: &str) -> Result<Target, Denial> {
    let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let (head, _) = RawHead::parse_http1(head.as_bytes()).unwrap();
    let hosts = ["s3.test", "eu.s3.test", "Other.Test.:8443", ""].map(str::to_owned);
    parse(&head, &BaseHosts::new(hosts))
}

/// (addressing, bucket, key) of an accepted target.
fn names(host: &str, target: &str) -> (Addressing, Option<String>, Option<String>) {
    let target = at(host, target).unwrap();
    (target.addressing, target.bucket.map(|b| b.to_string()), target.key.map(|k| k.to_string()))
}

fn path(bucket: &str, key: Option<&str>) -> (Addressing, Option<String>, Option<String>) {
    (Addressing::Path, Some(bucket.to_owned()), key.map(str::to_owned))
}

fn virtual_host(bucket: &str, key: Option<&str>) -> (Addressing, Option<String>, Option<String>) {
    (Addressing::VirtualHost, Some(bucket.to_owned()), key.map(str::to_owned))
}

#[test]
fn h8_a_bucket_with_and_without_a_slash_is_the_same() {
    assert_eq!(names("s3.test", "/"), (Addressing::Path, None, None));
    assert_eq!(names("s3.test", "/bucket"), path("bucket", None));
    assert_eq!(names("s3.test", "/bucket/"), path("bucket", None));
    assert_eq!(names("s3.test", "/bucket?list-type=2"), path("bucket", None));
    assert_eq!(names("bucket.s3.test", "/"), virtual_host("bucket", None));
}

#[test]
fn h8_an_empty_bucket_is_refused() {
    for target in ["//key", "//", "///"] {
        assert_eq!(at("s3.test", target), Err(Denial::InvalidBucketName), "{target}");
    }
    assert_eq!(names("bucket.s3.test", "//key"), virtual_host("bucket", Some("/key")));
}

#[test]
fn h7_the_bucket_stands_before_a_base_host() {
    for host in ["bucket.s3.test", "bucket.s3.test:443", "BUCKET.S3.Test", "bucket.s3.test.", "bucket.s3.test.:8443"] {
        assert_eq!(names(host, "/a/b"), virtual_host("bucket", Some("a/b")), "{host}");
    }
    assert_eq!(names("a.b.s3.test", "/k"), virtual_host("a.b", Some("k")));
    assert_eq!(names("bucket.other.test", "/k"), virtual_host("bucket", Some("k")));
}

#[test]
fn h7_the_longest_base_host_wins_and_an_exact_one_beats_all() {
    assert_eq!(names("bucket.eu.s3.test", "/k"), virtual_host("bucket", Some("k")));
    for host in ["eu.s3.test", "EU.s3.test:80", "eu.s3.test."] {
        assert_eq!(names(host, "/bucket/k"), path("bucket", Some("k")), "{host}");
    }
}

#[test]
fn p03_other_hosts_and_addresses_mean_path_style() {
    for host in ["unknown.test", "evils3.test", "s3.test.evil", "10.0.0.1:80", "[::1]:6190", "localhost"] {
        assert_eq!(names(host, "/bucket/k"), path("bucket", Some("k")), "{host}");
    }
    let head = b"GET /bucket HTTP/1.1\r\nHost: b2t.s3.test\r\n\r\n";
    let (head, _) = RawHead::parse_http1(head).unwrap();
    assert_eq!(parse(&head, &BaseHosts::default()).unwrap().bucket, Some(BucketName::parse("bucket").unwrap()));
    let by_address = BaseHosts::new(["0.0.1".to_owned()]);
    let (head, _) = RawHead::parse_http1(b"GET /bucket HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    assert_eq!(parse(&head, &by_address).unwrap().addressing, Addressing::Path);
}

#[test]
fn p03_the_bucket_of_the_host_wins_over_the_path() {
    assert_eq!(names("mine.s3.test", "/yours/k"), virtual_host("mine", Some("yours/k")));
}

#[test]
fn p04_bucket_names_outside_the_grammar_are_refused() {
    for target in
        ["/ab", "/Bucket", "/a..b", "/10.0.0.1/k", "/b%2Fk", "/buc%00ket", "/..", "/.%2e/k", "/bucket--x-s3/k"]
    {
        assert_eq!(at("s3.test", target), Err(Denial::InvalidBucketName), "{target}");
    }
    for host in ["ab.s3.test", ".s3.test", "a..b.s3.test", "a_b.s3.test"] {
        assert_eq!(at(host, "/k"), Err(Denial::InvalidBucketName), "{host}");
    }
    assert_eq!(names("s3.test", "/%62ucket/k"), path("bucket", Some("k")));
}

#[test]
fn sig_2_p01_keys_are_decoded_once_and_never_normalised() {
    for (raw, key) in [
        ("a/../b", "a/../b"),
        ("../other/k", "../other/k"),
        ("%2e%2e/k", "../k"),
        ("..%2fk", "../k"),
        ("%252e", "%2e"),
        ("/k", "/k"),
        ("a//b/", "a//b/"),
        ("./a", "./a"),
        ("a%2Fb", "a/b"),
        ("%00%0a%7f", "\0\n\x7f"),
        ("a+b%20c%2B", "a+b c+"),
        ("%C3%A9", "\u{e9}"),
        ("e%CC%81", "e\u{301}"),
        ("\u{e9}", "\u{e9}"),
        ("a%3Fb%23c;d\\e", "a?b#c;d\\e"),
    ] {
        assert_eq!(names("s3.test", &format!("/bucket/{raw}")), path("bucket", Some(key)), "{raw}");
        assert_eq!(names("bucket.s3.test", &format!("/{raw}")), virtual_host("bucket", Some(key)), "{raw}");
    }
}

#[test]
fn p02_keys_that_are_not_text_are_refused() {
    for raw in ["%zz", "%", "a%4", "%c0%af", "%ed%a0%80", "%ff"] {
        assert!(matches!(at("s3.test", &format!("/bucket/{raw}")), Err(Denial::InvalidUri(_))), "{raw}");
    }
    assert!(matches!(at("s3.test", "/%ff/k"), Err(Denial::InvalidUri(_))));
    assert!(matches!(at("s3.test", "/bucket/k?a=%ff"), Err(Denial::InvalidUri(_))));
    assert!(at("s3.test", &format!("/bucket/{}", "%41".repeat(1024))).is_ok());
    assert_eq!(at("s3.test", &format!("/bucket/{}", "%41".repeat(1025))), Err(Denial::KeyTooLong));
}

#[test]
fn only_the_first_question_mark_begins_the_query() {
    let target = at("s3.test", "/bucket/k?prefix=a?b").unwrap();
    assert_eq!(target.query.get("prefix"), Some("a?b"));
    assert_eq!(at("s3.test", "/bucket/k?").unwrap().query, Query::default());
}

proptest::proptest! {
    #[test]
    fn a_key_that_is_encoded_and_parsed_is_the_same_key(key in "\\PC{1,60}", slashes in "[/.]{0,4}") {
        let key = format!("{slashes}{key}");
        let mut target = "/bucket/".to_owned();
        crate::s3::encode_key(key.as_bytes(), &mut target);
        proptest::prop_assert_eq!(names("s3.test", &target), path("bucket", Some(&key)));
    }
}
