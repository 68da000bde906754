//! Entries that look like earlier ones are passed on by comparison: to the same answer as item by item.
//!
//! Pieces of one byte never hold a whole entry, so the answer to them is the general path's alone.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

/// What came out, how it ended, and how many entries were passed on by comparison.
type Passage = (String, Result<(), Denial>, usize);

/// The passage of a document that is cut into pieces of these sizes, again and again.
fn passage(document: XmlDocument, names: &ResponseNames, body: &[u8], sizes: &[usize]) -> Passage {
    let mut rewriter = ResponseXml::new(document, names.clone());
    let (mut out, mut rest, mut end) = (Vec::new(), body, Ok(()));
    for size in sizes.iter().cycle() {
        let (piece, after) = rest.split_at(rest.len().min((*size).max(1)));
        end = end.and_then(|()| rewriter.push(piece, &mut out));
        rest = after;
        if rest.is_empty() || end.is_err() {
            break;
        }
    }
    let end = end.and_then(|()| rewriter.finish(&mut out));
    (String::from_utf8(out).unwrap(), end, rewriter.rewriter.compared())
}

/// The passage in pieces of these sizes, proved to be the one of the general path alone.
fn compared(document: XmlDocument, names: &ResponseNames, body: &[u8], sizes: &[usize]) -> Passage {
    let general = passage(document, names, body, &[1]);
    assert_eq!(general.2, 0);
    let (out, end, taken) = passage(document, names, body, sizes);
    let shown = String::from_utf8_lossy(body);
    assert_eq!((&out, &end), (&general.0, &general.1), "{sizes:?} of {shown}");
    (out, end, taken)
}

fn list(entries: &str) -> String {
    format!("<ListBucketResult>{entries}</ListBucketResult>")
}

fn many(count: usize, entry: impl Fn(usize) -> String) -> String {
    list(&(0..count).map(entry).collect::<String>())
}

const WHOLE: &[usize] = &[usize::MAX];

#[test]
fn rn_5_all_entries_but_the_first_of_their_shape_are_compared() {
    let plain = |n| format!("<Contents><Key>p/a{n}</Key><ETag>&quot;{n}&quot;</ETag><Size>{n}</Size></Contents>");
    let spaced = |n| format!("\n  <Contents x='1'>\n <Key>p/{n}&amp;é</Key>\n <Size></Size>\n </Contents>");
    let prefixed = |n| format!("<s3:CommonPrefixes><s3:Prefix>p/{n}/</s3:Prefix></s3:CommonPrefixes>");
    let turns = |n| if n % 2 == 0 { plain(n) } else { prefixed(n) };
    let outside = |n| format!("<Contents><Key>{}/a</Key></Contents>", if n == 5 { 'p' } else { 'q' });
    for (body, taken) in [
        (many(10, plain), 9),
        (many(10, spaced), 9),
        (many(10, prefixed), 9),
        (many(10, turns), 8),
        (many(10, outside), 9),
    ] {
        let (out, end, compared) =
            compared(XmlDocument::ListObjects, &names("p/", "list-type=2"), body.as_bytes(), WHOLE);
        assert_eq!((end, compared), (Ok(()), taken), "{out}");
    }
    let both = |n| {
        let kind = if n % 3 == 0 { "DeleteMarker" } else { "Version" };
        format!("<{kind}><Owner><ID>{n}</ID></Owner><Key>p/{n}</Key></{kind}>")
    };
    let body = many(10, both).replace("ListBucketResult", "ListVersionsResult");
    let (out, _, taken) = compared(XmlDocument::ListVersions, &names("p/", ""), body.as_bytes(), WHOLE);
    assert_eq!((taken, out.matches("<ID>osp</ID>").count()), (8, 10), "{out}");
}

#[test]
fn rn_5_an_entry_is_compared_only_where_it_is_whole() {
    let body = many(6, |n| format!("<Contents><Key>p/a{n}</Key><Size>{n}</Size></Contents>\n"));
    for cut in 0..body.len() {
        let (_, end, taken) = compared(XmlDocument::ListObjects, &names("p/", ""), body.as_bytes(), &[cut, usize::MAX]);
        assert!(end.is_ok() && (4..=5).contains(&taken), "{taken} with a cut at {cut}");
    }
}

