use osp_core::model::{ObjectName, Problem};

use super::*;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);

fn said(condition: &'static str, reason: Reason, message: &str) -> Rejection {
    let problem = Problem { field: "spec.x".to_owned(), reason, message: message.to_owned() };
    Rejection { kind: "BucketRoute", name: ObjectName::new("team-a", "data"), condition, problem }
}

/// `type=status/reason` of every condition, in order.
fn shown(kind: Kind, rejections: &[Rejection], notices: &[Rejection], in_table: bool) -> Vec<String> {
    let (rejections, notices): (Vec<_>, Vec<_>) = (rejections.iter().collect(), notices.iter().collect());
    let verdict = Verdict { kind, rejections: &rejections, notices: &notices, in_table, unseen: Unseen::Unlabelled };
    conditions(&verdict).iter().map(|one| format!("{}={}/{}", one.condition, one.status, one.reason)).collect()
}

#[test]
fn k_api_2_every_positive_condition_is_written_on_first_sight() {
    assert_eq!(
        shown(Kind::BucketRoute, &[], &[], true),
        ["Accepted=True/Accepted", "ResolvedRefs=True/ResolvedRefs", "Programmed=True/Programmed", "Ready=True/Ready"]
    );
    assert_eq!(
        shown(Kind::CredentialSource, &[], &[], false),
        ["Accepted=True/Accepted", "ResolvedRefs=True/ResolvedRefs", "Ready=True/Ready"]
    );
    assert_eq!(shown(Kind::ClientIdentity, &[], &[], false), ["Accepted=True/Accepted", "Ready=True/Ready"]);
}

#[test]
fn k_api_2_a_refused_route_says_why_it_is_not_served() {
    assert_eq!(
        shown(Kind::BucketRoute, &[said("Accepted", Reason::Conflicted, "claimed")], &[], false),
        [
            "Accepted=False/Conflicted",
            "ResolvedRefs=Unknown/NotAccepted",
            "Programmed=False/NotAccepted",
            "Ready=False/Conflicted"
        ]
    );
    assert_eq!(
        shown(Kind::BucketRoute, &[said("ResolvedRefs", Reason::CredentialNotFound, "none")], &[], false),
        [
            "Accepted=True/Accepted",
            "ResolvedRefs=False/CredentialNotFound",
            "Programmed=False/Pending",
            "Ready=False/CredentialNotFound"
        ]
    );
}

#[test]
fn k_api_2_a_served_route_with_a_broken_grant_is_programmed_and_not_ready() {
    assert_eq!(
        shown(Kind::BucketRoute, &[said("ResolvedRefs", Reason::ClientNotFound, "none")], &[], true),
        [
            "Accepted=True/Accepted",
            "ResolvedRefs=False/ClientNotFound",
            "Programmed=True/Programmed",
            "Ready=False/ClientNotFound"
        ]
    );
}

#[test]
fn k_api_2_notices_are_true_with_a_reason() {
    let notices = [
        said("InsecureBackend", Reason::InsecureBackend, "not checked"),
        said("Programmed", Reason::PartiallyProgrammed, "1 of 2"),
    ];
    assert_eq!(
        shown(Kind::BucketRoute, &[], &notices, true),
        [
            "Accepted=True/Accepted",
            "ResolvedRefs=True/ResolvedRefs",
            "Programmed=True/PartiallyProgrammed",
            "InsecureBackend=True/InsecureBackend",
            "Ready=True/Ready"
        ]
    );
    let duplicate = [said("Ready", Reason::DuplicateAccessKey, "shared")];
    assert_eq!(
        shown(Kind::ClientIdentity, &[], &duplicate, false),
        ["Accepted=True/Accepted", "Ready=True/DuplicateAccessKey"]
    );
}

