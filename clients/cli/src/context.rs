//! What every command has at hand: the options, and the way to the daemon.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use calt_api::Code;
use calt_api::client::{Body, CallError, Client};
use calt_api::endpoint::{self, Endpoint};
use calt_api::views::{CallerView, DecisionRequest};
use clap::ArgMatches;
use clap::parser::ValueSource;
use serde_json::Value;

use crate::arguments::Shared;
use crate::autostart::{self, END_SECONDS_MAX, LOOK_AGAIN};
use crate::chat::ChatCheck;
use crate::fault::Fault;
use crate::hint::{self, Given, Reader};
use crate::place::{self, Sourced};
use crate::render;
use crate::table::{broken, said, with_command};
use crate::words::{language, t};

/// Where a value came from that was typed.
const FLAG: &str = "flag";

/// How a decision was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// A person was shown it and asked.
    Prompt,
    /// A flag said it; nobody was asked.
    Flag,
}

pub(crate) struct Context {
    shared: Shared,
    base_url: Option<Sourced<String>>,
    token: Option<Sourced<String>>,
    data_root: Option<Sourced<PathBuf>>,
    /// Looks how the Discord bot is set up.
    pub(crate) chat: ChatCheck,
    /// Whom the token that was named proves, once it is known.
    caller: OnceCell<CallerView>,
    /// The keys that PINs gave in this process, by session.
    pub(crate) unlocked: RefCell<HashMap<String, String>>,
}

impl Context {
    /// The options as given, each with where it came from. An empty variable counts as not set.
    pub(crate) fn new(shared: Shared, matches: &ArgMatches, chat: ChatCheck) -> Self {
        let from = |name: &str| match matches.value_source(name) {
            Some(ValueSource::EnvVariable) => "environment".to_owned(),
            _ => FLAG.to_owned(),
        };
        let text = |name: &str, value: &Option<String>| {
            let value = value.clone().filter(|value| !value.is_empty())?;
            Some(Sourced { value, from: from(name) })
        };
        let data_root = shared.data_root.clone().filter(|root| !root.as_os_str().is_empty());
        Self {
            base_url: text("base_url", &shared.base_url),
            token: text("token", &shared.token),
            data_root: data_root.map(|value| Sourced { value, from: from("data_root") }),
            caller: OnceCell::new(),
            unlocked: RefCell::default(),
            shared,
            chat,
        }
    }

    pub(crate) const fn json(&self) -> bool {
        self.shared.json
    }

    pub(crate) fn source(&self) -> &str {
        &self.shared.source
    }

    pub(crate) const fn base_url(&self) -> Option<&Sourced<String>> {
        self.base_url.as_ref()
    }

    pub(crate) const fn token(&self) -> Option<&Sourced<String>> {
        self.token.as_ref()
    }

    /// The flags that say which daemon is meant.
    pub(crate) fn given(&self) -> Given {
        let root = self.data_root.as_ref().filter(|root| root.from == FLAG);
        let base = self.base_url.as_ref().filter(|base| base.from == FLAG);
        Given {
            data_root: root.map(|root| root.value.display().to_string()),
            base_url: base.map(|base| base.value.clone()),
        }
    }

    pub(crate) fn data_root(&self) -> Result<Sourced<PathBuf>, Fault> {
        place::data_root(self.data_root.clone())
    }

    /// Where a session's files are, if its daemon is the one of this data root.
    pub(crate) fn workspace(&self, session: &Value) -> Option<PathBuf> {
        if self.base_url.is_some() {
            return None;
        }
        if let Some(path) = session["workspace"]["path"].as_str() {
            return Some(PathBuf::from(path));
        }
        // A session that goes on after a stop works in the directory of the one before it.
        let home = session["workspace"]["session"].as_str().or_else(|| session["id"].as_str())?;
        let workspace = self.data_root().ok()?.value.join("sessions").join(home).join("workspace");
        workspace.is_dir().then_some(workspace)
    }

    /// The daemon that was named, or the one of the data root, started if there is none. Whose token it is says which
    /// next commands lead anywhere.
    pub(crate) async fn client(&self) -> Result<Client, Fault> {
        let client = self.client_alone().await?;
        self.look_who_speaks(&client).await?;
        Ok(client)
    }

