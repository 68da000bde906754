use super::*;
use crate::s3::sample::head;
use crate::s3::token::{seal_page, seal_upload};
use crate::s3::{BaseHosts, BucketName, KeyPrefix, RawHead, classify, parse};

fn mapping(client: &str, backend: &str, prefix: &str) -> Mapping {
    Mapping {
        client_bucket: BucketName::parse(client).unwrap().into(),
        client_prefix: KeyPrefix::default(),
        backend_bucket: backend.to_owned(),
        prefix: KeyPrefix::parse(prefix).unwrap(),
        issuer: "a route".into(),
    }
}

/// `bkt` becomes `back` with keys below `p/`; `src` becomes `tenant:from` with keys below `s /`.
fn build(method: &str, target: &str, lines: &[&str]) -> Result<Outgoing, Denial> {
    build_under(&mapping("bkt", "back", "p/"), AddressingStyle::Path, (method, target, lines))
}

fn build_under(
    mapping_of_target: &Mapping,
    style: AddressingStyle,
    (method, target, lines): (&str, &str, &[&str]),
) -> Result<Outgoing, Denial> {
    let head = head(method, target, lines);
    let target = parse(&head, &BaseHosts::default()).unwrap();
    let semantics = Semantics::read(&head, &target).unwrap();
    let operation = classify(head.method(), &target, &semantics).unwrap();
    let from = mapping("src", "tenant:from", "s /");
    let source =
        operation.copy_source().map(|source| if source.bucket.as_str() == "src" { &from } else { mapping_of_target });
    Outgoing::build(&operation, &target.query, &semantics, style, (mapping_of_target, source))
}

/// `METHOD path?query` of the backend request.
fn line(method: &str, target: &str) -> String {
    let outgoing = build(method, target, &[]).unwrap();
    format!("{} {}?{}", outgoing.method, outgoing.path, outgoing.query)
}

/// The headers that a PUT with these lines has at the backend, as text.
fn headers(lines: &[&str]) -> Vec<String> {
    headers_of(&build("PUT", "/bkt/key", lines).unwrap())
}

fn headers_of(outgoing: &Outgoing) -> Vec<String> {
    let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
    outgoing.headers.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect()
}

#[test]
fn section_3_1_names_of_the_backend_replace_those_of_the_client() {
    for (method, target, expected) in [
        ("GET", "/bkt/key", "GET /back/p/key?"),
        ("HEAD", "/bkt/key?partNumber=2", "HEAD /back/p/key?partNumber=2"),
        ("PUT", "/bkt/key?x-id=PutObject", "PUT /back/p/key?"),
        ("DELETE", "/bkt/key", "DELETE /back/p/key?"),
        ("HEAD", "/bkt/", "HEAD /back?"),
        ("POST", "/bkt?delete", "POST /back?delete="),
        ("POST", "/bkt/key?uploads", "POST /back/p/key?uploads="),
        ("POST", "/bkt/key?uploads=x", "POST /back/p/key?uploads="),
        ("GET", "/bkt/key?response-content-type=a/b+c", "GET /back/p/key?response-content-type=a%2Fb%2Bc"),
        ("GET", "/bkt/key?versionId=a%2Bb/c", "GET /back/p/key?versionId=a%2Bb%2Fc"),
        ("DELETE", "/bkt/key?versionId=null", "DELETE /back/p/key?versionId=null"),
        ("PUT", "/bkt/key?tagging=x&versionId=v", "PUT /back/p/key?tagging=&versionId=v"),
        ("GET", "/bkt/key?versionId=v&acl", "GET /back/p/key?acl=&versionId=v"),
        ("GET", "/bkt?intelligent-tiering&id=a%20b", "GET /back?id=a%20b&intelligent-tiering="),
        ("GET", "/bkt?policyStatus", "GET /back?policyStatus="),
    ] {
        assert_eq!(line(method, target), expected);
    }
}

