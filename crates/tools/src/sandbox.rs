//! The box: what the kernel holds a command with.
//!
//! The daemon keeps one small single-threaded helper ready, calt itself started again. For each run it hands
//! the helper a [`spec::Spec`] and the ends of the pipes; the helper forks, and the child builds the box layer
//! by layer and becomes the command. The helper keeps nothing of a run: it does not even read the specification.

mod calls;
mod filter;
mod helper;
mod init;
mod kept;
mod landing;
mod private;
mod processes;
mod remove;
mod report;
mod root;
mod run;
mod spec;
mod sys;
#[cfg(test)]
mod tests;
mod warm;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use calt_core::isolation::{BoxSpec, Tier, WorkspaceView};

pub use helper::{HELPER_WORD, serve as serve_as_helper};
pub(crate) use kept::STREAM_BYTES_MAX;
pub use report::{LayerReport, LayerVerdict, SandboxReport};
pub use root::SYSTEM_DIRECTORIES;
use run::User;
pub(crate) use run::{Boxed, EndedBy, Sink, Spawned};

use crate::limits::{Cancel, Limits};
use crate::workspace::Workspace;
use spec::RunAs;
use warm::Boxes;

/// Whom commands run as when the daemon is root and nobody else was named: `nobody`.
const NOBODY: RunAs = RunAs { uid: 65_534, gid: 65_534 };
/// Longest the self-test may take, in seconds.
const SELF_TEST_SECONDS_MAX: u64 = 5;

/// What the owner says about isolation.
#[derive(Clone, Debug)]
pub struct Isolation {
    /// The program that serves as helper: calt itself.
    pub helper: PathBuf,
    /// The highest tier to use; for tests, and for machines where a higher one is not wanted.
    pub tier_max: Tier,
    /// User and group that commands run as when the daemon is root.
    pub run_as: Option<(u32, u32)>,
    /// Whether tests may run, with the workspace read-only, where there are no namespaces.
    pub tests_without_namespaces: bool,
}

impl Default for Isolation {
    fn default() -> Self {
        Self {
            helper: PathBuf::from("/proc/self/exe"),
            tier_max: Tier::Full,
            run_as: None,
            tests_without_namespaces: false,
        }
    }
}

/// The sandbox of this machine.
#[derive(Debug)]
pub(crate) struct Sandbox {
    boxes: Boxes,
    settings: Isolation,
    report: SandboxReport,
}

impl Sandbox {
    /// Finds out, by building boxes and trying to get out of them, what this machine holds up.
    pub(crate) fn find(settings: Isolation) -> Self {
        let boxes = Boxes::new(settings.helper.clone());
        let report = SandboxReport { tier: Tier::None, layers: Vec::new() };
        let mut sandbox = Self { boxes, settings, report };
        private::sweep(sandbox.user());
        sandbox.report = sandbox.self_test();
        sandbox
    }

    pub(crate) const fn tier(&self) -> Tier {
        self.report.tier
    }

    pub(crate) const fn report(&self) -> &SandboxReport {
        &self.report
    }

    /// Why a command in this box cannot be held here; `None` when it can.
    pub(crate) fn refusal(&self, shape: &BoxSpec) -> Option<String> {
        let overlay = shape.workspace == WorkspaceView::Overlay;
        match self.tier() {
            Tier::KernelFilter if overlay && !self.settings.tests_without_namespaces => Some(
                "isolation_unavailable: tests need namespaces, and this machine has none for them; \
                 `isolation.tests_without_namespaces` lets them run with the workspace read-only"
                    .to_owned(),
            ),
            Tier::Full | Tier::KernelFilter => None,
            Tier::None => {
                Some("isolation_unavailable: this machine cannot hold a command; `calt doctor` says why".to_owned())
            }
        }
    }

    /// Runs a command to its end. Nothing of it is alive when this returns.
    pub(crate) fn run(&self, command: &Boxed<'_>, workspace: &Workspace, limits: &Limits) -> Result<Spawned, String> {
        run::run(&self.boxes, self.tier(), self.user(), command, workspace, limits, None)
    }

    /// The same, with its standard output handed on as it comes. An error of the one who takes it ends the command.
    pub(crate) fn stream(
        &self,
        command: &Boxed<'_>,
        workspace: &Workspace,
        limits: &Limits,
        sink: Sink<'_>,
    ) -> Result<Spawned, String> {
        run::run(&self.boxes, self.tier(), self.user(), command, workspace, limits, Some(sink))
    }

    /// Whom commands run as.
    fn user(&self) -> User {
        use rustix::process::{getegid, geteuid};
        if geteuid().is_root() {
            let as_command = self.settings.run_as.map_or(NOBODY, |(uid, gid)| RunAs { uid, gid });
            return User { as_command, daemon_is_root: true };
        }
        let as_command = RunAs { uid: geteuid().as_raw(), gid: getegid().as_raw() };
        User { as_command, daemon_is_root: false }
    }

    fn self_test(&self) -> SandboxReport {
        let mut layers = report::machine(self.user().daemon_is_root);
        for tier in [Tier::Full, Tier::KernelFilter] {
            if tier > self.settings.tier_max {
                layers.push(report::layer(tier, LayerVerdict::Fail, "not wanted: `isolation.tier_max` is lower", None));
                continue;
            }
            match self.probe(tier) {
                Ok(()) => {
                    layers.push(report::layer(tier, LayerVerdict::Pass, "every probe was held", None));
                    return SandboxReport { tier, layers };
                }
                Err(cause) => {
                    let fix = report::fix(tier, &cause);
                    layers.push(report::layer(tier, LayerVerdict::Fail, &cause, fix));
                }
            }
        }
        SandboxReport { tier: Tier::None, layers }
    }

    /// Builds both boxes of a tier, and lets a probe try to get out of them.
    fn probe(&self, tier: Tier) -> Result<(), String> {
        let directory =
            private::Private::make(self.user()).map_err(|error| format!("no directory to try in: {error}"))?;
        let workspace = Workspace::open(directory.path()).map_err(|error| error.to_string())?;
        let limits =
            Limits { deadline: Instant::now() + Duration::from_secs(SELF_TEST_SECONDS_MAX), cancel: Cancel::new() };
        let shapes = match tier {
            Tier::Full => vec![BoxSpec::read_only(), BoxSpec::test()],
            Tier::KernelFilter | Tier::None => vec![BoxSpec::read_only()],
        };
        for shape in shapes {
            let works = run::probe(&self.boxes, tier, self.user(), &shape, &workspace, &limits)?;
            if !works.is_empty() {
                return Err(format!("in the box `{}` this works and must not: {}", shape.name, works.join(", ")));
            }
        }
        Ok(())
    }
}
