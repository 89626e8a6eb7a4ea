//! `calt logs`: search and follow.

use calt_api::endpoint;

use super::list::{list, more};
use crate::arguments::LogsCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::render::{self, EventsOf};

pub(crate) async fn run(context: &Context, command: LogsCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        LogsCommand::Search { text, session, page } => {
            let text = text.join(" ");
            let query = vec![("q", text.as_str())];
            let found = match &session {
                Some(session) => {
                    list(context, &client, &endpoint::SEARCH_SESSION_EVENTS, &[session], query, &page).await?
                }
                None => list(context, &client, &endpoint::SEARCH_ALL_EVENTS, &[], query, &page).await?,
            };
            let of = whose(session.as_deref());
            context.show(&found, |found| render::events(render::items(&found["items"]), of))?;
            if render::items(&found["items"]).is_empty() {
                context.talk("Nothing found.\n");
            }
            if let Some(notice) = found["notice"].as_str() {
                context.talk(&format!("{}\n", calt_api::visible::visible_line(notice)));
            }
            more(context, &found);
            Ok(())
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
                    render::out(&render::event(&event, whose(session.as_deref())))?;
                }
            }
            Ok(())
        }
    }
}

fn whose(session: Option<&str>) -> EventsOf {
    session.map_or(EventsOf::All, |_| EventsOf::OneSession)
}
