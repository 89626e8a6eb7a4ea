//! Keeps the cards: posts one when somebody is needed, and edits it until it says what became of it.
//!
//! It does not act on single events: an event only says which session to look at, and the cards are brought to how
//! that session stands now. So nothing is missed and nothing is posted twice, however often it is told.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use calt_api::Next;
use calt_api::client::CallError;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::bot::{Bot, Notice};
use crate::card::{self, Press};
use crate::outcome;
use crate::rest::RestFault;
use crate::show;
use crate::standing::{Standing, Wanted};
use crate::state::{Card, Kept, Kind, Stand, StateFile};
use crate::turns::{Rank, Turn, Turns};
use crate::typed;

/// How long something must wait before it is posted: who decides step by step elsewhere is not followed at each.
const WAITS_BEFORE_POST: Duration = Duration::from_millis(600);
/// How often the progress of work in a card is told, at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(2_500);
/// How long a card whose question is gone waits for the event that says why, before it says only that.
const WAITS_FOR_REASON: Duration = Duration::from_secs(5);
/// Edits of a channel that are left to decisions: Discord takes five in this time.
const LEFT_TO_DECISIONS: u8 = 2;
const DISCORDS_TIME: Duration = Duration::from_secs(5);
/// How often the place in the log is written down when nothing else is.
const WRITE_EVERY: Duration = Duration::from_secs(2);
/// How long to wait before a session is looked at again after the daemon did not answer.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The keeper.
pub(crate) struct Keeper {
    bot: Arc<Bot>,
    file: StateFile,
    kept: Kept,
    is_unwritten: bool,
    written: Instant,
    /// Sessions with a card that somebody decided; they are looked at before all others.
    decided: VecDeque<String>,
    /// Sessions to look at, the longest waiting first.
    dirty: VecDeque<String>,
    /// Sessions that wait until Discord takes what they have to say.
    turns: Turns,
    /// When progress was told lately.
    progress_told: VecDeque<Instant>,
    /// Whether the session that is looked at has waited for its turn.
    is_its_turn: bool,
    /// Sessions to look at later.
    later: Vec<(Instant, String)>,
    /// What waits for a card, and since when.
    waits: HashMap<String, (String, Instant)>,
    edited: HashMap<String, Instant>,
    /// Cards whose question is gone, and since when nobody said why.
    unexplained: HashMap<String, Instant>,
}

impl Keeper {
    pub(crate) fn new(bot: Arc<Bot>, file: StateFile, kept: Kept) -> Self {
        Self {
            bot,
            file,
            kept,
            is_unwritten: false,
            written: Instant::now(),
            decided: VecDeque::new(),
            dirty: VecDeque::new(),
            turns: Turns::default(),
            progress_told: VecDeque::new(),
            is_its_turn: false,
            later: Vec::new(),
            waits: HashMap::new(),
            edited: HashMap::new(),
            unexplained: HashMap::new(),
        }
    }

    /// Works until nobody tells anything any more.
    pub(crate) async fn work(mut self, mut notices: UnboundedReceiver<Notice>) {
        for session in self.kept.cards.values().filter(|card| card.stand != Stand::Settled) {
            push(&mut self.dirty, &session.session);
        }
        for left in &self.kept.typed {
            tokio::spawn(typed::settle(Arc::clone(&self.bot), left.clone()));
        }
        loop {
            // Everything that was told is taken in before anything is done about it.
            while let Ok(notice) = notices.try_recv() {
                self.take(notice);
            }
            self.ripen();
            let (next, turn_at) = self.next();
            if let Some(session) = next {
                if let Err(fault) = self.tend(&session).await {
                    tracing::warn!(session.id = session, "a session could not be looked at: {fault}");
                    self.later.push((Instant::now() + LOOK_AGAIN, session));
                }
                self.write_when_due();
                continue;
            }
            self.write_when_due();
            let wake = self.later.iter().map(|(at, _)| *at).chain(turn_at).min();
            let wake = wake.or_else(|| self.is_unwritten.then(|| self.written + WRITE_EVERY));
            let notice = match wake {
                Some(at) => tokio::time::timeout_at(at.into(), notices.recv()).await,
                None => Ok(notices.recv().await),
            };
            match notice {
                Ok(Some(notice)) => self.take(notice),
                Ok(None) => break,
                Err(_) => {}
            }
        }
        self.write();
    }

