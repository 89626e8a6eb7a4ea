//! Discord's REST interface: its limits are kept, and nothing is sent again before its time.
//!
//! Made of the same parts as `twilight-http`, which sends what was limited globally again at once
//! (docs/decisions/0022-discord.md).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// Longest a single answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(15);
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long the first pause before another try is; each one after it is twice as long.
const PAUSE: Duration = Duration::from_millis(200);
/// Longest pause before another try.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long to wait when a limit names no time.
const LIMIT_PAUSE: Duration = Duration::from_secs(1);
/// Routes remembered; those that are free again are forgotten beyond that.
const ROUTES_MAX: usize = 1_000;
/// How long a call goes on trying when nobody waits for it in particular.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

/// A file that goes along with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Why a call gave nothing.
#[derive(Clone, Debug, thiserror::Error)]
#[error("Discord answered {status}: {message} (code {code})")]
pub(crate) struct RestFault {
    /// The status; 0 when there was no answer.
    pub(crate) status: u16,
    /// Discord's own code; 0 when there is none.
    pub(crate) code: i64,
    pub(crate) message: String,
}

impl RestFault {
    fn without_answer(message: String) -> Self {
        Self { status: 0, code: 0, message }
    }

    /// Whether what was named is gone, or the bot may not touch it: trying again changes nothing.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self.status, 400..=499)
    }
}

/// One call.
pub(crate) struct Call<'c> {
    method: Method,
    path: String,
    /// What Discord counts together: the method, the route and its main id.
    route: String,
    body: Option<&'c Value>,
    files: &'c [File],
    is_public: bool,
    patience: Duration,
}

impl<'c> Call<'c> {
    /// A call with the bot's token. `route` is what Discord counts together.
    pub(crate) fn new(method: Method, path: String, route: &str) -> Self {
        let route = format!("{method} {route}");
        Self { method, path, route, body: None, files: &[], is_public: false, patience: PATIENCE }
    }

    pub(crate) const fn body(mut self, body: &'c Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) const fn files(mut self, files: &'c [File]) -> Self {
        self.files = files;
        self
    }

    /// An interaction has a token of its own in the path; the bot's stays here.
    pub(crate) const fn with_its_own_token(mut self) -> Self {
        self.is_public = true;
        self
    }

