//! The region that a backend names as the one of a bucket, and where AWS serves it (RN-6).

use super::Endpoint;

/// Longest name of a region: longer ones than any provider's.
const MAX_BYTES: usize = 63;

/// A region as a backend names it in an answer. It becomes a part of credential scopes and, for AWS, of a host name:
/// ASCII letters, digits, `-` and `_` only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Region(String);

impl Region {
    /// `None` for anything that is not the name of a region.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        ((1..=MAX_BYTES).contains(&text.len()) && text.bytes().all(is_name)).then(|| Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Domains of AWS's S3, one per partition, and how the regions of the partition begin. Source: AWS General Reference,
/// "Amazon S3 endpoints".
const PARTITIONS: [(&str, &str); 3] =
    [(".amazonaws.com.cn", "cn-"), (".amazonaws.eu", "eusc-"), (".amazonaws.com", "")];

/// What stands before the region in the documented host names.
const SERVICES: [&str; 4] = ["s3-fips.dualstack", "s3.dualstack", "s3-fips", "s3"];

impl Endpoint {
    /// The endpoint that serves another region, in AWS's documented form and in the partition of this one; scheme and port
    /// stay. `None` when this is no such endpoint, or that no region of its partition: then only the signature can change,
    /// never the host. Interface and accelerate endpoints, access points and other providers are none.
    #[must_use]
    pub fn in_region(&self, region: &Region) -> Option<Self> {
        let (domain, prefix) = PARTITIONS.iter().find(|(domain, _)| self.host.ends_with(domain))?;
        let others = PARTITIONS.iter().filter(|(_, other)| !other.is_empty() && other != prefix);
        let region = region.as_str();
        if !is_aws(region)
            || !region.starts_with(prefix)
            || others.into_iter().any(|(_, other)| region.starts_with(other))
        {
            return None;
        }
        let service = service(self.host.strip_suffix(domain)?)?;
        Some(Self { host: format!("{service}.{region}{domain}"), ..self.clone() })
    }
}

/// The service of a host name without its domain: `s3`, `s3.REGION`, the old `s3-REGION`, and their variants.
fn service(name: &str) -> Option<&'static str> {
    let of_region =
        |service: &&str| name.strip_prefix(*service).and_then(|rest| rest.strip_prefix('.')).is_some_and(is_aws);
    if name == "s3" || name.strip_prefix("s3-").is_some_and(is_aws) {
        return Some("s3");
    }
    SERVICES.into_iter().find(of_region)
}

/// `eu-central-1`, `us-gov-west-1`, `eusc-de-east-1`: words, and a number at the end.
fn is_aws(region: &str) -> bool {
    let mut parts = region.rsplit('-');
    let is_number = parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let words: Vec<&str> = parts.collect();
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    is_number && words.len() >= 2 && words.iter().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_of(host: &str, region: &str) -> Option<String> {
        let endpoint = Endpoint::parse(&format!("https://{host}:8443")).unwrap();
        let moved = endpoint.in_region(&Region::parse(region).unwrap())?;
        assert_eq!((moved.tls, moved.port), (true, 8443));
        Some(moved.host)
    }

    #[test]
    fn rn_6_a_region_is_a_plain_name() {
        for text in ["us-east-1", "garage", "default", "EU", "eu_de", &"a".repeat(63)] {
            assert_eq!(Region::parse(text).as_ref().map(Region::as_str), Some(text));
        }
        for text in ["", "a/b", "a.b", "evil.test", "a b", "a\r\nb", "a:1", "@", "é", &"a".repeat(64)] {
            assert_eq!(Region::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn rn_6_an_endpoint_of_aws_has_one_in_every_region_of_its_partition() {
        for (host, region, expected) in [
            ("s3.amazonaws.com", "eu-west-1", "s3.eu-west-1.amazonaws.com"),
            ("s3.us-east-1.amazonaws.com", "us-gov-west-1", "s3.us-gov-west-1.amazonaws.com"),
            ("s3-eu-west-1.amazonaws.com", "ap-southeast-5", "s3.ap-southeast-5.amazonaws.com"),
            ("s3.dualstack.us-east-1.amazonaws.com", "eu-west-1", "s3.dualstack.eu-west-1.amazonaws.com"),
            ("s3-fips.us-east-1.amazonaws.com", "us-west-2", "s3-fips.us-west-2.amazonaws.com"),
            ("s3-fips.dualstack.us-east-1.amazonaws.com", "us-west-2", "s3-fips.dualstack.us-west-2.amazonaws.com"),
            ("s3.cn-north-1.amazonaws.com.cn", "cn-northwest-1", "s3.cn-northwest-1.amazonaws.com.cn"),
            ("s3.eusc-de-east-1.amazonaws.eu", "eusc-de-east-2", "s3.eusc-de-east-2.amazonaws.eu"),
        ] {
            assert_eq!(host_of(host, region).as_deref(), Some(expected));
        }
    }

    #[test]
    fn rn_6_no_other_host_ever_changes() {
        for (host, region) in [
            ("minio.example.com", "eu-west-1"),
            ("s3.eu-de.cloud-object-storage.appdomain.cloud", "eu-west-1"),
            ("s3.us-east-1.amazonaws.com.evil.test", "eu-west-1"),
            ("evil-s3.amazonaws.com", "eu-west-1"),
            ("bucket.s3.us-east-1.amazonaws.com", "eu-west-1"),
            ("s3-accelerate.amazonaws.com", "eu-west-1"),
            ("bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com", "eu-west-1"),
            ("sts.us-east-1.amazonaws.com", "eu-west-1"),
            ("amazonaws.com", "eu-west-1"),
            // another partition has other keys
            ("s3.us-east-1.amazonaws.com", "cn-north-1"),
            ("s3.us-east-1.amazonaws.com", "eusc-de-east-1"),
            ("s3.cn-north-1.amazonaws.com.cn", "eu-west-1"),
            ("s3.cn-north-1.amazonaws.com.cn", "eusc-de-east-1"),
            // no regions of AWS
            ("s3.amazonaws.com", "us-east"),
            ("s3.amazonaws.com", "EU"),
            ("s3.amazonaws.com", "garage"),
            ("s3.amazonaws.com", "us--1"),
            ("s3.amazonaws.com", "evil_test-a-1"),
        ] {
            assert_eq!(host_of(host, region), None, "{host} {region}");
        }
    }
}
