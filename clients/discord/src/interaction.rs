//! What somebody did in Discord, as far as the bot reads it.

use std::time::Instant;

use calt_api::Language;
use serde_json::Value;

/// An interaction.
#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) application: String,
    pub(crate) user: String,
    pub(crate) locale: String,
    pub(crate) channel: Option<String>,
    /// The message that carries the component, if it is about one.
    pub(crate) message: Option<String>,
    pub(crate) kind: Kind,
    /// When the bot heard of it.
    pub(crate) came: Instant,
}

/// What it is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A slash command: its name, its options, the attachments they name.
    Command { name: String, options: Value, resolved: Value },
    /// Somebody types an option.
    Autocomplete { options: Value },
    /// A button or a menu.
    Component { custom_id: String, values: Vec<String> },
    /// A form was sent: the first text in it.
    Modal { custom_id: String, text: String },
}

impl Interaction {
    /// Reads one; `None` for what the bot does not know.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let data = &value["data"];
        let kind = match value["type"].as_u64()? {
            2 => Kind::Command {
                name: text(&data["name"])?,
                options: data["options"].clone(),
                resolved: data["resolved"].clone(),
            },
            4 => Kind::Autocomplete { options: data["options"].clone() },
            3 => Kind::Component {
                custom_id: text(&data["custom_id"])?,
                values: data["values"].as_array().into_iter().flatten().filter_map(text).collect(),
            },
            5 => Kind::Modal {
                custom_id: text(&data["custom_id"])?,
                text: first_text(&data["components"]).unwrap_or_default(),
            },
            _ => return None,
        };
        let user = text(&value["member"]["user"]["id"]).or_else(|| text(&value["user"]["id"]))?;
        Some(Self {
            id: text(&value["id"])?,
            token: text(&value["token"])?,
            application: text(&value["application_id"])?,
            user,
            locale: text(&value["locale"]).unwrap_or_else(|| "en-US".to_owned()),
            channel: text(&value["channel_id"]).or_else(|| text(&value["channel"]["id"])),
            message: text(&value["message"]["id"]),
            kind,
            came: Instant::now(),
        })
    }

    pub(crate) fn language(&self) -> Language {
        Language::of_locale(&self.locale)
    }

    /// The locale as a record keeps it: short, and of characters that hide nothing.
    pub(crate) fn recorded_locale(&self) -> Option<String> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_tag = !self.locale.is_empty() && self.locale.len() <= 35 && self.locale.bytes().all(fits);
        is_tag.then(|| self.locale.clone())
    }

    /// What the record names as the message that caused a call.
    pub(crate) fn cause(&self) -> String {
        self.message.clone().unwrap_or_else(|| self.id.clone())
    }
}

/// An option's value as text.
pub(crate) fn option(options: &Value, name: &str) -> Option<String> {
    let found = options.as_array()?.iter().find(|option| option["name"] == name)?;
    match &found["value"] {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The option that is being typed: its name and what stands there.
pub(crate) fn focused(options: &Value) -> Option<(String, String)> {
    let found = options.as_array()?.iter().find(|option| option["focused"] == true)?;
    Some((found["name"].as_str()?.to_owned(), found["value"].as_str().unwrap_or_default().to_owned()))
}

/// The first text field's value, in rows as in labels.
fn first_text(components: &Value) -> Option<String> {
    for component in components.as_array()? {
        if component["type"] == 4 {
            return component["value"].as_str().map(str::to_owned);
        }
        let inner = first_text(&component["components"]);
        if inner.is_some() {
            return inner;
        }
        if component["component"]["type"] == 4 {
            return component["component"]["value"].as_str().map(str::to_owned);
        }
    }
    None
}
