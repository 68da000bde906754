//! Names and operations.

use std::collections::BTreeSet;

use super::line;
use crate::s3::{
    Addressing, BaseHosts, Needs, Operation, Protocol, Query, RawHead, Resource, Semantics, Target, classify, decode,
    encode_key, encode_query, parse,
};

const BASE_HOST: &str = "s3.test";

fn hosts() -> BaseHosts {
    BaseHosts::new([BASE_HOST.to_owned()])
}

/// P1: a target and a host (second line) name one thing, and what they name, written anew, is read as the same.
pub fn raw_target(data: &[u8]) {
    let (target, rest) = line(data);
    let host = line(rest).0;
    let head = [b"GET ".as_slice(), target, b" HTTP/1.1\r\nHost: ", host, b"\r\n\r\n"].concat();
    let Ok((head, _)) = RawHead::parse_http1(&head) else { return };
    assert_eq!(head.protocol(), Protocol::Http1);
    assert!(head.target().starts_with(b"/") && head.host().as_bytes().eq_ignore_ascii_case(trimmed(host)));
    let Ok(named) = parse(&head, &hosts()) else { return };
    assert!(named.bucket.is_some() || named.key.is_none(), "a key without a bucket");
    if let Some(key) = &named.key {
        assert!((1..=1024).contains(&key.as_str().len()));
        let path = head.target().split(|&byte| byte == b'?').next().unwrap();
        let decoded = decode(path).unwrap();
        assert!(decoded.ends_with(key.as_str().as_bytes()), "the key is not the end of the path");
    }
    let again = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", written(&named), authority(&named));
    let (head, _) = RawHead::parse_http1(again.as_bytes()).unwrap_or_else(|denial| panic!("{denial:?}: {again}"));
    assert_eq!(parse(&head, &hosts()), Ok(named), "{again}");
}

fn trimmed(host: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = host.iter().position(|byte| !blank(byte)).unwrap_or(host.len());
    let end = host.iter().rposition(|byte| !blank(byte)).map_or(start, |at| at + 1);
    &host[start..end]
}

/// The request target of what is named.
fn written(target: &Target) -> String {
    let mut text = "/".to_owned();
    if let (Some(bucket), Addressing::Path) = (&target.bucket, target.addressing) {
        text.push_str(bucket.as_str());
        text.push('/');
    }
    if let Some(key) = &target.key {
        encode_key(key.as_str().as_bytes(), &mut text);
    }
    for (index, (name, value)) in target.query.pairs().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        encode_query(name.as_bytes(), &mut text);
        text.push('=');
        encode_query(value.as_bytes(), &mut text);
    }
    text
}

fn authority(target: &Target) -> String {
    let base = target.base_host.as_deref().unwrap_or("elsewhere.test");
    match (&target.bucket, target.addressing) {
        (Some(bucket), Addressing::VirtualHost) => format!("{bucket}.{base}"),
        _ => base.to_owned(),
    }
}

/// CL-1 ... CL-6: method, target and header lines are one operation or none, whatever the order of query and headers; it
/// needs a permission, and every permission it needs is on something that the request names.
pub fn classifier(data: &[u8]) {
    let (method, rest) = line(data);
    let (target, fields) = line(rest);
    let fields: Vec<&[u8]> = fields.split(|&byte| byte == b'\n').filter(|field| !field.is_empty()).collect();
    let first = classified(method, target, fields.iter().copied());
    let (path, query) = match memchr::memchr(b'?', target) {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, &[][..]),
    };
    let mut pairs: Vec<&[u8]> = query.split(|&byte| byte == b'&').collect();
    pairs.reverse();
    let names: BTreeSet<&[u8]> = pairs.iter().map(|pair| pair.split(|&byte| byte == b'=').next().unwrap()).collect();
    // of two values of one name the first counts: only then does the order matter
    if names.len() == pairs.len() {
        let reversed = if query.is_empty() { path.to_vec() } else { [path, b"?", &pairs.join(&b'&')].concat() };
        let second = classified(method, &reversed, fields.iter().rev().copied());
        assert_eq!(first.as_ref().map(Operation::name), second.as_ref().map(Operation::name));
    }
}

/// The operation of a request, with what must hold for it.
fn classified<'a>(method: &[u8], target: &[u8], fields: impl Iterator<Item = &'a [u8]>) -> Option<Operation> {
    let mut head = [method, b" ", target, b" HTTP/1.1\r\nHost: s3.test\r\n"].concat();
    for field in fields {
        head.extend_from_slice(field);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    let (head, _) = RawHead::parse_http1(&head).ok()?;
    let target = parse(&head, &hosts()).ok()?;
    let semantics = Semantics::read(&head, &target).ok()?;
    let operation = classify(head.method(), &target, &semantics).ok()?;
    assert_eq!(operation.method(), *head.method());
    assert_eq!((operation.bucket(), operation.key()), (target.bucket.as_ref(), target.key.as_ref()));
    match operation.needs(&target.query) {
        Needs::Nothing => {
            assert!(matches!(operation.name(), "ListBuckets" | "Preflight"), "{} needs nothing", operation.name());
        }
        Needs::EachKey(bucket, permissions) => {
            assert!(Some(&bucket) == target.bucket.as_ref() && !permissions.is_empty());
        }
        Needs::All(pairs) => {
            assert!(!pairs.is_empty());
            pairs.iter().for_each(|(_, resource)| assert!(is_named(resource, &operation, &target.query), "{pairs:?}"));
        }
    }
    Some(operation)
}

fn is_named(resource: &Resource, operation: &Operation, query: &Query) -> bool {
    match resource {
        Resource::Bucket(bucket) => Some(bucket) == operation.bucket(),
        Resource::Prefix(bucket, prefix) => {
            Some(bucket) == operation.bucket() && (prefix.is_empty() || Some(prefix.as_str()) == query.get("prefix"))
        }
        Resource::Object(bucket, key) => {
            let of_source = operation.copy_source().is_some_and(|it| (&it.bucket, &it.key) == (bucket, key));
            of_source || (Some(bucket), Some(key)) == (operation.bucket(), operation.key())
        }
    }
}