    /// How long an answer is of use.
    pub(crate) const fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// What a route still takes, and until when: then it takes as much as ever.
#[derive(Clone, Copy)]
struct Budget {
    left: u32,
    until: Instant,
    /// How much it takes in one of its times; 0 when that was not told.
    most: u32,
}

/// Until when nothing goes out on any route, and what some of them still take.
#[derive(Default)]
struct Limits {
    everywhere: Option<Instant>,
    routes: HashMap<String, Budget>,
}

/// The way to Discord's REST interface.
pub(crate) struct Rest {
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    token: String,
    limits: Mutex<Limits>,
}

impl Rest {
    pub(crate) fn new(base: &str, token: &str) -> Self {
        let mut plain = HttpConnector::new();
        // What is there to be said is said at once: a first answer has three seconds.
        plain.set_nodelay(true);
        plain.enforce_http(false);
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(plain);
        let http = HttpClient::builder(TokioExecutor::new()).build(connector);
        Self { http, base: base.to_owned(), token: token.to_owned(), limits: Mutex::default() }
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Makes a call: again after a failure of the server or of the way to it, and not before a limit allows it.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Value, RestFault> {
        let deadline = Instant::now() + call.patience;
        let mut pause = PAUSE;
        loop {
            self.wait_for_turn(&call.route, deadline).await?;
            let fault = match self.once(&call).await {
                Ok((status, _, value)) if status.is_success() => return Ok(value),
                Ok((StatusCode::TOO_MANY_REQUESTS, headers, value)) => {
                    self.limited(&call.route, &headers, &value);
                    if Instant::now() >= deadline {
                        return Err(fault_of(StatusCode::TOO_MANY_REQUESTS, &value));
                    }
                    continue;
                }
                Ok((status, _, value)) if status.is_server_error() => fault_of(status, &value),
                Ok((status, _, value)) => return Err(fault_of(status, &value)),
                Err(fault) => fault,
            };
            if Instant::now() + pause >= deadline {
                return Err(fault);
            }
            tracing::warn!("{fault}; trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Fetches a file from where Discord keeps attachments.
    pub(crate) async fn fetch(&self, url: &str, bytes_max: usize) -> Result<Vec<u8>, RestFault> {
        let request = Request::builder().uri(url).body(Full::default());
        let request = request.map_err(|error| RestFault::without_answer(error.to_string()))?;
        let (status, _, bytes) = self.answered(request, bytes_max).await?;
        if status.is_success() { Ok(bytes.to_vec()) } else { Err(fault_of(status, &Value::Null)) }
    }

    async fn once(&self, call: &Call<'_>) -> Result<(StatusCode, HeaderMap, Value), RestFault> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.base, call.path))
            .header(header::USER_AGENT, concat!("DiscordBot (calt, ", env!("CARGO_PKG_VERSION"), ")"));
        if !call.is_public {
            request = request.header(header::AUTHORIZATION, format!("Bot {}", self.token));
        }
        let request = match call.body {
            None => request.body(Full::default()),
            Some(body) if call.files.is_empty() => {
                request.header(header::CONTENT_TYPE, "application/json").body(Full::from(body.to_string()))
            }
            Some(body) => {
                let boundary = boundary(body, call.files);
                let media = format!("multipart/form-data; boundary={boundary}");
                request.header(header::CONTENT_TYPE, media).body(Full::from(multipart(&boundary, body, call.files)))
            }
        };
        let request = request.map_err(|error| RestFault::without_answer(error.to_string()))?;
        let (status, headers, bytes) = self.answered(request, ANSWER_BYTES_MAX).await?;
        self.counted(&call.route, &headers);
        Ok((status, headers, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    async fn answered(
        &self,
        request: Request<Full<Bytes>>,
        bytes_max: usize,
    ) -> Result<(StatusCode, HeaderMap, Bytes), RestFault> {
        let answer = async {
            let response = self.http.request(request).await.map_err(|error| error.to_string())?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body =
                Limited::new(response.into_body(), bytes_max).collect().await.map_err(|error| error.to_string())?;
            Ok::<_, String>((status, headers, body.to_bytes()))
        };
        match tokio::time::timeout(ANSWER_TIME_MAX, answer).await {
            Ok(answered) => answered.map_err(RestFault::without_answer),
            Err(_) => Err(RestFault::without_answer("no answer in time".to_owned())),
        }
    }

    async fn wait_for_turn(&self, route: &str, deadline: Instant) -> Result<(), RestFault> {
        loop {
            let Some(until) = self.busy_until(route, 0) else { return Ok(()) };
            if until > deadline {
                return Err(RestFault::without_answer("the limits of Discord leave no time for it".to_owned()));
            }
            tokio::time::sleep_until(until.into()).await;
        }
    }

    /// Until when a route, the method and what [`Call::new`] was given, takes nothing if so many are to be left over.
    pub(crate) fn busy_until(&self, route: &str, left_over: u32) -> Option<Instant> {
        let limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let route = limits.routes.get(route).filter(|budget| budget.left <= left_over).map(|budget| budget.until);
        limits.everywhere.max(route).filter(|until| *until > Instant::now())
    }

    /// How much a route takes in one of its times, as far as it was told.
    pub(crate) fn most_of(&self, route: &str) -> Option<u32> {
        let limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.routes.get(route).map(|budget| budget.most).filter(|most| *most > 0)
    }

    /// What an answer says is left.
    fn counted(&self, route: &str, headers: &HeaderMap) {
        if let (Some(left), Some(rest)) =
            (number(headers, "x-ratelimit-remaining"), number(headers, "x-ratelimit-reset-after"))
        {
            let most = number(headers, "x-ratelimit-limit").map_or(0, whole);
            self.has_left(route, Budget { left: whole(left), until: Instant::now() + seconds(rest), most });
        }
    }

    fn limited(&self, route: &str, headers: &HeaderMap, answer: &Value) {
        let told = answer["retry_after"].as_f64().or_else(|| number(headers, "retry-after"));
        let pause = told.map_or(LIMIT_PAUSE, seconds);
        let until = Instant::now() + pause;
        tracing::warn!(route, seconds = pause.as_secs_f64(), "Discord wants a pause");
        if answer["global"] == true || headers.contains_key("x-ratelimit-global") {
            self.limits.lock().unwrap_or_else(PoisonError::into_inner).everywhere = Some(until);
        } else {
            self.has_left(route, Budget { left: 0, until, most: 0 });
        }
    }

    fn has_left(&self, route: &str, budget: Budget) {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        if limits.routes.len() >= ROUTES_MAX {
            let now = Instant::now();
            limits.routes.retain(|_, known| known.until > now);
        }
        let known = limits.routes.get(route).map_or(0, |known| known.most);
        let most = if budget.most == 0 { known } else { budget.most };
        limits.routes.insert(route.to_owned(), Budget { most, ..budget });
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// A count in a header; what is odd counts as nothing.
fn whole(number: f64) -> u32 {
    if number.is_finite() && number >= 0.0 { number.min(f64::from(u16::MAX)).floor() as u32 } else { 0 }
}

fn seconds(number: f64) -> Duration {
    // A little more than asked for: clocks differ.
    Duration::try_from_secs_f64(number + 0.01).unwrap_or(LIMIT_PAUSE)
}

fn fault_of(status: StatusCode, answer: &Value) -> RestFault {
    let message = answer["message"].as_str().unwrap_or("no reason was given").to_owned();
    RestFault { status: status.as_u16(), code: answer["code"].as_i64().unwrap_or_default(), message }
}

/// A line that stands nowhere in what it divides.
fn boundary(body: &Value, files: &[File]) -> String {
    let mut all = body.to_string().into_bytes();
    for file in files {
        all.extend_from_slice(&file.bytes);
    }
    format!("calt-{}", &calt_api::sha256(&all)[..40])
}

fn multipart(boundary: &str, body: &Value, files: &[File]) -> Vec<u8> {
    let mut form = Vec::new();
    let mut part = |head: String, bytes: &[u8]| {
        form.extend_from_slice(format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        form.extend_from_slice(bytes);
        form.extend_from_slice(b"\r\n");
    };
    part("name=\"payload_json\"\r\nContent-Type: application/json".to_owned(), body.to_string().as_bytes());
    for (place, file) in files.iter().enumerate() {
        let head =
            format!("name=\"files[{place}]\"; filename=\"{}\"\r\nContent-Type: text/plain; charset=utf-8", file.name);
        part(head, &file.bytes);
    }
    form.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    form
}

/// What `attachments` of a message's body says of its files.
pub(crate) fn attachments(files: &[File]) -> Value {
    files.iter().enumerate().map(|(place, file)| json!({"id": place, "filename": file.name})).collect()
}
