//! Listings as AWS, `MinIO`, Ceph RGW, `SeaweedFS` and Garage write them.

use super::*;
use crate::s3::token::{Page, Position, open_page, open_upload, seal_page, seal_upload};

#[test]
fn rn_1_aws_version_2_percent_encoded() {
    let aws = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
        <Name>corp-backend-7</Name><Prefix>tenant-a/img%2B/</Prefix><StartAfter>tenant-a/img%2B/0+1</StartAfter>\
        <NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken><KeyCount>3</KeyCount>\
        <MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
        <Contents><Key>tenant-a/img%2B/a+b%01.jpg</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>\
        <ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>\
        <Size>1</Size><Owner><ID>75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a</ID>\
        <DisplayName>corp</DisplayName></Owner><StorageClass>STANDARD</StorageClass></Contents>\
        <CommonPrefixes><Prefix>tenant-a/img%2B/%C3%A9/</Prefix></CommonPrefixes></ListBucketResult>";
    let expected = aws
        .replace(BACKEND, "photos")
        .replace("tenant-a/", "")
        .replace("75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a", "osp")
        .replace(">corp<", ">osp<");
    // the token comes last: the last name of the page is in it
    let backends = "<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken>";
    let last = Position { text: "img+/\u{e9}/".to_owned(), is_prefix: true };
    let names = names("tenant-a/", "list-type=2&encoding-type=url&prefix=img%2B/&start-after=img%2B/0%201");
    let wrapped = seal_page(&names.mapping, "img+/", "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=", Some(&last));
    let token = format!("<NextContinuationToken>{}</NextContinuationToken></ListBucketResult>", wrapped.unwrap());
    let expected = expected.replace(backends, "").replace("</ListBucketResult>", &token);
    assert_eq!(rewritten(XmlDocument::ListObjects, names, aws), expected);
}

#[test]
fn rn_1_minio_says_at_the_end_that_names_are_encoded() {
    let minio = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
        <Name>corp-backend-7</Name><Prefix>t+a%2F</Prefix><Marker></Marker><NextMarker>t+a%2Fz%20[minio_cache:v2]</NextMarker>\
        <MaxKeys>2</MaxKeys><Delimiter>/</Delimiter><IsTruncated>true</IsTruncated>\
        <Contents><Key>t+a%2Fx%2By</Key><ETag>&#34;d41d8&#34;</ETag><Size>0</Size><Owner><ID>02d6</ID>\
        <DisplayName>minio</DisplayName></Owner></Contents><EncodingType>url</EncodingType></ListBucketResult>";
    let expected =
        minio.replace(BACKEND, "photos").replace("t+a%2F", "").replace(">02d6<", ">osp<").replace(">minio<", ">osp<");
    assert_eq!(rewritten(XmlDocument::ListObjects, names("t a/", "encoding-type=url"), minio), expected);
}

#[test]
fn rn_3_ceph_without_namespace_and_with_entries_outside_the_prefix() {
    let ceph = |first: &str, last: &str, marker: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Name>corp-backend-7</Name><Prefix>p/</Prefix>\
             <Marker>p/a&amp;b</Marker><NextMarker>{marker}</NextMarker><MaxKeys>1000</MaxKeys><IsTruncated>true</IsTruncated>\
             {first}<Contents><Key>p/c&#x1;&#13;d</Key><ETag>&quot;1&quot;</ETag></Contents>{last}</ListBucketResult>"
        )
    };
    let foreign = "<Contents><Key>q/secret</Key><ETag>&quot;2&quot;</ETag><Owner><ID>someone</ID></Owner></Contents>";
    let hidden = "<CommonPrefixes><Prefix>p</Prefix></CommonPrefixes><CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>\
                  <Contents><Key>p/</Key></Contents><Contents/><Contents><ETag>x</ETag></Contents>\
                  <CommonPrefixes><Prefix>p/ok</Prefix><Prefix>q/</Prefix></CommonPrefixes>\
                  <CommonPrefixes><Prefix>q/</Prefix><Prefix>p/ok</Prefix></CommonPrefixes>";
    let expected = ceph("", "", "d/").replace(BACKEND, "photos").replace("p/", "");
    let actual = |body: &str| rewritten(XmlDocument::ListObjects, names("p/", "marker=a%26b"), body);
    assert_eq!(actual(&ceph(foreign, hidden, "p/d/")), expected);
    // A marker outside the prefix goes away with its element; nothing of the backend's text is left.
    let lost = actual(&ceph(foreign, hidden, "q/secret"));
    assert_eq!(lost, expected.replace("<NextMarker>d/</NextMarker>", ""));
}

