//! K-CTL-4: many routes in a process of their own.
//!
//! Ten thousand where the code is optimised: `cargo test --release --test kube many_routes -- --nocapture` prints the
//! figures, and `e2e/kube/test_scale.py` measures the same at a real API server. Code that is not optimised takes ten
//! times as long, so a fifth of them must do there. The bound on memory is that of the issue; times are noise on a machine
//! that is shared, so theirs are what no machine may exceed.

use super::*;

const ROUTES: usize = if cfg!(debug_assertions) { 2_000 } else { 10_000 };
const SWAPS: u32 = 20;
/// That of the issue; for a fifth of the routes half of it, as what does not grow with them counts as well.
const MEMORY_BOUND: u64 = if cfg!(debug_assertions) { 100 << 20 } else { 200 << 20 };
/// That of the issue; generous where nothing is optimised.
const READY_BOUND: Duration = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 5 });
const REBUILD_BOUND: Duration = Duration::from_millis(if cfg!(debug_assertions) { 10_000 } else { 200 });

/// A route as it is stored after people have edited it: two thirds of its 4 KiB are of no use to OSP.
fn as_stored(cluster: &Cluster, number: usize) -> Value {
    let mut route = cluster.route(&format!("bucket-{number}"), &["Read", "List"]);
    route["spec"]["deny"] = json!([{"name": "private", "prefixes": ["private/"]}]);
    let spec = route["spec"].to_string();
    let owned = |manager: &str| {
        json!({
            "manager": manager, "operation": "Apply", "apiVersion": "osp.flexworks.eu/v1alpha1",
            "time": "2026-11-22T10:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": spec.replace('"', "f:")},
        })
    };
    route["metadata"]["managedFields"] = json!([owned("kubectl"), owned("osp-osp"), owned("flux")]);
    route["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": spec});
    route
}

fn compiled(gateway: &Gateway) -> (f64, f64) {
    let metrics = gateway.metrics();
    let of = |part: &str| metrics.sum(&format!("osp_config_compile_seconds_{part}"), &[]);
    (of("sum"), of("count"))
}

/// Requests until `stop`; how many, and how long the slowest took. Each must succeed.
fn request(address: SocketAddr, stop: &AtomicBool) -> (u32, Duration) {
    let (mut count, mut slowest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        assert_eq!(get(address, "/alpha/k"), (200, "content".to_owned()), "request {count}");
        slowest = slowest.max(began.elapsed());
        count += 1;
    }
    (count, slowest)
}

#[test]
fn k_ctl_4_many_routes() {
    let cluster = Cluster::start();
    let kubeconfig = cluster.kubeconfig();
    let begin = || launch(&kubeconfig).arguments(&["--mode", "proxy"]).ready_within(READY_BOUND);
    let small = begin();
    assert_eq!(get(small.http(), "/alpha/k").0, 200);
    let before = small.memory("VmRSS");
    drop(small);
    for number in 0..ROUTES {
        cluster.server.apply(as_stored(&cluster, number));
    }

    let began = Instant::now();
    let gateway = begin();
    let ready = began.elapsed();
    assert_eq!(gateway.metrics().sum("osp_routes", &["served"]), f64::from(u32::try_from(ROUTES).unwrap() + 1));
    let (first, _) = compiled(&gateway);
    let (address, stop) = (gateway.http(), AtomicBool::new(false));
    let (mut slowest_change, mut requests, mut slowest) = (Duration::ZERO, 0, Duration::ZERO);
    std::thread::scope(|scope| {
        let stopping = Stopping(&stop);
        let asking = scope.spawn(|| request(address, &stop));
        for swap in 0..SWAPS {
            let bucket = format!("moved-{swap}");
            let mut route = as_stored(&cluster, 0);
            route["spec"]["match"]["bucket"] = json!(bucket);
            cluster.server.apply(route);
            slowest_change = slowest_change.max(until(&gateway, &format!("/{bucket}/k"), 200));
        }
        drop(stopping);
        (requests, slowest) = asking.join().unwrap();
    });
    // A table is counted a moment after it is in force.
    wait_until("the last one to be counted", || compiled(&gateway).1 > f64::from(SWAPS));
    let (sum, count) = compiled(&gateway);
    let rebuild = Duration::from_secs_f64((sum - first) / (count - 1.0));
    let (memory, peak) = (gateway.memory("VmRSS") - before, gateway.memory("VmHWM") - before);
    println!(
        "{ROUTES} routes: ready after {ready:.2?}; first table {first:.3} s, a rebuild {rebuild:.1?}, a change in force \
         after {slowest_change:.0?} at most; memory for them {} MiB, {} MiB at the peak; {requests} requests during \
         {SWAPS} swaps, the slowest {slowest:.0?}",
        memory >> 20,
        peak >> 20,
    );
    assert!(ready < READY_BOUND, "{ready:?}");
    assert!(rebuild < REBUILD_BOUND, "{rebuild:?}");
    assert!(memory < MEMORY_BOUND, "{memory} bytes");
    assert!(requests >= SWAPS, "{requests} requests");
}
