//! A small reader over JSON values that knows where it is and collects every problem instead of stopping at the first.
//!
//! Functions return `None` after they have reported a problem, so whoever reads an object evaluates all of its fields
//! before the first `?`. Messages never repeat a value: it may be a secret in the wrong place.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use osp_core::model::{Problem, Reason};
use serde_json::{Map, Value};

/// Longest part of a field's name that is repeated in a path.
const MAX_SHOWN_CHARS: usize = 80;

/// Every problem found so far.
#[derive(Debug, Default)]
pub struct Problems(RefCell<Vec<Problem>>);

/// One value with its place.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    path: String,
    value: &'a Value,
    problems: &'a Problems,
}

/// The fields of one object, while they are read.
#[derive(Debug)]
pub struct Fields<'a> {
    path: String,
    map: &'a Map<String, Value>,
    problems: &'a Problems,
    known: RefCell<BTreeSet<&'static str>>,
}

impl Problems {
    pub fn add(&self, field: String, reason: Reason, message: impl Into<String>) {
        self.0.borrow_mut().push(Problem { field, reason, message: message.into() });
    }

    /// The value if nothing was wrong, else everything that was.
    pub fn settle<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        let mut problems = self.0.into_inner();
        match value {
            Some(value) if problems.is_empty() => Ok(value),
            _ => {
                if problems.is_empty() {
                    let message = "the document cannot be understood".to_owned();
                    problems.push(Problem { field: String::new(), reason: Reason::Invalid, message });
                }
                problems.sort();
                Err(problems)
            }
        }
    }
}

impl<'a> Node<'a> {
    /// A whole document.
    pub fn root(value: &'a Value, problems: &'a Problems) -> Self {
        Self { path: String::new(), value, problems }
    }

    /// Reports this value.
    pub fn refuse<T>(self, message: impl Into<String>) -> Option<T> {
        self.problems.add(self.path, Reason::Invalid, message);
        None
    }

    /// Reports this value as something that OSP knows and does not do.
    pub fn unsupported<T>(self, message: impl Into<String>) -> Option<T> {
        self.problems.add(self.path, Reason::UnsupportedValue, message);
        None
    }

    /// A string that `parse` accepts.
    pub fn text<T, E: Into<String>>(self, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        match self.value {
            Value::String(text) => match parse(text) {
                Ok(value) => Some(value),
                Err(message) => self.refuse(message),
            },
            _ => self.refuse("must be a string"),
        }
    }

