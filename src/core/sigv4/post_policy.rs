//! The policy of a form: a signed JSON document that says which fields the form may have.
//!
//! Source: AWS "POST Policy" (`sigv4-HTTPPOSTConstructPolicy.html`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::s3::{BucketName, Form, is_ignored};
use crate::{Denial, FormFault, Timestamp};

/// Fields that need no condition: the policy and its signature cannot be in the policy, and the file is no text.
const NOT_COVERED: [&str; 2] = ["policy", "x-amz-signature"];
/// Fields that the signature is computed from, or that say how long it counts: any other value than the one that was signed
/// would be a signature for something else.
const EXACTLY: [&str; 3] = ["x-amz-algorithm", "x-amz-credential", "x-amz-date"];

/// A policy that can be read. Says nothing about who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PostPolicy {
    /// The last second of it.
    pub(super) expiration: Timestamp,
    conditions: Vec<Condition>,
    /// Bounds of the file in bytes, both included.
    pub(super) file_bytes: (u64, u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    test: Test,
    /// Lower case.
    field: String,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Equals,
    StartsWith,
}

impl PostPolicy {
    /// Reads the base64 of a form's field.
    ///
    /// # Errors
    /// [`FormFault::InvalidPolicy`].
    pub(super) fn parse(text: &str) -> Result<Self, Denial> {
        let json = STANDARD.decode(text).map_err(|_| invalid("it is not base64"))?;
        let Ok(Value::Object(members)) = serde_json::from_slice(&json) else { return Err(invalid("Invalid JSON")) };
        if members.keys().any(|name| name != "expiration" && name != "conditions") {
            return Err(invalid("it has a member that is neither expiration nor conditions"));
        }
        let expiration = members.get("expiration").ok_or(invalid("Policy missing expiration"))?;
        let expiration = expiration.as_str().and_then(moment).ok_or(invalid("Invalid 'expiration' value"))?;
        let conditions = members.get("conditions").ok_or(invalid("Policy missing conditions"))?;
        let mut policy = Self { expiration, conditions: Vec::new(), file_bytes: (0, u64::MAX) };
        for condition in conditions.as_array().ok_or(invalid("Invalid 'conditions' value: must be a list"))? {
            policy.add(condition)?;
        }
        Ok(policy)
    }

    fn add(&mut self, condition: &Value) -> Result<(), Denial> {
        match condition {
            Value::Object(pairs) if !pairs.is_empty() => {
                for (field, value) in pairs {
                    let value = value.as_str().ok_or(invalid("Invalid Simple-Condition: value must be a string"))?;
                    self.push(Test::Equals, field, value);
                }
                Ok(())
            }
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(test), Value::String(field), Value::String(value)] if test != CONTENT_LENGTH_RANGE => {
                    let field = field.strip_prefix('$').ok_or(invalid("Invalid Condition: a field begins with $"))?;
                    let test = match test.to_ascii_lowercase().as_str() {
                        "eq" => Test::Equals,
                        "starts-with" => Test::StartsWith,
                        _ => return Err(invalid("Invalid Condition: unknown operation")),
                    };
                    self.push(test, field, value);
                    Ok(())
                }
                [Value::String(test), least, most] if test == CONTENT_LENGTH_RANGE => {
                    let (Some(least), Some(most)) = (bytes(least), bytes(most)) else {
                        return Err(invalid("Invalid content-length-range: a bound is no number of bytes"));
                    };
                    // all conditions hold, so several ranges are their intersection
                    self.file_bytes = (self.file_bytes.0.max(least), self.file_bytes.1.min(most));
                    Ok(())
                }
                _ => Err(invalid("Invalid Condition: not three values of the right kind")),
            },
            _ => Err(invalid("Invalid Condition: neither an object nor a list")),
        }
    }

    fn push(&mut self, test: Test, field: &str, value: &str) {
        self.conditions.push(Condition { test, field: field.to_ascii_lowercase(), value: value.to_owned() });
    }

    /// Checks that every condition holds for the form and that every field has one. The bucket is that of the request, and
    /// counts as a field.
    ///
    /// # Errors
    /// [`FormFault::PolicyViolated`].
    pub(super) fn check(&self, form: &Form, bucket: &BucketName) -> Result<(), Denial> {
        let bucket = ("bucket", bucket.as_str());
        if form.field(bucket.0).is_some_and(|named| named != bucket.1) {
            return Err(violated("the field bucket does not name the bucket of the request"));
        }
        let value = |field: &str| if field == bucket.0 { Some(bucket.1) } else { form.field(field) };
        if let Some(failed) = self.conditions.iter().find(|one| !one.holds(value(&one.field).unwrap_or_default())) {
            return Err(Denial::Form(FormFault::PolicyViolated(format!("Policy Condition failed: {failed}"))));
        }
        let covered = |name: &str| self.conditions.iter().any(|condition| condition.field == name);
        let exempt = |name: &str| NOT_COVERED.contains(&name) || is_ignored(name);
        let names = form.fields().map(|(name, _)| name).chain([bucket.0]);
        let mut extra: Vec<&str> = names.filter(|name| !exempt(name) && !covered(name)).collect();
        if !extra.is_empty() {
            extra.sort_unstable();
            extra.dedup();
            return Err(Denial::Form(FormFault::PolicyViolated(format!("Extra input fields: {}", extra.join(", ")))));
        }
        let is_exact = |name: &str| self.conditions.iter().any(|one| one.field == name && one.test == Test::Equals);
        match EXACTLY.into_iter().find(|name| !is_exact(name)) {
            Some(name) => Err(Denial::Form(FormFault::PolicyViolated(format!("{name} needs an exact condition")))),
            None => Ok(()),
        }
    }
}

const CONTENT_LENGTH_RANGE: &str = "content-length-range";

impl Condition {
    fn holds(&self, value: &str) -> bool {
        match self.test {
            Test::Equals => value == self.value,
            // a list of types is as good as the worst of them
            Test::StartsWith if self.field == "content-type" => {
                value.split(',').all(|one| one.trim_matches([' ', '\t']).starts_with(&self.value))
            }
            Test::StartsWith => value.starts_with(&self.value),
        }
    }
}

/// As in a policy: `["eq", "$key", "a"]`.
impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let test = match self.test {
            Test::Equals => "eq",
            Test::StartsWith => "starts-with",
        };
        write!(f, "[\"{test}\", {}, {}]", Value::from(format!("${}", self.field)), Value::from(self.value.as_str()))
    }
}

/// `2007-12-01T12:00:00.000Z`, with or without a fraction, which counts for nothing.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z')?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_fraction = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if is_fraction { Timestamp::parse_rfc3339(&format!("{seconds}Z")) } else { None }
}

/// A number, or the digits of one.
fn bytes(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    }
}

const fn invalid(why: &'static str) -> Denial {
    Denial::Form(FormFault::InvalidPolicy(why))
}

fn violated(why: &str) -> Denial {
    Denial::Form(FormFault::PolicyViolated(why.to_owned()))
}
