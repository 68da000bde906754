//! K-API-3, K-CTL-4: neither the order of events nor what was compiled before shows in the table.

use proptest::prelude::*;

use super::events::{Event, event, world};
use super::*;
use crate::table::bucket::Bucket;

/// The last word on each object, by object: what remains of a history.
fn last_words(history: &[Event]) -> Vec<Event> {
    history.iter().map(|event| (event.object(), event.clone())).collect::<BTreeMap<_, _>>().into_values().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// K-API-3: whatever happened before, in whatever order, and however often it was repeated: the same objects give
    /// the same table and the same rejections.
    #[test]
    fn k_api_3_compile_knows_no_order(
        (history, shuffled) in proptest::collection::vec(event(), 0..24)
            .prop_flat_map(|history| { let last = last_words(&history); (Just(history), Just(last).prop_shuffle()) })
    ) {
        let replay = |events: &[&Event]| {
            let mut snapshot = world();
            events.iter().for_each(|event| event.apply(&mut snapshot));
            let compiled = compile(&snapshot);
            (compiled.table.fingerprint(), compiled.rejections)
        };
        let lived = replay(&history.iter().collect::<Vec<_>>());
        prop_assert_eq!(&lived, &replay(&shuffled.iter().collect::<Vec<_>>()));
        prop_assert_eq!(&lived, &replay(&shuffled.iter().chain(shuffled.iter().rev()).collect::<Vec<_>>()));
        let re_added: Vec<Event> =
            shuffled.iter().flat_map(|event| [event.clone(), event.gone(), event.clone()]).collect();
        prop_assert_eq!(&lived, &replay(&re_added.iter().collect::<Vec<_>>()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// K-CTL-4: whatever was compiled before, a snapshot means the same: a route that is not resolved again is what it
    /// would be if it was.
    #[test]
    fn k_ctl_4_what_is_remembered_changes_nothing(history in proptest::collection::vec(event(), 1..16)) {
        let (mut snapshot, mut compiler) = (world(), Compiler::default());
        for event in &history {
            event.apply(&mut snapshot);
            let (remembered, fresh) = (compiler.compile(&snapshot), compile(&snapshot));
            prop_assert_eq!(remembered.table.fingerprint(), fresh.table.fingerprint());
            prop_assert_eq!(&remembered.rejections, &fresh.rejections);
            prop_assert_eq!(&remembered.notices, &fresh.notices);
            prop_assert_eq!(whole(&remembered.table), whole(&fresh.table));
        }
    }
}

/// Everything that a table holds, in an order of its own: more than what the fingerprint is of.
fn whole(table: &RouteTable) -> Vec<String> {
    let RouteTable { buckets, patterns, clients, visible, routes, .. } = table;
    let RouteTable { reserved_hosts, some_bucket_unreadable, problems: _, fingerprint: _, .. } = table;
    let places = |bucket: &Bucket| format!("{:?} {:?}", bucket.places(), bucket.unplaced);
    let by_name: BTreeMap<_, BTreeSet<_>> =
        visible.by_name.iter().map(|(who, buckets)| (who, buckets.iter().collect())).collect();
    let mut selections: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (who, buckets) in &visible.by_selection {
        selections.entry(who).or_default().extend(buckets);
    }
    let mut whole = vec![
        format!("{routes:?}"),
        format!("{:?}", clients.iter().collect::<BTreeMap<_, _>>()),
        format!("{by_name:?} {selections:?}"),
        format!("{:?} {some_bucket_unreadable}", reserved_hosts.iter().collect::<BTreeSet<_>>()),
    ];
    whole.extend(
        buckets
            .iter()
            .collect::<BTreeMap<_, _>>()
            .into_iter()
            .map(|(name, bucket)| format!("{name:?} {}", places(bucket))),
    );
    whole.extend(patterns.iter().map(|one| format!("{:?} {} {:?}", one.pattern, places(&one.places), one.unplaced)));
    whole
}