#[test]
fn d04_a_listing_is_confined_to_the_prefix_of_the_route() {
    for (target, expected) in [
        ("/bkt", "prefix=p%2F"),
        ("/bkt?prefix=", "prefix=p%2F"),
        ("/bkt?prefix=a&delimiter=/&marker=b", "delimiter=%2F&marker=p%2Fb&prefix=p%2Fa"),
        ("/bkt?list-type=2&start-after=a", "list-type=2&prefix=p%2F&start-after=p%2Fa"),
        ("/bkt?start-after=&list-type=2", "list-type=2&prefix=p%2F&start-after=p%2F"),
        ("/bkt?versions", "prefix=p%2F&versions="),
        (
            "/bkt?versions&key-marker=a&version-id-marker=b&max-keys=1",
            "key-marker=p%2Fa&max-keys=1&prefix=p%2F&version-id-marker=b&versions=",
        ),
        ("/bkt?prefix=../q", "prefix=p%2F..%2Fq"),
    ] {
        assert_eq!(build("GET", target, &[]).unwrap().query, expected, "{target}");
    }
}

#[test]
fn section_11_ids_of_uploads_are_the_backends_again() {
    let id = seal_upload(&mapping("bkt", "back", "p/"), "key", "a+b/c").unwrap();
    for (method, query, expected) in [
        ("PUT", "&partNumber=1", "PUT /back/p/key?partNumber=1&uploadId=a%2Bb%2Fc"),
        ("POST", "", "POST /back/p/key?uploadId=a%2Bb%2Fc"),
        ("DELETE", "", "DELETE /back/p/key?uploadId=a%2Bb%2Fc"),
        ("GET", "&max-parts=3", "GET /back/p/key?max-parts=3&uploadId=a%2Bb%2Fc"),
    ] {
        assert_eq!(line(method, &format!("/bkt/key?uploadId={id}{query}")), expected);
    }
    let elsewhere = seal_upload(&mapping("bkt", "other", "p/"), "key", "a+b/c").unwrap();
    for wrong in ["a%2Bb/c", &elsewhere] {
        let denied = build("DELETE", &format!("/bkt/key?uploadId={wrong}"), &[]);
        assert_eq!(denied, Err(Denial::NoSuchUpload));
    }
    assert_eq!(build("DELETE", &format!("/bkt/key2?uploadId={id}"), &[]), Err(Denial::NoSuchUpload));
}

#[test]
fn section_11_a_listing_of_uploads_goes_on_within_a_key_of_its_own_backend() {
    let query = |query: &str| build("GET", &format!("/bkt?uploads&{query}"), &[]).map(|outgoing| outgoing.query);
    let id = seal_upload(&mapping("bkt", "back", "p/"), "a", "b+c").unwrap();
    let (with, without) =
        ("key-marker=p%2Fa&prefix=p%2F&upload-id-marker=b%2Bc&uploads=", "key-marker=p%2Fa&prefix=p%2F&uploads=");
    assert_eq!(query(&format!("key-marker=a&upload-id-marker={id}")).as_deref(), Ok(with));
    let elsewhere = seal_upload(&mapping("bkt", "other", "p/"), "a", "b+c").unwrap();
    assert_eq!(query(&format!("key-marker=a&upload-id-marker={elsewhere}")).as_deref(), Ok(without));
    assert_eq!(query("key-marker=a&upload-id-marker=").as_deref(), Ok(without));
    assert_eq!(query("upload-id-marker=nonsense").as_deref(), Ok("prefix=p%2F&uploads="), "AWS: ignored");
    let nonsense = Err(Denial::InvalidArgument("Invalid uploadId marker".to_owned()));
    assert_eq!(query("key-marker=a&upload-id-marker=b"), nonsense);
    assert_eq!(query(&format!("key-marker=b&upload-id-marker={id}")), nonsense);
}

