use super::*;
use crate::s3::sample::head;
use crate::s3::{BaseHosts, parse};

mod headers;
mod needs;
mod rows;
mod selectors;

/// Classifies a request of these parts.
fn classify_with(method: &str, target: &str, lines: &[&str]) -> Result<Operation, Denial> {
    let head = head(method, target, lines);
    let target = parse(&head, &BaseHosts::default()).unwrap();
    let semantics = Semantics::read(&head, &target)?;
    classify(head.method(), &target, &semantics)
}

/// The name of the operation, or the S3 code of the refusal.
fn outcome(method: &str, target: &str, lines: &[&str]) -> &'static str {
    match classify_with(method, target, lines) {
        Ok(operation) => operation.name(),
        Err(denial) => denial.row().code,
    }
}

/// `Read bkt/key, Write other/key`.
fn told(needs: &Needs) -> String {
    let pair = |(permission, resource): &(Permission, Resource)| match resource {
        Resource::Bucket(bucket) => format!("{permission:?} {bucket}"),
        Resource::Prefix(bucket, text) => format!("{permission:?} {bucket}/{text}*"),
        Resource::Object(bucket, key) => format!("{permission:?} {bucket}/{}", key.as_str()),
    };
    match needs {
        Needs::Nothing => String::new(),
        Needs::All(pairs) => pairs.iter().map(pair).collect::<Vec<_>>().join(", "),
        Needs::EachKey(bucket, permissions) => {
            let words: Vec<String> = permissions.iter().map(|permission| format!("{permission:?}")).collect();
            format!("each {} {bucket}", words.join(" and "))
        }
    }
}

fn needs_of(method: &str, target: &str, lines: &[&str]) -> Needs {
    let (_, query) = target.split_once('?').unwrap_or((target, ""));
    classify_with(method, target, lines).unwrap().needs(&Query::parse(query.as_bytes()).unwrap())
}

fn put_with(line: &str) -> &'static str {
    outcome("PUT", "/bkt/key", &[line])
}

const METHODS: [&str; 9] = ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"];
const LEVELS: [&str; 3] = ["/", "/bkt", "/bkt/key"];
const COPY: &[&str] = &["x-amz-copy-source: src/k"];
