use proptest::prelude::*;

use super::*;
use crate::s3::{BucketName, KeyPrefix};

fn mapping(prefix: &str) -> Mapping {
    Mapping {
        client_bucket: BucketName::parse("photos").unwrap().into(),
        client_prefix: KeyPrefix::default(),
        backend_bucket: "corp-7".to_owned(),
        prefix: KeyPrefix::parse(prefix).unwrap(),
        issuer: "a route".into(),
    }
}

fn entry(key: &str) -> DeleteEntry {
    DeleteEntry { key: ObjectKey::parse(key.as_bytes().to_vec()).unwrap(), version: None }
}

fn deleted(key: &str) -> DeleteOutcome {
    DeleteOutcome::Deleted { key: key.to_owned(), version: None, marker: None }
}

fn keys(body: &str) -> Result<Vec<String>, Denial> {
    let request = DeleteRequest::parse(body.as_bytes())?;
    Ok(request.objects.into_iter().map(|object| object.key.as_str().to_owned()).collect())
}

fn with_keys(count: usize) -> String {
    format!("<Delete>{}</Delete>", "<Object><Key>k</Key></Object>".repeat(count))
}

#[test]
fn bodies_as_clients_write_them() {
    let boto = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key>a/b</Key></Object>\
                <Object><Key> c&#13;&amp; </Key></Object><Quiet>true</Quiet></Delete>";
    let request = DeleteRequest::parse(boto.as_bytes()).unwrap();
    assert_eq!(request, DeleteRequest { objects: vec![entry("a/b"), entry(" c\r& ")], quiet: true });

    let java = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s3:Delete xmlns:s3='http://s3.amazonaws.com/doc/2006-03-01/'>\n\
                <s3:Quiet>\n false\n</s3:Quiet>\n <s3:Object>\n  <s3:Key>a</s3:Key>\n </s3:Object>\n</s3:Delete>\n";
    assert_eq!(
        DeleteRequest::parse(java.as_bytes()).unwrap(),
        DeleteRequest { objects: vec![entry("a")], quiet: false }
    );

    // DuckDB joins strings without escaping (4.3): what is still XML works, what is not is refused.
    assert_eq!(keys("<Delete><Object><Key>a'b\"c>d</Key></Object></Delete>"), Ok(vec!["a'b\"c>d".to_owned()]));
    assert_eq!(keys("<Delete><Object><Key>a&b</Key></Object></Delete>"), Err(Denial::MalformedXml));
    assert_eq!(keys("<Delete><Object><Key>a<b</Key></Object></Delete>"), Err(Denial::MalformedXml));
}

#[test]
fn keys_are_what_an_xml_parser_reports() {
    for (raw, key) in [
        ("a\r\nb\rc", "a\nb\nc"),
        ("&#x1;&#0;", "\u{1}\0"),
        ("<![CDATA[a&b ]]>c", "a&b c"),
        ("a<!-- x -->b", "ab"),
        ("a//../b", "a//../b"),
        ("&lt;/Key&gt;", "</Key>"),
    ] {
        assert_eq!(
            keys(&format!("<Delete><Object><Key>{raw}</Key></Object></Delete>")),
            Ok(vec![key.to_owned()]),
            "{raw}"
        );
    }
}

#[test]
fn d03_what_is_no_plain_delete_is_refused() {
    let object = "<Object><Key>k</Key></Object>";
    assert!(keys(&format!("<Delete>{object}</Delete>")).is_ok());
    for body in [
        String::new(),
        "<Delete/>".to_owned(),
        "<Delete><Quiet>true</Quiet></Delete>".to_owned(),
        format!("<Deletes>{object}</Deletes>"),
        format!("<Delete>{object}"),
        format!("<Delete>{object}x</Delete>"),
        format!("<Delete>{object}<Key>k</Key></Delete>"),
        format!("<Delete>{object}<Quiet>maybe</Quiet></Delete>"),
        format!("<Delete>{object}<Quiet>true</Quiet><Quiet>false</Quiet></Delete>"),
        format!("<Delete>{object}</Delete><Delete>{object}</Delete>"),
        format!("<!DOCTYPE Delete><Delete>{object}</Delete>"),
        "<Delete><Object/></Delete>".to_owned(),
        "<Delete><Object><Key/></Object></Delete>".to_owned(),
        "<Delete><Object><Key></Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>a<b/></Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>a</Key><Other/></Object></Delete>".to_owned(),
        "<Delete><Object><Key>a\u{1}</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>&#xD800;</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>a</Key><Object><Key>b</Key></Object></Object></Delete>".to_owned(),
    ] {
        assert_eq!(keys(&body), Err(Denial::MalformedXml), "{body}");
    }
    for name in ["ETag", "LastModifiedTime", "Size"] {
        let body = format!("<Delete><Object><Key>a</Key><{name}>1</{name}></Object></Delete>");
        assert_eq!(keys(&body), Err(Denial::NotImplemented(format!("{name} in DeleteObjects"))));
    }
}

