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

/// A document of this kind with this `spec`, indented by two spaces.
#[must_use]
pub fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("{}spec:\n{spec}", head(kind, name))
}

/// A `Secret` with the values of these keys, one line or many.
#[must_use]
pub fn secret_of(name: &str, values: &[(&str, &str)]) -> String {
    let mut text = format!("{}stringData:\n", head("Secret", name));
    for (key, value) in values {
        text.push_str(&format!("  {key}: {value:?}\n"));
    }
    text
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
    backends: Vec<Vec<String>>,
    traffic: Vec<String>,
    access: Vec<String>,
    deny: Vec<String>,
    cors: Vec<String>,
    hooks: Vec<String>,
}

impl Route {
    /// A route of `bucket` to `backend_bucket` at `endpoint`, with the credential `backend`.
    #[must_use]
    pub fn new(bucket: &str, endpoint: &str, backend_bucket: &str) -> Self {
        let empty = Vec::new;
        let (traffic, access, deny, cors, hooks) = (vec![], vec![], vec![], vec![], vec![]);
        let route = Self { bucket: bucket.to_owned(), backends: empty(), traffic, access, deny, cors, hooks };
        route.backend("main", endpoint, backend_bucket)
    }

    /// One more backend, as the one of [`Self::new`].
    #[must_use]
    pub fn backend(mut self, name: &str, endpoint: &str, backend_bucket: &str) -> Self {
        let backend = [
            format!("name: {name}"),
            format!("endpoint: \"{endpoint}\""),
            "region: eu-test-1".to_owned(),
            "addressingStyle: Path".to_owned(),
            format!("bucket: \"{backend_bucket}\""),
            "credentialRef: {name: backend}".to_owned(),
        ];
        self.backends.push(backend.to_vec());
        self
    }

    /// One field of `traffic`, for example `writes: main`.
    #[must_use]
    pub fn traffic(mut self, line: &str) -> Self {
        self.traffic.push(line.to_owned());
        self
    }

    /// One field of the last backend, for example `prefix: "a/"`; replaces one of the same name.
    #[must_use]
    pub fn backend_field(mut self, line: &str) -> Self {
        let name = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
        if let Some(backend) = self.backends.last_mut() {
            backend.retain(|other| name(other) != name(line));
            backend.push(line.to_owned());
        }
        self
    }

    /// Grants `permissions` (`Read, List`) on `prefixes` (empty = every key).
    #[must_use]
    pub fn allow(mut self, client: &str, permissions: &str, prefixes: &[&str]) -> Self {
        let name = format!("grant-{}", self.access.len());
        self.access.push(entry(&name, client, permissions, prefixes));
        self
    }

    /// Grants `permissions` on these buckets of a pattern.
    #[must_use]
    pub fn allow_buckets(mut self, client: &str, permissions: &str, buckets: &[&str]) -> Self {
        self = self.allow(client, permissions, &[]);
        if let Some(entry) = self.access.last_mut() {
            entry.push_str(&format!("    buckets: {buckets:?}\n"));
        }
        self
    }

    /// Denies `permissions` on `prefixes` to `client`.
    #[must_use]
    pub fn deny(mut self, client: &str, permissions: &str, prefixes: &[&str]) -> Self {
        let name = format!("deny-{}", self.deny.len());
        self.deny.push(entry(&name, client, permissions, prefixes));
        self
    }

    /// One more rule for pages of other origins, as a YAML flow mapping.
    #[must_use]
    pub fn cors(mut self, rule: &str) -> Self {
        self.cors.push(format!("  - {rule}\n"));
        self
    }

    /// Grants `permissions` to everybody whose signature is good.
    #[must_use]
    pub fn allow_everybody(mut self, permissions: &str) -> Self {
        let name = format!("grant-{}", self.access.len());
        self.access.push(format!("  - name: {name}\n    principal: Authenticated\n    permissions: [{permissions}]\n"));
        self
    }

    /// One more hook, as a YAML flow mapping.
    #[must_use]
    pub fn hook(mut self, hook: &str) -> Self {
        self.hooks.push(format!("  - {hook}\n"));
        self
    }

    /// The document.
    #[must_use]
    pub fn yaml(&self) -> String {
        // a pattern is no name of an object
        let name = self.bucket.replace('*', "any");
        let mut text = head("BucketRoute", &name);
        // and a star is no text without quotes
        let bucket = if self.bucket.contains('*') { format!("{:?}", self.bucket) } else { self.bucket.clone() };
        text.push_str(&format!("spec:\n  match: {{bucket: {bucket}}}\n  backends:\n"));
        for backend in &self.backends {
            text.push_str(&format!("  - {}\n", backend.join("\n    ")));
        }
        if !self.traffic.is_empty() {
            text.push_str(&format!("  traffic:\n    {}\n", self.traffic.join("\n    ")));
        }
        let lists = [("access", &self.access), ("deny", &self.deny), ("cors", &self.cors), ("hooks", &self.hooks)];
        for (field, entries) in lists {
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
