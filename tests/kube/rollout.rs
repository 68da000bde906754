//! K-CTL-6: processes come and go under load, as in a rolling update, and no request fails.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use super::*;

const CLIENTS: usize = 3;

/// The addresses that a Service would show at this moment.
type Endpoints = Mutex<Vec<SocketAddr>>;

/// Requests to one endpoint after another, each on a new connection, until `stop`: the number of good ones.
fn work(endpoints: &Endpoints, stop: &AtomicBool, done: &AtomicUsize) {
    for number in 0_usize.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let address = {
            let now = endpoints.lock().unwrap();
            now[number % now.len()]
        };
        assert_eq!(get(address, "/alpha/k"), (200, "content".to_owned()), "request {number} to {address}");
        done.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn k_ctl_6_a_rolling_update_and_a_scale_down_under_load_lose_nothing() {
    let cluster = Cluster::start();
    let kubeconfig = cluster.kubeconfig();
    let settings = kubeconfig.with_file_name("settings.yaml");
    std::fs::write(&settings, "drainDelay: 1s\ndrainTimeout: 20s\n").unwrap();
    let begin = || launch(&kubeconfig).arguments(&["--config", settings.to_str().unwrap()]).ready();
    let mut replicas = vec![begin(), begin()];
    let endpoints: Endpoints = Mutex::new(replicas.iter().map(Gateway::http).collect());
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let _stopping = Stopping(&stop);
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| work(&endpoints, &stop, &done))).collect();
        let wait_for_more = |count: usize| {
            let goal = done.load(Ordering::Relaxed) + count;
            wait_until("more requests", || {
                assert!(!clients.iter().any(|client| client.is_finished()), "a request failed");
                done.load(Ordering::Relaxed) >= goal
            });
        };
        // Each is replaced by a new one, then one goes without a successor.
        for successor in [true, true, false] {
            wait_for_more(50);
            if successor {
                let new = begin();
                endpoints.lock().unwrap().push(new.http());
                replicas.push(new);
            }
            let mut old = replicas.remove(0);
            old.terminate();
            // The Service learns it from the probe, a moment later; until then the old one serves.
            wait_until("the probe to fail", || !ready(&old));
            wait_for_more(5);
            endpoints.lock().unwrap().retain(|address| *address != old.http());
            assert_eq!(old.wait_exit().code(), Some(0), "{}", old.log.text());
        }
        wait_for_more(50);
    });
    assert_eq!(replicas.len(), 1);
    println!("{} requests during two replacements and one scale-down, none failed", done.into_inner());
}
