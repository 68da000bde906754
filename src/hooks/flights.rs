//! One question under way for each key, however many ask it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::metrics::CacheResult;
use crate::outcome::{NoAnswer, Outcome};

/// Questions under way. As many as the queue of hooks has calls, so one lock suffices.
#[derive(Debug)]
pub(crate) struct Flights<K: Eq + Hash, T> {
    aloft: Mutex<HashMap<K, Landed<T>>>,
}

/// Where the answer will be.
type Landed<T> = watch::Receiver<Option<Outcome<T>>>;

/// How somebody comes to an answer.
#[derive(Debug)]
pub(crate) enum Joined<T: Send + 'static> {
    /// It is kept.
    Kept(T),
    /// Somebody has asked already.
    Shared(Landed<T>),
    /// This is the first.
    Started(Asking<T>),
    /// It must not be asked.
    Refused(NoAnswer),
}

/// Asks. Dropping it changes nothing for the others: the rest goes on as a task. (As a task from the beginning, it would
/// cost every call two more changes of tasks.)
pub(crate) struct Asking<T: Send + 'static>(Option<Flight<T>>);

type Flight<T> = Pin<Box<dyn Future<Output = Outcome<T>> + Send>>;

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { aloft: Mutex::default() })
    }

    /// The kept answer, or the question of this key that is under way, or a new one. `kept` looks for the answer; once
    /// more when none can begin, because it may have been kept in between. `depart` returns the question, or why it must
    /// not be asked. That comes to its end even if everybody goes away, and has to keep its answer before: whoever comes
    /// later finds that, or asks anew.
    pub(crate) fn join<F>(
        self: &Arc<Self>,
        key: &K,
        kept: impl Fn() -> Option<T>,
        depart: impl FnOnce() -> Result<F, NoAnswer>,
    ) -> Joined<T>
    where
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        if let Some(answer) = kept() {
            return Joined::Kept(answer);
        }
        let mut aloft = self.aloft();
        let place = match aloft.entry(key.clone()) {
            Entry::Occupied(flight) => return Joined::Shared(flight.get().clone()),
            Entry::Vacant(place) => place,
        };
        if let Some(answer) = kept() {
            return Joined::Kept(answer);
        }
        let question = match depart() {
            Ok(question) => question,
            Err(why) => return Joined::Refused(why),
        };
        let (sender, receiver) = watch::channel(None);
        place.insert(receiver);
        drop(aloft);
        let landing = Landing { flights: Arc::clone(self), key: key.clone() };
        Joined::Started(Asking(Some(Box::pin(async move {
            let answer = question.await;
            // first: whoever comes from now on does not get an answer that is not kept
            drop(landing);
            sender.send_replace(Some(answer.clone()));
            answer
        }))))
    }

    /// Questions under way.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.aloft().len()
    }
}

impl<K: Eq + Hash, T> Flights<K, T> {
    fn aloft(&self) -> MutexGuard<'_, HashMap<K, Landed<T>>> {
        // nothing in here panics half way through a change
        self.aloft.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone + Send + 'static> Joined<T> {
    /// What is counted.
    pub(crate) fn result(&self) -> CacheResult {
        match self {
            Self::Kept(_) => CacheResult::Hit,
            Self::Shared(_) => CacheResult::Shared,
            Self::Started(_) => CacheResult::Miss,
            Self::Refused(_) => CacheResult::Limited,
        }
    }

    /// The answer. Whoever has asked comes to an end in time; those who wait for it may have less.
    pub(crate) async fn answer(self, deadline: Duration) -> Outcome<T> {
        match self {
            Self::Kept(answer) => Ok(answer),
            Self::Refused(why) => Err(why),
            Self::Started(asking) => asking.await,
            Self::Shared(mut landed) => match timeout(deadline, landed.wait_for(Option::is_some)).await {
                Ok(Ok(answer)) => (*answer).clone().unwrap_or(Err(NoAnswer::Stopped)),
                // whoever asked has been stopped
                Ok(Err(_)) => Err(NoAnswer::Stopped),
                Err(_) => Err(NoAnswer::Timeout),
            },
        }
    }
}

impl<T: Send + 'static> Future for Asking<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // there is none only after the end
        let Some(flight) = &mut self.0 else { return Poll::Ready(Err(NoAnswer::Stopped)) };
        let answer = flight.as_mut().poll(context);
        if answer.is_ready() {
            self.0 = None;
        }
        answer
    }
}

impl<T: Send + 'static> Drop for Asking<T> {
    fn drop(&mut self) {
        if let Some(flight) = self.0.take()
            && !std::thread::panicking()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(flight);
        }
    }
}

impl<T: Send + 'static> std::fmt::Debug for Asking<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}

/// Ends a flight, also one that panics or whose runtime ends: then whoever waits has no answer.
struct Landing<K: Eq + Hash, T> {
    flights: Arc<Flights<K, T>>,
    key: K,
}

impl<K: Eq + Hash, T> Drop for Landing<K, T> {
    fn drop(&mut self) {
        self.flights.aloft().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    // performance.md, row g4: one call, also for those who come when it is just over
    #[tokio::test]
    async fn nobody_asks_because_an_answer_was_kept_a_moment_too_late_to_be_found() {
        let (flights, looks) = (Flights::<u8, u8>::new(), Cell::new(0));
        let kept = || {
            looks.set(looks.get() + 1);
            (looks.get() > 1).then_some(7)
        };
        let joined = flights.join(&1, kept, || Ok(async { Err(NoAnswer::Timeout) }));
        assert_eq!(joined.result(), CacheResult::Hit);
        assert_eq!(joined.answer(Duration::ZERO).await, Ok(7));
        assert_eq!((looks.get(), flights.len()), (2, 0));
    }

    #[tokio::test]
    async fn what_must_not_be_asked_is_no_flight() {
        let flights = Flights::<u8, u8>::new();
        let refused = flights.join(&1, || None, || Err::<std::future::Ready<_>, _>(NoAnswer::Overflow));
        assert_eq!(refused.result(), CacheResult::Limited);
        assert_eq!(refused.answer(Duration::ZERO).await, Err(NoAnswer::Overflow));
        assert_eq!(flights.len(), 0);
    }
}
