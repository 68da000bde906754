//! The Lease at the API server: reads, writes, renews and gives back what [`super::lease`] decides.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::PostParams;
use kube::core::ObjectMeta;
use kube::{Api, Client};
use osp_core::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::lease::{EXPIRES, Elector, Record, Step};
use super::resilient::jitter;
use super::{LeaseName, WallClock};

/// Between two renewals, before up to half a second of jitter.
const RENEW: Duration = Duration::from_secs(2);
/// One read and one write together: a call that hangs must not outlast the leadership.
const TRY: Duration = Duration::from_secs(5);

/// Until when this process leads; `None` or a past moment: it does not.
pub type Leadership = watch::Receiver<Option<Instant>>;

/// True while this process leads. To be asked before every write.
#[must_use]
pub fn leads(leadership: &Leadership) -> bool {
    leadership.borrow().is_some_and(|until| Instant::now() < until)
}

/// One candidate and its Lease.
pub struct Election {
    api: Api<Lease>,
    name: String,
    elector: Elector,
    wall: WallClock,
    tell: watch::Sender<Option<Instant>>,
}

impl Election {
    /// A candidate that has not tried yet.
    #[must_use]
    pub fn new(client: Client, lease: &LeaseName, wall: WallClock) -> (Self, Leadership) {
        let namespace = lease.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
        let (tell, leadership) = watch::channel(None);
        let elector = Elector::new(lease.identity.clone());
        (Self { api: Api::namespaced(client, &namespace), name: lease.name.clone(), elector, wall, tell }, leadership)
    }

    /// Takes part until `stop` turns true, then gives the Lease back.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            match timeout(TRY, self.attempt()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, lease = self.name, "the Lease cannot be read or written"),
                Err(_) => tracing::warn!(lease = self.name, "no answer about the Lease"),
            }
            self.announce();
            tokio::select! {
                () = sleep(RENEW + RENEW.mul_f64(jitter() / 4.0)) => {}
                // A sender that is gone means the same: the process ends.
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        let released = timeout(TRY, self.release()).await;
        self.announce();
        match released {
            Ok(Ok(())) => tracing::info!(lease = self.name, "the Lease is given back"),
            _ => tracing::warn!(lease = self.name, "the Lease could not be given back; it expires"),
        }
    }

    async fn attempt(&mut self) -> kube::Result<()> {
        let began = Instant::now();
        let found = self.api.get_opt(&self.name).await?;
        let record = found.as_ref().map(record);
        let Step::Write(record) = self.elector.read(record.as_ref(), began, &self.wall_text()) else { return Ok(()) };
        match self.write(found, &record).await {
            Ok(()) => self.elector.written(record, began),
            Err(kube::Error::Api(status)) if status.code == 409 => self.elector.refused(),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn release(&mut self) -> kube::Result<()> {
        let found = self.api.get_opt(&self.name).await?;
        let Some(free) = found.as_ref().and_then(|found| self.elector.release(&record(found))) else { return Ok(()) };
        self.write(found, &free).await
    }

    /// Over the version that was read, or as a new object.
    async fn write(&self, found: Option<Lease>, record: &Record) -> kube::Result<()> {
        let exists = found.is_some();
        let mut lease = found.unwrap_or_else(|| Lease {
            metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
            ..Lease::default()
        });
        let time = |text: &str| text.parse().ok().map(MicroTime);
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(record.holder.clone()),
            renew_time: time(&record.renewed),
            acquire_time: time(&record.acquired),
            lease_transitions: Some(record.transitions),
            lease_duration_seconds: i32::try_from(EXPIRES.as_secs()).ok(),
            ..lease.spec.unwrap_or_default()
        });
        if exists {
            self.api.replace(&self.name, &PostParams::default(), &lease).await?;
        } else {
            self.api.create(&PostParams::default(), &lease).await?;
        }
        Ok(())
    }

    fn announce(&self) {
        let until = self.elector.holds_until();
        self.tell.send_if_modified(|told| std::mem::replace(told, until) != until);
    }

    fn wall_text(&self) -> String {
        micro((self.wall)())
    }
}

/// What a Lease of the server says.
fn record(lease: &Lease) -> Record {
    let spec = lease.spec.clone().unwrap_or_default();
    let time = |time: Option<MicroTime>| time.map(|time| time.0.to_string()).unwrap_or_default();
    Record {
        holder: spec.holder_identity.unwrap_or_default(),
        renewed: time(spec.renew_time),
        acquired: time(spec.acquire_time),
        transitions: spec.lease_transitions.unwrap_or_default(),
    }
}

fn micro(moment: Timestamp) -> String {
    super::conditions::rfc3339(moment)
}
