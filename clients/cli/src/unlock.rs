//! The one place where a PIN is asked for: when the daemon wants one and a terminal is there.

use calt_api::client::{Body, CallError, Client};
use calt_api::endpoint::{self, Endpoint, UNLOCK_HEADER};
use calt_api::views::UnlockRequest;
use calt_api::{Code, Next, Problem};
use serde::Serialize;
use serde_json::{Value, json};

use crate::context::Context;
use crate::fault::Fault;
use crate::hint;
use crate::secret;
use crate::words::{language, t};

/// Typings of a PIN that are asked for in a row.
const TYPINGS_MAX: usize = 3;

/// What a PIN is asked for.
#[derive(Clone, Debug)]
enum PinFor {
    /// Decisions on a plan version.
    Plan { session: String, version: u32 },
    /// One act of administration.
    Administration,
    /// What a session wrote, with nothing masked.
    EveryByte,
}

impl PinFor {
    fn question(&self) -> String {
        match self {
            Self::Plan { session, version } => {
                t!("Your PIN, to decide on plan v{version} of {session}: ", version = version, session = session)
            }
            Self::Administration => t!("Your PIN, for this act of administration: "),
            Self::EveryByte => t!("Your PIN, to be given every byte of it: "),
        }
    }

    fn session(&self) -> Option<&str> {
        match self {
            Self::Plan { session, .. } => Some(session),
            Self::Administration | Self::EveryByte => None,
        }
    }

    const fn version(&self) -> Option<u32> {
        match self {
            Self::Plan { version, .. } => Some(*version),
            Self::Administration | Self::EveryByte => None,
        }
    }
}

/// When the answer to a call is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// When all is done.
    Whole,
    /// When the run has begun.
    Early,
}

impl Context {
    /// Sends a yes, a no, a skip or an act of administration; with the PIN where it is asked for. Every one of the command
    /// line passes here; acts of administration have a key each.
    pub(crate) async fn decide(
        &self,
        client: &Client,
        endpoint: &Endpoint,
        values: &[&str],
        body: &impl Serialize,
    ) -> Result<Value, Fault> {
        self.send_with_pin(client, (endpoint, values), body, Answer::Whole).await
    }

    /// Starts a step; with the PIN where its risk is confirmed.
    pub(crate) async fn send_execution(
        &self,
        client: &Client,
        values: &[&str],
        body: &impl Serialize,
    ) -> Result<Value, Fault> {
        self.send_with_pin(client, (&endpoint::EXECUTE_STEP, values), body, Answer::Early).await
    }

    /// Fetches what is given out unmasked; with the PIN where it is asked for.
    pub(crate) async fn fetch_released(
        &self,
        client: &Client,
        endpoint: &Endpoint,
        values: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, Fault> {
        let mut key: Option<String> = None;
        loop {
            let headers: Vec<_> = key.iter().map(|key| (UNLOCK_HEADER, key.as_str())).collect();
            match client.bytes(endpoint, values, query, Body::Empty, &headers).await {
                Err(CallError::Problem(problem)) if wants_pin(&problem) && key.is_none() && secret::can_be_asked() => {
                    key = Some(self.unlock(client, PinFor::EveryByte).await?);
                }
                fetched => return serde_json::from_slice(&fetched?).map_err(|error| Fault::Bug(error.to_string())),
            }
        }
    }

    async fn send_with_pin(
        &self,
        client: &Client,
        (endpoint, values): (&Endpoint, &[&str]),
        body: &impl Serialize,
        answer: Answer,
    ) -> Result<Value, Fault> {
        let mut body = serde_json::to_value(body).map_err(|error| Fault::Bug(error.to_string()))?;
        let known = values.first().and_then(|session| self.unlocked.borrow().get(*session).cloned());
        let mut was_asked = false;
        if let Some(key) = known {
            body["unlock"] = Value::from(key);
        }
        loop {
            let sent = match answer {
                Answer::Whole => client.send(endpoint, values, &body).await,
                Answer::Early => client.send_async(endpoint, values, &body).await,
            };
            let problem = match sent {
                Err(CallError::Problem(problem)) if wants_pin(&problem) && !was_asked && secret::can_be_asked() => {
                    problem
                }
                sent => return sent.map_err(|error| in_session(error, endpoint, values).into()),
            };
            let wanted = match &problem.next {
                Some(Next::Unlock { session: Some(session), version: Some(version) }) => {
                    PinFor::Plan { session: session.clone(), version: *version }
                }
                Some(_) | None => PinFor::Administration,
            };
            body["unlock"] = Value::from(self.unlock(client, wanted).await?);
            was_asked = true;
        }
    }

    /// Asks for the PIN until it is right, a few times at most, and gives the key. The PIN itself is not kept.
    async fn unlock(&self, client: &Client, wanted: PinFor) -> Result<String, Fault> {
        let question = calt_api::visible::visible_line(&wanted.question()).into_owned();
        let mut typings = 0;
        loop {
            let typed = secret::ask(question.clone()).await?;
            // Enter alone is no PIN, and is not counted as a wrong one.
            let pin = typed.filter(|typed| !typed.trim().is_empty()).ok_or_else(|| no_pin(wanted.session()))?;
            let asked = UnlockRequest {
                pin,
                session_id: wanted.session().map(str::to_owned),
                plan_version: wanted.version(),
                source: Some(self.source().to_owned()),
                ..UnlockRequest::default()
            };
            typings += 1;
            match client.send_secret::<Value>(&endpoint::UNLOCK, &[], &asked).await {
                Ok(made) => {
                    let key = made["unlock"].as_str().unwrap_or_default().to_owned();
                    if let Some(session) = wanted.session() {
                        self.unlocked.borrow_mut().insert(session.to_owned(), key.clone());
                    }
                    return Ok(key);
                }
                Err(CallError::Problem(problem))
                    if problem.code == Code::PinWrong.as_str() && typings < TYPINGS_MAX =>
                {
                    crate::ask::talk(&format!("{}\n", problem.said_in(language())));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A refusal of what is not this role's business names the session, in which somebody else can decide.
fn in_session(error: CallError, endpoint: &Endpoint, values: &[&str]) -> CallError {
    match error {
        CallError::Problem(mut problem)
            if problem.code == Code::NotAllowed.as_str() && endpoint.path.contains("/{session}") =>
        {
            problem.args["session"] = json!(values.first());
            CallError::Problem(problem)
        }
        error @ (CallError::Problem(_) | CallError::Unexpected(_)) => error,
    }
}

/// Nobody typed a PIN: what leads on is what asks for it again.
fn no_pin(session: Option<&str>) -> Fault {
    match session {
        Some(session) => {
            Fault::Gate { message: t!("no PIN was typed; nothing was decided"), hint: hint::go_on(session) }
        }
        None => Fault::Gate { message: t!("no PIN was typed; nothing was done"), hint: hint::again() },
    }
}

fn wants_pin(problem: &Problem) -> bool {
    problem.code == Code::AssuranceTooLow.as_str() && matches!(problem.next, Some(Next::Unlock { .. }))
}
