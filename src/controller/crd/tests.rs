mod additive;
mod examples;
mod structure;
mod vocabulary;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use kube::core::cel::{CompiledSchema, WarningKind, compile_schema, estimate_rule_cost};
use osp_core::model::{Document, Entry, Object, Problem};
use serde::Deserialize;

use super::*;
use crate::lower::{Lowered, lower, name};
use structure::Schema;

/// The kinds by name.
const KINDS: [&str; 3] = ["BucketRoute", "ClientIdentity", "CredentialSource"];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// All documents of one YAML text.
fn yaml(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap()).collect()
}

/// The names of the YAML files of a folder of the repository, sorted, with what they contain.
fn files(folder: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = fs::read_dir(repository(folder))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "yaml"))
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

/// The definitions that `osp crds` prints.
static GENERATED: LazyLock<Vec<Value>> =
    LazyLock::new(|| definitions().unwrap().iter().flat_map(|one| yaml(&one.yaml)).collect());

fn definition_of(kind: &str) -> &'static Value {
    GENERATED.iter().find(|one| one["spec"]["names"]["kind"] == kind).unwrap()
}

/// The schema of one kind.
fn schema(kind: &str) -> &'static Value {
    &definition_of(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

/// The rules of one kind.
fn rules(kind: &str) -> CompiledSchema {
    compile_schema(schema(kind))
}

/// What `lower` finds wrong with a document.
fn problems(document: &Value) -> Vec<Problem> {
    fn of<T>(object: Object<T>) -> Vec<Problem> {
        match object.entry {
            Entry::Valid(_) => Vec::new(),
            Entry::Invalid { problems, .. } => problems,
        }
    }
    match lower(document, &name(document).unwrap()) {
        Lowered::Document(_, Document::Route(object)) => of(object),
        Lowered::Document(_, Document::Credential(object)) => of(object),
        Lowered::Document(_, Document::Client(object)) => of(object),
        other => panic!("{other:?}"),
    }
}

#[test]
fn k_pkg_5_the_files_in_crds_are_the_generated_ones() {
    let expected: Vec<(String, String)> =
        definitions().unwrap().into_iter().map(|one| (one.file_name, one.yaml)).collect();
    assert!(files("crds") == expected, "crds/ is not what the types say. Run: cargo run -- crds --write crds");
}

#[test]
fn names_columns_and_the_schema_version() {
    let columns = |definition: &Value| {
        let columns = definition["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap();
        let shown = |column: &Value| {
            let wide = if column["priority"] == 1 { "+" } else { "" };
            format!("{wide}{}", column["name"].as_str().unwrap().to_uppercase())
        };
        columns.iter().map(shown).collect::<Vec<_>>().join(" ")
    };
    for (kind, plural, short, expected) in [
        ("BucketRoute", "bucketroutes", "broute", "BUCKET ENDPOINT ACCEPTED PROGRAMMED +HOSTS +REASON AGE"),
        ("CredentialSource", "credentialsources", "credsrc", "TYPE READY REASON AGE"),
        ("ClientIdentity", "clientidentities", "s3client", "ACCESS-KEY READY AGE"),
    ] {
        let definition = definition_of(kind);
        let (names, version) = (&definition["spec"]["names"], &definition["spec"]["versions"][0]);
        assert_eq!(definition["metadata"]["name"], format!("{plural}.osp.flexworks.eu"));
        assert_eq!(definition["metadata"]["annotations"]["osp.flexworks.eu/schema-version"], "1");
        assert_eq!((&names["shortNames"], &names["categories"]), (&json!([short]), &json!(["osp"])));
        assert_eq!(columns(definition), expected);
        assert_eq!(definition["spec"]["scope"], "Namespaced");
        assert_eq!((&version["name"], &version["subresources"]), (&json!("v1alpha1"), &json!({"status": {}})));
        assert_eq!(version["selectableFields"], json!([{"jsonPath": ".spec.className"}]));
    }
}

/// What an API server and its users need of every part of a schema.
#[test]
fn k_api_1_every_part_is_described_and_bounded() {
    for kind in KINDS {
        let schema = schema(kind);
        structure::walk(&Schema(schema), "", &mut |path, part| {
            let has = |keyword: &str| part.0.get(keyword).is_some();
            assert!(has("description"), "{kind} {path} has no description");
            assert!(has("type") && !has("nullable") && !has("oneOf") && !has("anyOf"), "{kind} {path}");
            let bounded = match part.0["type"].as_str().unwrap() {
                "string" => has("enum") || has("maxLength"),
                "integer" => has("minimum") && (has("maximum") || part.0["format"] == "int64"),
                "array" => has("maxItems") && has("items") && has("x-kubernetes-list-type"),
                "object" if has("additionalProperties") => has("maxProperties"),
                "object" => true,
                other => panic!("{kind} {path}: {other}"),
            };
            assert!(bounded, "{kind} {path} has no bound");
            for word in part.0["enum"].as_array().into_iter().flatten() {
                let word = word.as_str().unwrap();
                let camel = word.starts_with(char::is_uppercase) && word.chars().all(char::is_alphabetic);
                assert!(camel, "{kind} {path}: {word}");
            }
        });
    }
}

/// Server-side apply merges the lists of objects by their names.
#[test]
fn lists_of_named_objects_are_maps() {
    let (route, client) = (schema("BucketRoute"), schema("ClientIdentity"));
    for (schema, pointer, key) in [
        (route, "/properties/spec/properties/backends", "name"),
        (route, "/properties/spec/properties/access", "name"),
        (route, "/properties/spec/properties/access/items/properties/credentials", "backend"),
        (route, "/properties/spec/properties/deny", "name"),
        (route, "/properties/status/properties/conditions", "type"),
        (client, "/properties/spec/properties/accessKey/properties/secretRefs", "name"),
    ] {
        let list = schema.pointer(pointer).unwrap();
        assert_eq!(list["x-kubernetes-list-type"], "map", "{pointer}");
        assert_eq!(list["x-kubernetes-list-map-keys"], json!([key]), "{pointer}");
    }
}

/// What the rules cost, only an API server can say (e2e/kube): kube takes any bound of a schema for any list in it.
#[test]
fn k_api_1_rules_compile_and_name_their_bounds() {
    for kind in KINDS {
        let schema = schema(kind);
        assert!(!compile_schema(schema).has_errors(), "{kind}");
        structure::walk(&Schema(schema), "", &mut |path, part| {
            let compiled = compile_schema(part.0);
            for rule in part.rules() {
                let text = rule["rule"].as_str().unwrap();
                let mut warnings = estimate_rule_cost(text, &compiled);
                warnings.retain(|warning| warning.kind == WarningKind::MissingBounds);
                assert!(warnings.is_empty(), "{kind} {path}: {warnings:?}");
                let message = rule["message"].as_str().unwrap();
                assert!(!message.is_empty() && !message.contains('\n'), "{kind} {path}: {message}");
            }
        });
    }
}
