use proptest::prelude::*;

use super::*;

/// The document as the scanner tells it, put together again; empty-element tags and CDATA show how they were read.
fn told(pieces: &[&[u8]]) -> Result<String, Broken> {
    let mut scanner = Scanner::new();
    let mut out = String::new();
    for piece in pieces {
        scanner.push(piece, &mut |path, item| {
            assert!(path.len() <= 16);
            match item {
                Item::Space(raw) | Item::Text(raw) | Item::Open { raw, .. } | Item::Close { raw } => out.push_str(raw),
                Item::Declaration(content) => out.push_str(&format!("<?{content}?>")),
            }
            Ok(())
        })?;
    }
    scanner.finish().map(|()| out)
}

fn whole(body: &str) -> Result<String, Broken> {
    told(&[body.as_bytes()])
}

#[test]
fn rn_5_harmless_documents_are_told_as_they_are() {
    for body in [
        "<a/>",
        " \n<?xml version=\"1.0\"?> \n <a xmlns='u' b=\"x>y/\"><b:c d = '1' /> t&amp;&#x1;&#13;</a \n> \n",
        "<?xml version='1.0' encoding='utf-8' standalone='yes'?><a>\u{1}é > ]] \" '</a>",
        "<a.b-c_1><é/></a.b-c_1>",
    ] {
        assert_eq!(whole(body).as_deref(), Ok(body), "{body}");
    }
    assert_eq!(whole("\u{feff}<a>x<!-- <b> & -- -->y</a>").as_deref(), Ok("<a>xy</a>"));
    assert_eq!(whole("<a><![CDATA[<&]] >]]>&lt;</a>").as_deref(), Ok("<a>&lt;&amp;]] &gt;&lt;</a>"));
}

#[test]
fn documents_that_are_broken_or_too_clever_are_refused() {
    for body in [
        "",
        " ",
        "a",
        "<a>",
        "<a",
        "</a>",
        "<a></b>",
        "<a><b></a></b>",
        "<a/><a/>",
        "<a/>x",
        "x<a/>",
        "<a/><![CDATA[]]>",
        "<a/><!-- ",
        "<a>&",
        "<a>& b</a>",
        "<a>&nbsp;</a>",
        "<a>&#;</a>",
        "<a>&#x;</a>",
        "<a>&#xg;</a>",
        "<a>&#-1;</a>",
        "<a b='&x;'/>",
        "<a b/>",
        "<a b=c/>",
        "<a b='1' b='2'/>",
        "<a b='<'/>",
        "<a b='1'c='2></a>",
        "<>",
        "< a/>",
        "<a//>",
        "<1/>",
        "<a:/>",
        "<a><!></a>",
        "<a><!-->--></a><!---->-->",
        "<!-->-->",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<!ENTITY x 'y'><a/>",
        "<a><![cdata[x]]></a>",
        "<a><?php x?></a>",
        "<?xml-stylesheet href='x'?><a/>",
        "<?xml version='1.0'?><?xml version='1.0'?><a/>",
        "<a/><?xml version='1.0'?>",
        "<?xml version='1.0' encoding='UTF-16'?><a/>",
        "<?xml version='1.0' encoding='UTF-7'?><a/>",
        "<?xml version='1.0' encoding?><a/>",
    ] {
        assert_eq!(whole(body), Err(Broken), "{body}");
    }
    for bytes in [&b"\xff\xfe<\0a\0/\0>\0"[..], b"<a>\xff</a>", b"<a b='\xc0\xaf'/>", b"\xef\xbb<a/>", b"\xef\xbb\xbf"]
    {
        assert_eq!(told(&[bytes]), Err(Broken), "{bytes:?}");
    }
}

#[test]
fn r_bombs_are_refused_at_a_limit() {
    let deep = |levels: usize| format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
    assert!(whole(&deep(16)).is_ok());
    assert_eq!(whole(&deep(17)), Err(Broken));
    assert_eq!(whole(&"<a>".repeat(100_000)), Err(Broken));

    let text = |length: usize| format!("<a>{}</a>", "x".repeat(length));
    assert!(whole(&text(16 * 1024 - 1)).is_ok());
    assert_eq!(whole(&text(16 * 1024)), Err(Broken));
    for open in ["<", "<a b='", "<!--", "<a><![CDATA[", "<?xml ", "</"] {
        assert_eq!(whole(&format!("{open}{}", "x".repeat(1 << 20))), Err(Broken), "{open}");
    }
    let attributes = |count: usize| format!("<a{}/>", (0..count).map(|n| format!(" a{n}=''")).collect::<String>());
    assert!(whole(&attributes(16)).is_ok());
    assert_eq!(whole(&attributes(17)), Err(Broken));
    assert_eq!(whole(&format!("<{}/>", "x".repeat(129))), Err(Broken));

    let laughs = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]><l>&b;</l>";
    assert_eq!(whole(laughs), Err(Broken));
    assert!(whole(&format!("{}<a/>{}", " ".repeat(40_000), "\n".repeat(40_000))).is_ok());
}

#[test]
fn trap_10_white_space_outside_the_root_is_not_held_back() {
    let mut scanner = Scanner::new();
    let mut spaces = 0;
    for piece in [" ", "\n", "<?xml version='1.0'?>", " ", " "] {
        scanner
            .push(piece.as_bytes(), &mut |_, item| {
                spaces += usize::from(matches!(item, Item::Space(_)));
                Ok(())
            })
            .unwrap();
    }
    assert_eq!(spaces, 4);
}

