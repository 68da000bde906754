//! `ClientIdentity` -> the live secrets of every access key.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::credentials::value;
use super::{Rejections, problem};
use crate::access::Principal;
use crate::model::{Client, ClientSecret, ObjectName, Problem, Reason, SecretRef, Snapshot};
use crate::sigv4::{AccessKeyId, SecretKey};

/// A request is verified against every identity that has its key id; this bounds the work that one request can cause.
const MAX_IDENTITIES_PER_KEY: usize = 4;

/// The live secrets of every access key, in the order of `namespace/name`.
pub(super) fn resolve(snapshot: &Snapshot, rejections: &mut Rejections) -> HashMap<AccessKeyId, Vec<ClientSecret>> {
    let mut by_key: BTreeMap<AccessKeyId, Vec<ClientSecret>> = BTreeMap::new();
    for (name, object) in &snapshot.clients {
        rejections.invalid("ClientIdentity", name, object);
        let Some(client) = object.valid() else { continue };
        for (key, secret) in live_secrets(name, client, snapshot, rejections) {
            by_key.entry(key).or_default().push(secret);
        }
    }
    by_key.into_iter().map(|(key, secrets)| (key, bounded(secrets, rejections))).collect()
}

/// Each Secret stands for itself: while a key is rotated, a missing one does not disable the other.
fn live_secrets(
    name: &ObjectName,
    client: &Client,
    snapshot: &Snapshot,
    rejections: &mut Rejections,
) -> Vec<(AccessKeyId, ClientSecret)> {
    let mut live: Vec<(AccessKeyId, ClientSecret)> = Vec::with_capacity(client.secrets.len());
    for (index, reference) in client.secrets.iter().enumerate() {
        match read(name, reference, snapshot) {
            Ok((key, secret)) => {
                // The same pair twice would look like two principals with one secret, which verification refuses.
                if !live.iter().any(|(other, kept)| *other == key && *kept.secret() == secret) {
                    live.push((key, ClientSecret::new(Principal::new(name.clone()), secret)));
                }
            }
            Err(Problem { field, reason, message }) => {
                let field = format!("spec.accessKey.secretRefs[{index}].{field}");
                rejections.add("ClientIdentity", name, "Ready", Problem { field, reason, message });
            }
        }
    }
    live
}

fn read(name: &ObjectName, reference: &SecretRef, snapshot: &Snapshot) -> Result<(AccessKeyId, SecretKey), Problem> {
    let data = snapshot
        .secrets
        .get(&name.sibling(&reference.name))
        .ok_or_else(|| problem("name", Reason::SecretNotFound, "there is no such valid Secret in this namespace"))?;
    let key = value(data, &reference.access_key_id_key, "accessKeyIDKey", AccessKeyId::parse)?;
    let secret =
        value(data, &reference.secret_access_key_key, "secretAccessKeyKey", |text| SecretKey::new(text.to_owned()))?;
    Ok((key, secret))
}

/// Keeps the identities with precedence. Sharing a key id is a warning to all but the first, never a reason to disable
/// one that was there before.
fn bounded(mut secrets: Vec<ClientSecret>, rejections: &mut Rejections) -> Vec<ClientSecret> {
    let identities: BTreeSet<ObjectName> = secrets.iter().map(|one| one.principal.identity().clone()).collect();
    for (place, name) in identities.iter().enumerate().skip(1) {
        let message = if place < MAX_IDENTITIES_PER_KEY {
            "another ClientIdentity has the same access key id".to_owned()
        } else {
            format!(
                "{MAX_IDENTITIES_PER_KEY} other ClientIdentities have the same access key id: it is not accepted here"
            )
        };
        rejections.add(
            "ClientIdentity",
            name,
            "Ready",
            problem("spec.accessKey.secretRefs", Reason::DuplicateAccessKey, message),
        );
    }
    if let Some(first_dropped) = identities.iter().nth(MAX_IDENTITIES_PER_KEY) {
        secrets.retain(|one| one.principal.identity() < first_dropped);
    }
    secrets
}
