//! The toolkit: the six tools with their sheets, and the programs found for commands once, at start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use calt_core::isolation::{BoxSpec, Tier};
use calt_core::toolbox::{Effect, Misfit, Remark, Risk, ToolRules, ToolSpec, Toolbox};
use serde_json::Value;

use crate::catalog::{AnyTool, CATALOG};
use crate::command::program::Program;
use crate::sandbox::{Isolation, Sandbox, SandboxReport};

/// A python of the owner's own, outside the system's places.
#[derive(Clone, Debug)]
pub struct Interpreter {
    /// The program.
    pub interpreter: PathBuf,
    /// Directories it needs, to be bound read-only into a box.
    pub roots: Vec<PathBuf>,
}

/// Whether a program that commands may name is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramReport {
    /// The word a command uses.
    pub name: &'static str,
    /// Where it was found at start.
    pub path: Option<PathBuf>,
    /// The Debian package that has it.
    pub package: &'static str,
}

/// The tools of this machine.
pub struct Toolkit {
    programs: Arc<Programs>,
    rules: Vec<Rules>,
}

/// Where the programs that commands may name lie, as found at start.
#[derive(Debug)]
pub(crate) struct Programs {
    found: Vec<(Program, Option<PathBuf>)>,
    python_roots: Vec<String>,
    sandbox: Sandbox,
}

/// One tool's rules, with what this machine has for it.
struct Rules {
    tool: &'static dyn AnyTool,
    spec: ToolSpec,
    programs: Arc<Programs>,
}

impl Toolkit {
    /// Looks for the programs on the fixed path, and finds out how they can be held.
    ///
    /// `python` takes the place of python3 on that path.
    pub fn find(python: Option<Interpreter>, isolation: Isolation) -> Self {
        let found = Program::ALL.map(|program| match (&python, program) {
            (Some(own), Program::Python) => (program, Some(own.interpreter.clone())),
            (Some(_) | None, _) => (program, program.find()),
        });
        let roots = python.map(|own| own.roots.iter().map(|root| root.display().to_string()).collect());
        let programs = Arc::new(Programs {
            found: found.into(),
            python_roots: roots.unwrap_or_default(),
            sandbox: Sandbox::find(isolation),
        });
        let rules =
            CATALOG.iter().map(|tool| Rules { tool: *tool, spec: tool.sheet(), programs: Arc::clone(&programs) });
        Self { rules: rules.collect(), programs }
    }

    /// How much of a box this machine holds up.
    pub fn tier(&self) -> Tier {
        self.programs.sandbox.tier()
    }

    /// The sheet of every tool, in the order they are listed.
    pub fn specs(&self) -> impl Iterator<Item = &ToolSpec> {
        self.rules.iter().map(|rules| &rules.spec)
    }

    /// What was found out about the box on this machine.
    pub fn sandbox(&self) -> &SandboxReport {
        self.programs.sandbox.report()
    }

    /// What was found of the programs that commands may name.
    pub fn programs(&self) -> Vec<ProgramReport> {
        let report = |(program, path): &(Program, Option<PathBuf>)| ProgramReport {
            name: program.word(),
            path: path.clone(),
            package: program.package(),
        };
        self.programs.found.iter().map(report).collect()
    }

    pub(crate) fn programs_of_commands(&self) -> &Programs {
        &self.programs
    }

    pub(crate) fn any(&self, name: &str) -> Option<(&'static dyn AnyTool, &Programs)> {
        self.rules.iter().find(|rules| rules.spec.name == name).map(|rules| (rules.tool, &*self.programs))
    }
}

impl Programs {
    pub(crate) const fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(crate) fn path(&self, wanted: Program) -> Option<&Path> {
        self.found.iter().find(|(program, _)| *program == wanted).and_then(|(_, path)| path.as_deref())
    }
}

impl Toolbox for Toolkit {
    fn tool(&self, name: &str) -> Option<&dyn ToolRules> {
        self.rules.iter().find(|rules| rules.spec.name == name).map(|rules| rules as &dyn ToolRules)
    }

    fn names(&self) -> Vec<&'static str> {
        self.rules.iter().map(|rules| rules.spec.name).collect()
    }
}

impl ToolRules for Rules {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn effect(&self, inputs: &Value) -> Effect {
        self.tool.effect(inputs)
    }

    fn risk_floor(&self, inputs: &Value) -> Risk {
        self.tool.risk_floor(inputs)
    }

    fn box_spec(&self, inputs: &Value) -> Option<BoxSpec> {
        self.tool.box_spec(inputs).map(|spec| BoxSpec { binds: self.programs.python_roots.clone(), ..spec })
    }

    fn misfits(&self, inputs: &Value) -> Vec<Misfit> {
        self.tool.misfits(inputs)
    }

    fn remarks(&self, inputs: &Value) -> Vec<Remark> {
        self.tool.remarks(inputs, &self.programs)
    }
}
