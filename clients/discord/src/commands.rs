//! The slash commands, by hand: each once, with its Japanese beside it.

use serde_json::{Value, json};

/// Discord's types of an option.
const TEXT: u8 = 3;
const NUMBER: u8 = 4;
const FILE: u8 = 11;

struct Definition {
    name: &'static str,
    described: [&'static str; 2],
    options: &'static [Choice],
}

struct Choice {
    name: &'static str,
    described: [&'static str; 2],
    kind: u8,
    required: bool,
    completes: bool,
    of: &'static [&'static str],
}

const fn text(name: &'static str, described: [&'static str; 2]) -> Choice {
    Choice { name, described, kind: TEXT, required: false, completes: false, of: &[] }
}

impl Choice {
    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn completing(self) -> Self {
        Self { completes: true, ..self }
    }

    const fn one_of(self, of: &'static [&'static str]) -> Self {
        Self { of, ..self }
    }

    const fn of_kind(self, kind: u8) -> Self {
        Self { kind, ..self }
    }

    fn json(&self) -> Value {
        let mut option = json!({
            "type": self.kind, "name": self.name, "description": self.described[0],
            "description_localizations": {"ja": self.described[1]}, "required": self.required,
        });
        if self.completes {
            option["autocomplete"] = json!(true);
        }
        if !self.of.is_empty() {
            option["choices"] = self.of.iter().map(|word| json!({"name": word, "value": word})).collect();
        }
        if self.kind == NUMBER {
            option["min_value"] = json!(1);
        }
        option
    }
}

const SESSION: Choice = text("session_id", ["The session", "セッション"]).completing();
const STEP: Choice = text("step_id", ["The step", "ステップ"]).completing();

const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "session_create",
        described: ["Make a session", "セッションを作る"],
        options: &[
            text("goal", ["What it is for", "目標"]),
            text("mode", ["A dry run applies nothing", "dry_run は何も適用しません"]).one_of(&["normal", "dry_run"]),
            text("safety_profile", ["How strictly it is held", "安全設定"]).one_of(&["strict", "dev"]),
            text("workspace", ["The name of a workspace", "ワークスペースの名前"]),
            text("ref", ["The ticket it belongs to", "チケット"]),
        ],
    },
    Definition {
        name: "plan_import",
        described: ["Hand in a plan as a YAML or JSON file", "プランを YAML か JSON のファイルで渡す"],
        options: &[
            text("file", ["The plan", "プラン"]).of_kind(FILE).required(),
            text("session_id", ["The session; without it a new one is made", "セッション（省略すると新しく作ります）"])
                .completing(),
        ],
    },
    Definition {
        name: "plan_show",
        described: ["Show a plan or a step, with the buttons to decide", "プランまたはステップを決定ボタン付きで表示"],
        options: &[
            SESSION.required(),
            STEP,
            text("version", ["The plan version; the newest without it", "プランの版（省略すると最新）"])
                .of_kind(NUMBER),
        ],
    },
    Definition {
        name: "step_approve",
        described: ["Approve a step as it is now", "ステップを今の内容で承認"],
        options: &[SESSION.required(), STEP.required()],
    },
    Definition {
        name: "step_execute",
        described: ["Execute an approved step", "承認済みのステップを実行"],
        options: &[SESSION.required(), STEP.required()],
    },
    Definition {
        name: "session_stop",
        described: ["Stop a session for good", "セッションを停止（再開はできません）"],
        options: &[SESSION.required()],
    },
    Definition {
        name: "logs_search",
        described: ["Search the record", "記録を検索"],
        options: &[text("query", ["Words to find", "検索する語"]).required(), SESSION],
    },
    Definition {
        name: "artifacts_list",
        described: ["List what runs left behind", "成果物の一覧"],
        options: &[SESSION.required()],
    },
    Definition {
        name: "tools_permissions",
        described: ["Show the tools and what they may touch", "ツールと、その触れる範囲"],
        options: &[text("tool_name", ["One tool", "ツール"]).completing()],
    },
    Definition {
        name: "inbox", described: ["Show what waits for somebody", "人を待っているものの一覧"], options: &[]
    },
];

/// The commands as they are registered.
pub(crate) fn definitions() -> Value {
    let command = |definition: &Definition| {
        json!({
            "type": 1, "name": definition.name, "description": definition.described[0],
            "description_localizations": {"ja": definition.described[1]},
            "options": definition.options.iter().map(Choice::json).collect::<Value>(),
        })
    };
    DEFINITIONS.iter().map(command).collect()
}

/// Whether a command is registered as it is meant. Discord leaves out what is false, and adds fields of its own.
pub(crate) fn is_same(registered: &Value, wanted: &Value) -> bool {
    let option = |option: &Value| {
        let is_true = |name: &str| option[name] == true;
        let told = ["name", "type", "description", "choices", "min_value"].map(|name| option[name].clone());
        (told, is_true("required"), is_true("autocomplete"))
    };
    let options =
        |command: &Value| -> Vec<_> { command["options"].as_array().into_iter().flatten().map(option).collect() };
    registered["description"] == wanted["description"] && options(registered) == options(wanted)
}
