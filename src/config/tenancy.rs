//! `tenancy` of `osp.yaml`: which namespaces may claim which host.

use osp_core::model::{HostRule, LabelSelector};
use serde::Deserialize;
use serde_yaml::Value;

use super::value;

/// As it is spelled.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tenancy {
    #[serde(default)]
    hosts: Vec<Host>,
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
struct Selector {
    #[serde(rename = "matchLabels")]
    match_labels: std::collections::BTreeMap<String, String>,
}

/// The rules, and everything that is wrong: path below `tenancy` and reason.
pub(super) fn hosts(file: Value, base_hosts: &[String], problems: &mut Vec<(String, String)>) -> Vec<HostRule> {
    let tenancy = match serde_yaml::from_value::<Tenancy>(file) {
        Ok(tenancy) => tenancy,
        Err(error) => {
            problems.push((String::new(), error.to_string()));
            return Vec::new();
        }
    };
    let mut rules: Vec<HostRule> = Vec::new();
    for (index, Host { host, selector }) in tenancy.hosts.into_iter().enumerate() {
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
        if selector.match_labels.is_empty() {
            wrong("namespaceSelector.matchLabels", "must have at least one label".to_owned());
        }
        rules.push(HostRule { host, namespaces: LabelSelector { match_labels: selector.match_labels } });
    }
    rules
}
