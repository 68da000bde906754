//! Pieces, limits and what is no answer of S3.

use proptest::prelude::*;

use super::*;

fn list(entries: &str) -> String {
    format!("<ListBucketResult><Name>corp-backend-7</Name>{entries}<Foo>é&amp;</Foo></ListBucketResult>")
}

fn refused(document: XmlDocument, body: &str) {
    for size in [1, 1000, usize::MAX] {
        let result = in_pieces(document, names("p/", ""), body.as_bytes(), size);
        assert_eq!(result, Err(Denial::UpstreamMisbehaved), "{}", body.get(..200).unwrap_or(body));
    }
}

#[test]
fn trap_10_white_space_leaves_at_once_wherever_it_stands() {
    let mut rewriter = ResponseXml::new(XmlDocument::CompleteMultipartUpload, names("p/", ""));
    let mut out = Vec::new();
    for piece in [" ", "<?xml version=\"1.0\"?>", "\n", " ", "\t"] {
        let before = out.len();
        rewriter.push(piece.as_bytes(), &mut out).unwrap();
        assert_eq!(out.get(before..), Some(piece.as_bytes()));
    }
}

#[test]
fn entries_leave_one_by_one() {
    let mut rewriter = ResponseXml::new(XmlDocument::ListObjects, names("p/", ""));
    let mut out = Vec::new();
    rewriter.push(b"<ListBucketResult><Contents><Key>p/a</Key><Size>1</Size>", &mut out).unwrap();
    assert_eq!(out, b"<ListBucketResult>");
    rewriter.push(b"</Contents><Cont", &mut out).unwrap();
    assert_eq!(out, b"<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents>");
}

#[test]
fn answers_that_are_no_answers_are_the_backends_fault() {
    assert!(in_pieces(XmlDocument::ListObjects, names("p/", ""), list("").as_bytes(), 3).is_ok());
    let whole = list("<Contents><Key>p/a</Key></Contents>");
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        refused(XmlDocument::ListObjects, whole.get(..end).unwrap());
    }
    for body in [
        "<html><body>502 Bad Gateway</body></html>",
        "{\"error\": 1}",
        "<ListPartsResult/>",
        "<!DOCTYPE x [<!ENTITY a \"b\">]><ListBucketResult>&a;</ListBucketResult>",
        "<ListBucketResult>&a;</ListBucketResult>",
        "<ListBucketResult></ListBucketResult>trailing",
        "<ListBucketResult/><ListBucketResult/>",
        "<ListBucketResult><Name>a<b/></Name></ListBucketResult>",
        "<ListBucketResult><Contents><Key>p/a</Contents></Key></ListBucketResult>",
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?><ListBucketResult/>",
    ] {
        refused(XmlDocument::ListObjects, body);
    }
}

#[test]
fn nothing_comes_out_after_an_error() {
    let mut rewriter = ResponseXml::new(XmlDocument::ListObjects, names("p/", ""));
    let mut out = Vec::new();
    assert!(rewriter.push(b"<ListBucketResult><Foo>&x;<", &mut out).is_err());
    let length = out.len();
    assert_eq!(rewriter.push(b"/Foo></ListBucketResult>", &mut out), Err(Denial::UpstreamMisbehaved));
    assert_eq!((rewriter.finish(&mut out), out.len()), (Err(Denial::UpstreamMisbehaved), length));
}

#[test]
fn r_bombs_are_refused_with_little_memory() {
    refused(XmlDocument::ListObjects, &format!("<ListBucketResult>{}", "<a>".repeat(100_000)));
    refused(XmlDocument::ListObjects, &format!("<ListBucketResult><Foo>{}", "x".repeat(100_000)));
    refused(XmlDocument::ListObjects, &format!("<ListBucketResult><Foo {}", "x".repeat(100_000)));
    refused(XmlDocument::ListObjects, &format!("<ListBucketResult><Name>{}", "<![CDATA[xxxx]]>".repeat(10_000)));
    refused(XmlDocument::ListObjects, &list(&format!("<Contents>{}</Contents>", "<a>xxxx</a>".repeat(10_000))));
    // Large, but each entry small: passes.
    let many = list(&"<Contents><Key>p/a</Key></Contents>".repeat(5_000));
    let out = in_pieces(XmlDocument::ListObjects, names("p/", ""), many.as_bytes(), 1 << 14).unwrap();
    assert_eq!(out.matches("<Key>a</Key>").count(), 5_000);
    // An endless error keeps nothing but its known fields.
    let endless = format!("<Error><Code>SlowDown</Code>{}</Error>", "<ETag>xxxx</ETag>".repeat(20_000));
    let out = in_pieces(XmlDocument::Copy, names("p/", ""), endless.as_bytes(), 1 << 14).unwrap();
    assert_eq!(out.matches("<ETag>").count(), 1);
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[pq]/[a-z&<+% ]{0,5}"]
}

proptest! {
    /// RN-3, RN-5: for any keys, in any pieces, exactly those under the prefix come out, without it.
    #[test]
    fn keys_in_any_pieces(keys in prop::collection::vec((key(), any::<bool>()), 0..5), size in 1_usize..40) {
        let entry = |key: &str| {
            let mut raw = String::new();
            crate::s3::xml::escape(key, &mut raw);
            format!("<Contents><Key>{raw}</Key><Size>1</Size></Contents>")
        };
        let backend: Vec<String> =
            keys.iter().map(|(key, inside)| if *inside { format!("p/{key}") } else { key.clone() }).collect();
        let body = list(&backend.iter().map(|key| entry(key)).collect::<String>());
        let visible = backend.iter().filter_map(|key| key.strip_prefix("p/")).filter(|key| !key.is_empty());
        let expected = list(&visible.map(entry).collect::<String>()).replace(BACKEND, "photos");
        let actual = in_pieces(XmlDocument::ListObjects, names("p/", ""), body.as_bytes(), size);
        prop_assert_eq!(actual, Ok(expected));
    }
}
