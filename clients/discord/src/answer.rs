//! What a slash command is answered with.

use serde_json::Value;

use crate::card::Shown;
use crate::state::Card;

/// An answer.
pub(crate) struct Answer {
    pub(crate) content: String,
    pub(crate) shown: Option<Shown>,
    pub(crate) components: Vec<Value>,
    /// The card to remember, when it asks something.
    pub(crate) card: Option<Card>,
    /// The channel and the message in which it is given, when that is known already.
    pub(crate) place: Option<(String, String)>,
}

impl Answer {
    /// A line and nothing else.
    pub(crate) fn line(content: String) -> Self {
        Self { content, shown: None, components: Vec::new(), card: None, place: None }
    }
}