#[test]
fn rn_5_seaweedfs_and_garage_with_a_namespace_prefix_and_unknown_elements() {
    let body = "<?xml version='1.0'?>\n<s3:ListBucketResult xmlns:s3='http://s3.amazonaws.com/doc/2006-03-01/'>\n\
         <s3:Name>corp-backend-7</s3:Name>\n <s3:Prefix></s3:Prefix>\n <s3:Marker/>\n <s3:NextMarker/>\n <!-- corp-backend-7 -->\
         <s3:Contents new='1'>\n  <s3:Key><![CDATA[p/a&b]]></s3:Key>\n  <s3:Novel><s3:Key>p/kept</s3:Key></s3:Novel>\n \
         <s3:Owner><s3:ID/><s3:DisplayName></s3:DisplayName></s3:Owner></s3:Contents>\n <s3:Key>p/kept</s3:Key>\n\
         </s3:ListBucketResult>\n";
    let expected = body
        .replace(BACKEND, "photos")
        .replace("<!-- photos -->", "")
        .replace("<s3:Prefix></s3:Prefix>", "<s3:Prefix>mine&lt;/</s3:Prefix>")
        .replace("<s3:Marker/>", "<s3:Marker></s3:Marker>")
        .replace("<s3:NextMarker/>", "<s3:NextMarker></s3:NextMarker>")
        .replace("<![CDATA[p/a&b]]>", "a&amp;b")
        .replace("<s3:ID/>", "<s3:ID>osp</s3:ID>")
        .replace("<s3:DisplayName></s3:DisplayName>", "<s3:DisplayName>osp</s3:DisplayName>");
    assert_eq!(rewritten(XmlDocument::ListObjects, names("p/", "prefix=mine%3C/"), body), expected);
}

#[test]
fn rn_1_a_missing_echo_is_encoded_only_if_asked() {
    let body = "<ListBucketResult><Prefix>?</Prefix></ListBucketResult>";
    let echo = |query: &str| rewritten(XmlDocument::ListObjects, names("p/", query), body);
    assert_eq!(echo("prefix=a%20%26/"), "<ListBucketResult><Prefix>a &amp;/</Prefix></ListBucketResult>");
    assert_eq!(
        echo("prefix=a%20%26/&encoding-type=url"),
        "<ListBucketResult><Prefix>a%20%26/</Prefix></ListBucketResult>"
    );
}

#[test]
fn rn_1_an_encoding_that_nobody_asked_for_counts_once_it_is_announced() {
    let entry = "<Contents><Key>a%20b/k</Key></Contents>";
    let list = |parts: &str| format!("<ListBucketResult>{parts}</ListBucketResult>");
    let actual = |body: &str| rewritten(XmlDocument::ListObjects, names("a b/", ""), body);
    let url = "<EncodingType>url</EncodingType>";
    assert_eq!(actual(&list(&format!("{url}{entry}"))), list(&format!("{url}<Contents><Key>k</Key></Contents>")));
    assert_eq!(actual(&list(&format!("{entry}{url}"))), list(url));
}

#[test]
fn rn_4_without_a_prefix_keys_are_copied_as_they_came() {
    let body = "<ListBucketResult><Name>corp-backend-7</Name><Prefix/><Contents><Key>a&#38;+%2F &#x1F;é</Key></Contents>\
                </ListBucketResult>";
    for query in ["", "encoding-type=url"] {
        let expected = body.replace(BACKEND, "photos").replace("<Prefix/>", "<Prefix></Prefix>");
        assert_eq!(rewritten(XmlDocument::ListObjects, names("", query), body), expected);
    }
}

