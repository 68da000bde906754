//! One timer for the many waits of a connection, one after the other.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

/// A timer that stays set when what it was waited for has come first: the next wait, which ends later as a rule, finds it
/// running and only looks at the clock again when it goes off. Waiting costs next to nothing, setting a timer does.
#[derive(Default)]
pub struct Alarm {
    set: Option<(Instant, Timer)>,
}

type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Alarm {
    /// Ends at `until`: never before, and at most the resolution of pingora's timers (10 ms) later.
    pub async fn wait(&mut self, until: Instant) {
        loop {
            let timer = match &mut self.set {
                Some((at, timer)) if *at <= until => timer,
                // there is none, or it would go off too late
                set => {
                    let left = until.saturating_duration_since(Instant::now());
                    &mut set.insert((until, Box::pin(pingora_timeout::sleep(left)))).1
                }
            };
            timer.as_mut().await;
            self.set = None;
            if Instant::now() >= until {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(3600);

    /// Gives up a wait after it has begun, as a read does that comes first.
    async fn begin(alarm: &mut Alarm, until: Instant) {
        tokio::select! {
            biased;
            () = alarm.wait(until) => panic!("too early"),
            () = std::future::ready(()) => {}
        }
    }

    #[tokio::test]
    async fn a_timer_that_was_set_earlier_or_later_ends_no_wait_at_the_wrong_time() {
        let mut alarm = Alarm::default();
        let now = Instant::now();
        for until in [now + LONG, now + Duration::from_millis(20), now + LONG, now + Duration::from_millis(40)] {
            begin(&mut alarm, until).await;
        }
        let until = now + Duration::from_millis(60);
        begin(&mut alarm, until).await;
        assert!(alarm.set.as_ref().is_some_and(|(at, _)| *at < until), "the earlier timer is still set");
        alarm.wait(until).await;
        assert!(Instant::now() >= until);
        alarm.wait(now).await;
        assert!(alarm.set.is_none());
    }
}
