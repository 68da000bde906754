//! C24: one fetch for many, ahead of the end, and rests between failures.

use std::time::Duration;

use futures_of::all;
use osp_core::model::BackendCredential;
use osp_core::table::Credentials as _;
use osp_core::{CredentialFault, Denial};
use tokio::time::{Instant, sleep};

use super::support::{HOUR, NOBODY, World, iam, text};
use crate::Failure;

/// Many futures at once, without another crate.
mod futures_of {
    use tokio::task::JoinSet;

    pub async fn all<T: Send + 'static>(
        futures: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
    ) -> Vec<T> {
        futures.collect::<JoinSet<T>>().join_all().await
    }
}

const MINUTE: Duration = Duration::from_secs(60);

async fn token(world: &World) -> Result<String, Denial> {
    world.sources.fetch(&iam("cos", "key"), NOBODY).await.map(|credential| text(&credential))
}

#[tokio::test(start_paused = true)]
async fn c24_a_thousand_cold_requests_are_one_fetch() {
    let world = World::new(HOUR);
    *world.issuer.delay.lock().unwrap() = Duration::from_millis(300);
    let source = iam("cos", "key");
    let requests = (0..1000).map(|_| {
        let (sources, source) = (world.sources.clone(), source.clone());
        async move { sources.fetch(&source, NOBODY).await.map(|credential| text(&credential)) }
    });
    let answers = all(requests).await;
    assert!(answers.iter().all(|answer| answer.as_deref() == Ok("key-token-1")), "{:?}", answers.first());
    assert_eq!(world.asked(), 1);
    assert_eq!(
        world.metric("osp_credential_refreshes"),
        [r#"osp_credential_refreshes_total{outcome="success",source="team/cos"} 1"#]
    );
}

#[tokio::test(start_paused = true)]
async fn c24_a_token_goes_with_its_service_instance() {
    let credential = World::new(HOUR).sources.fetch(&iam("cos", "key"), NOBODY).await.unwrap();
    assert!(
        matches!(&*credential, BackendCredential::Bearer { service_instance_id: Some(id), .. } if id == "instance")
    );
}

/// Refresh ahead: from the first token on, no request ever waits, for two hours.
#[tokio::test(start_paused = true)]
async fn c24_refreshing_is_ahead_of_the_end_and_nobody_waits_for_it() {
    let world = World::new(HOUR);
    *world.issuer.delay.lock().unwrap() = Duration::from_millis(500);
    token(&world).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..120 {
        sleep(MINUTE).await;
        let before = Instant::now();
        let answer = token(&world).await.unwrap();
        assert_eq!(before.elapsed(), Duration::ZERO, "a request waited");
        if seen.last() != Some(&answer) {
            seen.push(answer);
        }
    }
    assert_eq!(seen, ["key-token-1", "key-token-2", "key-token-3"]);
    let moments = world.issuer.moments.lock().unwrap().clone();
    assert!(moments[1] > 41 * MINUTE && moments[1] < 43 * MINUTE, "{moments:?}");
}

#[tokio::test(start_paused = true)]
async fn c24_ten_minutes_without_the_issuer_cost_no_request() {
    let world = World::new(HOUR);
    token(&world).await.unwrap();
    sleep(41 * MINUTE).await;
    world.fail(Some(Failure::Unreachable));
    for _ in 0..60 {
        sleep(Duration::from_secs(10)).await;
        assert_eq!(token(&world).await.unwrap(), "key-token-1");
    }
    let tries = world.asked();
    assert!((4..=16).contains(&tries), "it is tried again, and in no loop: {tries}");
    world.fail(None);
    sleep(MINUTE + Duration::from_secs(10)).await;
    assert_ne!(token(&world).await.unwrap(), "key-token-1", "and it recovers by itself");
}

#[tokio::test(start_paused = true)]
async fn c24_a_token_is_never_used_beyond_its_end() {
    let world = World::new(HOUR);
    token(&world).await.unwrap();
    world.fail(Some(Failure::Unreachable));
    let mut last_good = Duration::ZERO;
    let begun = Instant::now();
    for _ in 0..(70 * 6) {
        sleep(Duration::from_secs(10)).await;
        match token(&world).await {
            Ok(_) => last_good = begun.elapsed(),
            Err(denial) => assert_eq!(denial, Denial::Credential(CredentialFault::Unreachable)),
        }
    }
    assert!(last_good < HOUR && last_good >= HOUR - Duration::from_secs(20), "{last_good:?}");
}

/// The monotonic clock may stand still while a machine sleeps: then the wall clock knows better.
#[tokio::test(start_paused = true)]
async fn c24_a_token_ends_by_the_wall_clock_as_well() {
    let world = World::new(HOUR);
    token(&world).await.unwrap();
    world.wall.store(3601, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(token(&world).await.unwrap(), "key-token-2");
}

#[tokio::test(start_paused = true)]
async fn c24_the_first_use_waits_two_seconds_and_what_comes_later_is_kept() {
    let world = World::new(HOUR);
    *world.issuer.delay.lock().unwrap() = Duration::from_secs(5);
    let before = Instant::now();
    assert_eq!(token(&world).await, Err(Denial::Credential(CredentialFault::Timeout)));
    assert_eq!(before.elapsed(), Duration::from_secs(2));
    sleep(Duration::from_secs(4)).await;
    let before = Instant::now();
    assert_eq!(token(&world).await.unwrap(), "key-token-1");
    assert_eq!((before.elapsed(), world.asked()), (Duration::ZERO, 1));
}

#[tokio::test(start_paused = true)]
async fn c24_a_refused_key_is_not_shown_again_for_half_a_minute_and_then_less_and_less_often() {
    let world = World::new(HOUR);
    world.fail(Some(Failure::Refused));
    for _ in 0..3600 {
        assert_eq!(token(&world).await, Err(Denial::Credential(CredentialFault::Refused)));
        sleep(Duration::from_secs(1)).await;
    }
    let moments = world.issuer.moments.lock().unwrap().clone();
    let rests: Vec<u64> = moments.windows(2).map(|two| (two[1] - two[0]).as_secs()).collect();
    assert!(rests.len() >= 6 && rests[0] >= 30 && rests[0] <= 32, "{rests:?}");
    assert!(rests.windows(2).all(|two| two[1] >= two[0]) && rests.iter().all(|rest| *rest <= 15 * 60 + 2), "{rests:?}");
    // another key is another source: nobody waits for the old one's rest
    world.fail(None);
    assert!(world.sources.fetch(&iam("cos", "rotated"), NOBODY).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn c24_nobody_asks_for_what_nobody_uses_and_it_is_forgotten() {
    let world = World::new(HOUR);
    token(&world).await.unwrap();
    assert_eq!(world.metric("osp_credential_expiry"), [r#"osp_credential_expiry_seconds{source="team/cos"} 3600"#]);
    sleep(HOUR + MINUTE).await;
    assert_eq!((world.asked(), world.sources.entries()), (1, 0));
    assert_eq!(world.metric("osp_credential"), Vec::<String>::new(), "no series of what is gone");
    assert_eq!(token(&world).await.unwrap(), "key-token-2");
    // used at the very end of its life, it is renewed without anybody waiting
    sleep(50 * MINUTE).await;
    assert_eq!(token(&world).await.unwrap(), "key-token-2");
    sleep(MINUTE).await;
    assert_eq!(token(&world).await.unwrap(), "key-token-3");
    // failures are forgotten as well
    let world = World::new(HOUR);
    world.fail(Some(Failure::Refused));
    token(&world).await.unwrap_err();
    sleep(HOUR).await;
    assert_eq!((world.asked(), world.sources.entries()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn c24_a_token_that_has_ended_when_it_comes_is_a_failure_and_no_loop() {
    let world = World::new(HOUR);
    *world.issuer.lifetime.lock().unwrap() = Some(Duration::ZERO);
    for _ in 0..100 {
        token(&world).await.unwrap_err();
        sleep(Duration::from_millis(100)).await;
    }
    assert!(world.asked() <= 6, "{}", world.asked());
}
