//! What a request asks for.

use std::collections::BTreeMap;

use http::Method;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// GET of a collection.
    List,
    /// GET of a collection with `watch=true`.
    Watch,
    /// GET of one object.
    Get,
    /// POST.
    Create,
    /// PUT.
    Replace,
    /// PATCH of an object or of its status.
    Patch,
}

/// A request, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub verb: Verb,
    pub plural: String,
    /// Empty: all, or a kind that has none.
    pub namespace: String,
    pub name: String,
    pub subresource: String,
    pub query: BTreeMap<String, String>,
}

impl Asked {
    /// `None` for paths that no API server has.
    pub fn parse(method: &Method, path: &str, query: &str) -> Option<Self> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        match parts.next()? {
            "api" => drop(parts.next()?),
            "apis" => drop((parts.next()?, parts.next()?)),
            _ => return None,
        }
        let mut rest: Vec<&str> = parts.collect();
        let namespace = if rest.len() > 2 && rest.first() == Some(&"namespaces") {
            rest.drain(..2).nth(1).unwrap_or_default().to_owned()
        } else {
            String::new()
        };
        let mut rest = rest.into_iter().map(str::to_owned);
        let (plural, name, subresource) =
            (rest.next()?, rest.next().unwrap_or_default(), rest.next().unwrap_or_default());
        let query: BTreeMap<String, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (decoded(key), decoded(value)))
            .collect();
        let verb = match *method {
            Method::GET if query.get("watch").is_some_and(|watch| watch == "true") => Verb::Watch,
            Method::GET if name.is_empty() => Verb::List,
            Method::GET => Verb::Get,
            Method::POST => Verb::Create,
            Method::PUT => Verb::Replace,
            Method::PATCH => Verb::Patch,
            _ => return None,
        };
        Some(Self { verb, plural, namespace, name, subresource, query })
    }

    /// A parameter of the query; empty when it is not there.
    pub fn parameter(&self, key: &str) -> &str {
        self.query.get(key).map_or("", String::as_str)
    }
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).unwrap_or(b'?'));
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
