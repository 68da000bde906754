//! The permit: the only thing that a peer or a signature can be had for.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::inquiry::Draft;
use super::judgement::Granted;
use super::{Hooks, Principal, Verdict};
use crate::Denial;
use crate::model::{Endpoint, Region, TrailingChecksums};
use crate::payload::{Announcement, Gate, Obligation};
use crate::s3::{BucketName, DeleteEntry, DeleteOutcome, DeleteRequest, Operation, Outgoing, Query, Resource};
use crate::sigv4::AccessKeyId;
use crate::table::{ForWhom, Lookup, Part, ServedBackend, ServedRoute, Upstream};

/// Headers of multipart uploads that make sense only with the checksums that a route drops (RS-6).
const CHECKSUM_SETTINGS: [&str; 3] = ["x-amz-checksum-algorithm", "x-amz-checksum-type", "x-amz-mp-object-size"];

/// Everything that was asked and found, before and after the decision.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) principal: Principal,
    pub(super) access_key: AccessKeyId,
    pub(super) operation: Operation,
    pub(super) granted: Granted,
    /// Where it goes now.
    pub(super) backend: Arc<ServedBackend>,
    /// It may go to any usable backend of the route instead.
    pub(super) anywhere: bool,
    pub(super) outgoing: Outgoing,
    pub(super) obligation: Obligation,
    pub(super) query: Query,
}

/// Proof that this principal may do this operation on this route: carries the very request that goes to the backend, so
/// nothing but what was decided can be sent. No `Default`, no `Clone`, no public fields, no `From`.
#[derive(Debug)]
pub struct Permit {
    grant: Box<Grant>,
    /// Where the backend says that its bucket is, when that is not what the route says.
    moved: Option<Box<Moved>>,
}

/// A bucket in another region than its route says (RN-6).
#[derive(Debug)]
struct Moved {
    region: Region,
    /// The provider's documented endpoint of that region; `None` = the route's.
    endpoint: Option<Endpoint>,
}

impl Permit {
    pub(super) fn new(mut grant: Box<Grant>) -> Self {
        if grant.backend.upstream_for(grant.granted.rule).trailing_checksums == TrailingChecksums::Drop {
            grant.outgoing.headers.retain(|(name, _)| !CHECKSUM_SETTINGS.contains(&name.as_str()));
        }
        Self { grant, moved: None }
    }

