//! (method, level, selector, mark) -> row. Total: whatever has no row is refused (CL-1, CL-6).

use http::Method;

use super::row::{Handling, Level, Mark, Need, Refusal, Row, Verb};
use super::table::ROWS;
use super::{Operation, headers, parameters};
use crate::Denial;
use crate::s3::{CopySource, RawHead, Semantics, Target};
use crate::sigv4::ProvedForm;

const COPY_SOURCE: &str = "x-amz-copy-source";

/// See [`super::classify`].
pub(super) fn classify(method: &Method, target: &Target, semantics: &Semantics<'_>) -> Result<Operation, Denial> {
    let verb = Verb::of(method).ok_or(Denial::MethodNotAllowed)?;
    let row = if verb == Verb::Options {
        target.bucket.as_ref().and_then(|_| preflight()).ok_or(Denial::MethodNotAllowed)?
    } else {
        row_of(verb, target, semantics)?
    };
    match row.handling {
        Handling::Refuse(Refusal::NotImplemented) => return Err(Denial::NotImplemented(row.name.to_owned())),
        Handling::Own if verb == Verb::Options => return Ok(of_row(row)),
        Handling::Pass | Handling::Adapt | Handling::Own => {}
    }
    if row.mark == Mark::Form {
        // only the policy of a form can say what it may be
        return Err(Denial::MultipleAuthentication);
    }
    parameters::check(row, &target.query)?;
    let source = semantics.header(COPY_SOURCE);
    if source.is_some() && row.need != Need::Copy {
        return Err(copy_source_of_no_copy());
    }
    let source = source.map(CopySource::parse).transpose()?;
    let demands = headers::check(row, semantics)?;
    Ok(Operation { bucket: target.bucket.clone(), key: target.key.clone(), source, demands, ..of_row(row) })
}

/// See [`super::is_form_upload`].
pub(super) fn is_form_upload(head: &RawHead, target: &Target) -> bool {
    // cheap questions first: every request is asked
    let to_bucket = *head.method() == Method::POST && target.bucket.is_some() && target.key.is_none();
    to_bucket
        && Semantics::read(head, target)
            .is_ok_and(|semantics| row_of(Verb::Post, target, &semantics).is_ok_and(|row| row.mark == Mark::Form))
}

/// See [`super::classify_form`].
pub(super) fn classify_form(
    form: &ProvedForm,
    target: &Target,
    semantics: &Semantics<'_>,
) -> Result<Operation, Denial> {
    let row = ROWS.iter().find(|row| row.mark == Mark::Form).ok_or(Denial::Internal("forms have no row"))?;
    parameters::check(row, &target.query)?;
    if semantics.header(COPY_SOURCE).is_some() {
        return Err(copy_source_of_no_copy());
    }
    let demands = headers::check(row, semantics)?;
    Ok(Operation { bucket: Some(form.bucket().clone()), key: Some(form.key()?), demands, ..of_row(row) })
}

fn copy_source_of_no_copy() -> Denial {
    Denial::InvalidArgument("You can only specify a copy source header for copy requests.".to_owned())
}

fn of_row(row: &'static Row) -> Operation {
    Operation { row, bucket: None, key: None, source: None, demands: headers::Demands::default() }
}

fn preflight() -> Option<&'static Row> {
    ROWS.iter().find(|row| row.verb == Verb::Options)
}

fn row_of(verb: Verb, target: &Target, semantics: &Semantics<'_>) -> Result<&'static Row, Denial> {
    let selector = parameters::selector_of(&target.query)?;
    let level = match (&target.bucket, &target.key) {
        (None, _) => Level::Service,
        (Some(_), None) => Level::Bucket,
        (Some(_), Some(_)) => Level::Object,
    };
    let found = ROWS.iter().find(|row| {
        row.verb == verb && row.level == level && row.selector == selector && is_marked(row.mark, target, semantics)
    });
    found.ok_or_else(|| match selector {
        Some(selector) if !exists_at(level, selector) => wrong_level(selector),
        // S3 says so of these two, although the selector is there for other methods (CL-3)
        Some(selector @ "uploads") if verb == Verb::Get => wrong_level(selector),
        Some("uploadId") if verb == Verb::Head => {
            Denial::InvalidRequest("The parameter uploadId does not go with HEAD.".to_owned())
        }
        _ => Denial::MethodNotAllowed,
    })
}

fn exists_at(level: Level, selector: &str) -> bool {
    ROWS.iter().any(|row| row.level == level && row.selector == Some(selector))
}

fn is_marked(mark: Mark, target: &Target, semantics: &Semantics<'_>) -> bool {
    match mark {
        Mark::Nothing => true,
        Mark::Header(name) => semantics.header(name).is_some(),
        Mark::Parameter(name) => target.query.get(name).is_some(),
        Mark::Value(name, value) => target.query.get(name) == Some(value),
        Mark::Form => is_form(semantics),
    }
}

fn wrong_level(selector: &str) -> Denial {
    Denial::InvalidRequest(format!("The sub-resource {selector} does not exist at this level."))
}

fn is_form(semantics: &Semantics<'_>) -> bool {
    semantics
        .header("content-type")
        .is_some_and(|value| value.get(..19).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/form-data")))
}
