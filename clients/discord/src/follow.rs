//! Follows the log, from where the bot had come to.

use std::sync::Arc;
use std::time::Duration;

use crate::bot::{Bot, Notice};

/// How long to wait before the daemon is asked again; each time twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// Longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Hands every event to the keeper, in order, each once; comes back whenever the stream ends.
pub(crate) async fn follow(bot: Arc<Bot>, mut after: u64) {
    let mut pause = PAUSE;
    loop {
        match bot.daemon.events(after).await {
            Ok(mut stream) => {
                pause = PAUSE;
                loop {
                    match stream.next().await {
                        Ok(Some((number, event))) => {
                            after = number;
                            bot.tell(Notice::Event(number, event));
                        }
                        Ok(None) => break,
                        Err(fault) => {
                            tracing::info!("the stream of events broke: {fault}");
                            break;
                        }
                    }
                }
            }
            Err(fault) => {
                tracing::warn!("the daemon does not answer: {fault}");
                bot.daemon.find_again();
            }
        }
        if bot.keeper.is_closed() {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
