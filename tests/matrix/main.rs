//! No bypass, as a number: principals x operations x auth forms x front forms x tampering, over the whole binary.
//!
//! Requests are signed by `aws-sigv4`; what has to come of them says a model of its own ([`model`]). Neither shares code
//! with the gateway. Every denied case has the right code, nothing at the backend (or, where the body decides, nothing
//! changed there), one deny record and no secret anywhere; and it has a twin that passes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod attacks;
mod client;
mod forms;
mod model;
mod operations;
mod report;
mod run;
mod signing;

use std::collections::{BTreeSet, HashSet};
use std::io::Write as _;
use std::time::Instant;

use attacks::{Act, Attack, Effect, Target};
use forms::{Auth, Front, OWN_KEY, Site};
use model::{DENIED, Principal, Verdict, verdict};
use operations::{Level, Operation};
use report::{Place, Report};
use run::{Case, Runner, forwarded_line, stored};
use signing::Signing;

/// Fewer would not be what was promised.
const LEAST_CASES: usize = 20_000;
/// Mismatches that are printed; all are counted.
const PRINTED: usize = 200;

#[test]
fn nobody_passes_who_must_not_and_nobody_is_denied_who_may() {
    let start = Instant::now();
    // one gateway for each protocol, side by side
    let halves = [false, true].map(|http2| std::thread::spawn(move || half(http2)));
    let mut report = Report::default();
    for half in halves {
        report.merge(half.join().unwrap());
    }
    let cells = check_cells(&mut report);
    check_twins(&mut report);
    let seconds = start.elapsed().as_secs_f64();
    // not by a macro: the test harness would keep the figures of a test that passes to itself
    let mut out = std::io::stderr();
    let principals = Principal::ALL.len();
    writeln!(out, "{}  cells: {cells}, each with {principals} principals; {seconds:.0} s", report.text()).unwrap();
    let count = report.mismatches.len();
    let shown: Vec<&str> = report.mismatches.iter().take(PRINTED).map(String::as_str).collect();
    assert!(count == 0, "{count} mismatches:\n{}", shown.join("\n"));
    assert!(report.places.len() >= LEAST_CASES, "only {} cases", report.places.len());
}

/// The oracle of this test is worth something: a grant that should not be there is seen, and only that.
#[test]
fn a_grant_too_many_is_found() {
    let mut runner = Runner::new(|endpoint, far| {
        model::documents(endpoint, far).replacen("permissions: [Read, List]", "permissions: [Read, List, Write]", 1)
    });
    for operation in operations::all().iter().filter(|operation| matches!(operation.name, "GetObject" | "PutObject")) {
        whole(&mut runner, operation, Site::Outside, (Auth::Header, Front::Http1Path));
    }
    let mismatches = runner.finish().mismatches;
    let by_reader = |text: &String| text.starts_with("PutObject | Outside | Header | Http1Path | Reader");
    let of_batch = |text: &String| text.starts_with("denied, and ");
    assert!(mismatches.iter().any(by_reader), "{mismatches:?}");
    assert_eq!(mismatches.iter().filter(|text| of_batch(text)).count(), 2, "backend and store tell: {mismatches:?}");
    assert!(mismatches.iter().all(|text| by_reader(text) || of_batch(text)), "{mismatches:?}");
}

/// Nothing that OSP knows of is left out: the page and the matrix name the same operations with the same methods.
#[test]
fn every_row_of_the_page_of_operations_is_in_the_matrix() {
    let page = include_str!("../../docs/operations.md");
    let row = |line: &str| {
        let mut columns = line.strip_prefix("| ")?.split(" | ");
        let (name, request) = (columns.next()?, columns.next()?.strip_prefix('`')?);
        Some((name.to_owned(), request.split(' ').next()?.to_owned()))
    };
    let named: BTreeSet<(String, String)> = page.lines().filter_map(row).collect();
    assert!(named.len() > 100, "the page cannot be read: {named:?}");
    // a variant of an operation has its name and what is special about it behind
    let plain = |name: &str| match named.iter().any(|(known, _)| known == name) {
        true => name.to_owned(),
        false => name.split(" (").next().unwrap().to_owned(),
    };
    let tried: BTreeSet<(String, String)> =
        operations::all().iter().map(|one| (plain(one.name), one.method.to_owned())).collect();
    assert_eq!(named.difference(&tried).collect::<Vec<_>>(), [] as [&(String, String); 0], "not in the matrix");
    assert_eq!(tried.difference(&named).collect::<Vec<_>>(), [] as [&(String, String); 0], "not on the page");
}

/// Everything that comes by one protocol.
fn half(http2: bool) -> Report {
    let mut runner = Runner::new(model::documents);
    let (operations, attacks, of_forms) = (operations::all(), attacks::all(), attacks::of_forms());
    for front in Front::ALL.into_iter().filter(|front| front.is_http2() == http2) {
        for operation in &operations {
            for auth in Auth::ALL {
                let sites: &[Site] =
                    if operation.names_a_key() { &[Site::Inside, Site::Outside] } else { &[Site::Inside] };
                for &site in sites {
                    whole(&mut runner, operation, site, (auth, front));
                }
                for attack in if auth == Auth::PostPolicy { &of_forms } else { &attacks } {
                    tampered(&mut runner, attack, Target { operation, auth, front });
                }
            }
        }
    }
    runner.finish()
}