/// What the token of a page says to its backend.
fn next_page(query: &str, body: &str) -> Page {
    let names = names("p/", query);
    let (mapping, prefix) = (Arc::clone(&names.mapping), names.query.get("prefix").unwrap_or_default().to_owned());
    let out = rewritten(XmlDocument::ListObjects, names, body);
    let token = out.split_once("<NextContinuationToken>").and_then(|(_, rest)| rest.split_once("</"));
    let (token, rest) = token.unwrap_or_else(|| panic!("no token in {out}"));
    assert_eq!(rest, "NextContinuationToken></ListBucketResult>");
    open_page(&mapping, &prefix, token).unwrap()
}

#[test]
fn section_11_a_token_has_the_last_name_of_its_page() {
    let list = |parts: &str| format!("<ListBucketResult>{parts}</ListBucketResult>");
    let key = |key: &str| format!("<Contents><Key>{key}</Key></Contents>");
    let folder = |prefix: &str| format!("<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>");
    let token = "<NextContinuationToken>p/x&amp;y</NextContinuationToken>";
    let page = |text: &str, is_prefix| Page {
        token: Some("p/x&y".to_owned()),
        after: Some(Position { text: text.to_owned(), is_prefix }),
    };
    // AWS has the token first, SeaweedFS last
    for body in [list(&[token, &key("p/a"), &key("p/b&amp;")].concat()), list(&[&key("p/b&amp;"), token].concat())] {
        assert_eq!(next_page("list-type=2", &body), page("b&", false));
    }
    // names are in two lists, and the order of the page is the one of bytes
    let both = |last_key: &str, last_folder: &str| {
        list(&[token, &key("p/a"), &key(last_key), &folder("p/b/"), &folder(last_folder)].concat())
    };
    assert_eq!(next_page("list-type=2&delimiter=/", &both("p/z", "p/c/")), page("z", false));
    assert_eq!(next_page("list-type=2&delimiter=/", &both("p/bb", "p/\u{e9}/")), page("\u{e9}/", true));
    // what is not shown is no place to go on from
    let hidden = list(&[token, &key("p/a"), &key("p/"), &key("q/z")].concat());
    assert_eq!(next_page("list-type=2", &hidden), page("a", false));
    let encoded = list(&[token, &key("p%2Fa+b%2Bc")].concat());
    assert_eq!(next_page("list-type=2&encoding-type=url", &encoded), page("a b+c", false));
}

#[test]
fn section_11_a_page_of_nothing_stays_where_it_was() {
    let body = "<ListBucketResult><NextContinuationToken>t</NextContinuationToken><Contents><Key>p/</Key></Contents>\
                </ListBucketResult>";
    let after = |query: &str| next_page(query, body).after;
    assert_eq!(after("list-type=2"), None);
    assert_eq!(after("list-type=2&start-after=s"), Some(Position::key("s")));
    let earlier = seal_page(&names("p/", "").mapping, "", "t", Some(&Position::key("u"))).unwrap();
    let query = format!("list-type=2&start-after=s&continuation-token={earlier}");
    assert_eq!(after(&query), Some(Position::key("u")));
}

#[test]
fn c15_a_backends_token_is_never_shown() {
    let token = "<NextContinuationToken>p/secret</NextContinuationToken>";
    let echo = "<ContinuationToken>p/secret</ContinuationToken>";
    let body = format!("<ListBucketResult>{echo}{token}</ListBucketResult>");
    for query in ["list-type=2", "list-type=2&continuation-token=mine", ""] {
        let out = rewritten(XmlDocument::ListObjects, names("p/", query), &body);
        assert!(!out.contains("secret"), "{out}");
        let mine = if query.ends_with("mine") { "mine" } else { "" };
        assert!(out.contains(&format!("<ContinuationToken>{mine}</ContinuationToken>")), "{out}");
    }
    let twice = format!("<ListBucketResult>{token}{token}</ListBucketResult>");
    let twice = in_pieces(XmlDocument::ListObjects, names("p/", "list-type=2"), twice.as_bytes(), 99);
    assert_eq!(twice, Err(Denial::UpstreamMisbehaved));
    let last = "<ListBucketResult><NextContinuationToken/></ListBucketResult>";
    let out = rewritten(XmlDocument::ListObjects, names("p/", "list-type=2"), last);
    assert_eq!(out, "<ListBucketResult><NextContinuationToken></NextContinuationToken></ListBucketResult>");
}

