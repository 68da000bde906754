//! When to fetch again: pure functions of lifetimes, failures and a random number.

use std::time::Duration;

use crate::failure::Rest;

/// Share of its life after which a credential is fetched anew, give or take [`JITTER`]: of an hour, at least 13 minutes are
/// left, so that ten minutes without the issuer are noticed by nobody.
const REFRESH_SHARE: f64 = 0.7;
/// Replicas that were started together do not ask together.
const JITTER: f64 = 0.1;

/// How long after it was fetched a credential with this lifetime is fetched anew.
pub fn refresh_after(lifetime: Duration, random: u64) -> Duration {
    jittered(lifetime.mul_f64(REFRESH_SHARE), random)
}

/// How long to rest after so many failures in a row (at least one): twice as long each time.
pub fn back_off(rest: Rest, failures: u32, random: u64) -> Duration {
    let (first, last) = rest.bounds();
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16));
    jittered(doubled.min(last), random).clamp(first, last)
}

/// Between nine tenths and eleven tenths of it.
fn jittered(time: Duration, random: u64) -> Duration {
    let part = f64::from(u32::try_from(random >> 32).unwrap_or(0)) / f64::from(u32::MAX);
    time.mul_f64(1.0 - JITTER + 2.0 * JITTER * part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn c24_an_hour_is_renewed_early_enough_for_ten_minutes_without_the_issuer() {
        let hour = 60 * MINUTE;
        let close = |one: Duration, other: u64| one.abs_diff(Duration::from_secs(other)) < Duration::from_millis(1);
        assert!(close(refresh_after(hour, 0), 2268), "{:?}", refresh_after(hour, 0));
        assert!(close(refresh_after(hour, u64::MAX), 2772), "{:?}", refresh_after(hour, u64::MAX));
    }

    #[test]
    fn c24_rests_double_up_to_their_limit() {
        let middle = u64::MAX / 2;
        let seconds = |rest, failures| back_off(rest, failures, middle).as_secs_f64().round();
        let refused: Vec<f64> = (1..=7).map(|failures| seconds(Rest::Long, failures)).collect();
        assert_eq!(refused, [30.0, 60.0, 120.0, 240.0, 480.0, 900.0, 900.0]);
        let broken: Vec<f64> = (1..=8).map(|failures| seconds(Rest::Short, failures)).collect();
        assert_eq!(broken, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);
    }

    proptest! {
        /// C24: neither a loop nor a wait beyond the limit, whatever the numbers are.
        #[test]
        fn rests_stay_between_their_bounds(failures in any::<u32>(), random in any::<u64>()) {
            for rest in [Rest::Long, Rest::Short] {
                let (first, last) = rest.bounds();
                let wait = back_off(rest, failures, random);
                prop_assert!(first <= wait && wait <= last, "{wait:?}");
            }
        }

        /// C24: a credential is always fetched anew before it ends.
        #[test]
        fn refreshing_comes_before_the_end(seconds in 1_u64..=86_400, random in any::<u64>()) {
            let lifetime = Duration::from_secs(seconds);
            let after = refresh_after(lifetime, random);
            prop_assert!(after >= lifetime.mul_f64(0.6) && after <= lifetime.mul_f64(0.78), "{after:?}");
        }
    }
}
