//! What the benchmarks see: a box around a program of their choice, without a plan, a permit or a schema.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use calt_core::isolation::{BoxSpec, Tier};

use crate::limits::{Cancel, Limits};
use crate::sandbox::{Boxed, Isolation, Sandbox};
use crate::workspace::Workspace;

/// Longest a benched program may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A sandbox of a given tier.
#[derive(Debug)]
pub struct BenchedBox {
    sandbox: Sandbox,
}

impl BenchedBox {
    /// Finds the sandbox, with this program as its helper and no tier above this one.
    pub fn find(helper: PathBuf, tier_max: Tier) -> Self {
        Self { sandbox: Sandbox::find(Isolation { helper, tier_max, ..Isolation::default() }) }
    }

    /// The tier that was found.
    pub fn tier(&self) -> Tier {
        self.sandbox.tier()
    }

    /// Runs a program to its end; gives its exit code.
    ///
    /// # Errors
    /// A sentence when the box did not come up.
    pub fn run(
        &self,
        shape: &BoxSpec,
        program: &Path,
        arguments: &[&str],
        workspace: &Path,
    ) -> Result<Option<i32>, String> {
        let workspace = Workspace::open(workspace).map_err(|error| error.to_string())?;
        let limits = Limits { deadline: Instant::now() + PATIENCE, cancel: Cancel::new() };
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let boxed = Boxed { shape, program, arguments: &arguments, input: None };
        self.sandbox.run(&boxed, &workspace, &limits).map(|ran| ran.exit_code)
    }
}
