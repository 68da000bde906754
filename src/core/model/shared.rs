//! Parts of a snapshot that its clones share until one of them is changed: a clone costs nothing, and what has not changed
//! is known by its address.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::{Object, ObjectName, Route};

/// A value that clones share. Equal when it is the same one, else by its contents.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Shared<T>(Arc<T>);

/// The `BucketRoute`s, by name; clones share each of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes(BTreeMap<ObjectName, Arc<Object<Route>>>);

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Changes this one; clones stay what they are.
impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl Routes {
    /// Puts a route in, in place of the one that had its name, which is given back.
    pub fn insert(&mut self, name: ObjectName, route: Object<Route>) -> Option<Arc<Object<Route>>> {
        self.0.insert(name, Arc::new(route))
    }

    /// Takes a route out.
    pub fn remove(&mut self, name: &ObjectName) -> Option<Arc<Object<Route>>> {
        self.0.remove(name)
    }

    /// The route of this name.
    #[must_use]
    pub fn get(&self, name: &ObjectName) -> Option<&Object<Route>> {
        self.0.get(name).map(|route| &**route)
    }

    /// The same, to be changed; clones of the map keep the old one.
    pub fn get_mut(&mut self, name: &ObjectName) -> Option<&mut Object<Route>> {
        self.0.get_mut(name).map(Arc::make_mut)
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectName, &Arc<Object<Route>>)> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Routes {
    type Item = (&'a ObjectName, &'a Arc<Object<Route>>);
    type IntoIter = std::collections::btree_map::Iter<'a, ObjectName, Arc<Object<Route>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
