//! The commands, one file each.

mod artifacts;
mod completions;
mod daemon;
mod decision;
mod doctor;
mod explain;
mod find;
mod guide;
mod inbox;
mod land;
mod list;
mod logs;
mod outcome;
mod person;
mod plan;
mod quickstart;
mod record;
mod run;
mod session;
mod standing;
mod step;
mod token;
mod tools;
mod undo;
mod wait;
mod wizard;
mod workspace;

use std::path::Path;

use crate::arguments::{Command, WizardCommand};
use crate::context::Context;
use crate::fault::Fault;
use crate::hint;
use crate::words::t;

/// Largest plan document, in bytes; the daemon reads no larger body.
const DOCUMENT_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// Does what a command says.
pub(crate) fn dispatch(context: &Context, command: Command) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::Machine { message: t!("the runtime cannot be set up: {error}", error = error) })?;
    runtime.block_on(async {
        match command {
            Command::Run(arguments) => run::run(context, arguments).await,
            Command::Inbox { watch: true, .. } => inbox::watch(context).await,
            Command::Inbox { watch: false, page } => inbox::list(context, &page).await,
            Command::Wait { session, until, timeout } => wait::run(context, &session, until, timeout).await,
            Command::Session(command) => session::run(context, command).await,
            Command::Plan(command) => plan::run(context, command).await,
            Command::Step(command) => step::run(context, command).await,
            Command::Logs(command) => logs::run(context, command).await,
            Command::Artifacts(command) => artifacts::run(context, command).await,
            Command::Tools(command) => tools::run(context, command).await,
            Command::Record(arguments) => record::run(context, arguments.command).await,
            Command::Person(command) => person::run(context, command).await,
            Command::Pin(_) => Err(Fault::Bug("a PIN was asked for and not handed over".to_owned())),
            Command::Workspace(command) => workspace::run(context, command).await,
            Command::Token(command) => token::run(context, command).await,
            Command::Explain { session } => explain::run(context, &session).await,
            Command::Land(arguments) => land::run(context, &arguments).await,
            Command::Undo { session, run } => undo::run(context, &session, run).await,
            Command::Guide => guide::run(context),
            Command::Doctor => doctor::run(context).await,
            Command::Quickstart { plan, yes } => quickstart::run(context, plan.as_deref(), yes).await,
            Command::Wizard(WizardCommand::Run) => wizard::run(context).await,
            Command::Discord(_) => Err(Fault::Bug("a bot was asked for and not handed over".to_owned())),
            Command::Daemon(arguments) => daemon::run(context, &arguments).await,
            Command::Completions { shell, man } => completions::run(context, shell, man.as_deref()),
        }
    })
}

/// A plan as it was written, and the name of where it stands.
#[derive(Clone, Debug)]
pub(crate) struct PlanText {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Whether a path stands for standard input.
fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What to try instead of a plan file that is not there: the one beside it whose name is most like it, or a first plan.
fn another_plan(missing: &Path) -> String {
    let directory = missing.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let wanted = missing.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_plan = |path: &std::path::PathBuf| {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        ["yaml", "yml", "json"].contains(&ending.as_str()) && path.is_file()
    };
    let files = std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let name = |path: &std::path::PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let closest = files.filter(is_plan).min_by_key(|path| (edits(&wanted, &name(path)), name(path)));
    match closest {
        Some(path) => {
            let path = path.strip_prefix(".").unwrap_or(&path);
            format!("calt plan check {}", hint::quoted(&path.display().to_string()))
        }
        None => "calt quickstart".to_owned(),
    }
}

/// How many characters have to be put in, taken out or changed to make one name of another.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, wanted) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (place, found) in other.iter().enumerate() {
            let changed = diagonal + usize::from(wanted != *found);
            diagonal = row[place + 1];
            row[place + 1] = changed.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

/// Reads a plan file; `-` is standard input.
fn read_plan(path: &Path) -> Result<PlanText, Fault> {
    use std::io::Read as _;
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let read = if is_standard_input(path) {
        std::io::stdin().lock().take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    let unreadable = |reason: &str| Fault::Usage {
        message: t!("plan `{name}` cannot be read: {reason}", name = name, reason = reason),
        hint: Some("calt run --help".to_owned()),
    };
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = t!("plan `{name}` cannot be read: there is no such file", name = name);
            return Err(Fault::Usage { message, hint: Some(another_plan(path)) });
        }
        Err(error) if error.kind() == std::io::ErrorKind::IsADirectory => {
            let hint = another_plan(&path.join("plan.yaml"));
            return Err(Fault::Usage { message: t!("plan `{name}` is a directory", name = name), hint: Some(hint) });
        }
        Err(error) => return Err(unreadable(&error.to_string())),
    }
    if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(unreadable(&t!("it is larger than 2 MiB")));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(PlanText { name, text }),
        Err(error) => {
            let place = error.utf8_error().valid_up_to();
            Err(unreadable(&t!("it is not text in UTF-8 (byte {byte} is none)", byte = place + 1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_is_not_there_leads_to_the_one_that_is_most_like_it() {
        assert_eq!((edits("plan.yaml", "plna.yaml"), edits("", "ab"), edits("計画", "計算")), (2, 2, 1));
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("plna.yaml");
        assert_eq!(another_plan(&missing), "calt quickstart");
        for name in ["other.yaml", "plan.yaml", "plna.txt"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        assert_eq!(another_plan(&missing), format!("calt plan check {}/plan.yaml", directory.path().display()));
    }
}
