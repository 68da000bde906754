//! The one way from a name in one document to another document: nothing crosses a namespace without the target's consent.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::surroundings::Surroundings;
use crate::access::{Principal, Who};
use crate::model::{AllowedNamespaces, Client, Clients, Credential, LabelSelector, Object, ObjectName, Reference};

/// Why a reference leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// In the same namespace: there is nothing valid of this name.
    NotFound,
    /// In another one: nothing there consents. Whether anything is there is not said.
    NotPermitted,
}

/// What may be named from elsewhere, if it agrees.
trait Shared {
    fn allowed_namespaces(&self) -> &AllowedNamespaces;
}

impl Shared for Credential {
    fn allowed_namespaces(&self) -> &AllowedNamespaces {
        &self.allowed_namespaces
    }
}

impl Shared for Client {
    fn allowed_namespaces(&self) -> &AllowedNamespaces {
        &self.allowed_namespaces
    }
}

/// What selectors found, by namespace.
pub(super) type Selections = BTreeMap<Arc<str>, BTreeMap<LabelSelector, Who>>;

/// Follows references of routes, and remembers what selectors found.
#[derive(Debug)]
pub(super) struct References<'a> {
    surroundings: &'a Surroundings,
    selections: Selections,
}

impl<'a> References<'a> {
    pub(super) fn new(surroundings: &'a Surroundings, selections: Selections) -> Self {
        Self { surroundings, selections }
    }

    /// What selectors found.
    pub(super) fn into_selections(self) -> Selections {
        self.selections
    }

    /// The valid `CredentialSource` that `holder` may use under this name.
    pub(super) fn credential(
        &self,
        holder: &ObjectName,
        reference: &Reference,
    ) -> Result<(ObjectName, &'a Credential), Missing> {
        self.follow(holder, reference, &self.surroundings.credentials)
    }

    /// Whom an entry of `holder` is about.
    pub(super) fn clients(&mut self, holder: &ObjectName, clients: &Clients) -> Result<Who, Missing> {
        match clients {
            Clients::Authenticated => Ok(Who::Everyone),
            Clients::One(reference) => {
                let (identity, _) = self.follow(holder, reference, &self.surroundings.clients)?;
                Ok(Who::One(Principal::new(identity)))
            }
            Clients::Selected(selector) => {
                let namespace = &holder.namespace;
                if let Some(who) = self.selections.get(namespace).and_then(|found| found.get(selector)) {
                    return Ok(who.clone());
                }
                let who = select(namespace, selector, self.surroundings);
                self.selections.entry(Arc::clone(namespace)).or_default().insert(selector.clone(), who.clone());
                Ok(who)
            }
        }
    }

    fn follow<T: Shared>(
        &self,
        holder: &ObjectName,
        reference: &Reference,
        objects: &'a BTreeMap<ObjectName, Object<T>>,
    ) -> Result<(ObjectName, &'a T), Missing> {
        let target = reference.target(holder);
        let found = objects.get(&target).and_then(Object::valid);
        if target.namespace == holder.namespace {
            return found.map(|found| (target, found)).ok_or(Missing::NotFound);
        }
        let consents = |found: &&T| match found.allowed_namespaces() {
            AllowedNamespaces::Same => false,
            AllowedNamespaces::All => true,
            AllowedNamespaces::Selector(selector) => {
                selector.selects_namespace(&holder.namespace, self.surroundings.namespaces.get(&holder.namespace))
            }
        };
        found.filter(consents).map(|found| (target, found)).ok_or(Missing::NotPermitted)
    }
}

/// Forgets what no route has.
pub(super) fn tidy(selections: &mut Selections) {
    let is_used = |who: &Who| matches!(who, Who::These(selection) if Arc::strong_count(selection) > 1);
    for found in selections.values_mut() {
        found.retain(|_, who| is_used(who));
    }
    selections.retain(|_, found| !found.is_empty());
}

/// The identities of one namespace with these labels. Labels are their owner's to write, so they count nowhere else.
fn select(namespace: &Arc<str>, selector: &LabelSelector, surroundings: &Surroundings) -> Who {
    let first = ObjectName { namespace: Arc::clone(namespace), name: "".into() };
    let own = surroundings.clients.range(first..).take_while(|(name, _)| name.namespace == *namespace);
    let selected = own.filter(|(_, object)| object.valid().is_some() && selector.selects(&object.labels));
    Who::These(Arc::new(selected.map(|(name, _)| Principal::new(name.clone())).collect()))
}
