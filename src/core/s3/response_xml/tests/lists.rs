//! Listings as AWS, `MinIO`, Ceph RGW, `SeaweedFS` and Garage write them.

use super::*;

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
    let query = "list-type=2&encoding-type=url&prefix=img%2B/&start-after=img%2B/0%201";
    assert_eq!(rewritten(XmlDocument::ListObjects, names("tenant-a/", query), aws), expected);
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
    let expected = body
        .replace("{foreign}", "")
        .replace(BACKEND, "photos")
        .replace("p/", "")
        .replace("arn:aws:iam::123456789012:user/corp", "osp")
        .replace(">1234<", ">osp<")
        .replace(">corp<", ">osp<");
    let body = body.replace("{foreign}", foreign);
    assert_eq!(rewritten(XmlDocument::ListMultipartUploads, names("p/", "uploads&key-marker=k"), &body), expected);
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
