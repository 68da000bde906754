//! K-CTL-4: what is resolved again, and what is not.

use super::*;
use crate::model::{HostPort, LabelSelector, Labels};

/// Route `data` of `complete()` beside route `more`.
fn two() -> Snapshot {
    let mut snapshot = complete();
    snapshot.routes.insert(name("more"), valid(route("more", &["demo"])));
    snapshot
}

fn served_by(compiler: &mut Compiler, snapshot: &Snapshot, route: &str) -> Arc<ServedRoute> {
    let table = compiler.compile(snapshot).table;
    let found = table.routes().find(|served| served.name == name(route));
    Arc::clone(found.unwrap())
}

type Change = fn(&mut Snapshot);

/// True when `data` is still served, and is what it was before this change.
fn stays(change: impl FnOnce(&mut Snapshot)) -> bool {
    let (mut snapshot, mut compiler) = (two(), Compiler::default());
    let before = served_by(&mut compiler, &snapshot, "data");
    change(&mut snapshot);
    let table = compiler.compile(&snapshot).table;
    table.routes().any(|served| Arc::ptr_eq(&before, served))
}

#[test]
fn k_ctl_4_a_route_is_resolved_again_when_it_or_something_that_it_depends_on_has_changed() {
    assert!(stays(|_| {}));
    assert!(stays(|s| drop(s.routes.insert(name("more"), valid(route("more", &[]))))));
    assert!(stays(|s| drop(s.routes.remove(&name("more")))));
    assert!(stays(|s| s.incomplete = true));
    assert!(stays(|s| drop(s.secrets.insert(name("demo-1"), secret("AKIADEMO", "demo-secret")))), "the same contents");
    let changes: [(&str, Change); 11] = [
        ("itself", |s| drop(s.routes.insert(name("data"), valid(route("data", &["demo"]))))),
        ("a neighbour", |s| {
            let beside = Backend { bucket: "data-real".into(), ..backend("more") };
            let beside = Route { backends: vec![beside], ..route("more", &["demo"]) };
            s.routes.insert(name("more"), valid(beside));
        }),
        ("a Secret", |s| drop(s.secrets.insert(name("backend"), secret("backend-key", "another-secret")))),
        ("a CredentialSource", |s| drop(s.credentials.insert(name("keys"), source(CredentialKind::Anonymous)))),
        ("a ClientIdentity", |s| drop(s.clients.insert(name("other"), client(&["demo-1"])))),
        ("a ConfigMap", |s| drop(s.config_maps.insert(name("ca"), BTreeMap::new()))),
        ("itself, in place", |s| match &mut s.routes.get_mut(&name("data")).unwrap().entry {
            Entry::Valid(route) => route.access.clear(),
            Entry::Invalid { .. } => panic!(),
        }),
        ("a CredentialSource, in place", |s| match &mut s.credentials.get_mut(&name("keys")).unwrap().entry {
            Entry::Valid(source) => source.allowed_endpoints.push(HostPort::parse("elsewhere:1").unwrap()),
            Entry::Invalid { .. } => panic!(),
        }),
        ("endpoints of the process", |s| s.process.allowed_endpoints.push(HostPort::parse("elsewhere:1").unwrap())),
        ("base hosts of the process", |s| s.process.base_hosts.push("s3.test".to_owned())),
        ("a Namespace", |s| drop(s.namespaces.insert("default".into(), Labels::new()))),
    ];
    for (what, change) in changes {
        assert!(!stays(change), "{what}");
    }
}

#[test]
fn k_ctl_4_what_selectors_and_bundles_found_is_kept_once_and_only_while_a_route_has_it() {
    let (mut snapshot, mut compiler) = (two(), Compiler::default());
    snapshot.config_maps.insert(name("ca"), BTreeMap::from([("ca.crt".to_owned(), CERTIFICATES.to_owned())]));
    let edited = |role: &str, key: &str| {
        let mut edited = route("data", &["demo"]);
        let match_labels = Labels::from([("role".to_owned(), role.to_owned())]);
        edited.access[0].clients = Clients::Selected(LabelSelector { match_labels });
        edited.backends[0].endpoint = Endpoint::parse("https://127.0.0.1:9000").unwrap();
        edited.backends[0].ca = vec![CaRef { kind: CaRefKind::ConfigMap, name: "ca".into(), key: key.into() }];
        edited.backends[0].region = format!("{role}-{key}");
        valid(edited)
    };
    let mut compiled = |snapshot: &Snapshot| {
        let table = compiler.compile(snapshot).table;
        let count = |memo: &Memo| memo.selections.values().map(BTreeMap::len).sum::<usize>();
        (table, count(&compiler.memo), compiler.memo.bundles.read.values().map(BTreeMap::len).sum::<usize>())
    };
    for number in 0..5 {
        snapshot.routes.insert(name("data"), edited(&format!("role-{number}"), "ca.crt"));
        let (_table, selections, bundles) = compiled(&snapshot);
        assert_eq!((selections, bundles), (1, 1), "edit {number}");
    }
    snapshot.routes.insert(name("more"), edited("role-4", "ca.crt"));
    assert_eq!(compiled(&snapshot).1, 1, "shared by two routes");
    snapshot.routes.insert(name("data"), edited("role-4", "absent"));
    snapshot.routes.remove(&name("more"));
    assert_eq!(compiled(&snapshot).2, 0, "the old one is gone, and a problem is not kept");
}

#[test]
fn clones_of_a_snapshot_share_what_neither_has_changed() {
    let (before, mut after) = (two(), two());
    assert!(before == after);
    let clone = after.clone();
    after.secrets.remove(&name("demo-1"));
    let Entry::Valid(edited) = &mut after.routes.get_mut(&name("data")).unwrap().entry else { panic!() };
    edited.access.clear();
    assert!(clone == before && clone != after);
    let document = |snapshot: &Snapshot, route: &str| {
        snapshot
            .routes
            .iter()
            .find(|(found, _)| **found == name(route))
            .map(|(_, document)| Arc::clone(document))
            .unwrap()
    };
    assert!(Arc::ptr_eq(&document(&clone, "more"), &document(&after, "more")));
    assert!(!Arc::ptr_eq(&document(&clone, "data"), &document(&after, "data")));
}