    /// Asks whom a token that was named proves; one that is stored is the owner's.
    pub(crate) async fn look_who_speaks(&self, client: &Client) -> Result<(), Fault> {
        if self.token.is_none() || self.caller.get().is_some() {
            return Ok(());
        }
        match client.call::<CallerView>(&endpoint::WHOAMI, &[], &[], Body::Empty).await {
            Ok(caller) => {
                hint::speak_to(if caller.may_decide { Reader::Decides } else { Reader::Waits });
                let _ = self.caller.set(caller);
                Ok(())
            }
            // A daemon of an earlier calt does not say it, and refuses what is not allowed all the same.
            Err(CallError::Problem(problem)) if problem.code == Code::PathNotFound.as_str() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whom the token that was named proves; `None` for the owner's own of the data root.
    pub(crate) fn caller(&self) -> Option<&CallerView> {
        self.caller.get()
    }

    /// Whether a yes or a no of this command would count.
    pub(crate) fn may_decide(&self) -> bool {
        self.caller.get().is_none_or(|caller| caller.may_decide)
    }

    /// Stops whoever may not decide before anything is asked: their answer would be refused.
    pub(crate) fn only_who_decides(&self, session: &str) -> Result<(), Fault> {
        let Some(caller) = self.caller.get().filter(|caller| !caller.may_decide) else { return Ok(()) };
        Err(Fault::Gate {
            message: t!(
                "{name} has role `{role}`, which may not approve, reject or skip: a person decides",
                name = render::word(&Value::from(caller.name.as_str())),
                role = caller.role
            ),
            hint: hint::go_on(session),
        })
    }

    pub(crate) async fn client_alone(&self) -> Result<Client, Fault> {
        let named = self.token.as_ref().map(|token| token.value.clone());
        let Some(base) = &self.base_url else { return self.own_client(named).await };
        // A stored token is sent only to the address it was stored for.
        let token = named.or_else(|| self.stored_token_for(&base.value));
        if token.is_none() {
            return Err(Fault::Reach {
                message: t!(
                    "there is no token for {address}: a stored one is sent to no other address",
                    address = base.value
                ),
                hint: "export CALT_DAEMON_TOKEN=TOKEN".to_owned(),
            });
        }
        Ok(Client::new(&base.value, token)?)
    }

    /// The daemon of the data root. One that is ending is waited for, and followed by a new one.
    async fn own_client(&self, token: Option<String>) -> Result<Client, Fault> {
        let root = self.data_root()?.value;
        let deadline = Instant::now() + Duration::from_secs(END_SECONDS_MAX);
        loop {
            let found = autostart::find_or_start(&root).await?;
            let token = token.clone().unwrap_or(found.token);
            let client = Client::new(&format!("http://{}", found.address), Some(token))?;
            let answer = client.bytes(&endpoint::HEALTH, &[], &[], Body::Empty, &[]).await;
            if answer.is_ok() || Instant::now() > deadline {
                return Ok(client);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Says what to do about a daemon that does not answer: that depends on who named its address.
    pub(crate) fn with_the_way_there(&self, fault: Fault) -> Fault {
        let Fault::Problem(problem) = &fault else { return fault };
        if problem.code != Code::DaemonUnreachable.as_str() {
            return fault;
        }
        let named = self.base_url.as_ref().and_then(|base| local_port(&base.value));
        let hint = named.map_or_else(|| "calt doctor".to_owned(), |port| format!("calt daemon --port {port}"));
        Fault::Reach { message: problem.said_in(language()), hint }
    }

    pub(crate) fn stored_token_for(&self, base: &str) -> Option<String> {
        let found = autostart::find(&self.data_root().ok()?.value)?;
        (base.trim_end_matches('/') == format!("http://{}", found.address)).then_some(found.token)
    }

    /// Reads something from the daemon.
    pub(crate) async fn fetch(
        &self,
        client: &Client,
        endpoint: &Endpoint,
        values: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, CallError> {
        client.call(endpoint, values, query, Body::Empty).await
    }

    /// Shows a value: as JSON when that is asked for, otherwise as `human` makes it.
    pub(crate) fn show(&self, value: &Value, human: impl FnOnce(&Value) -> String) -> Result<(), Fault> {
        if self.json() { render::data(value) } else { render::out(&human(value)) }
    }

    /// The same where a person reads one sentence, which is broken where it is too wide.
    pub(crate) fn show_said(&self, value: &Value, sentence: &str) -> Result<(), Fault> {
        self.show(value, |_| said(sentence))
    }

    /// Says something to the person, unless data alone was asked for. Sentences are broken where they are too wide.
    pub(crate) fn talk(&self, text: &str) {
        self.talk_as_it_is(&broken(text));
    }

    /// The same for what is no sentence: a look, a diff, what a command said.
    pub(crate) fn talk_as_it_is(&self, text: &str) {
        if !self.json() {
            crate::ask::talk(text);
        }
    }

    /// Says something that ends with a command.
    pub(crate) fn talk_command(&self, said: &str, command: &str) {
        self.talk_as_it_is(&with_command(said, command));
    }

    /// Says the next command to the person.
    pub(crate) fn hint(&self, command: &str) {
        let command = hint::here(command);
        self.talk_command(&t!("hint: {command}\n", command = command), &command);
    }

    /// Says how a session goes on, once something is handed in.
    pub(crate) fn hint_to_go_on(&self, session: &str) {
        if !self.may_decide() {
            self.talk(&t!("A person decides now.\n"));
        }
        self.hint(&hint::go_on(session));
    }

    /// A decision with what is always said. Only a look somebody had is named as shown.
    pub(crate) fn decision(&self, how: How, digest: Option<String>, shown: &str) -> DecisionRequest {
        let said = DecisionRequest {
            approved_by: self.shared.approved_by.clone(),
            source: Some(self.shared.source.clone()),
            digest,
            locale: Some(crate::words::chosen().value),
            ..DecisionRequest::default()
        };
        match how {
            How::Flag => DecisionRequest { how: Some("flag".to_owned()), ..said },
            How::Prompt => DecisionRequest {
                how: Some("prompt".to_owned()),
                view_digest: Some(calt_api::sha256(shown.as_bytes())),
                view_cut: Some(false),
                shown_at: Some(jiff::Timestamp::now().to_string()),
                ..said
            },
        }
    }
}

/// The port of an address on this machine.
fn local_port(base: &str) -> Option<u16> {
    let address = base.trim_end_matches('/').strip_prefix("http://")?;
    let (host, port) = address.rsplit_once(':')?;
    ["127.0.0.1", "localhost", "[::1]"].contains(&host).then(|| port.parse().ok())?
}
