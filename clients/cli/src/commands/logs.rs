//! `calt logs`: search and follow.

use calt_api::endpoint;
use serde_json::Value;

use crate::arguments::LogsCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::render;

pub(crate) async fn run(context: &Context, command: LogsCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        LogsCommand::Search { text, session, limit, cursor } => {
            let (text, limit) = (text.join(" "), limit.to_string());
            let mut query = vec![("q", text.as_str()), ("limit", limit.as_str())];
            if let Some(cursor) = &cursor {
                query.push(("cursor", cursor));
            }
            let page: Value = match &session {
                Some(session) => context.fetch(&client, &endpoint::SEARCH_SESSION_EVENTS, &[session], &query).await?,
                None => context.fetch(&client, &endpoint::SEARCH_ALL_EVENTS, &[], &query).await?,
            };
            context.show(&page, |page| {
                let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
                let mut shown: String = items.iter().map(render::event).collect();
                if shown.is_empty() {
                    shown = "Nothing found.\n".to_owned();
                }
                if let Some(cursor) = page["next_cursor"].as_str() {
                    shown.push_str(&format!("more: add --cursor {cursor}\n"));
                }
                shown
            })
        }
        LogsCommand::Follow { session, after } => {
            let mut stream = match &session {
                Some(session) => client.stream(&endpoint::SESSION_EVENTS, &[session], after).await?,
                None => client.stream(&endpoint::ALL_EVENTS, &[], after).await?,
            };
            while let Some((_, event)) = stream.next().await? {
                if context.json() {
                    render::out(&calt_api::visible::escape_json(&event.to_string()))?;
                } else {
                    render::out(&render::event(&event))?;
                }
            }
            Ok(())
        }
    }
}
