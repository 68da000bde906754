//! `ClientIdentity` -> the live secrets of every access key.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashMapExt};

use super::credentials::value;
use super::{Rejections, problem};
use crate::Timestamp;
use crate::access::Principal;
use crate::model::{Client, ClientSecret, ObjectName, Problem, Reason, SecretRef, Snapshot};
use crate::sigv4::{AccessKeyId, SecretKey};

/// A request is verified against every identity that has its key id; this bounds the work that one request can cause.
const MAX_IDENTITIES_PER_KEY: usize = 4;

/// The live secrets of every access key, those of the identities with precedence first.
pub(super) fn resolve(
    snapshot: &Snapshot,
    rejections: &mut Rejections,
    notices: &mut Rejections,
) -> HashMap<AccessKeyId, Vec<ClientSecret>> {
    let mut by_key: BTreeMap<AccessKeyId, Vec<Holder<'_>>> = BTreeMap::new();
    for (name, object) in snapshot.clients.iter() {
        rejections.invalid("ClientIdentity", name, object);
        let Some(client) = object.valid() else { continue };
        for (key, secret) in live_secrets(name, client, snapshot, rejections) {
            by_key.entry(key).or_default().push(Holder { name, created: object.created, secret });
        }
    }
    by_key.into_iter().map(|(key, holders)| (key, bounded(holders, rejections, notices))).collect()
}

/// An identity with one of its secrets.
struct Holder<'a> {
    name: &'a ObjectName,
    created: Option<Timestamp>,
    secret: ClientSecret,
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
fn bounded(holders: Vec<Holder<'_>>, rejections: &mut Rejections, notices: &mut Rejections) -> Vec<ClientSecret> {
    const FIELD: &str = "spec.accessKey.secretRefs";
    let ranked = ranked(&holders);
    for (place, name) in ranked.iter().enumerate().skip(1) {
        if place < MAX_IDENTITIES_PER_KEY {
            let message = "another ClientIdentity has the same access key id";
            notices.add("ClientIdentity", name, "Ready", problem(FIELD, Reason::DuplicateAccessKey, message));
        } else {
            let message = format!(
                "{MAX_IDENTITIES_PER_KEY} other ClientIdentities have the same access key id: it is not accepted here"
            );
            rejections.add("ClientIdentity", name, "Ready", problem(FIELD, Reason::DuplicateAccessKey, message));
        }
    }
    let kept = ranked.get(..MAX_IDENTITIES_PER_KEY).unwrap_or(&ranked);
    let place = |holder: &Holder<'_>| kept.iter().position(|name| *name == holder.name);
    let mut secrets: Vec<_> = holders.into_iter().filter_map(|holder| Some((place(&holder)?, holder.secret))).collect();
    secrets.sort_by_key(|(place, _)| *place);
    secrets.into_iter().map(|(_, secret)| secret).collect()
}

/// The identities in the order of precedence: the oldest of every namespace, then the second of every namespace, and so
/// on. So no number of identities in one namespace, however old, displaces one of another namespace.
fn ranked<'a>(holders: &[Holder<'a>]) -> Vec<&'a ObjectName> {
    let by_age: BTreeSet<_> = holders.iter().map(|holder| (holder.created, holder.name)).collect();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut ranked: Vec<_> = by_age
        .into_iter()
        .map(|(created, name)| {
            let rank = seen.entry(&name.namespace).or_default();
            *rank += 1;
            (*rank, created, name)
        })
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, _, name)| name).collect()
}
