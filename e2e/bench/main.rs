//! `make bench`: nginx, a bare pingora proxy and OSP over the same null backend, in turn, in one run.
//!
//! Prints the rows a1, a4, b, c2, d1, d2, d3, e, f, g1 to g4, h1, h2 and j of performance.md section 9, most of them as
//! ratios. Absolute times of a shared machine say little; ratios of one run do. Every answer is checked, and OSP's own signatures are judged by the strict fake
//! backend before anything is measured.
//!
//! `osp-bench OSP [ROW...]` runs some rows only; `osp-bench OSP profile [floor] [list]` prints what the instructions of a small
//! GET, or of a listing, are spent on, in OSP or in the bare pingora proxy.

mod arms;
mod load;
mod measure;
mod policy;

use std::path::PathBuf;

use arms::{Arm, Process, RENAMED, Stage};
use load::{Client, Prepared, Work};
use measure::{Lane, Mode};

const SMALL: usize = 1024;
const LARGE: usize = 64 * 1024 * 1024;
const HUGE: usize = 1024 * 1024 * 1024;
/// Interleaved rounds of body rows; the least of them counts.
const ROUNDS: usize = 9;

struct Row {
    name: &'static str,
    what: &'static str,
    measured: f64,
    /// The Must column, in the mode of this run; `None` where the page names none.
    must: Option<f64>,
    /// False when an arm differed too much from itself to be compared.
    steady: bool,
    detail: String,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let osp = arguments.next().map_or_else(|| PathBuf::from("target/release/osp"), PathBuf::from);
    let only: Vec<String> = arguments.collect();
    if only.first().is_some_and(|word| word == "profile") {
        let arm = if only.iter().any(|word| word == "floor") { Arm::Passthrough } else { Arm::Osp };
        let lists = only.iter().any(|word| word == "list");
        let prepared =
            if lists { Prepared::new(Work::List, RENAMED) } else { Prepared::new(Work::Get(SMALL), "bench") };
        return measure::profile(&Stage::new(osp), arm, &prepared);
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|one| one == name);
    let mode = Mode::detect();
    println!(
        "header rows are counted by {mode:?}; body rows by process CPU time, the least of {ROUNDS} rounds in turn"
    );
    let stage = Stage::new(osp);
    check_signatures(&stage);
    let mut rows = Vec::new();
    if ["a1", "a4", "j", "h1"].into_iter().any(wanted) {
        rows.extend(header_rows(&stage, mode, &wanted));
    }
    if wanted("f") {
        rows.extend(route_rows(&stage, mode));
    }
    if ["b", "c2", "d1", "d2", "h2"].into_iter().any(wanted) {
        rows.extend(body_rows(&stage));
    }
    if wanted("e") {
        rows.push(list_row(&stage));
    }
    if wanted("d3") {
        rows.push(memory_row(&stage));
    }
    if ["g1", "g2", "g3", "g4"].into_iter().any(wanted) {
        rows.extend(policy::rows(&stage, mode, &wanted));
    }
    report(&rows);
}

/// Correctness first: what OSP sends to the backend must satisfy the strict one.
fn check_signatures(stage: &Stage) {
    let osp = stage.start(Arm::Osp, &[]);
    let mut client = Client::new(osp.http);
    stage.strict.seed("bench", "size-1024", &[0; SMALL]);
    for work in
        [Work::Get(SMALL), Work::PutSigned(SMALL), Work::PutTrailer(300_000), Work::PutChunks(300_000), Work::Reject]
    {
        client.run(&Prepared::new(work, "strict"), 1);
    }
    let seen = stage.strict.settled();
    assert_eq!(seen.len(), 4, "the rejected request reached the backend: {seen:?}");
    assert!(seen.iter().all(|one| one.refused.is_none() && one.complete), "{seen:?}");
    osp.stop();
}

