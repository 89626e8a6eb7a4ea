//! `calt wizard run`: question by question, each with a sensible default.
//!
//! Enter at every question writes nothing. Nothing is made before the last of them is answered, and a
//! session in which nothing was decided is stopped again.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use calt_api::client::Client;
use calt_api::endpoint;
use calt_api::visible::{clip, visible_line};
use inquire::parser::DEFAULT_BOOL_PARSER;
use inquire::validator::Validation;
use inquire::{Confirm, InquireError, Select, Text};
use serde_json::{Value, json};

use super::run::{Into, interrupted, run_plan};
use super::{PlanText, plan, read_plan};
use crate::arguments::Profile;
use crate::ask::{StandardInput, Terminal};
use crate::context::Context;
use crate::fault::Fault;
use crate::hint;
use crate::look::Consent;
use crate::render;
use crate::words::{daemon, label, said, t};

const LOOK: &str = label!("look at the files of the workspace");
const WRITE: &str = label!("write a file; you see it first");
const COMMAND: &str = label!("run a command that only reads");
const FILE: &str = label!("run a plan I have in a file");

const STRICT: &str = label!("strict: a yes covers exactly what runs; take this if unsure");
const DEV: &str = label!("dev: an early yes covers the plan as written; for your own");

/// The plan file that is offered, if it is there.
const PLAN_FILE: &str = "plan.yaml";
/// Sessions that are offered, the newest ones.
const SESSIONS_MAX: usize = 5;
/// Sessions that are looked at for them.
const SESSIONS_READ: &str = "50";
/// Columns of a choice; a terminal of 80 columns does not break it.
const CHOICE_COLUMNS: usize = 74;

/// All that was answered.
struct Answers {
    plan: PlanText,
    /// How a command names the plan.
    source: Source,
    /// Where the plan is kept, if it is to be kept.
    kept_in: Option<PathBuf>,
    session: Option<String>,
    is_dry_run: bool,
    profile: Profile,
    /// Whether Enter may say yes: what the wizard made itself, and what writes nothing.
    is_harmless: bool,
}

/// Where a command finds the plan that was answered with.
enum Source {
    /// In a file that was named.
    File(PathBuf),
    /// In a line of JSON, for one the wizard made.
    Own(String),
}

impl Answers {
    /// The one command that runs the plan as it was answered, and writes.
    fn for_real(&self) -> String {
        let profile = match self.profile {
            Profile::Strict => String::new(),
            Profile::Dev => format!(" --profile {}", Profile::Dev.word()),
        };
        let file = match (&self.source, &self.kept_in) {
            (Source::File(path), _) | (Source::Own(_), Some(path)) => path,
            (Source::Own(json), None) => {
                let run = hint::here(&format!("calt run -{profile}"));
                return format!("printf %s {} | {run}", hint::quoted(json));
            }
        };
        hint::here(&format!("calt run {}{profile}", hint::quoted(&file.display().to_string())))
    }
}

pub(crate) async fn run(context: &Context) -> Result<(), Fault> {
    let Some(terminal) = Terminal::find(StandardInput::Free) else {
        return Err(Fault::Usage {
            message: t!("the wizard asks questions, and there is no terminal to ask on"),
            hint: Some("calt run PLAN".to_owned()),
        });
    };
    let client = context.client().await?;
    let answers = ask(context, &client).await?;
    let checked = plan::check_text(context, &client, &answers.plan, answers.session.as_deref()).await?;
    if let Some(path) = &answers.kept_in {
        keep(path, &answers.plan.text)?;
        context.talk(&t!("The plan is kept in {path}\n", path = visible_line(&path.display().to_string())));
    }
    let terminal = if answers.is_harmless { terminal.where_enter_is_yes() } else { terminal };
    let consent = Consent::Person(terminal);
    if let Some(session) = answers.session {
        return run_plan(context, &answers.plan, Into::Session(session), consent).await;
    }
    let session = create(context, &client, &answers, plan::goal(&checked)).await?;
    let run = run_plan(context, &answers.plan, Into::Session(session.clone()), consent);
    let ended = tokio::select! {
        biased;
        ended = run => ended,
        () = interrupted() => Err(nothing_begun()),
    };
    match ended {
        Err(fault) if context.may_decide() && is_undecided(context, &client, &session).await => {
            let body = json!({"source": context.source()});
            let _: Value = client.send(&endpoint::STOP_SESSION, &[&session], &body).await?;
            context.talk(&t!("Nothing was decided; {session} was stopped again.\n", session = session));
            if matches!(fault, Fault::Interrupted { .. }) {
                return Err(nothing_begun());
            }
            if let Fault::Gate { message, .. } = fault {
                return Err(Fault::Gate { message, hint: "calt wizard run".to_owned() });
            }
            Err(fault)
        }
        ended => {
            if ended.is_ok() && answers.is_dry_run {
                context.talk(&t!("\nIt was a dry run: nothing was written. The same for real:\n"));
                context.talk_as_it_is(&format!("  {}\n", answers.for_real()));
            }
            ended
        }
    }
}

