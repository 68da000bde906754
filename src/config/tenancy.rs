//! `tenancy` of `osp.yaml`: which namespaces may claim which host, and which patterns of buckets.

use osp_core::model::{HostRule, LabelSelector, PatternRule};
use osp_core::s3::BucketPattern;
use serde::Deserialize;
use serde_yaml::Value;

use super::value;

/// Who may claim what.
#[derive(Debug, Default)]
pub(super) struct Tenancy {
    pub(super) hosts: Vec<HostRule>,
    /// `None` = nothing is said of patterns.
    pub(super) patterns: Option<Vec<PatternRule>>,
}

/// As it is spelled.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spelled {
    #[serde(default)]
    hosts: Vec<Host>,
    #[serde(rename = "bucketPatterns")]
    patterns: Option<Vec<Pattern>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Host {
    host: String,
    #[serde(rename = "namespaceSelector")]
    selector: Selector,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    pattern: String,
    #[serde(rename = "namespaceSelector")]
    selector: Selector,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Selector {
    #[serde(rename = "matchLabels")]
    match_labels: std::collections::BTreeMap<String, String>,
}

/// Path below `tenancy`, and reason.
type Problems = Vec<(String, String)>;

/// The rules, and everything that is wrong.
pub(super) fn read(file: Value, base_hosts: &[String], problems: &mut Problems) -> Tenancy {
    let Spelled { hosts, patterns } = match serde_yaml::from_value(file) {
        Ok(spelled) => spelled,
        Err(error) => {
            problems.push((String::new(), error.to_string()));
            return Tenancy::default();
        }
    };
    let hosts = host_rules(hosts, base_hosts, problems);
    Tenancy { hosts, patterns: patterns.map(|patterns| pattern_rules(patterns, problems)) }
}

fn host_rules(hosts: Vec<Host>, base_hosts: &[String], problems: &mut Problems) -> Vec<HostRule> {
    let mut rules: Vec<HostRule> = Vec::new();
    for (index, Host { host, selector }) in hosts.into_iter().enumerate() {
        let mut wrong = |field: &str, reason: String| problems.push((format!(".hosts[{index}].{field}"), reason));
        let host = match value::host_name(&host) {
            Ok(host) => host,
            Err(reason) => {
                wrong("host", reason);
                continue;
            }
        };
        if !base_hosts.contains(&host) {
            wrong("host", format!("{host:?} is not among baseHosts"));
        }
        if rules.iter().any(|rule| rule.host == host) {
            wrong("host", format!("{host:?} has a rule already: write one rule"));
        }
        rules.push(HostRule { host, namespaces: selector.read(wrong) });
    }
    rules
}

/// Several rules may be about one pattern: each adds namespaces.
fn pattern_rules(patterns: Vec<Pattern>, problems: &mut Problems) -> Vec<PatternRule> {
    let mut rules = Vec::new();
    for (index, Pattern { pattern, selector }) in patterns.into_iter().enumerate() {
        let mut wrong =
            |field: &str, reason: String| problems.push((format!(".bucketPatterns[{index}].{field}"), reason));
        match BucketPattern::parse(&pattern) {
            Some(pattern) => rules.push(PatternRule { pattern, namespaces: selector.read(wrong) }),
            None => wrong("pattern", format!("{pattern:?} is not the beginning of a bucket name with a * behind it")),
        }
    }
    rules
}

impl Selector {
    fn read(self, mut wrong: impl FnMut(&str, String)) -> LabelSelector {
        if self.match_labels.is_empty() {
            wrong("namespaceSelector.matchLabels", "must have at least one label".to_owned());
        }
        LabelSelector { match_labels: self.match_labels }
    }
}