    /// One of a few words.
    pub fn word<T: Copy>(self, words: &[(&str, T)]) -> Option<T> {
        self.text(|text| {
            words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
                format!("must be one of {}", words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", "))
            })
        })
    }

    /// A whole number within these bounds.
    pub fn integer<T>(self, bounds: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<u64> + PartialOrd + std::fmt::Display,
    {
        let number = self.value.as_u64().and_then(|number| T::try_from(number).ok());
        match number.filter(|number| bounds.contains(number)) {
            Some(number) => Some(number),
            None => self.refuse(format!("must be a whole number from {} to {}", bounds.start(), bounds.end())),
        }
    }

    pub fn boolean(self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(*value),
            _ => self.refuse("must be true or false"),
        }
    }

    /// An object whose fields `read` names; every other field is a problem.
    pub fn object<T>(self, read: impl FnOnce(&Fields<'a>) -> Option<T>) -> Option<T> {
        let Value::Object(map) = self.value else { return self.refuse("must be an object") };
        let fields = Fields { path: self.path, map, problems: self.problems, known: RefCell::default() };
        let value = read(&fields);
        fields.refuse_unknown();
        value
    }

    /// An object with free keys.
    pub fn entries<T>(self, read: impl Fn(&'a str, Node<'a>) -> Option<T>) -> Option<Vec<T>> {
        let Value::Object(map) = self.value else { return self.refuse("must be an object") };
        let child = |key: &str| join(&self.path, key);
        let entries = map.iter().map(|(key, value)| {
            let node = Node { path: child(key), value, problems: self.problems };
            read(key, node)
        });
        all(entries)
    }

    /// A list with this many elements.
    pub fn list<T>(self, length: RangeInclusive<usize>, read: impl Fn(Node<'a>) -> Option<T>) -> Option<Vec<T>> {
        let Value::Array(items) = self.value else { return self.refuse("must be a list") };
        if !length.contains(&items.len()) {
            return self.refuse(format!("must have {} to {} elements", length.start(), length.end()));
        }
        let nodes = items.iter().enumerate().map(|(index, value)| {
            read(Node { path: format!("{}[{index}]", self.path), value, problems: self.problems })
        });
        all(nodes)
    }

    /// A list of objects that each have their own `name`.
    pub fn named_list<T>(self, length: RangeInclusive<usize>, read: impl Fn(Node<'a>) -> Option<T>) -> Option<Vec<T>> {
        let mut seen = BTreeSet::new();
        for (index, item) in self.value.as_array().into_iter().flatten().enumerate() {
            if let Some(name) = item.get("name").and_then(Value::as_str)
                && !seen.insert(name)
            {
                self.problems.add(
                    format!("{}[{index}].name", self.path),
                    Reason::Invalid,
                    "must be unique in the list",
                );
            }
        }
        self.list(length, read)
    }
}

impl<'a> Fields<'a> {
    /// A field that must be there.
    pub fn required<T>(&self, field: &'static str, read: impl FnOnce(Node<'a>) -> Option<T>) -> Option<T> {
        match self.optional(field, read)? {
            Some(value) => Some(value),
            None => self.refuse(field, "is required"),
        }
    }

    /// A field that may be absent: `Some(None)`. A null is not the same: `deny:` with nothing after it is more likely a
    /// mistake than the wish to deny nothing.
    pub fn optional<T>(&self, field: &'static str, read: impl FnOnce(Node<'a>) -> Option<T>) -> Option<Option<T>> {
        self.known.borrow_mut().insert(field);
        let Some(value) = self.map.get(field) else { return Some(None) };
        let node = Node { path: join(&self.path, field), value, problems: self.problems };
        if value.is_null() { node.refuse("must not be null: leave the field out") } else { read(node).map(Some) }
    }

    /// A field that may be absent or null.
    pub fn nullable<T>(&self, field: &'static str, read: impl FnOnce(Node<'a>) -> Option<T>) -> Option<Option<T>> {
        if self.map.get(field).is_some_and(Value::is_null) {
            self.known.borrow_mut().insert(field);
            return Some(None);
        }
        self.optional(field, read)
    }

    /// A field that may be absent, with its default.
    pub fn or_default<T: Default>(&self, field: &'static str, read: impl FnOnce(Node<'a>) -> Option<T>) -> Option<T> {
        self.optional(field, read).map(Option::unwrap_or_default)
    }

    /// Reports one of the fields.
    pub fn refuse<T>(&self, field: &str, message: impl Into<String>) -> Option<T> {
        self.problems.add(join(&self.path, field), Reason::Invalid, message);
        None
    }

    /// Reports the object itself.
    pub fn refuse_object<T>(&self, message: impl Into<String>) -> Option<T> {
        self.problems.add(self.path.clone(), Reason::Invalid, message);
        None
    }

    fn refuse_unknown(&self) {
        let known = self.known.borrow();
        #[cfg(test)]
        super::vocabulary::record(&self.path, &known);
        for field in self.map.keys().filter(|field| !known.contains(field.as_str())) {
            self.problems.add(join(&self.path, field), Reason::Invalid, "unknown or not yet supported field");
        }
    }
}

/// Every element, or `None` if one had a problem; all are read in either case.
fn all<T>(items: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let read: Vec<Option<T>> = items.collect();
    read.into_iter().collect()
}

/// A path one step deeper. Names come from files, so they are shown escaped and bounded.
fn join(path: &str, field: &str) -> String {
    let shown = field.escape_debug().take(MAX_SHOWN_CHARS);
    if path.is_empty() { shown.collect() } else { path.chars().chain(['.']).chain(shown).collect() }
}
