//! What every part of the bot shares.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use calt_api::client::CallError;
use calt_api::{Language, Next};
use http::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::daemon::{By, Daemon};
use crate::interaction::Interaction;
use crate::rest::{Call, File, Rest, RestFault};
use crate::settings::Settings;
use crate::state::Card;
use crate::typed::Typed;

/// How long the first answer to an interaction is of use: Discord waits three seconds for it.
const FIRST_ANSWER_TIME_MAX: Duration = Duration::from_millis(2_900);
/// How long an interaction's token lives, with a margin.
const TOKEN_TIME_MAX: Duration = Duration::from_mins(14);
/// How long Discord may take to say the language of a server: without it the cards are English.
const LANGUAGE_TIME_MAX: Duration = Duration::from_secs(5);
/// Edits of a channel that Discord takes at once, as long as it did not say.
const EDITS_AT_ONCE: usize = 5;
/// The flag of a message that only one person sees.
pub(crate) const FOR_ONE: u64 = 64;

/// What the keeper of the cards is told.
#[derive(Debug)]
pub(crate) enum Notice {
    /// An event of the log.
    Event(u64, Value),
    /// A session may stand differently than its cards say.
    Look(String),
    /// A message that shows something was made on somebody's demand.
    Shown(Box<Card>),
    /// A message says that a step is running. The sender is dropped once it is kept.
    Runs(Typed, oneshot::Sender<()>),
    /// The message of this id has said what came of its step.
    Ended(String),
    /// A card was answered by somebody, and no event says so.
    Settled {
        /// The message.
        message: String,
        /// What became of it.
        outcome: String,
    },
}

/// What every part of the bot shares.
pub(crate) struct Bot {
    pub(crate) settings: Settings,
    pub(crate) rest: Rest,
    pub(crate) daemon: Daemon,
    pub(crate) keeper: UnboundedSender<Notice>,
    /// Sessions in which the bot is deciding or executing for somebody.
    at_work: Mutex<HashMap<String, Work>>,
    /// The language of the server the channel is on, once Discord has told it.
    servers: OnceLock<Language>,
}

/// What the bot does in a session.
#[derive(Default)]
struct Work {
    /// Decisions that are being sent, item by item.
    deciding: usize,
    is_executing: bool,
    /// Whether more was approved since the execution last looked.
    is_wanted_again: bool,
}

/// The bot decides in a session until this is let go.
pub(crate) struct Deciding<'b> {
    bot: &'b Bot,
    session: String,
}

impl Drop for Deciding<'_> {
    fn drop(&mut self) {
        self.bot.work_of(&self.session, |work| work.deciding = work.deciding.saturating_sub(1));
        self.bot.tell(Notice::Look(self.session.clone()));
    }
}

/// The bot executes in a session until this is let go.
pub(crate) struct Executing<'b> {
    bot: &'b Bot,
    session: String,
}

impl Executing<'_> {
    /// Whether somebody approved more meanwhile, and left it to this execution.
    fn is_wanted_again(&self) -> bool {
        self.bot.work_of(&self.session, |work| std::mem::take(&mut work.is_wanted_again))
    }
}

impl Drop for Executing<'_> {
    fn drop(&mut self) {
        self.bot.work_of(&self.session, |work| (work.is_executing, work.is_wanted_again) = (false, false));
        self.bot.tell(Notice::Look(self.session.clone()));
    }
}

impl Bot {
    pub(crate) fn new(settings: Settings, daemon: Daemon, keeper: UnboundedSender<Notice>) -> Self {
        let rest = Rest::new(&settings.api_url, &settings.token);
        Self { settings, rest, daemon, keeper, at_work: Mutex::default(), servers: OnceLock::new() }
    }

    /// The language of what is posted by itself: as it is set, or the server's.
    pub(crate) fn language(&self) -> Language {
        self.settings.language.or_else(|| self.servers.get().copied()).unwrap_or_default()
    }

