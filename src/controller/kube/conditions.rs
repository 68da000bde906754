//! The truth about one object as conditions (kubernetes.md 2.4): pure.
//!
//! What is wanted is compared with what the server has; only a difference is written. `lastTransitionTime` moves when a
//! status flips and at no other time.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use osp_core::Timestamp;
use osp_core::model::{Kind, Reason};
use osp_core::table::Rejection;
use serde_json::{Map, Value, json};

use super::named::MOST_NAMED;
use super::scope::WATCH_LABEL;
use super::store::Version;

/// Problems that one message names; the rest is a number.
const MOST_PROBLEMS: usize = 8;
/// Longest message in characters; the API allows 32768 bytes.
const LONGEST_MESSAGE: usize = 2048;

/// The condition types that OSP owns; others on the same object are left alone.
const OWN_TYPES: [&str; 5] = ["Accepted", "ResolvedRefs", "Programmed", "InsecureBackend", "Ready"];

/// Fields of `status` beside the conditions, for printer columns.
const OWN_FIELDS: [&str; 2] = ["type", "accessKeyID"];

/// One condition without its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// `type`.
    pub condition: &'static str,
    /// `True`, `False` or `Unknown`.
    pub status: &'static str,
    /// `reason`.
    pub reason: Reason,
    /// `message`; no values of documents.
    pub message: String,
}

/// What compiling found out about one object.
#[derive(Debug, Clone, Copy)]
pub struct Verdict<'a> {
    /// What it is.
    pub kind: Kind,
    /// Conditions that are false.
    pub rejections: &'a [&'a Rejection],
    /// Conditions that are true with a reason worth saying.
    pub notices: &'a [&'a Rejection],
    /// Of a route: whether the table serves it.
    pub in_table: bool,
    /// Why something that exists may be missing here.
    pub unseen: Unseen,
}

/// What is not watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unseen {
    /// Everything that this object refers to is watched.
    Nothing,
    /// Secrets and `ConfigMap`s without the label.
    Unlabelled,
    /// Some of what this object refers to, as there are too many.
    Beyond,
}

/// A status that an object should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// The object that this is about, as the table has it.
    pub version: Arc<Version>,
    /// Its generation.
    pub generation: Option<i64>,
    /// In the order in which people read them.
    pub conditions: Vec<Wanted>,
    /// `type` or `accessKeyID`.
    pub fields: BTreeMap<&'static str, String>,
}

/// A status as the server has it: what OSP owns of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    generation: Option<i64>,
    conditions: BTreeMap<String, ObservedCondition>,
    fields: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ObservedCondition {
    status: String,
    reason: String,
    message: String,
    generation: Option<i64>,
    since: String,
}

/// A write that brings an object's status in line.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// `status`, whole: what OSP no longer says is removed by the server.
    pub status: Value,
    /// Conditions that turn false by it: worth an Event.
    pub warnings: Vec<Wanted>,
}

/// The conditions of one object.
#[must_use]
pub fn conditions(verdict: &Verdict<'_>) -> Vec<Wanted> {
    match verdict.kind {
        Kind::BucketRoute => of_route(verdict),
        Kind::CredentialSource => {
            let accepted = accepted(verdict);
            // What a source refers to is all that it is made of, so both say the same.
            let resolved = match refused(verdict, "ResolvedRefs").or_else(|| refused(verdict, "Ready")) {
                Some((reason, message)) => no("ResolvedRefs", reason, message),
                None if accepted.status != "True" => unknown("ResolvedRefs"),
                None => yes("ResolvedRefs", verdict),
            };
            let ready = summary(&[&accepted, &resolved], verdict);
            vec![accepted, resolved, ready]
        }
        _ => {
            let accepted = accepted(verdict);
            let ready = match refused(verdict, "Ready") {
                Some((reason, message)) => no("Ready", reason, message),
                None => summary(&[&accepted], verdict),
            };
            vec![accepted, ready]
        }
    }
}

