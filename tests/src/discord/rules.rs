//! Discord's documented limits: what a request may hold. Each breach is named.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

/// Discord counts characters as UTF-16 does.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

struct Breaches(Vec<String>);

impl Breaches {
    fn within(&mut self, what: &str, value: &Value, least: usize, most: usize) {
        let Some(text) = value.as_str() else { return };
        let length = length(text);
        if length < least || length > most {
            self.0.push(format!("{what} has {length} characters; {least} to {most} are allowed"));
        }
    }

    fn at_most(&mut self, what: &str, count: usize, most: usize) {
        if count > most {
            self.0.push(format!("{count} {what}; at most {most} are allowed"));
        }
    }

    fn must(&mut self, holds: bool, what: &str) {
        if !holds {
            self.0.push(what.to_owned());
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// What a message of the bot may say, and an edit of one: nothing else was meant.
const MESSAGE_KEYS: [&str; 8] =
    ["content", "embeds", "components", "allowed_mentions", "attachments", "nonce", "enforce_nonce", "flags"];

/// A message, or an edit of one.
pub(crate) fn message(body: &Value, files: &BTreeMap<String, Vec<u8>>, is_new: bool) -> Vec<String> {
    let mut breaches = Breaches(Vec::new());
    breaches.must(body.is_object(), "a message that is no object");
    for key in body.as_object().into_iter().flat_map(|body| body.keys()) {
        breaches.must(MESSAGE_KEYS.contains(&key.as_str()), &format!("a message with `{key}`"));
        breaches.must(
            is_new || !matches!(key.as_str(), "nonce" | "enforce_nonce" | "flags"),
            "an edit with a new message's key",
        );
    }
    breaches.must(body["flags"].is_null() || body["flags"] == 64, "flags other than for one person alone");
    breaches.within("content", &body["content"], 0, 2_000);
    let mentions = &body["allowed_mentions"];
    breaches.must(mentions["parse"] == serde_json::json!([]), "allowed_mentions does not say parse: []");
    breaches.at_most("mentioned users", list(&mentions["users"]).len(), 100);
    for user in list(&mentions["users"]) {
        let mention = format!("<@{}>", user.as_str().unwrap_or_default());
        breaches.must(
            body["content"].as_str().is_some_and(|content| content.contains(&mention)),
            "a ping without its line",
        );
    }
    embeds(&mut breaches, list(&body["embeds"]));
    components(&mut breaches, list(&body["components"]), &[2, 3, 5, 6, 7, 8]);
    breaches.at_most("files", files.len(), 10);
    let bytes: usize = files.values().map(Vec::len).sum();
    breaches.at_most("bytes of files", bytes, 10 * 1024 * 1024);
    for (place, file) in files.keys().enumerate() {
        let named = list(&body["attachments"]).iter().any(|known| known["filename"] == file.as_str());
        breaches.must(named, &format!("file {place} is not named in attachments"));
    }
    if let Some(nonce) = body["nonce"].as_str() {
        breaches.must(nonce.len() <= 25, "a nonce is longer than 25 characters");
    }
    if is_new {
        let is_empty =
            body["content"].as_str().is_none_or(str::is_empty) && list(&body["embeds"]).is_empty() && files.is_empty();
        breaches.must(!is_empty, "an empty message");
    }
    breaches.0
}

fn embeds(breaches: &mut Breaches, embeds: &[Value]) {
    breaches.at_most("embeds", embeds.len(), 10);
    let mut total = 0;
    for embed in embeds {
        breaches.within("an embed's title", &embed["title"], 0, 256);
        breaches.within("an embed's description", &embed["description"], 0, 4_096);
        breaches.within("an embed's footer", &embed["footer"]["text"], 0, 2_048);
        breaches.within("an embed's author", &embed["author"]["name"], 0, 256);
        breaches.at_most("fields", list(&embed["fields"]).len(), 25);
        for field in list(&embed["fields"]) {
            breaches.within("a field's name", &field["name"], 1, 256);
            breaches.within("a field's value", &field["value"], 1, 1_024);
        }
        let keys = ["title", "description", "color", "fields", "footer"];
        for key in embed.as_object().into_iter().flat_map(|embed| embed.keys()) {
            breaches.must(keys.contains(&key.as_str()), &format!("an embed with `{key}`"));
        }
        let texts = [&embed["title"], &embed["description"], &embed["footer"]["text"], &embed["author"]["name"]];
        let fields = list(&embed["fields"]).iter().flat_map(|field| [&field["name"], &field["value"]]);
        total += texts.into_iter().chain(fields).filter_map(Value::as_str).map(length).sum::<usize>();
    }
    breaches.at_most("characters in all embeds", total, 6_000);
}

fn components(breaches: &mut Breaches, rows: &[Value], allowed: &[u64]) {
    breaches.at_most("rows", rows.len(), 5);
    let mut ids = HashSet::new();
    for row in rows {
        breaches.must(row["type"] == 1, "a component outside a row");
        let inside = list(&row["components"]);
        breaches.must(!inside.is_empty(), "an empty row");
        let has_menu = inside.iter().any(|component| component["type"] != 2 && component["type"] != 4);
        breaches.at_most("components in a row", inside.len(), if has_menu { 1 } else { 5 });
        for component in inside {
            let kind = component["type"].as_u64().unwrap_or_default();
            breaches.must(allowed.contains(&kind), "a component that is not allowed here");
            breaches.must(component["custom_id"].is_string() || component["style"] == 5, "a component without an id");
            breaches.within("a custom_id", &component["custom_id"], 1, 100);
            if let Some(id) = component["custom_id"].as_str() {
                breaches.must(ids.insert(id.to_owned()), "two components of one id");
            }
            match kind {
                2 => {
                    breaches.within("a button's label", &component["label"], 1, 80);
                    let style = component["style"].as_u64().unwrap_or_default();
                    breaches.must((1..=6).contains(&style), "a button without a style");
                }
                3 => menu(breaches, component),
                4 => {
                    breaches.within("a text field's label", &component["label"], 1, 45);
                    breaches.within("a placeholder", &component["placeholder"], 0, 100);
                    let most = component["max_length"].as_u64().unwrap_or(4_000);
                    breaches.must((1..=4_000).contains(&most), "a text field longer than 4,000");
                }
                _ => {}
            }
        }
    }
}

fn menu(breaches: &mut Breaches, menu: &Value) {
    let options = list(&menu["options"]);
    breaches.must(!options.is_empty(), "a menu without options");
    breaches.at_most("options", options.len(), 25);
    breaches.within("a placeholder", &menu["placeholder"], 0, 150);
    let (least, most) = (menu["min_values"].as_u64().unwrap_or(1), menu["max_values"].as_u64().unwrap_or(1));
    breaches.must(least <= most && most <= options.len() as u64 && most >= 1, "a menu's bounds do not fit its options");
    let mut values = HashSet::new();
    for option in options {
        breaches.within("an option's label", &option["label"], 1, 100);
        breaches.within("an option's value", &option["value"], 1, 100);
        breaches.within("an option's description", &option["description"], 0, 100);
        breaches.must(values.insert(option["value"].to_string()), "two options of one value");
    }
    let chosen = options.iter().filter(|option| option["default"] == true).count() as u64;
    breaches.must(chosen <= most, "more is chosen than a menu takes");
}

/// A form.
pub(crate) fn modal(data: &Value) -> Vec<String> {
    let mut breaches = Breaches(Vec::new());
    breaches.within("a form's title", &data["title"], 1, 45);
    breaches.within("a form's custom_id", &data["custom_id"], 1, 100);
    breaches.must(data["title"].is_string() && data["custom_id"].is_string(), "a form without title or id");
    breaches.must(!list(&data["components"]).is_empty(), "an empty form");
    components(&mut breaches, list(&data["components"]), &[4]);
    breaches.0
}

/// What is offered while somebody types.
pub(crate) fn choices(choices: &Value) -> Vec<String> {
    let mut breaches = Breaches(Vec::new());
    breaches.must(choices.is_array(), "no list of choices");
    breaches.at_most("choices", list(choices).len(), 25);
    for choice in list(choices) {
        breaches.within("a choice's name", &choice["name"], 1, 100);
        breaches.within("a choice's value", &choice["value"], 1, 100);
    }
    breaches.0
}

/// Commands to register.
pub(crate) fn commands(body: &Value) -> Vec<String> {
    let mut breaches = Breaches(Vec::new());
    breaches.must(body.is_array(), "commands are a list");
    breaches.at_most("commands", list(body).len(), 100);
    let fits = |name: &Value| {
        name.as_str().is_some_and(|name| {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
            (1..=32).contains(&name.len()) && name.chars().all(fits)
        })
    };
    for command in list(body) {
        let name = command["name"].as_str().unwrap_or_default();
        breaches.must(fits(&command["name"]), &format!("the name of command {name:?}"));
        breaches.within("a command's description", &command["description"], 1, 100);
        described(&mut breaches, command);
        breaches.at_most("options of a command", list(&command["options"]).len(), 25);
        let mut is_optional = false;
        let mut total = length(name) + command["description"].as_str().map_or(0, length);
        for option in list(&command["options"]) {
            breaches.must(fits(&option["name"]), &format!("the name of option {}", option["name"]));
            breaches.within("an option's description", &option["description"], 1, 100);
            described(&mut breaches, option);
            breaches.must((3..=11).contains(&option["type"].as_u64().unwrap_or_default()), "an option without a type");
            let required = option["required"] == true;
            breaches.must(!(required && is_optional), "a required option behind an optional one");
            is_optional |= !required;
            if let Some(found) = option["choices"].as_array() {
                breaches.0.extend(choices(&Value::Array(found.clone())));
                breaches.must(option["autocomplete"] != true, "choices and autocomplete together");
            }
            total += option["description"].as_str().map_or(0, length);
        }
        breaches.at_most("characters of a command", total, 8_000);
    }
    breaches.0
}

/// Every description has its Japanese beside it.
fn described(breaches: &mut Breaches, thing: &Value) {
    breaches.within("a translated description", &thing["description_localizations"]["ja"], 1, 100);
    breaches.must(thing["description_localizations"]["ja"].is_string(), "a description without Japanese");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(change: &Value) -> Value {
        let mut body = json!({"content": "x", "allowed_mentions": {"parse": []}});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    }

    fn rows(component: &Value, count: usize) -> Value {
        let row = json!({"type": 1, "components": [component]});
        json!({"components": vec![row; count]})
    }

    #[test]
    fn each_breach_of_a_limit_is_found() {
        let none = BTreeMap::new();
        assert!(message(&body(&json!({})), &none, true).is_empty());
        let button = |label: &str, id: &str| json!({"type": 2, "style": 1, "label": label, "custom_id": id});
        let option = |value: &str| json!({"label": "l", "value": value});
        let menu = |count: usize, most: usize| {
            let options: Vec<_> = (0..count).map(|number| option(&number.to_string())).collect();
            json!({"type": 3, "custom_id": "m", "min_values": 0, "max_values": most, "options": options})
        };
        let embed = |embed: Value| json!({"embeds": [embed]});
        let breaches = [
            json!({"content": "x".repeat(2_001)}),
            json!({"content": "\u{1f600}".repeat(1_001)}),
            json!({"allowed_mentions": {"parse": ["everyone"]}}),
            json!({"allowed_mentions": {"parse": [], "users": ["1"]}}),
            json!({"tts": true}),
            json!({"flags": 4}),
            json!({"nonce": "x".repeat(26)}),
            embed(json!({"title": "x".repeat(257)})),
            embed(json!({"description": "x".repeat(4_097)})),
            embed(json!({"fields": vec![json!({"name": "n", "value": "v"}); 26]})),
            embed(json!({"fields": [{"name": "n", "value": "x".repeat(1_025)}]})),
            embed(json!({"fields": vec![json!({"name": "n", "value": "x".repeat(1_024)}); 6]})),
            rows(&button("l", "b"), 2),
            rows(&button(&"x".repeat(81), "b"), 1),
            rows(&button("l", &"x".repeat(101)), 1),
            rows(&menu(26, 26), 1),
            rows(&menu(2, 3), 1),
            json!({"components": [{"type": 1, "components": []}]}),
            json!({"content": ""}),
        ];
        for breach in breaches {
            assert!(!message(&body(&breach), &none, true).is_empty(), "{breach}");
        }
        let unnamed = BTreeMap::from([("file.txt".to_owned(), Vec::new())]);
        assert!(!message(&body(&json!({})), &unnamed, true).is_empty());
        let large = BTreeMap::from([("file.txt".to_owned(), vec![0; 10 * 1024 * 1024 + 1])]);
        assert!(!message(&body(&json!({"attachments": [{"id": 0, "filename": "file.txt"}]})), &large, true).is_empty());
        assert!(!message(&body(&json!({"nonce": "1"})), &none, false).is_empty());
        assert!(!choices(&Value::from(vec![json!({"name": "n", "value": "v"}); 26])).is_empty());
        assert!(!modal(&json!({"title": "x".repeat(46), "custom_id": "c", "components": []})).is_empty());
        let command = json!([{"name": "Upper", "description": "d", "description_localizations": {"ja": "d"}}]);
        assert!(!commands(&command).is_empty());
        let english_only = json!([{"name": "lower", "description": "d"}]);
        assert!(!commands(&english_only).is_empty());
    }
}