    /// Asks Discord for the language of the server the channel is on, when no other is set.
    pub(crate) async fn learn_language(&self) {
        let Some(channel) = self.settings.channel.as_ref().filter(|_| self.settings.language.is_none()) else { return };
        let asked = |path: String, route: &str| Call::new(Method::GET, path, route).within(LANGUAGE_TIME_MAX);
        let found = self.rest.call(asked(format!("/channels/{channel}"), &format!("{channel} channel"))).await;
        let Some(guild) = found.ok().and_then(|found| found["guild_id"].as_str().map(str::to_owned)) else { return };
        let found = self.rest.call(asked(format!("/guilds/{guild}"), &format!("{guild} guild"))).await;
        if let Some(locale) = found.ok().as_ref().and_then(|found| found["preferred_locale"].as_str()) {
            let _ = self.servers.set(Language::of_locale(locale));
        }
    }

    /// Tells the keeper. When it is gone the bot is ending.
    pub(crate) fn tell(&self, notice: Notice) {
        let _ = self.keeper.send(notice);
    }

    fn work_of<T>(&self, session: &str, change: impl FnOnce(&mut Work) -> T) -> T {
        let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        let work = at_work.entry(session.to_owned()).or_default();
        let changed = change(work);
        if work.deciding == 0 && !work.is_executing {
            at_work.remove(session);
        }
        changed
    }