#[test]
fn uploads_in_progress() {
    let body = "<ListMultipartUploadsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>corp-backend-7</Bucket>\
        <KeyMarker>p/k</KeyMarker><UploadIdMarker>u</UploadIdMarker><NextKeyMarker>p/z</NextKeyMarker>\
        <NextUploadIdMarker>v</NextUploadIdMarker><Delimiter>/</Delimiter><Prefix>p/</Prefix><MaxUploads>2</MaxUploads>\
        <IsTruncated>true</IsTruncated><Upload><Key>p/k1</Key><UploadId>u1</UploadId><Initiator>\
        <ID>arn:aws:iam::123456789012:user/corp</ID><DisplayName>corp</DisplayName></Initiator><Owner><ID>1234</ID>\
        <DisplayName>corp</DisplayName></Owner></Upload>{foreign}<CommonPrefixes><Prefix>p/c/</Prefix></CommonPrefixes>\
        </ListMultipartUploadsResult>";
    let foreign =
        "<Upload><Key>q/k</Key><UploadId>u2</UploadId></Upload><CommonPrefixes><Prefix>q</Prefix></CommonPrefixes>";
    let names = names("p/", "uploads&key-marker=k&upload-id-marker=mine");
    let id = |key: &str, id: &str| format!(">{}<", seal_upload(&names.mapping, key, id).unwrap());
    let expected = body
        .replace("{foreign}", "")
        .replace(BACKEND, "photos")
        .replace("p/", "")
        .replace(">u<", ">mine<")
        .replace(">v<", &id("z", "v"))
        .replace(">u1<", &id("k1", "u1"))
        .replace("arn:aws:iam::123456789012:user/corp", "osp")
        .replace(">1234<", ">osp<")
        .replace(">corp<", ">osp<");
    let body = body.replace("{foreign}", foreign);
    assert_eq!(rewritten(XmlDocument::ListMultipartUploads, names, &body), expected);
}

#[test]
fn section_11_an_upload_is_wrapped_for_its_key_whatever_comes_first() {
    let list = |parts: &str| format!("<ListMultipartUploadsResult>{parts}</ListMultipartUploadsResult>");
    let names = names("p/", "uploads&encoding-type=url");
    let open = |key: &str, id: &str| open_upload(&names.mapping, key, id);
    let texts = |out: &str, tag: &str| -> Vec<String> {
        let tag = format!("<{tag}>");
        let after = out.split(&tag).skip(1);
        after.map(|rest| rest.split('<').next().unwrap_or_default().to_owned()).collect()
    };
    for entry in ["<UploadId>u&amp;1</UploadId><Key>p%2Fa+b</Key>", "<Key>p%2Fa+b</Key><UploadId>u&amp;1</UploadId>"] {
        let out =
            rewritten(XmlDocument::ListMultipartUploads, names.clone(), &list(&format!("<Upload>{entry}</Upload>")));
        assert_eq!(open("a b", &texts(&out, "UploadId")[0]).as_deref(), Ok("u&1"), "{out}");
        assert_eq!(
            out.len(),
            list("<Upload><UploadId></UploadId><Key>a+b</Key></Upload>").len() + texts(&out, "UploadId")[0].len()
        );
    }
    let (upload, key) = ("<NextUploadIdMarker>v</NextUploadIdMarker>", "<NextKeyMarker>p%2Fz</NextKeyMarker>");
    for parts in [[upload, key], [key, upload]] {
        let out = rewritten(XmlDocument::ListMultipartUploads, names.clone(), &list(&parts.concat()));
        assert_eq!(open("z", &texts(&out, "NextUploadIdMarker")[0]).as_deref(), Ok("v"), "{out}");
    }
    // a marker of a key outside is none, and neither is an id outside an entry
    let outside = list(&format!(
        "<NextKeyMarker>q</NextKeyMarker>{upload}<Upload><Key>q</Key><UploadId>secret</UploadId></Upload>"
    ));
    assert_eq!(rewritten(XmlDocument::ListMultipartUploads, names.clone(), &outside), list(""));
    let nameless = list("<Upload><Key>p/&#xD800;</Key><UploadId>u</UploadId></Upload>");
    let nameless = in_pieces(XmlDocument::ListMultipartUploads, names, nameless.as_bytes(), 99);
    assert_eq!(nameless, Err(Denial::UpstreamMisbehaved), "never half a list");
}