fn header_rows(stage: &Stage, mode: Mode, wanted: &dyn Fn(&str) -> bool) -> Vec<Row> {
    let (get, reject) = (Prepared::new(Work::Get(SMALL), "bench"), Prepared::new(Work::Reject, "bench"));
    let count = |arm, prepared, tls| measure::instructions(stage, mode, arm, prepared, tls);
    let osp = count(Arm::Osp, &get, false);
    // Callgrind sees user instructions only, so its limits differ (performance.md 10).
    let must = |perf, callgrind| if mode == Mode::Perf { Some(perf) } else { callgrind };
    let row = |name, what, (above, below): (f64, f64), must| Row {
        name,
        what,
        measured: above / below,
        must,
        steady: true,
        detail: format!("{:.1} k / {:.1} k instructions", above / 1e3, below / 1e3),
    };
    let mut rows = Vec::new();
    if wanted("a1") {
        let nginx = count(Arm::Nginx, &get, false);
        rows.push(row("a1", "1 KiB GET, OSP / nginx", (osp, nginx), must(2.4, Some(3.8))));
    }
    if wanted("a4") {
        let floor = count(Arm::Passthrough, &get, false);
        rows.push(row("a4", "1 KiB GET, OSP / bare pingora", (osp, floor), must(1.25, Some(1.35))));
    }
    if wanted("h1") {
        let over_tls = (count(Arm::Osp, &get, true), count(Arm::Nginx, &get, true));
        rows.push(row("h1", "1 KiB GET over TLS, OSP / nginx", over_tls, must(1.9, None)));
    }
    if wanted("j") {
        let rejected = count(Arm::Osp, &reject, false);
        rows.push(row("j", "bad signature / 1 KiB GET, OSP", (rejected, osp), must(0.7, Some(0.7))));
    }
    rows
}

/// The same request with one route and with many.
fn route_rows(stage: &Stage, mode: Mode) -> Vec<Row> {
    let get = Prepared::new(Work::Get(SMALL), "bench");
    let count = |routes| {
        let start = |wrapper: &[String]| stage.start_with_routes(routes, wrapper);
        measure::instructions_at_rest(stage, mode, start, &get)
    };
    let one = count(1);
    let rows = [(10_000, "1 KiB GET, 10,000 routes / one", 1.03), (100_000, "1 KiB GET, 100,000 routes / one", 1.05)];
    let rows = rows.map(|(routes, what, must)| {
        let many = count(routes);
        let detail = format!("{:.1} k / {:.1} k instructions", many / 1e3, one / 1e3);
        Row { name: "f", what, measured: many / one, must: Some(must), steady: true, detail }
    });
    rows.into()
}

fn body_rows(stage: &Stage) -> Vec<Row> {
    let arms: Vec<Process> =
        [Arm::Nginx, Arm::Passthrough, Arm::Osp].into_iter().map(|arm| stage.start(arm, &[])).collect();
    let [nginx, floor, osp] = arms.as_slice() else { unreachable!("three arms were started") };
    let get = Prepared::new(Work::Get(LARGE), "bench");
    let gets = measure::cpu_per_byte(vec![Lane::plain(nginx, &get), Lane::plain(osp, &get)], ROUNDS, 8);
    let over_tls = vec![Lane::tls(nginx, &get, stage), Lane::tls(osp, &get, stage)];
    let over_tls = measure::cpu_per_byte(over_tls, ROUNDS, 4);
    let put = |work: fn(usize) -> Work| Prepared::new(work(LARGE), "bench");
    let (signed, chunks, trailer) = (put(Work::PutSigned), put(Work::PutChunks), put(Work::PutTrailer));
    let puts = [(floor, &signed), (osp, &signed), (osp, &chunks), (osp, &trailer)];
    let puts = puts.map(|(process, prepared)| Lane::plain(process, prepared));
    let puts = measure::cpu_per_byte(puts.into(), ROUNDS, 4);
    let digest = measure::digest_ns_per_byte(LARGE, ROUNDS);
    let steady = gets.iter().chain(&over_tls).chain(&puts).all(|cost| cost.is_steady());
    let row = |name, what, above: f64, below: f64, must| Row {
        name,
        what,
        measured: above / below,
        must: Some(must),
        steady,
        detail: format!("{above:.3} / {below:.3} CPU ns per byte"),
    };
    let [floor_put, signed_put, chunks_put, trailer_put] = [0, 1, 2, 3].map(|lane| puts[lane].least);
    let rows = vec![
        row("b", "64 MiB GET, OSP / nginx", gets[1].least, gets[0].least, 1.7),
        row("c2", "64 MiB PUT signed, OSP / (bare pingora + one SHA-256)", signed_put, floor_put + digest, 1.15),
        row("d1", "64 MiB PUT signed chunks, OSP / OSP PUT signed", chunks_put, signed_put, 1.15),
        row("d2", "64 MiB PUT trailer, OSP / bare pingora PUT", trailer_put, floor_put, 1.3),
        row("h2", "64 MiB GET over TLS, OSP / nginx", over_tls[1].least, over_tls[0].least, 0.75),
    ];
    arms.into_iter().for_each(Process::stop);
    rows
}

