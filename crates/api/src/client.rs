//! The HTTP client: one method a call shape, problems as errors, a token for one address only.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::endpoint::{Endpoint, Method, push_encoded};
use crate::problem::{Problem, Trouble};

/// Longest a connection may take, in seconds.
const CONNECT_SECONDS_MAX: u64 = 5;
/// Longest an answer may take, in seconds: the longest step, and some.
const ANSWER_SECONDS_MAX: u64 = 150;

/// Room for a body that is wiped, in bytes: a PIN as long as one may be, in JSON, and what stands around it.
const SECRET_BODY_BYTES: usize = 16 * 1024;

/// A daemon, at one address, and the token for it.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The daemon, or the way to it, refused.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// The answer is not what this call gives.
    #[error("the daemon answered something else than expected: {0}")]
    Unexpected(String),
}

impl From<Trouble> for CallError {
    fn from(trouble: Trouble) -> Self {
        Self::Problem(Box::new(Problem::from(&trouble)))
    }
}

/// A body to send.
#[derive(Clone, Copy, Debug)]
pub enum Body<'b> {
    /// None.
    Empty,
    /// A JSON value.
    Json(&'b Value),
    /// A plan document, as it is.
    Document(&'b str),
}

impl Client {
    /// A client of one daemon. The address begins with `http://`; redirects are never followed.
    ///
    /// # Errors
    /// [`Trouble::InputInvalid`] when the address has another form.
    pub fn new(base: &str, token: Option<String>) -> Result<Self, CallError> {
        let base = base.trim_end_matches('/');
        let invalid =
            |reason: &str| Trouble::InputInvalid { what: format!("base URL `{base}`"), reason: reason.to_owned() };
        if base.starts_with("https://") {
            return Err(invalid("TLS is not spoken here; use an http:// address on this machine, or a tunnel").into());
        }
        if !base.starts_with("http://") || base.len() == "http://".len() {
            return Err(invalid("it must begin with http://").into());
        }
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| CallError::Unexpected(error.to_string()))?;
        Ok(Self { http, base: base.to_owned(), token })
    }

    /// Where the daemon is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Makes a call and reads the answer.
    ///
    /// # Errors
    /// [`CallError`] with the daemon's problem, or `daemon_unreachable`.
    pub async fn call<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        values: &[&str],
        query: &[(&str, &str)],
        body: Body<'_>,
    ) -> Result<T, CallError> {
        let bytes = self.bytes(endpoint, values, query, body, &[]).await?;
        serde_json::from_slice(&bytes).map_err(|error| CallError::Unexpected(error.to_string()))
    }

    /// Makes a call with a typed body.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn send<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        values: &[&str],
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let body = serde_json::to_value(body).map_err(|error| CallError::Unexpected(error.to_string()))?;
        self.call(endpoint, values, &[], Body::Json(&body)).await
    }

    /// The same with a body that is wiped once it has been sent, as far as it was kept here.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn send_secret<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        values: &[&str],
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        // Room for all of it: a text that grows leaves its beginnings behind.
        let mut text = Zeroizing::new(Vec::with_capacity(SECRET_BODY_BYTES));
        serde_json::to_writer(&mut *text, body).map_err(|error| CallError::Unexpected(error.to_string()))?;
        let request = self.request(endpoint, values, &[]).timeout(Duration::from_secs(ANSWER_SECONDS_MAX));
        let request = request.header(CONTENT_TYPE, "application/json").body(bytes::Bytes::from_owner(text));
        let answer = self.answered(request).await?.bytes().await;
        let answer = answer.map_err(|error| CallError::Unexpected(error.to_string()))?;
        serde_json::from_slice(&answer).map_err(|error| CallError::Unexpected(error.to_string()))
    }

    /// Makes a call whose run is answered later (`Prefer: respond-async`).
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn send_async<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        values: &[&str],
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let body = serde_json::to_value(body).map_err(|error| CallError::Unexpected(error.to_string()))?;
        let bytes = self.bytes(endpoint, values, &[], Body::Json(&body), &[("Prefer", "respond-async")]).await?;
        serde_json::from_slice(&bytes).map_err(|error| CallError::Unexpected(error.to_string()))
    }

    /// Makes a call and gives the answer's bytes.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn bytes(
        &self,
        endpoint: &Endpoint,
        values: &[&str],
        query: &[(&str, &str)],
        body: Body<'_>,
        headers: &[(&str, &str)],
    ) -> Result<Vec<u8>, CallError> {
        let mut request = self.request(endpoint, values, query).timeout(Duration::from_secs(ANSWER_SECONDS_MAX));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request = match body {
            Body::Empty => request,
            Body::Json(value) => request.header(CONTENT_TYPE, "application/json").body(value.to_string()),
            Body::Document(text) => request.header(CONTENT_TYPE, "application/yaml").body(text.to_owned()),
        };
        let response = self.answered(request).await?;
        let bytes = response.bytes().await.map_err(|error| CallError::Unexpected(error.to_string()))?;
        Ok(bytes.to_vec())
    }

    /// Makes a call and hands the answer out as it comes; there is no limit to how long it may be.
    ///
    /// # Errors
    /// As [`Client::call`]; what `take` says ends it.
    pub async fn pieces<E: From<CallError>>(
        &self,
        endpoint: &Endpoint,
        values: &[&str],
        body: &impl Serialize,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let body = serde_json::to_string(body).map_err(|error| CallError::Unexpected(error.to_string()))?;
        let request = self.request(endpoint, values, &[]).header(CONTENT_TYPE, "application/json").body(body);
        let mut pieces = self.answered(request).await?.bytes_stream();
        while let Some(piece) = pieces.next().await {
            take(&piece.map_err(|error| CallError::Unexpected(error.to_string()))?)?;
        }
        Ok(())
    }

    /// Opens a live stream of events, beginning after `after`.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn stream(
        &self,
        endpoint: &Endpoint,
        values: &[&str],
        after: Option<u64>,
    ) -> Result<EventStream, CallError> {
        let mut request = self.request(endpoint, values, &[]).header(ACCEPT, "text/event-stream");
        if let Some(after) = after {
            request = request.header("Last-Event-ID", after.to_string());
        }
        let response = self.answered(request).await?;
        Ok(EventStream {
            bytes: Box::pin(response.bytes_stream().map(|piece| piece.map(|bytes| bytes.to_vec()))),
            buffer: Vec::new(),
        })
    }

    fn request(&self, endpoint: &Endpoint, values: &[&str], query: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let mut url = format!("{}{}", self.base, endpoint.at(values));
        for (place, (name, value)) in query.iter().enumerate() {
            url.push(if place == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            push_encoded(&mut url, value);
        }
        let request = match endpoint.method {
            Method::Get => self.http.get(url),
            Method::Post => self.http.post(url),
        };
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    async fn answered(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, CallError> {
        let response = request
            .send()
            .await
            .map_err(|_| CallError::from(Trouble::DaemonUnreachable { address: self.base.clone() }))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = response.bytes().await.map_err(|error| CallError::Unexpected(error.to_string()))?;
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(CallError::Problem(Box::new(problem))),
            Err(_) => Err(CallError::Unexpected(format!("status {status} without a problem document"))),
        }
    }
}

/// The body's pieces, as bytes, whatever type the HTTP library gives them.
type Pieces = std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<Vec<u8>>> + Send>>;

/// A live stream of events.
pub struct EventStream {
    bytes: Pieces,
    buffer: Vec<u8>,
}

impl EventStream {
    /// The next event: its number and its JSON. `None` when the daemon ended the stream.
    ///
    /// # Errors
    /// [`CallError::Unexpected`] when the connection breaks.
    pub async fn next(&mut self) -> Result<Option<(u64, Value)>, CallError> {
        loop {
            if let Some(event) = self.take_event() {
                return Ok(Some(event));
            }
            match self.bytes.next().await {
                None => return Ok(None),
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                Some(Err(error)) => return Err(CallError::Unexpected(error.to_string())),
            }
        }
    }

    /// Takes a whole event out of the buffer, passing over comments.
    fn take_event(&mut self) -> Option<(u64, Value)> {
        loop {
            let end = self.buffer.windows(2).position(|pair| pair == b"\n\n")?;
            let frame: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&frame);
            let (mut id, mut data) = (None, String::new());
            for line in text.lines() {
                if let Some(value) = line.strip_prefix("id:") {
                    id = value.trim().parse().ok();
                } else if let Some(value) = line.strip_prefix("data:") {
                    data.push_str(value.trim_start());
                }
            }
            if let (Some(id), Ok(json)) = (id, serde_json::from_str(&data)) {
                return Some((id, json));
            }
        }
    }
}
