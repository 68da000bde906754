//! The documents of `--config-dir`, written as YAML text, and the directory that holds them.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::request::Key;

/// The namespace of every document here.
pub const NAMESPACE: &str = "team";

fn head(kind: &str, name: &str) -> String {
    let version = if matches!(kind, "Secret" | "ConfigMap") { "v1" } else { "osp.flexworks.eu/v1alpha1" };
    format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {NAMESPACE}}}\n")
}

fn secret(name: &str, id: &str, key: &str) -> String {
    format!("{}stringData:\n  AWS_ACCESS_KEY_ID: \"{id}\"\n  AWS_SECRET_ACCESS_KEY: \"{key}\"\n", head("Secret", name))
}

/// A `ClientIdentity` called `name` with its `Secret`.
#[must_use]
pub fn client(name: &str, key: Key) -> String {
    let identity =
        format!("{}spec:\n  accessKey:\n    secretRefs: [{{name: {name}-key}}]\n", head("ClientIdentity", name));
    format!("{}---\n{identity}", secret(&format!("{name}-key"), key.id, key.secret))
}

/// A `CredentialSource` called `name` with its `Secret`.
#[must_use]
pub fn credential(name: &str, key: Key) -> String {
    let source = format!("{}spec:\n  secret: {{name: {name}-key}}\n", head("CredentialSource", name));
    format!("{}---\n{source}", secret(&format!("{name}-key"), key.id, key.secret))
}

/// A `ConfigMap` with the PEM text of an authority under `ca.crt`.
#[must_use]
pub fn authority(name: &str, pem: &str) -> String {
    let indented: String = pem.lines().map(|line| format!("    {line}\n")).collect();
    format!("{}data:\n  ca.crt: |\n{indented}", head("ConfigMap", name))
}

/// A `BucketRoute` in the making.
#[derive(Debug, Clone)]
pub struct Route {
    bucket: String,
    backend: Vec<String>,
    access: Vec<String>,
    deny: Vec<String>,
}

impl Route {
    /// A route of `bucket` to `backend_bucket` at `endpoint`, with the credential `backend`.
    #[must_use]
    pub fn new(bucket: &str, endpoint: &str, backend_bucket: &str) -> Self {
        let backend = [
            "name: main".to_owned(),
            format!("endpoint: \"{endpoint}\""),
            "region: eu-test-1".to_owned(),
            "addressingStyle: Path".to_owned(),
            format!("bucket: \"{backend_bucket}\""),
            "credentialRef: {name: backend}".to_owned(),
        ];
        Self { bucket: bucket.to_owned(), backend: backend.to_vec(), access: Vec::new(), deny: Vec::new() }
    }

    /// One more field of the backend, for example `prefix: "a/"`.
    #[must_use]
    pub fn backend_field(mut self, line: &str) -> Self {
        self.backend.push(line.to_owned());
        self
    }

    /// Grants `permissions` (`Read, List`) on `prefixes` (empty = every key).
    #[must_use]
    pub fn allow(mut self, client: &str, permissions: &str, prefixes: &[&str]) -> Self {
        let name = format!("grant-{}", self.access.len());
        self.access.push(entry(&name, client, permissions, prefixes));
        self
    }

    /// Denies `permissions` on `prefixes` to `client`.
    #[must_use]
    pub fn deny(mut self, client: &str, permissions: &str, prefixes: &[&str]) -> Self {
        let name = format!("deny-{}", self.deny.len());
        self.deny.push(entry(&name, client, permissions, prefixes));
        self
    }

    /// The document.
    #[must_use]
    pub fn yaml(&self) -> String {
        let mut text = head("BucketRoute", &self.bucket);
        text.push_str(&format!("spec:\n  match: {{bucket: {}}}\n  backends:\n  - ", self.bucket));
        text.push_str(&self.backend.join("\n    "));
        text.push('\n');
        for (field, entries) in [("access", &self.access), ("deny", &self.deny)] {
            if !entries.is_empty() {
                text.push_str(&format!("  {field}:\n{}", entries.concat()));
            }
        }
        text
    }
}

fn entry(name: &str, client: &str, permissions: &str, prefixes: &[&str]) -> String {
    let mut text = format!("  - name: {name}\n    clientRef: {{name: {client}}}\n    permissions: [{permissions}]\n");
    if !prefixes.is_empty() {
        text.push_str(&format!("    prefixes: {prefixes:?}\n"));
    }
    text
}

/// A directory of documents that is removed with this value.
pub struct ConfigDir {
    dir: TempDir,
}

impl Default for ConfigDir {
    fn default() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }
}

impl ConfigDir {
    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Puts a file there in one step, as an editor or a ConfigMap mount does.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let (path, temporary) = (self.path().join(name), self.path().join(format!(".{name}.new")));
        std::fs::write(&temporary, text).unwrap();
        std::fs::rename(&temporary, &path).unwrap();
        path
    }

    /// Takes a file away.
    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.path().join(name)).unwrap();
    }
}
