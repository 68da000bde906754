use super::*;
use crate::plan::Refusal;

fn files(texts: &[(&str, &str)]) -> Files {
    let hook = |(name, text): &(&str, &str)| (HookName::new(name).unwrap(), Ok(Arc::from(*text)));
    Files { hooks: texts.iter().map(hook).collect(), ..Files::default() }
}

fn revisions(wanted: &[Vec<Text>]) -> Vec<Vec<u64>> {
    wanted.iter().map(|texts| texts.iter().map(|text| text.revision.0).collect()).collect()
}

/// What would be in force if these all loaded.
fn plan(wanted: &[Vec<Text>]) -> Plan {
    let first = |texts: &Vec<Text>| Planned::new(texts[0].clone(), Vec::new()).unwrap();
    Plan { hooks: wanted.iter().map(first).collect() }
}

const DIR: &str = "/etc/osp/hooks";

// K5, K-CTL-8: the last good one is kept
#[test]
fn a_new_text_is_tried_before_the_one_in_force() {
    let mut memory = Memory::default();
    let first = files(&[("a", "1"), ("b", "1")]);
    assert!(memory.is_news(&first));
    let wanted = memory.wanted(Path::new(DIR), &first, &Plan::default());
    assert_eq!(revisions(&wanted), [[1], [2]]);
    assert_eq!(wanted[0][0].path, "/etc/osp/hooks/a.py");
    let in_force = plan(&wanted);
    let states = memory.conclude(first, &in_force, &Refusals::new());
    assert!(states.values().all(|state| state.label() == "current"));

    let second = files(&[("a", "2"), ("b", "1")]);
    assert!(memory.is_news(&second));
    let wanted = memory.wanted(Path::new(DIR), &second, &in_force);
    assert_eq!(revisions(&wanted), [vec![3, 1], vec![2]]);
    let refused = Refusals::from([(Revision(3), Refusal::new("SyntaxError".to_owned()))]);
    let states = memory.conclude(second, &in_force, &refused);
    assert_eq!(
        states.get(&HookName::new("a").unwrap()),
        Some(&HookState::Stale { callables: Vec::new(), why: "SyntaxError".to_owned() })
    );
    assert!(!in_force.is_replaced_by(&in_force, &wanted), "nothing that loads is new");

    // back to the text in force: no other revision, so what was decided by it is still good
    let third = files(&[("a", "1"), ("b", "1")]);
    assert!(memory.is_news(&third));
    assert_eq!(revisions(&memory.wanted(Path::new(DIR), &third, &in_force)), [[1], [2]]);
}

#[test]
fn what_is_late_is_tried_again_and_what_raises_is_not() {
    for (refusal, attempts) in [(Refusal::new("no".to_owned()), 1), (Refusal::late(std::time::Duration::ZERO), 3)] {
        let mut memory = Memory::default();
        let mut tried = 0;
        while memory.is_news(&files(&[("a", "1")])) {
            tried += 1;
            let wanted = memory.wanted(Path::new(DIR), &files(&[("a", "1")]), &Plan::default());
            let refused = Refusals::from([(wanted[0][0].revision, refusal.clone())]);
            memory.conclude(files(&[("a", "1")]), &Plan::default(), &refused);
        }
        assert_eq!(tried, attempts);
        assert!(memory.is_news(&files(&[("a", "2")])));
    }
}

#[test]
fn no_hook_in_force_is_given_up_for_another_one() {
    let mut memory = Memory::default();
    let both = memory.wanted(Path::new(DIR), &files(&[("a", "1"), ("b", "1")]), &Plan::default());
    let in_force = plan(&both);
    let wanted = memory.wanted(Path::new(DIR), &files(&[("a", "2"), ("b", "1")]), &in_force);
    let only_a = plan(&wanted[..1]);
    assert!(!in_force.is_replaced_by(&only_a, &wanted), "b is wanted, and did not load again");
    assert!(in_force.is_replaced_by(&plan(&wanted), &wanted));
    let without_b = memory.wanted(Path::new(DIR), &files(&[("a", "2")]), &in_force);
    assert!(in_force.is_replaced_by(&only_a, &without_b), "b's file has gone");
}
