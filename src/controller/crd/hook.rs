//! `spec.hooks` of a route. Meaning: `lower/hook.rs`.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::Duration;

/// A hook that is asked.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hook {
    /// Name of a hook that the operator of the gateway has mounted.
    pub name: HookName,
    /// How long a request waits for its answer, from 10ms to 10s. Default: a setting of the gateway.
    #[x_kube(validation = Rule::new("duration(self) >= duration('10ms') && duration(self) <= duration('10s')")
        .message("timeout must be a duration from 10ms to 10s"))]
    pub timeout: Option<Duration>,
    /// What becomes of a request to which the hook gives no answer. Deny, the only value: 503.
    #[schemars(extend("default" = "Deny"))]
    pub failure_policy: Option<FailurePolicy>,
    /// Enforce: its answer decides. Shadow: its answer is recorded and decides nothing.
    #[schemars(extend("default" = "Enforce"))]
    pub mode: Option<HookMode>,
}

/// The name of a hook: that of its file, without .py.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct HookName(
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$"))] String,
);

/// What no answer means.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub enum FailurePolicy {
    Deny,
}

/// What an answer is for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub enum HookMode {
    Enforce,
    Shadow,
}
