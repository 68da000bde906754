//! A bare pingora proxy with the gateway's allocator, buffers and pool, and nothing else: the floor that no gateway on
//! pingora can be below.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::listeners::ListenerConfig;
use pingora_core::protocols::l4::stream::L4BufferSettings;
use pingora_core::server::Server;
use pingora_core::server::configuration::ServerConf;
use pingora_core::services::listening::Service;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::Result;
use pingora_proxy::{ProxyHttp, Session, http_proxy};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Passthrough {
    backend: SocketAddr,
}

#[async_trait]
impl ProxyHttp for Passthrough {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _session: &mut Session, _ctx: &mut ()) -> Result<Box<HttpPeer>> {
        let mut peer = HttpPeer::new(self.backend, false, String::new());
        peer.options.connection_timeout = Some(Duration::from_secs(3));
        peer.options.read_timeout = Some(Duration::from_secs(120));
        peer.options.write_timeout = Some(Duration::from_secs(60));
        peer.options.idle_timeout = Some(Duration::from_secs(30));
        Ok(Box::new(peer))
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(backend)) = (arguments.next(), arguments.next().and_then(|text| text.parse().ok())) else {
        eprintln!("usage: osp-bench-passthrough LISTEN BACKEND [THREADS]");
        std::process::exit(2);
    };
    let conf = ServerConf {
        threads: arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1),
        upstream_keepalive_pool_size: 4096,
        max_retries: 1,
        max_blocking_threads: Some(32),
        grace_period_seconds: Some(1),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let proxy = http_proxy(&server.configuration, Passthrough { backend });
    let mut service = Service::new("passthrough".to_owned(), proxy);
    service.add_listener(ListenerConfig::tcp(&listen).l4_buffer(L4BufferSettings::new(4 * 1024, 16 * 1024)));
    server.add_service(service);
    server.run_forever();
}
