//! Never one tenant's credential for another; never more memory than there should be.

use osp_core::table::{Credentials as _, ForWhom};
use proptest::prelude::*;

use super::support::{HOUR, World, iam, python, text};

/// One request: of which document with which contents, by whom, for what.
type Request = (bool, u8, u8, u8, u8);

fn requests() -> impl Strategy<Value = Vec<Request>> {
    prop::collection::vec((any::<bool>(), 0_u8..4, 0_u8..3, 0_u8..4, 0_u8..4), 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// security.md, caches: whatever the order of requests and however many sources have equal contents, nobody is given what
    /// was fetched for another document, another key, another client or another bucket.
    #[test]
    fn nobody_is_given_what_was_fetched_for_somebody_else(requests in requests()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new(HOUR);
            let mut tokens = std::collections::HashMap::new();
            for (is_python, document, contents, client, bucket) in requests {
                let (document, contents) = (format!("document-{document}"), format!("contents-{contents}"));
                let (access_key, bucket) = (format!("CLIENT{client}"), format!("bucket-{bucket}"));
                let whom = ForWhom { access_key: &access_key, bucket: &bucket };
                if is_python {
                    let given = world.sources.fetch(&python(&document, &contents), whom).await.unwrap();
                    assert_eq!(text(&given), format!("{contents}/{access_key}/{bucket}/0"));
                } else {
                    let given = text(&world.sources.fetch(&iam(&document, &contents), whom).await.unwrap());
                    assert!(given.starts_with(&format!("{contents}-token-")), "{given}");
                    // tokens are numbered: each is of one document only
                    let owner = tokens.entry(given.clone()).or_insert_with(|| document.clone());
                    assert_eq!(*owner, document, "{given}");
                }
            }
        });
    }
}

/// C61: a flood of names makes its own source forget, and nobody else's.
#[tokio::test(start_paused = true)]
async fn c61_memory_is_bounded_and_a_flood_drives_out_only_its_own() {
    let world = World::new(HOUR);
    let quiet = ForWhom { access_key: "QUIET", bucket: "bucket" };
    world.sources.fetch(&python("quiet", "hook"), quiet).await.unwrap();
    for number in 0..5000 {
        let bucket = format!("bucket-{number}");
        let whom = ForWhom { access_key: "LOUD", bucket: &bucket };
        world.sources.fetch(&python("loud", "hook"), whom).await.unwrap();
        assert!(world.sources.entries() <= 1025);
    }
    let before = world.hook_asked();
    world.sources.fetch(&python("quiet", "hook"), quiet).await.unwrap();
    let recent = ForWhom { access_key: "LOUD", bucket: "bucket-4999" };
    world.sources.fetch(&python("loud", "hook"), recent).await.unwrap();
    assert_eq!(world.hook_asked(), before, "what is used stays");
}
