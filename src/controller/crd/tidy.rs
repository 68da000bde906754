//! Makes of what kube generates what an API server and a reader of `kubectl explain` want.

use serde_json::{Map, Value};

/// Tidies a whole `CustomResourceDefinition`:
///
/// * `nullable` and null among the words of an enum go: with them, a field that is null would be *set* for the rules.
///   Without them the API server takes a null for an absent field.
/// * Lines of a description are joined; an empty line still begins a paragraph.
/// * Bounds of integers are written as integers.
pub fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            // A property may have the name of a keyword, so only values of the right type are keywords.
            if map.get("nullable").is_some_and(Value::is_boolean) {
                map.remove("nullable");
            }
            if let Some(Value::Array(words)) = map.get_mut("enum") {
                words.retain(|word| !word.is_null());
            }
            join_lines(map);
            round(map);
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn join_lines(map: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = map.get_mut("description") {
        let paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
        *text = paragraphs.collect::<Vec<_>>().join("\n\n");
    }
}

fn round(map: &mut Map<String, Value>) {
    for bound in ["minimum", "maximum"] {
        // All bounds are small; a fraction or a huge one stays as it is.
        if let Some(number) = map.get_mut(bound)
            && let Some(whole) = number.as_f64().and_then(|float| format!("{float}").parse::<i64>().ok())
        {
            *number = whole.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tidied(mut value: Value) -> Value {
        tidy(&mut value);
        value
    }

    #[test]
    fn k_api_1_nothing_is_nullable() {
        let schema = json!({"properties": {"a": {"enum": ["A", null], "nullable": true}}, "nullable": true});
        assert_eq!(tidied(schema), json!({"properties": {"a": {"enum": ["A"]}}}));
    }

    #[test]
    fn properties_with_the_name_of_a_keyword_stay() {
        let properties = json!({"nullable": {"type": "boolean"}, "enum": {"type": "string"}, "minimum": {"type": "a"}});
        assert_eq!(tidied(properties.clone()), properties);
    }

    #[test]
    fn descriptions_are_one_line_per_paragraph_and_bounds_are_integers() {
        let schema = json!({"description": "One\ntwo.\n\nThree.", "minimum": 0.0, "maximum": 7.5});
        assert_eq!(tidied(schema), json!({"description": "One two.\n\nThree.", "minimum": 0, "maximum": 7.5}));
    }
}
