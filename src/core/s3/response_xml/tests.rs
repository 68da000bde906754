use super::*;
use crate::s3::{BucketName, KeyPrefix};

mod errors;
mod lists;
mod shapes;
mod streaming;
mod uploads;

const BACKEND: &str = "corp-backend-7";

fn names(prefix: &str, query: &str) -> ResponseNames {
    let mapping = Mapping {
        client_bucket: BucketName::parse("photos").unwrap().into(),
        client_prefix: KeyPrefix::default(),
        backend_bucket: BACKEND.to_owned(),
        prefix: KeyPrefix::parse(prefix).unwrap(),
        issuer: "a route".into(),
    };
    ResponseNames {
        mapping: Arc::new(mapping),
        key: Some("2026/a b&c.jpg".to_owned()),
        base_url: "https://s3.example.com".to_owned(),
        query: Query::parse(query.as_bytes()).unwrap(),
        request_id: "REQUEST1".to_owned(),
    }
}

/// The client's document for a backend's, fed in pieces of `size` bytes.
fn in_pieces(document: XmlDocument, names: ResponseNames, body: &[u8], size: usize) -> Result<String, Denial> {
    let mut rewriter = ResponseXml::new(document, names);
    let mut out = Vec::new();
    for piece in body.chunks(size.max(1)) {
        rewriter.push(piece, &mut out)?;
    }
    rewriter.finish(&mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

/// The same in one piece, and proved to be the same in pieces of one byte (RN-5).
fn rewritten(document: XmlDocument, names: ResponseNames, body: &str) -> String {
    let once = in_pieces(document, names.clone(), body.as_bytes(), usize::MAX).unwrap();
    assert_eq!(in_pieces(document, names, body.as_bytes(), 1).as_ref(), Ok(&once));
    once
}
