//! Answers about one object.

use super::*;
use crate::s3::token::seal_upload;

#[test]
fn the_key_is_the_clients_whatever_the_backend_says() {
    let create = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<InitiateMultipartUploadResult xmlns=\"u\"><Tenant>corp\
        </Tenant><Bucket>corp-backend-7</Bucket><Key>p/2026/a b&amp;c.jpg</Key><UploadId>VXBsb2Fk</UploadId></InitiateMultipartUploadResult>";
    let expected = create.replace("<Tenant>corp</Tenant>", "").replace(BACKEND, "photos").replace("p/2026", "2026");
    let id = seal_upload(&names("p/", "").mapping, "2026/a b&c.jpg", "VXBsb2Fk").unwrap();
    let expected = expected.replace("VXBsb2Fk", &id);
    assert_eq!(rewritten(XmlDocument::CreateMultipartUpload, names("p/", "uploads"), create), expected);

    let parts = "<ListPartsResult><Bucket>corp-backend-7</Bucket><Key>whatever</Key><UploadId>u</UploadId><Initiator><ID>1</ID>\
        <DisplayName>2</DisplayName></Initiator><Owner><ID>3</ID></Owner><Part><PartNumber>1</PartNumber>\
        <Key>kept</Key></Part></ListPartsResult>";
    assert_eq!(
        rewritten(XmlDocument::ListParts, names("p/", "uploadId=mine"), parts),
        "<ListPartsResult><Bucket>photos</Bucket><Key>2026/a b&amp;c.jpg</Key><UploadId>mine</UploadId><Initiator><ID>osp</ID>\
         <DisplayName>osp</DisplayName></Initiator><Owner><ID>osp</ID></Owner><Part><PartNumber>1</PartNumber>\
         <Key>kept</Key></Part></ListPartsResult>"
    );
}

const COMPLETE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n  \n <CompleteMultipartUploadResult><Location>\
    http://corp-backend-7.s3.eu-central-1.amazonaws.com/p/2026</Location><Bucket>corp-backend-7</Bucket><Key>p/2026</Key>\
    <ETag>&quot;3858f62230ac3c915f300c664312c11f-9&quot;</ETag></CompleteMultipartUploadResult>";

#[test]
fn rn_9_the_location_names_osp() {
    assert_eq!(
        rewritten(XmlDocument::CompleteMultipartUpload, names("p/", "uploadId=u"), COMPLETE),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n  \n <CompleteMultipartUploadResult><Location>\
         https://s3.example.com/photos/2026/a%20b%26c.jpg</Location><Bucket>photos</Bucket><Key>2026/a b&amp;c.jpg</Key>\
         <ETag>&quot;3858f62230ac3c915f300c664312c11f-9&quot;</ETag></CompleteMultipartUploadResult>"
    );
}

#[test]
fn copies_pass_as_they_are() {
    for body in [
        "<?xml version=\"1.0\"?><CopyObjectResult xmlns='u'><ETag>&quot;1&quot;</ETag><Owner><ID>kept</ID></Owner></CopyObjectResult>",
        "  <CopyPartResult><LastModified>2026</LastModified></CopyPartResult>\n",
    ] {
        assert_eq!(rewritten(XmlDocument::Copy, names("p/", ""), body), body);
    }
}

#[test]
fn trap_10_an_error_after_a_200_is_rewritten_and_reported() {
    let body = "<?xml version=\"1.0\"?>\n    <Error><Code>NoSuchKey</Code><Message>corp-backend-7/p/x is gone</Message>\
        <Key>p/x</Key><BucketName>corp-backend-7</BucketName><HostId>h</HostId><ETag>&quot;1&quot;</ETag><RequestId>r</RequestId></Error>";
    for document in [XmlDocument::CompleteMultipartUpload, XmlDocument::Copy] {
        let mut rewriter = ResponseXml::new(document, names("p/", ""));
        let mut out = Vec::new();
        for piece in body.as_bytes().chunks(7) {
            assert_eq!(rewriter.embedded_error(), None);
            rewriter.push(piece, &mut out).unwrap();
        }
        rewriter.finish(&mut out).unwrap();
        assert_eq!(rewriter.embedded_error(), Some("NoSuchKey"));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "<?xml version=\"1.0\"?>\n    <Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>\
             <Key>2026/a b&amp;c.jpg</Key><ETag>&quot;1&quot;</ETag><Resource>/photos/2026/a b&amp;c.jpg</Resource>\
             <RequestId>REQUEST1</RequestId><HostId>REQUEST1</HostId></Error>"
        );
    }
    // A success has none, and a listing cannot be an error.
    let mut success = ResponseXml::new(XmlDocument::CompleteMultipartUpload, names("p/", ""));
    success.push(COMPLETE.as_bytes(), &mut Vec::new()).unwrap();
    assert_eq!(success.embedded_error(), None);
    let listing = in_pieces(XmlDocument::ListObjects, names("p/", ""), body.as_bytes(), 7);
    assert_eq!(listing, Err(Denial::UpstreamMisbehaved));
}

#[test]
fn trap_11_an_error_after_a_200_about_osps_credentials_is_osps() {
    for code in ["AccessDenied", "SomethingNew", ""] {
        let body = format!("<Error><Code>{code}</Code><Region>eu-1</Region><PartNumber>3</PartNumber></Error>");
        let xml = rewritten(XmlDocument::Copy, names("p/", ""), &body);
        assert!(xml.starts_with("<Error><Code>InternalError</Code><Message>We encountered"), "{xml}");
        assert!(!xml.contains("eu-1") && !xml.contains("PartNumber"), "{xml}");
    }
}
