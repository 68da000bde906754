use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use osp_core::s3::BucketName;
use osp_core::table::{Asker, Lookup, Reader, live};
use tokio::sync::mpsc;

use super::*;

const QUICKSTART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/quickstart");

fn copy_of_quickstart() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(QUICKSTART).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ext| ext == "yaml") {
            fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    dir
}

fn edit(dir: &Path, file: &str, from: &str, to: &str) {
    let text = fs::read_to_string(dir.join(file)).unwrap();
    assert!(text.contains(from));
    fs::write(dir.join(file), text.replace(from, to)).unwrap();
}

fn lookup(reader: &Reader, bucket: &str) -> Lookup {
    reader.pin().unwrap().lookup(Asker { host: None, namespace: "default" }, &BucketName::parse(bucket).unwrap(), "")
}

fn applied(outcome: Outcome) -> Applied {
    match outcome {
        Outcome::Applied(applied) => applied,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_quickstart_is_served_without_a_problem() {
    let (publisher, reader) = live();
    let mut configurator = Configurator::new(QUICKSTART.into(), ProcessRules::default(), publisher);
    let applied = applied(configurator.reload());
    assert_eq!((applied.served, applied.broken, &applied.findings), (1, 0, &vec![]));
    assert_eq!(applied.fingerprint, reader.pin().unwrap().fingerprint());
    let Lookup::Served(route) = lookup(&reader, "data") else { panic!() };
    let mapping = &route.backends.usable()[0].mapping;
    assert_eq!((mapping.backend_bucket.as_str(), mapping.prefix.as_str()), ("quickstart-data", "demo/"));
    assert_eq!(configurator.reload(), Outcome::Unchanged);
}

#[test]
fn law_2_a_change_that_is_not_yaml_is_refused_and_the_old_table_stays() {
    let dir = copy_of_quickstart();
    let (publisher, reader) = live();
    let mut configurator = Configurator::new(dir.path().to_owned(), ProcessRules::default(), publisher);
    applied(configurator.reload());
    let before = reader.pin().unwrap();

    edit(dir.path(), "routes.yaml", "bucket: data", "bucket: moved");
    fs::write(dir.path().join("clients.yaml"), "a: [").unwrap();
    let Outcome::Refused(error) = configurator.reload() else { panic!() };
    assert_eq!(error.errors[0].file, "clients.yaml");
    assert!(Arc::ptr_eq(&before, &reader.pin().unwrap()));

    fs::copy(Path::new(QUICKSTART).join("clients.yaml"), dir.path().join("clients.yaml")).unwrap();
    applied(configurator.reload());
    assert!(matches!(lookup(&reader, "moved"), Lookup::Served(_)));
    assert!(matches!(lookup(&reader, "data"), Lookup::Absent));
}

#[test]
fn nothing_is_published_when_the_first_load_fails() {
    let dir = tempfile::tempdir().unwrap();
    let (publisher, reader) = live();
    let outcome = Configurator::new(dir.path().join("missing"), ProcessRules::default(), publisher).reload();
    assert!(matches!(outcome, Outcome::Refused(_)));
    assert!(reader.pin().is_none());
}

#[test]
fn a_document_that_is_not_valid_breaks_its_bucket_only() {
    let dir = copy_of_quickstart();
    let more = fs::read_to_string(dir.path().join("routes.yaml")).unwrap();
    let more = more.replace("name: data\n", "name: more\n").replace("bucket: data\n", "bucket: more\n");
    fs::write(dir.path().join("more.yaml"), more.replace("addressingStyle: Path", "addressingStyle: Pfad")).unwrap();
    let (publisher, reader) = live();
    let applied = applied(Configurator::new(dir.path().to_owned(), ProcessRules::default(), publisher).reload());
    assert_eq!((applied.served, applied.broken), (1, 1));
    assert!(matches!(lookup(&reader, "data"), Lookup::Served(_)));
    assert!(matches!(lookup(&reader, "more"), Lookup::Broken));
    assert_eq!(
        applied.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "more.yaml#1 BucketRoute default/more spec.backends[0].addressingStyle: Invalid: must be one of Path, VirtualHost"
        ]
    );
}

#[tokio::test]
async fn a_running_configurator_follows_the_directory() {
    let dir = copy_of_quickstart();
    let (publisher, reader) = live();
    let (sender, mut outcomes) = mpsc::unbounded_channel();
    let configurator = Configurator::new(dir.path().to_owned(), ProcessRules::default(), publisher);
    let running = tokio::spawn(configurator.run(move |outcome| drop(sender.send(outcome.clone()))));
    let next = async |outcomes: &mut mpsc::UnboundedReceiver<Outcome>| {
        tokio::time::timeout(Duration::from_secs(10), outcomes.recv()).await.expect("no outcome").unwrap()
    };
    applied(next(&mut outcomes).await);

    // The bound of one second is asserted by the end-to-end tests; a busy build machine must not fail here.
    edit(dir.path(), "routes.yaml", "bucket: data", "bucket: moved");
    loop {
        if let Outcome::Applied(_) = next(&mut outcomes).await {
            break;
        }
    }
    assert!(matches!(lookup(&reader, "moved"), Lookup::Served(_)));

    fs::write(dir.path().join("routes.yaml"), "{").unwrap();
    while !matches!(next(&mut outcomes).await, Outcome::Refused(_)) {}
    assert!(matches!(lookup(&reader, "moved"), Lookup::Served(_)));
    running.abort();
}
