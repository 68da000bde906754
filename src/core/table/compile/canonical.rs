//! Stable hashes: SHA-256 over an unambiguous byte rendering, the same on every replica and in every release that does
//! not change what is rendered. `std::hash` promises neither.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ring::digest::{Context, SHA256, digest};

use crate::access::{Rule, Who};
use crate::model::{
    AddressingStyle, ClientSecret, Copies, Cors, HookMode, ObjectName, Reads, RouteHook, TrailingChecksums, Wildcard,
};
use crate::s3::Permission;
use crate::sigv4::SecretKey;
use crate::table::bucket::{Bucket, HostKey, Place};
use crate::table::{RouteTable, ServedBackend, ServedRoute, Upstream};

/// SHA-256.
pub(super) type Digest = [u8; 32];

/// A rendering on its way into SHA-256. Every piece is preceded by its length, so that no two renderings of different
/// values are equal.
pub(super) struct Canonical {
    context: Context,
    /// Pieces are small and hashing wants large ones: collected here first.
    pending: Vec<u8>,
}

const PENDING_BYTES: usize = 4096;

impl Canonical {
    /// Begins the rendering of something of this kind.
    pub(super) fn new(kind: &str) -> Self {
        let mut canonical = Self { context: Context::new(&SHA256), pending: Vec::new() };
        canonical.text(kind);
        canonical
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len());
        self.piece(bytes)
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(super) fn number(&mut self, number: usize) -> &mut Self {
        self.piece(&(number as u64).to_be_bytes())
    }

    fn piece(&mut self, piece: &[u8]) -> &mut Self {
        if self.pending.len() + piece.len() > PENDING_BYTES {
            self.context.update(&self.pending);
            self.pending.clear();
        }
        self.pending.extend_from_slice(piece);
        self
    }

    /// A secret, as the hash of itself.
    pub(super) fn secret(&mut self, secret: &SecretKey) -> &mut Self {
        let hash = secret.with_exposed(|text| digest(&SHA256, text.as_bytes()));
        self.bytes(hash.as_ref())
    }

    fn name(&mut self, name: &ObjectName) -> &mut Self {
        self.text(&name.namespace).text(&name.name)
    }

    fn rules(&mut self, rules: &[Rule]) -> &mut Self {
        self.number(rules.len());
        for rule in rules {
            self.text(&rule.name).who(&rule.who);
            for permission in Permission::EVERY {
                self.number(usize::from(rule.permissions.contains(permission)));
            }
            self.number(rule.prefixes.len());
            for prefix in &rule.prefixes {
                self.text(prefix.as_str());
            }
            self.number(rule.buckets.len());
            for bucket in &rule.buckets {
                self.text(bucket.as_str());
            }
        }
        self
    }

    fn who(&mut self, who: &Who) -> &mut Self {
        match who {
            Who::Everyone => self.text("everyone"),
            Who::One(principal) => self.text("client").name(principal.identity()),
            Who::These(selection) => {
                self.text("clients").number(selection.len());
                selection.iter().fold(self, |canonical, principal| canonical.name(principal.identity()))
            }
        }
    }

    fn route(&mut self, route: &ServedRoute) -> &mut Self {
        let backends = &route.backends;
        self.name(&route.name).text(match backends.reads() {
            Reads::Priority => "priority",
            Reads::Weighted => "weighted",
        });
        self.number(usize::from(route.alone)).text(backends.writes().map_or("", |writes| &writes.name));
        self.number(backends.retries().map_or(0, |retries| retries.attempts));
        self.duration(backends.retries().map(|retries| retries.backoff));
        self.number(usize::from(backends.copies() == Copies::Stream));
        self.number(route.shared.len());
        for shared in route.shared.iter() {
            self.text(shared);
        }
        self.number(backends.usable().len());
        for backend in backends.usable() {
            self.backend(backend);
        }
        self.rules(&route.policy.allow).rules(&route.policy.deny).hooks(&route.hooks).cors(&route.cors)
    }

    fn hooks(&mut self, hooks: &[RouteHook]) -> &mut Self {
        self.number(hooks.len());
        for hook in hooks {
            self.text(hook.name.as_str()).duration(hook.timeout).number(usize::from(hook.mode == HookMode::Shadow));
        }
        self
    }

    fn cors(&mut self, cors: &Cors) -> &mut Self {
        self.number(cors.rules().len());
        for rule in cors.rules() {
            self.wildcards(&rule.origins).number(rule.methods.len());
            for method in &rule.methods {
                self.text(method.word());
            }
            self.wildcards(&rule.headers).number(rule.exposed.len());
            for name in &rule.exposed {
                self.text(name);
            }
            // 0 is an age of its own
            self.number(
                rule.max_age_seconds.map_or(0, |seconds| usize::try_from(seconds).unwrap_or(usize::MAX - 1) + 1),
            );
        }
        self
    }

