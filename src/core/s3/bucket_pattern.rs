//! Patterns of bucket names, and how a backend names what they cover (kubernetes.md 2.4, "Pattern routes").

use std::fmt;
use std::sync::Arc;

use super::BucketName;

/// Stands for the client's name in the `bucket` of a backend.
pub const PLACEHOLDER: &str = "{bucket}";

/// Longest beginning of a pattern: a name of 63 bytes would leave nothing open.
const MAX_LITERAL_BYTES: usize = 62;

/// A pattern of client-facing bucket names: what they begin with, then `*` for any end, an empty one included. Cheap to
/// clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketPattern(Arc<str>);

/// `match.bucket` of a route: one name, or a pattern of names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BucketMatch {
    /// Exactly this bucket.
    Exact(BucketName),
    /// Every bucket that the pattern covers.
    Pattern(BucketPattern),
}

impl BucketPattern {
    /// Parses `team-*`. `None` when the `*` is not its last and only one, or when no bucket can begin as it does.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let literal = text.strip_suffix('*')?;
        // a beginning is possible when some end makes a name of it
        let is_possible = literal.is_empty()
            || (literal.len() <= MAX_LITERAL_BYTES
                && ["", "0", "a0", "aa0"].iter().any(|end| BucketName::parse(&format!("{literal}{end}")).is_ok()));
        is_possible.then(|| Self(text.into()))
    }

    /// What the names begin with.
    #[must_use]
    pub fn literal(&self) -> &str {
        self.0.strip_suffix('*').unwrap_or(&self.0)
    }

    /// The pattern as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for a name that begins as the pattern does.
    #[must_use]
    pub fn covers(&self, bucket: &BucketName) -> bool {
        bucket.as_str().starts_with(self.literal())
    }

    /// True when every name of the other one is a name of this one, too.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.literal().starts_with(self.literal())
    }
}

impl BucketMatch {
    /// Parses a name, or a pattern that ends in `*`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains('*') {
            BucketPattern::parse(text).map(Self::Pattern)
        } else {
            BucketName::parse(text).ok().map(Self::Exact)
        }
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact(bucket) => bucket.as_str(),
            Self::Pattern(pattern) => pattern.as_str(),
        }
    }

    /// The one name; `None` for a pattern.
    #[must_use]
    pub fn exact(&self) -> Option<&BucketName> {
        match self {
            Self::Exact(bucket) => Some(bucket),
            Self::Pattern(_) => None,
        }
    }

    /// The pattern, if it is one.
    #[must_use]
    pub fn pattern(&self) -> Option<&BucketPattern> {
        match self {
            Self::Exact(_) => None,
            Self::Pattern(pattern) => Some(pattern),
        }
    }

    /// True for this name, or one of these names.
    #[must_use]
    pub fn covers(&self, bucket: &BucketName) -> bool {
        match self {
            Self::Exact(one) => one == bucket,
            Self::Pattern(pattern) => pattern.covers(bucket),
        }
    }

    /// True when some name may be of both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(one), other) | (other, Self::Exact(one)) => other.covers(one),
            (Self::Pattern(one), Self::Pattern(other)) => one.contains(other) || other.contains(one),
        }
    }
}

impl From<BucketName> for BucketMatch {
    fn from(bucket: BucketName) -> Self {
        Self::Exact(bucket)
    }
}

impl From<BucketPattern> for BucketMatch {
    fn from(pattern: BucketPattern) -> Self {
        Self::Pattern(pattern)
    }
}

impl PartialEq<BucketName> for BucketMatch {
    fn eq(&self, other: &BucketName) -> bool {
        self.exact() == Some(other)
    }
}

impl fmt::Display for BucketPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for BucketMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a backend calls a bucket, by a template with one [`PLACEHOLDER`]. `None` when there is no such bucket: the result is
/// no name that S3 allows (longer than 63 bytes, for example). What stands before a colon is a tenant of Ceph's.
#[must_use]
pub fn fill_template(template: &str, bucket: &BucketName) -> Option<String> {
    let (before, after) = template.split_once(PLACEHOLDER)?;
    let name = [before, bucket.as_str(), after].concat();
    let local = name.rsplit_once(':').map_or(&*name, |(_, local)| local);
    BucketName::parse(local).is_ok().then_some(name)
}

/// The way back: what clients call a bucket that a backend has; `None` when the template never makes this name. The tenant
/// of the template is not a part of what a backend lists.
#[must_use]
pub fn read_template(template: &str, listed: &str) -> Option<BucketName> {
    let local = template.rsplit_once(':').map_or(template, |(_, local)| local);
    let (before, after) = local.split_once(PLACEHOLDER)?;
    let name = listed.strip_prefix(before)?.strip_suffix(after)?;
    // only what the way there leads to again
    let bucket = BucketName::parse(name).ok()?;
    (fill_template(local, &bucket)? == listed).then_some(bucket)
}

