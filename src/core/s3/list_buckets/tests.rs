use super::*;

fn names(names: &[&str]) -> Vec<ListedBucket> {
    names.iter().map(|name| BucketName::parse(name).unwrap().into()).collect()
}

fn cut(query: &str) -> Result<ListBucketsPage, Denial> {
    let visible = names(&["alpha", "beta-1", "beta-2", "beta-3", "gamma"]);
    ListBucketsPage::cut(&visible, &Query::parse(query.as_bytes()).unwrap())
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap() {
    let mut query = "prefix=beta&max-buckets=2".to_owned();
    let first = cut(&query).unwrap();
    assert_eq!((first.buckets, first.prefix.as_deref()), (names(&["beta-1", "beta-2"]), Some("beta")));
    query.push_str(&format!("&continuation-token={}", first.continuation_token.unwrap()));
    let second = cut(&query).unwrap();
    assert_eq!((second.buckets, second.continuation_token), (names(&["beta-3"]), None));
}

#[test]
fn a_full_last_page_has_no_token() {
    let page = cut("max-buckets=5").unwrap();
    assert_eq!((page.buckets.len(), page.continuation_token, page.prefix), (5, None, None));
    assert_eq!(cut("").unwrap().buckets.len(), 5);
    assert!(cut("prefix=delta").unwrap().buckets.is_empty());
    assert!(cut("max-buckets=4").unwrap().continuation_token.is_some());
}

#[test]
fn impossible_limits_and_foreign_tokens_are_refused() {
    assert!(cut("max-buckets=1").is_ok() && cut("max-buckets=10000").is_ok());
    for query in
        ["max-buckets=0", "max-buckets=10001", "max-buckets=", "max-buckets=-1", "max-buckets=99999999999999999999"]
    {
        assert!(matches!(cut(query), Err(Denial::InvalidArgument(_))), "{query}");
    }
    let token = |text: &str| format!("continuation-token={}", URL_SAFE_NO_PAD.encode(text));
    assert_eq!(cut(&token("osp-buckets-1/beta-3")).unwrap().buckets, names(&["gamma"]));
    for query in ["continuation-token=", "continuation-token=beta-3", &token("beta-3"), &token("osp-buckets-1/B")] {
        assert!(matches!(cut(query), Err(Denial::InvalidArgument(_))), "{query}");
    }
}

#[test]
fn the_list_as_s3_writes_it() {
    let page = ListBucketsPage {
        buckets: names(&["alpha"]),
        continuation_token: Some("t".to_owned()),
        prefix: Some("a&\u{1}".to_owned()),
    };
    let created = Timestamp::from_unix_seconds(1_369_353_600);
    assert_eq!(
        String::from_utf8(list_buckets_xml(&page, created, "eu-west-1")).unwrap(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ListAllMyBucketsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Owner><ID>osp</ID><DisplayName>osp</DisplayName></Owner><Buckets><Bucket><Name>alpha</Name>\
         <CreationDate>2013-05-24T00:00:00.000Z</CreationDate><BucketRegion>eu-west-1</BucketRegion></Bucket></Buckets>\
         <ContinuationToken>t</ContinuationToken><Prefix>a&amp;&#x1;</Prefix></ListAllMyBucketsResult>"
    );
}

#[test]
fn k_2_4_what_backends_tell_of_their_buckets() {
    // AWS, Ceph RGW (microseconds, no declaration) and an empty list
    let aws = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListAllMyBucketsResult \
        xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>secret</ID></Owner><Buckets><Bucket><Name>a-1</Name>\
        <CreationDate>2013-05-24T00:00:00.000Z</CreationDate></Bucket><Bucket><Name>b&amp;2</Name></Bucket></Buckets>\
        <ContinuationToken>t/1</ContinuationToken></ListAllMyBucketsResult>";
    let told = ToldBuckets::parse(aws).unwrap();
    let created = Timestamp::from_unix_seconds(1_369_353_600);
    assert_eq!(told.buckets, [("a-1".to_owned(), Some(created)), ("b&2".to_owned(), None)]);
    assert_eq!(told.continuation_token.as_deref(), Some("t/1"));
    let ceph = b"<ListAllMyBucketsResult><Owner/><Buckets><Bucket><Name>a</Name>\
        <CreationDate>2013-05-24T00:00:00.123456Z</CreationDate></Bucket></Buckets></ListAllMyBucketsResult>";
    assert_eq!(ToldBuckets::parse(ceph).unwrap().buckets, [("a".to_owned(), Some(created))]);
    let none = ToldBuckets::parse(b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>").unwrap();
    assert_eq!(none, ToldBuckets::default());
}

#[test]
fn k_2_4_what_is_no_list_of_buckets_is_none_and_not_an_empty_one() {
    let long = format!(
        "<ListAllMyBucketsResult><ContinuationToken>{}</ContinuationToken></ListAllMyBucketsResult>",
        "t".repeat(1025)
    );
    for body in [
        "",
        "<Error><Code>AccessDenied</Code></Error>",
        "<ListBucketResult/>",
        "<ListAllMyBucketsResult><Buckets><Bucket><Name>a</Name></Bucket>",
        "<ListAllMyBucketsResult><Buckets><Bucket></Bucket></Buckets></ListAllMyBucketsResult>",
        &long,
    ] {
        assert_eq!(ToldBuckets::parse(body.as_bytes()), Err(Denial::UpstreamMisbehaved), "{body:.60}");
    }
}

#[test]
fn the_location_of_us_east_1_is_empty() {
    let tail = |region| String::from_utf8(location_xml(region)).unwrap().split_once("?>\n").unwrap().1.to_owned();
    let namespace = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
    assert_eq!(tail("us-east-1"), format!("<LocationConstraint {namespace}/>"));
    assert_eq!(tail("eu<1"), format!("<LocationConstraint {namespace}>eu&lt;1</LocationConstraint>"));
}
