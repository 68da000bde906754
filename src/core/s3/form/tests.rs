//! Forms in pieces of every size, and forms that are none.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::s3::sample::head;
use crate::s3::{BaseHosts, BucketName, ObjectKey, parse};

const TYPE: &str = "content-type: multipart/form-data; boundary=xyz";

fn reader_of(target: &str, lines: &[&str], length: Option<u64>) -> Result<FormReader, Denial> {
    let head = head("POST", target, lines);
    let target = parse(&head, &BaseHosts::default()).unwrap();
    FormReader::new(&head, &target, length)
}

fn field(name: &str, value: &str) -> String {
    format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

const FILE: &str = "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\a/b c.txt\"\r\nContent-Type: text/html\r\n\r\n";
const CONTENT: &str = "the file\r\n--xyz--\r\n";

/// Reads a body in pieces that end at `cuts`: the form, and the bytes behind the fields.
fn read_at(body: &[u8], cuts: impl IntoIterator<Item = usize>) -> Result<Option<(Form, Vec<u8>)>, Denial> {
    let mut reader = reader_of("/bucket", &[TYPE], Some(body.len() as u64)).unwrap();
    let mut start = 0;
    let mut found: Option<(Form, Vec<u8>)> = None;
    for end in cuts.into_iter().chain([body.len()]) {
        let piece = &body[start..end];
        match &mut found {
            Some((_, rest)) => rest.extend_from_slice(piece),
            None => found = reader.push(piece)?.map(|(form, rest): (Form, Bytes)| (form, rest.to_vec())),
        }
        start = end;
    }
    Ok(found)
}

fn read(body: &str) -> Result<Option<(Form, Vec<u8>)>, Denial> {
    read_at(body.as_bytes(), [])
}

fn fields(form: &Form) -> Vec<(&str, &str)> {
    form.fields().collect()
}

#[test]
fn d11_fields_before_the_file_in_pieces_cut_at_every_byte() {
    let body =
        [&field("Key", "a/${filename}"), &field("policy", "p\r\n--xy\r\nq"), &field("acl", ""), FILE, CONTENT].concat();
    let whole = read(&body).unwrap().unwrap();
    assert_eq!(fields(&whole.0), [("key", "a/b c.txt"), ("policy", "p\r\n--xy\r\nq"), ("acl", "")]);
    assert_eq!((whole.1.as_slice(), whole.0.file_wire_bytes()), (CONTENT.as_bytes(), CONTENT.len() as u64));
    for cut in 0..body.len() {
        assert_eq!(read_at(body.as_bytes(), [cut]).unwrap().as_ref(), Some(&whole), "cut at {cut}");
    }
    assert_eq!(read_at(body.as_bytes(), 0..body.len()).unwrap(), Some(whole), "byte by byte");
    let begun = body.len() - CONTENT.len();
    for end in 0..begun {
        assert_eq!(read_at(&body.as_bytes()[..end], []).unwrap(), None, "no form before its file begins: {end}");
    }
}

#[test]
fn the_name_of_the_file_stands_in_every_field_but_those_of_the_signature() {
    let body = [&field("x-amz-meta-name", "<${filename}>"), &field("policy", "${filename}"), FILE, CONTENT].concat();
    let (form, _) = read(&body).unwrap().unwrap();
    assert_eq!(fields(&form), [("x-amz-meta-name", "<b c.txt>"), ("policy", "${filename}")]);
    let nameless =
        [&field("key", "a${filename}b"), "--xyz\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n", CONTENT];
    assert_eq!(fields(&read(&nameless.concat()).unwrap().unwrap().0), [("key", "ab")]);
}

#[test]
fn d11_what_is_no_form_is_refused() {
    let key = field("key", "a");
    for (body, why) in [
        (format!("x{key}{FILE}"), "a preamble"),
        (format!("\r\n{key}{FILE}"), "a line before the boundary"),
        ("--xyz--\r\n".to_owned(), "nothing in it"),
        (format!("--xyz \r\n{key}{FILE}"), "white space behind the boundary"),
        (key.replace("\r\n", "\n") + FILE, "bare line feeds"),
        (format!("{}{FILE}", key.replace("--xyz\r\n", "--xyz\r\n\r\n")), "a head of no lines"),
        (format!("{}{FILE}", field("key", "--xyz")), "a value that begins with the boundary"),
        (format!("{}{FILE}", field("key", "a\r\n--xyzw")), "a boundary that goes on"),
        (format!("--xyz\r\nContent-Type: a\r\n\r\nb\r\n{FILE}"), "a part without a name"),
    ] {
        assert!(matches!(read(&body), Err(Denial::Form(FormFault::Malformed(_)))), "{why}: {:?}", read(&body));
    }
    let not_text = [b"--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\xff\r\n", FILE.as_bytes()].concat();
    assert!(matches!(read_at(&not_text, []), Err(Denial::Form(FormFault::Malformed(_)))));
    for (body, why) in [
        (format!("{key}{key}{FILE}"), "a field twice"),
        (format!("{key}{}{FILE}", field("KEY", "b")), "a field twice, in another case"),
        (format!("{key}--xyz--\r\n"), "no file"),
        (key.replace("name=\"key\"", "name=\"key\"; filename=\"a\"") + FILE, "another file"),
    ] {
        assert!(matches!(read(&body), Err(Denial::InvalidArgument(_))), "{why}: {:?}", read(&body));
    }
    let ignored = field("x-ignore-a", "b");
    assert!(
        read(&format!("{ignored}{ignored}{key}{FILE}")).unwrap().is_some(),
        "their twin: ignored ones may be repeated"
    );
}

#[test]
fn r_the_fields_have_at_most_20_kib_however_they_come() {
    let frame = field("key", "").len() + FILE.len();
    let body = |bytes: usize| [&field("key", &"k".repeat(bytes - frame)), FILE, CONTENT].concat();
    let (most, over) = (body(20 * 1024), body(20 * 1024 + 1));
    for size in [1, 1000, usize::MAX] {
        let cuts = |length: usize| (1..=length / size).map(move |n| n * size);
        assert!(read_at(most.as_bytes(), cuts(most.len())).unwrap().is_some());
        assert_eq!(read_at(over.as_bytes(), cuts(over.len())), Err(Denial::Form(FormFault::FieldsTooLarge)));
    }
    assert_eq!(
        read(&"--xyz\r\nContent-Disposition: ".repeat(2000)),
        Err(Denial::Form(FormFault::FieldsTooLarge)),
        "without an end"
    );
    let many: String = (0..101).map(|n| field(&format!("f{n}"), "")).collect();
    assert_eq!(read(&format!("{many}{FILE}")), Err(Denial::Form(FormFault::FieldsTooLarge)), "too many");
    let grown = field("key", &"${filename}".repeat(1700));
    let long_name = FILE.replace("b c.txt", &"n".repeat(1000));
    assert_eq!(
        read(&format!("{grown}{long_name}")),
        Err(Denial::Form(FormFault::FieldsTooLarge)),
        "names count where they are put in"
    );
}

#[test]
fn s04_trap_2_nothing_but_the_form_speaks() {
    assert!(reader_of("/bucket", &[TYPE], Some(9)).is_ok());
    assert_eq!(reader_of("/bucket", &[TYPE], None).err(), Some(Denial::MissingContentLength));
    assert!(matches!(
        reader_of("/bucket", &["content-type: multipart/form-data"], Some(9)),
        Err(Denial::Form(FormFault::Malformed(_)))
    ));
    for (target, line) in [
        ("/bucket", "authorization: Bearer abc"),
        ("/bucket?X-Amz-Signature=00", "a: b"),
        ("/bucket?X-Amz-Algorithm=AWS4-HMAC-SHA256", "a: b"),
        ("/bucket?Signature=00", "a: b"),
    ] {
        assert_eq!(
            reader_of(target, &[TYPE, line], Some(9)).err(),
            Some(Denial::MultipleAuthentication),
            "{target} {line}"
        );
    }
    for (target, line, name) in [
        ("/bucket", "x-amz-acl: public-read", "x-amz-acl"),
        ("/bucket", "x-amz-security-token: t", "x-amz-security-token"),
        ("/bucket?X-Amz-Acl=public-read", "a: b", "x-amz-acl"),
        ("/bucket?x-amz-security-token=t", "a: b", "x-amz-security-token"),
    ] {
        let expected = Denial::HeadersNotSigned(vec![name.to_owned()]);
        assert_eq!(reader_of(target, &[TYPE, line], Some(9)).err(), Some(expected), "{target} {line}");
    }
}

fn told(extra: &[(&str, &str)]) -> Result<Told, Denial> {
    let parts: String = extra.iter().map(|(name, value)| field(name, value)).collect();
    let (form, _) = read(&format!("{parts}{FILE}{CONTENT}"))?.unwrap();
    let bucket = BucketName::parse("bucket").unwrap();
    let key = ObjectKey::parse("a b/<\u{e9}&".as_bytes().to_vec()).unwrap();
    Ok(Receipt::read(&form, bucket, key)?.tell("https://s3.test:8443", "\"e\""))
}

#[test]
fn section_3_2_receipts_say_the_clients_names() {
    let location = "https://s3.test:8443/bucket/a%20b/%3C%C3%A9%26";
    for (status, expected) in [("", 204), ("200", 200), ("204", 204), ("202", 204), ("404", 204)] {
        let told = told(&[("success_action_status", status)]).unwrap();
        assert_eq!(told, Told { status: expected, location: location.to_owned(), body: Vec::new() }, "{status}");
    }
    let document = told(&[("success_action_status", "201"), ("success_action_redirect", "")]).unwrap();
    let expected = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{location}</Location><Bucket>bucket</Bucket>\
         <Key>a b/&lt;\u{e9}&amp;</Key><ETag>&quot;e&quot;</ETag></PostResponse>"
    );
    assert_eq!((document.status, String::from_utf8(document.body).unwrap()), (201, expected));
    let pairs = "bucket=bucket&key=a%20b%2F%3C%C3%A9%26&etag=%22e%22";
    for (url, goes_to) in [
        ("http://app.test", format!("http://app.test?{pairs}")),
        ("HTTPS://app.test/done?id=1", format!("HTTPS://app.test/done?id=1&{pairs}")),
        ("https://app.test/#/done", format!("https://app.test/?{pairs}#/done")),
    ] {
        let told = told(&[("success_action_redirect", url), ("success_action_status", "201")]).unwrap();
        assert_eq!(told, Told { status: 303, location: goes_to, body: Vec::new() });
    }
    assert_eq!(told(&[("redirect", "http://app.test")]).unwrap().status, 303, "its old name");
    for url in [
        "/done",
        "//app.test",
        "javascript:alert(1)",
        "http://",
        "http:///a",
        "https://a b",
        "http://\u{e9}",
        "http://a\u{1}",
    ] {
        let refused = told(&[("success_action_redirect", url)]);
        assert!(matches!(refused, Err(Denial::InvalidArgument(_))), "{url}");
    }
}

