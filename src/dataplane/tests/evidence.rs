//! No forwarding without a permit: every `fail_*` file tries to get round a check (to forge the evidence types of
//! `osp-core`, to sign or to choose a peer without a permit) and must not compile, with exactly the error beside it; a
//! bare `compile_fail` would pass on any typo. The `pass_*` files are the positive twins.

#[test]
fn nothing_is_forwarded_without_a_permit() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/evidence/pass_*.rs");
    cases.compile_fail("tests/evidence/fail_*.rs");
}
