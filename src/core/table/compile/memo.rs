//! What one snapshot leaves for the next: routes that need not be resolved again.
//!
//! A change is usually about one document of thousands. What resolving finds depends on the route, on its surroundings and
//! on its neighbours; where all three are the same as before, so is the result. A memo can make compiling faster and cannot
//! make it say something else.

use std::sync::Arc;

use super::certificates::Bundles;
use super::references::Selections;
use super::resolve::Resolved;
use super::sharing::{Neighbours, Uses};
use super::surroundings::Surroundings;
use crate::model::{Object, ObjectName, Route, Routes};

/// Empty at first.
#[derive(Debug, Default)]
pub(super) struct Memo {
    surroundings: Surroundings,
    pub(super) selections: Selections,
    pub(super) bundles: Bundles,
    /// Sorted by name.
    pub(super) routes: Vec<Remembered>,
}

/// What is known of one document. It is kept here, so nothing else can have its address, and it is shared, so nobody can
/// change it: the same address is the same document.
#[derive(Debug)]
pub(super) struct Remembered {
    name: ObjectName,
    document: Arc<Object<Route>>,
    /// Decided by the document alone.
    pub(super) uses: Uses,
    /// What became of it beside these neighbours, in the surroundings of the memo.
    resolved: Option<(Neighbours, Resolved)>,
}

impl Memo {
    /// What still holds of these documents in these surroundings: one for each of them, in their order.
    pub(super) fn of(self, routes: &Routes, surroundings: &Surroundings) -> Self {
        let is_same = self.surroundings == *surroundings;
        let mut before = self.routes.into_iter().peekable();
        let remember = |(name, document): (&ObjectName, &Arc<Object<Route>>)| {
            while before.next_if(|one| one.name < *name).is_some() {}
            let known = before.next_if(|one| one.name == *name && Arc::ptr_eq(&one.document, document));
            known.unwrap_or_else(|| Remembered::new(name, document))
        };
        let mut routes: Vec<Remembered> = routes.iter().map(remember).collect();
        if is_same {
            return Self { surroundings: self.surroundings, routes, ..self };
        }
        routes.iter_mut().for_each(|one| one.resolved = None);
        Self { surroundings: surroundings.clone(), routes, ..Self::default() }
    }

    /// The same, without what no route has.
    pub(super) fn tidy(mut self) -> Self {
        super::references::tidy(&mut self.selections);
        self.bundles.tidy();
        self
    }
}

impl Remembered {
    fn new(name: &ObjectName, document: &Arc<Object<Route>>) -> Self {
        Self { name: name.clone(), document: Arc::clone(document), uses: Uses::of(name, document), resolved: None }
    }

    /// What becomes of it beside these neighbours: what it was, if they are the same as before.
    pub(super) fn resolved(
        &mut self,
        neighbours: Neighbours,
        resolve: impl FnOnce(&Neighbours) -> Resolved,
    ) -> Resolved {
        match &self.resolved {
            Some((before, resolved)) if *before == neighbours => resolved.clone(),
            _ => {
                let resolved = resolve(&neighbours);
                self.resolved = Some((neighbours, resolved.clone()));
                resolved
            }
        }
    }
}
