//! What single values may look like. Each function says in its error what would be right.

use std::time::Duration;

use ipnet::IpNet;
use osp_core::model::{HostPort, format_duration, parse_duration};

/// Longer names do not fit a label or a header line that people read.
const LONGEST_NAME: usize = 64;
/// Of a whole host name, in characters (RFC 1035 2.3.4).
const LONGEST_HOST: usize = 253;
/// Of one label of a host name (RFC 1035 2.3.4).
const LONGEST_LABEL: usize = 63;

/// A shorter one cuts off honest clients on slow networks.
pub(super) const SHORTEST_CLIENT_TIMEOUT: Duration = Duration::from_secs(1);

/// A duration between `least` and `most`, both included.
pub(super) fn duration(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    (least..=most)
        .contains(&duration)
        .then_some(duration)
        .ok_or_else(|| format!("{text:?} is not between {} and {}", format_duration(least), format_duration(most)))
}

/// A region: it becomes part of credential scopes and XML, so it is letters, digits and hyphens.
pub(super) fn region(text: &str) -> Result<String, String> {
    let fits = !text.is_empty()
        && text.len() <= LONGEST_NAME
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("{text:?} is no region: 1 to {LONGEST_NAME} lower-case letters, digits and hyphens"))
}

/// A value of the `Server` header.
pub(super) fn server_name(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("{text:?} is no name: 1 to {LONGEST_NAME} printable ASCII characters without spaces"))
}

/// A host name without scheme and port; returned in lower case.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= LONGEST_LABEL
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    if text.len() <= LONGEST_HOST && text.split('.').all(label) && !is_address {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!("{text:?} is no host name (such as s3.example.com, without scheme, port and wildcard)"))
}

/// A DNS label (RFC 1123): a class, the name of a namespace.
pub(super) fn label(text: &str) -> Result<String, String> {
    let edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    let fits = (1..=LONGEST_LABEL).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        && edge(bytes.first())
        && edge(bytes.last());
    fits.then(|| text.to_owned()).ok_or_else(|| {
        format!("{text:?}: must be 1 to {LONGEST_LABEL} of a-z 0-9 -, with a letter or digit at both ends")
    })
}

/// The name of a Kubernetes object: labels with dots between them.
pub(super) fn object_name(text: &str) -> Result<String, String> {
    if text.len() <= LONGEST_HOST && text.split('.').all(|part| label(part).is_ok()) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is no name of an object: a-z 0-9 - . with letters or digits at both ends of each part"))
}

/// Where backends may be.
pub(super) fn endpoint(text: &str) -> Result<HostPort, String> {
    HostPort::parse(text).map_err(|reason| format!("{text:?}: {reason}"))
}

/// A network in CIDR form, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .map(|network| network.trunc())
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| format!("{text:?} is no network (such as 10.0.0.0/8) and no address"))
}
