//! K-API-3: the order of events, duplicates and re-lists do not show.

use osp_core::model::Kind;
use osp_core::table::compile;
use proptest::prelude::*;

use super::super::object::Object;
use super::super::scope::Scope;
use super::super::store::{Change, Store};
use super::super::testing::object;
use super::*;

fn scope(kind: Kind) -> Scope {
    Scope { kind, namespace: Some("team-a".to_owned()), name: None }
}

/// The objects that exist in the end, some of them broken.
fn finally() -> Vec<Object> {
    let mut objects = vec![
        object(
            Kind::Secret,
            "team-a",
            "keys",
            json!({ "AWS_ACCESS_KEY_ID": "QUtJRA==", "AWS_SECRET_ACCESS_KEY": "c2VjcmV0" }),
        ),
        object(Kind::Secret, "team-a", "bad", json!({ "k": "%%%" })),
        object(Kind::CredentialSource, "team-a", "backend", json!({ "secret": { "name": "keys" } })),
        object(Kind::CredentialSource, "team-a", "broken", json!({ "secret": { "name": "bad" } })),
        object(Kind::ClientIdentity, "team-a", "alice", json!({ "accessKey": { "secretRefs": [{ "name": "keys" }] } })),
        object(Kind::BucketRoute, "team-a", "bad", json!({ "match": { "bucket": "broken" }, "nonsense": 1 })),
    ];
    for number in 0..4 {
        // Two claim one bucket; the older one has it, whichever came first here.
        let mut one =
            object(Kind::BucketRoute, "team-a", &format!("r{number}"), route_spec(&format!("bucket-{}", number / 2)));
        one.created = Some(format!("2026-11-2{}T00:00:00Z", 5 - number));
        objects.push(one);
    }
    objects
}

fn outcome(store: &Store) -> (String, u64, String) {
    let compiled = compile(store.snapshot());
    (store.hash(), compiled.table.fingerprint(), format!("{:?}", compiled.rejections))
}

fn expected() -> (String, u64, String) {
    let mut store = Store::new(ProcessRules::default(), false);
    for object in finally() {
        store.apply(object);
    }
    outcome(&store)
}

/// One thing that a watch can tell.
#[derive(Debug, Clone)]
enum Told {
    /// An older state of an object, and later the last one.
    Older(usize),
    Last(usize),
    Gone(usize),
    Listed(Kind),
}