    /// Begins to decide: no card is posted for what is decided a moment later.
    pub(crate) fn deciding(&self, session: &str) -> Deciding<'_> {
        self.work_of(session, |work| work.deciding += 1);
        Deciding { bot: self, session: session.to_owned() }
    }

    /// Begins to execute; `None` when that is going on, and then it goes on with what was approved meanwhile.
    pub(crate) fn executing(&self, session: &str) -> Option<Executing<'_>> {
        let is_free = self.work_of(session, |work| {
            let is_free = !work.is_executing;
            (work.is_executing, work.is_wanted_again) = (true, !is_free);
            is_free
        });
        is_free.then(|| Executing { bot: self, session: session.to_owned() })
    }

    pub(crate) fn is_at_work(&self, session: &str) -> bool {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner).contains_key(session)
    }

    pub(crate) fn allows(&self, user: &str) -> bool {
        self.settings.allowed_users.iter().any(|known| known == user)
    }

    /// The listed accounts of those who may decide: whom a card pings.
    pub(crate) async fn approvers(&self) -> Vec<String> {
        match self.daemon.approvers().await {
            Ok(found) => self.settings.allowed_users.iter().filter(|user| found.contains(user)).cloned().collect(),
            Err(fault) => {
                tracing::warn!("who may decide is not known, so that everybody is pinged: {fault}");
                self.settings.allowed_users.clone()
            }
        }
    }

    /// Executes what is approved, step by step, until something waits or fails. Each start passes the gate.
    pub(crate) async fn go_on(&self, by: &By, session: &str) -> Result<(), CallError> {
        let Some(executing) = self.executing(session) else { return Ok(()) };
        self.go_on_as(&executing, by).await
    }

    /// The same, by whom it is begun already.
    pub(crate) async fn go_on_as(&self, executing: &Executing<'_>, by: &By) -> Result<(), CallError> {
        while let Some(step) = self.only_to_be_executed(&executing.session).await? {
            let ended = self.daemon.execute(by, &executing.session, &step, false).await?;
            if ended.status != "succeeded" {
                break;
            }
        }
        if executing.is_wanted_again() { Box::pin(self.go_on_as(executing, by)).await } else { Ok(()) }
    }

    /// The step that is approved and comes next, unless its risk is asked about once more.
    async fn only_to_be_executed(&self, session: &str) -> Result<Option<String>, CallError> {
        let Some(Next::ExecuteStep { step, .. }) = self.daemon.session(session).await?.next else { return Ok(None) };
        let is_high = self.daemon.step(session, &step).await?.risk == "high";
        Ok((!is_high).then_some(step))
    }

    /// The first answer to an interaction.
    pub(crate) async fn answer(&self, to: &Interaction, kind: u8, data: Value) -> bool {
        let body = json!({"type": kind, "data": data});
        let path = format!("/interactions/{}/{}/callback", to.id, to.token);
        let call = Call::new(Method::POST, path, &format!("interactions/{}", to.id));
        match self.rest.call(call.body(&body).with_its_own_token().within(FIRST_ANSWER_TIME_MAX)).await {
            Ok(_) => true,
            Err(fault) => {
                // 40060: it was answered, and only the confirmation was lost on the way.
                if fault.code != 40_060 {
                    tracing::warn!("an interaction could not be answered: {fault}");
                }
                fault.code == 40_060
            }
        }
    }

    /// A line that only who asked sees, after the first answer.
    pub(crate) async fn follow_up(&self, to: &Interaction, content: &str, components: &[Value]) {
        let mut body = crate::card::body(content, None, components, &[]);
        body["flags"] = json!(FOR_ONE);
        let path = format!("/webhooks/{}/{}", to.application, to.token);
        let call = Call::new(Method::POST, path, &format!("webhooks/{}", to.id));
        let left = TOKEN_TIME_MAX.saturating_sub(to.came.elapsed());
        if let Err(fault) = self.rest.call(call.body(&body).with_its_own_token().within(left)).await {
            tracing::warn!("nobody could be told: {fault}");
        }
    }

    /// Changes the message the first answer made, or the one the component is on; gives the message.
    pub(crate) async fn change(&self, to: &Interaction, body: &Value, files: &[File]) -> Result<Value, RestFault> {
        let path = format!("/webhooks/{}/{}/messages/@original", to.application, to.token);
        let call = Call::new(Method::PATCH, path, &format!("webhooks/{}", to.id)).files(files);
        let left = TOKEN_TIME_MAX.saturating_sub(to.came.elapsed());
        let changed = self.rest.call(call.body(body).with_its_own_token().within(left)).await;
        changed.inspect_err(|fault| tracing::warn!("an answer could not be given: {fault}"))
    }

    /// Posts to a channel.
    pub(crate) async fn post(&self, channel: &str, body: &Value, files: &[File]) -> Result<Value, RestFault> {
        let call = Call::new(Method::POST, format!("/channels/{channel}/messages"), &format!("{channel} messages"));
        self.rest.call(call.body(body).files(files)).await
    }

    /// Edits a message of the bot's own.
    pub(crate) async fn edit(
        &self,
        channel: &str,
        message: &str,
        body: &Value,
        files: &[File],
    ) -> Result<Value, RestFault> {
        let path = format!("/channels/{channel}/messages/{message}");
        let call = Call::new(Method::PATCH, path, &format!("{channel} messages")).files(files);
        self.rest.call(call.body(body)).await
    }

    /// Ends an answer that took long. An interaction's token lives a quarter of an hour, and its message longer: then
    /// that is edited as any other.
    pub(crate) async fn finish(
        &self,
        to: &Interaction,
        (channel, message): (&str, &str),
        body: &Value,
        files: &[File],
    ) -> Result<Value, RestFault> {
        if to.came.elapsed() < TOKEN_TIME_MAX {
            match self.change(to, body, files).await {
                Err(fault) if fault.is_final() => {}
                changed => return changed,
            }
        }
        self.edit(channel, message, body, files).await
    }

    /// Until when Discord takes no message, or no edit, in this channel, if so many are to be left over.
    pub(crate) fn busy_until(&self, is_edit: bool, channel: &str, left_over: u32) -> Option<Instant> {
        let method = if is_edit { Method::PATCH } else { Method::POST };
        self.rest.busy_until(&format!("{method} {channel} messages"), left_over)
    }

    /// How many edits Discord takes at once in this channel.
    pub(crate) fn edits_at_once(&self, channel: &str) -> usize {
        let told = self.rest.most_of(&format!("{} {channel} messages", Method::PATCH));
        told.and_then(|most| usize::try_from(most).ok()).unwrap_or(EDITS_AT_ONCE)
    }

    /// The newest messages of a channel.
    pub(crate) async fn messages(&self, channel: &str) -> Result<Value, RestFault> {
        let path = format!("/channels/{channel}/messages?limit=50");
        self.rest.call(Call::new(Method::GET, path, &format!("{channel} messages"))).await
    }
}
