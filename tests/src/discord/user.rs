//! Somebody with an account: commands, clicks, menus, forms.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Answered, CHANNEL, FakeDiscord, Message, gateway, payload};

/// Somebody with an account.
pub struct FakeUser<'d> {
    discord: &'d FakeDiscord,
    id: String,
    locale: String,
}

/// Something that was asked, and what came of it.
pub struct Asked<'d> {
    discord: &'d FakeDiscord,
    token: String,
}

impl<'d> FakeUser<'d> {
    pub(crate) fn new(discord: &'d FakeDiscord, id: &str, locale: &str) -> Self {
        Self { discord, id: id.to_owned(), locale: locale.to_owned() }
    }

    /// The same account, with Discord in another language.
    #[must_use]
    pub fn reading(self, locale: &str) -> Self {
        Self { locale: locale.to_owned(), ..self }
    }

    /// Sends a slash command; `options` is an object.
    pub fn slash(&self, name: &str, options: &Value) -> Asked<'d> {
        let options = options.as_object().cloned().unwrap_or_default();
        let options = options.iter().map(|(name, value)| {
            let kind = if value.is_i64() || value.is_u64() { 4 } else { 3 };
            json!({"name": name, "type": kind, "value": value})
        });
        let data = json!({"id": "5", "name": name, "type": 1, "guild_id": super::GUILD, "options": options.collect::<Value>()});
        self.act(2, &data, None)
    }

    /// Sends a slash command with a file.
    pub fn slash_with_file(
        &self,
        name: &str,
        options: &Value,
        (option, file): (&str, &str),
        bytes: &[u8],
    ) -> Asked<'d> {
        let id = self.discord.shared.id().to_string();
        let place = format!("{id}/{file}");
        self.discord.shared.state().attachments.insert(place.clone(), bytes.to_vec());
        let url = format!("http://{}/attachments/{place}", self.discord.shared.address);
        let mut given: Vec<Value> = options
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| json!({"name": name, "type": 3, "value": value}))
            .collect();
        given.push(json!({"name": option, "type": 11, "value": id}));
        let resolved = json!({"attachments": {&id: payload::attachment(&id, file, bytes.len(), &url)}});
        let data = json!({"id": "5", "name": name, "type": 1, "options": given, "resolved": resolved});
        self.act(2, &data, None)
    }

    /// Types into an option and gives what is offered.
    pub fn types(&self, command: &str, before: &Value, option: &str, text: &str) -> Vec<String> {
        let mut options: Vec<Value> = before
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| json!({"name": name, "type": 3, "value": value}))
            .collect();
        options.push(json!({"name": option, "type": 3, "value": text, "focused": true}));
        let asked = self.act(4, &json!({"id": "5", "name": command, "type": 1, "options": options}), None);
        let (_, data, _) = asked.first();
        data["choices"].as_array().unwrap().iter().map(|choice| choice["value"].as_str().unwrap().to_owned()).collect()
    }

    /// Presses the button of this label.
    pub fn click(&self, message: &Message, label: &str) -> Asked<'d> {
        let custom_id = message.button(label).unwrap_or_else(|| panic!("no button {label:?}: {:?}", message.labels()));
        self.press(message, &custom_id)
    }

    /// Presses a button that may stand there no longer.
    pub fn press(&self, message: &Message, custom_id: &str) -> Asked<'d> {
        self.act(3, &json!({"component_type": 2, "custom_id": custom_id, "id": 3}), Some(message))
    }

    /// Chooses values of the menu.
    pub fn choose(&self, message: &Message, values: &[&str]) -> Asked<'d> {
        let menu = message.components().find(|component| component["type"] == 3).expect("there is a menu");
        let chosen = menu["options"].as_array().unwrap().iter().filter(|option| {
            let told = [option["label"].as_str(), option["value"].as_str(), option["description"].as_str()];
            values.iter().any(|value| told.iter().flatten().any(|text| text.contains(value)))
        });
        let values: Value = chosen.map(|option| option["value"].clone()).collect();
        let data = json!({"component_type": 3, "custom_id": menu["custom_id"], "id": 2, "values": values});
        self.act(3, &data, Some(message))
    }

    /// Fills in the form that answered a click.
    pub fn fills_in(&self, message: &Message, form: &Asked<'_>, text: &str) -> Asked<'d> {
        let (kind, data, _) = form.first();
        assert_eq!(kind, 9, "no form came: {data}");
        let field = data["components"][0]["components"][0]["custom_id"].clone();
        let filled =
            json!([{"type": 1, "id": 1, "components": [{"type": 4, "id": 2, "custom_id": field, "value": text}]}]);
        let data = json!({"custom_id": data["custom_id"], "components": filled});
        self.act(5, &data, Some(message))
    }

    fn act(&self, kind: u64, data: &Value, message: Option<&Message>) -> Asked<'d> {
        let shared = &self.discord.shared;
        let id = shared.id().to_string();
        let token = format!("story-interaction-token-{id}");
        let mut interaction = payload::interaction(&id, kind, (&self.id, &self.locale), &token, data);
        if let Some(message) = message {
            interaction["message"] = payload::message(&self.discord.again(message));
        }
        let asked = Answered {
            user: self.id.clone(),
            kind,
            asked: Instant::now(),
            first: None,
            original: message.map(|message| message.id.clone()),
            followups: Vec::new(),
        };
        shared.state().interactions.insert(token.clone(), asked);
        gateway::dispatch(shared, "INTERACTION_CREATE", &interaction);
        if shared.twice.load(std::sync::atomic::Ordering::Relaxed) {
            gateway::dispatch(shared, "INTERACTION_CREATE", &interaction);
        }
        Asked { discord: self.discord, token }
    }
}

impl Asked<'_> {
    fn now(&self) -> Answered {
        self.discord.shared.state().interactions[&self.token].clone()
    }

    /// The first answer: its type, its data, and how long it took.
    pub fn first(&self) -> (u64, Value, Duration) {
        self.discord.until("a first answer", || self.now().first)
    }

    /// What the person who asked is told in the end: the message that was made for it, or what follows up.
    pub fn told(&self) -> Message {
        self.discord.until("an answer", || {
            let asked = self.now();
            let (kind, ..) = asked.first.clone()?;
            let state = self.discord.shared.state();
            let of = |id: &String| state.messages.get(&id.parse::<u64>().unwrap()).cloned();
            if let Some(followup) = asked.followups.last().and_then(of) {
                return Some(followup);
            }
            let original = asked.original.as_ref().and_then(of)?;
            let is_answer = matches!(kind, 4 | 5);
            (is_answer && original.body != json!({}) && original.channel == CHANNEL).then_some(original)
        })
    }

    /// The same as text.
    pub fn text(&self) -> String {
        self.told().text()
    }
}