#[test]
fn section_11_a_list_goes_on_with_the_backends_token_or_after_the_last_name() {
    let token = |backend: &str, prefix: &str, after: Option<&Position>| {
        seal_page(&mapping("bkt", backend, "p/"), prefix, "t=", after).unwrap()
    };
    let query = |query: &str| build("GET", &format!("/bkt?list-type=2&{query}"), &[]).map(|outgoing| outgoing.query);
    let (key, prefix) = (Position::key("a b"), Position { text: "a/".to_owned(), is_prefix: true });
    let at_home = token("back", "", Some(&key));
    let own = "continuation-token=t%3D&list-type=2&prefix=p%2F";
    assert_eq!(query(&format!("continuation-token={at_home}")).as_deref(), Ok(own));
    let both = format!("{own}&start-after=p%2Fz");
    assert_eq!(query(&format!("continuation-token={at_home}&start-after=z")), Ok(both));
    for (after, expected) in
        [(Some(&key), "&start-after=p%2Fa%20b"), (Some(&prefix), "&start-after=p%2Fa%2F%F4%8F%BF%BF"), (None, "")]
    {
        let token = token("old", "", after);
        assert_eq!(query(&format!("continuation-token={token}")), Ok(format!("list-type=2&prefix=p%2F{expected}")));
        // where the list once began is behind it
        let expected = if expected.is_empty() { "&start-after=p%2FA" } else { expected };
        let resumed = query(&format!("continuation-token={token}&start-after=A"));
        assert_eq!(resumed, Ok(format!("list-type=2&prefix=p%2F{expected}")));
    }
    let incorrect = Err(Denial::InvalidArgument("The continuation token provided is incorrect".to_owned()));
    for nonsense in ["", "t%3D", "AAAA"] {
        assert_eq!(query(&format!("continuation-token={nonsense}")), incorrect, "{nonsense}");
    }
    assert_eq!(query(&format!("continuation-token={at_home}&prefix=a")), incorrect);
    // a token of another listing is none of ours
    let configurations = build("GET", "/bkt?intelligent-tiering&continuation-token=t%3D", &[]).unwrap();
    assert_eq!(configurations.query, "continuation-token=t%3D&intelligent-tiering=");
}

#[test]
fn section_11_a_token_leads_nowhere_outside_the_route() {
    let part = Mapping { client_prefix: KeyPrefix::parse("raw/").unwrap(), ..mapping("bkt", "back", "p/") };
    let resume = |text: &str| {
        let token = seal_page(&mapping("bkt", "old", "p/"), "raw/", "t", Some(&Position::key(text))).unwrap();
        let target = format!("/bkt?list-type=2&prefix=raw/&continuation-token={token}");
        build_under(&part, AddressingStyle::Path, ("GET", &target, &[])).map(|outgoing| outgoing.query)
    };
    assert_eq!(resume("raw/a").as_deref(), Ok("list-type=2&prefix=p%2F&start-after=p%2Fa"));
    assert_eq!(resume("a").as_deref(), Ok("list-type=2&prefix=p%2F"));
    assert!(matches!(resume("rax"), Err(Denial::InvalidArgument(_))));
}

#[test]
fn a_listing_that_begins_before_the_route_goes_on_within_no_key() {
    let part = Mapping { client_prefix: KeyPrefix::parse("raw/").unwrap(), ..mapping("bkt", "back", "p/") };
    for (target, expected) in [
        (
            "/bkt?versions&prefix=raw/&key-marker=raw/a&version-id-marker=v",
            "key-marker=p%2Fa&prefix=p%2F&version-id-marker=v&versions=",
        ),
        ("/bkt?versions&prefix=raw/&key-marker=a&version-id-marker=v", "prefix=p%2F&versions="),
        ("/bkt?uploads&prefix=raw/&key-marker=a&upload-id-marker=u", "prefix=p%2F&uploads="),
    ] {
        let outgoing = build_under(&part, AddressingStyle::Path, ("GET", target, &[])).unwrap();
        assert_eq!(outgoing.query, expected, "{target}");
    }
}