    /// The session to look at now, or when one that waits has its turn.
    fn next(&mut self) -> (Option<String>, Option<Instant>) {
        if let Some(session) = self.decided.pop_front() {
            self.is_its_turn = false;
            return (Some(session), None);
        }
        let turn = self.turns.next(|rank, channel| busy_until(&self.bot, &self.progress_told, (rank, channel)));
        self.is_its_turn = matches!(turn, Turn::Of(_));
        match turn {
            Turn::Of(session) => (Some(session), None),
            Turn::At(at) => (self.dirty.pop_front(), at),
        }
    }

    fn ripen(&mut self) {
        let now = Instant::now();
        let (ripe, later) = std::mem::take(&mut self.later).into_iter().partition(|(at, _)| *at <= now);
        self.later = later;
        for (_, session) in ripe {
            push(&mut self.dirty, &session);
        }
    }

    fn take(&mut self, notice: Notice) {
        match notice {
            Notice::Event(number, event) => {
                let language = self.bot.language();
                if let Some(session) = event["session_id"].as_str() {
                    let open = |card: &&mut Card| card.session == session && card.stand != Stand::Settled;
                    let mut is_decided = false;
                    for card in self.kept.cards.values_mut().filter(open) {
                        is_decided |= outcome::note(card.language_or(language), card, &event);
                    }
                    push(if is_decided { &mut self.decided } else { &mut self.dirty }, session);
                }
                self.kept.after = self.kept.after.max(number);
                self.is_unwritten = true;
            }
            Notice::Look(session) => push(&mut self.dirty, &session),
            Notice::Shown(mut card) => {
                card.number = self.kept.number();
                let key = format!("{}/shown/{}", card.session, card.message.as_deref().unwrap_or_default());
                push(&mut self.dirty, &card.session);
                self.kept.cards.insert(key, *card);
                self.write();
            }
            Notice::Runs(typed, kept) => {
                self.kept.typed.push(typed);
                self.write();
                drop(kept);
            }
            Notice::Ended(message) => {
                self.kept.typed.retain(|typed| typed.message != message);
                self.write();
            }
            Notice::Settled { message, outcome } => {
                if let Some(key) = self.kept.by_message(&message)
                    && let Some(card) = self.kept.cards.get_mut(&key)
                {
                    card.outcome = Some(outcome);
                    push(&mut self.dirty, &card.session);
                }
            }
        }
    }

    fn write_when_due(&mut self) {
        if self.is_unwritten && self.written.elapsed() >= WRITE_EVERY {
            self.write();
        }
    }

    fn write(&mut self) {
        self.kept.tidy();
        match self.file.write(&self.kept) {
            Ok(()) => self.is_unwritten = false,
            Err(fault) => tracing::error!("what the bot keeps could not be written: {fault}"),
        }
        self.written = Instant::now();
    }

    /// Brings a session's cards to how it stands.
    async fn tend(&mut self, id: &str) -> Result<(), CallError> {
        let standing = Standing::of(&self.bot, id).await?;
        let wanted = standing.wanted();
        self.post_when_wanted(id, &standing, wanted.as_ref()).await?;
        self.adopt_posted(id, wanted.as_ref()).await;
        let newest = self.kept.newest_of(id);
        let unsettled = self.kept.cards.iter().filter(|(_, card)| card.session == id && card.stand != Stand::Settled);
        let keys: Vec<_> = unsettled.map(|(key, _)| key.clone()).collect();
        for key in keys {
            let is_newest = newest.as_ref() == Some(&key);
            self.bring_up_to_date(&key, &standing, (wanted.as_ref(), is_newest)).await?;
        }
        Ok(())
    }