#[test]
fn prefixes_are_stripped_whatever_the_form_of_the_text() {
    for (raw, prefix, url, rest) in [
        ("p/k", "p/", false, Some("k")),
        ("p/", "p/", false, Some("")),
        ("p", "p/", false, None),
        ("q/k", "p/", false, None),
        ("p/&#x1;&amp;\u{e9}", "p/", false, Some("&#x1;&amp;\u{e9}")),
        ("a&amp;b&#47;&lt;", "a&b/", false, Some("&lt;")),
        ("a&#x26;b/k", "a&b/", false, Some("k")),
        ("a&#xD800;b", "a", false, Some("&#xD800;b")),
        ("&#xD800;b", "\u{fffd}", false, None),
        ("p%2Fk", "p/", false, None),
        ("p%2Fk%2F+%20", "p/", true, Some("k%2F+%20")),
        ("p/k", "p/", true, Some("k")),
        ("p%2fk", "p/", true, Some("k")),
        ("a+b/k", "a b/", true, Some("k")),
        ("a%20b/k", "a b/", true, Some("k")),
        ("a b/k", "a b/", true, Some("k")),
        ("a+b/k", "a+b/", true, None),
        ("a%2Bb/k", "a+b/", true, Some("k")),
        ("a+b/k", "a+b/", false, Some("k")),
        ("%C3%A9/k", "é/", true, Some("k")),
        ("é/k", "é/", true, Some("k")),
        ("%C3", "é", true, None),
        ("%c", "\u{c}", true, None),
        ("%zz", "%zz", true, None),
        ("&#37;70/k", "p/", true, Some("k")),
        ("anything %zz", "", true, Some("anything %zz")),
    ] {
        assert_eq!(strip_prefix(raw, prefix, url), rest, "{raw} {prefix} {url}");
    }
}

#[test]
fn characters_that_xml_cannot_hold() {
    let mut out = String::new();
    escape("\0\u{1}\t\n\r &<>\"'\u{fffe}\u{7f}é😀", &mut out);
    assert_eq!(out, "&#x0;&#x1;&#9;&#10;&#13; &amp;&lt;&gt;&quot;&apos;&#xFFFE;&#x7F;é😀");
    out.clear();
    escape_printable("\0\u{1}\t\n\r &\u{fffe}é😀", &mut out);
    assert_eq!(out, "\u{fffd}\u{fffd}\t\n&#13; &amp;\u{fffd}é😀");
}

/// Texts that are often XML, and often nearly.
fn nearly_xml() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(vec![
        "<a>",
        "</a>",
        "<b>",
        "</b>",
        "<a/>",
        "<b c='>'>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?xml version='1.0'?>",
        "&amp;",
        "&#1;",
        "&",
        ";",
        " ",
        "\r\n",
        "x",
        "é",
        "<",
        ">",
        "'",
        "\"",
        "\u{feff}",
        "!",
        "?",
    ]);
    prop_oneof![
        prop::collection::vec(fragment.clone(), 0..12).prop_map(|parts| parts.concat()),
        prop::collection::vec(fragment, 0..6).prop_map(|parts| format!("<a>{}</a>", parts.concat())),
    ]
}

proptest! {
    #[test]
    fn rn_5_pieces_do_not_matter(body in nearly_xml(), cut in any::<prop::sample::Index>()) {
        let bytes = body.as_bytes();
        let expected = told(&[bytes]);
        let (left, right) = bytes.split_at(cut.index(bytes.len() + 1));
        prop_assert_eq!(&told(&[left, right]), &expected);
        prop_assert_eq!(&told(&bytes.chunks(1).collect::<Vec<_>>()), &expected);
    }

    /// What our scanner accepts, the library's reader accepts too: no document is well-formed for us alone.
    #[test]
    fn the_library_agrees_with_what_is_accepted(body in nearly_xml()) {
        if whole(&body).is_ok() {
            let mut reader = quick_xml::Reader::from_str(&body);
            loop {
                match reader.read_event() {
                    Ok(quick_xml::events::Event::Eof) => break,
                    Ok(_) => {}
                    Err(error) => prop_assert!(false, "{body}: {error}"),
                }
            }
        }
    }

    #[test]
    fn any_text_survives_escaping(text in any::<String>()) {
        let mut raw = String::new();
        escape(&text, &mut raw);
        prop_assert_eq!(unescape(&normalized(&raw).unwrap()).unwrap(), text);
    }

    #[test]
    fn stripping_is_the_inverse_of_prefixing(prefix in any::<String>(), rest in any::<String>(), url in any::<bool>()) {
        let form = |text: &str| {
            let mut encoded = text.to_owned();
            if url {
                encoded.clear();
                crate::s3::encode_query(text.as_bytes(), &mut encoded);
            }
            let mut raw = String::new();
            escape(&encoded, &mut raw);
            raw
        };
        let raw = form(&format!("{prefix}{rest}"));
        prop_assert_eq!(strip_prefix(&raw, &prefix, url).map(str::to_owned), Some(form(&rest)));
    }
}
