//! What can be asked, and what of it a hook is given: exactly what it declared.

use std::collections::BTreeMap;
use std::sync::Arc;

use osp_core::access::{Inquiry, Pairs, is_of_signature, is_secret_header};
use osp_core::model::{Callable, HookName};
use serde::{Deserialize, Serialize};

use crate::id::Revision;

/// What [`is_stable`] lists, by how it begins.
const STABLE_PREFIXES: [&str; 3] = ["x-amz-grant-", "x-amz-object-lock-", "x-amz-server-side-encryption"];
/// Deeper than any folder that decisions are made by. The SDK has the same limit.
const MAX_FOLDERS: u8 = 64;

/// One input that a function of a hook declares. The spelling is the SDK's: `key/2`, `query.prefix`, `header.user-agent`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Input {
    Token,
    Bucket,
    Principal,
    Method,
    Path,
    Key,
    Folders(u8),
    Operation,
    Query,
    OneQuery(String),
    Headers,
    OneHeader(String),
    SourceIp,
    Keys,
    Parameters,
}

impl Input {
    /// `None` for what is no input. The SDK has refused that already, with a text for whoever wrote the hook; a worker
    /// that says it nevertheless is not believed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "token" => Self::Token,
            "bucket" => Self::Bucket,
            "principal" => Self::Principal,
            "method" => Self::Method,
            "path" => Self::Path,
            "key" => Self::Key,
            "operation" => Self::Operation,
            "query" => Self::Query,
            "headers" => Self::Headers,
            "source_ip" => Self::SourceIp,
            "keys" => Self::Keys,
            "parameters" => Self::Parameters,
            _ => return Self::parse_part(text),
        })
    }

    fn parse_part(text: &str) -> Option<Self> {
        if let Some(depth) = text.strip_prefix("key/") {
            return depth.parse().ok().filter(|depth| (1..=MAX_FOLDERS).contains(depth)).map(Self::Folders);
        }
        if let Some(name) = text.strip_prefix("query.") {
            return (!name.is_empty() && !is_of_signature(name)).then(|| Self::OneQuery(name.to_owned()));
        }
        let name = text.strip_prefix("header.")?;
        (!name.is_empty() && !is_secret_header(name)).then(|| Self::OneHeader(name.to_owned()))
    }
}

/// The names that values have in Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Name {
    Token,
    Bucket,
    Principal,
    Method,
    Path,
    Key,
    Operation,
    Query,
    Headers,
    SourceIp,
    Keys,
    Parameters,
}

/// The value of an input.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Value {
    Text(String),
    Map(BTreeMap<String, String>),
    List(Vec<String>),
    Nothing,
}

/// The values that go to Python.
pub(crate) type Values = BTreeMap<Name, Value>;

/// What one function of one hook is given. Nothing else reaches Python, so whatever the function answers depends on
/// nothing else of the request. Only [`Pinned`](crate::Pinned) makes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Inputs {
    pub(crate) hook: HookName,
    pub(crate) revision: Revision,
    pub(crate) callable: Callable,
    /// Shared with the job that carries it to a worker.
    pub(crate) values: Arc<Values>,
}

impl Inputs {
    /// The hook that is asked.
    #[must_use]
    pub fn hook(&self) -> &HookName {
        &self.hook
    }

    /// Which of its texts.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }
}

/// The declared part of a question.
pub(crate) fn given(inputs: &[Input], question: &Inquiry) -> Values {
    let mut values = Values::new();
    let text = |text: &str| Value::Text(text.to_owned());
    for input in inputs {
        let (name, value) = match input {
            Input::Token => (Name::Token, text(&question.token)),
            Input::Bucket => (Name::Bucket, text(&question.bucket)),
            Input::Principal => (Name::Principal, text(&question.principal)),
            Input::Method => (Name::Method, text(&question.method)),
            Input::Path => (Name::Path, Value::Text(path(question))),
            Input::Key => (Name::Key, text(&question.key)),
            Input::Folders(depth) => (Name::Key, text(folders(&question.key, usize::from(*depth)))),
            Input::Operation => (Name::Operation, text(&question.operation)),
            Input::Query => (Name::Query, some(&question.query, |name| !is_of_signature(name))),
            Input::OneQuery(wanted) => (Name::Query, some(&question.query, |name| name == wanted)),
            Input::Headers => (Name::Headers, some(&question.headers, is_stable)),
            Input::OneHeader(wanted) => (Name::Headers, some(&question.headers, |name| name == wanted)),
            Input::SourceIp => (Name::SourceIp, Value::Text(source_ip(question))),
            Input::Keys => (Name::Keys, question.keys.clone().map_or(Value::Nothing, Value::List)),
            // of fetch_credentials only
            Input::Parameters => continue,
        };
        match (values.get_mut(&name), value) {
            // `query` and `query.x`, or several of them
            (Some(Value::Map(there)), Value::Map(more)) => there.extend(more),
            (_, value) => {
                values.insert(name, value);
            }
        }
    }
    values
}