#[test]
fn k_api_2_a_missing_secret_is_said_with_what_may_hide_it() {
    let hints = [
        (Unseen::Unlabelled, "spec.x: there is none (among those labelled osp.flexworks.eu/watch=true)"),
        (Unseen::Beyond, "spec.x: there is none (among the 500 that are watched by name: more are referred to)"),
        (Unseen::Nothing, "spec.x: there is none"),
    ];
    for (unseen, message) in hints {
        let missing = said("Ready", Reason::SecretNotFound, "there is none");
        let rejections = [&missing];
        let verdict =
            Verdict { kind: Kind::ClientIdentity, rejections: &rejections, notices: &[], in_table: false, unseen };
        let ready = conditions(&verdict).pop().unwrap();
        assert_eq!((ready.status, ready.reason), ("False", Reason::SecretNotFound));
        assert_eq!(ready.message, message);
    }
}

#[test]
fn messages_are_bounded() {
    let many: Vec<Rejection> =
        (0..40).map(|number| said("Accepted", Reason::Invalid, &format!("{number} {}", "x".repeat(500)))).collect();
    let rejections: Vec<&Rejection> = many.iter().collect();
    let unseen = Unseen::Unlabelled;
    let verdict = Verdict { kind: Kind::BucketRoute, rejections: &rejections, notices: &[], in_table: false, unseen };
    for one in conditions(&verdict) {
        assert!(one.message.chars().count() <= LONGEST_MESSAGE);
    }
}

fn desired(status: &'static str, generation: i64) -> Desired {
    let condition = Wanted { condition: "Ready", status, reason: Reason::Ready, message: String::new() };
    Desired {
        version: Version::default().into(),
        generation: Some(generation),
        conditions: vec![condition],
        fields: [("type", "Secret".to_owned())].into(),
    }
}

#[test]
fn k_api_2_what_was_written_is_not_written_again_and_times_move_on_flips() {
    let first = desired("True", 1).difference(&Observed::default(), NOW).unwrap();
    assert_eq!(first.status["type"], "Secret");
    assert_eq!(first.status["conditions"][0]["lastTransitionTime"], rfc3339(NOW));
    let observed = Observed::read(&first.status);
    assert_eq!(desired("True", 1).difference(&observed, NOW.plus_seconds(60)), None);

    let newer = desired("True", 2).difference(&observed, NOW.plus_seconds(60)).unwrap();
    assert_eq!(newer.status["conditions"][0]["lastTransitionTime"], rfc3339(NOW), "it did not flip");
    assert_eq!((&newer.status["observedGeneration"], newer.warnings.len()), (&json!(2), 0));

    let flipped = desired("False", 1).difference(&observed, NOW.plus_seconds(60)).unwrap();
    assert_eq!(flipped.status["conditions"][0]["lastTransitionTime"], rfc3339(NOW.plus_seconds(60)));
}

#[test]
fn k_api_2_conditions_of_others_are_not_ours_and_ours_that_no_longer_hold_are_removed() {
    let status = desired("True", 1).difference(&Observed::default(), NOW).unwrap().status;
    let mut others = status.clone();
    others["conditions"].as_array_mut().unwrap().push(json!({ "type": "example.com/Backup", "status": "True" }));
    assert_eq!(desired("True", 1).difference(&Observed::read(&others), NOW), None);
    let mut stale = status;
    stale["conditions"].as_array_mut().unwrap().push(json!({ "type": "InsecureBackend", "status": "True" }));
    let patch = desired("True", 1).difference(&Observed::read(&stale), NOW).unwrap();
    assert_eq!(patch.status["conditions"].as_array().unwrap().len(), 1);
}

#[test]
fn what_turns_false_is_a_warning_once() {
    let accepted = |status| Desired {
        version: Version::default().into(),
        generation: Some(1),
        conditions: vec![Wanted { condition: "Accepted", status, reason: Reason::Invalid, message: String::new() }],
        fields: BTreeMap::new(),
    };
    let first = accepted("False").difference(&Observed::default(), NOW).unwrap();
    assert_eq!(first.warnings.len(), 1);
    let mut observed = first.status;
    observed["observedGeneration"] = json!(0);
    let again = accepted("False").difference(&Observed::read(&observed), NOW).unwrap();
    assert!(again.warnings.is_empty(), "another generation of the same mistake");
    assert!(accepted("True").difference(&Observed::read(&observed), NOW).unwrap().warnings.is_empty());
}
