//! Lists: one page, and the way to the next; nothing is cut without saying so.

use calt_api::client::Client;
use calt_api::endpoint::Endpoint;
use serde_json::Value;

use crate::arguments::Page;
use crate::context::Context;
use crate::fault::Fault;
use crate::render;
use crate::words::t;

/// Fetches one page.
pub(super) async fn list(
    context: &Context,
    client: &Client,
    endpoint: &Endpoint,
    values: &[&str],
    mut query: Vec<(&str, &str)>,
    page: &Page,
) -> Result<Value, Fault> {
    let limit = page.limit.to_string();
    query.push(("limit", &limit));
    query.extend(page.cursor.as_deref().map(|cursor| ("cursor", cursor)));
    Ok(context.fetch(client, endpoint, values, &query).await?)
}

/// A table of what was found; nothing at all where nothing was.
pub(super) fn table(items: &[Value], fields: &[(&str, &str)]) -> String {
    if items.is_empty() { String::new() } else { render::table(items, fields) }
}

/// Says how the list goes on, if it does.
pub(super) fn more(context: &Context, page: &Value) {
    if let Some(cursor) = page["next_cursor"].as_str() {
        context.talk(&t!("There is more: add --cursor {cursor}\n", cursor = calt_api::visible::visible_line(cursor)));
    }
}
