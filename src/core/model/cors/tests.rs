use proptest::prelude::*;

use super::*;

fn wildcards(texts: &[&str]) -> Vec<Wildcard> {
    texts.iter().map(|text| Wildcard::parse(text).unwrap()).collect()
}

fn rule(origins: &[&str], methods: &[CorsMethod], headers: &[&str]) -> CorsRule {
    CorsRule {
        origins: wildcards(origins),
        methods: methods.iter().copied().collect(),
        headers: wildcards(headers),
        exposed: vec!["ETag".to_owned()],
        max_age_seconds: Some(60),
    }
}

fn asked(origin: &str, method: CorsMethod, headers: &[&str]) -> CorsRequest {
    CorsRequest { origin: origin.to_owned(), method, headers: headers.iter().map(|&name| name.to_owned()).collect() }
}

fn head(method: &str, fields: &str) -> RawHead {
    RawHead::parse_http1(format!("{method} /b/k HTTP/1.1\r\nHost: s3.test\r\n{fields}\r\n").as_bytes()).unwrap().0
}

#[test]
fn s3_7_13_a_star_stands_for_any_text_and_there_is_one_at_most() {
    for (pattern, text, expected) in [
        ("*", "https://app.test", true),
        ("*", "null", true),
        ("https://app.test", "https://app.test", true),
        ("https://app.test", "https://app.test:8443", false),
        ("https://app.test", "https://APP.test", false),
        ("https://app.test", "http://app.test", false),
        ("https://*.app.test", "https://a.b.app.test", true),
        ("https://*.app.test", "https://app.test", false),
        ("https://*.app.test", "https://app.test.evil.test", false),
        ("https://*app.test", "https://app.test", true),
        // what stands before the star and what stands after it are not the same bytes
        ("https://aa*aa", "https://aaa", false),
        ("https://aa*aa", "https://aaaa", true),
        ("http*", "https://anything", true),
        ("", "", true),
        ("", "x", false),
    ] {
        assert_eq!(Wildcard::parse(pattern).unwrap().matches(text), expected, "{pattern} {text}");
    }
    assert_eq!(Wildcard::parse("https://*.*.test"), None);
}

#[test]
fn s3_7_13_the_first_rule_that_matches_decides() {
    use CorsMethod::{Delete, Get, Put};
    let first = rule(&["https://app.test"], &[Get], &[]);
    let second =
        CorsRule { exposed: vec![], max_age_seconds: None, ..rule(&["https://*"], &[Get, Put], &["x-amz-*", "range"]) };
    let third = CorsRule { max_age_seconds: Some(1), ..rule(&["*"], &[Get], &["*"]) };
    let cors = Cors::from(vec![first.clone(), second.clone(), third]);
    let by = |origin: &str, method, headers: &[&str]| {
        cors.grant(&asked(origin, method, headers)).map(|grant| (grant.any_origin, grant.max_age_seconds))
    };
    assert_eq!(by("https://app.test", Get, &[]), Some((false, Some(60))), "the first");
    assert_eq!(by("https://app.test", Put, &[]), Some((false, None)), "its method is of the second");
    assert_eq!(by("https://app.test", Get, &["range"]), Some((false, None)), "its header is of the second");
    assert_eq!(by("https://other.test", Put, &["x-amz-date", "range"]), Some((false, None)));
    assert_eq!(by("https://other.test", Put, &["x-amz-date", "cookie"]), None, "every header has to be allowed");
    assert_eq!(by("http://other.test", Get, &["cookie"]), Some((true, Some(1))), "the third");
    assert_eq!(by("http://other.test", Put, &[]), None);
    assert_eq!(by("https://app.test", Delete, &[]), None);
    assert_eq!(Cors::default().grant(&asked("https://app.test", Get, &[])), None, "no rule is a no");
    let grant = cors.grant(&asked("https://app.test", Get, &[])).unwrap();
    assert_eq!((grant.methods, grant.exposed), (first.methods, first.exposed));
}

#[test]
fn s3_7_13_what_heads_ask_for() {
    let preflight = |fields: &str| CorsRequest::of_preflight(&head("OPTIONS", fields));
    assert_eq!(
        preflight(
            "Origin: https://app.test\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: X-Amz-Date,\
             Range\r\naccess-control-request-headers: , content-type\r\n"
        ),
        Some(asked("https://app.test", CorsMethod::Put, &["x-amz-date", "range", "content-type"]))
    );
    let plain = "Origin: null\r\nAccess-Control-Request-Method: GET\r\n";
    assert_eq!(preflight(plain), Some(asked("null", CorsMethod::Get, &[])));
    for wrong in [
        "Origin: https://app.test\r\n".to_owned(),
        "Access-Control-Request-Method: GET\r\n".to_owned(),
        "Origin: https://app.test\r\nAccess-Control-Request-Method: get\r\n".to_owned(),
        "Origin: https://app.test\r\nAccess-Control-Request-Method: PATCH\r\n".to_owned(),
        "Origin:\r\nAccess-Control-Request-Method: GET\r\n".to_owned(),
        "Origin: a b\r\nAccess-Control-Request-Method: GET\r\n".to_owned(),
        "Origin: https://\u{e9}.test\r\nAccess-Control-Request-Method: GET\r\n".to_owned(),
        format!("{plain}Origin: https://app.test\r\n"),
        format!("{plain}Access-Control-Request-Method: GET\r\n"),
        format!("{plain}Access-Control-Request-Headers: x y\r\n"),
        format!("{plain}Access-Control-Request-Headers: {}\r\n", "a,".repeat(MAX_REQUESTED_HEADERS + 1)),
    ] {
        assert_eq!(preflight(&wrong), None, "{wrong}");
    }
    let most = format!("{plain}Access-Control-Request-Headers: {}\r\n", "a,".repeat(MAX_REQUESTED_HEADERS));
    assert_eq!(preflight(&most).unwrap().headers.len(), MAX_REQUESTED_HEADERS);
    let request = CorsRequest::of_request(&head("DELETE", "Origin: https://app.test\r\n"));
    assert_eq!(request, Some(asked("https://app.test", CorsMethod::Delete, &[])));
    assert_eq!(CorsRequest::of_request(&head("DELETE", "")), None);
    assert_eq!(CorsRequest::of_request(&head("PATCH", "Origin: https://app.test\r\n")), None);
}

