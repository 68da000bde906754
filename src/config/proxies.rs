//! `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`: the proxies that a platform sets for all of its processes (C29).

use osp_core::model::{Endpoint, NoProxy, ProcessProxies, ProcessProxy, basic_authorization};
use osp_core::s3::decode;

use super::ConfigError;

/// Reads the variables, in upper case or else in lower case; an empty one is not set.
///
/// # Errors
/// Every mistake, by the name of its variable. A value may hold a password and is never repeated.
pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<ProcessProxies, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let value = |name: &'static str| {
        let read = |name: String| variable(&name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        read(name.to_owned()).or_else(|| read(name.to_ascii_lowercase()))
    };
    let (http, https, except) = (value("HTTP_PROXY"), value("HTTPS_PROXY"), value("NO_PROXY"));
    let mut proxy = |name: &'static str, text: Option<String>| {
        let read = text.map(|text| parse(&text)).transpose();
        read.map_err(|reason| errors.push(ConfigError::new(name, reason))).unwrap_or_default()
    };
    let (http, https) = (proxy("HTTP_PROXY", http), proxy("HTTPS_PROXY", https));
    let entries = except.as_deref().unwrap_or_default().split([',', ' ']).filter(|entry| !entry.is_empty());
    let except = entries
        .filter_map(|entry| {
            let wrong = |reason| errors.push(ConfigError::new("NO_PROXY", format!("{entry:?} {reason}")));
            NoProxy::parse(entry).map_err(wrong).ok()
        })
        .collect();
    if errors.is_empty() { Ok(ProcessProxies { http, https, except }) } else { Err(errors) }
}

/// `[http://][user[:password]@]host[:port]`; user and password are percent-encoded.
fn parse(text: &str) -> Result<ProcessProxy, &'static str> {
    let rest = match text.split_once("://") {
        None => text,
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
        Some(_) => return Err("must begin with http://: OSP asks proxies for tunnels, in plain HTTP"),
    };
    let (user, authority) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
    let endpoint = Endpoint::parse(&format!("http://{authority}"))?;
    let authorization = user.map(authorization).transpose()?;
    Ok(ProcessProxy { endpoint, authorization })
}

fn authorization(user: &str) -> Result<osp_core::sigv4::SecretKey, &'static str> {
    const WRONG: &str = "user and password must be percent-encoded text, and no colon may be in the user";
    let text = |part: &str| {
        let text = String::from_utf8(decode(part.as_bytes()).ok()?).ok()?;
        (!text.contains(char::is_control)).then_some(text)
    };
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let (name, password) = text(name).zip(text(password)).ok_or(WRONG)?;
    basic_authorization(&name, &password).ok_or(WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<ProcessProxies, Vec<ConfigError>> {
        let set: Vec<(String, String)> =
            variables.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
        read(|wanted| set.iter().find(|(name, _)| name == wanted).map(|(_, text)| text.clone()))
    }

    #[test]
    fn c_29_the_variables_of_the_platform_are_read() {
        assert_eq!(from(&[]), Ok(ProcessProxies::default()));
        assert_eq!(from(&[("HTTPS_PROXY", " "), ("NO_PROXY", ", ,")]), Ok(ProcessProxies::default()));
        let read = from(&[
            ("HTTPS_PROXY", "http://us%40er:p%3Ass@proxy.corp:3128/"),
            ("https_proxy", "http://other:1"),
            ("http_proxy", "proxy.corp:8080"),
            ("NO_PROXY", "localhost,.svc, 10.0.0.0/8"),
        ])
        .unwrap();
        let https = read.https.unwrap();
        assert_eq!(https.endpoint.to_string(), "http://proxy.corp:3128");
        assert_eq!(https.authorization, basic_authorization("us@er", "p:ss"));
        let http = read.http.unwrap();
        assert_eq!((http.endpoint.to_string().as_str(), http.authorization), ("http://proxy.corp:8080", None));
        let expected = ["localhost", ".svc", "10.0.0.0/8"].map(|entry| NoProxy::parse(entry).unwrap());
        assert_eq!(read.except, expected);
    }

    #[test]
    fn every_mistake_is_told_and_no_password() {
        let errors = from(&[
            ("HTTPS_PROXY", "https://user:canary@proxy:1"),
            ("HTTP_PROXY", "http://a%3Ab:canary@proxy:1"),
            ("NO_PROXY", "a.test,10.0.0.0/99,*"),
        ])
        .unwrap_err();
        assert_eq!(
            errors.iter().map(|error| &*error.place).collect::<Vec<_>>(),
            ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"]
        );
        assert!(errors.iter().all(|error| !error.to_string().contains("canary")));
        for wrong in
            ["socks5://p:1", "http://", "http://p:0", "http://p/path", "http://a%0Ab:c@p:1", "http://169.254.169.254"]
        {
            assert_eq!(from(&[("HTTP_PROXY", wrong)]).unwrap_err().len(), 1, "{wrong}");
        }
    }
}
