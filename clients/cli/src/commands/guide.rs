//! `calt guide`: how calt works, on one screen.

use serde_json::json;

use crate::context::Context;
use crate::fault::Fault;

const TEXT: &str = "\
calt: plan -> approve -> execute -> record

  A plan is a file of ordered steps; each step is one use of one tool.
  Nothing runs before a person has said yes to the plan and to the step.
  A write has two phases: a preview that is recorded, and an apply that does
  exactly that. A failure stops everything; only a new, approved plan version
  goes on. Everything is in an append-only record that you can search.

  Try it             calt quickstart
  Run a plan         calt run PLAN.yaml
  Go on with one     calt run --session SESSION
  Check a plan       calt plan check PLAN.yaml
  Where it stands    calt explain SESSION
  All sessions       calt session list
  What happened      calt logs search WORD     (English and Japanese)
  Take back a write  calt undo SESSION [RUN]
  What tools may do  calt tools list
  An agent's token   calt token create --name my-agent --role agent
  What is set up     calt doctor
  Stop a session     calt session stop SESSION
  Stop the daemon    calt daemon stop

  By hand, step by step:
    calt session create --goal '...'        calt step approve SESSION STEP
    calt plan import SESSION PLAN.yaml      calt step execute SESSION STEP
    calt plan approve SESSION VERSION       calt artifacts list SESSION

  Add --json to any command for data. Exit codes: 0 done, 1 the work failed,
  2 usage, 3 the gate said no, 4 not found, 5 not reached or not allowed,
  69 this machine cannot now, 70 a mistake of calt's own.
";

pub(crate) fn run(context: &Context) -> Result<(), Fault> {
    context.show(&json!({"guide": TEXT}), |_| TEXT.to_owned())
}