/// True when two templates may make the same name of two buckets, each of its own pattern: their beginnings and ends fit
/// together. Tenants count as the same, since a credential may stand for one.
#[must_use]
pub fn templates_meet(one: (&BucketPattern, &str), other: (&BucketPattern, &str)) -> bool {
    let ends = |(pattern, template): (&BucketPattern, &str)| {
        let local = template.rsplit_once(':').map_or(template, |(_, local)| local);
        let (before, after) = local.split_once(PLACEHOLDER).unwrap_or((local, ""));
        ([before, pattern.literal()].concat(), after.to_owned())
    };
    let ((begin, end), (other_begin, other_end)) = (ends(one), ends(other));
    (begin.starts_with(&other_begin) || other_begin.starts_with(&begin))
        && (end.ends_with(&other_end) || other_end.ends_with(&end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> BucketPattern {
        BucketPattern::parse(text).unwrap()
    }

    fn bucket(text: &str) -> BucketName {
        BucketName::parse(text).unwrap()
    }

    #[test]
    fn k_2_4_a_pattern_ends_in_a_star_and_begins_as_a_bucket_can() {
        for text in ["*", "a*", "team-*", "team.*", "a-b.c-*", "10.0.0.1*", "team*"] {
            assert_eq!(pattern(text).as_str(), text);
        }
        let long = format!("{}*", "a".repeat(63));
        for text in
            ["", "team", "te*am", "**", "a**", "-a*", ".a*", "A*", "a..*", "xn--*", "sthree-a*", "a_*", "a/*", &long]
        {
            assert_eq!(BucketPattern::parse(text), None, "{text}");
            assert!(text == "team" || BucketMatch::parse(text).is_none(), "{text}");
        }
        assert!(BucketPattern::parse(&format!("{}*", "a".repeat(62))).is_some());
    }

    #[test]
    fn k_2_4_overlap_is_said_of_names_and_patterns_alike() {
        let of = |text: &str| BucketMatch::parse(text).unwrap();
        for (one, other, overlaps) in [
            ("team-a", "team-*", true),
            ("team-*", "team-a-*", true),
            ("*", "anything", true),
            ("team-a-*", "team-b-*", false),
            ("team-a", "team-b", false),
            ("team", "team-*", false),
            ("team*", "team", true),
        ] {
            assert_eq!(of(one).overlaps(&of(other)), overlaps, "{one} {other}");
            assert_eq!(of(other).overlaps(&of(one)), overlaps, "{other} {one}");
        }
        assert!(pattern("team-*").contains(&pattern("team-a*")));
        assert!(!pattern("team-a*").contains(&pattern("team-*")));
    }

    #[test]
    fn k_2_4_a_template_makes_legal_names_and_nothing_else() {
        assert_eq!(fill_template("prod-{bucket}", &bucket("team-a")).as_deref(), Some("prod-team-a"));
        assert_eq!(fill_template("{bucket}", &bucket("team-a")).as_deref(), Some("team-a"));
        assert_eq!(fill_template("ceph:p-{bucket}", &bucket("team-a")).as_deref(), Some("ceph:p-team-a"));
        assert_eq!(fill_template("prod-{bucket}", &bucket(&"a".repeat(59))), None, "longer than a bucket may be");
        assert_eq!(fill_template("{bucket}--x-s3", &bucket("abc")), None, "reserved");
        assert_eq!(fill_template("prod", &bucket("abc")), None, "no placeholder");
    }

    #[test]
    fn k_2_4_the_way_back_knows_only_what_the_way_there_makes() {
        assert_eq!(read_template("prod-{bucket}", "prod-team-a"), Some(bucket("team-a")));
        assert_eq!(read_template("ceph:p-{bucket}", "p-team-a"), Some(bucket("team-a")), "lists name no tenant");
        for foreign in ["team-a", "prod-", "prod-ab", "prod-Team", "xprod-team-a", "prod-team_a", ""] {
            assert_eq!(read_template("prod-{bucket}", foreign), None, "{foreign}");
        }
        // both ends need bytes of their own
        assert_eq!(read_template("ab{bucket}bc", "abc"), None);
    }

    proptest! {
        #[test]
        fn k_2_4_there_and_back_again(
            before in "[a-z0-9-]{0,8}", after in "[a-z0-9-]{0,8}", name in "[a-z][a-z0-9.-]{1,20}[a-z0-9]",
        ) {
            let template = format!("{before}{PLACEHOLDER}{after}");
            if let Ok(name) = BucketName::parse(&name) && let Some(filled) = fill_template(&template, &name) {
                prop_assert_eq!(read_template(&template, &filled), Some(name));
            }
        }
    }
}
