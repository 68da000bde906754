//! Inside a version, a schema may only be widened: what a cluster stored yesterday is valid tomorrow.
//!
//! `baseline/` holds the definitions of the last release. They are in the repository because a clone may lack its tags.

use std::collections::BTreeMap;

use serde_json::json;

use super::structure::{Schema, walk};
use super::{GENERATED, SCHEMA_VERSION, SCHEMA_VERSION_ANNOTATION, Value, files, yaml};

const BASELINE: &str = "src/controller/crd/baseline";

/// Bounds that may go up or go away, and bounds that may go down or go away.
const UPPER: [&str; 4] = ["maxLength", "maxItems", "maxProperties", "maximum"];
const LOWER: [&str; 4] = ["minLength", "minItems", "minProperties", "minimum"];

/// What another value changes the meaning of.
const FIXED: [&str; 7] = [
    "type",
    "format",
    "pattern",
    "default",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
];

/// Everything in which `new` accepts less than `old` did, or something else.
fn narrowed(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for pointer in ["/metadata/name", "/spec/group", "/spec/scope", "/spec/names/kind", "/spec/names/plural"] {
        if old.pointer(pointer) != new.pointer(pointer) {
            found.push(format!("{pointer} changed"));
        }
    }
    for version in old["spec"]["versions"].as_array().unwrap() {
        let name = version["name"].as_str().unwrap();
        let versions = new["spec"]["versions"].as_array().unwrap();
        match versions.iter().find(|one| one["name"] == name && one["served"] == true) {
            Some(kept) => compare(&parts(version), &parts(kept), &mut found),
            None => found.push(format!("version {name} is gone")),
        }
        for selectable in version["selectableFields"].as_array().into_iter().flatten() {
            let kept = versions.iter().filter_map(|one| one["selectableFields"].as_array()).flatten();
            if !kept.into_iter().any(|one| one == selectable) {
                found.push(format!("{} is no longer selectable", selectable["jsonPath"]));
            }
        }
    }
    found
}

/// The parts of a schema by path.
fn parts(version: &Value) -> BTreeMap<String, Value> {
    let mut parts = BTreeMap::new();
    walk(&Schema(&version["schema"]["openAPIV3Schema"]), "", &mut |path, part| {
        parts.insert(path.to_owned(), part.0.clone());
    });
    parts
}

fn compare(old: &BTreeMap<String, Value>, new: &BTreeMap<String, Value>, found: &mut Vec<String>) {
    for (path, old) in old {
        match new.get(path) {
            Some(new) => compare_part(path, old, new, found),
            None => found.push(format!("{path} is gone")),
        }
    }
}

fn compare_part(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    for keyword in FIXED {
        if old.get(keyword) != new.get(keyword) {
            found.push(format!("{path}: {keyword} changed"));
        }
    }
    let bound = |part: &Value, keyword: &str| part.get(keyword).and_then(Value::as_i64);
    for keyword in UPPER {
        if bound(new, keyword).is_some_and(|new| bound(old, keyword).is_none_or(|old| new < old)) {
            found.push(format!("{path}: {keyword} is lower"));
        }
    }
    for keyword in LOWER {
        if bound(new, keyword).is_some_and(|new| bound(old, keyword).is_none_or(|old| new > old)) {
            found.push(format!("{path}: {keyword} is higher"));
        }
    }
    let words = |part: &Value, keyword: &str| part[keyword].as_array().cloned().unwrap_or_default();
    let (was, is) = (words(old, "enum"), words(new, "enum"));
    if !is.is_empty() && (was.is_empty() || was.iter().any(|word| !is.contains(word))) {
        found.push(format!("{path}: enum has lost a word"));
    }
    for name in words(new, "required").iter().filter(|name| !words(old, "required").contains(name)) {
        found.push(format!("{path}: {name} is now required"));
    }
    let rules = |part: &Value| -> Vec<Value> { Schema(part).rules().iter().map(|rule| rule["rule"].clone()).collect() };
    for rule in rules(new).iter().filter(|rule| !rules(old).contains(rule)) {
        found.push(format!("{path}: new rule {rule}"));
    }
}

/// A new rule over an old part narrows, unless it speaks only of new fields: then write its text here, with the reason.
const RULES_OF_NEW_FIELDS: [&str; 0] = [];

