//! XML, both ways.

use std::sync::Arc;

use crate::Denial;
use crate::s3::{
    BucketName, DeleteOutcome, DeleteRequest, KeyPrefix, Mapping, Query, ResponseNames, ResponseXml, XmlDocument,
};

const DOCUMENTS: [XmlDocument; 10] = [
    XmlDocument::ListObjects,
    XmlDocument::ListMultipartUploads,
    XmlDocument::ListVersions,
    XmlDocument::ListParts,
    XmlDocument::CreateMultipartUpload,
    XmlDocument::CompleteMultipartUpload,
    XmlDocument::Copy,
    XmlDocument::AccessControl,
    XmlDocument::Encryption,
    XmlDocument::Checked(&["Tagging", "LegalHold"]),
];

fn mapping(backend_bucket: &str, prefix: &str) -> Mapping {
    Mapping {
        client_bucket: BucketName::parse("photos").unwrap().into(),
        client_prefix: KeyPrefix::default(),
        backend_bucket: backend_bucket.to_owned(),
        prefix: KeyPrefix::parse(prefix).unwrap(),
        issuer: "team/photos\nmain".into(),
    }
}

fn names(mapping: Mapping, query: &str) -> ResponseNames {
    ResponseNames {
        mapping: Arc::new(mapping),
        key: Some("2026/a b&c.jpg".to_owned()),
        base_url: "https://s3.example.com".to_owned(),
        query: Query::parse(query.as_bytes()).unwrap(),
        request_id: "REQUEST1".to_owned(),
    }
}

fn rewritten(document: XmlDocument, names: ResponseNames, body: &[u8], size: usize) -> Result<Vec<u8>, Denial> {
    let mut rewriter = ResponseXml::new(document, names);
    let mut out = Vec::new();
    for piece in body.chunks(size.max(1)) {
        rewriter.push(piece, &mut out)?;
    }
    rewriter.finish(&mut out)?;
    Ok(out)
}

/// RN-5: an answer of a backend (its kind and prefix in the first two bytes) becomes the same, however it is cut: also in
/// pieces that are too small for any list entry to be compared with an earlier one. What comes out is XML for the library
/// as well; and with nothing left to rename, rewriting changes nothing any more.
pub fn listing(data: &[u8]) {
    let Some(([kind, prefix], body)) = data.split_first_chunk() else { return };
    let document = DOCUMENTS[usize::from(*kind) % DOCUMENTS.len()];
    let query = ["", "encoding-type=url", "prefix=a&delimiter=/"][usize::from(*prefix >> 1) % 3];
    let prefix = if prefix & 1 == 1 { "p/" } else { "" };
    let of_backend = || names(mapping("corp-backend-7", prefix), query);
    let whole = rewritten(document, of_backend(), body, usize::MAX);
    for size in [1, 7, 97] {
        assert_eq!(rewritten(document, of_backend(), body, size), whole, "in pieces of {size}");
    }
    let Ok(once) = whole else { return };
    let text = String::from_utf8(once).unwrap();
    let mut reader = quick_xml::Reader::from_str(&text);
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Eof) => break,
            Ok(_) => {}
            Err(error) => panic!("{error}: {text}"),
        }
    }
    // tokens and ids are the backend's own words, which a rewriter may seal anew each time
    if !text.contains("Token") && !text.contains("UploadId") {
        let again = rewritten(document, names(mapping("photos", ""), query), text.as_bytes(), usize::MAX);
        assert_eq!(again.map(|bytes| String::from_utf8(bytes).unwrap()), Ok(text));
    }
}

/// D03: what was decided of a batch is what the backend is asked, and what it answers is what the client is told.
pub fn batch(data: &[u8]) {
    let same = mapping("photos", "");
    if let Ok(request) = DeleteRequest::parse(data) {
        assert!((1..=1000).contains(&request.objects.len()));
        let body = DeleteRequest::render(&request.objects, &same).unwrap();
        let objects = request.objects.clone();
        assert_eq!(DeleteRequest::parse(&body), Ok(DeleteRequest { objects, quiet: false }));
        // for the backend each key is under the prefix, or the batch is refused
        if let Ok(body) = DeleteRequest::render(&request.objects, &mapping("corp-backend-7", "tenants/a/")) {
            let backend = DeleteRequest::parse(&body).unwrap();
            for (client, backend) in request.objects.iter().zip(&backend.objects) {
                assert_eq!(backend.key.as_str().strip_prefix("tenants/a/"), Some(client.key.as_str()));
            }
        }
    }
    if let Ok(outcomes) = DeleteOutcome::parse_result(data, &same) {
        let body = DeleteOutcome::render_result(&outcomes, false);
        assert_eq!(DeleteOutcome::parse_result(&body, &same), Ok(outcomes));
    }
}
