use super::*;
use crate::model::ObjectName;
use crate::s3::{BucketName, ObjectKey};

fn principal(name: &str) -> Principal {
    Principal::new(ObjectName::new("default", name))
}

fn rule(who: Option<&str>, permissions: &[Permission], prefixes: &[&str]) -> Rule {
    Rule {
        buckets: Vec::new(),
        name: "rule".to_owned(),
        who: who.map_or(Who::Everyone, |name| Who::One(principal(name))),
        permissions: permissions.iter().copied().collect(),
        prefixes: prefixes.iter().map(|prefix| KeyPrefix::parse(prefix).unwrap()).collect(),
    }
}

fn bucket() -> BucketName {
    BucketName::parse("data").unwrap()
}

fn object(key: &str) -> Resource {
    Resource::Object(bucket(), ObjectKey::parse(key.as_bytes().to_vec()).unwrap())
}

fn listing(prefix: &str) -> Resource {
    Resource::Prefix(bucket(), prefix.to_owned())
}

const EVERY: [Permission; 6] = Permission::EVERY;

#[test]
fn law_2_an_empty_policy_allows_nothing() {
    for permission in EVERY {
        for resource in [object("a"), listing(""), Resource::Bucket(bucket())] {
            assert!(!Policy::default().allows(&principal("a"), permission, &resource));
        }
    }
}

#[test]
fn c8_a_grant_with_an_exception_holds_for_objects_and_listings() {
    let policy = Policy {
        allow: vec![rule(Some("a"), &EVERY, &["team-a/"])],
        deny: vec![rule(None, &EVERY, &["team-a/secret/"])],
    };
    let me = principal("a");
    for permission in EVERY {
        assert!(policy.allows(&me, permission, &object("team-a/x")));
        assert!(!policy.allows(&me, permission, &object("team-a/secret/x")));
        assert!(!policy.allows(&me, permission, &object("team-ab/x")));
        assert!(!policy.allows(&principal("b"), permission, &object("team-a/x")));
    }
    assert!(policy.allows(&me, Permission::List, &listing("team-a/public/")));
    for hidden in ["", "team-", "team-a", "team-a/", "team-a/sec", "team-a/secret/", "team-a/secret/x", "team-ab/"] {
        assert!(!policy.allows(&me, Permission::List, &listing(hidden)), "{hidden}");
    }
}

#[test]
fn encoded_traversal_is_a_literal_key() {
    let policy = Policy { allow: vec![rule(Some("a"), &EVERY, &["team-a/"])], deny: vec![] };
    assert!(policy.allows(&principal("a"), Permission::Read, &object("team-a/../team-b/x")));
    assert!(!policy.allows(&principal("a"), Permission::Read, &object("x/../team-a/x")));
}

#[test]
fn each_permission_is_its_own() {
    for granted in EVERY {
        let policy = Policy { allow: vec![rule(Some("a"), &[granted], &[])], deny: vec![] };
        for asked in EVERY {
            assert_eq!(policy.allows(&principal("a"), asked, &object("k")), asked == granted);
        }
    }
}

#[test]
fn t9_adding_a_deny_never_allows() {
    let base = Policy { allow: vec![rule(Some("a"), &EVERY, &["x/"]), rule(Some("b"), &EVERY, &[])], deny: vec![] };
    for deny in
        [rule(None, &EVERY, &[]), rule(Some("a"), &EVERY, &["x/y"]), rule(Some("b"), &[Permission::Read], &["x"])]
    {
        let stricter = Policy { deny: vec![deny], ..base.clone() };
        for who in ["a", "b", "c"] {
            for permission in EVERY {
                for resource in [object("x/y"), object("x/z"), object("q"), listing(""), listing("x/")] {
                    let (before, after) = (
                        base.allows(&principal(who), permission, &resource),
                        stricter.allows(&principal(who), permission, &resource),
                    );
                    assert!(before || !after);
                }
            }
        }
    }
}

#[test]
fn the_first_rule_that_allows_and_the_first_that_denies_are_named() {
    let policy = Policy {
        allow: vec![rule(Some("b"), &EVERY, &[]), rule(Some("a"), &EVERY, &["x/"]), rule(Some("a"), &EVERY, &[])],
        deny: vec![rule(None, &[Permission::Write], &["x/"]), rule(None, &EVERY, &["x/secret/"])],
    };
    let decide = |permission, key| policy.decide(&principal("a"), permission, &object(key));
    assert_eq!(decide(Permission::Read, "x/y"), Verdict::Allowed(1));
    assert_eq!(decide(Permission::Read, "y"), Verdict::Allowed(2));
    assert_eq!(decide(Permission::Write, "x/secret/y"), Verdict::Denied(0));
    assert_eq!(decide(Permission::Read, "x/secret/y"), Verdict::Denied(1));
    assert_eq!(policy.decide(&principal("c"), Permission::Write, &object("x/y")), Verdict::NotGranted);
}

#[test]
fn a_selection_is_about_its_members() {
    let these = Who::These(Arc::new(BTreeSet::from([principal("a"), principal("b")])));
    let policy = Policy { allow: vec![Rule { who: these, ..rule(None, &EVERY, &[]) }], deny: vec![] };
    for (who, allowed) in [("a", true), ("b", true), ("c", false)] {
        assert_eq!(policy.allows(&principal(who), Permission::Read, &object("k")), allowed);
    }
}

/// C8, P01: `SeaweedFS` takes `a//b` for `a/b`.
#[test]
fn c8_a_deny_holds_for_every_spelling_that_a_backend_may_take_for_a_denied_key() {
    let policy =
        Policy { allow: vec![rule(None, &EVERY, &["team-a/"])], deny: vec![rule(None, &EVERY, &["team-a/secret/"])] };
    let allows = |resource: &Resource| policy.allows(&principal("a"), Permission::Read, resource);
    for denied in ["team-a/secret/x", "team-a//secret/x", "team-a///secret//x", "team-a/secret//x"] {
        assert!(!allows(&object(denied)), "{denied}");
        assert!(!allows(&listing(denied)), "{denied}");
    }
    for listed in ["team-a//", "team-a//sec", "team-a//secret", "team-a//secret/"] {
        assert!(!allows(&listing(listed)), "{listed}: it may show what is denied");
    }
    for allowed in ["team-a//data/x", "team-a/secret-not/x", "team-a//secretary"] {
        assert!(allows(&object(allowed)), "{allowed}");
    }
    // a grant is taken at its word: what it does not begin is not granted
    assert!(!allows(&object("/team-a/data/x")));
}
