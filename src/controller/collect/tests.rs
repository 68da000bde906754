use proptest::prelude::*;

use super::*;
use osp_core::s3::BucketName;
use osp_core::table::{Asker, Lookup, compile};

fn documents(text: &str) -> Vec<Document> {
    text.split("---\n")
        .enumerate()
        .map(|(index, text)| Document {
            origin: Origin { file: "a.yaml".into(), document: index + 1 },
            value: serde_json::to_value(serde_yaml::from_str::<serde_yaml::Value>(text).unwrap()).unwrap(),
        })
        .collect()
}

fn route(name: &str, bucket: &str) -> String {
    format!(
        "{{apiVersion: osp.flexworks.eu/v1alpha1, kind: BucketRoute, metadata: {{name: {name}}}, spec: {{match: \
         {{bucket: {bucket}}}, backends: [{{name: a, endpoint: 'http://127.0.0.1:9000', credentialRef: {{name: k}}}}]}}}}\n"
    )
}

const SOURCE: &str = "{apiVersion: osp.flexworks.eu/v1alpha1, kind: CredentialSource, metadata: {name: k}, spec: \
                      {anonymous: {}}}\n";

fn lookup(loaded: &Loaded, bucket: &str) -> Lookup {
    compile(&loaded.snapshot).table.lookup(
        Asker { host: None, namespace: "default" },
        &BucketName::parse(bucket).unwrap(),
        "",
    )
}

fn lines(loaded: &Loaded) -> Vec<String> {
    loaded.findings_with(&compile(&loaded.snapshot).rejections).iter().map(ToString::to_string).collect()
}

#[test]
fn a_route_and_its_source_are_served() {
    let loaded = collect(documents(&[route("a", "data"), SOURCE.into()].join("---\n")), &ProcessRules::default());
    assert!(matches!(lookup(&loaded, "data"), Lookup::Served(_)));
    assert_eq!(lines(&loaded), Vec::<String>::new());
}

#[test]
fn the_same_object_twice_makes_both_invalid() {
    let loaded = collect(
        documents(&[route("a", "data"), SOURCE.into(), route("a", "data")].join("---\n")),
        &ProcessRules::default(),
    );
    assert!(matches!(lookup(&loaded, "data"), Lookup::Broken));
    assert!(matches!(lookup(&loaded, "other"), Lookup::Absent));
    let line = |number| {
        format!(
            "a.yaml#{number} BucketRoute default/a metadata.name: Invalid: the same object stands in 2 documents: \
             none of them counts"
        )
    };
    assert_eq!(lines(&loaded), [line(1), line(3)]);

    let loaded =
        collect(documents(&[route("a", "data"), SOURCE.into(), SOURCE.into()].join("---\n")), &ProcessRules::default());
    assert!(matches!(lookup(&loaded, "data"), Lookup::Broken));
}

#[test]
fn law_2_two_documents_of_one_route_with_two_buckets_leave_no_name_absent() {
    let loaded = collect(
        documents(&[route("a", "data"), SOURCE.into(), route("a", "more")].join("---\n")),
        &ProcessRules::default(),
    );
    for bucket in ["data", "more", "other"] {
        assert!(matches!(lookup(&loaded, bucket), Lookup::Unknown), "{bucket}");
    }
}

#[test]
fn the_same_name_in_two_namespaces_or_kinds_is_no_duplicate() {
    let other = SOURCE.replace("{name: k}", "{name: k, namespace: team}");
    let loaded =
        collect(documents(&[route("k", "data"), SOURCE.into(), other].join("---\n")), &ProcessRules::default());
    assert_eq!(lines(&loaded), Vec::<String>::new());
    assert_eq!(loaded.snapshot.credentials.len(), 2);
}

#[test]
fn k_api_6_a_route_without_a_readable_name_still_breaks_its_bucket() {
    let loaded = collect(
        documents(&[route("Bad_Name", "data"), route("b", "more"), SOURCE.into()].join("---\n")),
        &ProcessRules::default(),
    );
    assert!(matches!(lookup(&loaded, "data"), Lookup::Broken));
    assert!(matches!(lookup(&loaded, "more"), Lookup::Served(_)));
    assert!(lines(&loaded)[0].starts_with("a.yaml#1 BucketRoute (no name) metadata.name: Invalid: must be"));

    // And it takes no bucket from a document that has one.
    let loaded = collect(
        documents(&[route("Bad_Name", "data"), route("b", "data"), SOURCE.into()].join("---\n")),
        &ProcessRules::default(),
    );
    assert!(matches!(lookup(&loaded, "data"), Lookup::Served(_)));
}

#[test]
fn an_unknown_version_of_our_kinds_is_present_and_invalid() {
    let newer = route("a", "data").replace("v1alpha1", "v1beta1");
    let loaded = collect(documents(&newer), &ProcessRules::default());
    assert!(matches!(lookup(&loaded, "data"), Lookup::Broken));
}

#[test]
fn unknown_kinds_and_broken_secrets_are_reported_and_disturb_nobody() {
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: p}}\n".to_owned();
    let secret = "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: '?'}}\n".to_owned();
    let loaded =
        collect(documents(&[route("a", "data"), SOURCE.into(), pod, secret].join("---\n")), &ProcessRules::default());
    assert!(matches!(lookup(&loaded, "data"), Lookup::Served(_)));
    assert!(loaded.snapshot.secrets.is_empty());
    let lines = lines(&loaded);
    assert!(lines[0].starts_with("a.yaml#3 Pod default/p kind: Invalid: must be one of BucketRoute"), "{lines:?}");
    assert!(lines[1].starts_with("a.yaml#4 Secret default/s data.a: Invalid: must be base64"), "{lines:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// K-API-3: the order of documents does not show.
    #[test]
    fn k_api_3_any_order_of_documents_gives_the_same_snapshot(
        order in Just((0..7).collect::<Vec<usize>>()).prop_shuffle()
    ) {
        let all = || documents(&[
            route("a", "data"), route("b", "data"), route("b", "more"), route("c", "more"),
            SOURCE.to_owned(), route("Bad", "bad"), "{kind: Pod}\n".to_owned(),
        ].join("---\n"));
        let mut shuffled: Vec<Option<Document>> = all().into_iter().map(Some).collect();
        let shuffled: Vec<Document> = order.iter().map(|&index| shuffled[index].take().unwrap()).collect();
        let (one, other) = (collect(all(), &ProcessRules::default()), collect(shuffled, &ProcessRules::default()));
        prop_assert_eq!(&one.snapshot, &other.snapshot);
        prop_assert_eq!(lines(&one), lines(&other));
        prop_assert_eq!(
            compile(&one.snapshot).table.fingerprint(),
            compile(&other.snapshot).table.fingerprint()
        );
    }
}
