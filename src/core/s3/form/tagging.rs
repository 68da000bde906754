//! The field `tagging`: a document where the header `x-amz-tagging` has a query.

use crate::Denial;
use crate::s3::encode_query;
use crate::s3::xml::{Broken, Item, Scanner, unescape};

/// One tag while it is read: key and value.
type Tag = [Option<String>; 2];

/// The header's value for a `<Tagging>` document.
///
/// # Errors
/// [`Denial::MalformedXml`].
pub(in crate::s3) fn tagging_header(document: &str) -> Result<String, Denial> {
    let mut header = String::new();
    let mut tag: Tag = [None, None];
    let mut text = String::new();
    let read = Scanner::read(document.as_bytes(), &mut |path, item| {
        let mut names = [""; 4];
        if path.len() > names.len() {
            return Err(Broken);
        }
        for (slot, name) in names.iter_mut().zip(path) {
            *slot = name.local();
        }
        let half = match names {
            ["Tagging", "TagSet", "Tag", "Key"] => Some(0),
            ["Tagging", "TagSet", "Tag", "Value"] => Some(1),
            ["" | "Tagging", "", "", ""] | ["Tagging", "TagSet", "" | "Tag", ""] => None,
            _ => return Err(Broken),
        };
        match (half, item) {
            (Some(_), Item::Open { .. }) => text.clear(),
            (Some(_), Item::Text(raw)) => text.push_str(raw),
            (Some(half), Item::Close { .. }) => {
                let slot = tag.get_mut(half).ok_or(Broken)?;
                if slot.replace(unescape(&text)?).is_some() {
                    return Err(Broken);
                }
            }
            (None, Item::Text(raw)) if !raw.trim().is_empty() => return Err(Broken),
            (None, Item::Close { .. }) if path.len() == 3 => append(std::mem::take(&mut tag), &mut header)?,
            _ => {}
        }
        Ok(())
    });
    read.map_err(|Broken| Denial::MalformedXml)?;
    Ok(header)
}

fn append(tag: Tag, header: &mut String) -> Result<(), Broken> {
    let [Some(key), Some(value)] = tag else { return Err(Broken) };
    if !header.is_empty() {
        header.push('&');
    }
    encode_query(key.as_bytes(), header);
    header.push('=');
    encode_query(value.as_bytes(), header);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_tags_is_a_query() {
        let tag = |inside: &str| format!("<Tagging xmlns=\"x\"><TagSet>{inside}</TagSet></Tagging>");
        let one = "<Tag><Key>a&amp;b</Key><Value>c d=\u{e9}</Value></Tag>";
        for (document, header) in [
            (tag(one), "a%26b=c%20d%3D%C3%A9"),
            (tag(&format!("{one}\n <Tag><Value/><Key>k</Key></Tag>")), "a%26b=c%20d%3D%C3%A9&k="),
            (tag(""), ""),
        ] {
            assert_eq!(tagging_header(&document).as_deref(), Ok(header), "{document}");
        }
        for broken in [
            "",
            "a=b",
            "<Tagging>",
            "<Other/>",
            &tag("<Tag><Key>a</Key></Tag>"),
            &tag("<Tag><Key>a</Key><Key>b</Key><Value>c</Value></Tag>"),
            &tag("<Tag><Key>a<b/></Key><Value>c</Value></Tag>"),
            &tag("text"),
            &tag("<Other/>"),
        ] {
            assert_eq!(tagging_header(broken), Err(Denial::MalformedXml), "{broken}");
        }
    }
}
