//! A cluster for one gateway: the fake API server of `tests/apiserver` over TCP, and the backend that its routes lead to.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use osp_fake_apiserver::{ApiServer, Listening, custom, secret};
use osp_test_support::{ALICE, BACKEND, Backend};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// In `team-a`: Alice, the credential `backend`, and the route `alpha`, on which she may read and list.
pub struct Cluster {
    pub server: ApiServer,
    pub backend: Backend,
    dir: TempDir,
    _listening: Listening,
    _runtime: Runtime,
}

impl Cluster {
    pub fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let server = ApiServer::default();
        let listening = runtime.block_on(server.listen());
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("kubeconfig"), listening.kubeconfig()).unwrap();
        let backend = Backend::start(BACKEND);
        backend.seed("b", "k", b"content");
        let cluster = Self { server, backend, dir, _listening: listening, _runtime: runtime };
        for (name, key) in [("alice", ALICE), ("backend", BACKEND)] {
            let (id, text) = (STANDARD.encode(key.id), STANDARD.encode(key.secret));
            let data = [("AWS_ACCESS_KEY_ID", &*id), ("AWS_SECRET_ACCESS_KEY", &*text)];
            cluster.server.apply(secret("team-a", name, &data));
        }
        let source = json!({"className": "osp", "secret": {"name": "backend"}});
        cluster.server.apply(custom("CredentialSource", "team-a", "backend", source));
        let client = json!({"className": "osp", "accessKey": {"secretRefs": [{"name": "alice"}]}});
        cluster.server.apply(custom("ClientIdentity", "team-a", "alice", client));
        cluster.server.apply(cluster.route("alpha", &["Read", "List"]));
        cluster
    }

    /// A route of this name and bucket to the backend's bucket `b`. What Alice may do on it: nothing, if that is empty.
    pub fn route(&self, bucket: &str, permissions: &[&str]) -> Value {
        let access = json!([{"name": "alice", "clientRef": {"name": "alice"}, "permissions": permissions}]);
        custom(
            "BucketRoute",
            "team-a",
            bucket,
            json!({
                "className": "osp",
                "match": {"bucket": bucket},
                "backends": [{
                    "name": "main", "endpoint": self.backend.endpoint(), "bucket": "b", "region": "eu-test-1",
                    "credentialRef": {"name": "backend"},
                }],
                "access": if permissions.is_empty() { json!([]) } else { access },
            }),
        )
    }

    /// The file that leads to the server. It is JSON, in a directory of its own.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("kubeconfig")
    }
}
