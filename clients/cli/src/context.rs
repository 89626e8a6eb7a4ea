//! What every command has at hand: the options, and the way to the daemon.

use std::path::PathBuf;

use calt_api::client::{Body, CallError, Client};
use calt_api::endpoint::Endpoint;
use calt_api::views::DecisionRequest;
use serde_json::Value;

use crate::arguments::Shared;
use crate::autostart;
use crate::fault::Fault;
use crate::render;

pub(crate) struct Context {
    shared: Shared,
}

impl Context {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared }
    }

    pub(crate) const fn json(&self) -> bool {
        self.shared.json
    }

    pub(crate) fn source(&self) -> String {
        self.shared.source.clone()
    }

    pub(crate) fn data_root(&self) -> Result<PathBuf, Fault> {
        autostart::data_root(self.shared.data_root.as_ref())
    }

    /// The daemon that was named, or the one of the data root, started if there is none.
    pub(crate) async fn client(&self) -> Result<Client, Fault> {
        if let Some(base) = &self.shared.base_url {
            let token = match &self.shared.token {
                Some(token) => Some(token.clone()),
                // A stored token is sent only to the address it was stored for.
                None => self.stored_token_for(base),
            };
            if token.is_none() {
                return Err(Fault::Reach {
                    message: format!("no token for {base}: a stored token is sent to no other address"),
                    hint: "give one with --token or CALT_DAEMON_TOKEN".to_owned(),
                });
            }
            return Ok(Client::new(base, token)?);
        }
        let found = autostart::find_or_start(&self.data_root()?).await?;
        let token = self.shared.token.clone().unwrap_or(found.token);
        Ok(Client::new(&format!("http://{}", found.address), Some(token))?)
    }

    fn stored_token_for(&self, base: &str) -> Option<String> {
        let found = autostart::find(&self.data_root().ok()?)?;
        (base.trim_end_matches('/') == format!("http://{}", found.address)).then_some(found.token)
    }

    /// Calls, and prints the answer as it is when JSON is asked for; otherwise gives it.
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
        if self.json() {
            render::data(value);
            return Ok(());
        }
        render::out(&human(value))
    }

    /// A decision with what is always said.
    pub(crate) fn decision(&self, how: &str, digest: Option<String>, shown: &str) -> DecisionRequest {
        DecisionRequest {
            approved_by: self.shared.approved_by.clone(),
            source: Some(self.source()),
            digest,
            how: Some(how.to_owned()),
            view_digest: Some(calt_api::sha256(shown.as_bytes())),
            view_cut: Some(false),
            shown_at: Some(jiff::Timestamp::now().to_string()),
            locale: std::env::var("LANG").ok().filter(|locale| !locale.is_empty()),
            ..DecisionRequest::default()
        }
    }
}