fn of_route(verdict: &Verdict<'_>) -> Vec<Wanted> {
    let accepted = accepted(verdict);
    let is_accepted = accepted.status == "True";
    let resolved = match refused(verdict, "ResolvedRefs") {
        Some((reason, message)) => no("ResolvedRefs", reason, message),
        // References of a route that has no place in the table are not followed.
        None if !is_accepted => unknown("ResolvedRefs"),
        None => yes("ResolvedRefs", verdict),
    };
    let programmed = if verdict.in_table {
        yes("Programmed", verdict)
    } else if is_accepted {
        no("Programmed", Reason::Pending, "not served: see ResolvedRefs".to_owned())
    } else {
        no("Programmed", Reason::NotAccepted, "not served: see Accepted".to_owned())
    };
    let ready = summary(&[&accepted, &resolved, &programmed], verdict);
    let insecure = verdict.notices.iter().find(|notice| notice.condition == "InsecureBackend");
    let insecure = insecure.map(|notice| Wanted {
        condition: "InsecureBackend",
        status: "True",
        reason: notice.problem.reason,
        message: told(verdict, &[notice]),
    });
    [Some(accepted), Some(resolved), Some(programmed), insecure, Some(ready)].into_iter().flatten().collect()
}

fn accepted(verdict: &Verdict<'_>) -> Wanted {
    match refused(verdict, "Accepted") {
        Some((reason, message)) => no("Accepted", reason, message),
        None => yes("Accepted", verdict),
    }
}

/// Reason of the first problem and the text of all, when there are any for this condition.
fn refused(verdict: &Verdict<'_>, condition: &str) -> Option<(Reason, String)> {
    let mine: Vec<&Rejection> = verdict.rejections.iter().filter(|one| one.condition == condition).copied().collect();
    let first = mine.first()?;
    Some((first.problem.reason, told(verdict, &mine)))
}

/// All of them are true, or the first that is not.
fn summary(parts: &[&Wanted], verdict: &Verdict<'_>) -> Wanted {
    match parts.iter().find(|part| part.status == "False").or_else(|| parts.iter().find(|part| part.status != "True")) {
        Some(part) => no("Ready", part.reason, part.message.clone()),
        None => yes("Ready", verdict),
    }
}

fn yes(condition: &'static str, verdict: &Verdict<'_>) -> Wanted {
    let mine: Vec<&Rejection> =
        verdict.notices.iter().filter(|notice| notice.condition == condition).copied().collect();
    let plain = match condition {
        "Accepted" => Reason::Accepted,
        "ResolvedRefs" => Reason::ResolvedRefs,
        "Programmed" => Reason::Programmed,
        _ => Reason::Ready,
    };
    let reason = mine.first().map_or(plain, |first| first.problem.reason);
    Wanted { condition, status: "True", reason, message: told(verdict, &mine) }
}

fn no(condition: &'static str, reason: Reason, message: String) -> Wanted {
    Wanted { condition, status: "False", reason, message }
}

fn unknown(condition: &'static str) -> Wanted {
    Wanted { condition, status: "Unknown", reason: Reason::NotAccepted, message: "see Accepted".to_owned() }
}

/// `field: message`, one line each, bounded.
fn told(verdict: &Verdict<'_>, problems: &[&Rejection]) -> String {
    let mut text = String::new();
    for one in problems.iter().take(MOST_PROBLEMS) {
        if !text.is_empty() {
            text.push('\n');
        }
        if !one.problem.field.is_empty() {
            text.push_str(&one.problem.field);
            text.push_str(": ");
        }
        text.push_str(&one.problem.message);
        // Writing to a String does not fail.
        let _ = match (verdict.unseen, one.problem.reason) {
            (Unseen::Unlabelled, Reason::SecretNotFound) => write!(text, " (among those labelled {WATCH_LABEL})"),
            (Unseen::Beyond, Reason::SecretNotFound | Reason::InvalidCertificateRef) => {
                write!(text, " (among the {MOST_NAMED} that are watched by name: more are referred to)")
            }
            _ => Ok(()),
        };
    }
    if problems.len() > MOST_PROBLEMS {
        let _ = write!(text, "\nand {} more", problems.len() - MOST_PROBLEMS);
    }
    text.chars().take(LONGEST_MESSAGE).collect()
}