#[test]
fn the_default_is_left_out_unless_it_is_what_is_asked_for() {
    assert_eq!(headers(&["x-amz-acl: private", "x-amz-tagging: a=b"]), ["x-amz-tagging: a=b"]);
    assert_eq!(headers(&["x-amz-acl: public-read"]), ["x-amz-acl: public-read"]);
    let acl = build("PUT", "/bkt/key?acl", &["x-amz-acl: private"]).unwrap();
    assert_eq!(headers_of(&acl), ["x-amz-acl: private"]);
    let attributes = build("GET", "/bkt/key?attributes", &["x-amz-max-parts: 3"]).unwrap();
    assert_eq!(headers_of(&attributes), ["x-amz-max-parts: 3"]);
    assert_eq!(headers_of(&build("GET", "/bkt/key", &["x-amz-max-parts: 3"]).unwrap()), [""; 0]);
    let key = build("GET", "/bkt/key", &["x-amz-server-side-encryption-customer-key: a2V5"]).unwrap();
    assert!(key.headers[0].1.is_sensitive(), "no debugging output shows it");
    let version = build("PUT", "/bkt/key", &["x-amz-copy-source: src/k?versionId=a%2Bb"]).unwrap();
    assert_eq!(headers_of(&version), ["x-amz-copy-source: tenant%3Afrom/s%20/k?versionId=a%2Bb"]);
}

#[test]
fn without_a_prefix_a_listing_says_what_the_client_said() {
    let plain = mapping("bkt", "back", "");
    for (target, expected) in [("/bkt", ""), ("/bkt?prefix=", "prefix="), ("/bkt?prefix=a&marker=", "marker=&prefix=a")]
    {
        let outgoing = build_under(&plain, AddressingStyle::Path, ("GET", target, &[])).unwrap();
        assert_eq!(outgoing.query, expected, "{target}");
    }
}

#[test]
fn authentication_and_hoisted_parameters_do_not_travel_in_the_query() {
    let query = "X-Amz-Algorithm=a&X-Amz-Credential=c&x-amz-date=d&X-Amz-Expires=1&X-Amz-SignedHeaders=host\
                 &X-Amz-Signature=s&X-Amz-Security-Token=t&x-id=PutObject&X-Amz-Meta-A=1&X-Amz-Acl=private";
    let outgoing = build("PUT", &format!("/bkt/key?{query}"), &[]).unwrap();
    assert_eq!(outgoing.query, "");
    assert_eq!(headers_of(&outgoing), ["x-amz-meta-a: 1"]);
}

#[test]
fn both_addressing_styles_name_the_same_object() {
    let plain = mapping("bkt", "back", "p/");
    for (method, target, path) in
        [("GET", "/bkt/a%20b", "/p/a%20b"), ("GET", "/bkt?list-type=2", "/"), ("POST", "/bkt?delete", "/")]
    {
        let outgoing = build_under(&plain, AddressingStyle::VirtualHost, (method, target, &[])).unwrap();
        assert_eq!((outgoing.bucket_label.as_deref(), outgoing.path.as_str()), (Some("back"), path));
    }
    assert_eq!(build("GET", "/bkt/a%20b", &[]).unwrap().bucket_label, None);
}

#[test]
fn a_bucket_never_chooses_another_host() {
    for bucket in ["tenant:back", "evil.test/", "a@b", ""] {
        let mapping = mapping("bkt", bucket, "");
        let outgoing = build_under(&mapping, AddressingStyle::VirtualHost, ("GET", "/bkt/k", &[]));
        assert!(matches!(outgoing, Err(Denial::Internal(_))), "{bucket}");
    }
    let tenant = mapping("bkt", "tenant:back", "");
    let outgoing = build_under(&tenant, AddressingStyle::Path, ("GET", "/bkt/k", &[])).unwrap();
    assert_eq!(outgoing.path, "/tenant%3Aback/k");
}

#[test]
fn p01_keys_travel_as_they_are() {
    let plain = mapping("bkt", "back", "");
    for (key, path) in [
        ("a//b/", "/back/a//b/"),
        ("/a", "/back//a"),
        ("../k", "/back/../k"),
        ("%2e%2e%2fk", "/back/../k"),
        ("%252e", "/back/%252e"),
        ("a+b%20c", "/back/a%2Bb%20c"),
        ("%c3%a9%00", "/back/%C3%A9%00"),
        ("!'()*,:@&=$;", "/back/%21%27%28%29%2A%2C%3A%40%26%3D%24%3B"),
    ] {
        let outgoing = build_under(&plain, AddressingStyle::Path, ("GET", &format!("/bkt/{key}"), &[])).unwrap();
        assert_eq!(outgoing.path, path);
    }
}

