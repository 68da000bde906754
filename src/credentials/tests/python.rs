//! C26, C27: credentials of hooks.

use std::sync::atomic::Ordering;
use std::time::Duration;

use osp_core::sigv4::SecretKey;
use osp_core::table::{Credentials as _, ForWhom};
use osp_core::{CredentialFault, Denial};
use tokio::time::sleep;

use super::support::{BEGINNING, HOUR, World, python, text};
use crate::{Failure, HookAnswer};

const TTL: Duration = Duration::from_secs(300);

async fn keys(world: &World, access_key: &str, bucket: &str) -> Result<String, Denial> {
    let source = python("vault", "hook");
    world.sources.fetch(&source, ForWhom { access_key, bucket }).await.map(|credential| text(&credential))
}

#[tokio::test(start_paused = true)]
async fn c26_each_client_and_bucket_has_keys_of_its_own() {
    let world = World::new(TTL);
    for _ in 0..3 {
        assert_eq!(keys(&world, "ONE", "a").await.unwrap(), "hook/ONE/a/0");
        assert_eq!(keys(&world, "TWO", "a").await.unwrap(), "hook/TWO/a/0");
        assert_eq!(keys(&world, "ONE", "b").await.unwrap(), "hook/ONE/b/0");
    }
    assert_eq!(world.hook_asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn c27_keys_without_an_end_are_kept_as_long_as_the_process_says() {
    let world = World::new(TTL);
    keys(&world, "ONE", "a").await.unwrap();
    sleep(TTL - Duration::from_secs(100)).await;
    keys(&world, "ONE", "a").await.unwrap();
    assert_eq!(world.hook_asked(), 1);
    sleep(Duration::from_secs(101)).await;
    assert_eq!((keys(&world, "ONE", "a").await.is_ok(), world.hook_asked()), (true, 2));
    // a hook that fails: what is held counts to the end of its time and not a second longer
    world.hooks.answers.lock().unwrap().insert("ONE".to_owned(), Err(Failure::Hook));
    let mut good = 0;
    while keys(&world, "ONE", "a").await.is_ok() {
        sleep(Duration::from_secs(1)).await;
        good += 1;
        assert!(good <= 300);
    }
    assert_eq!(keys(&world, "ONE", "a").await, Err(Denial::Credential(CredentialFault::Hook)));
}

#[tokio::test(start_paused = true)]
async fn c27_a_ttl_of_nothing_asks_for_every_request() {
    let world = World::new(Duration::ZERO);
    for _ in 0..5 {
        keys(&world, "ONE", "a").await.unwrap();
    }
    assert_eq!((world.hook_asked(), world.sources.entries()), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn c27_the_end_that_a_hook_tells_counts_more_than_the_ttl() {
    let world = World::new(TTL);
    let in_ten_seconds = u64::try_from(BEGINNING).unwrap() + 10;
    *world.hooks.expires_at.lock().unwrap() = Some(in_ten_seconds);
    keys(&world, "ONE", "a").await.unwrap();
    world.hooks.answers.lock().unwrap().insert("ONE".to_owned(), Err(Failure::Hook));
    sleep(Duration::from_secs(9)).await;
    assert!(keys(&world, "ONE", "a").await.is_ok());
    sleep(Duration::from_secs(1)).await;
    assert!(keys(&world, "ONE", "a").await.is_err());
    // keys that have ended are no keys
    *world.hooks.expires_at.lock().unwrap() = Some(in_ten_seconds);
    assert_eq!(keys(&world, "TWO", "a").await, Err(Denial::Credential(CredentialFault::Unreachable)));
}

#[tokio::test(start_paused = true)]
async fn c26_what_hooks_cannot_give_is_503_with_their_blame() {
    let world = World::new(TTL);
    for (failure, fault) in [
        (Failure::Hook, CredentialFault::Hook),
        (Failure::NoHook, CredentialFault::NoHook),
        (Failure::Timeout, CredentialFault::Timeout),
        (Failure::Busy, CredentialFault::TooMany),
    ] {
        let client = failure.label();
        world.hooks.answers.lock().unwrap().insert(client.to_owned(), Err(failure));
        let denial = keys(&world, client, "a").await.unwrap_err();
        assert_eq!((denial.clone(), denial.row().status), (Denial::Credential(fault), 503));
    }
    let secret = SecretKey::new("s".to_owned()).unwrap();
    let access_key = "no key, this".to_owned();
    let wrong = HookAnswer::Keys { access_key, secret, session_token: None, expires_at: None };
    world.hooks.answers.lock().unwrap().insert("WRONG".to_owned(), Ok(wrong));
    assert_eq!(keys(&world, "WRONG", "a").await, Err(Denial::Credential(CredentialFault::Unreachable)));
}

/// C26: "a str is an IBM Cloud API key": exchanged once for all clients of the source that have it.
#[tokio::test(start_paused = true)]
async fn c26_an_api_key_of_a_hook_is_exchanged_once() {
    let world = World::new(TTL);
    for client in ["ONE", "TWO"] {
        let api_key = SecretKey::new("shared".to_owned()).unwrap();
        world.hooks.answers.lock().unwrap().insert(client.to_owned(), Ok(HookAnswer::ApiKey(api_key)));
    }
    for _ in 0..3 {
        assert_eq!(keys(&world, "ONE", "a").await.unwrap(), "shared-token-1");
        assert_eq!(keys(&world, "TWO", "a").await.unwrap(), "shared-token-1");
    }
    assert_eq!((world.hook_asked(), world.asked()), (2, 1));
    // and again before it ends, while the hook is asked as often as its TTL says
    for _ in 0..60 {
        sleep(Duration::from_secs(60)).await;
        keys(&world, "ONE", "a").await.unwrap();
    }
    assert_eq!(world.asked(), 2);
    assert!((12..=20).contains(&world.hook_asked()), "{}", world.hook_asked());
    // never beyond its end
    world.fail(Some(Failure::Unreachable));
    sleep(HOUR).await;
    assert!(keys(&world, "ONE", "a").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn c26_a_changed_hook_is_asked_anew() {
    let world = World::new(TTL);
    keys(&world, "ONE", "a").await.unwrap();
    world.hooks.revision.store(2, Ordering::SeqCst);
    keys(&world, "ONE", "a").await.unwrap();
    assert_eq!(world.hook_asked(), 2);
}
