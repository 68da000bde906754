use super::*;

fn at(host: &str, target: &str) -> Result<Target, Denial> {
    let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let (head, _) = RawHead::parse_http1(head.as_bytes()).unwrap();
    let hosts = ["s3.test", "eu.s3.test", "Other.Test:8443"].map(str::to_owned);
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
