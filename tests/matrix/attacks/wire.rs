//! Framing, hosts and hop-by-hop headers (H, P03, D12). HTTP/2 cannot carry most of them.

use osp_test_support::Request;

use super::{Attack, Effect, FULL, after, attack, denied};
use crate::model::{Code, INVALID_ARGUMENT, INVALID_REQUEST};

/// An HTTP/1.1 request with one more header line is refused.
fn line(name: &'static str, value: &'static str, codes: &'static [Code]) -> Attack {
    let act = after(move |request, target| {
        if target.front.is_http2() {
            return None;
        }
        request.headers.push((name.to_owned(), value.to_owned()));
        denied(codes)
    });
    attack("H", format!("{name}: {}", value.escape_debug()), FULL, act)
}

fn again(name: &'static str) -> Attack {
    let act = after(move |request, target| {
        let value = request.headers.iter().find(|(header, _)| header == name)?.1.clone();
        if target.front.is_http2() && name == "host" {
            return None;
        }
        request.headers.push((name.to_owned(), value));
        denied(&[INVALID_ARGUMENT])
    });
    attack("H", format!("{name} twice"), FULL, act)
}

fn host(value: &'static str) -> Attack {
    let act = after(move |request, target| {
        if target.front.is_http2() {
            return None;
        }
        set(request, "host", value)?;
        denied(&[INVALID_REQUEST])
    });
    attack("P03", format!("Host: {value:?}"), FULL, act)
}

fn set(request: &mut Request, name: &str, value: &str) -> Option<()> {
    value.clone_into(&mut request.headers.iter_mut().find(|(header, _)| header == name)?.1);
    Some(())
}

pub(super) fn all() -> Vec<Attack> {
    let wrong: &[Code] = &[INVALID_REQUEST];
    let mut all = vec![
        line("connection", "authorization", wrong),
        line("connection", "x-amz-content-sha256", wrong),
        line("connection", "close, host", wrong),
        line("connection", "x-amz-date", wrong),
        line("x_amz_acl", "public-read", wrong),
        line("transfer-encoding ", "chunked", wrong),
        line("transfer-encoding", "xchunked", wrong),
        line("transfer-encoding", "identity, chunked", wrong),
        line("x-folded", "a\r\n b", wrong),
        line("x-nul", "a\0b", wrong),
        line("x-cr", "a\rb", wrong),
        line("x-injected", "a\r\nx-amz-acl: public-read\r\n: b", wrong),
        line("host", "other.test", &[INVALID_ARGUMENT]),
        line("expect", "200-maybe", wrong),
    ];
    all.extend(["host", "authorization", "x-amz-date", "x-amz-content-sha256", "content-length"].map(again));
    all.extend(["", "a/b", "user@host", "a b", "host:port", "[::1", "a%2eb"].map(host));
    for form in ["http://other.test", "vault", "https://user@other.test"] {
        let act = after(move |request, target| {
            if target.front.is_http2() {
                return None;
            }
            request.path = format!("{form}{}", request.path);
            denied(&[INVALID_REQUEST])
        });
        all.push(attack("P03", format!("a target that begins with {form}"), FULL, act));
    }
    let both = after(|request, target| {
        if target.front.is_http2() || !request.headers.iter().any(|(name, _)| name == "content-length") {
            return None;
        }
        request.headers.push(("transfer-encoding".to_owned(), "chunked".to_owned()));
        denied(&[INVALID_REQUEST])
    });
    all.push(attack("H", "Transfer-Encoding beside Content-Length", FULL, both));
    all.extend(harmless());
    all
}

/// What says something about the way and nothing about the request.
fn harmless() -> Vec<Attack> {
    let everywhere = [
        ("P03", "x-forwarded-host", "other.test"),
        ("P03", "forwarded", "for=10.1.2.3;host=other.test"),
        ("P03", "x-forwarded-for", "10.1.2.3"),
        ("D12", "x-http-method-override", "DELETE"),
        ("H", "cookie", "a=b"),
    ];
    let of_http1 =
        [("H", "keep-alive", "timeout=5"), ("H", "proxy-authorization", "Basic eDp5"), ("H", "upgrade", "websocket")];
    let add = |(id, name, value): (&'static str, &'static str, &'static str), http1_only: bool| {
        let act = after(move |request, target| {
            if http1_only && target.front.is_http2() {
                return None;
            }
            request.headers.push((name.to_owned(), value.to_owned()));
            Some(Effect::Harmless)
        });
        attack(id, format!("an unsigned {name}"), FULL, act)
    };
    everywhere.map(|row| add(row, false)).into_iter().chain(of_http1.map(|row| add(row, true))).collect()
}
