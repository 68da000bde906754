//! No forwarding without a permit: each file under `evidence/` tries to get round a check and must not compile, with
//! exactly the error beside it (a bare `compile_fail` would pass on any typo).

#[test]
fn evidence_cannot_be_forged() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/evidence/pass_*.rs");
    cases.compile_fail("tests/evidence/fail_*.rs");
}
