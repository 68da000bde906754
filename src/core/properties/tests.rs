//! The committed corpora, and random bytes beside them: what `make fuzz` once found stays found.

use std::path::Path;

use proptest::prelude::*;

use super::ALL;

/// The inputs of one fuzz target, with their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let file = |path: std::path::PathBuf| (path.display().to_string(), std::fs::read(&path).unwrap());
    entries.map(|entry| file(entry.unwrap().path())).collect()
}

#[test]
fn every_property_holds_for_its_corpus() {
    for (target, property) in ALL {
        let inputs = corpus(target);
        assert!(inputs.len() >= 3, "{target} has a corpus of {}", inputs.len());
        for (name, input) in inputs {
            println!("{name}");
            property(&input);
        }
    }
}

/// The neighbourhood of the corpora: one byte changed, one cut, two inputs joined.
#[test]
fn every_property_holds_near_its_corpus() {
    for (target, property) in ALL {
        let inputs = corpus(target);
        for (_, input) in inputs.iter().filter(|(_, input)| input.len() < 2000) {
            for at in (0..input.len()).step_by(1 + input.len() / 64) {
                let mut changed = input.clone();
                changed[at] ^= 1 << (at % 8);
                property(&changed);
                property(&input[..at]);
            }
        }
        for pair in inputs.windows(2) {
            property(&[pair[0].1.as_slice(), &pair[1].1].concat());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_property_holds_for_any_bytes(bytes: Vec<u8>, text: String) {
        for (_, property) in ALL {
            property(&bytes);
            property(text.as_bytes());
        }
    }
}
