//! The schemas and `lower` say the same, field by field.

use kube::core::cel::apply_defaults;
use osp_core::model::Problem;
use serde_json::{Map, Value, json};

use super::structure::{Schema, broken_rules, violations, walk};
use super::{KINDS, problems, rules, schema, yaml};
use crate::lower::{lower, name, vocabulary};

/// Documents that together have every field of the schemas.
const MAXIMAL: &str = include_str!("maximal.yaml");

/// Fields of the schemas that `lower` does not read yet. Empty at the end: a field that OSP does not honour leaves the
/// schema.
const NOT_YET_LOWERED: &[&str] = &[];

const UNKNOWN: &str = "unknown or not yet supported field";

/// True for what `lower` says of fields that it does not read yet.
pub fn awaited(problem: &Problem) -> bool {
    let field = without_indices(&problem.field);
    let listed = NOT_YET_LOWERED.iter().any(|one| one.split_once(' ').is_some_and(|(_, path)| path == field));
    problem.message == UNKNOWN && listed
}

/// `spec.backends[0].name` -> `spec.backends[].name`.
fn without_indices(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|c| {
            inside = (inside && *c != ']') || *c == '[';
            !inside || *c == '['
        })
        .collect()
}

fn maximal() -> Vec<(String, Value)> {
    yaml(MAXIMAL).into_iter().map(|document| (document["kind"].as_str().unwrap().to_owned(), document)).collect()
}

/// The paths of all fields of a value.
fn fields(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let path = format!("{path}.{name}");
                found.push(path.clone());
                fields(value, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fields(item, &format!("{path}[]"), found)),
        _ => {}
    }
}

#[test]
fn the_maximal_documents_are_valid_and_have_every_field() {
    for kind in KINDS {
        let (schema, rules) = (schema(kind), rules(kind));
        let mut present = Vec::new();
        for (_, document) in maximal().iter().filter(|(of, _)| of == kind) {
            assert_eq!(violations(schema, document), [""; 0]);
            assert_eq!(broken_rules(&rules, document, None), []);
            fields(&document["spec"], "spec", &mut present);
        }
        walk(&Schema(schema), "", &mut |path, _| {
            let named = path.starts_with("spec.") && !path.ends_with(['}', ']']);
            assert!(!named || present.contains(&path.to_owned()), "maximal.yaml has no {kind} {path}");
        });
    }
}

#[test]
fn k_api_1_lower_knows_every_field_of_the_schemas() {
    let unknown = |(kind, document): &(String, Value)| -> Vec<String> {
        let fields = problems(document).into_iter().filter(|problem| problem.message == UNKNOWN);
        fields.map(|problem| format!("{kind} {}", without_indices(&problem.field))).collect()
    };
    let mut unknown: Vec<String> = maximal().iter().flat_map(unknown).collect();
    unknown.sort();
    unknown.dedup();
    assert_eq!(unknown, NOT_YET_LOWERED, "left: what lower does not know; right: what it need not know yet");
}

#[test]
fn k_api_1_the_schemas_know_every_field_of_lower() {
    for (kind, document) in maximal() {
        let schema = schema(&kind);
        let mut known = Vec::new();
        walk(&Schema(schema), "", &mut |path, _| known.push(path.to_owned()));
        let (_, read) = vocabulary::recorded(|| problems(&document));
        for field in read.iter().map(|field| without_indices(field)).filter(|field| field.starts_with("spec.")) {
            assert!(known.contains(&field), "lower reads {kind} {field}, and the schema does not have it");
        }
        assert!(read.len() > 8, "{kind}: {read:?}");
    }
}

/// A document without what `lower` does not read yet.
fn lowerable(kind: &str, mut document: Value) -> Value {
    for path in NOT_YET_LOWERED.iter().filter_map(|one| one.strip_prefix(kind)?.strip_prefix(' ')) {
        remove(&mut document, &path.split('.').collect::<Vec<_>>());
    }
    let spec = &mut document["spec"];
    if let Some(access) = spec["access"].as_array_mut() {
        access.retain(|entry| ["clientRef", "clientSelector"].iter().any(|client| entry.get(client).is_some()));
    }
    if let Value::Object(spec) = spec {
        spec.retain(|_, value| !value.is_null());
    }
    document
}

