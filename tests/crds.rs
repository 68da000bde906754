//! `osp crds` as people run it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn osp(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_osp")).args(arguments).output().unwrap()
}

/// The files in `crds/`, sorted by name.
fn committed() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let read =
        |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap());
    let mut files: Vec<(String, String)> = entries.map(read).collect();
    files.sort();
    files
}

#[test]
fn k_api_1_osp_crds_prints_one_stream_of_all_kinds() {
    let output = osp(&["crds"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let expected: Vec<String> = committed().into_iter().map(|(_, text)| text).collect();
    assert_eq!(expected.len(), 3);
    assert!(output.stdout == expected.join("---\n").into_bytes(), "run: cargo run -- crds --write crds");
}

#[test]
fn k_api_1_osp_crds_writes_one_file_for_each_kind_or_says_why_not() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crds");
    fs::create_dir_all(&folder).unwrap();
    let output = osp(&["crds", "--write", folder.to_str().unwrap()]);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    for (name, text) in committed() {
        assert!(fs::read_to_string(folder.join(&name)).unwrap() == text, "{name}");
    }
    let output = osp(&["crds", "--write", folder.join("missing").to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("missing/bucketroutes.yaml: "), "{said}");
}