#[test]
fn trap_1_the_copy_source_is_written_anew() {
    let id = seal_upload(&mapping("bkt", "back", "p/"), "key", "u").unwrap();
    let part = format!("/bkt/key?partNumber=1&uploadId={id}");
    for (source, expected) in [
        ("src/k", "tenant%3Afrom/s%20/k"),
        ("/src%2F..%2Fk%3Fx+y", "tenant%3Afrom/s%20/../k%3Fx%2By"),
        ("bkt/k", "back/p/k"),
    ] {
        for target in ["/bkt/key", &part] {
            let outgoing = build("PUT", target, &[&format!("X-Amz-Copy-Source: {source}")]).unwrap();
            assert_eq!(headers_of(&outgoing), [format!("x-amz-copy-source: {expected}")]);
        }
    }
    let hoisted = build("PUT", "/bkt/key?x-amz-copy-source=src%2Fk", &["x-amz-copy-source-if-match: e"]).unwrap();
    assert_eq!(headers_of(&hoisted), ["x-amz-copy-source-if-match: e", "x-amz-copy-source: tenant%3Afrom/s%20/k"]);
}

#[test]
fn trap_1_a_copy_needs_the_mapping_of_its_own_source() {
    let (head, _) =
        RawHead::parse_http1(b"PUT /bkt/k HTTP/1.1\r\nHost: h\r\nx-amz-copy-source: src/k\r\n\r\n").unwrap();
    let target = parse(&head, &BaseHosts::default()).unwrap();
    let semantics = Semantics::read(&head, &target).unwrap();
    let operation = classify(head.method(), &target, &semantics).unwrap();
    let (own, source) = (mapping("bkt", "back", ""), mapping("src", "from", ""));
    let with = |source| Outgoing::build(&operation, &target.query, &semantics, AddressingStyle::Path, (&own, source));
    assert!(with(Some(&source)).is_ok());
    for wrong in [None, Some(&own)] {
        assert!(matches!(with(wrong), Err(Denial::Internal(_))));
    }
}

#[test]
fn section_2_1_what_belongs_to_the_request_is_passed_on() {
    let lines = [
        "content-type: text/plain",
        "content-language: de",
        "content-disposition: attachment",
        "cache-control: no-cache",
        "expires: 0",
        "range: bytes=0-1",
        "if-match: \"e\"",
        "if-none-match: *",
        "if-modified-since: x",
        "if-unmodified-since: x",
        "accept-encoding: identity",
        "user-agent: test",
        "x-amz-meta-a: 1",
        "x-amz-meta-a: 2",
        "x-amz-storage-class: STANDARD",
        "x-amz-checksum-mode: ENABLED",
        "x-amz-checksum-type: COMPOSITE",
        "x-amz-checksum-algorithm: CRC32",
        "x-amz-metadata-directive: COPY",
        "x-amz-server-side-encryption: AES256",
        "x-amz-mp-object-size: 5",
    ];
    assert_eq!(headers(&lines), lines);
}