fn place(target: Target<'_>, site: Site, principal: Principal, attack: &str) -> Place {
    let Target { operation, auth, front } = target;
    Place { operation: operation.name, site, auth, front, principal, attack: attack.to_owned() }
}

/// The verdict for a whole request.
fn expected(operation: &Operation, principal: Principal, site: Site, auth: Auth) -> Verdict {
    let key = if operation.need == operations::Need::Listing { site.prefix().to_owned() } else { site.key() };
    verdict(operation, principal, &key, auth)
}

/// The upload that a request is about: one of its own if it is going to be ended.
fn upload_for(runner: &mut Runner, operation: &Operation, site: Site, passes: bool) -> String {
    if passes && matches!(operation.name, "CompleteMultipartUpload" | "AbortMultipartUpload") {
        return runner.begin_upload(&site.encoded_key());
    }
    let key = if operation.level == Level::OwnObject { OWN_KEY.to_owned() } else { site.encoded_key() };
    runner.upload(&key)
}

/// One operation, one form: every principal.
fn whole(runner: &mut Runner, operation: &Operation, site: Site, (auth, front): (Auth, Front)) {
    let target = Target { operation, auth, front };
    for principal in Principal::ALL {
        let verdict = expected(operation, principal, site, auth);
        let upload = upload_for(runner, operation, site, verdict.passes());
        let draft = runner.draft(operation, site, front, &upload);
        let place = place(target, site, principal, "");
        if verdict.passes() {
            runner.report.passing.insert(place.clone());
        } else if let Some(twin) =
            Principal::ALL.into_iter().find(|twin| expected(operation, *twin, site, auth).passes())
        {
            runner.report.twins.insert(Place { principal: twin, ..place.clone() });
        }
        runner.push(Case {
            place,
            id: "",
            request: forms::signed(draft, principal, auth),
            verdict,
            forwarded: forwarded_line(operation, site),
            fetched: operation.is_from_far(),
            stored: stored(operation, site),
        });
    }
}

/// One attack on one request that passes when it is left alone.
fn tampered(runner: &mut Runner, attack: &Attack, target: Target<'_>) {
    let Target { operation, auth, .. } = target;
    let site = Site::Inside;
    for &principal in attack.by {
        // to save time: a signed header is a signed header, and what may be tried with one is tried by the other forms
        if auth == Auth::HeaderUnsigned {
            continue;
        }
        let twin = if principal == Principal::Ungranted { Principal::Full } else { principal };
        let untouched = expected(operation, twin, site, auth);
        if !untouched.passes() {
            continue;
        }
        let upload = upload_for(runner, operation, site, false);
        let Some((mut request, effect)) = attacked(runner, attack, (target, principal), &upload) else { continue };
        if matches!(effect, Effect::Harmless) {
            let upload = upload_for(runner, operation, site, true);
            request = attacked(runner, attack, (target, principal), &upload).unwrap().0;
        }
        let verdict = match effect {
            Effect::Harmless => untouched,
            Effect::Body(codes) => Verdict::Body(codes),
            Effect::Head(mut codes) => {
                codes.extend((principal == Principal::Ungranted).then_some(DENIED));
                Verdict::Head(codes)
            }
        };
        let name = format!("{} {}", attack.id, attack.name);
        let case_place = place(target, site, principal, &name);
        runner.report.twins.insert(place(target, site, twin, ""));
        runner.push(Case {
            place: case_place,
            id: attack.id,
            request,
            verdict,
            forwarded: forwarded_line(operation, site),
            fetched: operation.is_from_far(),
            stored: None,
        });
    }
}

/// The attacked request, and what has to come of it; `None` where the attack does not exist.
fn attacked(
    runner: &Runner,
    attack: &Attack,
    (target, principal): (Target<'_>, Principal),
    upload: &str,
) -> Option<(osp_test_support::Request, Effect)> {
    let mut draft = runner.draft(target.operation, Site::Inside, target.front, upload);
    let mut signing = Signing::new(principal.key());
    match &attack.act {
        Act::Draft(change) => {
            let effect = change(&mut draft, target)?;
            Some((signing.sign(draft, target.auth), effect))
        }
        Act::Signing(change) => {
            let effect = change(&mut signing, target)?;
            Some((signing.sign(draft, target.auth), effect))
        }
        Act::Signed(change) => {
            let mut request = signing.sign(draft, target.auth);
            let effect = change(&mut request, target)?;
            Some((request, effect))
        }
    }
}

/// Every operation x auth form x front form is there, so that permutations of some cannot stand for the others; and every
/// principal in each of them.
fn check_cells(report: &mut Report) -> usize {
    let tried: HashSet<_> = report
        .places
        .iter()
        .filter(|place| place.attack.is_empty())
        .map(|place| (place.operation, place.auth, place.front, place.principal))
        .collect();
    let mut count = 0;
    for operation in operations::all() {
        for auth in Auth::ALL {
            for front in Front::ALL {
                count += 1;
                for principal in Principal::ALL {
                    if !tried.contains(&(operation.name, auth, front, principal)) {
                        let text = format!("no case of {} {auth:?} {front:?} {principal:?}", operation.name);
                        report.mismatches.push(text);
                    }
                }
            }
        }
    }
    count
}

/// Every denied case has a twin that is to pass, and was tried.
fn check_twins(report: &mut Report) {
    let missing: Vec<String> =
        report.twins.difference(&report.passing).map(|twin| format!("no twin passes: {twin}")).collect();
    report.mismatches.extend(missing);
}
