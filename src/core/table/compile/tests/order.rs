//! K-API-3: no order of events shows in the table.

use proptest::prelude::*;

use super::*;

/// What a source reports: an object with its new contents, or that it is gone.
#[derive(Debug, Clone)]
enum Event {
    Route(&'static str, Option<Object<Route>>),
    Client(&'static str, Option<Object<Client>>),
    Credential(Option<Object<Credential>>),
    Secret(&'static str, Option<&'static str>),
}

fn apply(snapshot: &mut Snapshot, event: &Event) {
    fn put<T: Clone>(map: &mut BTreeMap<ObjectName, T>, key: &str, value: Option<&T>) {
        match value {
            Some(value) => drop(map.insert(name(key), value.clone())),
            None => drop(map.remove(&name(key))),
        }
    }
    match event {
        Event::Route(key, value) => put(&mut snapshot.routes, key, value.as_ref()),
        Event::Client(key, value) => put(&mut snapshot.clients, key, value.as_ref()),
        Event::Credential(value) => put(&mut snapshot.credentials, "keys", value.as_ref()),
        Event::Secret(key, value) => {
            put(&mut snapshot.secrets, key, value.map(|text| secret("AKIASAME", text)).as_ref());
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let routes = prop_oneof![
        Just(Some(valid(route("data", &["demo", "other"])))),
        Just(Some(valid(route("more", &["other"])))),
        Just(Some(invalid(Some("data")))),
        Just(Some(invalid(None))),
        Just(None),
    ];
    let clients = prop_oneof![
        Just(Some(client(&["demo-1", "demo-2"]))),
        Just(Some(client(&["demo-2"]))),
        Just(Some(invalid(None))),
        Just(None),
    ];
    let sources =
        prop_oneof![Just(Some(source(keys("demo-1")))), Just(Some(source(CredentialKind::Anonymous))), Just(None)];
    prop_oneof![
        (proptest::sample::select(vec!["a", "b", "c"]), routes).prop_map(|(key, value)| Event::Route(key, value)),
        (proptest::sample::select(vec!["demo", "other"]), clients).prop_map(|(key, value)| Event::Client(key, value)),
        sources.prop_map(Event::Credential),
        (proptest::sample::select(vec!["demo-1", "demo-2"]), proptest::option::of(Just("value")))
            .prop_map(|(key, value)| Event::Secret(key, value)),
    ]
}

/// The last word on each object, by object: what remains of a history.
fn last_words(history: &[Event]) -> Vec<Event> {
    let object = |event: &Event| match event {
        Event::Route(key, _) => (0, *key),
        Event::Client(key, _) => (1, *key),
        Event::Credential(_) => (2, "keys"),
        Event::Secret(key, _) => (3, *key),
    };
    history.iter().map(|event| (object(event), event.clone())).collect::<BTreeMap<_, _>>().into_values().collect()
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
            let mut snapshot = Snapshot::default();
            events.iter().for_each(|event| apply(&mut snapshot, event));
            let compiled = compile(&snapshot);
            (compiled.table.fingerprint(), compiled.rejections)
        };
        let lived = replay(&history.iter().collect::<Vec<_>>());
        prop_assert_eq!(&lived, &replay(&shuffled.iter().collect::<Vec<_>>()));
        prop_assert_eq!(&lived, &replay(&shuffled.iter().chain(shuffled.iter().rev()).collect::<Vec<_>>()));
        let re_added: Vec<Event> = shuffled.iter().flat_map(|event| {
            let gone = match event {
                Event::Route(key, _) => Event::Route(key, None),
                Event::Client(key, _) => Event::Client(key, None),
                Event::Credential(_) => Event::Credential(None),
                Event::Secret(key, _) => Event::Secret(key, None),
            };
            [event.clone(), gone, event.clone()]
        }).collect();
        prop_assert_eq!(&lived, &replay(&re_added.iter().collect::<Vec<_>>()));
    }
}