#[test]
fn d03_d07_versions_are_deleted_by_name() {
    let request = |inside: &str| DeleteRequest::parse(format!("<Delete>{inside}</Delete>").as_bytes());
    let two = "<Object><Key>a</Key><VersionId>v&amp;1</VersionId></Object><Object><Key>b</Key></Object>";
    let DeleteRequest { objects, .. } = request(two).unwrap();
    assert_eq!(objects, [DeleteEntry { version: Some("v&1".to_owned()), ..entry("a") }, entry("b")]);
    let rendered = String::from_utf8(DeleteRequest::render(&objects, &mapping("p/")).unwrap()).unwrap();
    let expected = "<Object><Key>p/a</Key><VersionId>v&amp;1</VersionId></Object><Object><Key>p/b</Key></Object>";
    assert!(rendered.contains(expected), "{rendered}");
    // the version may stand before the key, and belongs to no other
    assert_eq!(
        request("<Object><VersionId>1</VersionId><Key>a</Key></Object><Object><Key>b</Key></Object>").unwrap().objects
            [1],
        entry("b")
    );
    let empty = Err(Denial::InvalidArgument("Version id cannot be the empty string".to_owned()));
    for body in ["<Object><Key>a</Key><VersionId/></Object>", "<Object><Key>a</Key><VersionId></VersionId></Object>"] {
        assert_eq!(request(body), empty, "{body}");
    }
    let twice = "<Object><Key>a</Key><VersionId>1</VersionId><VersionId>2</VersionId></Object>";
    assert_eq!(request(twice), Err(Denial::MalformedXml));
    assert_eq!(request("<Object><VersionId>1</VersionId></Object>"), Err(Denial::MalformedXml));
}

#[test]
fn delete_markers_are_told() {
    let body = "<DeleteResult><Deleted><Key>a</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>m\
                </DeleteMarkerVersionId></Deleted><Deleted><Key>b</Key><VersionId>m</VersionId><DeleteMarker>true\
                </DeleteMarker></Deleted><Deleted><Key>c</Key><DeleteMarker>false</DeleteMarker></Deleted>\
                <Error><Key>d</Key><VersionId>v</VersionId><Code>SlowDown</Code></Error></DeleteResult>";
    let outcomes = DeleteOutcome::parse_result(body.as_bytes(), &mapping("")).unwrap();
    let marker = |version: Option<&str>| Some(Marker { version: version.map(str::to_owned) });
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        outcomes[..3],
        [
            DeleteOutcome::Deleted { key: "a".to_owned(), version: None, marker: marker(Some("m")) },
            DeleteOutcome::Deleted { key: "b".to_owned(), version: some("m"), marker: marker(None) },
            deleted("c"),
        ]
    );
    assert!(matches!(&outcomes[3], DeleteOutcome::Failed { version, .. } if *version == some("v")));
    let rendered = DeleteOutcome::render_result(&outcomes, false);
    assert_eq!(DeleteOutcome::parse_result(&rendered, &mapping("")), Ok(outcomes));
}

#[test]
fn d03_at_most_a_thousand_keys_of_a_thousand_and_24_bytes() {
    assert_eq!(keys(&with_keys(1000)).unwrap().len(), 1000);
    assert_eq!(keys(&with_keys(1001)), Err(Denial::MalformedXml));
    assert_eq!(keys(&with_keys(70_000)), Err(Denial::MalformedXml));
    let long = |length: usize| format!("<Delete><Object><Key>{}</Key></Object></Delete>", "k".repeat(length));
    assert!(keys(&long(1024)).is_ok());
    assert_eq!(keys(&long(1025)), Err(Denial::KeyTooLong));
}

