use std::fs;

use super::*;

fn check(dir: &Path) -> Report {
    super::check(dir, &ProcessRules::default())
}

const QUICKSTART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/quickstart");

const BROKEN: &str = "\
apiVersion: osp.flexworks.eu/v1alpha1
kind: BucketRoute
metadata: {name: bad}
spec:
  match: {bucket: bad}
  backends:
  - {name: a, endpoint: 'ftp://x', credentialRef: {name: k}, weights: 3}
---
apiVersion: osp.flexworks.eu/v1alpha1
kind: BucketRoute
metadata: {name: good}
spec:
  match: {bucket: good}
  backends:
  - {name: a, endpoint: 'http://x', credentialRef: {name: k}}
";

#[test]
fn the_quickstart_is_clean() {
    let report = check(Path::new(QUICKSTART));
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.to_string(), "");
}

#[test]
fn every_problem_has_a_line_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file.yaml"), BROKEN).unwrap();
    let report = check(dir.path());
    assert!(!report.is_clean());
    assert_eq!(
        report.to_string(),
        "file.yaml#1 BucketRoute default/bad spec.backends[0].endpoint: Invalid: must begin with http:// or https://\n\
         file.yaml#1 BucketRoute default/bad spec.backends[0].weights: Invalid: unknown or not yet supported field\n\
         file.yaml#2 BucketRoute default/good spec.backends[0].credentialRef.name: CredentialNotFound: there is no \
         usable CredentialSource of this name in this namespace\n"
    );
}

#[test]
fn unparsable_files_and_the_problems_of_the_others_come_together() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file.yaml"), BROKEN).unwrap();
    fs::write(dir.path().join("other.yaml"), "{").unwrap();
    let report = check(dir.path());
    let text = report.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("other.yaml: document 1: "), "{text}");
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[1..].iter().all(|line| line.starts_with("file.yaml#1 ")), "{text}");
}
