//! The way to the daemon, which holds everything and does everything.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use calt_api::client::{Body, CallError, Client, EventStream};
use calt_api::endpoint::{self as at, Endpoint};
use calt_api::views::{
    ArtifactView, ButtonItem, ButtonSubject, ButtonView, ButtonsMade, ChatApprovers, CreateSession, DecisionItem,
    DecisionsReply, DecisionsRequest, ExecuteReply, ExecuteRequest, InboxItemView, InboxPage, MakeButtons, Page,
    PlanCheckReply, PlanView, RefusalCounted, RefusedInChat, RunView, SearchPage, SessionView, StepDetailView,
    StopRequest, Stopped, ToolView, UndoReply, UndoRequest,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What the record names as the surface.
pub(crate) const SOURCE: &str = "discord";
/// Sessions looked through when somebody types an id.
const SESSIONS_OFFERED: &str = "100";
/// Hits of a search that are shown.
const HITS: &str = "10";

/// Where a daemon says it listens.
fn address(found_in: &Path) -> Option<String> {
    let found: Value = serde_json::from_slice(&std::fs::read(found_in).ok()?).ok()?;
    found["address"].as_str().map(|address| format!("http://{address}"))
}

/// Who speaks, and by which message.
#[derive(Clone, Debug)]
pub(crate) struct By {
    pub(crate) user: String,
    pub(crate) message: String,
    pub(crate) locale: Option<String>,
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Approve,
    Reject,
    Skip,
}

/// What was seen when it was decided.
#[derive(Clone, Debug, Default)]
pub(crate) struct Viewed {
    pub(crate) how: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) decision_id: Option<String>,
    pub(crate) view_digest: Option<String>,
    pub(crate) view_cut: Option<bool>,
    pub(crate) shown_at: Option<String>,
}

/// Where the daemon is, and the token for it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its address, when somebody named it.
    pub base: Option<String>,
    /// The file in which a daemon of this data root says where it is.
    pub found_in: PathBuf,
    /// The token of a relay.
    pub token: String,
}

/// The daemon.
pub(crate) struct Daemon {
    place: Place,
    client: Mutex<Client>,
}

type Answer<T> = Result<T, CallError>;

impl Daemon {
    pub(crate) fn new(place: Place) -> Answer<Self> {
        let base = place.base.clone().or_else(|| address(&place.found_in));
        // Nobody listens there; the file is read again as soon as a call finds nobody.
        let base = base.unwrap_or_else(|| "http://127.0.0.1:9".to_owned());
        let client = Client::new(&base, Some(place.token.clone()))?;
        Ok(Self { place, client: Mutex::new(client) })
    }

    fn client(&self) -> Client {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks where the daemon is now; true when that is somewhere else.
    pub(crate) fn find_again(&self) -> bool {
        if self.place.base.is_some() {
            return false;
        }
        let Some(base) = address(&self.place.found_in) else { return false };
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if client.base() == base {
            return false;
        }
        let Ok(other) = Client::new(&base, Some(self.place.token.clone())) else { return false };
        *client = other;
        true
    }

    /// Whether nobody was there and the daemon is somewhere else now: then asking once more is worth it.
    fn is_elsewhere(&self, fault: &CallError) -> bool {
        match fault {
            CallError::Problem(problem) => problem.code == "daemon_unreachable" && self.find_again(),
            CallError::Unexpected(_) => false,
        }
    }

    async fn get<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        values: &[&str],
        query: &[(&str, &str)],
    ) -> Answer<T> {
        match self.client().call(endpoint, values, query, Body::Empty).await {
            Err(fault) if self.is_elsewhere(&fault) => self.client().call(endpoint, values, query, Body::Empty).await,
            answer => answer,
        }
    }

