//! What the bot keeps over a restart: how far it has read, and which cards stand where.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use calt_api::Language;
use serde::{Deserialize, Serialize};

use crate::typed::Typed;

/// Settled cards that are remembered, so that a click on an old one finds it.
const SETTLED_CARDS_MAX: usize = 1_000;

/// What a card asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The plan with its reads and previews.
    Plan,
    /// Steps that can be decided together.
    Steps,
    /// A step of high risk.
    Step,
    /// The second question before a step of high risk runs.
    Risk,
    /// What to do after a failure or a no.
    Failure,
}

/// How far a card is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stand {
    /// It is being posted: the message may be there already.
    Posting,
    /// It waits for somebody.
    Open,
    /// It is decided, and may still tell how the work goes on.
    Decided,
    /// Nothing about it changes any more.
    Settled,
}

/// A message that shows something and may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) session: String,
    pub(crate) kind: Kind,
    pub(crate) version: u32,
    /// The step it is about, or the first of them.
    pub(crate) step: Option<String>,
    /// The steps it asks about.
    #[serde(default)]
    pub(crate) steps: Vec<String>,
    pub(crate) channel: String,
    pub(crate) message: Option<String>,
    pub(crate) stand: Stand,
    /// The ids of its buttons, by which a message is known again.
    #[serde(default)]
    pub(crate) buttons: Vec<String>,
    /// What became of it, in the words that are shown.
    #[serde(default)]
    pub(crate) outcome: Option<String>,
    /// The same, as the message tells it by now.
    #[serde(default)]
    pub(crate) told: Option<String>,
    /// What was sent last, as a digest: the same is not sent again.
    #[serde(default)]
    pub(crate) sent: Option<String>,
    /// The step that only has to be executed, and the button for it.
    #[serde(default)]
    pub(crate) ready: Option<(String, String)>,
    /// The language it is in, as a tag; cards on demand are in that of who asked.
    #[serde(default)]
    pub(crate) language: Option<String>,
    /// Cards are numbered as they are made.
    #[serde(default)]
    pub(crate) number: u64,
}

impl Card {
    /// The language it is in, where it was told; otherwise this one.
    pub(crate) fn language_or(&self, otherwise: Language) -> Language {
        self.language.as_deref().map_or(otherwise, Language::of_locale)
    }
}

/// What is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The newest event that was taken in.
    pub(crate) after: u64,
    /// The cards, by what they are about.
    pub(crate) cards: BTreeMap<String, Card>,
    #[serde(default)]
    pub(crate) next_number: u64,
    /// Messages that say that a step is running, and have yet to say how it ended.
    #[serde(default)]
    pub(crate) typed: Vec<Typed>,
}

/// The file it is kept in.
#[derive(Clone, Debug)]
pub(crate) struct StateFile(PathBuf);

impl StateFile {
    /// Reads what was kept; nothing when the file is new.
    pub(crate) fn open(path: &Path) -> Result<(Self, Kept), String> {
        let told = |error: &dyn std::fmt::Display| format!("`{}`: {error}", path.display());
        if let Some(directory) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| told(&error))?;
        }
        let kept = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| told(&error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Kept::default(),
            Err(error) => return Err(told(&error)),
        };
        Ok((Self(path.to_owned()), kept))
    }

    /// Whether there was such a file before.
    pub(crate) fn is_new(&self) -> bool {
        !self.0.exists()
    }

    /// Writes it whole, or leaves the one before.
    pub(crate) fn write(&self, kept: &Kept) -> std::io::Result<()> {
        let mut part = self.0.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(&serde_json::to_vec(kept)?)?;
        file.sync_data()?;
        fs::rename(&part, &self.0)
    }
}

impl Kept {
    /// A card's number, which grows.
    pub(crate) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// The newest card of a session.
    pub(crate) fn newest_of(&self, session: &str) -> Option<String> {
        let of_session = self.cards.iter().filter(|(_, card)| card.session == session);
        of_session.max_by_key(|(_, card)| card.number).map(|(key, _)| key.clone())
    }

    /// The card a message shows.
    pub(crate) fn by_message(&self, message: &str) -> Option<String> {
        self.cards.iter().find(|(_, card)| card.message.as_deref() == Some(message)).map(|(key, _)| key.clone())
    }

    /// Forgets the oldest of those that do not change any more.
    pub(crate) fn tidy(&mut self) {
        let mut settled: Vec<_> = self
            .cards
            .iter()
            .filter(|(_, card)| card.stand == Stand::Settled)
            .map(|(key, card)| (card.number, key.clone()))
            .collect();
        settled.sort();
        let surplus = settled.len().saturating_sub(SETTLED_CARDS_MAX);
        for (_, key) in settled.into_iter().take(surplus) {
            self.cards.remove(&key);
        }
    }
}
