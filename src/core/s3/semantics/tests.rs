use super::*;
use crate::s3::sample::head;
use crate::s3::{BaseHosts, parse};

/// What `Semantics` says of a head with this query and these lines; `host` is left out.
fn read(query: &str, lines: &[&str]) -> Result<Vec<(String, String)>, Denial> {
    let head = head("PUT", &format!("/bucket/key?{query}"), lines);
    let target = parse(&head, &BaseHosts::default()).unwrap();
    let semantics = Semantics::read(&head, &target)?;
    for (name, value) in semantics.headers() {
        assert_eq!(semantics.header(name), Some(value));
    }
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    Ok(semantics.headers().filter(|(name, _)| *name != "host").map(|(n, v)| (n.to_owned(), text(v))).collect())
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn pre_4_parameters_become_headers_whatever_their_case() {
    let found = read("X-Amz-Copy-Source=other%2Fkey&prefix=p", &["x-amz-acl: private"]).unwrap();
    assert_eq!(found, [pair("x-amz-acl", "private"), pair("x-amz-copy-source", "other/key")]);
}

#[test]
fn pre_4_authentication_parameters_are_no_headers() {
    let query = "X-Amz-Algorithm=a&X-Amz-Credential=c&x-amz-date=d&X-Amz-Expires=1&X-Amz-SignedHeaders=host\
                 &X-Amz-Signature=s&X-Amz-Security-Token=t&X-Amz-Content-Sha256=u";
    assert_eq!(read(query, &[]).unwrap(), []);
    assert_eq!(read("X-Amz-Signatur=s", &[]).unwrap(), [pair("x-amz-signatur", "s")]);
}

#[test]
fn pre_4_one_name_has_one_value() {
    let same = read("x-amz-acl=private", &["x-amz-acl: private"]).unwrap();
    assert_eq!(same, [pair("x-amz-acl", "private")]);
    let other = read("X-Amz-Acl=public-read", &["x-amz-acl: private"]);
    assert!(matches!(other, Err(Denial::InvalidRequest(_))), "{other:?}");
    // Metadata may be repeated among the headers; the parameter must then agree with every one of them.
    let one_of_two = read("x-amz-meta-a=1", &["x-amz-meta-a: 1", "x-amz-meta-a: 2"]);
    assert!(matches!(one_of_two, Err(Denial::InvalidRequest(_))), "{one_of_two:?}");
}

#[test]
fn sig_16_a_hoisted_name_is_not_repeated() {
    assert_eq!(read("x-amz-acl=a&X-AMZ-ACL=a", &[]), Err(Denial::DuplicateHeader("x-amz-acl".to_owned())));
    assert!(read("x-amz-acl=a&x-amz-acm=a", &[]).is_ok());
}

#[test]
fn what_could_not_be_a_header_is_not_hoisted_but_refused() {
    assert_eq!(read("x-amz-meta-a=%20b%20c%09", &[]).unwrap(), [pair("x-amz-meta-a", "b c")]);
    for bad in
        ["x-amz-meta-a=b%0d%0ac", "x-amz-meta-a=%00", "x-amz-meta-a=%C3%A9", "x-amz-meta-%0a=b", "x-amz-meta%20=b"]
    {
        assert!(matches!(read(bad, &[]), Err(Denial::InvalidRequest(_))), "{bad}");
    }
}

#[test]
fn hoisting_has_a_limit() {
    let query = |count: usize| (0..count).map(|n| format!("x-amz-{n}=")).collect::<Vec<_>>().join("&");
    assert_eq!(read(&query(100), &[]).unwrap().len(), 100);
    assert_eq!(read(&query(101), &[]), Err(Denial::HeadTooLarge));
}
