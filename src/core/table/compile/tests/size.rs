//! K-CTL-4: how long a large configuration takes.

use std::time::{Duration, Instant};

use super::*;

/// K-CTL-4. Meaningful in release only: `cargo test --release -p osp-core -- --ignored ten_thousand`.
#[test]
#[expect(clippy::disallowed_methods, reason = "a measurement needs a clock")]
#[ignore = "a measurement: needs a release build and a quiet machine"]
fn k_ctl_4_ten_thousand_routes_compile_in_50_ms() {
    let mut snapshot = complete();
    for index in 0..10_000 {
        let mut one = route(&format!("bucket-{index}"), &["demo", &format!("client-{}", index % 1000)]);
        one.deny.push(deny(None, "private/"));
        snapshot.routes.insert(name(&format!("route-{index}")), valid(one));
        if index < 1000 {
            snapshot.clients.insert(name(&format!("client-{index}")), client(&[&format!("client-{index}")]));
            let pair = secret(&format!("AKIA{index}"), "some-secret");
            snapshot.secrets.insert(name(&format!("client-{index}")), pair);
        }
    }
    let best = (0..5)
        .map(|_| {
            let started = Instant::now();
            let compiled = compile(&snapshot);
            let took = started.elapsed();
            assert_eq!(compiled.table.routes().count(), 10_001);
            took
        })
        .min()
        .unwrap();
    println!("10,000 routes: {best:?}");
    assert!(best < Duration::from_millis(50), "{best:?}");
}
