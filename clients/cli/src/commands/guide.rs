//! `calt guide`: how calt works, on one screen.

use serde_json::json;

use crate::context::Context;
use crate::fault::Fault;

/// One screen of 80 by 24, with lines left for the command and the prompt.
const TEXT: &str = "\
calt: plan -> approve -> execute -> record

  A program proposes a plan: ordered steps, each one use of one tool. Nothing
  runs before a person said yes to the plan and to the step, and what runs is
  what was seen. A write is previewed first. A failure stops everything: only a
  new plan version leads on. All of it stands in a record, for good.

First
  calt quickstart              a small plan, with one refusal, in a minute
  calt wizard run              asked question by question; Enter is harmless
  calt doctor                  what is set up, what is missing, and the fix
Then
  calt run PLAN.yaml           see it, say yes, let it run, read the record
  calt run --session SESSION   go on with one
  calt explain SESSION         where it stands, why, and the next command
  calt inbox                   what waits for you; `calt session list` has all
  calt logs search WORD        what happened, in English and Japanese
  calt undo SESSION            take back what was written

More: calt help COMMAND; --json gives data. An agent gets a token of its own,
which can never approve: calt token create --role agent
";

pub(crate) fn run(context: &Context) -> Result<(), Fault> {
    context.show(&json!({"guide": TEXT}), |_| TEXT.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_and_the_prompt_below_it_fit_a_screen_of_80_by_24() {
        assert!(TEXT.lines().count() <= 22, "{}", TEXT.lines().count());
        assert!(TEXT.lines().all(|line| line.is_ascii() && line.len() < 80), "{TEXT}");
    }
}