    fn wildcards(&mut self, wildcards: &[Wildcard]) -> &mut Self {
        self.number(wildcards.len());
        for (start, end) in wildcards.iter().map(Wildcard::parts) {
            self.text(start).number(usize::from(end.is_some())).text(end.unwrap_or_default());
        }
        self
    }

    fn backend(&mut self, backend: &ServedBackend) {
        let mapping = &backend.mapping;
        self.text(&backend.name).number(backend.priority.into()).number(backend.weight.into());
        self.text(&mapping.backend_bucket).text(mapping.prefix.as_str());
        self.upstream(&backend.upstream).number(backend.overrides.len());
        for (rule, upstream) in backend.overrides.iter() {
            self.number(*rule).upstream(upstream);
        }
    }

    fn upstream(&mut self, upstream: &Upstream) -> &mut Self {
        self.name(&upstream.source).text(&upstream.endpoint.to_string()).text(&upstream.region);
        self.text(match upstream.addressing {
            AddressingStyle::Path => "path",
            AddressingStyle::VirtualHost => "virtual host",
        });
        self.text(match upstream.trailing_checksums {
            TrailingChecksums::Forward => "forward",
            TrailingChecksums::Drop => "drop",
        });
        let timeouts = &upstream.timeouts;
        self.duration(timeouts.connect).duration(timeouts.first_byte).duration(timeouts.idle);
        // The pool group stands for the credential, the proxy and the TLS settings with all their contents.
        self.bytes(&upstream.pool_group.to_be_bytes())
    }

    /// In milliseconds; 0 is no duration that a document may have.
    fn duration(&mut self, duration: Option<Duration>) -> &mut Self {
        self.number(duration.map_or(0, |duration| usize::try_from(duration.as_millis()).unwrap_or(usize::MAX)))
    }

    fn places(&mut self, bucket: &Bucket) {
        for ((host, tenant, prefix), place) in bucket.places() {
            match &host {
                HostKey::Named(host) => self.text("named").text(host),
                HostKey::Reserved(host) => self.text("reserved").text(host),
                HostKey::Open => self.text("open"),
            };
            self.text(tenant.map_or("", |namespace| namespace)).text(prefix.as_str());
            match place {
                Place::Served(route) => self.text("served").bytes(&route.digest),
                Place::Broken(grantees) => {
                    self.text("broken").number(grantees.len());
                    grantees.iter().fold(&mut *self, |canonical, who| canonical.who(who))
                }
            };
        }
    }

    fn client(&mut self, client: &ClientSecret) -> &mut Self {
        self.name(client.principal.identity()).secret(client.secret())
    }

    pub(super) fn digest(mut self) -> Digest {
        self.context.update(&self.pending);
        let mut out = Digest::default();
        for (to, from) in out.iter_mut().zip(self.context.finish().as_ref()) {
            *to = *from;
        }
        out
    }

    /// The first 128 bits.
    pub(super) fn long(self) -> u128 {
        self.digest().first_chunk().map_or(0, |first| u128::from_be_bytes(*first))
    }

    /// The first 64 bits.
    pub(super) fn short(self) -> u64 {
        self.digest().first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    }
}

/// Of everything that a route is in a table, but for its place there.
pub(super) fn of_route(route: &ServedRoute) -> Digest {
    let mut canonical = Canonical::new("route");
    canonical.route(route);
    canonical.digest()
}

/// Of everything in a table.
pub(super) fn fingerprint(table: &RouteTable) -> u64 {
    let mut canonical = Canonical::new("route table");
    canonical.number(usize::from(table.some_bucket_unreadable));
    for host in table.reserved_hosts.iter().collect::<BTreeSet<_>>() {
        canonical.text("reserved host").text(host);
    }
    let mut buckets: Vec<_> = table.buckets.iter().collect();
    buckets.sort_unstable_by_key(|(name, _)| *name);
    for (name, bucket) in buckets {
        canonical.text("bucket").text(name.as_str()).number(bucket.unplaced.len());
        for namespace in &bucket.unplaced {
            canonical.text(namespace);
        }
        canonical.places(bucket);
    }
    for covered in table.patterns.iter() {
        canonical.text("pattern").text(covered.pattern.as_str()).number(covered.unplaced.len());
        for namespace in &covered.unplaced {
            canonical.text(namespace);
        }
        canonical.places(&covered.places);
    }
    for (key, clients) in table.clients.iter().collect::<BTreeMap<_, _>>() {
        canonical.text("access key").text(key.as_str()).number(clients.len());
        for client in clients {
            canonical.client(client);
        }
    }
    canonical.short()
}