    /// Posts a card for what waits, once it has waited a little and nobody is at it.
    async fn post_when_wanted(
        &mut self,
        id: &str,
        standing: &Standing,
        wanted: Option<&Wanted>,
    ) -> Result<(), CallError> {
        let Some(channel) = self.bot.settings.channel.clone() else { return Ok(()) };
        let Some(wanted) = wanted else {
            self.waits.remove(id);
            return Ok(());
        };
        let stand = self.kept.cards.get(&wanted.key).map(|card| card.stand);
        if stand.is_some_and(|stand| stand != Stand::Posting) || self.bot.is_at_work(id) {
            return Ok(());
        }
        let now = Instant::now();
        let since = match self.waits.get(id) {
            Some((key, since)) if *key == wanted.key => *since,
            _ => now,
        };
        self.waits.insert(id.to_owned(), (wanted.key.clone(), since));
        if now < since + WAITS_BEFORE_POST && stand.is_none() {
            self.later.push((since + WAITS_BEFORE_POST, id.to_owned()));
            return Ok(());
        }
        if !self.is_free(Rank::Post, &channel, id) {
            return Ok(());
        }
        self.waits.remove(id);
        self.post(&channel, standing, wanted).await
    }

    /// Whether Discord takes this now and nobody of the rank waits longer; if not, the session waits for its turn.
    fn is_free(&mut self, rank: Rank, channel: &str, session: &str) -> bool {
        let is_first = self.is_its_turn || !self.turns.has(rank, channel);
        let is_free = is_first && busy_until(&self.bot, &self.progress_told, (rank, channel)).is_none();
        if !is_free {
            self.turns.wait(rank, channel, session);
        }
        is_free
    }

    async fn post(&mut self, channel: &str, standing: &Standing, wanted: &Wanted) -> Result<(), CallError> {
        let posting = self.kept.cards.get(&wanted.key).cloned();
        if let Some(message) = self.posted_already(channel, posting.as_ref()).await {
            if let Some(card) = self.kept.cards.get_mut(&wanted.key) {
                (card.message, card.stand) = (Some(message), Stand::Open);
            }
            self.write();
            return Ok(());
        }
        let language = self.bot.language();
        let Some(plan) = &standing.plan else { return Ok(()) };
        let asked = show::Asked { kind: wanted.kind, step: wanted.step.as_deref() };
        let made = show::make(&self.bot, language, (plan, asked)).await?;
        let number = posting.map_or_else(|| self.kept.number(), |card| card.number);
        let mut card = made.card(channel, &standing.session.id, wanted.kind, wanted.version, wanted.step.clone());
        card.number = number;
        // Intent before effect: a bot that ends here finds the message again by its buttons.
        self.kept.cards.insert(wanted.key.clone(), card.clone());
        self.write();
        let pings = if wanted.is_by_request(standing) { Vec::new() } else { self.bot.approvers().await };
        let mut body = card::body(&made.content, Some(&made.shown), &made.components, &pings);
        body["nonce"] = json!(calt_api::sha256(format!("{}/{number}", wanted.key).as_bytes())[..25]);
        body["enforce_nonce"] = json!(true);
        match self.bot.post(channel, &body, &made.shown.files).await {
            Ok(message) => {
                (card.message, card.stand) = (message["id"].as_str().map(str::to_owned), Stand::Open);
            }
            Err(fault) => {
                tracing::error!("a card could not be posted: {fault}");
                if !fault.is_final() {
                    self.later.push((Instant::now() + LOOK_AGAIN, standing.session.id.clone()));
                    return Ok(());
                }
                card.stand = Stand::Settled;
            }
        }
        self.kept.cards.insert(wanted.key.clone(), card);
        self.write();
        Ok(())
    }

