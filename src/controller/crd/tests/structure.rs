//! As much of an API server's validation as these schemas use: what is stricter here is that unknown fields are refused,
//! where an API server drops them (or refuses them, with `fieldValidation: Strict`).

use kube::core::cel::{CompiledSchema, ValidationError, Validator, apply_defaults};
use regex::Regex;
use serde_json::Value;

/// A part of a schema.
pub struct Schema<'a>(pub &'a Value);

impl Schema<'_> {
    pub fn rules(&self) -> &[Value] {
        self.0["x-kubernetes-validations"].as_array().map_or(&[], Vec::as_slice)
    }
}

/// Visits every part below `spec` and `status` with its path: `spec.backends[].name`, `spec.selector.matchLabels{}`.
pub fn walk(schema: &Schema<'_>, path: &str, visit: &mut impl FnMut(&str, &Schema<'_>)) {
    if !path.is_empty() {
        visit(path, schema);
    }
    for (name, property) in schema.0["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        walk(&Schema(property), &path, visit);
    }
    for (keyword, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(part) = schema.0.get(keyword) {
            walk(&Schema(part), &format!("{path}{mark}"), visit);
        }
    }
}

/// The rules that a document breaks, as a new object or as an update of `old`.
pub fn broken_rules(rules: &CompiledSchema, document: &Value, old: Option<&Value>) -> Vec<ValidationError> {
    Validator::new().validate_compiled(rules, document, old).err().map(|errors| errors.into_vec()).unwrap_or_default()
}

/// What a document breaks besides rules: `path: keyword` each.
pub fn violations(schema: &Value, document: &Value) -> Vec<String> {
    let mut document = apply_defaults(schema, document);
    let fields = document.as_object_mut().unwrap();
    for envelope in ["apiVersion", "kind", "metadata"] {
        fields.remove(envelope);
    }
    let mut found = Vec::new();
    check(schema, &document, "", &mut found);
    found
}

fn check(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let mut refuse = |holds: bool, keyword: &str| {
        if !holds {
            found.push(format!("{path}: {keyword}"));
        }
    };
    let bound = |keyword: &str| schema[keyword].as_i64();
    let at_least = |keyword: &str, length: usize| bound(keyword).is_none_or(|bound| length as i64 >= bound);
    let at_most = |keyword: &str, length: usize| bound(keyword).is_none_or(|bound| length as i64 <= bound);
    match (schema["type"].as_str().unwrap(), value) {
        ("string", Value::String(text)) => {
            refuse(schema["enum"].as_array().is_none_or(|words| words.contains(value)), "enum");
            refuse(at_least("minLength", text.chars().count()), "minLength");
            refuse(at_most("maxLength", text.chars().count()), "maxLength");
            let pattern = schema["pattern"].as_str();
            refuse(pattern.is_none_or(|pattern| Regex::new(pattern).unwrap().is_match(text)), "pattern");
        }
        ("integer", Value::Number(number)) => {
            let number = number.as_i64();
            refuse(bound("minimum").is_none_or(|bound| number >= Some(bound)), "minimum");
            refuse(bound("maximum").is_none_or(|bound| number <= Some(bound)), "maximum");
        }
        ("array", Value::Array(items)) => {
            refuse(at_least("minItems", items.len()), "minItems");
            refuse(at_most("maxItems", items.len()), "maxItems");
            refuse(distinct(schema, items), "x-kubernetes-list-type");
            for (index, item) in items.iter().enumerate() {
                check(&schema["items"], item, &format!("{path}[{index}]"), found);
            }
        }
        ("object", Value::Object(map)) => {
            refuse(at_least("minProperties", map.len()), "minProperties");
            refuse(at_most("maxProperties", map.len()), "maxProperties");
            for name in schema["required"].as_array().into_iter().flatten() {
                refuse(map.contains_key(name.as_str().unwrap()), "required");
            }
            for (name, value) in map {
                let part = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match part {
                    Some(part) => check(part, value, &path, found),
                    None => found.push(format!("{path}: unknown")),
                }
            }
        }
        _ => refuse(false, "type"),
    }
}

fn distinct(schema: &Value, items: &[Value]) -> bool {
    let key = |item: &Value| match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => Some(item.clone()),
        Some("map") => schema["x-kubernetes-list-map-keys"][0].as_str().map(|key| item[key].clone()),
        _ => None,
    };
    let keys: Vec<Value> = items.iter().filter_map(key).collect();
    (1..keys.len()).all(|index| !keys[..index].contains(&keys[index]))
}

#[test]
fn each_keyword_refuses() {
    use serde_json::json;
    let schema = json!({"type": "object", "required": ["a"], "properties": {
        "a": {"type": "string", "enum": ["A"], "default": "A"},
        "b": {"type": "string", "pattern": "^x*$", "minLength": 1, "maxLength": 2},
        "c": {"type": "integer", "minimum": 1, "maximum": 2},
        "d": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2, "x-kubernetes-list-type": "set"},
        "e": {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1, "maxProperties": 1},
    }});
    let valid = json!({"b": "x", "c": 1, "d": ["1", "2"], "e": {"f": "g"}});
    assert_eq!(violations(&schema, &valid), [""; 0]);
    for (wrong, expected) in [
        (json!({"a": "B"}), "a: enum"),
        (json!({"b": ""}), "b: minLength"),
        (json!({"b": "xxx"}), "b: maxLength"),
        (json!({"b": "y"}), "b: pattern"),
        (json!({"c": 0}), "c: minimum"),
        (json!({"c": 3}), "c: maximum"),
        (json!({"c": "1"}), "c: type"),
        (json!({"d": []}), "d: minItems"),
        (json!({"d": ["1", "2", "3"]}), "d: maxItems"),
        (json!({"d": ["1", "1"]}), "d: x-kubernetes-list-type"),
        (json!({"e": {}}), "e: minProperties"),
        (json!({"e": {"f": "g", "h": "i"}}), "e: maxProperties"),
        (json!({"e": {"f": 1}}), "e.f: type"),
        (json!({"x": 1}), "x: unknown"),
    ] {
        assert_eq!(violations(&schema, &wrong), [expected]);
    }
}
