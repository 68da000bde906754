//! Requests as clients send them: another implementation signs, and from there on everything is as the gateway does it.
//! Nothing but a proof makes a question, and nothing but an answer makes a permit, in tests as well.

use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;

use crate::access::{Decision, Hooks, NoHooks, Permit, Question, Request};
use crate::s3::{BaseHosts, RawHead, Semantics, classify, parse};
use crate::sigv4::claim;
use crate::table::RouteTable;
use crate::{Denial, Timestamp};

const SIGNED_AT: i64 = 1_369_396_800;

/// One request, and how it comes.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    /// Method and raw target.
    pub(super) line: (&'a str, &'a str),
    /// Signed, too.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
    /// Instead of the hash of the body; the head says its length then.
    pub(super) payload: Option<&'static str>,
    /// Access key and secret.
    pub(super) keys: (&'a str, &'a str),
    pub(super) host: &'a str,
    /// By TLS.
    pub(super) secure: bool,
}

/// The outcome of something that waits for nobody.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("it waits"),
    }
}

/// A request of client `demo`, without a body.
pub(super) fn call<'a>(method: &'a str, target: &'a str) -> Call<'a> {
    let (headers, body, payload) = (&[][..], &[][..], None);
    let (keys, host) = (("AKIADEMO", "demo-secret"), "s3.osp.test");
    Call { line: (method, target), headers, body, payload, keys, host, secure: false }
}

impl Call<'_> {
    /// The head on the wire.
    fn head(&self) -> RawHead {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let identity = Credentials::new(self.keys.0, self.keys.1, None, None, "test").into();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(SIGNED_AT.unsigned_abs());
        let parameters = v4::SigningParams::builder().identity(&identity).region("us-east-1").name("s3").time(at);
        let parameters = parameters.settings(settings).build().unwrap().into();
        let (method, target) = self.line;
        let fields = [("host", self.host)].into_iter().chain(self.headers.iter().copied());
        let body = match self.payload {
            Some(literal) => SignableBody::Precomputed(literal.to_owned()),
            None => SignableBody::Bytes(self.body),
        };
        let url = format!("http://{}{target}", self.host);
        let request = SignableRequest::new(method, &url, fields.clone(), body).unwrap();
        let signed = sign(request, &parameters).unwrap().into_parts().0;
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        for (name, value) in fields.chain(signed.headers()) {
            head += &format!("{name}: {value}\r\n");
        }
        RawHead::parse_http1((head + "\r\n").as_bytes()).unwrap().0
    }

    /// What this table answers.
    pub(super) fn decide(&self, table: &RouteTable) -> Result<Decision, Denial> {
        self.decide_with(table, &NoHooks)
    }

    /// The same with somebody who answers for hooks.
    pub(super) fn decide_with(&self, table: &RouteTable, hooks: &dyn Hooks) -> Result<Decision, Denial> {
        let head = self.head();
        let target = parse(&head, &BaseHosts::new(["s3.osp.test".to_owned()]))?;
        let semantics = Semantics::read(&head, &target)?;
        let operation = classify(head.method(), &target, &semantics)?;
        let claim = claim(&head, &target)?;
        let secrets = table.secrets(claim.access_key());
        let verified = claim.verify(secrets, Timestamp::from_unix_seconds(SIGNED_AT))?;
        let request = Request {
            operation,
            host: target.base_host.as_ref(),
            query: &target.query,
            semantics: &semantics,
            content_length: Some(self.body.len() as u64),
            secure: self.secure,
            address: None,
        };
        at_once(Question::ask(verified, request, table)?.answer(hooks))
    }

    /// The permit of a request that is to be passed on.
    pub(super) fn permit(&self, table: &RouteTable) -> Permit {
        match self.decide(table) {
            Ok(Decision::Forward(permit)) => permit,
            other => panic!("{:?} is not passed on: {other:?}", self.line),
        }
    }
}
