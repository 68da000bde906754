//! Lowered documents -> one snapshot, and the way back from an object to the file that it stands in.

use std::collections::BTreeMap;

use osp_core::model::{self, Claim, Entry, Object, ObjectName, Problem, ProcessRules, Reason, Snapshot};
use osp_core::table::{Compiled, Problems, Rejection, compile};
use serde_json::Value;

use crate::finding::{Finding, Origin};
use crate::lower::{self, Lowered};

/// One document of a file.
#[derive(Debug)]
pub struct Document {
    pub origin: Origin,
    pub value: Value,
}

/// Everything that a directory says.
#[derive(Debug, PartialEq, Eq)]
pub struct Loaded {
    /// For [`osp_core::table::compile`].
    pub snapshot: Snapshot,
    /// What is wrong and has no place in a snapshot: `Secret`s, `ConfigMap`s, unknown kinds. The problems of the other
    /// kinds are in the snapshot, and [`Loaded::findings_with`] joins both.
    pub findings: Vec<Finding>,
    origins: BTreeMap<(String, ObjectName), Vec<Origin>>,
}

/// What stands under one (kind, name).
type Claims = Vec<(Origin, Value)>;

/// Collects documents for a process with these rules; their order does not matter.
pub fn collect(documents: impl IntoIterator<Item = Document>, process: &ProcessRules) -> Loaded {
    let mut claims: BTreeMap<(String, ObjectName), Claims> = BTreeMap::new();
    for Document { origin, value } in documents {
        let name = lower::name(&value).unwrap_or_else(|| unnamed(&origin));
        claims.entry((lower::kind(&value), name)).or_default().push((origin, value));
    }
    let mut loaded =
        Loaded { snapshot: Snapshot::new(process.clone()), findings: Vec::new(), origins: BTreeMap::new() };
    for ((kind, name), claims) in claims {
        let lowered = match claims.as_slice() {
            [(_, only)] => lower::lower(only, &name),
            several => twice(several, &name),
        };
        let origins = claims.into_iter().map(|(origin, _)| origin).collect();
        loaded.origins.insert((kind.clone(), name.clone()), origins);
        loaded.place(&kind, name, lowered);
    }
    loaded.findings.sort();
    loaded
}

impl Loaded {
    /// Every problem: those of this load and those that compiling found, each with its file, sorted.
    #[must_use]
    pub fn findings_with(&self, rejections: &[Rejection]) -> Vec<Finding> {
        let rejected = rejections.iter().flat_map(|one| self.locate(one.kind, &one.name, &one.problem));
        let mut findings: Vec<Finding> = self.findings.iter().cloned().chain(rejected).collect();
        findings.sort();
        findings
    }

    /// Compiles it; what is wrong stands in the table, too, each line with its file.
    #[must_use]
    pub fn compile(&self) -> Compiled {
        let compiled = compile(&self.snapshot);
        let lines =
            |one: &Rejection| self.locate(one.kind, &one.name, &one.problem).iter().map(ToString::to_string).collect();
        let problems = Problems::sort(&self.snapshot, compiled.rejections.iter().map(|one| (one, lines(one))));
        Compiled { table: compiled.table.with_problems(problems), ..compiled }
    }

    fn place(&mut self, kind: &str, name: ObjectName, lowered: Lowered) {
        for problem in lowered.put(name.clone(), &mut self.snapshot) {
            let found = self.locate(kind, &name, &problem);
            self.findings.extend(found);
        }
    }

    /// One finding for each document that says it.
    fn locate(&self, kind: &str, name: &ObjectName, problem: &Problem) -> Vec<Finding> {
        let origins = self.origins.get(&(kind.to_owned(), name.clone()));
        let shown = if is_unnamed(name) { "(no name)".to_owned() } else { name.to_string() };
        origins
            .into_iter()
            .flatten()
            .map(|origin| Finding {
                origin: origin.clone(),
                kind: kind.to_owned(),
                name: shown.clone(),
                problem: problem.clone(),
            })
            .collect()
    }
}

/// The same object more than once: nobody can say which one counts, so none does.
fn twice(several: &[(Origin, Value)], name: &ObjectName) -> Lowered {
    let problem = Problem {
        field: "metadata.name".to_owned(),
        reason: Reason::Invalid,
        message: format!("the same object stands in {} documents: none of them counts", several.len()),
    };
    let Some((_, first)) = several.first() else { return Lowered::Unknown(problem) };
    match lower::lower(first, name) {
        // Of no class: if they differ in that, nobody can say whose it is.
        Lowered::Document(_, document) => match document {
            model::Document::Route(object) => {
                Lowered::Document(None, model::Document::Route(invalid(object, same_claim(several), problem)))
            }
            model::Document::Credential(object) => {
                Lowered::Document(None, model::Document::Credential(invalid(object, Claim::Unreadable, problem)))
            }
            model::Document::Client(object) => {
                Lowered::Document(None, model::Document::Client(invalid(object, Claim::Unreadable, problem)))
            }
            plain => Lowered::Broken(plain.kind(), vec![problem]),
        },
        Lowered::Broken(kind, _) => Lowered::Broken(kind, vec![problem]),
        Lowered::Unknown(problem) => Lowered::Unknown(problem),
    }
}

fn invalid<T>(object: Object<T>, claim: Claim, problem: Problem) -> Object<T> {
    Object { entry: Entry::Invalid { claim, problems: vec![problem] }, ..object }
}

/// What all of them claim. If they differ, the claim is unreadable: every unmatched name answers 503, not 404, until
/// somebody decides.
fn same_claim(several: &[(Origin, Value)]) -> Claim {
    let mut claims = several.iter().map(|(_, value)| lower::claim(value));
    let first = claims.next().unwrap_or_default();
    if claims.all(|other| other == first) { first } else { Claim::Unreadable }
}

/// Stands for the name of a document that has none. `~` comes after every character of real names, so such a document
/// never takes precedence over one that can be named, and it is still *present*.
fn unnamed(origin: &Origin) -> ObjectName {
    ObjectName::new("~", &format!("~{origin}"))
}

fn is_unnamed(name: &ObjectName) -> bool {
    &*name.namespace == "~"
}

#[cfg(test)]
mod tests;