#[test]
fn the_backend_gets_its_own_names_and_never_quiet() {
    let body = DeleteRequest::render(&[entry("a&b"), entry("c")], &mapping("p/")).unwrap();
    assert_eq!(
        String::from_utf8(body).unwrap(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Object><Key>p/a&amp;b</Key></Object><Object><Key>p/c</Key></Object></Delete>"
    );
    let long = entry(&"k".repeat(1023));
    assert_eq!(DeleteRequest::render(std::slice::from_ref(&long), &mapping("p/")), Err(Denial::KeyTooLong));
    assert!(DeleteRequest::render(&[long], &mapping("")).is_ok());
}

#[test]
fn rn_3_results_in_the_clients_names() {
    let minio = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                 <Deleted><Key>p/a&amp;b</Key><VersionId>1</VersionId></Deleted><Deleted><Key>q/foreign</Key></Deleted>\
                 <Deleted><Key>p/</Key></Deleted><Deleted/>\
                 <Error><Code>AccessDenied</Code><Message>no access to corp-7</Message><Key>p/c</Key></Error>\
                 <Error><Key>p/d</Key><Code>SlowDown</Code><Message>corp-7 is busy</Message></Error>\
                 <Error><Key>p/e</Key></Error></DeleteResult>";
    let failed = |key: &str, code: &str, message: &str| DeleteOutcome::Failed {
        key: key.to_owned(),
        version: None,
        code: code.to_owned(),
        message: message.to_owned(),
    };
    let internal = "We encountered an internal error. Please try again.";
    let outcomes = DeleteOutcome::parse_result(minio.as_bytes(), &mapping("p/")).unwrap();
    assert_eq!(
        outcomes,
        [
            DeleteOutcome::Deleted { key: "a&b".to_owned(), version: Some("1".to_owned()), marker: None },
            failed("c", "InternalError", internal),
            failed("d", "SlowDown", "Please reduce your request rate."),
            failed("e", "InternalError", internal),
        ]
    );
    let loud = String::from_utf8(DeleteOutcome::render_result(&outcomes, false)).unwrap();
    let quiet = String::from_utf8(DeleteOutcome::render_result(&outcomes, true)).unwrap();
    assert!(loud.contains(
        "<Deleted><Key>a&amp;b</Key><VersionId>1</VersionId></Deleted><Error><Key>c</Key><Code>InternalError</Code>"
    ));
    assert!(!quiet.contains("<Deleted>") && quiet.matches("<Error>").count() == 3);
    assert!(!loud.contains("corp-7") && !loud.contains("foreign"));
}

#[test]
fn results_that_are_none_are_the_backends_fault() {
    let result = |body: &str| DeleteOutcome::parse_result(body.as_bytes(), &mapping(""));
    assert_eq!(result("<DeleteResult/>"), Ok(vec![]));
    for body in ["", "<html></html>", "<Error><Code>x</Code></Error>", "<DeleteResult><Deleted>", "{}"] {
        assert_eq!(result(body), Err(Denial::UpstreamMisbehaved), "{body}");
    }
    let many = |count| format!("<DeleteResult>{}</DeleteResult>", "<Deleted><Key>k</Key></Deleted>".repeat(count));
    assert_eq!(result(&many(1000)).unwrap().len(), 1000);
    assert_eq!(result(&many(1001)), Err(Denial::UpstreamMisbehaved));
}

fn nasty_key() -> impl Strategy<Value = String> {
    let nasty =
        prop::sample::select("&<>\"'\r\n\t \u{0}\u{1}\u{7f}\u{85}\u{fffe}\u{feff}é😀;#/".chars().collect::<Vec<_>>());
    prop_oneof![
        prop::collection::vec(nasty, 1..12).prop_map(|characters| characters.into_iter().collect()),
        any::<String>().prop_filter("keys are not empty", |key| !key.is_empty() && key.len() < 1000),
    ]
}

proptest! {
    #[test]
    fn d03_what_is_rendered_is_what_was_decided(keys in prop::collection::vec(nasty_key(), 1..5)) {
        let objects: Vec<DeleteEntry> = keys.iter().map(|key| entry(key)).collect();
        let parsed = DeleteRequest::parse(&DeleteRequest::render(&objects, &mapping("")).unwrap());
        prop_assert_eq!(parsed, Ok(DeleteRequest { objects, quiet: false }));
    }

    #[test]
    fn results_survive_a_round_trip(keys in prop::collection::vec(nasty_key(), 1..5)) {
        let outcomes: Vec<DeleteOutcome> = keys.iter().map(|key| deleted(key)).collect();
        let body = DeleteOutcome::render_result(&outcomes, false);
        prop_assert_eq!(DeleteOutcome::parse_result(&body, &mapping("")), Ok(outcomes));
    }
}
