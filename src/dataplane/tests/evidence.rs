//! No forwarding without a permit: every `fail_*` file tries to get round a check (to forge the evidence types of
//! `osp-core`, to sign or to choose a peer without a permit) and must not compile, with exactly the error beside it; a
//! bare `compile_fail` would pass on any typo. The other files are the positive twins, compiled with this one: as cases of
//! trybuild they would have it build every dependency once more, where it only has to check them.

#[path = "evidence/the_only_way.rs"]
mod the_only_way;
#[path = "evidence/with_a_permit.rs"]
mod with_a_permit;

#[test]
fn nothing_is_forwarded_without_a_permit() {
    the_only_way::compiles();
    with_a_permit::compiles();
    trybuild::TestCases::new().compile_fail("tests/evidence/fail_*.rs");
}