fn remove(value: &mut Value, path: &[&str]) {
    let Some((first, rest)) = path.split_first() else { return };
    match (first.strip_suffix("[]"), rest, value.as_object_mut()) {
        (Some(list), _, Some(map)) => {
            let items = map.get_mut(list).and_then(Value::as_array_mut);
            items.into_iter().flatten().for_each(|item| remove(item, rest));
        }
        (None, [], Some(map)) => drop(map.remove(*first)),
        (None, _, Some(map)) => map.get_mut(*first).into_iter().for_each(|value| remove(value, rest)),
        _ => {}
    }
}

/// A change of one value, and whether it is still valid.
struct Change {
    pointer: String,
    value: Option<Value>,
    valid: bool,
}

/// Values at and beyond each bound of the part at `pointer`.
fn changes(schema: &Value, value: &Value, pointer: &str, found: &mut Vec<Change>) {
    let mut set = |value: Value, valid: bool| {
        found.push(Change { pointer: pointer.to_owned(), value: Some(value), valid });
    };
    let bound = |keyword: &str| schema[keyword].as_u64().and_then(|bound| usize::try_from(bound).ok());
    match value {
        Value::String(_) => {
            set(json!(["a list"]), false);
            if let Some(words) = schema["enum"].as_array() {
                set(json!("Bogus"), false);
                set(json!(words[0].as_str().unwrap().to_lowercase()), false);
            } else {
                set(json!("a".repeat(bound("maxLength").unwrap() + 1)), false);
            }
            if bound("minLength") > Some(0) {
                set(json!(""), false);
            }
            if schema.get("pattern").is_some() {
                set(json!("no pattern allows \u{1} this"), false);
            }
        }
        Value::Number(_) => {
            set(json!("a text"), false);
            set(json!(schema["minimum"]), true);
            set(json!(schema["maximum"]), true);
            set(json!(schema["minimum"].as_i64().unwrap() - 1), false);
            set(json!(schema["maximum"].as_i64().unwrap() + 1), false);
        }
        Value::Array(items) => {
            set(json!("a text"), false);
            let longest = bound("maxItems").unwrap();
            set(longer(schema, &items[0], longest), true);
            // There is no list of more different words than there are.
            if schema["items"].get("enum").is_none() {
                set(longer(schema, &items[0], longest + 1), false);
            }
            set(json!([]), bound("minItems").is_none_or(|least| least == 0));
        }
        Value::Object(map) => {
            set(json!("a text"), false);
            let mut more = map.clone();
            if schema.get("properties").is_some() {
                more.insert("doesNotExist".to_owned(), json!(1));
                set(Value::Object(more), false);
            } else if let Some(most) = bound("maxProperties") {
                let labels = |count: usize| (0..count).map(|index| (format!("label-{index}"), json!("x"))).collect();
                set(Value::Object(labels(most)), true);
                set(Value::Object(labels(most + 1)), false);
                set(json!({}), bound("minProperties").is_none_or(|least| least == 0));
            }
            children(schema, map, pointer, found);
        }
        _ => {}
    }
    if let (Value::Array(items), Some(part)) = (value, schema.get("items")) {
        for (index, item) in items.iter().enumerate() {
            changes(part, item, &format!("{pointer}/{index}"), found);
        }
    }
}

fn children(schema: &Value, map: &Map<String, Value>, pointer: &str, found: &mut Vec<Change>) {
    for (name, value) in map {
        let pointer = format!("{pointer}/{name}");
        if let Some(part) = schema["properties"].get(name) {
            changes(part, value, &pointer, found);
        }
        if schema["required"].as_array().is_some_and(|required| required.contains(&json!(name))) {
            found.push(Change { pointer, value: None, valid: false });
        }
    }
}

