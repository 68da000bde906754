//! `spec.cors`: what it says, and every mistake with its field.

use osp_core::model::{CorsMethod, CorsRequest};

use super::*;

fn with_rules(rules: Value) -> Value {
    with(route(), "/spec/cors", rules)
}

fn rule() -> Value {
    json!({"allowedOrigins": ["https://app.test"], "allowedMethods": ["GET"]})
}

#[test]
fn s3_7_13_a_rule_says_what_it_says_in_awss_words() {
    let rules = json!([
        {"allowedOrigins": ["https://app.test", "https://*.app.test"], "allowedMethods": ["PUT", "GET"],
         "allowedHeaders": ["X-Amz-*", "Range"], "exposeHeaders": ["ETag", "x-amz-version-id"], "maxAgeSeconds": 3600},
        rule(),
    ]);
    let cors = valid_route(&with_rules(rules)).cors;
    let [first, second] = cors.rules() else { panic!("{cors:?}") };
    assert_eq!(first.methods, [CorsMethod::Get, CorsMethod::Put].into());
    assert_eq!((first.max_age_seconds, second.max_age_seconds), (Some(3600), None));
    assert_eq!((first.exposed.len(), second.exposed.len(), second.headers.len()), (2, 0, 0));
    let asked = CorsRequest {
        origin: "https://a.app.test".into(),
        method: CorsMethod::Put,
        headers: vec!["x-amz-date".into(), "range".into()],
    };
    assert!(cors.grant(&asked).is_some(), "names of headers have no case");
    assert!(valid_route(&route()).cors.is_empty() && valid_route(&with_rules(json!([]))).cors.is_empty());
}

#[test]
fn law_2_what_is_wrong_with_a_rule_is_said_with_its_field() {
    let place = "spec.cors[0]";
    for (field, good, bad) in [
        (
            "allowedOrigins",
            vec![json!(["*"]), json!(["null"]), json!(["http://[::1]:8080"]), json!(["app://host", "http*"])],
            vec![
                json!(["https://*.*.test"]),
                json!(["https://app.test/"]),
                json!(["https://app.test/path"]),
                json!(["https://app .test"]),
                json!(["https://\u{e9}.test"]),
                json!(["https://app.test\r\nx: y"]),
                json!([""]),
                json!([]),
                json!("*"),
                json!([7]),
                Value::Null,
            ],
        ),
        (
            "allowedMethods",
            vec![json!(["GET", "HEAD", "PUT", "POST", "DELETE"])],
            vec![json!(["OPTIONS"]), json!(["PATCH"]), json!(["get"]), json!(["*"]), json!([])],
        ),
        (
            "allowedHeaders",
            vec![json!(["*"]), json!(["x-amz-*", "content-type"])],
            vec![json!(["*-*"]), json!(["a b"]), json!(["x:y"]), json!([""]), json!([])],
        ),
        ("exposeHeaders", vec![json!(["ETag"])], vec![json!(["*"]), json!(["x-amz-*"]), json!(["a,b"]), json!([])]),
        ("maxAgeSeconds", vec![json!(0), json!(86_400)], vec![json!(86_401), json!(-1), json!("60"), json!(1.5)]),
    ] {
        for value in good {
            valid_route(&with_rules(json!([with(rule(), &format!("/{field}"), value)])));
        }
        for value in bad {
            let said = problems(&with_rules(json!([with(rule(), &format!("/{field}"), value.clone())])));
            let at = format!("{place}.{field}");
            assert!(said.len() == 1 && said[0].field.starts_with(&at), "{value}: {said:?}");
        }
    }
    for field in ["allowedOrigins", "allowedMethods"] {
        let said = problems(&with_rules(json!([without(rule(), "", field)])));
        assert!(said.len() == 1 && said[0].field == format!("{place}.{field}"), "{said:?}");
    }
    let said = problems(&with_rules(json!([rule(), with(rule(), "/allowCredentials", json!(true))])));
    assert!(said.len() == 1 && said[0].field == "spec.cors[1].allowCredentials", "{said:?}");
    let many = |count: usize| with_rules(Value::Array(vec![rule(); count]));
    assert_eq!(problems(&many(33))[0].field, "spec.cors");
    valid_route(&many(32));
}
