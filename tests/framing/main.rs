//! Where a message ends: request smuggling, desynchronisation and slow clients, with raw sockets (security.md 1, 2.4 H,
//! 2.6 R). What a single malformed head gets is in `tests/heads.rs`; here every one of them stands on a connection with
//! requests before and after it, and the backend counts.
//!
//! The hidden or following request is always a `DELETE` that would be allowed by itself, correctly signed by Alice. So
//! if any byte of one message is ever taken for another message, an object is gone and the backend has seen it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod bodies;
mod deadlines;
mod frames;
mod heads;
mod http2;
mod reuse;

use std::sync::MutexGuard;

use osp_test_support::{Connection, Request, Response, World};

/// The object that no test may lose.
const VICTIM: &str = "/alpha/victim";

fn world() -> MutexGuard<'static, World> {
    let world = World::shared(env!("CARGO_BIN_EXE_osp"));
    seed(&world);
    world
}

fn seed(world: &World) {
    world.backend.seed("alpha-at-backend", "victim", b"safe");
    world.backend.seed("alpha-at-backend", "k", b"content");
    world.backend.forget();
}

/// The request that must not be taken out of another one.
fn deletion(world: &World) -> Request {
    world.signed("DELETE", VICTIM)
}

/// A good request for an object that is there.
fn read(world: &World) -> Request {
    world.signed("GET", "/alpha/k")
}

/// The object is there, and nobody asked to delete it.
fn assert_unharmed(world: &World, what: &str) {
    let lines: Vec<String> = world.backend.settled().iter().map(|seen| seen.line()).collect();
    assert!(!lines.iter().any(|line| line.contains("victim")), "{what}: {lines:?}");
    assert_eq!(world.backend.object("alpha-at-backend", "victim").as_deref(), Some(&b"safe"[..]), "{what}");
    world.assert_silent();
}

/// The refusal that ends a connection: status, code, `Connection: close`, then no byte more.
fn assert_last(connection: &mut Connection, response: &Response, what: &str) {
    assert_eq!(response.header("connection"), Some("close"), "{what}: {response:?}");
    connection.finish_writing();
    let rest = connection.read_to_end().unwrap_or_else(|error| panic!("{what}: the connection stays: {error}"));
    assert!(rest.is_empty(), "{what}: bytes after the last answer: {}", String::from_utf8_lossy(&rest));
}