/// Asks everything. Nothing is made until the last answer is there.
async fn ask(context: &Context, client: &Client) -> Result<Answers, Fault> {
    let what = choose(&t!("What shall calt do?"), &[LOOK, WRITE, COMMAND, FILE])?;
    let ((plan, source), may_write) = match what {
        WRITE => (writing()?, true),
        COMMAND => (commanding()?, false),
        FILE => {
            let path = plan_file()?;
            ((read_plan(&path)?, Source::File(path)), true)
        }
        _ => (made(&t!("Look at the workspace"), &[("look", "list_dir", json!({"path": "."}))]), false),
    };
    let is_own = what != FILE;
    let session = which_session(context, client).await?;
    let mut answers = Answers {
        plan,
        source,
        kept_in: None,
        session,
        is_dry_run: false,
        profile: Profile::Strict,
        is_harmless: false,
    };
    if answers.session.is_none() {
        if may_write {
            let question = t!("A dry run, which shows every write and leaves it out?");
            let wrong = t!("Please answer y or n.");
            let asked = Confirm::new(&question)
                .with_default(true)
                .with_parser(&yes_or_no)
                .with_error_message(&wrong)
                .with_formatter(&|yes| if yes { t!("Yes") } else { t!("No") });
            answers.is_dry_run = asked.prompt().map_err(ended)?;
        }
        let profile = choose(&t!("How strictly?"), &[STRICT, DEV])?;
        answers.profile = if profile == DEV { Profile::Dev } else { Profile::Strict };
        answers.is_harmless = is_own && (answers.is_dry_run || !may_write);
    }
    if is_own {
        let (question, help) = (t!("Keep this plan in a file?"), t!("its name; empty: no"));
        let asked = Text::new(&question).with_help_message(&help).with_validator(|name: &str| Ok(free(name)));
        let name = asked.prompt().map_err(ended)?;
        answers.kept_in = Some(PathBuf::from(name.trim())).filter(|name| !name.as_os_str().is_empty());
    }
    Ok(answers)
}

fn writing() -> Result<(PlanText, Source), Fault> {
    let path = Text::new(&t!("Which file?")).with_default("hello.txt").prompt().map_err(ended)?;
    let content = Text::new(&t!("What is to stand in it?")).with_default("Hello from calt.").prompt().map_err(ended)?;
    let (path, content) = (path.trim(), format!("{content}\n"));
    let preview = json!({"path": path, "content": content});
    let apply = json!({"path": path, "content": content, "preview": "${steps.preview.output}"});
    let steps = [("preview", "write_file_preview", preview), ("apply", "write_file_apply", apply)];
    Ok(made(&t!("Write {path}", path = path), &steps))
}

fn commanding() -> Result<(PlanText, Source), Fault> {
    let command = Text::new(&t!("Which command?")).with_default("ls -la").prompt().map_err(ended)?;
    let command = command.trim();
    Ok(made(&t!("Run {command}", command = command), &[("run", "run_shell_readonly", json!({"command": command}))]))
}

