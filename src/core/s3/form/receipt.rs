//! What a browser is told when its file is stored.

use super::Form;
use crate::Denial;
use crate::s3::xml::{DECLARATION, element};
use crate::s3::{BucketName, ObjectKey, encode_key, encode_query};

/// What the form wants to hear of a success (`success_action_redirect`, `success_action_status`), with the names to say it
/// in: the client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    action: Action,
    bucket: BucketName,
    key: ObjectKey,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    /// A status and nothing else.
    Status(u16),
    /// 201 and a document.
    Document,
    /// 303 to this URL.
    Redirect(String),
}

/// A receipt in the form of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// HTTP status.
    pub status: u16,
    /// `Location`: of the object, or where the browser goes next.
    pub location: String,
    /// XML, or empty.
    pub body: Vec<u8>,
}

impl Receipt {
    /// Reads the fields. A status that S3 does not know is 204, as at AWS.
    ///
    /// # Errors
    /// [`Denial::InvalidArgument`] for a redirect to what is no `http` or `https` URL.
    pub(crate) fn read(form: &Form, bucket: BucketName, key: ObjectKey) -> Result<Self, Denial> {
        let redirect = form.field("success_action_redirect").or_else(|| form.field("redirect"));
        let action = match (redirect.filter(|url| !url.is_empty()), form.field("success_action_status")) {
            (Some(url), _) if is_web(url) => Action::Redirect(url.to_owned()),
            (Some(_), _) => {
                let text = "success_action_redirect must be an absolute URL of http or https.";
                return Err(Denial::InvalidArgument(text.to_owned()));
            }
            (None, Some("201")) => Action::Document,
            (None, Some("200")) => Action::Status(200),
            (None, _) => Action::Status(204),
        };
        Ok(Self { action, bucket, key })
    }

    /// The answer. `base_url` is `scheme://authority` under which the client reached OSP, without a bucket in it; `etag` as
    /// the backend sent it, with its quotes.
    #[must_use]
    pub fn tell(&self, base_url: &str, etag: &str) -> Told {
        let Self { action, bucket, key } = self;
        let mut location = format!("{base_url}/{bucket}/");
        encode_key(key.as_str().as_bytes(), &mut location);
        match action {
            Action::Status(status) => Told { status: *status, location, body: Vec::new() },
            Action::Redirect(url) => Told { status: 303, location: self.redirected(url, etag), body: Vec::new() },
            Action::Document => {
                let mut body = format!("{DECLARATION}<PostResponse>").into_bytes();
                let (bucket, key) = (bucket.as_str(), key.as_str());
                for (name, text) in [("Location", location.as_str()), ("Bucket", bucket), ("Key", key), ("ETag", etag)]
                {
                    element(name, text, &mut body);
                }
                body.extend_from_slice(b"</PostResponse>");
                Told { status: 201, location, body }
            }
        }
    }

    /// The URL with `bucket`, `key` and `etag` in its query.
    fn redirected(&self, url: &str, etag: &str) -> String {
        let (address, fragment) = url.split_at_checked(url.find('#').unwrap_or(url.len())).unwrap_or((url, ""));
        let mut out = address.to_owned();
        out.push(if address.contains('?') { '&' } else { '?' });
        let pairs = [("bucket=", self.bucket.as_str()), ("&key=", self.key.as_str()), ("&etag=", etag)];
        for (name, value) in pairs {
            out.push_str(name);
            encode_query(value.as_bytes(), &mut out);
        }
        out.push_str(fragment);
        out
    }
}

/// An absolute URL for browsers, of characters that a header can hold.
fn is_web(url: &str) -> bool {
    let authority = ["http://", "https://"].into_iter().find_map(|scheme| {
        let (start, rest) = url.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    authority.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', '\\']))
        && url.bytes().all(|byte| byte.is_ascii_graphic())
}