/// Writes what [`given`] gives, as bytes that differ when that does: the key that an answer may be kept by. Every piece has its
/// length before it. (From the inquiry itself, because most requests find an answer and need nothing else.)
pub(crate) fn write_given(inputs: &[Input], question: &Inquiry, to: &mut Vec<u8>) {
    for input in inputs {
        match input {
            Input::Token => piece(&question.token, to),
            Input::Bucket => piece(&question.bucket, to),
            Input::Principal => piece(&question.principal, to),
            Input::Method => piece(&question.method, to),
            Input::Path => {
                piece(&question.bucket, to);
                piece(&question.key, to);
            }
            Input::Key => piece(&question.key, to),
            Input::Folders(depth) => piece(folders(&question.key, usize::from(*depth)), to),
            Input::Operation => piece(&question.operation, to),
            Input::Query => pieces(&question.query, |name| !is_of_signature(name), to),
            Input::OneQuery(wanted) => pieces(&question.query, |name| name == wanted, to),
            Input::Headers => pieces(&question.headers, is_stable, to),
            Input::OneHeader(wanted) => pieces(&question.headers, |name| name == wanted, to),
            Input::SourceIp => piece(&source_ip(question), to),
            Input::Keys => match &question.keys {
                None => number(usize::MAX, to),
                Some(keys) => {
                    number(keys.len(), to);
                    keys.iter().for_each(|key| piece(key, to));
                }
            },
            // of fetch_credentials only
            Input::Parameters => {}
        }
    }
}

fn number(number: usize, to: &mut Vec<u8>) {
    to.extend_from_slice(&(number as u64).to_le_bytes());
}

fn piece(text: &str, to: &mut Vec<u8>) {
    number(text.len(), to);
    to.extend_from_slice(text.as_bytes());
}

fn pieces(from: &Pairs, wanted: impl Fn(&str) -> bool, to: &mut Vec<u8>) {
    for (name, value) in from.iter().filter(|(name, _)| wanted(name)) {
        piece(name, to);
        piece(value, to);
    }
    // no name is as long: the end
    number(usize::MAX, to);
}

/// Bytes of all texts.
pub(crate) fn size(values: &Values) -> usize {
    let of_one = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Map(map) => map.iter().map(|(name, value)| name.len() + value.len()).sum(),
        Value::List(list) => list.iter().map(String::len).sum(),
        Value::Nothing => 0,
    };
    values.values().map(of_one).sum()
}

/// Empty when it is not known.
fn source_ip(question: &Inquiry) -> String {
    question.source_ip.map(|address| address.to_string()).unwrap_or_default()
}

/// Path style, however the client addresses buckets.
fn path(question: &Inquiry) -> String {
    match question.key.as_str() {
        "" => format!("/{}", question.bucket),
        key => format!("/{}/{key}", question.bucket),
    }
}

/// The first folders of a key with their last slash; all that it has if it has fewer. Never the object's own name.
fn folders(key: &str, depth: usize) -> &str {
    let end = key.match_indices('/').take(depth).last().map_or(0, |(at, _)| at + 1);
    key.get(..end).unwrap_or_default()
}

fn some(from: &Pairs, wanted: impl Fn(&str) -> bool) -> Value {
    Value::Map(
        from.iter().filter(|(name, _)| wanted(name)).map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    )
}

/// Headers that say what is asked for. Others differ from request to request (dates, ids, checksums, ranges) and would
/// keep decisions from ever being used twice; a hook may name them one by one.
fn is_stable(header: &str) -> bool {
    matches!(
        header,
        "content-encoding"
            | "content-type"
            | "host"
            | "x-amz-acl"
            | "x-amz-bypass-governance-retention"
            | "x-amz-copy-source"
            | "x-amz-expected-bucket-owner"
            | "x-amz-metadata-directive"
            | "x-amz-object-ownership"
            | "x-amz-request-payer"
            | "x-amz-source-expected-bucket-owner"
            | "x-amz-storage-class"
            | "x-amz-tagging"
            | "x-amz-tagging-directive"
            | "x-amz-website-redirect-location"
    ) || (STABLE_PREFIXES.iter().any(|prefix| header.starts_with(prefix)) && !is_secret_header(header))
}

impl Name {
    /// In Python.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Bucket => "bucket",
            Self::Principal => "principal",
            Self::Method => "method",
            Self::Path => "path",
            Self::Key => "key",
            Self::Operation => "operation",
            Self::Query => "query",
            Self::Headers => "headers",
            Self::SourceIp => "source_ip",
            Self::Keys => "keys",
            Self::Parameters => "parameters",
        }
    }
}

#[cfg(test)]
mod tests;
