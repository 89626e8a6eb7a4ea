//! Runs one command that only reads. There is no shell: words are split and executed directly.

use std::time::{Duration, Instant};

use calt_core::isolation::BoxSpec;
use calt_core::toolbox::{Effect, Remark, Risk};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Profile, Tool, Use, output_value};
use crate::command::git_filters::{self, FiltersOff};
use crate::command::program::Program;
use crate::command::schema::{self, Allowed};
use crate::command::words::{self, COMMAND_BYTES_MAX};
use crate::failure::{FailureCode, ToolFailure};
use crate::limits::Limits;
use crate::run::ToolOutput;
use crate::sandbox::{Boxed, EndedBy, STREAM_BYTES_MAX, Spawned};
use crate::toolkit::Programs;

/// Most seconds a command may take, and the default.
const TIMEOUT_SECONDS_MAX: u32 = 30;
/// Why git does not run where it says more of filters than is kept, or no text.
const ODD_FILTERS: &str = "its configuration names its filters in a way that cannot be read";

pub(crate) struct RunShellReadonly;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// One of ls, cat, rg, find, git status, git diff, python -m pytest, with its arguments.
    command: String,
    /// Seconds the command may take; always literal.
    #[serde(default = "timeout")]
    #[schemars(range(min = 1, max = 30))]
    timeout_sec: u32,
}

const fn timeout() -> u32 {
    TIMEOUT_SECONDS_MAX
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The command as given.
    command: String,
    /// Its exit code; 128 and the signal's number when a signal ended it.
    exit_code: Option<i32>,
    /// What it printed; at most 1 MiB, from the beginning and from the end.
    stdout: String,
    /// What it printed to standard error; bounded likewise.
    stderr: String,
    /// Whether bytes of either are missing.
    truncated: bool,
    /// Whether either is not UTF-8, so that the text is not its true bytes.
    lossy: bool,
    /// How long it ran, in milliseconds.
    duration_ms: u64,
    /// Filters that the repository's configuration names, and that git did not run: what it shows is compared as it stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    filters_off: Vec<String>,
}

impl Tool for RunShellReadonly {
    const NAME: &'static str = "run_shell_readonly";
    const PROFILE: Profile = Profile::ShellReadonly;
    const DESCRIPTION: &'static str =
        "Runs one allowlisted command without a shell: ls, cat, rg, find, git status, git diff, python -m pytest.";
    type Input = Input;
    type Output = Output;

    fn effect(_: &Value) -> Effect {
        Effect::Spawns
    }

    fn limits() -> Value {
        json!({
            "command_bytes_max": COMMAND_BYTES_MAX,
            "stream_bytes_max": STREAM_BYTES_MAX,
            "timeout_seconds_max": TIMEOUT_SECONDS_MAX,
        })
    }

    fn risk_floor(inputs: &Value) -> Risk {
        match wanted(inputs) {
            Some(Program::Python) | None => Risk::Medium,
            Some(Program::Ls | Program::Cat | Program::Rg | Program::Find | Program::Git) => Risk::Low,
        }
    }

    fn box_spec(inputs: &Value) -> Option<BoxSpec> {
        Some(match wanted(inputs) {
            Some(Program::Python) | None => BoxSpec::test(),
            Some(Program::Ls | Program::Cat | Program::Rg | Program::Find | Program::Git) => BoxSpec::read_only(),
        })
    }

    fn remarks(inputs: &Value, programs: &Programs) -> Vec<Remark> {
        let Some(command) = inputs["command"].as_str().filter(|command| !command.contains("${steps.")) else {
            return Vec::new();
        };
        let refused = match allowed(command) {
            Ok(allowed) => missing(&allowed, programs).or_else(|| {
                let refusal = Self::box_spec(inputs).and_then(|shape| programs.sandbox().refusal(&shape));
                refusal.map(|refusal| ToolFailure::plain(FailureCode::IsolationUnavailable, refusal))
            }),
            Err(failure) => Some(failure),
        };
        let remark =
            |failure: ToolFailure| Remark { code: failure.code().as_str().to_owned(), message: failure.message };
        refused.map(remark).into_iter().collect()
    }

    fn run(input: Input, used: &Use<'_>) -> Result<ToolOutput, ToolFailure> {
        let allowed = allowed(&input.command)?;
        if let Some(failure) = missing(&allowed, used.programs) {
            return Err(failure);
        }
        let program = used.programs.path(allowed.program).expect("a missing program was refused above");
        let seconds = input.timeout_sec.clamp(1, TIMEOUT_SECONDS_MAX);
        let deadline = used.limits.deadline.min(Instant::now() + Duration::from_secs(u64::from(seconds)));
        let limits = Limits { deadline, cancel: used.limits.cancel.clone() };
        let Some(shape) = used.permit.box_spec() else {
            return Err(ToolFailure::plain(FailureCode::PermissionChanged, "permission_changed: no box was approved"));
        };
        let sandbox = used.programs.sandbox();
        if let Some(refusal) = sandbox.refusal(shape) {
            return Err(ToolFailure::plain(FailureCode::IsolationUnavailable, refusal));
        }
        let runs = |arguments: &[String]| {
            let boxed = Boxed { shape, program, arguments, input: None };
            sandbox
                .run(&boxed, used.workspace, &limits)
                .map_err(|reason| ToolFailure::plain(FailureCode::BoxFailed, format!("box_failed: {reason}")))
        };
        let (mut arguments, mut filters_off) = (allowed.arguments, Vec::new());
        if allowed.program == Program::Git {
            let told = runs(&git_filters::question())?;
            // git that cannot read the configuration, or does not come to its end, says so itself.
            if told.ended_by != EndedBy::Itself || told.exit_code.is_none_or(|code| code > 1) {
                return ended(input.command, &told, filters_off);
            }
            let off = filters(&told)?;
            arguments.splice(0..0, off.settings);
            filters_off = off.names;
        }
        ended(input.command, &runs(&arguments)?, filters_off)
    }
}

