//! The processes that are compared: nginx, the bare pingora proxy, OSP; and the null backend behind all of them.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use osp_test_support::certificate::Authority;
use osp_test_support::documents::{ConfigDir, Route, client, credential};
use osp_test_support::{ALICE, BACKEND, Backend};

/// `Host` of every request: the same bytes go to every arm, so one signature serves all.
pub const HOST: &str = "bench.test";

/// The bucket that has another name at the backend.
pub const RENAMED: &str = "renamed";

/// Everything that outlives a single arm.
pub struct Stage {
    pub dir: tempfile::TempDir,
    pub authority: Authority,
    /// Judges OSP's signatures; not measured.
    pub strict: Backend,
    null: Process,
    config: ConfigDir,
    programs: PathBuf,
    osp: PathBuf,
}

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arm {
    Nginx,
    Passthrough,
    Osp,
}

/// A started process with its addresses.
pub struct Process {
    child: Child,
    /// Where it serves HTTP.
    pub http: SocketAddr,
    /// Where it serves HTTPS, if it does.
    pub https: Option<SocketAddr>,
    /// Where it serves metrics, if it does.
    pub admin: Option<SocketAddr>,
    stop: &'static str,
}

impl Process {
    /// Process id of the program itself.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops it in the way that lets valgrind write its results, and waits.
    pub fn stop(mut self) {
        let _ = Command::new("kill").args([self.stop, &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Stage {
    /// Starts the backends and writes every configuration. `osp` is the release binary; the other programs stand beside
    /// this one.
    pub fn new(osp: PathBuf) -> Self {
        let programs = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(programs.join("osp-bench-backend"));
        let null = spawn_ready(&mut command, "-TERM");
        let authority = Authority::new("bench authority");
        authority.issue().write(dir.path());
        let strict = Backend::start(BACKEND);
        strict.create_bucket("bench");
        let config = ConfigDir::default();
        let endpoint = format!("http://{}", null.http);
        let routes = [("bench", &endpoint), (RENAMED, &endpoint), ("strict", &strict.endpoint())];
        config.write("bench.yaml", &documents(routes.map(|(bucket, endpoint)| route(bucket, endpoint))));
        std::fs::write(dir.path().join("osp.yaml"), "threads: 1\ndrainDelay: 0s\ndrainTimeout: 1s\n").unwrap();
        Self { dir, authority, strict, null, config, programs, osp }
    }

    /// Starts one arm; `wrapper` is put before the program (valgrind), or empty.
    pub fn start(&self, arm: Arm, wrapper: &[String]) -> Process {
        match arm {
            Arm::Nginx => self.nginx(wrapper),
            Arm::Passthrough => {
                let listen = free_address();
                let mut command = wrapped(wrapper, &self.programs.join("osp-bench-passthrough"));
                command.arg(listen.to_string()).arg(self.null.http.to_string());
                spawn_listening(&mut command, listen, None, "-INT")
            }
            Arm::Osp => self.osp(&self.config, wrapper),
        }
    }

    /// Starts OSP with so many routes, each of a bucket of its own; one of them is `bench`. The documents have to stay.
    pub fn start_with_routes(&self, count: usize, wrapper: &[String]) -> (Process, ConfigDir) {
        let config = ConfigDir::default();
        let endpoint = format!("http://{}", self.null.http);
        let names = (1..count).map(|number| format!("bucket-{number:06}")).chain(["bench".to_owned()]);
        config.write("routes.yaml", &documents(names.map(|name| route(&name, &endpoint))));
        (self.osp(&config, wrapper), config)
    }

    /// Starts OSP with these documents, these lines more in its settings, and metrics.
    pub fn start_with_settings(&self, documents: &str, settings: &str, wrapper: &[String]) -> (Process, ConfigDir) {
        let config = ConfigDir::default();
        config.write("documents.yaml", documents);
        let file = self.dir.path().join("more.yaml");
        std::fs::write(&file, format!("threads: 1\ndrainDelay: 0s\ndrainTimeout: 1s\n{settings}")).unwrap();
        let mut command = wrapped(wrapper, &self.osp);
        command.arg("serve").arg("--config-dir").arg(config.path()).arg("--config").arg(file);
        command.args(["--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        (spawn_ready(&mut command, "-TERM"), config)
    }

    /// Where the null backend is.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.null.http)
    }

    fn osp(&self, config: &ConfigDir, wrapper: &[String]) -> Process {
        let mut command = wrapped(wrapper, &self.osp);
        command.arg("serve").arg("--config-dir").arg(config.path());
        command.arg("--config").arg(self.dir.path().join("osp.yaml"));
        command.args(["--http-listen", "127.0.0.1:0", "--https-listen", "127.0.0.1:0", "--admin-listen", "off"]);
        command.arg("--tls-cert").arg(self.dir.path().join("tls.crt"));
        command.arg("--tls-key").arg(self.dir.path().join("tls.key"));
        spawn_ready(&mut command, "-TERM")
    }

    fn nginx(&self, wrapper: &[String]) -> Process {
        let (http, https) = (free_address(), free_address());
        let dir = self.dir.path();
        let file = dir.join(format!("nginx-{}.conf", http.port()));
        std::fs::write(&file, nginx_conf(dir, (http, https), self.null.http)).unwrap();
        let mut command = wrapped(wrapper, Path::new("nginx"));
        command.arg("-p").arg(dir).arg("-e").arg("/dev/null").arg("-c").arg(&file);
        spawn_listening(&mut command, http, Some(https), "-TERM")
    }
}

fn route(bucket: &str, endpoint: &str) -> String {
    let at_backend = match bucket {
        RENAMED => "listed",
        "strict" => "bench",
        same => same,
    };
    Route::new(bucket, endpoint, at_backend).allow("alice", "Read, List, Write, Delete", &[]).yaml()
}

/// These routes with the client and the credential that they name.
fn documents(routes: impl IntoIterator<Item = String>) -> String {
    let named = [client("alice", ALICE), credential("backend", BACKEND)];
    named.into_iter().chain(routes).collect::<Vec<_>>().join("---\n")
}

/// The fair settings of performance.md 1.1: keep-alive to the backend, no spooling to disk, large buffers, one worker.
fn nginx_conf(dir: &Path, (http, https): (SocketAddr, SocketAddr), backend: SocketAddr) -> String {
    let dir = dir.display();
    format!(
        "daemon off; master_process off; worker_processes 1; error_log /dev/null crit; pid {dir}/nginx-{port}.pid;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n  access_log off; keepalive_requests 100000000; client_max_body_size 0; sendfile on; tcp_nodelay on;\n  \
         client_body_temp_path {dir}/c; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; \
         scgi_temp_path {dir}/s;\n  \
         upstream null {{ server {backend}; keepalive 256; keepalive_requests 100000000; }}\n  \
         server {{\n    listen {http}; listen {https} ssl;\n    \
         ssl_certificate {dir}/tls.crt; ssl_certificate_key {dir}/tls.key; ssl_protocols TLSv1.3;\n    \
         location / {{ proxy_pass http://null; proxy_http_version 1.1; proxy_set_header Connection \"\"; \
         proxy_request_buffering off; proxy_max_temp_file_size 0; proxy_buffer_size 16k; proxy_buffers 8 64k; \
         proxy_busy_buffers_size 128k; client_body_buffer_size 128k; }}\n  }}\n}}\n",
        port = http.port()
    )
}

fn wrapped(wrapper: &[String], program: &Path) -> Command {
    let Some((first, rest)) = wrapper.split_first() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(rest).arg(program);
    command
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A program that prints a ready line with its addresses.
fn spawn_ready(command: &mut Command, stop: &'static str) -> Process {
    use std::io::BufRead as _;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: serde_json::Value =
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{command:?} did not become ready"));
    let address = |name: &str| ready[name].as_str().and_then(|text| text.parse().ok());
    Process { child, http: address("http").unwrap(), https: address("https"), admin: address("admin"), stop }
}

/// A program that is ready when its port accepts.
fn spawn_listening(command: &mut Command, http: SocketAddr, https: Option<SocketAddr>, stop: &'static str) -> Process {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let deadline = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(http).is_err() {
        assert!(Instant::now() < deadline, "{command:?} does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    Process { child, http, https, admin: None, stop }
}
