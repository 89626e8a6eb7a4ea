//! How one decision on the command line is made: by a person who saw it and was asked, or by a flag.

use crate::ask::{StandardInput, Terminal};
use crate::context::How;
use crate::fault::Fault;

/// A yes to what is shown: asked for on a terminal, or given by `--yes` and recorded as that.
pub(super) async fn consent(shown: &str, question: &str, yes: bool, again: &str) -> Result<How, Fault> {
    if yes {
        return Ok(How::Flag);
    }
    let Some(terminal) = Terminal::find(StandardInput::Free) else {
        return Err(Fault::Gate {
            message: "a yes is needed, and there is no terminal to ask on; on one, the same without `--yes` asks"
                .to_owned(),
            hint: format!("{again} --yes"),
        });
    };
    crate::ask::talk(shown);
    match terminal.yes(&format!("\n{question}")).await? {
        Some(true) => Ok(How::Prompt),
        Some(false) => Err(Fault::Gate {
            message: "you did not say yes; nothing was decided".to_owned(),
            hint: format!(
                "{} --reason WHY",
                again.replacen(" approve ", " reject ", 1).replacen(" skip ", " reject ", 1)
            ),
        }),
        None => Err(Fault::no_answer(again)),
    }
}

/// Why not: as given, or asked for on a terminal.
pub(super) async fn reason(shown: &str, reason: Option<String>, again: &str) -> Result<(How, String), Fault> {
    if let Some(reason) = reason {
        return Ok((How::Flag, reason));
    }
    let Some(terminal) = Terminal::find(StandardInput::Free) else {
        return Err(Fault::Usage {
            message: "a no needs its reason, and there is no terminal to ask on".to_owned(),
            hint: Some(format!("{again} --reason WHY")),
        });
    };
    crate::ask::talk(shown);
    match terminal.text("\nWhy not? ").await? {
        Some(reason) => Ok((How::Prompt, reason)),
        None => Err(Fault::no_answer(again)),
    }
}
