//! `docs/operations.md`: the table for people.

use std::fmt::Write;

use super::row::{Handling, Level, Mark, Need, Refusal, Row, Scope};
use super::table::ROWS;

const INTRODUCTION: &str = "# Operations

Every operation of S3 and what OSP does with it. Printed by `osp operations`; do not edit.

* **Needs** names the permissions of `access` and `deny` entries that a caller needs on the object, on all keys that a
  listing may show, or (\"whole bucket\") on every key of the bucket: an entry with `prefixes` grants none of those.
* On top, `Admin` on the object is needed to delete a version, which is for good, and for headers that change rights: any
  `x-amz-acl` but `private`, `x-amz-grant-*`, `x-amz-object-lock-*` and `x-amz-bypass-governance-retention`; on the whole
  bucket for those of a new one, `x-amz-bucket-object-lock-enabled` and `x-amz-object-ownership` among them.
* **passed on**: bucket, key, prefixes and markers get the backend's names; all else stays. **adapted**: names in bodies or
  answers are rewritten, too. **own answer**: no backend is asked. **refused**: with this code, for everybody.
* *No prefix*: only for routes without a prefix that are the only one for their bucket, here and at the backend; others get
  `501 NotImplemented`: the configuration is everybody's who has keys in the bucket. *Same name*: of those, only where the
  bucket has the same name at the backend. *Patterns only*: for buckets of a route of a pattern without a prefix that no other
  route is about, here and at the backend; of all others `403 AccessDenied`, or `501 NotImplemented` where they are shared.
* A parameter or `x-amz-*` header that does not belong to an operation, and one that nobody knows, is refused
  (`InvalidRequest`, `InvalidArgument`, `NotImplemented`), never left out.
";

/// The page, in Markdown.
#[must_use]
pub fn operations_page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (level, heading) in [(Level::Service, "The service"), (Level::Bucket, "Buckets"), (Level::Object, "Objects")] {
        page.push_str(&format!(
            "\n## {heading}\n\n| operation | request | needs | handling | |\n|---|---|---|---|---|\n"
        ));
        for row in ROWS.iter().filter(|row| row.level == level) {
            // writing into a text does not fail
            let _ = writeln!(page, "{}", line(row));
        }
    }
    page
}

fn line(row: &Row) -> String {
    let note = match row.scope {
        Scope::Any => row.note.to_owned(),
        Scope::WholeBucket => with_scope("no prefix", row.note),
        Scope::SameName => with_scope("same name", row.note),
        Scope::OfPattern => with_scope("patterns only", row.note),
    };
    let (request, needs, handling) = (request(row), needs(row), handling(row));
    format!("| {} | {request} | {needs} | {handling} | {note} |", row.name)
}

fn with_scope(scope: &str, note: &str) -> String {
    if note.is_empty() { format!("*{scope}*") } else { format!("*{scope}*; {note}") }
}

fn request(row: &Row) -> String {
    let path = match row.level {
        Level::Service => "/",
        Level::Bucket => "/bucket",
        Level::Object => "/bucket/key",
    };
    let mut target = format!("{} {path}", row.verb.method());
    let mut separator = '?';
    for name in row.selector.iter().chain(row.required) {
        target.push(separator);
        target.push_str(name);
        separator = '&';
    }
    match row.mark {
        Mark::Nothing => format!("`{target}`"),
        Mark::Header(name) => format!("`{target}` with `{name}`"),
        Mark::Parameter(name) => format!("`{target}{separator}{name}`"),
        Mark::Value(name, value) => format!("`{target}{separator}{name}={value}`"),
        Mark::Form => format!("`{target}` with a form"),
    }
}

fn needs(row: &Row) -> String {
    match row.need {
        _ if !row.is_served() => String::new(),
        Need::Nothing => "nothing".to_owned(),
        Need::PartOfBucket(permission) => format!("{} on any key", permission.word()),
        Need::Listing => "List".to_owned(),
        Need::WholeBucket(permission) => format!("{}, whole bucket", permission.word()),
        Need::Object(permission) => permission.word().to_owned(),
        Need::Copy => "Read on the source, Write".to_owned(),
        Need::EachKey => "Delete on each key".to_owned(),
    }
}

fn handling(row: &Row) -> &'static str {
    match row.handling {
        Handling::Pass => "passed on",
        Handling::Adapt => "adapted",
        Handling::Own => "own answer",
        Handling::Refuse(Refusal::NotImplemented) => "refused: `501 NotImplemented`",
    }
}
