//! `BucketRoute.spec.cors`. Meaning: `lower/cors.rs`. The words are those of AWS's `CORSRule`.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pages that may use the bucket from a browser, and how.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CorsRule {
    /// Origins of pages, such as https://app.example.com. One * stands for any text, as in https://*.example.com.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_origins: Vec<Origin>,
    /// Methods that their scripts may use.
    #[schemars(length(min = 1, max = 5))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_methods: Vec<CorsMethod>,
    /// Headers that their scripts may send, in any case. One * stands for any text, as in x-amz-*. Default: only those that
    /// browsers let every page send.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_headers: Option<Vec<HeaderPattern>>,
    /// Headers of answers that their scripts may read, such as ETag. Default: only those that browsers show to every page.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub expose_headers: Option<Vec<HeaderField>>,
    /// For how long a browser may remember that these requests are allowed. Default: as long as the browser likes.
    #[schemars(range(min = 0, max = 86400))]
    pub max_age_seconds: Option<i32>,
}

/// Methods of requests from pages of other origins.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum CorsMethod {
    Get,
    Head,
    Put,
    Post,
    Delete,
}

/// The origin of a page, or a pattern of such with one `*`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Origin(
    #[schemars(
        extend("x-kubernetes-validations" = [{
            "rule": "!self.matches('//.*/')",
            "message": "an origin ends with its host or port, without a path and a slash, such as https://app.example.com"
        }]),
        length(min = 1, max = 268),
        regex(pattern = r"^[!-)+-~]*\*?[!-)+-~]*$")
    )]
    String,
);

/// The name of a header, or a pattern of such with one `*`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct HeaderPattern(
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[A-Za-z0-9!#$%&'+.^_`|~-]*\*?[A-Za-z0-9!#$%&'+.^_`|~-]*$")
    )]
    String,
);

/// The name of a header.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct HeaderField(
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9!#$%&'+.^_`|~-]+$"))] String,
);