#[test]
fn where_two_routes_may_be_meant_both_have_to_grant_it() {
    let one = rule(&["*"], &[CorsMethod::Get, CorsMethod::Put], &[]);
    let two = CorsRule {
        max_age_seconds: Some(5),
        exposed: vec!["etag".into(), "x".into()],
        ..rule(&["https://a"], &[CorsMethod::Get], &[])
    };
    let grant = |rule: CorsRule| Cors::from(vec![rule]).grant(&asked("https://a", CorsMethod::Get, &[])).unwrap();
    let both = grant(one.clone()).and(&grant(two.clone()));
    assert_eq!((both.any_origin, both.max_age_seconds), (false, Some(5)));
    assert_eq!((both.methods, both.exposed), ([CorsMethod::Get].into(), vec!["ETag".to_owned()]));
    let unlimited = CorsRule { max_age_seconds: None, ..two };
    assert_eq!(grant(one).and(&grant(unlimited)).max_age_seconds, None, "the browser's own default is the shorter one");
}

fn pattern() -> impl Strategy<Value = Wildcard> {
    "[ab]{0,3}([*][ab]{0,3})?".prop_map(|text| Wildcard::parse(&text).unwrap())
}

fn any_rule() -> impl Strategy<Value = CorsRule> {
    let methods = prop::collection::btree_set(prop::sample::select(&CorsMethod::EVERY[..]), 1..4);
    let origins = prop::collection::vec(pattern(), 1..3);
    (origins, methods, prop::collection::vec(pattern(), 0..3), prop::option::of(0..9u32)).prop_map(
        |(origins, methods, headers, max_age_seconds)| CorsRule {
            origins,
            methods,
            headers,
            exposed: vec![],
            max_age_seconds,
        },
    )
}

proptest! {
    #[test]
    fn a_wildcard_matches_what_trying_every_middle_finds(start in "[ab]{0,3}", end in "[ab]{0,3}", text in "[ab]{0,8}") {
        let wildcard = Wildcard::parse(&format!("{start}*{end}")).unwrap();
        let middles = (0..=text.len()).flat_map(|from| (from..=text.len()).map(move |to| (from, to)));
        let found = middles.into_iter().any(|(from, to)| format!("{start}{}{end}", text.get(from..to).unwrap_or_default()) == text);
        prop_assert_eq!(wildcard.matches(&text), found);
    }

    /// A rule that is added behind others takes nothing from what they grant; and whatever is granted, some rule grants alone.
    #[test]
    fn rules_decide_one_by_one_and_in_their_order(
        rules in prop::collection::vec(any_rule(), 0..4), last in any_rule(),
        origin in "[ab]{0,4}", method in prop::sample::select(&CorsMethod::EVERY[..]),
        headers in prop::collection::vec("[ab]{1,3}", 0..3),
    ) {
        let request = CorsRequest { origin, method, headers };
        let alone = |rule: &CorsRule| Cors::from(vec![rule.clone()]).grant(&request);
        let expected = rules.iter().find_map(alone);
        let before = Cors::from(rules.clone()).grant(&request);
        prop_assert_eq!(&before, &expected);
        let after = Cors::from([rules.clone(), vec![last.clone()]].concat()).grant(&request);
        prop_assert_eq!(&after, &before.clone().or_else(|| alone(&last)));
        // what may be asked with headers may be asked without
        let bare = CorsRequest { headers: vec![], ..request };
        prop_assert!(after.is_none_or(|grant| grant.methods.contains(&method)));
        prop_assert!(before.is_none() || Cors::from(rules).grant(&bare).is_some());
    }

    /// The conjunction never grants what one of them does not.
    #[test]
    fn both_is_less_than_each(one in any_rule(), two in any_rule()) {
        let request = CorsRequest { origin: "a".into(), method: CorsMethod::Get, headers: vec![] };
        let grant = |rule: &CorsRule| Cors::from(vec![rule.clone()]).grant(&request);
        let (Some(one), Some(two)) = (grant(&one), grant(&two)) else { return Ok(()) };
        let both = one.clone().and(&two);
        prop_assert!(both.methods.is_subset(&one.methods) && both.methods.is_subset(&two.methods));
        prop_assert!(both.methods.contains(&CorsMethod::Get));
        for each in [&one, &two] {
            prop_assert!(each.any_origin || !both.any_origin);
            prop_assert!(both.max_age_seconds.is_none_or(|both| each.max_age_seconds.is_some_and(|each| both <= each)));
        }
    }
}
