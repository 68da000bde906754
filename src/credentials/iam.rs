//! IBM Cloud IAM: an API key is exchanged for a token.
//! Source: IBM Cloud docs, "Generating an IBM Cloud IAM token by using an API key"; IBM Cloud API docs, "IAM Identity
//! Services", `POST /identity/token`.

use std::fmt;
use std::time::Duration;

use osp_core::model::{ProcessProxy, TokenEndpoint};
use osp_core::s3::encode_query;
use osp_core::sigv4::SecretKey;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{Boxed, Failure};

/// Real ones have about 1.5 KiB; it goes into a header.
const MAX_TOKEN_BYTES: usize = 16 << 10;
/// Tokens of IBM Cloud count for an hour. Whatever says more is not believed.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// A token is no longer used when it has so much left, or a tenth of its life if that is less: it has to count when the
/// backend reads it.
const MARGIN: Duration = Duration::from_secs(10);

/// What is exchanged, and where.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The API key.
    pub api_key: &'a SecretKey,
    /// Where.
    pub endpoint: &'a TokenEndpoint,
    /// The proxy on the way.
    pub proxy: Option<&'a ProcessProxy>,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The token itself: printable, without white space.
    pub token: SecretKey,
    /// How long it may be used from the moment on when it was asked for.
    pub lifetime: Duration,
}

/// Exchanges API keys for tokens.
pub trait Issuer: fmt::Debug + Send + Sync {
    /// Asks once. Bounded in time.
    ///
    /// # Errors
    /// [`Failure::Refused`], [`Failure::Unreachable`], [`Failure::Timeout`], [`Failure::Malformed`].
    fn exchange<'a>(&'a self, exchange: Exchange<'a>) -> Boxed<'a, Result<Token, Failure>>;
}

/// The form that is posted.
pub fn form(api_key: &SecretKey) -> Zeroizing<Vec<u8>> {
    let mut form = Zeroizing::new("grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=".to_owned());
    #[expect(clippy::disallowed_methods, reason = "this is what the key is for")]
    api_key.with_exposed(|text| encode_query(text.as_bytes(), &mut form));
    Zeroizing::new(form.as_bytes().to_vec())
}

/// What an answer with this status and body means.
///
/// # Errors
/// See [`Issuer::exchange`].
pub fn read(status: u16, body: &[u8]) -> Result<Token, Failure> {
    match status {
        200 => {}
        400 | 401 | 403 => return Err(Failure::Refused),
        _ => return Err(Failure::Unreachable),
    }
    let Answer { access_token, token_type, expires_in } =
        serde_json::from_slice(body).map_err(|_| Failure::Malformed)?;
    let is_plain = !access_token.is_empty()
        && access_token.len() <= MAX_TOKEN_BYTES
        && access_token.bytes().all(|byte| byte.is_ascii_graphic());
    let token = SecretKey::new(access_token).ok_or(Failure::Malformed)?;
    let life = Duration::from_secs(expires_in).min(LONGEST_LIFETIME);
    let lifetime = life - MARGIN.min(life / 10);
    if !is_plain || !token_type.eq_ignore_ascii_case("bearer") || lifetime.is_zero() {
        return Err(Failure::Malformed);
    }
    Ok(Token { token, lifetime })
}

/// No `Debug`: it holds a token.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: String,
    /// Seconds, from the answer on.
    expires_in: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> SecretKey {
        SecretKey::new(text.to_owned()).unwrap()
    }

    #[test]
    fn c24_the_form_is_what_ibm_documents_and_nothing_gets_out_of_its_field() {
        let text = |api_key: &str| String::from_utf8(form(&key(api_key)).to_vec()).unwrap();
        let start = "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=";
        assert_eq!(text("abc-DEF_123"), format!("{start}abc-DEF_123"));
        assert_eq!(text("a&grant_type=b c+%"), format!("{start}a%26grant_type%3Db%20c%2B%25"));
    }

    #[test]
    fn c24_a_token_is_used_a_little_shorter_than_it_counts() {
        let of = |seconds: u64| {
            let body = format!(
                r#"{{"access_token":"t.o-k","refresh_token":"r","token_type":"Bearer","expires_in":{seconds},"expiration":1473188353}}"#
            );
            read(200, body.as_bytes())
        };
        let token = |lifetime: u64| Ok(Token { token: key("t.o-k"), lifetime: Duration::from_secs(lifetime) });
        assert_eq!(of(3600), token(3590));
        assert_eq!(of(10), token(9));
        assert_eq!(of(u64::MAX), token(86_390));
        assert_eq!(of(0), Err(Failure::Malformed));
    }

    #[test]
    fn c24_everything_else_is_no_token() {
        let body = |token: &str, kind: &str| {
            serde_json::json!({"access_token": token, "token_type": kind, "expires_in": 3600}).to_string()
        };
        for wrong in [
            body("", "Bearer"),
            body("two words", "Bearer"),
            body("line\r\nx-evil: 1", "Bearer"),
            body(&"x".repeat(MAX_TOKEN_BYTES + 1), "Bearer"),
            body("token", "mac"),
            r#"{"access_token":"t","token_type":"Bearer"}"#.to_owned(),
            r#"{"access_token":"t","token_type":"Bearer","expires_in":-1}"#.to_owned(),
            r#"{"access_token":null,"token_type":"Bearer","expires_in":3600}"#.to_owned(),
            "<html>".to_owned(),
            String::new(),
        ] {
            assert_eq!(read(200, wrong.as_bytes()), Err(Failure::Malformed), "{wrong}");
        }
        let good = body("token", "bearer");
        assert!(read(200, good.as_bytes()).is_ok());
        for status in [400, 401, 403] {
            assert_eq!(read(status, good.as_bytes()), Err(Failure::Refused), "{status}");
        }
        for status in [201, 204, 301, 302, 307, 404, 408, 429, 500, 503] {
            assert_eq!(read(status, good.as_bytes()), Err(Failure::Unreachable), "{status}");
        }
    }
}