#[test]
fn section_2_1_identity_routing_framing_and_hop_by_hop_headers_stay_here() {
    let dropped = [
        "authorization: a",
        "date: d",
        "x-amz-date: d",
        "x-amz-content-sha256: c",
        "x-amz-security-token: t",
        "x-amz-acl: private",
        "x-amz-tagging-directive: COPY",
        "x-amz-user-agent: js",
        "x-amz-api-version: 2006-03-01",
        "content-length: 3",
        "content-md5: m",
        "x-amz-decoded-content-length: 3",
        "x-amz-trailer: x-amz-checksum-crc32",
        "x-amz-sdk-checksum-algorithm: CRC32",
        "x-amz-checksum-crc32: AAAAAA==",
        "x-amz-checksum-sha256: c",
        "expect: 100-continue",
        "connection: close, x-private",
        "x-private: 1",
        "keep-alive: 1",
        "te: trailers",
        "trailer: a",
        "upgrade: h2c",
        "proxy-authorization: p",
        "cookie: c",
        "referer: r",
        "origin: o",
        "forwarded: for=1",
        "x-forwarded-for: 1",
        "x-forwarded-host: evil.test",
        "via: v",
        "traceparent: t",
        "tracestate: s",
        "x-amzn-trace-id: t",
        "amz-sdk-invocation-id: i",
        "x-http-method-override: DELETE",
        "content-encoding: aws-chunked",
    ];
    assert_eq!(headers(&dropped), Vec::<String>::new());
}

#[test]
fn ch_6_only_the_aws_chunked_token_is_removed() {
    for (sent, kept) in [
        ("gzip", Some("gzip")),
        ("aws-chunked,gzip", Some("gzip")),
        ("gzip, AWS-Chunked", Some("gzip")),
        ("br,aws-chunked , gzip", Some("br,gzip")),
        ("aws-chunked, aws-chunked", None),
        ("aws-chunked2", Some("aws-chunked2")),
        ("", None),
    ] {
        let expected: Vec<String> = kept.iter().map(|kept| format!("content-encoding: {kept}")).collect();
        assert_eq!(headers(&[&format!("Content-Encoding: {sent}")]), expected, "{sent}");
    }
}

#[test]
fn names_that_are_too_long_for_the_backend_are_refused() {
    let target = |length: usize| format!("/bkt/{}", "k".repeat(length));
    assert!(build("GET", &target(1022), &[]).is_ok());
    assert_eq!(build("GET", &target(1023), &[]), Err(Denial::KeyTooLong));
    let prefix = |length: usize| format!("/bkt?prefix={}", "k".repeat(length));
    assert!(build("GET", &prefix(1022), &[]).is_ok());
    assert_eq!(build("GET", &prefix(1023), &[]), Err(Denial::KeyTooLong));
    let source = format!("x-amz-copy-source: bkt/{}", "k".repeat(1023));
    assert_eq!(build("PUT", "/bkt/key", &[&source]), Err(Denial::KeyTooLong));
}

#[test]
fn what_osp_answers_itself_is_never_built() {
    for (method, target) in [("GET", "/"), ("OPTIONS", "/bkt/key"), ("GET", "/bkt?location")] {
        assert!(matches!(build(method, target, &[]), Err(Denial::Internal(_))), "{method} {target}");
    }
}

proptest::proptest! {
    /// The backend reads exactly the object and the listing prefix that were decided on.
    #[test]
    fn the_backend_reads_what_was_decided(key in "[/.%+?# ]{0,3}\\PC{1,30}", prefix in "[a-z/. ]{0,5}") {
        let mapping = mapping("bkt", "back", &prefix);
        let mut encoded = String::new();
        encode_query(key.as_bytes(), &mut encoded);
        let read = |target: &str| {
            let outgoing = build_under(&mapping, AddressingStyle::Path, ("GET", target, &[])).unwrap();
            let head = format!("GET {}?{} HTTP/1.1\r\nHost: h\r\n\r\n", outgoing.path, outgoing.query);
            parse(&RawHead::parse_http1(head.as_bytes()).unwrap().0, &BaseHosts::default()).unwrap()
        };
        let expected = format!("{prefix}{key}");
        let object = read(&format!("/bkt/{encoded}"));
        proptest::prop_assert_eq!(object.bucket.map(|bucket| bucket.to_string()), Some("back".to_owned()));
        proptest::prop_assert_eq!(object.key.map(|key| key.to_string()), Some(expected.clone()));
        let listing = read(&format!("/bkt?list-type=2&prefix={encoded}"));
        proptest::prop_assert_eq!(listing.query.get("prefix"), Some(expected.as_str()));
        proptest::prop_assert_eq!(listing.key, None);
    }
}
