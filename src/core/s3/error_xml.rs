//! The error body of S3 (ER-1).

use super::xml::{DECLARATION, escape_printable};
use crate::Denial;

/// What the error body says beside the denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorContext<'a> {
    /// Decoded path as the client named it (`/bucket/key`); may be empty when the head was unreadable.
    pub resource: &'a str,
    /// The same id as in `x-amz-request-id` and in the access log.
    pub request_id: &'a str,
}

/// Renders `<Error>` with code, message, details, resource, request id and host id (the same text as the request id:
/// OSP does not tell which of its instances answered); every text is escaped and characters that XML 1.0 cannot hold
/// become U+FFFD.
#[must_use]
pub fn error_xml(denial: &Denial, context: ErrorContext<'_>) -> Vec<u8> {
    let mut body = DECLARATION.to_owned();
    body.push_str(&error_element((denial.row().code, &denial.to_string()), &denial.details(), context));
    body.into_bytes()
}

/// The same without the declaration: for a body that has begun with [`XML_DECLARATION`] and white space (trap 10).
#[must_use]
pub fn late_error_xml(denial: &Denial, context: ErrorContext<'_>) -> Vec<u8> {
    error_element((denial.row().code, &denial.to_string()), &denial.details(), context).into_bytes()
}

/// How every document of OSP begins.
pub const XML_DECLARATION: &str = DECLARATION;

/// The `<Error>` element alone.
pub(super) fn error_element(
    (code, message): (&str, &str),
    details: &[(&'static str, String)],
    context: ErrorContext<'_>,
) -> String {
    let head = [("Code", code), ("Message", message)];
    let tail = [("Resource", context.resource), ("RequestId", context.request_id), ("HostId", context.request_id)];
    let details = details.iter().map(|(name, text)| (*name, text.as_str()));
    let mut xml = "<Error>".to_owned();
    for (name, text) in head.into_iter().chain(details).chain(tail) {
        xml.push_str(&format!("<{name}>"));
        escape_printable(text, &mut xml);
        xml.push_str(&format!("</{name}>"));
    }
    xml.push_str("</Error>");
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: ErrorContext<'static> =
        ErrorContext { resource: "/photos/a<b>&\u{1}", request_id: "4442587FB7D0A2F9" };

    #[test]
    fn er_1_the_order_and_the_escaping_of_the_body() {
        let denial = Denial::HeadersNotSigned(vec!["x-amz-a".to_owned(), "x-amz-\"b\"".to_owned()]);
        assert_eq!(
            String::from_utf8(error_xml(&denial, CONTEXT)).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code>\
             <Message>There were headers present in the request which were not signed</Message>\
             <HeadersNotSigned>x-amz-a, x-amz-&quot;b&quot;</HeadersNotSigned>\
             <Resource>/photos/a&lt;b&gt;&amp;\u{fffd}</Resource><RequestId>4442587FB7D0A2F9</RequestId>\
             <HostId>4442587FB7D0A2F9</HostId></Error>"
        );
    }

    #[test]
    fn er_1_texts_that_a_client_chose_cannot_break_out_of_their_element() {
        let hostile = "</Message><Code>NoSuchKey</Code>\r\u{0}\u{ffff}]]>";
        let body =
            error_xml(&Denial::InvalidArgument(hostile.to_owned()), ErrorContext { resource: hostile, ..CONTEXT });
        let body = String::from_utf8(body).unwrap();
        assert_eq!(body.matches("<Code>").count(), 1);
        assert!(body.contains("&lt;/Message&gt;&lt;Code&gt;NoSuchKey&lt;/Code&gt;&#13;\u{fffd}\u{fffd}]]&gt;"));
    }
}