#[test]
fn rn_5_what_the_general_path_would_change_or_refuse_is_left_to_it() {
    let whole = "<Contents><Key>p/a</Key><Size>1</Size></Contents>";
    for other in [
        // an end tag of a replaced text, and an empty element, are written anew
        "<Contents><Key>p/a</Key ><Size>1</Size></Contents>",
        "<Contents><Key/><Size>1</Size></Contents>",
        "<Contents><Key>p/a<!-- secret --></Key><Size>1</Size></Contents>",
        "<Contents><Key><![CDATA[p/a]]></Key><Size>1</Size></Contents>",
        "<Contents><Key>p/a</Key><Size>&secret;</Size></Contents>",
        "<Contents><Key>p/a</Key><Size>&secret</Size>;</Contents>",
        "<Contents><Key>p/a</Key><Size>&#x0000000000000000a;</Size></Contents>",
        "<Contents><Key>p/a</Key><Size>1</Size></Version>",
        "<Contents><Key>p/a</Size><Size>1</Key></Contents>",
        "<Contents><Key>p/a<ID/></Key><Size>1</Size></Contents>",
    ] {
        for entries in [[whole, other, other], [other, other, other]] {
            let body = list(&entries.concat());
            let (.., taken) = compared(XmlDocument::ListObjects, &names("p/", ""), body.as_bytes(), WHOLE);
            assert_eq!(taken, 0, "{body}");
        }
    }
    let latin = [whole.as_bytes(), b"<Contents><Key>p/\xe9</Key><Size>1</Size></Contents>"].concat();
    let body = [b"<ListBucketResult>", latin.as_slice()].concat();
    let (out, end, taken) = compared(XmlDocument::ListObjects, &names("p/", ""), &body, WHOLE);
    assert_eq!((out.contains("<Key>a</Key>"), end, taken), (true, Err(Denial::UpstreamMisbehaved), 0));
}

#[test]
fn r_limits_hold_for_entries_that_are_compared() {
    let entry = |text: &str| format!("<Contents><Key>p/{text}</Key><Size>{text}</Size></Contents>");
    for length in [3_000, 4_040, 4_100, 8_200, 16 * 1024 - 3, 16 * 1024 - 2, 16 * 1024] {
        let body = list(&[entry("a"), entry(&"x".repeat(length)), entry("b")].concat());
        let (_, end, taken) = compared(XmlDocument::ListObjects, &names("p/", ""), body.as_bytes(), WHOLE);
        assert_eq!(
            (end.is_ok(), taken),
            (length < 16 * 1024 - 2, if length < 4_060 { 2 } else { usize::from(end.is_ok()) })
        );
    }
    // an entry that grows by its names: the first of its shape shows none of them
    let mut names = names("p/", "");
    let mapping = Arc::make_mut(&mut names.mapping);
    mapping.client_prefix = KeyPrefix::parse(&"&".repeat(1_000)).unwrap();
    let keys = |place: char, count| format!("<Contents>{}</Contents>", format!("<Key>{place}/a</Key>").repeat(count));
    for (count, passes) in [(10, true), (20, false)] {
        let body = list(&[keys('q', count), keys('p', count)].concat());
        let (_, end, taken) = compared(XmlDocument::ListObjects, &names, body.as_bytes(), WHOLE);
        assert_eq!((end.is_ok(), taken), (passes, usize::from(passes)));
    }
    // shapes are small, whatever an entry has for tags
    let tags = |count: usize| format!("<Contents><Key>p/a</Key>{}</Contents>", "<Key></Key>".repeat(count));
    for (count, taken) in [(50, 2), (100, 0), (10_000, 0)] {
        let body = list(&tags(count).repeat(3));
        let passage = compared(XmlDocument::ListObjects, &self::names("p/", ""), body.as_bytes(), &[1 << 16]);
        assert_eq!(passage.2, taken, "{count}");
    }
}

/// A text of a backend's: mostly harmless.
fn text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "",
        "q/k",
        "p/",
        "p/a&amp;b",
        "p&#47;a",
        "p%2Fa+b%20",
        "&#x1;",
        "&#xD800;",
        "é",
        ">]]>",
        " \n ",
        "<!-- p/ -->p/a",
        "&quot;a&quot;",
        "&quot;a&amp;b&quot;",
        "&quot;",
        "&qu",
        "&#34;a&#34;",
        "<![CDATA[p/<&]]>",
        "p/<![CDATA[x]]>y",
        "&secret;",
        "&",
        "<b/>",
        "\u{0}",
    ]);
    prop_oneof![6 => "p/[a-e]{1,3}", 2 => odd.prop_map(str::to_owned)]
}