proptest! {
    /// parse(render(form)) == form, however the network cuts it.
    #[test]
    fn whatever_the_fields_and_the_pieces(
        values in proptest::collection::vec("[^$]{0,60}", 0..8),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
    ) {
        let expected: Vec<(String, String)> =
            values.into_iter().enumerate().map(|(n, value)| (format!("f{n}"), value)).filter(|(_, value)| !value.contains("--xyz")).collect();
        let parts: String = expected.iter().map(|(name, value)| field(name, value)).collect();
        let body = format!("{parts}{FILE}{CONTENT}");
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len())).collect();
        cuts.sort_unstable();
        let (form, rest) = read_at(body.as_bytes(), cuts).unwrap().unwrap();
        let found: Vec<(String, String)> = form.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(rest, CONTENT.as_bytes());
    }

    /// No bytes make it panic, and the pieces never change the outcome.
    #[test]
    fn any_bytes_end_alike_whole_and_in_pieces(
        noise in proptest::collection::vec(prop_oneof![
            Just("\r\n".to_owned()), Just("--xyz".to_owned()), Just("--".to_owned()), Just("\r\n\r\n".to_owned()),
            Just("Content-Disposition: form-data; name=\"a\"".to_owned()), Just(FILE.to_owned()), "[ -~]{0,9}",
        ], 0..20),
        size in 1_usize..40,
    ) {
        let body = ["--xyz\r\n", &noise.concat()].concat();
        let whole = read(&body);
        let cut = read_at(body.as_bytes(), (1..=body.len() / size).map(|n| n * size));
        match (whole, cut) {
            (Ok(whole), Ok(cut)) => prop_assert_eq!(whole, cut),
            (Err(_), Err(_)) => {}
            (whole, cut) => prop_assert!(false, "{:?} whole, {:?} cut", whole, cut),
        }
    }
}
