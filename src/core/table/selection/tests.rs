use super::*;
use crate::model::{AddressingStyle, BackendCredential, Endpoint, ObjectName, Timeouts, TrailingChecksums};
use crate::s3::{BucketName, KeyPrefix, Mapping};
use crate::table::{Trust, Upstream};

fn backend(place: u8, priority: u8, weight: u16) -> Arc<ServedBackend> {
    let mapping = Mapping {
        client_bucket: BucketName::parse("data").unwrap().into(),
        client_prefix: KeyPrefix::default(),
        backend_bucket: "data".into(),
        prefix: KeyPrefix::default(),
        issuer: "a route".into(),
    };
    let upstream = Upstream {
        source: ObjectName::new("default", "keys"),
        endpoint: Endpoint::parse("http://127.0.0.1").unwrap(),
        region: "r".into(),
        may_change_host: true,
        addressing: AddressingStyle::Path,
        credential: BackendCredential::Anonymous.into(),
        trust: Trust::System,
        server_name: None,
        client_certificate: None,
        proxy: None,
        timeouts: Timeouts::default(),
        trailing_checksums: TrailingChecksums::Drop,
        pool_group: place.into(),
    };
    Arc::new(ServedBackend {
        name: format!("b{place}").into(),
        place,
        priority,
        weight,
        mapping: Arc::new(mapping),
        upstream: Arc::new(upstream),
        overrides: Arc::default(),
    })
}

/// One backend for each (priority, weight).
fn backends(of: &[(u8, u16)]) -> Vec<Arc<ServedBackend>> {
    (0..).zip(of).map(|(place, (priority, weight))| backend(place, *priority, *weight)).collect()
}

fn chosen(all: &[Arc<ServedBackend>], reads: Reads, key: &str, down: &[u8]) -> (u8, Admission) {
    let admit = |backend: &ServedBackend| (!down.contains(&backend.place)).then_some(Admission::Regular);
    let (backend, how) = choose(all, reads, key, Tried::default(), admit).unwrap();
    (backend.place, how)
}

#[test]
fn reads_go_to_the_lowest_tier_that_is_up() {
    let all = backends(&[(2, 100), (1, 10), (1, 50), (1, 50)]);
    for reads in [Reads::Priority, Reads::Weighted] {
        assert_ne!(chosen(&all, reads, "k", &[]).0, 0);
        assert_eq!(chosen(&all, reads, "k", &[1, 2, 3]).0, 0);
    }
    assert_eq!(chosen(&all, Reads::Priority, "k", &[]).0, 2, "the greatest weight, the first among equals");
    assert_eq!(chosen(&all, Reads::Priority, "k", &[2]).0, 3);
    assert_eq!(chosen(&all, Reads::Priority, "k", &[2, 3]).0, 1);
}

#[test]
fn the_last_one_is_asked_even_when_all_are_down() {
    let all = backends(&[(0, 100), (1, 100)]);
    assert_eq!(chosen(&all, Reads::Priority, "k", &[]), (0, Admission::Regular));
    assert_eq!(chosen(&all, Reads::Priority, "k", &[0, 1]), (0, Admission::Forced));
    assert!(choose(&[], Reads::Priority, "k", Tried::default(), |_| None).is_none());
}

#[test]
fn another_attempt_goes_to_another_backend() {
    let all = backends(&[(0, 100), (0, 50), (1, 100)]);
    let mut tried = Tried::default();
    let mut order = Vec::new();
    for _ in 0..4 {
        let (backend, _) = choose(&all, Reads::Priority, "k", tried, |_| Some(Admission::Regular)).unwrap();
        order.push(backend.place);
        tried.add(backend);
    }
    assert_eq!(order, [0, 1, 2, 0], "when all were tried, the best one again");
    let mut first = Tried::default();
    first.add(&all[0]);
    let only_first_is_up = |backend: &ServedBackend| (backend.place == 0).then_some(Admission::Regular);
    let (backend, how) = choose(&all, Reads::Priority, "k", first, only_first_is_up).unwrap();
    assert_eq!((backend.place, how), (0, Admission::Regular), "rather a healthy one again than an ejected one");
}

#[test]
fn weights_are_shares_of_the_keys() {
    let all = backends(&[(0, 100), (0, 300), (0, 600), (0, 0)]);
    let mut counts = [0_u32; 4];
    for key in 0..20_000 {
        counts[usize::from(chosen(&all, Reads::Weighted, &format!("logs/2026/{key}.parquet"), &[]).0)] += 1;
    }
    for (count, share) in counts.iter().zip([2_000_u32, 6_000, 12_000]) {
        assert!(count.abs_diff(share) < share / 10, "{counts:?}");
    }
    assert_eq!(counts[3], 0, "no weight, no reads");
    assert_eq!(chosen(&all, Reads::Weighted, "k", &[0, 1, 2]).0, 3, "unless there is no other");
}

#[test]
fn a_backend_that_leaves_moves_only_its_own_keys() {
    let all = backends(&[(0, 100), (0, 100), (0, 100)]);
    for key in 0..1000 {
        let key = format!("key-{key}");
        let before = chosen(&all, Reads::Weighted, &key, &[]).0;
        assert_eq!(before, chosen(&all, Reads::Weighted, &key, &[]).0, "the same key, the same backend");
        let after = chosen(&all, Reads::Weighted, &key, &[2]).0;
        assert!(before == 2 || after == before, "{key}");
    }
}

#[test]
fn a_probe_is_claimed_only_by_the_request_that_goes_there() {
    let all = backends(&[(0, 100), (1, 100)]);
    let mut asked = Vec::new();
    let (backend, how) = choose(&all, Reads::Priority, "k", Tried::default(), |backend| {
        asked.push(backend.place);
        Some(if backend.place == 0 { Admission::Probe } else { Admission::Regular })
    })
    .unwrap();
    assert_eq!((backend.place, how, asked), (0, Admission::Probe, vec![0]));
}
