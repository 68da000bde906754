//! Sends requests over connections that are kept as long as the gateway keeps them.

use std::sync::Arc;

use osp_test_support::http2::{Outcome, Session};
use osp_test_support::{Connection, Request, Response, World};

use crate::forms::Front;

/// One HTTP/1.1 and one HTTP/2 connection, made when they are needed.
#[derive(Default)]
pub struct Client {
    http1: Option<Connection>,
    http2: Option<Session>,
}

impl Client {
    /// The answer, or how the exchange ended without one.
    pub fn send(&mut self, world: &World, front: Front, request: &Request) -> Result<Response, String> {
        if front.is_http2() { self.send_http2(world, request) } else { self.send_http1(world, request) }
    }

    fn send_http1(&mut self, world: &World, request: &Request) -> Result<Response, String> {
        // A kept connection may have ended meanwhile: then the request has not been read, and another one takes it.
        if let Some(mut kept) = self.http1.take()
            && let Ok(response) = kept.send(request)
        {
            return Ok(self.keep(kept, response));
        }
        let mut fresh = world.connect();
        let response = fresh.send(request).map_err(|error| error.to_string())?;
        Ok(self.keep(fresh, response))
    }

    fn keep(&mut self, connection: Connection, response: Response) -> Response {
        let closes = response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        self.http1 = (response.complete && !closes).then_some(connection);
        response
    }

    fn send_http2(&mut self, world: &World, request: &Request) -> Result<Response, String> {
        let authority = request.value("host");
        let mut last = String::new();
        for _ in 0..2 {
            let mut session = match self.http2.take() {
                Some(session) => session,
                None => Session::connect(world.gateway.https(), Arc::clone(&world.authority.client(&[b"h2"])))
                    .map_err(|error| error.to_string())?,
            };
            match session.exchange(authority, request, false) {
                Outcome::Answer(response) => {
                    self.http2 = Some(session);
                    return Ok(response);
                }
                Outcome::Refused(why) => last = why,
            }
        }
        Err(last)
    }
}