#[test]
fn k_api_1_v1alpha1_only_grows() {
    let new = &*GENERATED;
    for (file, text) in files(BASELINE) {
        let old = &yaml(&text)[0];
        let same = new.iter().find(|new| new["metadata"]["name"] == old["metadata"]["name"]);
        let new = same.unwrap_or_else(|| panic!("{file}: the kind is gone"));
        let mut found = narrowed(old, new);
        found.retain(|one| !RULES_OF_NEW_FIELDS.iter().any(|rule| one.ends_with(&json!(rule).to_string())));
        assert!(
            found.is_empty(),
            "{file}: what clusters have stored may no longer be valid: {found:#?}\n\
             Undo it. Only as long as nobody can have it (the baseline was never released): \
             cargo run -- crds --write {BASELINE}"
        );
    }
}

#[test]
fn a_changed_schema_has_a_new_version() {
    let annotation = |definition: &Value| -> u32 {
        definition["metadata"]["annotations"][SCHEMA_VERSION_ANNOTATION].as_str().unwrap().parse().unwrap()
    };
    let new = &*GENERATED;
    let baseline: Vec<Value> = files(BASELINE).iter().map(|(_, text)| yaml(text)[0].clone()).collect();
    assert_eq!(baseline.len(), new.len());
    let newest = baseline.iter().map(annotation).max().unwrap();
    let version: u32 = SCHEMA_VERSION.parse().unwrap();
    if baseline == *new {
        assert_eq!(version, newest);
    } else {
        assert!(
            version > newest,
            "the schemas differ from {BASELINE}: count SCHEMA_VERSION up. As long as the baseline was never released: \
             cargo run -- crds --write {BASELINE}"
        );
    }
}

#[test]
fn every_way_to_narrow_is_noticed_and_growth_is_not() {
    let old = &yaml(&files(BASELINE)[0].1)[0];
    assert_eq!(narrowed(old, old), [""; 0]);
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    let changed = |pointer: &str, keyword: &str, value: Option<Value>| {
        let mut new = old.clone();
        let part = new.pointer_mut(&format!("{spec}{pointer}")).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => drop(part.insert(keyword.to_owned(), value)),
            None => drop(part.remove(keyword).unwrap()),
        }
        narrowed(old, &new)
    };
    let backend = "/properties/backends/items/properties";
    for (pointer, keyword, value, expected) in [
        ("/properties/backends", "maxItems", Some(json!(7)), "spec.backends: maxItems is lower"),
        ("/properties/backends", "minItems", Some(json!(2)), "spec.backends: minItems is higher"),
        ("/properties/access", "minItems", Some(json!(1)), "spec.access: minItems is higher"),
        ("/properties/match/properties/prefix", "pattern", Some(json!("x")), "spec.match.prefix: pattern changed"),
        (backend, "region", None, "spec.backends[].region is gone"),
        (&format!("{backend}/region"), "default", None, "spec.backends[].region: default changed"),
        (&format!("{backend}/addressingStyle"), "enum", Some(json!(["Path"])), "has lost a word"),
        (&format!("{backend}/name"), "enum", Some(json!(["a"])), "has lost a word"),
        ("", "required", Some(json!(["backends", "match", "deny"])), "spec: \"deny\" is now required"),
        ("/properties/match", "x-kubernetes-validations", Some(json!([{"rule": "false"}])), "new rule \"false\""),
    ] {
        let found = changed(pointer, keyword, value);
        assert!(found.len() == 1 && found[0].ends_with(expected), "{expected}: {found:?}");
    }
    for (pointer, keyword, value) in [
        ("/properties/backends", "maxItems", Some(json!(9))),
        (&format!("{backend}/name"), "maxLength", None),
        (&format!("{backend}/addressingStyle"), "enum", Some(json!(["Path", "VirtualHost", "More"]))),
        ("/properties", "more", Some(json!({"type": "string"}))),
        ("", "required", Some(json!(["match"]))),
        ("", "x-kubernetes-validations", None),
        ("", "description", Some(json!("Better."))),
    ] {
        assert_eq!(changed(pointer, keyword, value), [""; 0], "{pointer} {keyword}");
    }
}
