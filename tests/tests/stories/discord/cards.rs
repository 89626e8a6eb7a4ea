//! Three cards as text in docs/discord.md, as the bot sends them.

use std::path::Path;

use calt_tests::discord::Message;
use serde_json::{Value, json};

use super::guild::Guild;
use crate::{apply, command, look, plan, preview};

/// A card as a person sees it: the line above it, the card, its file, its buttons.
fn drawn(message: &Message) -> String {
    let mut text = format!("{}\n", message.content());
    for embed in message.body["embeds"].as_array().into_iter().flatten() {
        text.push_str(&format!("┃ {}\n", embed["title"].as_str().unwrap()));
        for line in embed["description"].as_str().unwrap().lines().filter(|line| !line.starts_with("```")) {
            text.push_str(format!("┃   {line}").trim_end());
            text.push('\n');
        }
        for field in embed["fields"].as_array().into_iter().flatten() {
            text.push_str(&format!("┃ {}: {}\n", field["name"].as_str().unwrap(), field["value"].as_str().unwrap()));
        }
        text.push_str(&format!("┃ {}\n", embed["footer"]["text"].as_str().unwrap()));
    }
    let has_menu = message.body["components"].to_string().contains("Leave steps out");
    if has_menu {
        text.push_str("[ Leave steps out ▾ ]\n");
    }
    let labels: Vec<_> = message.labels().into_iter().map(|label| format!("[ {label} ]")).collect();
    if !labels.is_empty() {
        text.push_str(&format!("{}\n", labels.join(" ")));
    }
    // What is another each time.
    let changing =
        regex::Regex::new("session_[0-9a-f]{32}|[0-9a-f]{64}|<@1000[0-9]+> |[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC")
            .unwrap();
    let told = |found: &regex::Captures<'_>| match &found[0] {
        ping if ping.starts_with("<@") => String::new(),
        session if session.starts_with("session_") => "session_…".to_owned(),
        time if time.ends_with("UTC") => "2026-11-26 12:03:04 UTC".to_owned(),
        digest => format!("{}…", &"0123456789abcdef"[..16.min(digest.len())]),
    };
    let text = changing.replace_all(&text, told);
    // How much of a box a machine holds up is its own.
    regex::Regex::new("Isolation: `[a-z-]+`").unwrap().replace_all(&text, "Isolation: `full`").into_owned()
}

#[test]
fn three_of_them_stand_in_the_documents() {
    let guild = Guild::start();
    let mut proposed: Value = plan(
        1,
        &[
            look("a"),
            preview("p", "greeting.txt", "hello\n"),
            apply("w", "greeting.txt", "hello\n", "p"),
            command("t", "ls no-such-directory"),
        ],
    );
    proposed["title"] = json!("Greet whoever comes");
    let (session, card) = guild.proposed(&proposed);
    let mut text = format!("A plan:\n\n```text\n{}```\n", drawn(&card));
    guild.ann().click(&card, "Approve");
    let diff = guild.discord.message("+hello");
    guild.ann().click(&diff, "Approve");
    guild.reaches(&session, "failed");
    let failure = guild.discord.message("needs a new plan");
    // The newest card alone tells how the work goes on.
    let decided = guild.discord.until("the card says who decided, and no more", || {
        let now = guild.discord.again(&diff);
        (now.content().starts_with("✅ Approved by `ann`") && !now.content().contains('\n')).then_some(now)
    });
    let decided = drawn(&decided);
    text.push_str(&format!("\nWhat was to be written, after the yes:\n\n```text\n{decided}```\n"));
    text.push_str(&format!("\nA failure:\n\n```text\n{}```\n", drawn(&failure)));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/discord.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- cards: written by a test -->\n", "<!-- end of cards -->");
    let (before, rest) = document.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let wanted = format!("{before}{begin}{text}{end}{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    assert_eq!(document, wanted, "run it with UPDATE_DOCS=1");
}
