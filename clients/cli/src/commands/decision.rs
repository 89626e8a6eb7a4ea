//! How one decision on the command line is made: by a person who saw it and was asked, or by a flag.

use crate::ask::{StandardInput, Terminal, Yes};
use crate::context::{Context, How};
use crate::fault::Fault;
use crate::words::t;

/// A question, with the commands that lead on from its other answers.
pub(super) struct Asking<'a> {
    pub(super) question: &'a str,
    /// How many files a yes writes.
    pub(super) files: usize,
    /// The same command once more.
    pub(super) again: &'a str,
    /// What to do instead of a yes.
    pub(super) instead: String,
}

/// A yes to what is shown: asked for on a terminal, or given by `--yes` and recorded as that.
pub(super) async fn consent(
    of: (&Context, &str),
    shown: &str,
    question: &str,
    yes: bool,
    again: &str,
) -> Result<How, Fault> {
    let reject = again.replacen(" approve ", " reject ", 1).replacen(" skip ", " reject ", 1);
    consent_to(of, Asking { question, files: 0, again, instead: format!("{reject} --reason WHY") }, shown, yes).await
}

/// The same, with what else could be done. What a flag says goes to the daemon whoever says it: the log counts whom it
/// refuses.
pub(super) async fn consent_to(
    (context, session): (&Context, &str),
    asking: Asking<'_>,
    shown: &str,
    yes: bool,
) -> Result<How, Fault> {
    if yes {
        return Ok(How::Flag);
    }
    context.only_who_decides(session)?;
    let Some(terminal) = Terminal::find(StandardInput::Free) else {
        return Err(Fault::Gate {
            message: t!(
                "a yes is needed, and there is no terminal to ask on: run it on one, or say yes unseen with `--yes`"
            ),
            hint: format!("{} --yes", asking.again),
        });
    };
    crate::ask::talk(shown);
    match terminal.agrees(&format!("\n{}", asking.question), Yes::to(asking.files)).await? {
        Some(true) => Ok(How::Prompt),
        Some(false) => {
            Err(Fault::Gate { message: t!("you did not say yes; nothing was decided"), hint: asking.instead })
        }
        None => Err(Fault::no_answer(asking.again)),
    }
}

/// Why not: as given, or asked for on a terminal.
pub(super) async fn reason(
    (context, session): (&Context, &str),
    shown: &str,
    reason: Option<String>,
    again: &str,
) -> Result<(How, String), Fault> {
    if let Some(reason) = reason {
        return Ok((How::Flag, reason));
    }
    context.only_who_decides(session)?;
    let Some(terminal) = Terminal::find(StandardInput::Free) else {
        return Err(Fault::Usage {
            message: t!("a no needs its reason, and there is no terminal to ask on"),
            hint: Some(format!("{again} --reason WHY")),
        });
    };
    crate::ask::talk(shown);
    match terminal.text(&t!("\nWhy not? ")).await? {
        Some(reason) => Ok((How::Prompt, reason)),
        None => Err(Fault::no_answer(again)),
    }
}