    /// Who may.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.grant.principal
    }

    /// The access key id that they signed with.
    #[must_use]
    pub fn access_key(&self) -> &AccessKeyId {
        &self.grant.access_key
    }

    /// For whom a credential of the backend is fetched, where one is.
    #[must_use]
    pub fn for_whom(&self) -> ForWhom<'_> {
        let bucket = self.operation().bucket().map_or_else(|| self.route().bucket.as_str(), BucketName::as_str);
        ForWhom { access_key: self.access_key().as_str(), bucket }
    }

    /// What.
    #[must_use]
    pub fn operation(&self) -> &Operation {
        &self.grant.operation
    }

    /// Where.
    #[must_use]
    pub fn route(&self) -> &Arc<ServedRoute> {
        &self.grant.granted.route
    }

    /// The backend that the request goes to now, with its mapping.
    #[must_use]
    pub fn backend(&self) -> &Arc<ServedBackend> {
        &self.grant.backend
    }

    /// How that backend is reached, with the keys that are for this principal.
    #[must_use]
    pub fn upstream(&self) -> &Upstream {
        self.upstream_of(&self.grant.backend)
    }

    /// The same of another candidate.
    #[must_use]
    pub fn upstream_of<'a>(&self, backend: &'a ServedBackend) -> &'a Upstream {
        backend.upstream_for(self.grant.granted.rule)
    }

    /// Where the backend listens: as its route says, or as AWS documents for the region that it named itself. Never a host
    /// that an answer named.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        let moved = self.moved.as_deref().and_then(|moved| moved.endpoint.as_ref());
        moved.unwrap_or(&self.upstream().endpoint)
    }

    /// The region that the request is signed for.
    #[must_use]
    pub fn region(&self) -> &str {
        self.moved.as_deref().map_or(&self.upstream().region, |moved| moved.region.as_str())
    }

    /// What connections and signing keys are kept by: [`Upstream::pool_group`], or one of its own for a bucket in another
    /// region, since a tunnel through a proxy leads to one host, and for each client and bucket where they have credentials
    /// of their own.
    #[must_use]
    pub fn pool_group(&self) -> u64 {
        let upstream = self.upstream();
        let group = if upstream.credential.is_personal() {
            let (ForWhom { access_key, bucket }, mut hasher) = (self.for_whom(), DefaultHasher::new());
            (upstream.pool_group, access_key, bucket).hash(&mut hasher);
            hasher.finish()
        } else {
            upstream.pool_group
        };
        self.moved.as_deref().map_or(group, |moved| {
            let mut hasher = DefaultHasher::new();
            (group, &moved.region).hash(&mut hasher);
            hasher.finish()
        })
    }

    /// Sends the request to where the bucket is, by what its backend answered (RN-6): it is signed for that region, and goes
    /// to the documented endpoint of that region if the route's is one of AWS and nobody has limited the endpoints. False
    /// when that is where it goes already: then the answer told nothing new.
    #[must_use]
    pub fn relocate(&mut self, region: &Region) -> bool {
        let upstream = self.upstream();
        let endpoint = upstream.may_change_host.then(|| upstream.endpoint.in_region(region)).flatten();
        let is_there =
            self.region() == region.as_str() && endpoint.as_ref().is_none_or(|endpoint| endpoint == self.endpoint());
        if !is_there {
            self.moved = Some(Box::new(Moved { region: region.clone(), endpoint }));
        }
        !is_there
    }

    /// Every backend that the request may go to: all usable ones of the route for a read of one object, exactly one for
    /// everything else (writes never fail over).
    #[must_use]
    pub fn candidates(&self) -> &[Arc<ServedBackend>] {
        let grant = &self.grant;
        if grant.anywhere { grant.granted.route.backends.usable() } else { std::slice::from_ref(&grant.backend) }
    }

    /// Sends the request to another one of the [`Self::candidates`]: it is written anew, in that backend's names.
    ///
    /// # Errors
    /// [`Denial::Internal`] for a backend that is no candidate, and those of [`Outgoing::retarget`].
    pub fn redirect(&mut self, to: &Arc<ServedBackend>) -> Result<(), Denial> {
        if Arc::ptr_eq(to, &self.grant.backend) {
            return Ok(());
        }
        if !self.candidates().iter().any(|candidate| Arc::ptr_eq(candidate, to)) {
            return Err(Denial::Internal("a request was to be sent to a backend that its permit does not name"));
        }
        let Grant { operation, query, outgoing, backend, .. } = &mut *self.grant;
        outgoing.retarget(operation, query, to.upstream.addressing, &to.mapping)?;
        *backend = Arc::clone(to);
        self.moved = None;
        Ok(())
    }

    /// Of `ListBuckets`: asks for another page.
    pub(super) fn ask_for(&mut self, query: String) {
        self.grant.outgoing.query = query;
    }

    /// The backend request.
    #[must_use]
    pub fn outgoing(&self) -> &Outgoing {
        &self.grant.outgoing
    }

    /// The client's query, for what responses echo.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.grant.query
    }

    /// True when body bytes have to pass a gate.
    #[must_use]
    pub fn expects_body(&self) -> bool {
        !self.grant.obligation.is_empty()
    }

    /// True when the backend would have its whole request before the client's frames are proved (an empty object in
    /// frames): the body has to go through its gate before anything is sent.
    #[must_use]
    pub fn proves_before_sending(&self) -> bool {
        self.grant.obligation.proves_before_sending(self.upstream().trailing_checksums)
    }

    /// How the body is announced to the backend.
    #[must_use]
    pub fn announcement(&self) -> Announcement {
        self.grant.obligation.announce(self.upstream().trailing_checksums)
    }

    /// A fresh gate, for every attempt.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.grant.obligation.gate(self.upstream().trailing_checksums)
    }
}

/// A batch before its keys are known.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) principal: Principal,
    pub(super) access_key: AccessKeyId,
    pub(super) operation: Operation,
    pub(super) part: Part,
    pub(super) outgoing: Outgoing,
    pub(super) obligation: Obligation,
    pub(super) query: Query,
    /// For the hooks of the routes, if there are any.
    pub(super) draft: Option<Box<Draft>>,
}

/// A `DeleteObjects` whose caller may delete something in the bucket; the keys are decided once the body is proved.
#[derive(Debug)]
pub struct PendingBatch {
    batch: Box<Batch>,
}

/// A `DeleteObjects` with every key decided.
#[derive(Debug)]
pub struct DecidedBatch {
    /// For the allowed keys; `None` when every key was refused.
    pub permit: Option<Permit>,
    /// The body for the backend: the allowed keys under its names.
    pub body: Vec<u8>,
    /// The refused keys, in the client's names.
    pub refused: Vec<DeleteOutcome>,
    /// The client asked for a quiet answer.
    pub quiet: bool,
}

impl PendingBatch {
    pub(super) fn new(batch: Box<Batch>) -> Self {
        Self { batch }
    }

