//! May they: classify, ask, answer.

use osp_core::Denial;
use osp_core::access::{Decision, Hooks, Question, Request};
use osp_core::s3::{RawHead, Semantics, Target, classify};
use osp_core::sigv4::Verified;
use osp_core::table::RouteTable;

use crate::flight::Facts;

/// The request that is decided about.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Its head.
    pub head: &'a RawHead,
    /// What it names.
    pub target: &'a Target,
    /// Length of its body, if declared.
    pub content_length: Option<u64>,
    /// It came over TLS.
    pub secure: bool,
    /// Who answers for the hooks of routes.
    pub hooks: &'a dyn Hooks,
}

/// Decides a verified request against one pinned table.
///
/// # Errors
/// Those of [`classify`], [`Question::ask`] and [`Question::answer`].
pub async fn decide(
    verified: Verified,
    asked: Asked<'_>,
    table: &RouteTable,
    facts: &mut Facts,
) -> Result<Decision, Denial> {
    let Asked { head, target, content_length, secure, hooks } = asked;
    let semantics = Semantics::read(head, target)?;
    let operation = classify(head.method(), target, &semantics)?;
    facts.operation = Some(operation.name());
    let host = target.base_host.as_ref();
    let (query, address) = (&target.query, facts.client);
    let request = Request { operation, host, query, semantics: &semantics, content_length, secure, address };
    Question::ask(verified, request, table)?.answer(hooks).await
}
