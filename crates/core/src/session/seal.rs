//! What an approval of a step is bound to.

use serde_json::{Value, json};

use crate::digest::{Digest, INPUTS_TAG, STEP_TAG};
use crate::event::WorkspaceIdentity;
use crate::id::{SessionId, StepId};
use crate::toolbox::Risk;

/// What a step's digest is made of.
#[derive(Clone, Copy, Debug)]
pub struct StepSeal<'s> {
    /// The session: an `own` workspace is named by it.
    pub session: &'s SessionId,
    /// The workspace.
    pub workspace: &'s WorkspaceIdentity,
    /// The plan's digest.
    pub plan: Digest,
    /// The step's id.
    pub step: &'s StepId,
    /// Its effective risk.
    pub risk: Risk,
    /// The box its command runs in.
    pub box_digest: Option<Digest>,
    /// [`inputs_digest`] of its inputs, as written or as resolved.
    pub inputs: Digest,
}

/// `calt step v1`: what an approval of a step is bound to.
pub fn step_digest(seal: &StepSeal<'_>) -> Digest {
    Digest::of_json(
        STEP_TAG,
        &json!({
            "session": seal.session,
            "workspace": seal.workspace,
            "plan": seal.plan,
            "step": seal.step,
            "risk": seal.risk,
            "box": seal.box_digest,
            "inputs": seal.inputs,
        }),
    )
}

/// Digests inputs, as written or as resolved.
pub fn inputs_digest(inputs: &Value) -> Digest {
    Digest::of_json(INPUTS_TAG, inputs)
}
