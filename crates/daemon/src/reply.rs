//! What an answer looks like on the wire: JSON in which nothing hides, and refusals as problems.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use calt_api::visible::escape_json;
use calt_api::{Problem, Trouble, problem::PROBLEM_JSON};
use calt_engine::Fault;
use calt_engine::core::Refusal;
use calt_engine::store::StoreError;
use serde::Serialize;

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
    fn into_response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = json(&self.0, status, HeaderValue::from_static(PROBLEM_JSON));
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
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
