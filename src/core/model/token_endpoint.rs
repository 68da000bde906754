//! Where tokens are issued: the one kind of URL in OSP that has a path.

use std::fmt;

use super::Endpoint;

/// An URL that a token can be asked for at. Never one of a metadata service ([`Endpoint::parse`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenEndpoint {
    /// Scheme, host, port.
    pub endpoint: Endpoint,
    /// Begins with `/`; letters, digits and `/ . _ - ~` only.
    pub path: String,
}

/// Real ones have about twenty characters.
const MAX_PATH_BYTES: usize = 255;

impl TokenEndpoint {
    /// IBM Cloud's (IBM Cloud docs, "Generating an IBM Cloud IAM token by using an API key").
    #[must_use]
    pub fn of_ibm_cloud() -> Self {
        let endpoint = Endpoint { tls: true, host: "iam.cloud.ibm.com".to_owned(), port: 443 };
        Self { endpoint, path: "/identity/token".to_owned() }
    }

    /// Parses `https://host[:port]/path` or the same with `http`.
    ///
    /// # Errors
    /// What is wrong, for people; never the text itself.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let start = text.find("://").map_or(0, |at| at + 3);
        let rest = text.get(start..).unwrap_or_default();
        let path_at = rest.find('/').map_or(text.len(), |at| start + at);
        let (origin, path) = text.split_at_checked(path_at).ok_or("must be a URL")?;
        let endpoint = Endpoint::parse(origin)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'~');
        if path.len() > MAX_PATH_BYTES || !path.bytes().all(is_plain) {
            return Err("the path must be plain: letters, digits and / . _ - ~, no query");
        }
        if path.split('/').any(|step| matches!(step, "." | "..")) {
            return Err("the path must not have steps of dots");
        }
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { endpoint, path: path.to_owned() })
    }
}

impl fmt::Display for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.endpoint, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c24_token_endpoints_that_are_understood() {
        for (text, expected) in [
            ("https://iam.cloud.ibm.com/identity/token", "https://iam.cloud.ibm.com/identity/token"),
            ("https://IAM.test:443/A/b", "https://iam.test/A/b"),
            ("http://127.0.0.1:8080/identity/token", "http://127.0.0.1:8080/identity/token"),
            ("http://[::1]:8080/t", "http://[::1]:8080/t"),
            ("https://iam.test", "https://iam.test/"),
        ] {
            assert_eq!(TokenEndpoint::parse(text).unwrap().to_string(), expected, "{text}");
        }
        let default = TokenEndpoint::of_ibm_cloud();
        assert_eq!(TokenEndpoint::parse(&default.to_string()), Ok(default));
    }

    #[test]
    fn security_8_what_leads_elsewhere_is_refused() {
        for text in [
            "",
            "iam.test/identity",
            "ftp://iam.test/identity",
            "https://user:pw@iam.test/identity",
            "https://iam.test/identity?next=http://evil",
            "https://iam.test/identity#x",
            "https://iam.test/a/../b",
            "https://iam.test/%2e%2e",
            "https://iam.test/a b",
            "https://iam.test/a\r\nHost: evil",
            "http://169.254.169.254/latest/api/token",
            "http://metadata.google.internal/computeMetadata/v1",
            "https://iam.test?x/",
        ] {
            assert!(TokenEndpoint::parse(text).is_err(), "{text}");
        }
    }
}
