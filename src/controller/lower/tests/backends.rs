use std::time::Duration;

use osp_core::model::{Copies, Reads, Retries, Timeouts, Traffic};

use super::*;

const A: &str = "/spec/backends/0";

fn second() -> Value {
    json!({"name": "b", "endpoint": "http://127.0.0.1:9001", "credentialRef": {"name": "keys"}})
}

fn two(traffic: Value) -> Value {
    with(with(route(), "/spec/backends/-", second()), "/spec/traffic", traffic)
}

fn https() -> Value {
    with(route(), &format!("{A}/endpoint"), json!("https://s3.example.com"))
}

#[test]
fn every_field_of_a_backend_is_read() {
    let mut document = two(json!({
        "reads": "Weighted", "writes": "b", "retries": {"attempts": 5, "backoff": "1s"}, "copyBetweenBackends": "Stream",
    }));
    for (field, value) in [
        ("endpoint", json!("https://s3.example.com")),
        ("priority", json!(7)),
        ("weight", json!(1000)),
        ("tls", json!({"serverName": "S3.internal", "clientCertificateRef": {"name": "egress"}})),
        ("proxy", json!({"url": "http://proxy.corp:3128", "credentialsSecretRef": {"name": "proxy-auth"}})),
        ("timeouts", json!({"connect": "2s", "firstByte": "30s", "idle": "5m"})),
    ] {
        document = with(document, &format!("{A}/{field}"), value);
    }
    let route = valid_route(&document);
    let [a, b] = route.backends.as_slice() else { panic!("{route:?}") };
    assert_eq!((a.priority, a.weight), (7, 1000));
    assert_eq!((a.server_name.as_deref(), a.client_certificate.as_deref()), (Some("s3.internal"), Some("egress")));
    let proxy = a.proxy.as_ref().unwrap();
    assert_eq!(
        (proxy.endpoint.to_string().as_str(), proxy.credentials.as_deref()),
        ("http://proxy.corp:3128", Some("proxy-auth"))
    );
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(a.timeouts, Timeouts { connect: seconds(2), first_byte: seconds(30), idle: seconds(300) });
    let retries = Some(Retries { attempts: 5, backoff: Duration::from_secs(1) });
    assert_eq!(route.traffic, Traffic { reads: Reads::Weighted, writes: 1, retries, copies: Copies::Stream });
    assert_eq!((b.priority, b.weight, b.timeouts), (0, 100, Timeouts::default()));
    assert_eq!((&b.proxy, &b.server_name, &b.client_certificate), (&None, &None, &None));
}

#[test]
fn writes_are_named_as_soon_as_there_is_a_choice() {
    let default = Traffic { reads: Reads::Priority, writes: 0, retries: None, copies: Copies::Refuse };
    assert_eq!(valid_route(&route()).traffic, default);
    assert_eq!(valid_route(&with(route(), "/spec/traffic", json!({}))).traffic, default);
    assert_eq!(valid_route(&two(json!({"writes": "b"}))).traffic.writes, 1);
    let unnamed = with(route(), "/spec/backends/-", second());
    assert_eq!(said(&unnamed), ["spec.traffic.writes Invalid"]);
    for (traffic, field) in [
        (json!({}), "spec.traffic.writes"),
        (json!({"writes": "c"}), "spec.traffic.writes"),
        (json!({"writes": "b", "reads": "Random"}), "spec.traffic.reads"),
        (json!({"writes": "b", "mirror": "a"}), "spec.traffic.mirror"),
        (json!({"writes": "b", "copyBetweenBackends": "Copy"}), "spec.traffic.copyBetweenBackends"),
        (json!({"writes": "b", "copyBetweenBackends": true}), "spec.traffic.copyBetweenBackends"),
        (json!({"writes": "b", "retries": {"attempts": 0}}), "spec.traffic.retries.attempts"),
        (json!({"writes": "b", "retries": {"attempts": 6}}), "spec.traffic.retries.attempts"),
        (json!({"writes": "b", "retries": {"backoff": "11s"}}), "spec.traffic.retries.backoff"),
        (json!({"writes": "b", "retries": {"backoff": "0s"}}), "spec.traffic.retries.backoff"),
    ] {
        assert_eq!(said(&two(traffic.clone())), [format!("{field} Invalid")], "{traffic}");
    }
    let named = valid_route(&two(json!({"writes": "a", "retries": {}})));
    assert_eq!(named.traffic.retries, Some(Retries { attempts: 2, backoff: Duration::from_millis(100) }));
}

#[test]
fn backends_are_bounded_and_have_names_of_their_own() {
    let many = |count: usize| {
        let list = (0..count).map(|index| with(second(), "/name", json!(format!("b{index}")))).collect();
        with(with(route(), "/spec/backends", Value::Array(list)), "/spec/traffic", json!({"writes": "b0"}))
    };
    assert_eq!(valid_route(&many(8)).backends.len(), 8);
    assert_eq!(said(&many(9)), ["spec.backends Invalid"]);
    let twins = with(two(json!({"writes": "a"})), "/spec/backends/1/name", json!("a"));
    assert_eq!(said(&twins), ["spec.backends[1].name Invalid"]);
}

#[test]
fn values_out_of_bounds_are_refused_where_they_stand() {
    for (field, good, bad) in [
        ("priority", vec![json!(0), json!(7)], vec![json!(8), json!(-1), json!("1"), json!(1.5)]),
        ("weight", vec![json!(0), json!(1000)], vec![json!(1001), json!(-1), json!(true)]),
        ("timeouts", vec![json!({}), json!({"idle": "1h"})], vec![json!({"total": "1h"})]),
        ("timeouts", vec![json!({"firstByte": "5s", "idle": "5s"})], vec![json!({"firstByte": "6s", "idle": "5s"})]),
        ("timeouts", vec![json!({"connect": "10ms"})], vec![json!({"connect": "9ms"}), json!({"connect": 2})]),
        ("timeouts", vec![json!({"connect": "1m"})], vec![json!({"connect": "61s"}), json!({"connect": "2 s"})]),
        (
            "proxy",
            vec![json!({"url": "http://[2001:db8::1]:3128"})],
            vec![json!({}), json!({"url": "https://proxy:1"})],
        ),
        (
            "proxy",
            vec![json!({"url": "http://proxy"})],
            vec![json!({"url": "http://u:p@proxy:1"}), json!({"url": "socks5://p"})],
        ),
        ("proxy", vec![], vec![json!({"url": "http://169.254.169.254"}), json!({"url": "http://metadata:80"})]),
        ("tls", vec![json!({"serverName": "10.0.0.1"})], vec![json!({"serverName": ""}), json!({"serverName": "a b"})]),
        (
            "tls",
            vec![json!({"serverName": "a.b-c"})],
            vec![json!({"serverName": "a:443"}), json!({"serverName": "a/"})],
        ),
    ] {
        let place = format!("{A}/{field}");
        for value in good {
            valid_route(&with(https(), &place, value));
        }
        for value in bad {
            let said = said(&with(https(), &place, value.clone()));
            assert!(said.len() == 1 && said[0].starts_with(&format!("spec.backends[0].{field}")), "{value}: {said:?}");
        }
    }
}

#[test]
fn no_value_is_repeated() {
    let secretive = with(https(), &format!("{A}/proxy"), json!({"url": "http://user:canary@proxy:1"}));
    let secretive = with(secretive, &format!("{A}/timeouts"), json!({"idle": "canary"}));
    assert!(!format!("{:?}", problems(&secretive)).contains("canary"));
}
