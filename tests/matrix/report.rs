//! What was tried, counted; what went wrong, all of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::forms::{Auth, Front, Site};
use crate::model::Principal;

/// One place of the matrix. `attack` is empty for a whole request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub operation: &'static str,
    pub site: Site,
    pub auth: Auth,
    pub front: Front,
    pub principal: Principal,
    pub attack: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { operation, site, auth, front, principal, attack } = self;
        write!(f, "{operation} | {site:?} | {auth:?} | {front:?} | {principal:?} | {attack}")
    }
}

#[derive(Debug, Default)]
pub struct Report {
    pub places: HashSet<Place>,
    /// Places whose verdict is to pass.
    pub passing: HashSet<Place>,
    /// The twin of every denied place that has one.
    pub twins: HashSet<Place>,
    pub mismatches: Vec<String>,
    split: BTreeMap<(&'static str, String), usize>,
}

impl Report {
    /// Counts a case; a place that was there before would inflate the count.
    pub fn count(&mut self, place: &Place, id: &'static str, verdict: &'static str) {
        if !self.places.insert(place.clone()) {
            self.mismatches.push(format!("TWICE {place}"));
        }
        for (of, value) in [
            ("principal", format!("{:?}", place.principal)),
            ("auth form", format!("{:?}", place.auth)),
            ("front form", format!("{:?}", place.front)),
            ("attack", if id.is_empty() { "none".to_owned() } else { id.to_owned() }),
            ("verdict", verdict.to_owned()),
        ] {
            *self.split.entry((of, value)).or_default() += 1;
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.places.extend(other.places);
        self.passing.extend(other.passing);
        self.twins.extend(other.twins);
        self.mismatches.extend(other.mismatches);
        for (key, count) in other.split {
            *self.split.entry(key).or_default() += count;
        }
    }

    /// The count and the split, for people.
    pub fn text(&self) -> String {
        let mut text = format!("matrix: {} cases\n", self.places.len());
        let names: BTreeSet<&str> = self.split.keys().map(|(of, _)| *of).collect();
        for name in names {
            let values: Vec<String> = self
                .split
                .iter()
                .filter(|((of, _), _)| *of == name)
                .map(|((_, value), count)| format!("{value} {count}"))
                .collect();
            text.push_str(&format!("  by {name}: {}\n", values.join(", ")));
        }
        text
    }
}
