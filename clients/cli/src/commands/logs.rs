//! `calt logs`: search and follow.

mod progress;

use calt_api::client::Client;
use calt_api::endpoint;

use super::list::{list, more};
use super::run::interrupted;
use crate::arguments::LogsCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::found::marked;
use crate::render::{self, EventsOf, Place};
use crate::words::t;
use progress::Progress;

pub(crate) async fn run(context: &Context, command: LogsCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        LogsCommand::Search { text, narrow, page } => {
            let text = text.join(" ");
            let since = narrow.since.as_deref().map(|since| moment(since, Midnight::Before));
            let until = narrow.until.as_deref().map(|until| moment(until, Midnight::After));
            let mut query = vec![("q", text.as_str())];
            let narrowed = [
                ("event_type", narrow.event_type.as_deref()),
                ("principal", narrow.principal.as_deref()),
                ("since", since.as_deref()),
                ("until", until.as_deref()),
            ];
            query.extend(narrowed.into_iter().filter_map(|(name, value)| Some((name, value?))));
            let found = match &narrow.session {
                Some(session) => {
                    list(context, &client, &endpoint::SEARCH_SESSION_EVENTS, &[session], query, &page).await?
                }
                None => list(context, &client, &endpoint::SEARCH_ALL_EVENTS, &[], query, &page).await?,
            };
            let of = whose(narrow.session.as_deref());
            context.show(&found, |found| marked(&render::events(render::items(&found["items"]), of), Place::Data))?;
            if render::items(&found["items"]).is_empty() {
                context.talk(&t!("Nothing found.\n"));
            }
            if let Some(notice) = found["notice"].as_str() {
                context.talk(&format!("{}\n", calt_api::visible::visible_line(&crate::words::language().told(notice))));
            }
            more(context, &found);
            Ok(())
        }
        LogsCommand::Follow { session, after } => follow(context, &client, session.as_deref(), after).await,
    }
}

/// Prints events as they come, and on a terminal what runs below them.
async fn follow(context: &Context, client: &Client, session: Option<&str>, after: Option<u64>) -> Result<(), Fault> {
    let mut stream = match session {
        Some(session) => client.stream(&endpoint::SESSION_EVENTS, &[session], after).await?,
        None => client.stream(&endpoint::ALL_EVENTS, &[], after).await?,
    };
    let of = whose(session);
    let mut progress = Progress::new(context, client, of);
    let followed = async {
        while let Some((_, event)) = stream.next().await? {
            let line = if context.json() {
                calt_api::visible::escape_json(&event.to_string()).into_owned()
            } else {
                render::event(&event, of)
            };
            progress.print(&line)?;
            progress.follow(&event).await;
        }
        Ok(())
    };
    let ended = tokio::select! {
        ended = followed => ended,
        // To be interrupted is how following ends.
        () = interrupted() => Ok(()),
    };
    progress.end();
    ended
}

/// Which end of a day is meant.
#[derive(Clone, Copy, Debug)]
enum Midnight {
    Before,
    After,
}

/// A date, or a time without an offset, as the moment it is where the person is; all else is the daemon's to read.
fn moment(text: &str, midnight: Midnight) -> String {
    if text.parse::<jiff::Timestamp>().is_ok() {
        return text.to_owned();
    }
    let is_date = text.len() == "2026-07-01".len();
    let local = text.parse::<jiff::civil::DateTime>().and_then(|time| match midnight {
        Midnight::After if is_date => time.tomorrow(),
        Midnight::After | Midnight::Before => Ok(time),
    });
    let zoned = local.and_then(|time| time.to_zoned(jiff::tz::TimeZone::system()));
    zoned.map_or_else(|_| text.to_owned(), |zoned| zoned.timestamp().to_string())
}

fn whose(session: Option<&str>) -> EventsOf {
    session.map_or(EventsOf::All, |_| EventsOf::OneSession)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_whole_day_here_and_a_time_with_an_offset_stays() {
        let here = |text: &str| {
            let local: jiff::civil::DateTime = text.parse().unwrap();
            local.to_zoned(jiff::tz::TimeZone::system()).unwrap().timestamp().to_string()
        };
        assert_eq!(moment("2026-07-01", Midnight::Before), here("2026-07-01T00:00:00"));
        assert_eq!(moment("2026-07-01", Midnight::After), here("2026-07-02T00:00:00"));
        assert_eq!(moment("2026-07-01T12:30", Midnight::After), here("2026-07-01T12:30:00"));
        for text in ["2026-07-01T09:30:00+09:00", "2026-07-01T09:30:00Z", "yesterday", ""] {
            assert_eq!(moment(text, Midnight::After), text);
        }
    }
}