    /// A gate for the client's body. The body is kept here, not sent on, so it comes out bare.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.batch.obligation.gate(TrailingChecksums::Drop)
    }

    /// Decides each key of a proved body (D03), by grants and then by the hooks of the routes, each of which is asked once
    /// for all of its keys. All of them go to one backend: that of the first allowed key. Keys that
    /// another route or another credential serves are refused one by one, because an answer that is half of one backend
    /// and half of another could not be told truthfully when one of them fails.
    ///
    /// # Errors
    /// [`Denial::MalformedXml`] and the others of [`DeleteRequest::parse`] and [`DeleteRequest::render`]; [`Denial::Hook`]
    /// when a hook does not answer.
    pub async fn decide(self, proved_body: &[u8], hooks: &dyn Hooks) -> Result<DecidedBatch, Denial> {
        let DeleteRequest { objects, quiet } = DeleteRequest::parse(proved_body)?;
        let granted = objects.into_iter().map(|entry| (self.batch.decide(&entry), entry)).collect();
        let decided = self.batch.ask_hooks(granted, hooks).await?;
        let (mut allowed, mut refused) = (Vec::with_capacity(decided.len()), Vec::new());
        let mut chosen: Option<Granted> = None;
        for (granted, entry) in decided {
            let granted = granted.and_then(|granted| {
                let home = granted.home()?;
                let first = chosen.get_or_insert_with(|| granted.clone());
                if std::ptr::eq(first.home()?, home) { Ok(()) } else { Err(elsewhere()) }
            });
            match granted {
                Ok(()) => allowed.push(entry),
                Err(denial) => refused.push(DeleteOutcome::Failed {
                    key: entry.key.as_str().to_owned(),
                    version: entry.version,
                    code: denial.row().code.to_owned(),
                    message: denial.to_string(),
                }),
            }
        }
        let Some(granted) = chosen else {
            return Ok(DecidedBatch { permit: None, body: Vec::new(), refused, quiet });
        };
        let backend = Arc::clone(granted.route.backends.writes().ok_or(Denial::RouteBroken)?);
        let body = DeleteRequest::render(&allowed, &backend.mapping)?;
        let Batch { principal, access_key, operation, mut outgoing, obligation, query, part: _, draft: _ } =
            *self.batch;
        outgoing.retarget(&operation, &query, backend.upstream.addressing, &backend.mapping)?;
        let permit = Permit::new(Box::new(Grant {
            principal,
            access_key,
            operation,
            granted,
            backend,
            anywhere: false,
            outgoing,
            obligation,
            query,
        }));
        Ok(DecidedBatch { permit: Some(permit), body, refused, quiet })
    }
}

/// The keys of a batch, each with the decision about it.
type Decided = Vec<(Result<Granted, Denial>, DeleteEntry)>;

impl Batch {
    /// What the hooks of the routes say to the keys that grants allow.
    async fn ask_hooks(&self, mut keys: Decided, hooks: &dyn Hooks) -> Result<Decided, Denial> {
        let Some(draft) = &self.draft else { return Ok(keys) };
        let mut routes: Vec<Arc<ServedRoute>> = Vec::new();
        for granted in keys.iter().filter_map(|(granted, _)| granted.as_ref().ok()) {
            if !granted.route.hooks.is_empty() && !routes.iter().any(|route| Arc::ptr_eq(route, &granted.route)) {
                routes.push(Arc::clone(&granted.route));
            }
        }
        for route in routes {
            let is_of = |granted: &Granted| Arc::ptr_eq(&granted.route, &route);
            let mut of_route: Vec<&mut (Result<Granted, Denial>, DeleteEntry)> =
                keys.iter_mut().filter(|(granted, _)| granted.as_ref().is_ok_and(is_of)).collect();
            let asked = of_route.iter().map(|(_, entry)| entry.key.as_str().to_owned()).collect();
            let answers = draft.ask_keys(hooks, &route, asked).await?;
            for (index, (granted, _)) in of_route.iter_mut().enumerate() {
                if answers.get(index) != Some(&true) {
                    *granted = Err(Denial::AccessDenied);
                }
            }
        }
        Ok(keys)
    }

    fn decide(&self, entry: &DeleteEntry) -> Result<Granted, Denial> {
        let bucket = self.operation.bucket().ok_or(Denial::AccessDenied)?;
        match self.part.view().lookup(entry.key.as_str()) {
            Lookup::Served(route) => {
                let object = Resource::Object(bucket.clone(), entry.key.clone());
                let mut granted = None;
                for permission in self.operation.of_entry(entry.version.is_some()) {
                    match route.policy.decide(&self.principal, *permission, &object) {
                        Verdict::Allowed(rule) => granted = granted.or(Some(rule)),
                        Verdict::Denied(_) | Verdict::NotGranted => return Err(Denial::AccessDenied),
                    }
                }
                granted.map(|rule| Granted { route, rule }).ok_or(Denial::AccessDenied)
            }
            Lookup::Broken | Lookup::Unknown => Err(Denial::RouteBroken),
            Lookup::Elsewhere | Lookup::Absent => Err(Denial::AccessDenied),
        }
    }
}

fn elsewhere() -> Denial {
    Denial::InvalidRequest(
        "This key is not stored with the first key of the request: delete it with a request of its own.".to_owned(),
    )
}
