//! `examples/`: each rule has a file with a document that breaks it and one that does not.
//!
//! The format of `examples/invalid/*.yaml`, which the tests against a real API server read as well: all documents of a
//! file have the same name, and are applied in their order to a namespace that has none of it. A document with the
//! annotation `rejected` is refused with that message; every other one is accepted and stays, so that the next one is an
//! update of it.

use std::collections::BTreeSet;

use osp_core::model::ProcessRules;
use serde_json::Value;

use super::structure::{Schema, broken_rules, violations, walk};
use super::vocabulary::awaited;
use super::{KINDS, files, problems, repository, rules, schema, yaml};

/// Files whose rule only an API server can know, as it compares with the object before.
const ONLY_WITH_AN_OLD_OBJECT: [&str; 3] =
    ["bucketroute-class-name.yaml", "clientidentity-class-name.yaml", "credentialsource-class-name.yaml"];

/// One document of a file, and what it is to be refused with.
struct Case {
    kind: String,
    document: Value,
    rejected: Option<String>,
}

fn cases(text: &str) -> Vec<Case> {
    let case = |document: Value| Case {
        kind: document["kind"].as_str().unwrap().to_owned(),
        rejected: document["metadata"]["annotations"]["rejected"].as_str().map(str::to_owned),
        document,
    };
    yaml(text).into_iter().map(case).collect()
}

#[test]
fn k_api_1_every_rule_has_a_document_that_breaks_it_and_a_twin_that_does_not() {
    let mut broken = BTreeSet::new();
    for (file, text) in files("examples/invalid") {
        let mut old = None;
        let mut verdicts = BTreeSet::new();
        for Case { kind, document, rejected } in cases(&text) {
            assert!(file.starts_with(&format!("{}-", kind.to_lowercase())), "{file} has a {kind}");
            assert_eq!(Some(document["metadata"]["name"].as_str().unwrap()), file.strip_suffix(".yaml"));
            assert_eq!(violations(schema(&kind), &document), [""; 0], "{file}: only the rule must be broken");
            let found = broken_rules(&rules(&kind), &document, old.as_ref());
            verdicts.insert(rejected.is_some());
            match (rejected, found.as_slice()) {
                (Some(expected), [only]) => {
                    assert_eq!(only.message, expected, "{file}");
                    broken.insert((kind, only.rule.clone()));
                }
                (None, []) => old = Some(document),
                (expected, found) => panic!("{file}: expected {expected:?}, found {found:#?}"),
            }
        }
        assert_eq!(verdicts.len(), 2, "{file} must have a refused and an accepted document");
    }
    for kind in KINDS {
        walk(&Schema(schema(kind)), "", &mut |path, part| {
            for rule in part.rules() {
                let rule = rule["rule"].as_str().unwrap().to_owned();
                assert!(broken.contains(&(kind.to_owned(), rule.clone())), "{kind} {path}: no example breaks: {rule}");
            }
        });
    }
}

/// A file of documents is refused for the same reasons as an object.
#[test]
fn k_api_1_lower_refuses_what_the_rules_refuse_and_accepts_the_twins() {
    for (file, text) in files("examples/invalid") {
        if ONLY_WITH_AN_OLD_OBJECT.contains(&file.as_str()) {
            continue;
        }
        for Case { document, rejected, .. } in cases(&text) {
            let problems = problems(&document);
            if problems.iter().any(awaited) {
                continue;
            }
            assert_eq!(problems.is_empty(), rejected.is_none(), "{file}: {rejected:?}, but lower says {problems:#?}");
        }
    }
}

#[test]
fn the_examples_for_kubernetes_are_valid_and_a_directory_that_osp_serves() {
    let mut kinds = BTreeSet::new();
    for (file, text) in files("examples/kubernetes") {
        for document in yaml(&text) {
            let kind = document["kind"].as_str().unwrap().to_owned();
            if KINDS.contains(&kind.as_str()) {
                assert_eq!(violations(schema(&kind), &document), [""; 0], "{file}");
                assert_eq!(broken_rules(&rules(&kind), &document, None), [], "{file}");
            } else if kind == "Secret" {
                assert_eq!(document["metadata"]["labels"]["osp.flexworks.eu/watch"], "true", "{file}");
            }
            kinds.insert(kind);
        }
    }
    assert!(KINDS.iter().chain(&["Secret", "Namespace"]).all(|kind| kinds.contains(*kind)), "{kinds:?}");
    let report = crate::check(&repository("examples/kubernetes"), &ProcessRules::default());
    assert!(report.is_clean(), "{report}");
}

/// What the documentation and the quickstart show is accepted by an API server as well.
#[test]
fn documented_documents_are_valid_objects() {
    let page = std::fs::read_to_string(repository("docs/configuration.md")).unwrap();
    let blocks = page.split("```yaml documents\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    let quickstart = files("examples/quickstart").into_iter().map(|(_, text)| text);
    let mut seen = 0;
    for document in blocks.chain(quickstart).flat_map(|text| yaml(&text)) {
        let kind = document["kind"].as_str().unwrap();
        if KINDS.contains(&kind) {
            assert_eq!(violations(schema(kind), &document), [""; 0], "{document}");
            assert_eq!(broken_rules(&rules(kind), &document, None), [], "{document}");
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen}");
}
