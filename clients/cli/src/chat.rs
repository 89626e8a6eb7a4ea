//! The Discord bot is another crate's: it is handed over to, and asked how it stands, and neither crate names the other.

use crate::arguments::DiscordArguments;
use crate::context::Context;
use crate::fault::Fault;
use crate::words::language;

/// What was found when the bot was looked at: `PASS`, `FAIL` or `SKIP`, what it is, and what would put it right.
pub type ChatFound = (&'static str, String, Option<String>);

/// Looks how the bot is set up. Waits for Discord, so it may take some seconds.
pub type ChatCheck = fn(&DiscordArguments) -> Vec<ChatFound>;

/// What the bot is started with, and looked at with.
pub(crate) fn arguments(context: &Context, given: Option<&DiscordArguments>) -> Result<DiscordArguments, Fault> {
    Ok(DiscordArguments {
        config: given.and_then(|given| given.config.clone()),
        base_url: context.base_url().map(|base| base.value.clone()),
        token: context.token().map(|token| token.value.clone()),
        data_root: context.data_root()?.value,
        language: language(),
    })
}