fn plan_file() -> Result<PathBuf, Fault> {
    let (question, help) = (t!("Which plan?"), t!("a file, YAML or JSON"));
    let mut asked = Text::new(&question).with_help_message(&help).with_validator(|name: &str| {
        let is_there = Path::new(name.trim()).is_file();
        Ok(if is_there { Validation::Valid } else { Validation::Invalid(t!("there is no such file").into()) })
    });
    if Path::new(PLAN_FILE).is_file() {
        asked = asked.with_default(PLAN_FILE);
    }
    Ok(PathBuf::from(asked.prompt().map_err(ended)?.trim()))
}

/// A plan of these steps, to be read and in one line. JSON is YAML: whatever was typed stays one value.
fn made(title: &str, steps: &[(&str, &str, Value)]) -> (PlanText, Source) {
    let step =
        |(id, tool, inputs): &(&str, &str, Value)| json!({"id": id, "title": title, "tool": tool, "inputs": inputs});
    let line = json!({"title": title, "steps": steps.iter().map(step).collect::<Vec<_>>()}).to_string();
    let mut text = format!("title: {}\nsteps:\n", json!(title));
    for (id, tool, inputs) in steps {
        text.push_str(&format!("  - id: {id}\n    title: {}\n    tool: {tool}\n    inputs: {inputs}\n", json!(title)));
    }
    (PlanText { name: t!("the wizard's plan"), text }, Source::Own(line))
}

/// Asks for one of several things.
fn choose(question: &str, choices: &[&'static str]) -> Result<&'static str, Fault> {
    let shown: Vec<String> = choices.iter().map(|choice| said(choice, &[])).collect();
    let help = t!("↑↓ to move, enter to select, type to filter");
    let asked = Select::new(question, shown).with_help_message(&help);
    Ok(choices[asked.raw_prompt().map_err(ended)?.index])
}

/// Reads a yes or a no, in either language.
fn yes_or_no(said: &str) -> Result<bool, ()> {
    match said {
        "はい" | "ハイ" => Ok(true),
        "いいえ" => Ok(false),
        other => DEFAULT_BOOL_PARSER(other),
    }
}

/// A session that takes a plan, or a new one.
async fn which_session(context: &Context, client: &Client) -> Result<Option<String>, Fault> {
    let query = [("limit", SESSIONS_READ)];
    let listed: Value = context.fetch(client, &endpoint::LIST_SESSIONS, &[], &query).await?;
    let open = |session: &&Value| {
        ["pending", "awaiting_plan_approval", "awaiting_step_approval", "failed"]
            .iter()
            .any(|status| session["status"] == *status)
    };
    let open: Vec<&Value> = render::items(&listed["items"]).iter().filter(open).take(SESSIONS_MAX).collect();
    if open.is_empty() {
        return Ok(None);
    }
    let shown = |session: &&Value| {
        let [id, goal] = ["id", "goal"].map(|name| render::word(&session[name]));
        let status = daemon::session_status(&session["status"]);
        clip(&format!("{id}  {status}  {goal}"), CHOICE_COLUMNS).into_owned()
    };
    let mut choices = vec![t!("a new one, with an empty workspace")];
    choices.extend(open.iter().map(shown));
    let (question, help) = (t!("In which session?"), t!("↑↓ to move, enter to select, type to filter"));
    let asked = Select::new(&question, choices).with_help_message(&help);
    let chosen = asked.raw_prompt().map_err(ended)?.index;
    Ok(chosen.checked_sub(1).and_then(|place| open[place]["id"].as_str()).map(str::to_owned))
}

/// Whether a plan can be kept under a name.
fn free(name: &str) -> Validation {
    let path = Path::new(name.trim());
    // A name alone has an empty parent, which is the directory here.
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
        let directory = visible_line(&directory.display().to_string()).into_owned();
        return Validation::Invalid(t!("no directory `{path}`", path = directory).into());
    }
    if name.trim().is_empty() || std::fs::symlink_metadata(path).is_err() {
        return Validation::Valid;
    }
    Validation::Invalid(t!("something of that name is there already").into())
}

/// Writes the plan; what is there already is never replaced.
fn keep(path: &Path, text: &str) -> Result<(), Fault> {
    let written = std::fs::File::create_new(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.flush()));
    written.map_err(|error| {
        Fault::usage(t!("the plan cannot be kept in `{path}`: {error}", path = path.display(), error = error))
    })
}

