//! `credentials` of `osp.yaml`: what holds for credentials of backends that are fetched.

use std::time::Duration;

use osp_core::model::TokenEndpoint;
use serde::Deserialize;
use serde_yaml::Value;

use super::value;

/// As decisions are kept, and the original product's: five minutes.
const DEFAULT_TTL: Duration = Duration::from_secs(300);
/// Whoever takes a key away has waited long enough.
const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// Settings of fetched credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedCredentials {
    /// How long keys of hooks are kept that tell no end; 0 = the hook is asked for every request.
    pub ttl: Duration,
    /// Where API keys are exchanged that hooks return.
    pub token_endpoint: TokenEndpoint,
}

/// As it is spelled.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spelled {
    ttl: Option<String>,
    #[serde(rename = "tokenEndpoint")]
    token_endpoint: Option<String>,
}

impl Default for FetchedCredentials {
    fn default() -> Self {
        Self { ttl: DEFAULT_TTL, token_endpoint: TokenEndpoint::of_ibm_cloud() }
    }
}

/// The settings, and everything that is wrong.
pub(super) fn read(file: Value, problems: &mut Vec<(String, String)>) -> FetchedCredentials {
    let mut read = FetchedCredentials::default();
    match serde_yaml::from_value::<Spelled>(file) {
        Err(error) => problems.push((String::new(), error.to_string())),
        Ok(Spelled { ttl, token_endpoint }) => {
            match ttl.map(|text| value::duration(&text, Duration::ZERO, LONGEST_TTL)) {
                Some(Ok(ttl)) => read.ttl = ttl,
                Some(Err(reason)) => problems.push((".ttl".to_owned(), reason)),
                None => {}
            }
            match token_endpoint.map(|text| TokenEndpoint::parse(&text)) {
                Some(Ok(endpoint)) => read.token_endpoint = endpoint,
                Some(Err(reason)) => problems.push((".tokenEndpoint".to_owned(), reason.to_owned())),
                None => {}
            }
        }
    }
    read
}