fn told() -> impl Strategy<Value = Told> {
    let count = finally().len();
    prop_oneof![
        (0..count).prop_map(Told::Older),
        (0..count).prop_map(Told::Last),
        (0..count).prop_map(Told::Gone),
        prop_oneof![Just(Kind::BucketRoute), Just(Kind::Secret), Just(Kind::ClientIdentity)].prop_map(Told::Listed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn k_api_3_any_history_with_the_same_end_gives_the_same_table(
        history in prop::collection::vec(told(), 0..40),
        order in Just((0..finally().len()).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let objects = finally();
        let mut store = Store::new(ProcessRules::default(), false);
        for told in history {
            match told {
                Told::Older(index) => {
                    let mut older = objects[index].clone();
                    older.generation = older.generation.map(|_| 0);
                    older.resource_version = "0".to_owned();
                    older.contents.values_mut().for_each(|value| *value = json!({ "older": "b2xk" }));
                    store.apply(older);
                }
                Told::Last(index) => drop(store.apply(objects[index].clone())),
                Told::Gone(index) => drop(store.remove(&(objects[index].kind, objects[index].name.clone()))),
                Told::Listed(kind) => {
                    let listed = objects.iter().filter(|object| object.kind == kind).cloned().collect();
                    store.replace(&scope(kind), listed);
                }
            }
        }
        for index in order {
            store.apply(objects[index].clone());
        }
        prop_assert_eq!(outcome(&store), expected());
    }
}

#[test]
fn k_api_3_a_list_takes_out_what_it_does_not_have() {
    let mut store = Store::new(ProcessRules::default(), false);
    let one = object(Kind::BucketRoute, "team-a", "one", route_spec("one"));
    let elsewhere = object(Kind::BucketRoute, "team-b", "two", route_spec("two"));
    store.apply(one.clone());
    store.apply(elsewhere);
    assert_eq!(store.replace(&scope(Kind::BucketRoute), vec![one.clone()]), Change::Nothing);
    assert_eq!(store.replace(&scope(Kind::BucketRoute), Vec::new()), Change::Inputs);
    assert_eq!(store.snapshot().routes.len(), 1, "another namespace is another scope");
}

#[test]
fn k_api_2_what_counts_as_a_change() {
    let mut store = Store::new(ProcessRules::default(), false);
    let route = object(Kind::BucketRoute, "team-a", "one", route_spec("one"));
    assert_eq!(store.apply(route.clone()), Change::Inputs);
    assert_eq!(store.apply(route.clone()), Change::Nothing);
    let changed = |change: &dyn Fn(&mut Object)| {
        let mut other = route.clone();
        change(&mut other);
        other
    };
    assert_eq!(store.apply(changed(&|other| other.resource_version = "2".to_owned())), Change::Status);
    assert_eq!(store.apply(changed(&|other| other.status = json!({ "observedGeneration": 1 }))), Change::Status);
    assert_eq!(store.apply(changed(&|other| other.generation = Some(2))), Change::Inputs);
    assert_eq!(store.apply(changed(&|other| other.labels.clear())), Change::Inputs);
    assert_eq!(
        store.apply(changed(&|other| other.uid = "another".to_owned())),
        Change::Inputs,
        "deleted and made anew"
    );
    assert_eq!(store.apply(changed(&|other| other.deleted = true)), Change::Inputs);
    assert!(store.snapshot().routes.is_empty());
    let secret = object(Kind::Secret, "team-a", "s", json!({}));
    assert_eq!(store.apply(secret.clone()), Change::Inputs);
    let mut newer = secret;
    newer.resource_version = "2".to_owned();
    assert_eq!(store.apply(newer), Change::Inputs, "a Secret has no generation");
}

#[test]
fn k_ctl_2_the_hash_is_of_versions_and_not_of_our_statuses() {
    let hash = |change: &dyn Fn(&mut Object)| {
        let mut store = Store::new(ProcessRules::default(), false);
        let mut route = object(Kind::BucketRoute, "team-a", "one", route_spec("one"));
        change(&mut route);
        store.apply(route);
        store.hash()
    };
    let plain = hash(&|_| {});
    assert_eq!(plain.len(), 16);
    assert_eq!(plain, hash(&|route| route.resource_version = "9".to_owned()));
    assert_eq!(plain, hash(&|route| route.status = json!({ "observedGeneration": 1 })));
    assert_ne!(plain, hash(&|route| route.generation = Some(2)));
    assert_ne!(plain, hash(&|route| route.uid = "another".to_owned()));
}

#[test]
fn k_pkg_3_references_of_the_oldest_objects_come_first_in_any_order_of_events() {
    let refer = |name: &str, created: Option<&str>, secret: &str| {
        let spec = json!({ "secret": { "name": secret } });
        Object { created: created.map(str::to_owned), ..object(Kind::CredentialSource, "team-a", name, spec) }
    };
    let objects = [
        refer("a", Some("2026-11-22T10:00:02Z"), "second"),
        refer("b", Some("2026-11-22T10:00:01Z"), "first"),
        refer("c", Some("2026-11-22T10:00:03Z"), "first"),
        refer("d", Some("2026-11-22T10:00:02Z"), "before-second"),
        refer("e", None, "oldest"),
    ];
    let names = |objects: &mut dyn Iterator<Item = Object>| {
        let mut store = Store::new(ProcessRules::default(), false);
        for object in objects {
            store.apply(object);
        }
        store.references().iter().map(|(_, name)| name.name.to_string()).collect::<Vec<_>>()
    };
    let expected = ["oldest", "first", "before-second", "second"];
    assert_eq!(names(&mut objects.clone().into_iter()), expected);
    assert_eq!(names(&mut objects.into_iter().rev()), expected);
}

#[test]
fn an_object_of_another_class_is_not_there() {
    let mut store = Store::new(ProcessRules::default(), false);
    let mut route = object(Kind::BucketRoute, "team-a", "one", route_spec("one"));
    store.apply(route.clone());
    route.contents["spec"]["className"] = json!("blue");
    route.generation = Some(2);
    assert_eq!(store.apply(route), Change::Inputs);
    assert!(store.snapshot().routes.is_empty() && store.all().next().is_none());
}

#[test]
fn k_api_2_nothing_is_said_of_an_object_that_was_made_anew_until_the_table_has_it() {
    use super::super::build::{build, plan};
    let (publisher, _table) = live();
    let mut store = Store::new(ProcessRules::default(), false);
    let first = object(Kind::BucketRoute, "team-a", "one", route_spec("one"));
    store.apply(first.clone());
    let now = Timestamp::from_unix_seconds(EPOCH);
    let built = build(&mut store, &publisher, &settings());
    assert_eq!(plan(&store, &built.desired, now).len(), 1);
    store.remove(&(first.kind, first.name.clone()));
    let mut second = object(Kind::BucketRoute, "team-a", "one", route_spec("two"));
    second.uid = "another".to_owned();
    assert_eq!((second.generation, &second.resource_version), (first.generation, &first.resource_version));
    store.apply(second);
    assert!(plan(&store, &built.desired, now).is_empty());
    let built = build(&mut store, &publisher, &settings());
    let due = plan(&store, &built.desired, now);
    assert_eq!(due.values().map(|due| due.uid.as_str()).collect::<Vec<_>>(), ["another"]);
}
