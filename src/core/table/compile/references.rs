//! The one way from a name in one document to another document: nothing crosses a namespace without the target's consent.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::{Principal, Who};
use crate::model::{
    AllowedNamespaces, Client, Clients, Credential, LabelSelector, Object, ObjectName, Reference, Snapshot,
};

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

/// Follows references of routes, and remembers what selectors found.
#[derive(Debug)]
pub(super) struct References<'a> {
    snapshot: &'a Snapshot,
    selections: BTreeMap<(&'a str, &'a LabelSelector), Who>,
}

impl<'a> References<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, selections: BTreeMap::new() }
    }

    /// The valid `CredentialSource` that `holder` may use under this name.
    pub(super) fn credential(
        &self,
        holder: &ObjectName,
        reference: &Reference,
    ) -> Result<(ObjectName, &'a Credential), Missing> {
        self.follow(holder, reference, &self.snapshot.credentials)
    }

    /// Whom an entry of `holder` is about.
    pub(super) fn clients(&mut self, holder: &'a ObjectName, clients: &'a Clients) -> Result<Who, Missing> {
        match clients {
            Clients::One(reference) => {
                let (identity, _) = self.follow(holder, reference, &self.snapshot.clients)?;
                Ok(Who::One(Principal::new(identity)))
            }
            Clients::Selected(selector) => {
                let snapshot = self.snapshot;
                let select = || select(&holder.namespace, selector, snapshot);
                Ok(self.selections.entry((&holder.namespace, selector)).or_insert_with(select).clone())
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
                selector.selects_namespace(&holder.namespace, self.snapshot.namespaces.get(&holder.namespace))
            }
        };
        found.filter(consents).map(|found| (target, found)).ok_or(Missing::NotPermitted)
    }
}

/// The identities of one namespace with these labels. Labels are their owner's to write, so they count nowhere else.
fn select(namespace: &Arc<str>, selector: &LabelSelector, snapshot: &Snapshot) -> Who {
    let first = ObjectName { namespace: Arc::clone(namespace), name: "".into() };
    let own = snapshot.clients.range(first..).take_while(|(name, _)| name.namespace == *namespace);
    let selected = own.filter(|(_, object)| object.valid().is_some() && selector.selects(&object.labels));
    Who::These(Arc::new(selected.map(|(name, _)| Principal::new(name.clone())).collect()))
}
