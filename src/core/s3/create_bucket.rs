//! The document of `CreateBucket`: read, and written anew for the backend of the route.

use super::xml::{Broken, DECLARATION, ElementName, Item, NAMESPACE, Scanner, element, unescape};
use crate::Denial;

/// What S3 calls its oldest region in documents: nothing. A constraint that says it aloud is refused by AWS.
const DEFAULT_REGION: &str = "us-east-1";

/// Reads the client's `<CreateBucketConfiguration>`, or that there is none. Its location, if it names one, has to be
/// `region`, the one that OSP gives itself: where the bucket is made is the route's decision.
///
/// Source: AWS "CreateBucket" (`API_CreateBucket.html`).
///
/// # Errors
/// [`Denial::MalformedXml`], [`Denial::InvalidLocationConstraint`]; [`Denial::NotImplemented`] for what only directory
/// buckets have, and for tags.
pub fn check_creation(body: &[u8], region: &str) -> Result<(), Denial> {
    if body.is_empty() {
        return Ok(());
    }
    let (mut location, mut text, mut denial) = (None, String::new(), None);
    let read = Scanner::read(body, &mut |path, item| {
        let mut levels = path.iter().map(ElementName::local);
        let names = [(); 3].map(|()| levels.next().unwrap_or_default());
        match (names, item) {
            (["CreateBucketConfiguration", "", ""], Item::Text(raw)) if !raw.trim_ascii().is_empty() => {
                return Err(Broken);
            }
            (["CreateBucketConfiguration", "", ""], _) => {}
            (["CreateBucketConfiguration", "LocationConstraint", ""], Item::Open { .. }) if location.is_none() => {
                text.clear();
            }
            (["CreateBucketConfiguration", "LocationConstraint", ""], Item::Text(raw)) => {
                text.push_str(&unescape(raw)?);
            }
            (["CreateBucketConfiguration", "LocationConstraint", ""], Item::Close { .. }) => {
                location = Some(std::mem::take(&mut text));
            }
            (["CreateBucketConfiguration", name @ ("Bucket" | "Location" | "Tags"), _], Item::Open { .. }) => {
                denial = Some(Denial::NotImplemented(format!("{name} in CreateBucket")));
                return Err(Broken);
            }
            (_, Item::Space(_) | Item::Declaration(_)) => {}
            _ => return Err(Broken),
        }
        Ok(())
    });
    read.map_err(|Broken| denial.unwrap_or(Denial::MalformedXml))?;
    match location.as_deref().map(str::trim_ascii) {
        None | Some("") => Ok(()),
        Some(wanted) if wanted == region => Ok(()),
        Some(_) => Err(Denial::InvalidLocationConstraint),
    }
}

/// The document for a backend of this region; empty for the one that S3 gives no name.
#[must_use]
pub fn creation_xml(region: &str) -> Vec<u8> {
    if region == DEFAULT_REGION {
        return Vec::new();
    }
    let mut body = format!("{DECLARATION}<CreateBucketConfiguration xmlns=\"{NAMESPACE}\">").into_bytes();
    element("LocationConstraint", region, &mut body);
    body.extend_from_slice(b"</CreateBucketConfiguration>");
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(inner: &str) -> String {
        format!("<CreateBucketConfiguration xmlns=\"{NAMESPACE}\">{inner}</CreateBucketConfiguration>")
    }

    #[test]
    fn k_2_4_the_location_is_absent_or_osps_own() {
        let constraint = |region: &str| with(&format!("<LocationConstraint>{region}</LocationConstraint>"));
        for body in ["", &with(""), &with(" \n "), &constraint(""), &constraint("eu-1"), &constraint(" eu-1\n")] {
            assert_eq!(check_creation(body.as_bytes(), "eu-1"), Ok(()), "{body}");
        }
        for region in ["eu-2", "EU", "us-east-1"] {
            assert_eq!(
                check_creation(constraint(region).as_bytes(), "eu-1"),
                Err(Denial::InvalidLocationConstraint),
                "{region}"
            );
        }
    }

    #[test]
    fn k_2_4_what_osp_does_not_do_is_refused_and_never_left_out() {
        for name in ["Bucket", "Location", "Tags"] {
            let body = with(&format!("<{name}><Type>x</Type></{name}>"));
            assert!(matches!(check_creation(body.as_bytes(), "eu-1"), Err(Denial::NotImplemented(_))), "{name}");
        }
        let twice = with("<LocationConstraint/><LocationConstraint>eu-1</LocationConstraint>");
        for body in ["x", "<CreateBucket/>", "<CreateBucketConfiguration>", &with("text"), &with("<Other/>"), &twice] {
            assert_eq!(check_creation(body.as_bytes(), "eu-1"), Err(Denial::MalformedXml), "{body}");
        }
    }

    #[test]
    fn k_2_4_the_backends_region_is_named_unless_it_has_no_name() {
        assert!(creation_xml("us-east-1").is_empty());
        let body = creation_xml("eu-de");
        assert!(check_creation(&body, "eu-de").is_ok() && check_creation(&body, "eu-1").is_err());
    }
}
