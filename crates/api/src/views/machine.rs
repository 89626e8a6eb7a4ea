//! What the daemon answers about the machine: tools, programs, isolation, settings, health.

use serde::{Deserialize, Serialize};
use serde_json::Value;

reply! {
    /// A tool.
    ToolView {
        /// Its name.
        tool_name: String,
        /// What it may touch.
        permission_profile: String,
        /// One sentence.
        description: String,
        /// Whether it may be used.
        enabled: bool,
        /// `reads`, `previews`, `spawns`, `writes`; `by_inputs` where the inputs decide.
        effect: String,
        /// JSON Schema of the inputs.
        input_schema: Value,
        /// JSON Schema of the output.
        output_schema: Value,
        /// Limits by name, with units.
        limits: Value,
    }
}

reply! {
    /// How commands are isolated on this machine, and what they need.
    SandboxView {
        /// `full`, `kernel-filter`, `none`.
        tier: String,
        /// What that means, in one sentence.
        meaning: String,
        /// What was found when the daemon tried it, layer by layer.
        layers: Vec<LayerView>,
        /// The boxes a command can be approved for: what each sees, may write, may reach, and its limits.
        boxes: Value,
        /// The programs commands may name, and whether they are here.
        programs: Vec<ProgramView>,
        /// Where each setting of the daemon came from.
        settings: Vec<SettingView>,
    }
}

reply! {
    /// A layer of the box, as it was found on this machine.
    LayerView {
        /// Its name.
        name: String,
        /// `PASS`, `DEGRADED`, `FAIL`.
        verdict: String,
        /// What was found.
        cause: String,
        /// What would put it right.
        fix: Option<String>,
    }
}

reply! {
    /// A program a command may name.
    ProgramView {
        /// Its name.
        name: String,
        /// Where it is; `null` when it is missing.
        path: Option<String>,
        /// The Debian package that has it.
        package: String,
    }
}

reply! {
    /// A setting in force. Secrets are never shown.
    SettingView {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
        /// `flag`, `environment`, `file` or `default`.
        from: String,
    }
}

reply! {
    /// How the daemon is.
    HealthView {
        /// `ok`, or what is wrong.
        status: String,
        /// calt's version.
        version: String,
    }
}