#[test]
fn rn_2_uploads_of_a_server_that_says_url_and_does_not_encode() {
    let names = names("p/", "uploads&encoding-type=url");
    let list = |id: &dyn Fn(&str) -> String| {
        let keys = [("100%zz", "100%zz"), ("a b", "a b"), ("ü%20", "ü "), ("%FF", "%FF"), ("a%20b", "a b")];
        let of = |(shown, meant)| format!("<Upload><Key>p/{shown}</Key><UploadId>{}</UploadId></Upload>", id(meant));
        let uploads: String = keys.map(of).concat();
        format!("<ListMultipartUploadsResult><EncodingType>url</EncodingType>{uploads}</ListMultipartUploadsResult>")
    };
    let sealed = list(&|key| seal_upload(&names.mapping, key, "u").unwrap()).replace("p/", "");
    let actual = rewritten(XmlDocument::ListMultipartUploads, names, &list(&|_| "u".to_owned()));
    assert_eq!(actual, sealed, "each id is good for the key that a client reads there");
}

#[test]
fn section_3_2_versions_and_delete_markers_in_the_clients_names() {
    let aws = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
        <Name>corp-backend-7</Name><Prefix>tenant-a/</Prefix><KeyMarker>tenant-a/a</KeyMarker><VersionIdMarker>v0\
        </VersionIdMarker><NextKeyMarker>tenant-a/c</NextKeyMarker><NextVersionIdMarker>v3</NextVersionIdMarker>\
        <MaxKeys>3</MaxKeys><IsTruncated>true</IsTruncated><Version><Key>tenant-a/b&amp;b</Key><VersionId>v1</VersionId>\
        <IsLatest>true</IsLatest><ETag>&quot;1&quot;</ETag><Owner><ID>75aa</ID><DisplayName>corp</DisplayName></Owner>\
        </Version>FOREIGN<DeleteMarker><Owner><ID>75aa</ID></Owner><Key>tenant-a/c</Key><VersionId>v3</VersionId>\
        </DeleteMarker><CommonPrefixes><Prefix>tenant-a/d/</Prefix></CommonPrefixes></ListVersionsResult>";
    let foreign = "<Version><Key>tenant-b/x</Key><VersionId>v2</VersionId></Version><DeleteMarker><Key>x</Key></DeleteMarker>\
        <CommonPrefixes><Prefix>tenant-</Prefix></CommonPrefixes>";
    let expected = aws
        .replace(BACKEND, "photos")
        .replace("tenant-a/", "")
        .replace(">75aa<", ">osp<")
        .replace(">corp<", ">osp<")
        .replace("FOREIGN", "");
    let query = "versions&key-marker=a&version-id-marker=v0";
    let actual = rewritten(XmlDocument::ListVersions, names("tenant-a/", query), &aws.replace("FOREIGN", foreign));
    assert_eq!(actual, expected);
    // What another listing is called is no list of versions.
    let other = in_pieces(XmlDocument::ListVersions, names("", ""), b"<ListBucketResult></ListBucketResult>", 99);
    assert_eq!(other, Err(Denial::UpstreamMisbehaved));
}

#[test]
fn section_11_of_accounts_and_keys_nothing_is_left() {
    let acl = "<AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>75aa</ID><DisplayName>75aa\
        </DisplayName></Owner><AccessControlList><Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
        xsi:type=\"CanonicalUser\"><ID>75aa</ID><DisplayName>75aa</DisplayName><EmailAddress>75aa</EmailAddress></Grantee>\
        <Permission>FULL_CONTROL</Permission></Grant><Grant><Grantee><URI>http://acs.amazonaws.com/groups/global/AllUsers\
        </URI></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>";
    let actual = rewritten(XmlDocument::AccessControl, names("", ""), acl);
    assert_eq!(actual, acl.replace("75aa", "osp"));

    let default = "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>KEY\
        </ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule>";
    let encryption = format!("<ServerSideEncryptionConfiguration>{default}</ServerSideEncryptionConfiguration>");
    let with_key = encryption.replace("KEY", "<KMSMasterKeyID>arn:aws:kms:eu:1:key/2</KMSMasterKeyID>");
    let actual = rewritten(XmlDocument::Encryption, names("", ""), &with_key);
    assert_eq!(actual, encryption.replace("KEY", ""));
}