async fn create(context: &Context, client: &Client, answers: &Answers, goal: &Value) -> Result<String, Fault> {
    let body = json!({
        "goal": goal,
        "mode": if answers.is_dry_run { "dry_run" } else { "normal" },
        "safety_profile": answers.profile.word(),
        "source": context.source(),
    });
    let made: Value = client.send(&endpoint::CREATE_SESSION, &[], &body).await?;
    Ok(made["id"].as_str().unwrap_or_default().to_owned())
}

/// Whether nobody has said yes or no in a session yet.
async fn is_undecided(context: &Context, client: &Client, session: &str) -> bool {
    let shown = context.fetch(client, &endpoint::SHOW_SESSION, &[session], &[]).await.unwrap_or_default();
    ["pending", "awaiting_plan_approval"].iter().any(|status| shown["status"] == *status)
}

fn nothing_begun() -> Fault {
    Fault::Interrupted { message: t!("interrupted; nothing was begun"), hint: "calt wizard run".to_owned() }
}

fn ended(error: InquireError) -> Fault {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => nothing_begun(),
        InquireError::NotTTY => Fault::usage(t!("the wizard asks questions, and there is no terminal to ask on")),
        InquireError::InvalidConfiguration(reason) => Fault::Bug(reason),
        InquireError::IO(error) => Fault::usage(t!("the terminal cannot be read: {error}", error = error)),
        InquireError::Custom(error) => Fault::Bug(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_typed_stays_one_value_of_the_plan() {
        let (plan, _) =
            made("a: \"b\"\n# c", &[("run", "run_shell_readonly", json!({"command": "cat 'x: y' #\n- z"}))]);
        let lines: Vec<&str> = plan.text.lines().collect();
        assert_eq!(lines.len(), 6, "{}", plan.text);
        assert_eq!(lines[0], r#"title: "a: \"b\"\n# c""#);
        assert_eq!(lines[5], r#"    inputs: {"command":"cat 'x: y' #\n- z"}"#);
    }

    #[test]
    fn a_name_is_asked_for_again_where_no_plan_can_be_kept() {
        let place = tempfile::tempdir().unwrap();
        let [free_name, taken, nowhere] =
            ["plan.yaml", "", "missing/plan.yaml"].map(|name| place.path().join(name).display().to_string());
        assert!(matches!(free(&free_name), Validation::Valid));
        assert!(matches!(free("  "), Validation::Valid));
        assert!(matches!(free(&taken), Validation::Invalid(_)));
        assert!(matches!(free(&nowhere), Validation::Invalid(_)));
    }

    #[test]
    fn the_command_for_real_names_the_plan_wherever_it_is() {
        let (plan, source) = made("It's", &[("look", "list_dir", json!({"path": "."}))]);
        let mut answers = Answers {
            plan,
            source,
            kept_in: None,
            session: None,
            is_dry_run: true,
            profile: Profile::Dev,
            is_harmless: false,
        };
        let line = answers.for_real();
        assert!(line.starts_with("printf %s '{\"") && line.ends_with("}' | calt run - --profile dev"), "{line}");
        assert!(line.contains(r"It'\''s"), "{line}");
        answers.kept_in = Some(PathBuf::from("my plan.yaml"));
        answers.profile = Profile::Strict;
        assert_eq!(answers.for_real(), "calt run 'my plan.yaml'");
    }

    #[test]
    fn a_plan_is_kept_only_where_nothing_is() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("p.yaml");
        keep(&path, "one").unwrap();
        assert!(keep(&path, "two").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
        assert!(matches!(free(path.to_str().unwrap()), Validation::Invalid(_)));
        assert!(matches!(free(" "), Validation::Valid));
    }
}
