//! One file a resource. A handler names what is wanted, asks the engine, and shows the answer.

pub(crate) mod artifacts;
pub(crate) mod decisions;
pub(crate) mod diff;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod inbox;
pub(crate) mod persons;
pub(crate) mod plans;
pub(crate) mod record;
pub(crate) mod relay;
pub(crate) mod runs;
pub(crate) mod search;
pub(crate) mod sessions;
pub(crate) mod steps;
pub(crate) mod tokens;
pub(crate) mod tools;
pub(crate) mod unlock;
pub(crate) mod workspaces;

use axum::extract::{FromRequestParts, Path};
use axum::http::Method;
use axum::http::request::Parts;
use calt_api::Trouble;
use calt_api::views::Page;
use calt_engine::core::policy::{self, Act};
use calt_engine::core::principal::{Caller, Claim, Role};
use calt_engine::core::{Digest, Refusal, RunId, SessionId, StepId, Timestamp};
use calt_engine::store::{Store, StoreError};
use calt_engine::{Asker, UnlockKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::limits::{LIST_ITEMS_DEFAULT, LIST_ITEMS_MAX};
use crate::reply::Refused;

/// Whom the credential proves.
pub(crate) struct By(pub(crate) Caller);

/// A caller who may read. Nobody asks afterwards who that was.
pub(crate) struct Reader;

impl FromRequestParts<App> for Reader {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        require(parts, app, Act::Read).await.map(|_| Self)
    }
}

/// One line a right: an extractor that lets only those through who have it, before the body is read.
macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident = $act:ident;)*) => { $(
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) By);

        impl FromRequestParts<App> for $name {
            type Rejection = Refused;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
                require(parts, app, Act::$act).await.map(Self)
            }
        }
    )* };
}

// The gate asks again, with the session at hand: what is refused here costs neither memory nor disk.
rights! {
    /// A caller who may read, and asks who that is.
    Known = Read;
    /// A caller who may make sessions, at least strict ones.
    Maker = CreateStrictSession;
    /// A caller who may import and check plans.
    Planner = ImportPlan;
    /// A caller who may approve, reject and skip.
    Decider = Decide;
    /// A caller who may execute what is approved.
    Executor = Execute;
    /// A caller who may stop sessions, at least their own.
    Stopper = StopOwnSession;
    /// A caller who may take a record away.
    Exporter = ExportRecord;
    /// A chat, which keeps its buttons here.
    SpeakingForPersons = SpeakForPersons;
    /// A caller who may administer.
    Administrator = Administer;
}

impl By {
    /// The caller, with what the client says of itself.
    fn claiming(self, source: Option<String>, user_id: Option<String>, message_id: Option<String>) -> Asker {
        self.unlocking(source, user_id, message_id, None)
    }

    /// The same, with the key that a PIN gave.
    fn unlocking(
        self,
        source: Option<String>,
        user_id: Option<String>,
        message_id: Option<String>,
        unlock: Option<String>,
    ) -> Asker {
        let unlock = UnlockKey::new(unlock);
        Asker { caller: self.0, claim: Claim { source, user_id, message_id }, unlock }
    }
}

impl FromRequestParts<App> for By {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refused> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.map(Self).ok_or_else(|| Trouble::TokenMissing.into())
    }
}

async fn require(parts: &mut Parts, app: &App, act: Act) -> Result<By, Refused> {
    let by = By::from_request_parts(parts, app).await?;
    // Whom a relay speaks for stands in the body, which is read after this: the gate asks again and knows.
    let may_turn_out_to =
        by.0.role == Role::Relay && parts.method == Method::POST && policy::allows(policy::relayed(Role::Owner), act);
    if !may_turn_out_to {
        may(&by, act)?;
    }
    Ok(by)
}

/// Asks for a right that depends on more than the path.
fn may(By(caller): &By, act: Act) -> Result<(), Refused> {
    if policy::allows(caller.role, act) {
        return Ok(());
    }
    Err(Refusal::NotAllowed { role: caller.role, act: act.words() }.into())
}

/// The `{name}`s of a path, decoded. What does not decode names nothing.
pub(crate) struct At<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for At<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let path = Path::<T>::from_request_parts(parts, app).await;
        path.map(|Path(names)| Self(names))
            .map_err(|_| Trouble::PathNotFound { path: parts.uri.path().to_owned() }.into())
    }
}

/// What the query of a list may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
}

impl ListQuery {
    /// The wanted page of a list that is in memory and only grows; its cursor is a place in it.
    fn page<T>(&self, mut items: impl Iterator<Item = T>) -> Result<Page<T>, Refused> {
        let (limit, from) = (page_size(self.limit) as usize, cursor::<usize>(self.cursor.as_deref())?.unwrap_or(0));
        let page: Vec<T> = items.by_ref().skip(from).take(limit).collect();
        let next_cursor = items.next().map(|_| from.saturating_add(page.len()).to_string());
        Ok(Page { items: page, next_cursor })
    }
}

/// How many items the caller gets.
fn page_size(limit: Option<u32>) -> u32 {
    limit.unwrap_or(LIST_ITEMS_DEFAULT).clamp(1, LIST_ITEMS_MAX)
}

/// A cursor is a number we gave out; anything else was made up.
fn cursor<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>, Refused> {
    let Some(text) = text else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Refused::invalid("`cursor`", "it is not a cursor of this list"))
}

fn session_id(text: &str) -> Result<SessionId, Refused> {
    SessionId::parse(text).ok_or_else(|| session_missing(text))
}

fn session_missing(session: &str) -> Refused {
    Refusal::SessionNotFound { session: session.to_owned() }.into()
}

fn step_id(session: &SessionId, text: &str) -> Result<StepId, Refused> {
    let missing = || Refusal::StepNotFound { session: session.clone(), step: text.to_owned() };
    StepId::parse(text).ok_or_else(|| missing().into())
}

/// A number no plan has stands for what is not a number at all.
fn plan_version(text: &str) -> u32 {
    text.parse().unwrap_or(0)
}

fn run_id(text: &str) -> RunId {
    RunId(text.parse().unwrap_or(0))
}

fn digest(what: &str, text: Option<&str>) -> Result<Option<Digest>, Refused> {
    let Some(text) = text else { return Ok(None) };
    Digest::parse(text).map(Some).ok_or_else(|| Refused::invalid(what, "a digest is 64 hexadecimal digits"))
}

fn timestamp(what: &str, text: Option<&str>) -> Result<Option<Timestamp>, Refused> {
    let Some(text) = text else { return Ok(None) };
    Timestamp::parse(text).map(Some).ok_or_else(|| Refused::invalid(what, "a time is written as RFC 3339 says"))
}

/// A name of the client's own that goes into the record as it is: short, and of characters that hide nothing.
fn name(what: &str, text: Option<String>, chars_max: usize) -> Result<Option<String>, Refused> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
    match text {
        Some(text) if text.is_empty() || text.len() > chars_max || !text.bytes().all(fits) => {
            Err(Refused::invalid(what, &format!("it is 1 to {chars_max} of letters, digits and `_-.@`")))
        }
        text => Ok(text),
    }
}

/// One of a closed list of words, or the default.
fn word<T: DeserializeOwned>(what: &str, text: Option<String>, default: T, known: &str) -> Result<T, Refused> {
    let Some(text) = text else { return Ok(default) };
    serde_json::from_value(text.into()).map_err(|_| Refused::invalid(what, &format!("it is one of {known}")))
}

/// Asks the store on a thread where reading may block.
async fn read<T: Send + 'static>(
    app: &App,
    question: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Refused> {
    Ok(app.engine.store().read(question).await?)
}
