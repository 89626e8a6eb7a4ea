//! Reading what a request brings: never more than the limit, never slower than the limit, never guessed.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use calt_api::Trouble;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::app::App;
use crate::limits::{BODY_BYTES_MAX, BODY_TIME_MAX};
use crate::reply::Refused;

/// What a plan document may be sent as, beside JSON.
const YAML_TYPES: [&str; 4] = ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"];

/// A JSON body that must be there.
pub(crate) struct Json<T>(pub(crate) T);

/// A JSON body that may be left out; then everything in it has its default.
pub(crate) struct OptionalJson<T>(pub(crate) T);

/// A plan document, as it was sent.
pub(crate) struct Document(pub(crate) String);

/// The query of a request; an unknown key is refused like one of a body.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &App) -> Result<Self, Refused> {
        let is_json = media_type(request.headers()).is_some_and(|media| is_json(&media));
        if !is_json {
            return Err(unsupported("application/json"));
        }
        let bytes = read(request).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalJson<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &App) -> Result<Self, Refused> {
        let media = media_type(request.headers());
        let bytes = read(request).await?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(T::default()));
        }
        if media.is_some_and(|media| !is_json(&media)) {
            return Err(unsupported("application/json"));
        }
        parse(&bytes).map(Self)
    }
}

impl FromRequest<App> for Document {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &App) -> Result<Self, Refused> {
        let is_plan =
            media_type(request.headers()).is_some_and(|media| is_json(&media) || YAML_TYPES.contains(&media.as_str()));
        if !is_plan {
            return Err(unsupported("application/yaml or application/json"));
        }
        let bytes = read(request).await?;
        String::from_utf8(bytes.into()).map(Self).map_err(|_| Refused::malformed("the document is not UTF-8"))
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refused> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|Query(query)| Self(query)).map_err(|fault| {
            let reason = std::error::Error::source(&fault).map_or_else(|| fault.body_text(), ToString::to_string);
            Refused::invalid("the query", &reason)
        })
    }
}

/// Reads a whole body within both limits.
async fn read(request: Request) -> Result<Bytes, Refused> {
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    let body: Limited<Body> = Limited::new(request.into_body(), BODY_BYTES_MAX);
    match tokio::time::timeout(BODY_TIME_MAX, body.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(fault)) if fault.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Refused::malformed("the body ended before its end")),
        Err(_) => Err(Trouble::RequestTimeout.into()),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    // A list would be taken for the fields in order: `[true]` for a confirmed risk.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Refused::invalid("the body", "it is a list; send an object"));
    }
    serde_json::from_slice(bytes).map_err(|fault| match fault.classify() {
        Category::Data => Refused::invalid("the body", &fault.to_string()),
        Category::Syntax | Category::Eof | Category::Io => {
            Refused::malformed(&format!("the body is not JSON: {fault}"))
        }
    })
}

fn too_large() -> Refused {
    Trouble::TooLarge { limit_bytes: BODY_BYTES_MAX as u64 }.into()
}

fn unsupported(expected: &str) -> Refused {
    Trouble::UnsupportedMediaType { expected: expected.to_owned() }.into()
}

/// The media type without its parameters, in lower case.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media = value.split(';').next().unwrap_or_default().trim();
    (!media.is_empty()).then(|| media.to_ascii_lowercase())
}

fn is_json(media: &str) -> bool {
    media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"))
}