fn filters(told: &Spawned) -> Result<FiltersOff, ToolFailure> {
    let (answer, is_lossy) = told.stdout.text();
    let is_whole = !is_lossy && told.stdout.dropped() == 0;
    let off = if is_whole { git_filters::turned_off(answer.as_bytes()) } else { Err(ODD_FILTERS.to_owned()) };
    off.map_err(|reason| ToolFailure::plain(FailureCode::CommandRefused, format!("git does not run here: {reason}")))
}

fn ended(command: String, spawned: &Spawned, filters_off: Vec<String>) -> Result<ToolOutput, ToolFailure> {
    let output = shown(command, spawned, filters_off);
    match spawned.ended_by {
        EndedBy::Itself => Ok(output),
        EndedBy::Deadline => {
            let message = format!("tool_timeout: the command was ended after {:.1} s", spawned.duration.as_secs_f64());
            Err(ToolFailure::after_the_fact(FailureCode::ToolTimeout, message, output))
        }
        EndedBy::Cancel => {
            let message = "the session was stopped while the command ran".to_owned();
            Err(ToolFailure::after_the_fact(FailureCode::Cancelled, message, output))
        }
    }
}

fn shown(command: String, spawned: &Spawned, filters_off: Vec<String>) -> ToolOutput {
    let ((stdout, out_lossy), (stderr, err_lossy)) = (spawned.stdout.text(), spawned.stderr.text());
    let mut not_whole = Vec::new();
    for (pointer, lossy, dropped) in
        [("/stdout", out_lossy, spawned.stdout.dropped()), ("/stderr", err_lossy, spawned.stderr.dropped())]
    {
        if lossy || dropped > 0 {
            not_whole.push(pointer.to_owned());
        }
    }
    let output = Output {
        command,
        exit_code: spawned.exit_code,
        stdout: stdout.clone(),
        stderr,
        truncated: spawned.stdout.dropped() + spawned.stderr.dropped() > 0,
        lossy: out_lossy || err_lossy,
        duration_ms: u64::try_from(spawned.duration.as_millis()).unwrap_or(u64::MAX),
        filters_off,
    };
    ToolOutput {
        output: output_value(&output),
        observation: stdout,
        exit_code: spawned.exit_code,
        not_whole,
        ..ToolOutput::default()
    }
}

fn allowed(command: &str) -> Result<Allowed, ToolFailure> {
    words::split(command).and_then(|words| schema::check(&words)).map_err(|reason| {
        ToolFailure::plain(FailureCode::CommandRefused, format!("command is not allowlisted: {reason}"))
    })
}

fn missing(allowed: &Allowed, programs: &Programs) -> Option<ToolFailure> {
    let program = allowed.program;
    if programs.path(program).is_some() {
        return None;
    }
    let message =
        format!("`{}` is not installed on this machine; the package `{}` has it", program.word(), program.package());
    Some(ToolFailure::plain(FailureCode::ProgramMissing, message))
}

/// The program a command will run; `None` while it is a reference or cannot run at all.
fn wanted(inputs: &Value) -> Option<Program> {
    let command = inputs["command"].as_str()?;
    allowed(command).ok().map(|allowed| allowed.program)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn a_command_gives_its_streams_and_its_exit_code() {
        let bench = Bench::new();
        bench.put("a.txt", "one\n");
        let ran = bench.run("run_shell_readonly", &json!({"command": "cat a.txt missing"})).unwrap();
        assert_eq!((&ran.output["stdout"], ran.exit_code), (&json!("one\n"), Some(1)));
        assert!(ran.output["stderr"].as_str().unwrap().contains("missing"));
        assert_eq!(ran.observation, "one\n");
    }

    #[test]
    fn what_is_not_allowed_is_refused_with_the_word_and_flagged_before() {
        use calt_core::toolbox::Toolbox as _;
        let bench = Bench::new();
        let inputs = json!({"command": "find . -delete"});
        let refused = bench.run("run_shell_readonly", &inputs).unwrap_err();
        assert_eq!(refused.code(), FailureCode::CommandRefused);
        assert!(refused.message.starts_with("command is not allowlisted: `-delete`"), "{}", refused.message);
        let toolkit = super::super::testing::toolkit();
        let remarks = toolkit.tool("run_shell_readonly").unwrap().remarks(&inputs);
        assert_eq!(remarks[0].code, "command_refused");
        assert!(
            toolkit
                .tool("run_shell_readonly")
                .unwrap()
                .remarks(&json!({"command": "${steps.a.output.content}"}))
                .is_empty()
        );
    }

    #[test]
    fn tests_and_what_is_not_known_yet_count_as_the_widest_box() {
        for command in ["python -m pytest -q", "${steps.a.output.content}"] {
            let inputs = json!({ "command": command });
            assert_eq!(RunShellReadonly::box_spec(&inputs), Some(BoxSpec::test()));
            assert_eq!(RunShellReadonly::risk_floor(&inputs), Risk::Medium);
        }
        assert_eq!(RunShellReadonly::box_spec(&json!({"command": "git diff"})), Some(BoxSpec::read_only()));
    }
}