/// `count` different items.
fn longer(schema: &Value, item: &Value, count: usize) -> Value {
    let numbered = |index: usize| match (item, schema["x-kubernetes-list-map-keys"][0].as_str()) {
        (Value::Object(map), Some(key)) if index > 0 => {
            let mut map = map.clone();
            map.insert(key.to_owned(), json!(format!("{}{index}", item[key].as_str().unwrap())));
            Value::Object(map)
        }
        (Value::String(text), _) => match schema["items"]["enum"].as_array() {
            Some(words) => words[index % words.len()].clone(),
            None => json!(format!("x{index}{text}")),
        },
        _ => item.clone(),
    };
    (0..count).map(numbered).collect()
}

fn apply(mut document: Value, change: &Change) -> Value {
    let (parent, last) = change.pointer.rsplit_once('/').unwrap();
    match (document.pointer_mut(parent).unwrap(), &change.value) {
        (Value::Object(map), Some(value)) => drop(map.insert(last.to_owned(), value.clone())),
        (Value::Object(map), None) => drop(map.remove(last).unwrap()),
        (Value::Array(items), Some(value)) => items[last.parse::<usize>().unwrap()] = value.clone(),
        (other, _) => panic!("{other}"),
    }
    document
}

/// Every bound of the schemas is a bound of `lower`, and the other way round for the lengths of lists.
#[test]
fn k_api_1_the_schemas_and_lower_have_the_same_bounds() {
    let mut tried = 0;
    for (kind, document) in maximal() {
        let document = lowerable(&kind, document);
        assert_eq!(problems(&document), [], "{kind}");
        let (schema, rules) = (schema(&kind), rules(&kind));
        let mut found = Vec::new();
        changes(&schema["properties"]["spec"], &document["spec"], "/spec", &mut found);
        for change in &found {
            let changed = apply(document.clone(), change);
            let place = format!("{kind} {} = {:?}", change.pointer, change.value);
            let keeps_rules = broken_rules(&rules, &changed, None).is_empty();
            if keeps_rules {
                assert_eq!(violations(schema, &changed).is_empty(), change.valid, "{place}");
            }
            let valid = change.valid && keeps_rules;
            let said = problems(&changed);
            assert_eq!(said.is_empty(), valid, "{place}: the schema and lower disagree; lower says {said:?}");
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
}

/// Documents with every part that holds a field with a default, and none of those fields.
const MINIMAL: &str = "
kind: BucketRoute
spec:
  match: {bucket: data}
  backends:
  - name: store
    endpoint: https://s3.example.com
    credentialRef: {name: keys}
    tls: {caCertificateRefs: [{kind: Secret, name: authorities}]}
  traffic: {retries: {}}
  hooks: [{name: policy}]
---
kind: CredentialSource
spec: {secret: {name: keys}}
---
kind: CredentialSource
spec: {ibmIAM: {apiKeySecretRef: {name: keys}}}
---
kind: ClientIdentity
spec: {accessKey: {secretRefs: [{name: keys}]}}
";

/// An API server writes the defaults of the schema into an object; `lower` has its own for files.
#[test]
fn the_defaults_of_the_schemas_are_those_of_lower() {
    let mut written = Vec::new();
    for mut document in yaml(MINIMAL) {
        let kind = document["kind"].as_str().unwrap().to_owned();
        document["apiVersion"] = json!("osp.flexworks.eu/v1alpha1");
        document["metadata"] = json!({"name": "minimal"});
        let defaulted = apply_defaults(schema(&kind), &document);
        let lowered = |document: &Value| {
            let document = lowerable(&kind, document.clone());
            assert_eq!(problems(&document), []);
            format!("{:?}", lower(&document, &name(&document).unwrap()))
        };
        assert_eq!(lowered(&document), lowered(&defaulted));
        fields(&defaulted["spec"], &format!("{kind} spec"), &mut written);
    }
    for kind in KINDS {
        walk(&Schema(schema(kind)), "", &mut |path, part| {
            let tried = part.0.get("default").is_none() || written.contains(&format!("{kind} {path}"));
            assert!(tried, "MINIMAL has no place for the default of {kind} {path}");
        });
    }
}
