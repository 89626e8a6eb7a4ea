//! The permit: leave to run one approved step once.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::event::Profile;
use crate::id::{RunId, SessionId, StepId};
use crate::isolation::{BoxSpec, Tier};
use crate::toolbox::Effect;

/// Proof that a person approved exactly these bytes. Only `evolve` makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub(crate) digest: Digest,
    pub(crate) covers: Covers,
    pub(crate) by: crate::principal::PrincipalId,
}

impl Grant {
    /// The step digest that was approved.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether inputs as resolved or as template were approved.
    pub const fn covers(&self) -> Covers {
        self.covers
    }

    /// Who approved.
    pub const fn by(&self) -> &crate::principal::PrincipalId {
        &self.by
    }
}

/// What an approval of a step covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// The inputs with every reference resolved.
    Resolved,
    /// The inputs as written; only `dev` allows it for inputs with references.
    Template,
}

/// Whether a run of this session recorded a preview of exactly the files an apply would write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "gate")]
pub enum Gate {
    /// The step writes nothing.
    NotNeeded,
    /// This run recorded it.
    Recorded {
        /// The run of the preview.
        run: RunId,
    },
    /// A preview of the same new content was recorded, but the files have changed since.
    Stale,
    /// None was recorded.
    Missing,
}

/// Leave to run one approved step once.
///
/// Only [`crate::decide()`] makes one, inside a decision; the store gives it out once `step_started`
/// is durable; `tools::run` takes it by value. It is not `Clone`: it is spent by use.
#[derive(Debug)]
#[must_use = "a permit that is dropped leaves a started run without an end"]
pub struct Permit {
    pub(crate) session: SessionId,
    pub(crate) profile: Profile,
    pub(crate) step: StepId,
    pub(crate) run: RunId,
    pub(crate) tool: String,
    pub(crate) effect: Effect,
    pub(crate) step_digest: Digest,
    pub(crate) inputs_digest: Digest,
    pub(crate) files_digest: Option<Digest>,
    pub(crate) gate: Gate,
    pub(crate) box_spec: Option<BoxSpec>,
    pub(crate) tier: Tier,
}

impl Permit {
    /// The session.
    pub const fn session(&self) -> &SessionId {
        &self.session
    }

    /// How strictly the session is held.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// The step.
    pub const fn step(&self) -> &StepId {
        &self.step
    }

    /// The run this permit starts.
    pub const fn run(&self) -> RunId {
        self.run
    }

    /// The tool that may be used.
    pub fn tool(&self) -> &str {
        &self.tool
    }

    /// What it may do to the world.
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// The digest that was approved and compared.
    pub const fn step_digest(&self) -> Digest {
        self.step_digest
    }

    /// The digest of the inputs that may be used ([`crate::session::inputs_digest`]).
    pub const fn inputs_digest(&self) -> Digest {
        self.inputs_digest
    }

    /// The digest of the files an apply may write, with their digests before and after.
    pub const fn files_digest(&self) -> Option<Digest> {
        self.files_digest
    }

    /// Whether their preview was recorded.
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The box a command runs in.
    pub const fn box_spec(&self) -> Option<&BoxSpec> {
        self.box_spec.as_ref()
    }

    /// How much of the box this machine holds up.
    pub const fn tier(&self) -> Tier {
        self.tier
    }

    /// A permit of a test's own, for crates whose tests run tools without a log.
    #[cfg(feature = "test-permit")]
    pub fn for_test(
        run: RunId,
        tool: &str,
        effect: Effect,
        inputs: &serde_json::Value,
        gate: Gate,
        files_digest: Option<Digest>,
        box_spec: Option<BoxSpec>,
    ) -> Self {
        Self {
            session: SessionId::parse("session_test").expect("a fixed id"),
            profile: Profile::Strict,
            step: StepId::parse("test").expect("a fixed id"),
            run,
            tool: tool.to_owned(),
            effect,
            step_digest: Digest::of_bytes(b"test"),
            inputs_digest: crate::session::inputs_digest(inputs),
            files_digest,
            gate,
            box_spec,
            tier: Tier::Full,
        }
    }
}
