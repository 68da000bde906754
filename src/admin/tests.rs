use std::net::SocketAddr;

use osp_core::table::{Publisher, RouteTable, live};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const LOOPBACK: &str = "127.0.0.1";

struct Fixture {
    admin: Admin,
    publisher: Publisher,
    drain: watch::Sender<bool>,
}

fn fixture() -> Fixture {
    let (publisher, table) = live();
    let (drain, draining) = watch::channel(false);
    let settings = Arc::new(json!({ "region": "eu-de" }));
    let base_hosts = Arc::from(["s3.example.com".to_owned()]);
    let admin = Admin { table, draining, metrics: Metrics::new().unwrap(), settings, base_hosts };
    Fixture { admin, publisher, drain }
}

fn status(fixture: &Fixture, peer: &str, method: Method, path: &str) -> u16 {
    answer(&fixture.admin, peer.parse().unwrap(), &method, &path.parse().unwrap()).status().as_u16()
}

/// A request over a socket, as a scraper sends it; the whole answer.
async fn over_the_wire(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[test]
fn ready_means_a_table_in_force_and_not_draining() {
    let fixture = fixture();
    assert_eq!(status(&fixture, LOOPBACK, Method::GET, "/readyz"), 503, "no table yet");
    fixture.publisher.publish(RouteTable::default());
    assert_eq!(status(&fixture, LOOPBACK, Method::GET, "/readyz"), 200);
    fixture.drain.send(true).unwrap();
    assert_eq!(status(&fixture, LOOPBACK, Method::GET, "/readyz"), 503, "draining");
    assert_eq!(status(&fixture, LOOPBACK, Method::GET, "/livez"), 200, "alive all the same");
}

#[test]
fn the_configuration_is_for_loopback_peers_only() {
    let fixture = fixture();
    for peer in [LOOPBACK, "::1", "::ffff:127.0.0.1"] {
        assert_eq!(status(&fixture, peer, Method::GET, "/config"), 200, "{peer}");
    }
    for peer in ["10.0.0.7", "::ffff:10.0.0.7", "2001:db8::1"] {
        assert_eq!(status(&fixture, peer, Method::GET, "/config"), 403, "{peer}");
        assert_eq!(status(&fixture, peer, Method::GET, "/metrics"), 200, "{peer}");
    }
}

#[test]
fn only_reading_is_possible() {
    let fixture = fixture();
    assert_eq!(status(&fixture, LOOPBACK, Method::HEAD, "/livez"), 200);
    assert_eq!(status(&fixture, LOOPBACK, Method::POST, "/livez"), 405);
    assert_eq!(status(&fixture, LOOPBACK, Method::PUT, "/config"), 405);
    assert_eq!(status(&fixture, LOOPBACK, Method::GET, "/"), 404);
}

#[test]
fn explanations_are_for_loopback_peers_that_only_read_and_ask_well() {
    const ASKED: &str = "/explain?client=team/spark&operation=GetObject&bucket=data&key=k";
    let fixture = fixture();
    assert_eq!(status(&fixture, LOOPBACK, Method::GET, ASKED), 503, "no table yet");
    fixture.publisher.publish(RouteTable::default());
    for peer in [LOOPBACK, "::1", "::ffff:127.0.0.1"] {
        assert_eq!(status(&fixture, peer, Method::GET, ASKED), 200, "{peer}");
    }
    for peer in ["10.0.0.7", "::ffff:10.0.0.7", "2001:db8::1"] {
        assert_eq!(status(&fixture, peer, Method::GET, ASKED), 403, "{peer}");
        assert_eq!(status(&fixture, peer, Method::GET, "/explain"), 403, "{peer}: nothing is read of it");
    }
    assert_eq!(status(&fixture, LOOPBACK, Method::HEAD, ASKED), 200);
    assert_eq!(status(&fixture, LOOPBACK, Method::POST, ASKED), 405);
    for query in ["", "?", "?client=team/spark", "?client=a/b&operation=GetObject&bucket=data", "?client=%"] {
        assert_eq!(status(&fixture, LOOPBACK, Method::GET, &format!("/explain{query}")), 400, "{query}");
    }
}

#[tokio::test]
async fn it_answers_over_the_wire_and_stops_when_told() {
    let fixture = fixture();
    fixture.publisher.publish(RouteTable::default());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    let server = tokio::spawn(serve(listener, fixture.admin.clone(), stopping));

    let metrics = over_the_wire(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    assert!(metrics.contains("\nosp_memory_bytes ") && metrics.contains("version=0.0.4"), "{metrics}");

    let config = over_the_wire(address, "GET /config HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let body: Value = serde_json::from_str(config.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["settings"]["region"], "eu-de");
    assert_eq!(body["table"], json!({ "hash": "0000000000000000", "routes": [], "broken": [] }));

    stop.send(true).unwrap();
    server.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "the port is free again");
}

#[tokio::test]
async fn nonsense_on_one_connection_does_not_stop_the_next() {
    let fixture = fixture();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopping) = watch::channel(false);
    let server = tokio::spawn(serve(listener, fixture.admin.clone(), stopping));
    assert!(over_the_wire(address, "\u{1}\u{2}\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    assert!(over_the_wire(address, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.ends_with("ok\n"));
    server.abort();
}
