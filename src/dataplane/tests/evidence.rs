//! The signer and the peer selection cannot be called without a permit: each `fail_*` file must not compile, with exactly
//! the error beside it.

#[test]
fn no_signature_and_no_peer_without_a_permit() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/evidence/pass_*.rs");
    cases.compile_fail("tests/evidence/fail_*.rs");
}
