use std::os::unix::fs::symlink;

use super::*;

fn load(dir: &Path) -> Result<Loaded, LoadError> {
    super::load(dir, &ProcessRules::default())
}

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata: {a: b}\n";

fn config_map(name: &str) -> String {
    CONFIG_MAP.replace("NAME", name)
}

fn dir(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn config_maps(loaded: &Loaded) -> Vec<String> {
    loaded.snapshot.config_maps.keys().map(|name| name.name.to_string()).collect()
}

fn failed_files(error: &LoadError) -> Vec<&str> {
    error.errors.iter().map(|error| error.file.as_str()).collect()
}

#[test]
fn yaml_yml_and_json_are_read_and_nothing_else() {
    let json = "{\n\t\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"c\"}, \"data\": {\"a\": \"\\u00e9\\/\"}}";
    let dir = dir(&[
        ("a.yaml", &config_map("a")),
        ("b.yml", &config_map("b")),
        ("c.json", json),
        (".hidden.yaml", "{"),
        ("notes.txt", "{"),
        ("yaml", "{"),
    ]);
    fs::create_dir(dir.path().join("sub.yaml")).unwrap();
    let loaded = load(dir.path()).unwrap();
    assert_eq!(config_maps(&loaded), ["a", "b", "c"]);
    assert_eq!(loaded.findings, []);
    assert_eq!(loaded.snapshot.config_maps.values().next_back().unwrap()["a"], "é/");
}

#[test]
fn documents_of_a_file_are_numbered_and_empty_ones_left_out() {
    let text = format!("# a comment\n---\n{}---\n---\nkind: Pod\n---\n", config_map("a"));
    let loaded = load(dir(&[("a.yaml", &text)]).path()).unwrap();
    assert_eq!(config_maps(&loaded), ["a"]);
    let origin = &loaded.findings[0].origin;
    assert!(text.split("---\n").nth(origin.document).is_some_and(|part| part.contains("Pod")), "{origin}");
    assert_eq!(load(dir(&[("a.yaml", "")]).path()).unwrap().findings, []);
    assert_eq!(load(dir(&[]).path()).unwrap().findings, []);
}

#[test]
fn all_files_that_are_not_yaml_are_named() {
    let good = config_map("a");
    let dir = dir(&[
        ("a.yaml", &good),
        ("b.yaml", "a: [1"),
        ("c.json", "{\"a\": "),
        ("d.yaml", &format!("{good}---\n\tx: 1\n")),
        ("e.yaml", "just words"),
        ("f.yaml", "- a\n- b\n"),
        ("g.yaml", "!tag {a: b}"),
        ("h.yaml", "a: *nobody"),
        ("i.yaml", "? [a]\n: b\n"),
    ]);
    fs::write(dir.path().join("j.yaml"), [0xff, 0xfe, 0xff]).unwrap();
    let error = load(dir.path()).unwrap_err();
    let expected = ["b.yaml", "c.json", "d.yaml", "e.yaml", "f.yaml", "g.yaml", "h.yaml", "i.yaml", "j.yaml"];
    assert_eq!(failed_files(&error), expected);
    assert!(error.to_string().contains("d.yaml: document 2: "), "{error}");
}

/// The last one would win in JSON, and the first `deny` would silently be gone.
#[test]
fn law_2_a_key_that_stands_twice_is_refused() {
    for (name, text) in
        [("a.yaml", "spec:\n  deny: [a]\n  deny: []\n"), ("a.json", r#"{"spec": {"deny": 1, "deny": 2}}"#)]
    {
        let error = load(dir(&[(name, text)]).path()).unwrap_err();
        assert!(error.errors[0].message.contains("duplicate"), "{error}");
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let dir = dir(&[("a.yaml", &config_map("a"))]);
    symlink("nowhere", dir.path().join("b.yaml")).unwrap();
    assert_eq!(failed_files(&load(dir.path()).unwrap_err()), ["b.yaml"]);
    let missing = dir.path().join("missing");
    assert_eq!(failed_files(&load(&missing).unwrap_err()), [missing.to_str().unwrap()]);
}

#[test]
fn a_mounted_config_map_is_read_once_through_its_links() {
    let dir = tempfile::tempdir().unwrap();
    for (version, name) in [("..1", "old"), ("..2", "new")] {
        fs::create_dir(dir.path().join(version)).unwrap();
        fs::write(dir.path().join(version).join("a.yaml"), config_map(name)).unwrap();
    }
    symlink("..1", dir.path().join("..data")).unwrap();
    symlink("..data/a.yaml", dir.path().join("a.yaml")).unwrap();
    let before = stamp(dir.path()).unwrap();
    assert_eq!(config_maps(&load(dir.path()).unwrap()), ["old"]);

    symlink("..2", dir.path().join("..data_tmp")).unwrap();
    fs::rename(dir.path().join("..data_tmp"), dir.path().join("..data")).unwrap();
    assert_ne!(stamp(dir.path()).unwrap(), before);
    assert_eq!(config_maps(&load(dir.path()).unwrap()), ["new"]);
}
