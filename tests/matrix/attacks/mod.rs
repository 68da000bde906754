//! What is done to a good request: every signed part changed, and the attacks of the catalogue (design: security.md 2)
//! that one request can carry. Each says for which requests it exists and what has to come of it.

mod body;
mod form;
mod mechanism;
mod names;
mod signature;
mod wire;

use osp_test_support::Request;

use crate::forms::{Auth, Front};
use crate::model::{Code, Principal};
use crate::operations::Operation;
use crate::signing::Signing;

/// What has to come of it.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Denied before anything reached the backend.
    Head(Vec<Code>),
    /// Denied by the body.
    Body(Vec<Code>),
    /// Nothing: the request is served as if it had not been touched.
    Harmless,
}

/// The request that is attacked.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub operation: &'a Operation,
    pub auth: Auth,
    pub front: Front,
}

type Change<T> = Box<dyn Fn(&mut T, Target<'_>) -> Option<Effect>>;

/// When it is done. `None` = the attack does not exist for this request.
pub enum Act {
    /// Before signing: the client signs what it should not ask for.
    Draft(Change<Request>),
    /// While signing.
    Signing(Change<Signing>),
    /// After signing: an attacker without the key.
    Signed(Change<Request>),
}

pub struct Attack {
    /// The catalogue's handle, or `signed` for the parts that a signature covers.
    pub id: &'static str,
    pub name: String,
    pub by: &'static [Principal],
    pub act: Act,
}

const FULL: &[Principal] = &[Principal::Full];
const PREFIXED: &[Principal] = &[Principal::Prefixed];
/// A changed request of somebody without rights is denied as well: the signature or the grants may say so.
const FULL_AND_UNGRANTED: &[Principal] = &[Principal::Full, Principal::Ungranted];

fn attack(id: &'static str, name: impl Into<String>, by: &'static [Principal], act: Act) -> Attack {
    Attack { id, name: name.into(), by, act }
}

fn before(change: impl Fn(&mut Request, Target<'_>) -> Option<Effect> + 'static) -> Act {
    Act::Draft(Box::new(change))
}

fn signing(change: impl Fn(&mut Signing, Target<'_>) -> Option<Effect> + 'static) -> Act {
    Act::Signing(Box::new(change))
}

/// Adds `name=value` to the query.
fn add_pair(request: &mut Request, pair: &str) {
    if !request.query.is_empty() {
        request.query.push('&');
    }
    request.query.push_str(pair);
}

fn after(change: impl Fn(&mut Request, Target<'_>) -> Option<Effect> + 'static) -> Act {
    Act::Signed(Box::new(change))
}

fn denied(codes: &[Code]) -> Option<Effect> {
    Some(Effect::Head(codes.to_vec()))
}

fn denied_by_body(codes: &[Code]) -> Option<Effect> {
    Some(Effect::Body(codes.to_vec()))
}

/// Those on a form: it has nothing in its head that could be changed but what is about the way.
pub fn of_forms() -> Vec<Attack> {
    [wire::all(), form::all()].into_iter().flatten().collect()
}

/// All of them, but those on forms.
pub fn all() -> Vec<Attack> {
    [signature::all(), mechanism::all(), names::all(), wire::all(), body::all()].into_iter().flatten().collect()
}