    /// Cards that were being posted when the bot ended, and are not asked any more: their messages are found, if they
    /// came to be, and brought up to date like others.
    async fn adopt_posted(&mut self, id: &str, wanted: Option<&Wanted>) {
        let is_left = |(key, card): &(&String, &Card)| {
            card.session == id && card.stand == Stand::Posting && wanted.is_none_or(|wanted| wanted.key != **key)
        };
        let left: Vec<_> =
            self.kept.cards.iter().filter(is_left).map(|(key, card)| (key.clone(), card.clone())).collect();
        for (key, mut card) in left {
            card.message = self.posted_already(&card.channel, Some(&card)).await;
            card.stand = if card.message.is_some() { Stand::Open } else { Stand::Settled };
            self.kept.cards.insert(key, card);
            self.write();
        }
    }

    /// The message of a card that was being posted when the bot ended.
    async fn posted_already(&self, channel: &str, posting: Option<&Card>) -> Option<String> {
        let buttons = &posting?.buttons;
        let messages = self.bot.messages(channel).await.ok()?;
        let carries = |message: &&Value| {
            let text = message["components"].to_string();
            buttons.iter().any(|button| text.contains(button.as_str()))
        };
        messages.as_array()?.iter().find(carries)?["id"].as_str().map(str::to_owned)
    }

    /// Edits a card when it should say something else.
    async fn bring_up_to_date(
        &mut self,
        key: &str,
        standing: &Standing,
        (wanted, is_newest): (Option<&Wanted>, bool),
    ) -> Result<(), CallError> {
        let Some(mut card) = self.kept.cards.get(key).cloned() else { return Ok(()) };
        let Some(message) = card.message.clone() else { return Ok(()) };
        let is_asked = wanted.is_some_and(|wanted| wanted.asks_the_same(&card));
        if is_asked && card.outcome.is_none() {
            return Ok(());
        }
        if card.outcome.is_none() && !self.is_long_unexplained(key, &card.session) {
            return Ok(());
        }
        let language = card.language_or(self.bot.language());
        let mut content = card.outcome.clone().unwrap_or_else(|| outcome::no_longer_asked(language));
        let is_over = matches!(standing.session.status.as_str(), "succeeded" | "cancelled");
        let mut components = Vec::new();
        // A card that is about to ask for a new plan says all that is to be said of how the work stands.
        let has_failed = wanted.is_some_and(|wanted| wanted.kind == Kind::Failure);
        if is_newest && !(has_failed && self.bot.settings.channel.is_some()) {
            if let Some(progress) = outcome::progress(language, &standing.session, standing.plan.as_ref()) {
                content.push('\n');
                content.push_str(&progress);
            }
            components.extend(self.ready(&mut card, standing).await?);
        }
        if let Some(known) = self.kept.cards.get_mut(key) {
            // The button is made once, however long it waits for its turn.
            known.ready.clone_from(&card.ready);
        }
        let body = card::body(&content, None, &components, &[]);
        let digest = calt_api::sha256(body.to_string().as_bytes());
        let is_told = card.sent.as_ref() == Some(&digest);
        let may_rest = card.stand == Stand::Decided && !is_over && components.is_empty();
        if !is_told && may_rest {
            let free_at = self.edited.get(key).map(|at| *at + PROGRESS_EVERY);
            if let Some(at) = free_at.filter(|at| *at > Instant::now()) {
                self.later.push((at, card.session.clone()));
                return Ok(());
            }
        }
        let is_decision = card.sent.is_none() || card.told != card.outcome;
        let rank = if is_decision { Rank::Decision } else { Rank::Progress };
        if !is_told && !self.is_free(rank, &card.channel, &card.session) {
            return Ok(());
        }
        if !is_told {
            match self.bot.edit(&card.channel, &message, &body, &[]).await {
                Ok(_) => (card.sent, card.told) = (Some(digest), card.outcome.clone()),
                Err(fault) if fault.is_final() => card.stand = Stand::Settled,
                Err(RestFault { .. }) => {
                    self.later.push((Instant::now() + LOOK_AGAIN, card.session.clone()));
                    return Ok(());
                }
            }
            self.edited.insert(key.to_owned(), Instant::now());
            if rank == Rank::Progress {
                self.progress_told.retain(|at| at.elapsed() < DISCORDS_TIME);
                self.progress_told.push_back(Instant::now());
            }
        }
        if card.stand != Stand::Settled {
            card.stand = if is_over || !is_newest { Stand::Settled } else { Stand::Decided };
        }
        if card.stand == Stand::Settled {
            self.edited.remove(key);
            self.unexplained.remove(key);
        }
        if self.kept.cards.get(key) != Some(&card) {
            self.kept.cards.insert(key.to_owned(), card);
            self.write();
        }
        Ok(())
    }