    async fn send<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        values: &[&str],
        body: &impl Serialize,
    ) -> Answer<T> {
        match self.client().send(endpoint, values, body).await {
            Err(fault) if self.is_elsewhere(&fault) => self.client().send(endpoint, values, body).await,
            answer => answer,
        }
    }

    pub(crate) async fn session(&self, session: &str) -> Answer<SessionView> {
        self.get(&at::SHOW_SESSION, &[session], &[]).await
    }

    pub(crate) async fn sessions(&self) -> Answer<Vec<SessionView>> {
        let page: Page<SessionView> = self.get(&at::LIST_SESSIONS, &[], &[("limit", SESSIONS_OFFERED)]).await?;
        Ok(page.items)
    }

    pub(crate) async fn plan(&self, session: &str, version: u32) -> Answer<PlanView> {
        self.get(&at::SHOW_PLAN, &[session, &version.to_string()], &[]).await
    }

    pub(crate) async fn step(&self, session: &str, step: &str) -> Answer<StepDetailView> {
        self.get(&at::SHOW_STEP, &[session, step], &[]).await
    }

    pub(crate) async fn run(&self, run: i64) -> Answer<RunView> {
        self.get(&at::SHOW_RUN, &[&run.to_string()], &[]).await
    }

    pub(crate) async fn waiting(&self, session: &str) -> Answer<Option<InboxItemView>> {
        let page: InboxPage = self.get(&at::INBOX, &[], &[("session", session), ("limit", "1")]).await?;
        Ok(page.items.into_iter().next())
    }

    pub(crate) async fn inbox(&self) -> Answer<InboxPage> {
        self.get(&at::INBOX, &[], &[]).await
    }

    pub(crate) async fn search(&self, session: Option<&str>, words: &str) -> Answer<SearchPage> {
        let query = [("q", words), ("limit", HITS)];
        match session {
            Some(session) => self.get(&at::SEARCH_SESSION_EVENTS, &[session], &query).await,
            None => self.get(&at::SEARCH_ALL_EVENTS, &[], &query).await,
        }
    }

    pub(crate) async fn artifacts(&self, session: &str) -> Answer<Page<ArtifactView>> {
        self.get(&at::LIST_ARTIFACTS, &[session], &[]).await
    }

    pub(crate) async fn tools(&self) -> Answer<Vec<ToolView>> {
        let page: Page<ToolView> = self.get(&at::LIST_TOOLS, &[], &[]).await?;
        Ok(page.items)
    }

    pub(crate) async fn tool(&self, tool: &str) -> Answer<ToolView> {
        self.get(&at::TOOL_PERMISSIONS, &[tool], &[]).await
    }

    pub(crate) async fn events(&self, after: u64) -> Answer<EventStream> {
        self.client().stream(&at::ALL_EVENTS, &[], Some(after)).await
    }

    /// Whether the token is a chat's: a button nobody made is not there, and not forbidden.
    pub(crate) async fn speaks_for_persons(&self) -> Answer<()> {
        match self.button("b_none").await {
            Err(CallError::Problem(problem)) if problem.code == "button_not_found" => Ok(()),
            Err(fault) => Err(fault),
            Ok(_) => Ok(()),
        }
    }

    pub(crate) async fn button(&self, id: &str) -> Answer<ButtonView> {
        self.get(&at::SHOW_BUTTON, &[id], &[]).await
    }

    pub(crate) async fn make_buttons(&self, buttons: Vec<ButtonSubject>) -> Answer<Vec<String>> {
        if buttons.is_empty() {
            return Ok(Vec::new());
        }
        let made: ButtonsMade = self.send(&at::MAKE_BUTTONS, &[], &MakeButtons { buttons }).await?;
        Ok(made.ids)
    }

    /// The accounts of those who may decide.
    pub(crate) async fn approvers(&self) -> Answer<Vec<String>> {
        let found: ChatApprovers = self.get(&at::LIST_APPROVERS, &[], &[]).await?;
        Ok(found.user_ids)
    }

    pub(crate) async fn refused(&self, user: &str) -> Answer<RefusalCounted> {
        self.send(&at::COUNT_REFUSAL, &[], &RefusedInChat { user_id: user.to_owned() }).await
    }

    pub(crate) async fn create_session(&self, by: &By, session: CreateSession) -> Answer<SessionView> {
        let (source, user_id, message_id) = by.claims();
        self.send(&at::CREATE_SESSION, &[], &CreateSession { source, user_id, message_id, ..session }).await
    }

    /// Every problem of a plan, without importing it.
    pub(crate) async fn check(&self, document: &str) -> Answer<PlanCheckReply> {
        self.client().call(&at::CHECK_PLAN, &[], &[], Body::Document(document)).await
    }

    pub(crate) async fn import(&self, by: &By, session: &str, document: &str) -> Answer<PlanView> {
        let claims = [("source", SOURCE), ("user_id", &by.user), ("message_id", &by.message)];
        let body = Body::Document(document);
        self.client().call(&at::IMPORT_PLAN, &[session], &claims, body).await
    }

    pub(crate) async fn stop(&self, by: &By, session: &str) -> Answer<Stopped> {
        let (source, user_id, message_id) = by.claims();
        self.send(&at::STOP_SESSION, &[session], &StopRequest { source, user_id, message_id }).await
    }

    pub(crate) async fn undo(&self, by: &By, session: &str, run_id: Option<i64>) -> Answer<UndoReply> {
        let (source, user_id, message_id) = by.claims();
        self.send(&at::UNDO_SESSION, &[session], &UndoRequest { run_id, source, user_id, message_id }).await
    }

    pub(crate) async fn execute(&self, by: &By, session: &str, step: &str, confirmed: bool) -> Answer<ExecuteReply> {
        let (source, user_id, message_id) = by.claims();
        let request = ExecuteRequest { confirm_high_risk: confirmed, source, user_id, message_id, unlock: None };
        self.send(&at::EXECUTE_STEP, &[session, step], &request).await
    }

    /// Decides on a list: all of it or nothing. Gives the one id under which the record keeps it.
    pub(crate) async fn decide(
        &self,
        by: &By,
        verdict: Verdict,
        (session, version): (&str, u32),
        items: &[ButtonItem],
        viewed: &Viewed,
    ) -> Answer<Option<String>> {
        if items.is_empty() {
            return Ok(None);
        }
        let (source, user_id, message_id) = by.claims();
        let item = |item: &ButtonItem| DecisionItem {
            plan_version: version,
            step_id: item.step_id.clone(),
            digest: item.digest.clone(),
        };
        let request = DecisionsRequest {
            decision: verdict.word().to_owned(),
            items: items.iter().map(item).collect(),
            source,
            user_id,
            message_id,
            reason: viewed.reason.clone(),
            decision_id: viewed.decision_id.clone(),
            how: Some(viewed.how.to_owned()),
            view_digest: viewed.view_digest.clone(),
            view_cut: viewed.view_cut,
            shown_at: viewed.shown_at.clone(),
            locale: by.locale.clone(),
            ..DecisionsRequest::default()
        };
        let decided: DecisionsReply = self.send(&at::DECIDE, &[session], &request).await?;
        Ok(Some(decided.decision_id))
    }
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Skip => "skip",
        }
    }
}

impl By {
    fn claims(&self) -> (Option<String>, Option<String>, Option<String>) {
        (Some(SOURCE.to_owned()), Some(self.user.clone()), Some(self.message.clone()))
    }
}
