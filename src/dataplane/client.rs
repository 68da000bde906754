//! What is asked of the client's connection itself.

use osp_core::Denial;
use osp_core::s3::{BucketName, RawHead};
use pingora_proxy::Session;

/// Sends our `100 Continue`, once, and keeps the backend's from following it.
pub(crate) async fn invite_body(session: &mut Session) -> Result<(), Denial> {
    // writing the 100 turns keep-alive off, because the body is not read yet
    let keepalive = session.get_keepalive();
    session.write_continue_response().await.map_err(|_| Denial::ClientGone)?;
    session.set_keepalive(keepalive);
    session.req_header_mut().remove_header(&http::header::EXPECT);
    session.set_ignore_info_resp(true);
    Ok(())
}

/// True when the client's connection is encrypted.
pub(crate) fn is_tls(session: &Session) -> bool {
    session.digest().is_some_and(|digest| digest.ssl_digest.is_some())
}

/// Scheme and authority as the client used them, without the bucket of virtual-host style.
pub(crate) fn base_url(session: &Session, head: Option<&RawHead>, label: Option<&BucketName>) -> String {
    let tls = is_tls(session);
    let authority = head.map(RawHead::host).unwrap_or_default();
    let base = label.and_then(|bucket| authority.get(bucket.as_str().len()..)?.strip_prefix('.')).unwrap_or(authority);
    format!("{}://{base}", if tls { "https" } else { "http" })
}