/// The bare pingora proxy renames nothing: what it takes is shown, not compared.
fn list_row(stage: &Stage) -> Row {
    let arms: Vec<Process> =
        [Arm::Nginx, Arm::Passthrough, Arm::Osp].into_iter().map(|arm| stage.start(arm, &[])).collect();
    let list = Prepared::new(Work::List, RENAMED);
    let costs = measure::cpu_per_byte(arms.iter().map(|arm| Lane::plain(arm, &list)).collect(), ROUNDS, 200);
    let [nginx, floor, osp] = [0, 1, 2].map(|lane| costs[lane].least * list.bytes() as f64 / 1e3);
    arms.into_iter().for_each(Process::stop);
    Row {
        name: "e",
        what: "List 1,000 keys, bucket renamed, OSP / nginx",
        measured: osp / nginx,
        must: Some(2.5),
        steady: costs.iter().all(|cost| cost.is_steady()),
        detail: format!("{osp:.0} / {nginx:.0} CPU us per listing; bare pingora {floor:.0}"),
    }
}

fn memory_row(stage: &Stage) -> Row {
    let osp = stage.start(Arm::Osp, &[]);
    let mut client = Client::new(osp.http);
    client.run(&Prepared::new(Work::PutTrailer(LARGE / 16), "bench"), 2);
    let huge = Prepared::new(Work::PutTrailer(HUGE), "bench");
    let (before, _) = measure::memory_kib(osp.id());
    measure::reset_peak(osp.id());
    client.run(&huge, 1);
    let (_, peak) = measure::memory_kib(osp.id());
    osp.stop();
    let measured = peak.saturating_sub(before) as f64 / 1024.0;
    let detail = format!("{before} KiB before, {peak} KiB at the peak");
    Row {
        name: "d3",
        what: "1 GiB PUT, growth of OSP's memory in MiB",
        measured,
        must: Some(4.0),
        steady: true,
        detail,
    }
}

fn report(rows: &[Row]) {
    println!("\n{:<4} {:<55} {:>8} {:>8}  {:<6} measured", "row", "what", "value", "must", "");
    let mut missed = 0;
    for row in rows {
        let (must, verdict) = match row.must {
            None => ("-".to_owned(), ""),
            Some(must) if !row.steady => (format!("<= {must}"), "noisy"),
            Some(must) if row.measured <= must => (format!("<= {must}"), "ok"),
            Some(must) => (format!("<= {must}"), "MISSED"),
        };
        missed += usize::from(matches!(verdict, "MISSED" | "noisy"));
        println!("{:<4} {:<55} {:>8.2} {must:>8}  {verdict:<6} {}", row.name, row.what, row.measured, row.detail);
    }
    println!(
        "\n{} of {} rows hold; noisy: an arm differed from itself by more than 2.5, run again",
        rows.len() - missed,
        rows.len()
    );
}
