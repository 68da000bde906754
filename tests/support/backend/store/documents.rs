//! Sub-resources: tags, ACLs, locks and attributes of objects, the configuration of buckets. What was put comes back.

use super::{Answer, Head, Query, Store};

/// Bucket, key (none for the bucket itself), version (none for the current one), sub-resource.
pub(super) type Place = (String, String, String, &'static str);

/// Sub-resources of a bucket, and the code for one that was never put.
const OF_BUCKETS: [(&str, &str); 15] = [
    ("accelerate", ""),
    ("acl", ""),
    ("cors", "NoSuchCORSConfiguration"),
    ("encryption", "ServerSideEncryptionConfigurationNotFoundError"),
    ("intelligent-tiering", ""),
    ("lifecycle", "NoSuchLifecycleConfiguration"),
    ("object-lock", "ObjectLockConfigurationNotFoundError"),
    ("ownershipControls", ""),
    ("policy", "NoSuchBucketPolicy"),
    ("policyStatus", ""),
    ("publicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
    ("requestPayment", ""),
    ("tagging", "NoSuchTagSet"),
    ("versioning", ""),
    ("website", "NoSuchWebsiteConfiguration"),
];
const OF_OBJECTS: [(&str, &str); 4] = [
    ("acl", ""),
    ("legal-hold", "NoSuchObjectLockConfiguration"),
    ("retention", "NoSuchObjectLockConfiguration"),
    ("tagging", ""),
];

impl Store {
    /// `None` for a request that is not about a sub-resource of this kind.
    pub(super) fn serve_document(
        &mut self,
        head: &Head,
        (bucket, key): (&str, &str),
        query: &Query,
        body: &[u8],
    ) -> Option<Answer> {
        let version = query.value("versionId");
        if !key.is_empty() && query.has("attributes") && head.method == "GET" {
            return Some(self.attributes(head, (bucket, key), version));
        }
        if !key.is_empty() && query.has("restore") && head.method == "POST" {
            return Some(Answer::new(202, "").header("x-amz-restore-output-path", "hidden-backend-bucket/restored"));
        }
        let known: &[(&'static str, &'static str)] = if key.is_empty() { &OF_BUCKETS } else { &OF_OBJECTS };
        let &(name, missing) = known.iter().find(|(name, _)| query.has(name))?;
        if !key.is_empty() && self.found(bucket, key, version).is_none() {
            return Some(Answer::error(404, "NoSuchKey", "no such object"));
        }
        let place: Place = (bucket.to_owned(), key.to_owned(), version.unwrap_or_default().to_owned(), name);
        Some(match head.method.as_str() {
            "PUT" => {
                let text = String::from_utf8_lossy(body).into_owned();
                if name == "versioning" && text.contains("<Status>Enabled") {
                    self.keep_versions(bucket);
                }
                let canned = head.header("x-amz-acl").map(acl);
                self.documents.insert(place, canned.unwrap_or(text));
                Answer::new(200, "")
            }
            "DELETE" => {
                self.documents.remove(&place);
                Answer::new(204, "")
            }
            "GET" => match (self.documents.get(&place), missing) {
                (Some(text), _) => Answer::new(200, text.as_bytes()).header("Content-Type", "application/xml"),
                (None, "") => Answer::xml(200, &default(name, query.has("id"))),
                (None, code) => Answer::error(404, code, "nothing of the kind"),
            },
            _ => Answer::error(405, "MethodNotAllowed", "method"),
        })
    }

    /// What the headers of a new object put beside it.
    pub(super) fn keep_documents_of(&mut self, head: &Head, (bucket, key): (&str, &str), version: Option<&str>) {
        let tags = head.header("x-amz-tagging").map(|tags| ("tagging", format!("<Tagging>{tags}</Tagging>")));
        let acl = head.header("x-amz-acl").map(|canned| ("acl", acl(canned)));
        let mode = head.header("x-amz-object-lock-mode");
        let retention = mode.map(|mode| ("retention", format!("<Retention><Mode>{mode}</Mode></Retention>")));
        for (name, text) in tags.into_iter().chain(acl).chain(retention) {
            for version in ["", version.unwrap_or_default()] {
                let place = (bucket.to_owned(), key.to_owned(), version.to_owned(), name);
                self.documents.insert(place, text.clone());
            }
        }
    }

    /// A lock keeps this version.
    pub(super) fn is_retained(&self, (bucket, key): (&str, &str), version: Option<&str>) -> bool {
        let place = (bucket.to_owned(), key.to_owned(), version.unwrap_or_default().to_owned(), "retention");
        self.documents.get(&place).is_some_and(|text| text.contains("<Mode>"))
    }

    fn attributes(&self, head: &Head, (bucket, key): (&str, &str), version: Option<&str>) -> Answer {
        let Some(object) = self.found(bucket, key, version) else {
            return Answer::error(404, "NoSuchKey", "no such object");
        };
        let Some(wanted) = head.header("x-amz-object-attributes") else {
            return Answer::error(400, "InvalidArgument", "no attributes are asked for");
        };
        let mut text = String::new();
        if wanted.contains("ETag") {
            text.push_str(&format!("<ETag>{}</ETag>", object.tag()));
        }
        if wanted.contains("ObjectSize") {
            text.push_str(&format!("<ObjectSize>{}</ObjectSize>", object.data.len()));
        }
        Answer::xml(200, &format!("<GetObjectAttributesResponse>{text}</GetObjectAttributesResponse>"))
    }
}

fn default(name: &str, one: bool) -> String {
    match name {
        "acl" => acl("private"),
        "tagging" => "<Tagging><TagSet></TagSet></Tagging>".to_owned(),
        "versioning" => "<VersioningConfiguration/>".to_owned(),
        "accelerate" => "<AccelerateConfiguration/>".to_owned(),
        "intelligent-tiering" if one => "<IntelligentTieringConfiguration/>".to_owned(),
        "intelligent-tiering" => "<ListBucketIntelligentTieringConfigurationsOutput/>".to_owned(),
        "ownershipControls" => "<OwnershipControls/>".to_owned(),
        "policyStatus" => "<PolicyStatus/>".to_owned(),
        _ => "<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>".to_owned(),
    }
}

/// An ACL with accounts of the backend in it.
fn acl(canned: &str) -> String {
    let public = if canned.starts_with("public") {
        "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"Group\"><URI>\
         http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission></Grant>"
    } else {
        ""
    };
    format!(
        "<AccessControlPolicy><Owner><ID>hidden-owner</ID><DisplayName>hidden-owner</DisplayName></Owner>\
         <AccessControlList><Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:type=\"CanonicalUser\"><ID>hidden-owner</ID><DisplayName>hidden-owner</DisplayName></Grantee>\
         <Permission>FULL_CONTROL</Permission></Grant>{public}</AccessControlList></AccessControlPolicy>"
    )
}
