//! Whose turn it is when Discord takes less than there is to say: decisions first, the longest waiting first.
//!
//! Nothing is sent to wait inside of the limits: what does not fit now stands here, and everything else goes on.

use std::collections::VecDeque;
use std::time::Instant;

/// What a session waits to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// A card that tells who decided.
    Decision,
    /// A card that asks.
    Post,
    /// A card that tells how the work goes on.
    Progress,
}

impl Rank {
    const ALL: [Self; 3] = [Self::Decision, Self::Post, Self::Progress];
}

/// The next turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is this session's.
    Of(String),
    /// Nobody's before this time; `None` when nobody waits.
    At(Option<Instant>),
}

/// Sessions that wait for their turn, each with the channel it is about.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    waiting: [VecDeque<(String, String)>; 3],
}

impl Turns {
    /// A session waits, behind those of its rank.
    pub(crate) fn wait(&mut self, rank: Rank, channel: &str, session: &str) {
        let queue = &mut self.waiting[rank as usize];
        if !queue.iter().any(|(_, known)| known == session) {
            queue.push_back((channel.to_owned(), session.to_owned()));
        }
    }

    /// Whether somebody of this rank waits for this channel.
    pub(crate) fn has(&self, rank: Rank, channel: &str) -> bool {
        self.waiting[rank as usize].iter().any(|(known, _)| known == channel)
    }

    /// Takes whose turn it is; `busy_until` says when a channel takes something of a rank again.
    pub(crate) fn next(&mut self, busy_until: impl Fn(Rank, &str) -> Option<Instant>) -> Turn {
        let mut wake: Option<Instant> = None;
        for rank in Rank::ALL {
            let queue = &mut self.waiting[rank as usize];
            let is_free = |(channel, _): &(String, String)| match busy_until(rank, channel) {
                None => true,
                Some(at) => {
                    wake = Some(wake.map_or(at, |wake| wake.min(at)));
                    false
                }
            };
            if let Some(place) = queue.iter().position(is_free)
                && let Some((_, session)) = queue.remove(place)
            {
                return Turn::Of(session);
            }
        }
        Turn::At(wake)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn decisions_come_first_and_a_busy_channel_holds_up_no_other() {
        let mut turns = Turns::default();
        turns.wait(Rank::Progress, "one", "a");
        turns.wait(Rank::Progress, "one", "b");
        turns.wait(Rank::Progress, "one", "a");
        turns.wait(Rank::Decision, "one", "c");
        turns.wait(Rank::Progress, "two", "d");
        assert!(turns.has(Rank::Progress, "one") && !turns.has(Rank::Post, "one"));
        let free = |_: Rank, _: &str| None;
        assert_eq!(turns.next(free), Turn::Of("c".to_owned()));
        let at = Instant::now() + Duration::from_secs(1);
        let one_is_busy = |_: Rank, channel: &str| (channel == "one").then_some(at);
        assert_eq!(turns.next(one_is_busy), Turn::Of("d".to_owned()));
        assert_eq!(turns.next(one_is_busy), Turn::At(Some(at)));
        assert_eq!([turns.next(free), turns.next(free)], [Turn::Of("a".to_owned()), Turn::Of("b".to_owned())]);
        assert_eq!(turns.next(free), Turn::At(None));
    }
}
