//! Pages of other origins (CORS): preflights are answered here, before anybody has signed, and every other answer is marked
//! at one place, by the route that it comes from.
//!
//! What a backend says about origins never counts: `forward` keeps its `Access-Control-*` from clients, whether the route
//! has rules or not. Source: AWS "Using cross-origin resource sharing (CORS)", Fetch standard "HTTP-network-or-cache fetch".

use http::header;
use osp_core::Denial;
use osp_core::model::{CorsGrant, CorsMethod, CorsRequest};
use osp_core::s3::{RawHead, Target};
use osp_core::table::{CorsPlace, RouteTable};
use pingora_http::ResponseHeader;

use crate::flight::Flight;
use crate::respond::Answer;

/// What the answers depend on, as AWS says it.
const VARY: [&str; 3] = ["Origin", "Access-Control-Request-Headers", "Access-Control-Request-Method"];

/// What the page of another origin is told.
#[derive(Debug)]
pub struct CrossOrigin {
    asked: CorsRequest,
    /// By what is known so far: without a permit, the route is not.
    grant: Option<CorsGrant>,
    is_preflight: bool,
}

/// Answers a preflight: no backend is asked, and nobody has signed.
///
/// # Errors
/// [`Denial::CorsRefused`], whether no rule grants it, there are no rules, or there is no bucket (CL-8).
pub fn preflight(head: &RawHead, target: &Target, table: &RouteTable, flight: &mut Flight) -> Result<Answer, Denial> {
    flight.facts.operation = Some("Preflight");
    let asked = CorsRequest::of_preflight(head).ok_or(Denial::CorsRefused)?;
    let place = place(target, asked.method).ok_or(Denial::CorsRefused)?;
    let grant = table.cors_for_anybody(place, &asked).ok_or(Denial::CorsRefused)?;
    flight.facts.allowed = true;
    flight.cors = Some(Box::new(CrossOrigin { asked, grant: Some(grant), is_preflight: true }));
    Ok(Answer::new(200, Vec::new()))
}

/// Notes for [`mark`] what the rules grant to the page that sent a request, if one did: by what is for anybody, as long as
/// nobody has proved to be one.
pub fn note(head: &RawHead, target: &Target, table: &RouteTable, flight: &mut Flight) {
    let Some(asked) = CorsRequest::of_request(head) else { return };
    let grant = place(target, asked.method).and_then(|place| table.cors_for_anybody(place, &asked));
    flight.cors = Some(Box::new(CrossOrigin { asked, grant, is_preflight: false }));
}

/// The same once the sender has proved to be one: by the rules that are for them.
pub fn note_sender(target: &Target, table: &RouteTable, flight: &mut Flight) {
    let (Some(cross), Some(principal)) = (&mut flight.cors, &flight.facts.principal) else { return };
    let namespace = &principal.identity().namespace;
    let place = place(target, cross.asked.method);
    cross.grant = place.and_then(|place| table.cors_for(namespace, place, &cross.asked));
}

/// Writes the headers for pages of other origins into an answer. Every answer head passes here once: those of
/// `respond.rs`, and those of backends after all others of theirs were judged.
///
/// # Errors
/// [`Denial::Internal`] when a header cannot be written.
pub fn mark(head: &mut ResponseHeader, flight: &Flight) -> Result<(), Denial> {
    // Once there is a permit its route is the one that counts, whatever was noted before.
    let route = flight.permitted().ok().map(|permit| &permit.route().cors);
    let granted = match (&flight.cors, route) {
        (None, _) => None,
        (Some(cross), Some(rules)) => rules.grant(&cross.asked).map(|grant| (cross, grant)),
        (Some(cross), None) => cross.grant.clone().map(|grant| (cross, grant)),
    };
    if granted.is_some() || route.is_some_and(|rules| !rules.is_empty()) {
        vary(head)?;
    }
    let Some((cross, grant)) = granted else { return Ok(()) };
    if grant.any_origin {
        set(head, "Access-Control-Allow-Origin", "*")?;
    } else {
        set(head, "Access-Control-Allow-Origin", &cross.asked.origin)?;
        set(head, "Access-Control-Allow-Credentials", "true")?;
    }
    if !grant.exposed.is_empty() {
        set(head, "Access-Control-Expose-Headers", &grant.exposed.join(", "))?;
    }
    if !cross.is_preflight {
        return Ok(());
    }
    let methods: Vec<&str> = grant.methods.iter().map(|method| method.word()).collect();
    set(head, "Access-Control-Allow-Methods", &methods.join(", "))?;
    if !cross.asked.headers.is_empty() {
        set(head, "Access-Control-Allow-Headers", &cross.asked.headers.join(", "))?;
    }
    match grant.max_age_seconds {
        Some(seconds) => set(head, "Access-Control-Max-Age", &seconds.to_string()),
        None => Ok(()),
    }
}

fn place(target: &Target, method: CorsMethod) -> Option<CorsPlace<'_>> {
    let names = (target.bucket.as_ref()?, target.key.as_ref());
    Some(CorsPlace::new(target.base_host.as_deref(), names, &target.query, method))
}

/// Adds [`VARY`] to what the answer depends on already.
fn vary(head: &mut ResponseHeader) -> Result<(), Denial> {
    let lines = head.headers.get_all(header::VARY).iter().filter_map(|line| line.to_str().ok());
    let before: Vec<String> = lines
        .flat_map(|line| line.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    let is_new = |name: &&str| !before.iter().any(|one| one.eq_ignore_ascii_case(name));
    let all: Vec<&str> = before.iter().map(String::as_str).chain(VARY.into_iter().filter(is_new)).collect();
    set(head, "Vary", &all.join(", "))
}

fn set(head: &mut ResponseHeader, name: &'static str, value: &str) -> Result<(), Denial> {
    head.insert_header(name, value).map_err(|_| Denial::Internal("a header for other origins could not be written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varies(lines: &[&str]) -> String {
        let mut head = ResponseHeader::build(200, None).unwrap();
        for line in lines {
            head.append_header("vary", *line).unwrap();
        }
        vary(&mut head).unwrap();
        let [value] = head.headers.get_all("vary").iter().collect::<Vec<_>>()[..] else { panic!("{head:?}") };
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn s3_7_13_what_a_backend_varies_by_stays() {
        let own = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
        assert_eq!(varies(&[]), own);
        let added = own.strip_prefix("Origin").unwrap();
        assert_eq!(varies(&["Accept-Encoding, origin", "x"]), format!("Accept-Encoding, origin, x{added}"));
        assert_eq!(varies(&[own]), own, "nothing twice");
    }
}
