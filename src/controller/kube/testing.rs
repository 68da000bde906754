//! Objects for tests.

use osp_core::model::{Kind, ObjectName};
use serde_json::{Map, Value};

use super::object::{Object, is_ours};

/// An object whose contents are `spec`, or `data` for kinds without one.
pub fn object(kind: Kind, namespace: &str, name: &str, contents: Value) -> Object {
    let part = if is_ours(kind) { "spec" } else { "data" };
    Object {
        kind,
        name: ObjectName::new(namespace, name),
        uid: format!("uid-{namespace}-{name}"),
        generation: is_ours(kind).then_some(1),
        resource_version: "1".to_owned(),
        labels: [("osp.flexworks.eu/watch".to_owned(), "true".to_owned())].into(),
        created: None,
        deleted: false,
        contents: Map::from_iter([(part.to_owned(), contents)]),
        status: Value::Null,
    }
}
