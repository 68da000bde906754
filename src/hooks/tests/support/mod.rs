//! A directory of hooks, and the hooks of it.
#![allow(dead_code, reason = "each test uses some of it")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use osp_core::access::Inquiry;
use osp_core::model::HookName;
use osp_hooks::{Hooks, Isolation, Metrics, Settings};

use prometheus::Registry;
use tempfile::TempDir;

pub const BOTH: [Isolation; 2] = [Isolation::Process, Isolation::Thread];

/// A mounted `ConfigMap`: every file is a link into `..data`, which is a link to the directory of one state.
pub struct Mount {
    pub dir: TempDir,
    states: u32,
}

impl Mount {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let mut mount = Self { dir: tempfile::tempdir().unwrap(), states: 0 };
        mount.swap(files);
        mount
    }

    /// What the kubelet's atomic writer does: a new directory, `..data_tmp`, a rename, links, and the old one is removed.
    pub fn swap(&mut self, files: &[(&str, &str)]) {
        let dir = self.dir.path();
        self.states += 1;
        let state = format!("..2026_11_22_{:06}", self.states);
        fs::create_dir(dir.join(&state)).unwrap();
        for (name, text) in files {
            fs::write(dir.join(&state).join(name), text).unwrap();
        }
        let old = fs::read_link(dir.join("..data")).ok();
        symlink(&state, dir.join("..data_tmp")).unwrap();
        fs::rename(dir.join("..data_tmp"), dir.join("..data")).unwrap();
        for (name, _) in files {
            let link = dir.join(name);
            if link.symlink_metadata().is_err() {
                symlink(Path::new("..data").join(name), link).unwrap();
            }
        }
        for entry in fs::read_dir(dir).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !name.starts_with("..") && !files.iter().any(|(file, _)| *file == name) {
                fs::remove_file(dir.join(name)).unwrap();
            }
        }
        if let Some(old) = old {
            fs::remove_dir_all(dir.join(old)).unwrap();
        }
    }

    pub fn settings(&self, isolation: Isolation) -> Settings {
        Settings {
            isolation,
            // two cores that others use too: the limits under test are those of single calls
            deadline: Duration::from_millis(1_500),
            load_timeout: Duration::from_secs(20),
            workers: 2,
            environment: BTreeMap::from([("BACKEND_SECRET".to_owned(), "0123456789abcdef".to_owned())]),
            program: env!("CARGO_BIN_EXE_osp-hooks-worker").into(),
            ..Settings::new(self.dir.path())
        }
    }

    pub async fn hooks(&self, isolation: Isolation) -> Hooks {
        start(self.settings(isolation)).await
    }
}

pub async fn start(settings: Settings) -> Hooks {
    Hooks::start(settings, Metrics::register(&Registry::new()).unwrap()).await.unwrap()
}

pub fn id(name: &str) -> HookName {
    HookName::new(name).unwrap()
}

/// A GET of `bucket/key` by `token`.
pub fn question(token: &str, bucket: &str, key: &str) -> Inquiry {
    Inquiry {
        token: token.to_owned(),
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        principal: format!("default/{token}"),
        method: "GET".to_owned(),
        operation: "GetObject".to_owned(),
        headers: [("host", "s3.example.com")].into_iter().collect(),
        source_ip: "192.0.2.1".parse().ok(),
        ..Inquiry::default()
    }
}
