//! The query parameters of S3: which of them select an operation, which belong to one, which values they may have.

use super::Operation;
use super::row::{Level, Row};
use super::table::ROWS;
use crate::Denial;
use crate::s3::Query;
use crate::s3::semantics::is_amz_parameter;

/// Parameters that go with some operation that is refused, and with none that is served.
const OF_REFUSED: [&str; 1] = ["select-type"];

impl Operation {
    /// The parameters that belong to this operation, its selector included, sorted: a request has no others, and its
    /// backend request neither.
    pub(in crate::s3) fn parameters(&self) -> impl Iterator<Item = &'static str> {
        let Row { modifiers, selector, .. } = *self.row;
        let place = selector.map_or(0, |selector| modifiers.partition_point(|name| *name < selector));
        let (before, after) = modifiers.split_at_checked(place).unwrap_or_default();
        before.iter().copied().chain(selector).chain(after.iter().copied())
    }
}

/// The one selector of a query, if there is any.
///
/// # Errors
/// [`Denial::InvalidArgument`] for two of them, or one of them twice.
pub(super) fn selector_of(query: &Query) -> Result<Option<&'static str>, Denial> {
    let mut found = None;
    for (name, _) in query.pairs().filter(|(name, _)| !is_amz_parameter(name)) {
        let Some(selector) = ROWS.iter().filter_map(|row| row.selector).find(|selector| *selector == name) else {
            continue;
        };
        if found.replace(selector).is_some() {
            return Err(Denial::InvalidArgument("Conflicting query string parameters".to_owned()));
        }
    }
    Ok(found)
}

/// Checks that every parameter belongs to the operation, appears once and has a possible value, and that none is missing.
///
/// # Errors
/// [`Denial::NotImplemented`] for an unknown parameter, [`Denial::InvalidRequest`] for one that belongs to other
/// operations or is missing, [`Denial::InvalidArgument`] for repetitions, impossible values, and a version where there is
/// none.
pub(super) fn check(row: &Row, query: &Query) -> Result<(), Denial> {
    // `x-id` says again which operation it is; `x-amz-*` are read as headers or by the signature check.
    let named = || query.pairs().filter(|(name, _)| *name != "x-id" && !is_amz_parameter(name));
    for (index, (name, value)) in named().enumerate() {
        if !row.has(name) {
            return Err(foreign(row, name, value));
        }
        if named().take(index).any(|(earlier, _)| earlier == name) {
            return Err(Denial::InvalidArgument(format!("The parameter {name} may appear only once.")));
        }
        check_value(name, value)?;
    }
    match row.required.iter().find(|name| query.get(name).is_none()) {
        Some(missing) => Err(Denial::InvalidRequest(format!("{} needs the parameter {missing}.", row.name))),
        None => check_marker(query),
    }
}

/// A listing of versions goes on within a key only where that key is named.
fn check_marker(query: &Query) -> Result<(), Denial> {
    let lonely = query.get("version-id-marker").is_some() && query.get("key-marker").is_none();
    let text = "A version-id marker cannot be specified without a key marker.";
    if lonely { Err(Denial::InvalidArgument(text.to_owned())) } else { Ok(()) }
}

/// Why a parameter that does not belong to the operation is refused.
fn foreign(row: &Row, name: &str, value: &str) -> Denial {
    if name == "versionId" && row.level == Level::Object {
        return if value.is_empty() { empty_version() } else { no_version() };
    }
    if OF_REFUSED.contains(&name) || ROWS.iter().any(|row| row.modifiers.contains(&name)) {
        Denial::InvalidRequest(format!("The parameter {name} does not go with {}.", row.name))
    } else {
        Denial::NotImplemented(format!("the query parameter {name}"))
    }
}

fn empty_version() -> Denial {
    Denial::InvalidArgument("Version id cannot be the empty string".to_owned())
}

fn no_version() -> Denial {
    Denial::InvalidArgument("This operation does not accept a version-id.".to_owned())
}

fn check_value(name: &str, value: &str) -> Result<(), Denial> {
    let (possible, message) = match name {
        "versionId" if value.is_empty() => return Err(empty_version()),
        "uploadId" => (!value.is_empty(), "Upload id cannot be the empty string"),
        "list-type" => (value == "2", "The value of list-type must be 2"),
        "encoding-type" => (value == "url", "Invalid Encoding Method specified in Request"),
        "partNumber" => (
            number(value).is_some_and(|number| (1..=10_000).contains(&number)),
            "Part number must be an integer between 1 and 10000, inclusive",
        ),
        "max-keys" | "max-uploads" | "max-parts" | "part-number-marker" => {
            (number(value).is_some(), "A limit or marker is not an integer or not within its range")
        }
        _ if name.starts_with("response-") => {
            (!value.chars().any(char::is_control), "A response header override holds a control character")
        }
        _ => (true, ""),
    };
    if possible { Ok(()) } else { Err(Denial::InvalidArgument(message.to_owned())) }
}

/// Digits only (no sign, as `parse` would take), at most 2,147,483,647.
fn number(digits: &str) -> Option<i32> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}
