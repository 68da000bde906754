//! A request to be explained as the query of `/explain`: the names are those of the flags, and the one that asks and the
//! one that answers both use this file.

use std::collections::BTreeMap;

use osp_core::s3::{Query, encode_query};

use super::Asked;
use super::asked::wrong;
use crate::ConfigError;
use crate::args::ExplainedRequest;

/// Every parameter.
const NAMES: [&str; 8] = ["client", "operation", "bucket", "key", "prefix", "source", "host", "origin"];
/// Those that must be there.
const REQUIRED: [&str; 2] = ["client", "operation"];

/// Writes the query, without the question mark.
pub(crate) fn write(request: &ExplainedRequest) -> String {
    let ExplainedRequest { client, operation, bucket, key, prefix, source, host, origin } = request;
    let optional =
        [("bucket", bucket), ("key", key), ("prefix", prefix), ("source", source), ("host", host), ("origin", origin)];
    let given = optional.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let mut query = String::new();
    for (name, value) in [("client", client), ("operation", operation)].into_iter().chain(given) {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        encode_query(value.as_bytes(), &mut query);
    }
    query
}

/// Understands a query. `%XX` is decoded, `+` is a plus.
///
/// # Errors
/// Every mistake at once: a name that is not known or comes twice, a value that cannot be decoded or understood, a name
/// that is missing.
pub(crate) fn read(query: &str, base_hosts: &[String]) -> Result<Asked, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let mut values: BTreeMap<&str, String> = BTreeMap::new();
    for piece in query.split('&').filter(|piece| !piece.is_empty()) {
        let raw = piece.split('=').next().unwrap_or_default();
        let decoded = Query::parse(piece.as_bytes());
        if decoded.is_err() {
            errors.push(wrong(&raw.escape_debug().to_string(), "is not UTF-8 in percent-encoding"));
        }
        let pair = decoded.as_ref().ok().and_then(|query| query.pairs().next());
        let (name, value) = pair.unwrap_or((raw, ""));
        match NAMES.into_iter().find(|known| *known == name) {
            Some(known) if values.insert(known, value.to_owned()).is_some() => {
                errors.push(wrong(known, "is there twice"))
            }
            None if pair.is_some() => errors.push(wrong(&name.escape_debug().to_string(), "no such parameter")),
            _ => {}
        }
    }
    for name in REQUIRED.into_iter().filter(|name| !values.contains_key(name)) {
        errors.push(wrong(name, "is missing"));
    }
    let mut value = |name: &str| values.remove(name);
    let request = ExplainedRequest {
        client: value("client").unwrap_or_default(),
        operation: value("operation").unwrap_or_default(),
        bucket: value("bucket"),
        key: value("key"),
        prefix: value("prefix"),
        source: value("source"),
        host: value("host"),
        origin: value("origin"),
    };
    let asked = Asked::read(&request, base_hosts);
    if let Err(others) = &asked {
        // of a value that is missing or cannot be decoded, everything was said already
        let is_news = |other: &&ConfigError| errors.iter().all(|error| error.place != other.place);
        let news: Vec<ConfigError> = others.iter().filter(is_news).cloned().collect();
        errors.extend(news);
    }
    asked.ok().filter(|_| errors.is_empty()).ok_or(errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(query: &str) -> Vec<String> {
        read(query, &[]).unwrap_err().into_iter().map(|error| format!("{}: {}", error.place, error.reason)).collect()
    }

    #[test]
    fn what_is_written_reads_back() {
        let whole = ExplainedRequest {
            client: "team/spark".to_owned(),
            operation: "CopyObject".to_owned(),
            bucket: Some("data".to_owned()),
            key: Some("a b/ü&=%2F+?#".to_owned()),
            prefix: Some(String::new()),
            source: Some("other/a%20b".to_owned()),
            host: Some("S3.example.com".to_owned()),
            origin: Some("https://app.example.com".to_owned()),
        };
        let query = write(&whole);
        assert!(query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b'?'), "{query}");
        let hosts = ["s3.example.com".to_owned()];
        let (direct, read_back) = (Asked::read(&whole, &hosts).unwrap(), read(&query, &hosts).unwrap());
        assert_eq!(format!("{direct:?}"), format!("{read_back:?}"));
        assert_eq!(read_back.operation.key().map(|key| key.as_str()), whole.key.as_deref());
        assert_eq!(write(&ExplainedRequest { client: "a/b".to_owned(), ..<_>::default() }), "client=a%2Fb&operation=");
    }

    #[test]
    fn plus_is_a_plus_and_empty_pieces_are_nothing() {
        let asked = read("&client=a/b&&operation=GetObject&bucket=data&key=a+b%20c&", &[]).unwrap();
        assert_eq!(asked.operation.key().map(|key| key.as_str()), Some("a+b c"));
    }

    #[test]
    fn every_mistake_is_said_at_once() {
        assert_eq!(places(""), ["client: is missing", "operation: is missing"]);
        let all = places("client=a&bucket=data&bucket=data&nonsense=1&no%0Ason=&key=%zz&k%zz=1&source=x");
        let begins = |place: &str| all.iter().filter(|line| line.starts_with(place)).count();
        for place in [
            "bucket: is there twice",
            "nonsense: no such parameter",
            "no\\nson: no such parameter",
            "key: is not UTF-8 in percent-encoding",
            "k%zz: is not UTF-8 in percent-encoding",
            "operation: is missing",
            "client: \"a\" is no NAMESPACE/NAME",
            "source: ",
        ] {
            assert_eq!(begins(place), 1, "{place}: {all:?}");
        }
        assert_eq!(all.len(), 8, "{all:?}");
        assert_eq!(places("client=a/b&operation=GetObject&bucket=data").len(), 1, "no key");
        assert!(read("client=a/b&operation=GetObject&bucket=data&key=k", &[]).is_ok());
    }

    #[test]
    fn the_names_are_those_of_the_flags() {
        use clap::Args as _;
        let command = ExplainedRequest::augment_args(clap::Command::new("test"));
        let flags: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
        assert_eq!(flags, NAMES);
    }
}