impl Observed {
    /// Reads a `status`; what cannot be read is not there, and so it is written anew.
    #[must_use]
    pub fn read(status: &Value) -> Self {
        let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let generation = |value: &Value| value.get("observedGeneration").and_then(Value::as_i64);
        let conditions = status.get("conditions").and_then(Value::as_array).into_iter().flatten();
        Self {
            generation: generation(status),
            conditions: conditions
                .map(|one| {
                    let condition = ObservedCondition {
                        status: text(one, "status"),
                        reason: text(one, "reason"),
                        message: text(one, "message"),
                        generation: generation(one),
                        since: text(one, "lastTransitionTime"),
                    };
                    (text(one, "type"), condition)
                })
                .filter(|(name, _)| OWN_TYPES.contains(&name.as_str()))
                .collect(),
            fields: OWN_FIELDS
                .into_iter()
                .filter_map(|field| Some((field.to_owned(), status.get(field)?.as_str()?.to_owned())))
                .collect(),
        }
    }
}

impl Desired {
    /// The write that turns `observed` into this; `None` when it says so already.
    #[must_use]
    pub fn difference(&self, observed: &Observed, now: Timestamp) -> Option<Patch> {
        let same_fields = self.fields.len() == observed.fields.len()
            && self.fields.iter().all(|(field, value)| observed.fields.get(*field) == Some(value));
        let same_conditions = self.conditions.len() == observed.conditions.len()
            && self.conditions.iter().all(|wanted| {
                observed.conditions.get(wanted.condition).is_some_and(|one| {
                    one.status == wanted.status
                        && one.reason == wanted.reason.as_str()
                        && one.message == wanted.message
                        && one.generation == self.generation
                })
            });
        if same_fields && same_conditions && observed.generation == self.generation {
            return None;
        }
        let now = rfc3339(now);
        let conditions: Vec<Value> =
            self.conditions.iter().map(|wanted| self.condition(wanted, observed, &now)).collect();
        let mut status = Map::new();
        status.insert("conditions".to_owned(), conditions.into());
        if let Some(generation) = self.generation {
            status.insert("observedGeneration".to_owned(), generation.into());
        }
        for (field, value) in &self.fields {
            status.insert((*field).to_owned(), value.clone().into());
        }
        let turns_false = |wanted: &&Wanted| {
            let before = observed.conditions.get(wanted.condition);
            wanted.status == "False"
                && wanted.condition != "Ready"
                && before.is_none_or(|before| before.status != "False" || before.reason != wanted.reason.as_str())
        };
        let warnings = self.conditions.iter().filter(turns_false).cloned().collect();
        Some(Patch { status: Value::Object(status), warnings })
    }

    fn condition(&self, wanted: &Wanted, observed: &Observed, now: &str) -> Value {
        let before = observed.conditions.get(wanted.condition);
        let since = before.filter(|one| one.status == wanted.status && !one.since.is_empty());
        let mut condition = json!({
            "type": wanted.condition,
            "status": wanted.status,
            "reason": wanted.reason.as_str(),
            "message": wanted.message,
            "lastTransitionTime": since.map_or(now, |one| &one.since),
        });
        if let (Some(generation), Some(fields)) = (self.generation, condition.as_object_mut()) {
            fields.insert("observedGeneration".to_owned(), generation.into());
        }
        condition
    }
}

/// Whole seconds, as the API server writes them.
#[must_use]
pub fn rfc3339(moment: Timestamp) -> String {
    jiff::Timestamp::from_second(moment.unix_seconds()).map_or_else(|_| String::new(), |moment| moment.to_string())
}

#[cfg(test)]
mod tests;
