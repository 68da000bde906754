//! A watch that survives everything an API server does to it (observed: kubernetes.md section 8).
//!
//! Not kube's `default_backoff`: the `Init` that precedes every LIST resets it, so a failing LIST is repeated without end
//! at the shortest pause. Here only time without an error does.

use std::error::Error;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use futures::stream::{BoxStream, Stream, StreamExt, unfold};
use kube::core::Status;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

/// After the first error.
const FIRST_PAUSE: Duration = Duration::from_millis(800);
/// Longest pause before its jitter: a server that is back is found within 7.5 s.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// So long without an error, and the next one is the first again.
const CALM: Duration = Duration::from_secs(60);
/// A second new beginning within this time waits like any error: a server that says nothing else must not be asked in a
/// loop.
const SECOND_LOSS: Duration = Duration::from_secs(10);

/// The events of one watch, for ever. Errors are passed on; the pause is taken before whatever comes next.
///
/// A 410 in any shape begins anew with a LIST at once: kube itself repeats a refused opening with the same
/// `resourceVersion` for ever. So does a line of a watch that cannot be read: kube would go on behind it, and what it told
/// would never be known. (Not so a line that is cut off within its JSON and still has its end of line: the client library
/// takes it for the beginning of the next one.)
pub fn resilient<K>(
    api: Api<K>,
    config: watcher::Config,
) -> impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send
where
    K: Resource<DynamicType: Clone> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let begin = move || watcher(api.clone(), config.clone()).boxed();
    unfold(Attempt { stream: begin(), begin, pace: Pace::default() }, |mut attempt| async move {
        // Not even for no time: a timer takes a millisecond, and that for each of ten thousand objects.
        if let Some(pause) = attempt.pace.pause.take() {
            sleep(pause).await;
        }
        let event = attempt.stream.next().await?;
        if let Err(error) = &event {
            let lost = status_code(error) == Some(410) || is_unreadable(error);
            if lost {
                attempt.stream = (attempt.begin)();
            }
            attempt.pace.failed(lost, Instant::now(), jitter());
        }
        Some((event, attempt))
    })
}

struct Attempt<K, F> {
    stream: BoxStream<'static, watcher::Result<watcher::Event<K>>>,
    begin: F,
    pace: Pace,
}

/// How long to wait: a value of (error, now, jitter).
#[derive(Debug, Default)]
struct Pace {
    /// Due before whatever comes next.
    pause: Option<Duration>,
    errors: u32,
    last: Option<Instant>,
    last_loss: Option<Instant>,
}

impl Pace {
    /// `lost`: events are missing, only a LIST helps. `jitter` is in 0..1 and adds up to half of the pause.
    fn failed(&mut self, lost: bool, now: Instant, jitter: f64) {
        let within = |then: Option<Instant>, span| then.is_some_and(|then| now.duration_since(then) < span);
        if !within(self.last, CALM) {
            self.errors = 0;
        }
        self.last = Some(now);
        self.pause = if lost && !within(self.last_loss, SECOND_LOSS) {
            None
        } else {
            let pause = FIRST_PAUSE.saturating_mul(1 << self.errors.min(3)).min(LONGEST_PAUSE);
            self.errors += 1;
            Some(pause + pause.mul_f64(jitter / 2.0))
        };
        if lost {
            self.last_loss = Some(now);
        }
    }
}

/// The HTTP status inside an error, in whichever shape it came.
pub fn status_code(error: &watcher::Error) -> Option<u16> {
    status(error).map(|status| status.code)
}

/// An error for people: what the server says, or the error with its innermost cause.
pub fn told(error: &watcher::Error) -> String {
    if let Some(status) = status(error).filter(|status| !status.message.is_empty()) {
        return status.message.clone();
    }
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let (text, cause) = (error.to_string(), cause.to_string());
    if text.contains(&cause) { text } else { format!("{text}: {cause}") }
}

fn status(error: &watcher::Error) -> Option<&Status> {
    use kube::Error::Api;
    match error {
        watcher::Error::WatchError(status)
        | watcher::Error::InitialListFailed(Api(status))
        | watcher::Error::WatchStartFailed(Api(status))
        | watcher::Error::WatchFailed(Api(status)) => Some(status),
        _ => None,
    }
}

/// True when an open watch told something that is no event. To kube, any other JSON object is a `Status` without a code.
fn is_unreadable(error: &watcher::Error) -> bool {
    use kube::Error::{Api, LinesCodecMaxLineLengthExceeded, SerdeError};
    matches!(error, watcher::Error::WatchFailed(Api(_) | SerdeError(_) | LinesCodecMaxLineLengthExceeded))
}

/// In 0..1, another one each time: replicas that lost one server do not come back as one.
pub(super) fn jitter() -> f64 {
    let random = RandomState::new().build_hasher().finish() % 1000;
    f64::from(u32::try_from(random).unwrap_or(0)) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(lost: bool, every: Duration, count: usize) -> Vec<u64> {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        (0..count)
            .map(|_| {
                pace.failed(lost, now, 0.0);
                now += every;
                u64::try_from(pace.pause.unwrap_or_default().as_millis()).unwrap()
            })
            .collect()
    }

    #[test]
    fn k_ctl_3_pauses_grow_to_five_seconds_and_no_further() {
        assert_eq!(pauses(false, Duration::from_secs(1), 6), [800, 1600, 3200, 5000, 5000, 5000]);
    }

    #[test]
    fn k_ctl_3_a_minute_of_calm_begins_anew() {
        assert_eq!(pauses(false, Duration::from_secs(61), 3), [800, 800, 800]);
    }

    #[test]
    fn k_ctl_3_the_first_loss_waits_for_nothing_and_a_loop_of_them_does() {
        assert_eq!(pauses(true, Duration::from_secs(1), 4), [0, 800, 1600, 3200]);
        assert_eq!(pauses(true, Duration::from_secs(11), 3), [0, 0, 0]);
    }

    #[test]
    fn jitter_adds_at_most_half() {
        let mut pace = Pace::default();
        pace.failed(false, Instant::now(), 0.999);
        assert!(pace.pause > Some(FIRST_PAUSE) && pace.pause < Some(FIRST_PAUSE.mul_f64(1.5)));
        assert!((0..100).all(|_| (0.0..1.0).contains(&jitter())));
    }
}
