//! Credential scopes.

use super::authorization::cut_last;

/// `date/region/service/aws4_request` of a credential, without the access key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// `YYYYMMDD`.
    pub date: String,
    /// Any non-empty text (SIG-12).
    pub region: String,
    /// `s3` (SIG-11).
    pub service: String,
}

/// The last part of every scope.
const TERMINATOR: &str = "aws4_request";

/// What is wrong with a credential, in the words of both forms of authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CredentialFault {
    /// Follows "The authorization header is malformed; ".
    pub(super) in_header: &'static str,
    /// The whole message for a presigned URL.
    pub(super) in_query: &'static str,
}

macro_rules! fault {
    ($text:literal) => {
        CredentialFault { in_header: $text, in_query: concat!("Error parsing the X-Amz-Credential parameter; ", $text) }
    };
}

impl CredentialFault {
    const SHAPE: Self =
        fault!("the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
    const DATE: Self = fault!("incorrect date format. This date in the credential must be in the format \"yyyyMMdd\".");
    const SERVICE: Self = fault!("incorrect service. This endpoint belongs to \"s3\".");
    const TERMINATOR: Self = fault!("incorrect terminal. This endpoint uses \"aws4_request\".");
    /// The day of the credential is not the day of the request.
    pub(super) const OTHER_DAY: Self =
        fault!("Invalid credential date. This date is not the same as the date of the request.");
}

impl Scope {
    /// Reads `access-key/date/region/service/aws4_request` and checks all but whether the day is the request's.
    ///
    /// Splits from the right, so that an access key may contain `/` (SIG-10).
    pub(super) fn split_credential(credential: &str) -> Result<(&str, Self), CredentialFault> {
        let parts = || {
            let (rest, terminator) = cut_last(credential, b'/')?;
            let (rest, service) = cut_last(rest, b'/')?;
            let (rest, region) = cut_last(rest, b'/')?;
            let (access_key, date) = cut_last(rest, b'/')?;
            Some((access_key, date, region, service, terminator))
        };
        let (access_key, date, region, service, terminator) = parts().ok_or(CredentialFault::SHAPE)?;
        // Only printable regions: the scope becomes a line of the string to sign, which must stay one line.
        if access_key.is_empty() || region.is_empty() || !region.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CredentialFault::SHAPE);
        }
        if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CredentialFault::DATE);
        }
        if service != "s3" {
            return Err(CredentialFault::SERVICE);
        }
        if terminator != TERMINATOR {
            return Err(CredentialFault::TERMINATOR);
        }
        Ok((access_key, Self { date: date.to_owned(), region: region.to_owned(), service: service.to_owned() }))
    }

    /// Appends the text form.
    pub(super) fn render(&self, out: &mut Vec<u8>) {
        for part in [&self.date, &self.region, &self.service] {
            out.extend_from_slice(part.as_bytes());
            out.push(b'/');
        }
        out.extend_from_slice(TERMINATOR.as_bytes());
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sig_10_an_access_key_may_contain_slashes() {
        let (access_key, scope) = Scope::split_credential("a/b/20130524/eu-1/s3/aws4_request").unwrap();
        assert_eq!((access_key, scope.to_string().as_str()), ("a/b", "20130524/eu-1/s3/aws4_request"));
        let mut rendered = Vec::new();
        scope.render(&mut rendered);
        assert_eq!(rendered, scope.to_string().as_bytes());
    }

    #[test]
    fn sig_11_s11_every_part_is_checked() {
        for (credential, fault) in [
            ("AK/20130524/eu-1/s3", CredentialFault::SHAPE),
            ("/20130524/eu-1/s3/aws4_request", CredentialFault::SHAPE),
            ("AK/20130524//s3/aws4_request", CredentialFault::SHAPE),
            ("AK/20130524/eu\n1/s3/aws4_request", CredentialFault::SHAPE),
            ("AK/2013524/eu-1/s3/aws4_request", CredentialFault::DATE),
            ("AK/2013052a/eu-1/s3/aws4_request", CredentialFault::DATE),
            ("AK/20130524/eu-1/S3/aws4_request", CredentialFault::SERVICE),
            ("AK/20130524/eu-1/s3express/aws4_request", CredentialFault::SERVICE),
            ("AK/20130524/eu-1/s3/aws5_request", CredentialFault::TERMINATOR),
            ("AK/20130524/eu-1/s3/aws4_request ", CredentialFault::TERMINATOR),
        ] {
            assert_eq!(Scope::split_credential(credential), Err(fault), "{credential}");
        }
    }

    #[test]
    fn sig_12_any_region_will_do() {
        for region in ["us-east-1", "auto", "garage", "external", "Région".get(..1).unwrap()] {
            assert!(Scope::split_credential(&format!("AK/20130524/{region}/s3/aws4_request")).is_ok(), "{region}");
        }
    }
}