    /// A session is read as it is now, and its events come after: what became of a card is told a moment later.
    fn is_long_unexplained(&mut self, key: &str, session: &str) -> bool {
        let since = *self.unexplained.entry(key.to_owned()).or_insert_with(Instant::now);
        let told_by = since + WAITS_FOR_REASON;
        if Instant::now() >= told_by {
            return true;
        }
        self.later.push((told_by, session.to_owned()));
        false
    }

    /// A button for what only has to be executed, when nobody is at it.
    async fn ready(&mut self, card: &mut Card, standing: &Standing) -> Result<Option<Value>, CallError> {
        let id = &standing.session.id;
        let Some(Next::ExecuteStep { step, .. }) = &standing.session.next else {
            self.waits.remove(&format!("{id}/ready"));
            return Ok(None);
        };
        if standing.waits.is_some() || self.bot.is_at_work(id) {
            return Ok(None);
        }
        let now = Instant::now();
        let waits = self.waits.entry(format!("{id}/ready")).or_insert_with(|| (step.clone(), now));
        if waits.0 != *step {
            *waits = (step.clone(), now);
        }
        let ripe_at = waits.1 + WAITS_BEFORE_POST;
        if now < ripe_at {
            self.later.push((ripe_at, id.clone()));
            return Ok(None);
        }
        if card.ready.as_ref().is_none_or(|(known, _)| known != step) {
            let button = show::execute_button(&self.bot, id, card.version, step).await?;
            card.ready = Some((step.clone(), button));
        }
        let language = card.language_or(self.bot.language());
        let button = card.ready.as_ref().map(|(_, button)| {
            card::row(&[card::button(Press::Execute, button, card::label(language, Press::Execute))])
        });
        Ok(button)
    }
}

/// Until when nothing of this rank is to be said in this channel. Progress leaves room for decisions, by what Discord
/// says is left and by its own count: of a limit that slides, each place that becomes free would go to progress.
fn busy_until(bot: &Bot, progress_told: &VecDeque<Instant>, (rank, channel): (Rank, &str)) -> Option<Instant> {
    match rank {
        Rank::Decision => bot.busy_until(true, channel, 0),
        Rank::Progress => {
            let most = bot.edits_at_once(channel).saturating_sub(usize::from(LEFT_TO_DECISIONS)).max(1);
            let in_the_way = progress_told.iter().rev().nth(most - 1);
            let paced = in_the_way.map(|at| *at + DISCORDS_TIME).filter(|until| *until > Instant::now());
            bot.busy_until(true, channel, LEFT_TO_DECISIONS.into()).max(paced)
        }
        Rank::Post => bot.busy_until(false, channel, 0),
    }
}

fn push(dirty: &mut VecDeque<String>, session: &str) {
    if !dirty.iter().any(|known| known == session) {
        dirty.push_back(session.to_owned());
    }
}
