//! Which backend a read goes to. Pure: what is known of the backends comes as a function.

use std::sync::Arc;

use super::{Admission, ServedBackend};
use crate::model::Reads;

/// The backends that a request has been sent to, by their place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried(u8);

impl Tried {
    /// This one, too.
    pub fn add(&mut self, backend: &ServedBackend) {
        self.0 |= bit(backend);
    }

    /// True when the request has been sent there.
    #[must_use]
    pub fn contains(self, backend: &ServedBackend) -> bool {
        self.0 & bit(backend) != 0
    }
}

fn bit(backend: &ServedBackend) -> u8 {
    1_u8.checked_shl(u32::from(backend.place)).unwrap_or(0)
}

/// Chooses for a read of `key`: the lowest tier with a backend that `admit` lets through, inside it by weight. Backends
/// that were tried come last; with none left that is admitted, the best one is asked anyway (never nobody at all).
/// `None` only for an empty list.
pub fn choose<'a>(
    backends: &'a [Arc<ServedBackend>],
    reads: Reads,
    key: &str,
    tried: Tried,
    mut admit: impl FnMut(&ServedBackend) -> Option<Admission>,
) -> Option<(&'a Arc<ServedBackend>, Admission)> {
    let hash = hash(FNV_BASIS, key.as_bytes());
    let mut ranked: Vec<(Rank, &Arc<ServedBackend>)> =
        backends.iter().map(|backend| (Rank::of(backend, reads, hash, tried), backend)).collect();
    ranked.sort_by(|(a, _), (b, _)| a.cmp(b));
    let admitted = ranked.iter().find_map(|(rank, backend)| {
        if rank.tried || rank.weightless { None } else { admit(backend).map(|how| (*backend, how)) }
    });
    admitted
        .or_else(|| {
            // whoever is healthy although it has no weight or failed this request already, before whoever is ejected
            let rest = ranked.iter().filter(|(rank, _)| rank.tried || rank.weightless);
            rest.map(|(_, backend)| *backend).find_map(|backend| admit(backend).map(|how| (backend, how)))
        })
        .or_else(|| ranked.first().map(|(_, backend)| (*backend, Admission::Forced)))
}

/// The smaller, the earlier.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    tried: bool,
    weightless: bool,
    priority: u8,
    /// Smaller for greater shares.
    order: u64,
    place: u8,
}

impl Rank {
    fn of(backend: &ServedBackend, reads: Reads, key: u64, tried: Tried) -> Self {
        let order = match reads {
            Reads::Priority => u64::from(u16::MAX - backend.weight),
            Reads::Weighted => rendezvous(key, &backend.name, backend.weight),
        };
        let tried = tried.contains(backend);
        Self { tried, weightless: backend.weight == 0, priority: backend.priority, order, place: backend.place }
    }
}

/// Weighted rendezvous hashing (Highest Random Weight, `-w / ln(u)`), turned round so that the smallest wins: of all
/// backends each gets its share of the keys, and one that leaves moves only its own.
fn rendezvous(key: u64, name: &str, weight: u16) -> u64 {
    let mixed = mix(hash(key, name.as_bytes()));
    #[expect(clippy::cast_precision_loss, reason = "53 bits are enough to spread keys")]
    let unit = ((mixed >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    // positive floats order like their bits
    (-unit.ln() / f64::from(weight)).to_bits()
}

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1a: the same on every replica and in every release.
fn hash(basis: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(basis, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// The finaliser of `SplitMix64`: FNV's high bits are poor.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests;
