//! Which fields `lower` asks for, so that a test can compare them with the schemas.

use std::cell::RefCell;
use std::collections::BTreeSet;

thread_local! {
    static FIELDS: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// Notes the fields of the object at `path`.
pub fn record(path: &str, fields: &BTreeSet<&'static str>) {
    FIELDS.with_borrow_mut(|all| all.extend(fields.iter().map(|field| format!("{path}.{field}"))));
}

/// What `read` returns, and the paths of all fields that were asked for meanwhile.
pub fn recorded<T>(read: impl FnOnce() -> T) -> (T, BTreeSet<String>) {
    FIELDS.take();
    let value = read();
    (value, FIELDS.take())
}