/// An entry without its texts, which go where there is a `@`.
fn template() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec!["Contents", "CommonPrefixes", "Version", "DeleteMarker", "Upload", "Name"]);
    let parts = prop::sample::select(vec![
        "<Key>@</Key>",
        "<Key>@</Key>",
        "<Key>@</Key>",
        "<Prefix>@</Prefix>",
        "<Size>@</Size>",
        "<UploadId>@</UploadId>",
        "<Owner><ID>@</ID><DisplayName>@</DisplayName></Owner>",
        "<Owner>@</Owner>",
        "<Key/>",
        "<Size/>",
        "<Key >@</Key >",
        "<Size a='@>'>@</Size>",
        "<x:Key>@</x:Key>",
        "\n  ",
        "@",
        "<Novel><Key>@</Key></Novel>",
        "<!-- @ -->",
        "<Size>",
    ]);
    (kind, prop::collection::vec(parts, 0..5)).prop_map(|(kind, parts)| format!("<{kind}>{}</{kind}>", parts.concat()))
}

/// Entries of one shape, or nearly.
fn run() -> impl Strategy<Value = String> {
    (template(), prop::collection::vec(text(), 1..9), 1_usize..6).prop_map(|(template, texts, count)| {
        let mut texts = texts.iter().cycle();
        let filled = |part| [part, texts.next().map_or("", String::as_str)].concat();
        let entries = vec![template; count].join("");
        entries.split('@').map(filled).collect()
    })
}

/// A list of runs, with some of them twice, and sometimes a byte of it changed.
fn document() -> impl Strategy<Value = Vec<u8>> {
    let root = prop::sample::select(vec!["ListBucketResult", "ListVersionsResult", "ListMultipartUploadsResult"]);
    let change = (any::<prop::sample::Index>(), prop::sample::select(b"<>&;/!'\" k\xff".to_vec()));
    let runs = prop::collection::vec(run(), 1..5);
    (root, runs, prop::option::weighted(0.2, change)).prop_map(|(root, runs, change)| {
        let mut body = format!("<{root}>{}{}</{root}>", runs.concat(), runs.concat()).into_bytes();
        if let Some((at, byte)) = change {
            // not the first: white space before what is no document leaves at once only if it comes alone (trap 10)
            let at = 1 + at.index(body.len() - 1);
            body[at] = byte;
        }
        body
    })
}

#[test]
fn rn_5_any_document_in_any_pieces_is_what_the_general_path_makes_of_it() {
    let queries = ["", "list-type=2", "list-type=2&encoding-type=url", "uploads&encoding-type=url"];
    let request = (prop::sample::select(queries.to_vec()), any::<bool>(), any::<bool>());
    let pieces = prop_oneof![Just(vec![usize::MAX]), prop::collection::vec(1_usize..400, 1..4)];
    let (cases, accepted, taken) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let property = |(body, (query, below, renamed), sizes): (Vec<u8>, (&str, bool, bool), Vec<usize>)| {
        let mut names = names(if below { "p/" } else { "" }, query);
        if renamed {
            Arc::make_mut(&mut names.mapping).client_prefix = KeyPrefix::parse("c <&/").unwrap();
        }
        let text = String::from_utf8_lossy(&body);
        let document = match text.get(..10) {
            Some("<ListBucke") => XmlDocument::ListObjects,
            Some("<ListVersi") => XmlDocument::ListVersions,
            _ => XmlDocument::ListMultipartUploads,
        };
        let (_, end, compared) = compared(document, &names, &body, &sizes);
        cases.set(cases.get() + 1);
        accepted.set(accepted.get() + usize::from(end.is_ok()));
        taken.set(taken.get() + compared);
        Ok(())
    };
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) });
    runner.run(&(document(), request, pieces), property).unwrap();
    let (cases, accepted, taken) = (cases.get(), accepted.get(), taken.get());
    println!("{cases} documents, {accepted} of them accepted, {taken} entries compared");
    assert!(accepted > cases / 10 && accepted < cases && taken > cases / 2, "{cases} {accepted} {taken}");
}
