//! Commands that people type and calt does not have, with the one that does it.

use crate::hint::quoted;

/// What is typed below which command, and what does it. `SESSION` and `WORD` become what was typed behind it; where
/// nothing was, the other command is meant.
const MEANT: &[(&str, &[&str], &str, &str)] = &[
    ("", &["search", "find", "grep"], "calt logs search WORD", "calt logs search WORD"),
    ("", &["log", "history", "events", "audit"], "calt logs search WORD", "calt logs follow"),
    ("", &["follow", "tail", "watch"], "calt logs follow --session SESSION", "calt logs follow"),
    ("", &["approve", "confirm", "accept", "yes"], "calt run --session SESSION", "calt inbox"),
    ("", &["reject", "deny"], "calt run --session SESSION", "calt inbox"),
    ("", &["pending", "waiting", "todo"], "calt inbox", "calt inbox"),
    ("", &["list", "ls", "ps", "sessions"], "calt session list", "calt session list"),
    ("", &["plans"], "calt session list", "calt session list"),
    ("", &["status", "show", "info", "describe", "why"], "calt explain SESSION", "calt session list"),
    ("", &["steps"], "calt explain SESSION", "calt session list"),
    ("", &["diff"], "calt session diff SESSION", "calt session list"),
    ("", &["stop", "kill", "cancel", "abort"], "calt session stop SESSION", "calt daemon stop"),
    ("", &["start", "serve", "server", "up"], "calt daemon", "calt daemon"),
    ("", &["restart", "down", "shutdown"], "calt daemon stop", "calt daemon stop"),
    ("", &["init", "setup", "demo", "tutorial"], "calt quickstart", "calt quickstart"),
    ("", &["new", "create", "add"], "calt wizard run", "calt wizard run"),
    ("", &["exec", "execute", "apply", "import"], "calt run PLAN", "calt run PLAN"),
    ("", &["resume", "continue"], "calt run --session SESSION", "calt inbox"),
    ("", &["check", "validate", "lint"], "calt plan check PLAN", "calt plan check PLAN"),
    ("", &["revert", "rollback", "restore"], "calt undo SESSION", "calt session list"),
    ("", &["merge", "commit"], "calt land SESSION", "calt session list"),
    ("", &["version"], "calt --version", "calt --version"),
    ("", &["verify"], "calt record verify", "calt record verify"),
    ("", &["export"], "calt record export SESSION", "calt session list"),
    ("", &["backup"], "calt record backup FILE", "calt record backup FILE"),
    ("", &["artifact", "output", "outputs"], "calt artifacts list SESSION", "calt session list"),
    ("", &["tool"], "calt tools list", "calt tools list"),
    ("", &["persons", "people", "user", "users"], "calt person list", "calt person list"),
    ("", &["tokens"], "calt token list", "calt token list"),
    ("", &["workspaces"], "calt workspace list", "calt workspace list"),
    ("", &["config", "diagnose", "health"], "calt doctor", "calt doctor"),
    ("session", &["ls"], "calt session list", "calt session list"),
    ("session", &["approve", "run", "resume", "continue"], "calt run --session SESSION", "calt inbox"),
    ("session", &["explain", "status", "get"], "calt explain SESSION", "calt session list"),
    ("session", &["new", "start"], "calt session create", "calt session create"),
    ("session", &["undo"], "calt undo SESSION", "calt session list"),
    ("plan", &["list", "ls"], "calt session list", "calt session list"),
    ("plan", &["run", "apply", "execute"], "calt run PLAN", "calt run PLAN"),
    ("plan", &["validate", "lint"], "calt plan check PLAN", "calt plan check PLAN"),
    ("plan", &["create", "new", "add"], "calt wizard run", "calt wizard run"),
    ("step", &["list", "ls"], "calt explain SESSION", "calt session list"),
    ("step", &["run", "apply"], "calt run --session SESSION", "calt inbox"),
    ("logs", &["list", "show", "find", "grep"], "calt logs search WORD", "calt logs search WORD"),
    ("logs", &["tail", "watch"], "calt logs follow", "calt logs follow"),
    ("artifacts", &["show", "cat"], "calt artifacts list SESSION", "calt session list"),
    ("daemon", &["start"], "calt daemon", "calt daemon"),
    ("daemon", &["status"], "calt doctor", "calt doctor"),
    ("token", &["add", "new"], "calt token create --role agent", "calt token create --role agent"),
    ("token", &["remove", "delete"], "calt token list", "calt token list"),
    ("person", &["create", "new"], "calt person add NAME", "calt person add NAME"),
    (
        "workspace",
        &["create", "new"],
        "calt workspace add NAME DIR --kind snapshot",
        "calt workspace add NAME DIR --kind snapshot",
    ),
    ("record", &["show", "list", "search"], "calt logs search WORD", "calt logs search WORD"),
];

/// The command that does what was meant by a word below a command, with what was typed behind the word.
pub(crate) fn command(below: &str, word: &str, behind: &[String]) -> Option<String> {
    let (.., with, without) = MEANT.iter().find(|(parent, words, ..)| *parent == below && words.contains(&word))?;
    let named: Vec<&String> = behind.iter().filter(|word| !word.starts_with('-')).collect();
    if named.is_empty() {
        return Some((*without).to_owned());
    }
    let words: Vec<String> = named.iter().map(|word| quoted(word)).collect();
    // Who names a session wants its events, and not those that mention it.
    let sought = if words[0].starts_with("session_") { format!("--session {}", words[0]) } else { words.join(" ") };
    Some(with.replace("WORD", &sought).replace("SESSION", &words[0]).replace("PLAN", &words[0]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition;

    #[test]
    fn what_people_type_leads_to_a_command_that_is_there() {
        for (below, words, with, without) in MEANT {
            for command in [with, without] {
                let mut known = definition();
                known.build();
                for word in command.split(' ').skip(1).take_while(|word| word.chars().all(|c| c.is_ascii_lowercase())) {
                    known = known.find_subcommand(word).unwrap_or_else(|| panic!("{command}: {word}")).clone();
                }
                let read = command.replace("--version", "guide");
                let read = definition().try_get_matches_from(read.split(' '));
                assert!(read.is_ok(), "{command}: {}", read.unwrap_err());
            }
            let mut parent = definition();
            parent.build();
            if !below.is_empty() {
                parent = parent.find_subcommand(below).unwrap().clone();
            }
            for word in *words {
                assert!(parent.find_subcommand(word).is_none(), "{below} {word} is there");
            }
        }
    }

    #[test]
    fn what_was_typed_behind_it_goes_along() {
        let behind = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        assert_eq!(command("", "search", &behind(&["hello", "world"])).unwrap(), "calt logs search hello world");
        assert_eq!(command("", "status", &behind(&["session_1"])).unwrap(), "calt explain session_1");
        assert_eq!(command("", "status", &behind(&["--json"])).unwrap(), "calt session list");
        assert_eq!(command("", "log", &behind(&["session_1"])).unwrap(), "calt logs search --session session_1");
        assert_eq!(command("", "approve", &[]).unwrap(), "calt inbox");
        assert_eq!(command("plan", "list", &[]).unwrap(), "calt session list");
        assert_eq!(command("", "artifcts", &[]), None);
    }
}
