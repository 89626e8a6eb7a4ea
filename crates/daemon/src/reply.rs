//! What an answer looks like on the wire: JSON in which nothing hides, and refusals as problems.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use calt_api::problem::PROBLEM_JSON;
use calt_api::visible::{clip, escape_json};
use calt_api::{Code, Next, Problem, Trouble};
use calt_engine::Fault;
use calt_engine::core::Refusal;
use calt_engine::core::redact::Masker;
use calt_engine::store::StoreError;
use serde::Serialize;

/// Longest id of an account in a chat, in digits: a number of 64 bits.
pub(crate) const ACCOUNT_DIGITS_MAX: usize = 20;
/// Longest text of a problem, in columns; a longer one says how much is missing.
const TEXT_COLUMNS_MAX: usize = 1_000;
/// When a client that was told to come back later may do so, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A view, answered with 200.
pub(crate) struct View<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for View<T> {
    fn into_response(self) -> Response<Body> {
        json(&self.0, StatusCode::OK, JSON)
    }
}

/// A refusal, as it leaves.
#[derive(Debug)]
pub(crate) struct Refused(Box<Problem>);

impl Refused {
    /// The body's or the query's value does not fit.
    pub(crate) fn invalid(what: &str, reason: &str) -> Self {
        Trouble::InputInvalid { what: what.to_owned(), reason: reason.to_owned() }.into()
    }

    /// The request cannot be read.
    pub(crate) fn malformed(reason: &str) -> Self {
        Trouble::Malformed { reason: reason.to_owned() }.into()
    }

    /// The same, with a better next step than the code alone suggests.
    pub(crate) fn leading_to(self, next: Next) -> Self {
        Self(Box::new(self.0.leading_to(next)))
    }

    /// A mistake of ours: the reason goes to the daemon's own log and nowhere else.
    pub(crate) fn internal(reason: &str) -> Self {
        tracing::error!("our mistake: {reason}");
        Trouble::Internal.into()
    }
}

impl From<Trouble> for Refused {
    fn from(trouble: Trouble) -> Self {
        Self(Box::new(Problem::from(&trouble)))
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(Box::new(Problem::from(&refusal)))
    }
}

impl From<StoreError> for Refused {
    fn from(fault: StoreError) -> Self {
        match fault {
            StoreError::Unavailable(reason) => {
                tracing::warn!("the storage is not available: {reason}");
                Trouble::StorageUnavailable.into()
            }
            StoreError::Full => Trouble::StorageFull.into(),
            StoreError::Behind { missing } => Trouble::LogBehind { missing }.into(),
            StoreError::Corrupt(reason) => {
                tracing::error!("the log does not fit: {reason}");
                Trouble::LogCorrupt.into()
            }
            StoreError::Busy => Trouble::TooManyRequests.into(),
        }
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(refusal) => refusal.into(),
            Fault::Store(fault) => fault.into(),
            Fault::Internal(reason) => Self::internal(&reason),
        }
    }
}

impl IntoResponse for Refused {
    /// Only carries the problem to the gate, which masks every refusal in one place with [`told`].
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.extensions_mut().insert(Untold(self.0));
        response
    }
}

/// A problem on its way to the gate.
#[derive(Clone)]
struct Untold(Box<Problem>);

/// The account for which a relay spoke and which is bound to nobody, when that is why it was refused.
pub(crate) fn unbound_account(response: &Response<Body>) -> Option<String> {
    let Untold(problem) = response.extensions().get::<Untold>()?;
    let is_unbound = problem.code == Code::PersonUnbound.as_str();
    // What is no number goes into no event: whoever claims an account could put a text there.
    let is_number = |account: &&str| account.len() <= ACCOUNT_DIGITS_MAX && account.bytes().all(|b| b.is_ascii_digit());
    problem.args["account"].as_str().filter(|_| is_unbound).filter(is_number).map(str::to_owned)
}

/// The answer as the client gets it: a refusal becomes a problem document without secrets.
pub(crate) fn told(mut response: Response<Body>, masker: &Masker) -> Response<Body> {
    let Some(Untold(problem)) = response.extensions_mut().remove::<Untold>() else { return response };
    let status = response.status();
    // A request can be echoed in what is wrong with it: masked, and no longer than a person would read.
    let problem = problem.masked(|text| clip(&masker.mask_text(text), TEXT_COLUMNS_MAX).into_owned());
    let written = json(&problem, status, HeaderValue::from_static(PROBLEM_JSON));
    *response.body_mut() = written.into_body();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if problem.next == Some(Next::RetryLater) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    }
    response
}

/// Serializes at once, so that the answer has a length, and escapes what would hide.
pub(crate) fn json(view: &impl Serialize, status: StatusCode, content_type: HeaderValue) -> Response<Body> {
    let Ok(text) = serde_json::to_string(view) else {
        return Refused::internal("a view does not serialize").into_response();
    };
    let bytes = match escape_json(&text) {
        std::borrow::Cow::Borrowed(_) => Bytes::from(text),
        std::borrow::Cow::Owned(escaped) => Bytes::from(escaped),
    };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_cannot_do_is_told_by_code_alone() {
        let reason = || "/var/lib/calt: disk I/O error".to_owned();
        for (fault, status, code) in [
            (StoreError::Unavailable(reason()), 503, "storage_unavailable"),
            (StoreError::Full, 507, "storage_full"),
            (StoreError::Behind { missing: 2 }, 503, "log_behind"),
            (StoreError::Corrupt(reason()), 503, "log_corrupt"),
            (StoreError::Busy, 429, "too_many_requests"),
        ] {
            let Refused(problem) = fault.into();
            assert_eq!((problem.status, problem.code.as_str()), (status, code));
            assert!(problem.next.is_some() && !problem.detail.contains("/var"), "{problem:?}");
        }
        let Refused(problem) = Fault::Internal(reason()).into();
        assert_eq!((problem.status, problem.code.as_str()), (500, "internal"));
        assert!(!problem.detail.contains("/var"));
    }
}
