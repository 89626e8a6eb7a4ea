//! `calt doctor`: what is set up and what is missing, with the fix.

use std::os::unix::fs::PermissionsExt as _;

use calt_api::endpoint;
use serde_json::{Value, json};

use crate::autostart;
use crate::context::Context;
use crate::fault::Fault;
use crate::render;

/// One line of the report.
struct Line {
    verdict: &'static str,
    what: String,
    fix: Option<String>,
}

pub(crate) async fn run(context: &Context) -> Result<(), Fault> {
    let mut lines = Vec::new();
    let mut add = |verdict: &'static str, what: String, fix: Option<&str>| {
        lines.push(Line { verdict, what, fix: fix.map(str::to_owned) });
    };
    let root = context.data_root()?;
    match std::fs::metadata(&root) {
        Ok(found) if found.permissions().mode() & 0o077 == 0 => {
            add("PASS", format!("data root {} is yours alone", root.display()), None);
        }
        Ok(_) => add(
            "WARN",
            format!("data root {} can be read by others", root.display()),
            Some("chmod 700 on it; the next start of the daemon does it too"),
        ),
        Err(_) => add("PASS", format!("data root {} will be made by the first run", root.display()), None),
    }
    add(
        if autostart::is_alive(&root) { "PASS" } else { "SKIP" },
        if autostart::is_alive(&root) {
            "a daemon runs".to_owned()
        } else {
            "no daemon ran; one is started now".to_owned()
        },
        None,
    );
    match context.client().await {
        Err(fault) => add(
            "FAIL",
            format!("the daemon cannot be reached: {}", fault.render().lines().next().unwrap_or_default()),
            Some("calt daemon"),
        ),
        Ok(client) => {
            add("PASS", format!("the daemon answers at {}", client.base()), None);
            let sandbox: Result<Value, _> = context.fetch(&client, &endpoint::SANDBOX, &[], &[]).await;
            match sandbox {
                Err(error) => {
                    let fault = Fault::from(error);
                    add(
                        "FAIL",
                        fault.render().lines().next().unwrap_or_default().to_owned(),
                        Some("calt token create --name me --role owner"),
                    );
                }
                Ok(sandbox) => report_sandbox(&sandbox, &mut add),
            }
        }
    }
    let failed = lines.iter().any(|line| line.verdict == "FAIL");
    let report = json!({"lines": lines.iter().map(|line| json!({"verdict": line.verdict, "what": line.what, "fix": line.fix})).collect::<Vec<_>>()});
    context.show(&report, |_| {
        let mut text = String::new();
        for line in &lines {
            text.push_str(&format!("{}  {}\n", line.verdict, line.what));
            if let Some(fix) = &line.fix {
                text.push_str(&format!("      fix: {fix}\n"));
            }
        }
        text
    })?;
    if failed { Err(Fault::Quiet(1)) } else { Ok(()) }
}

fn report_sandbox(sandbox: &Value, add: &mut impl FnMut(&'static str, String, Option<&str>)) {
    let tier = sandbox["tier"].as_str().unwrap_or_default();
    let verdict = if tier == "full" { "PASS" } else { "WARN" };
    add(verdict, format!("isolation {}: {}", render::word(&sandbox["tier"]), render::word(&sandbox["meaning"])), None);
    for program in sandbox["programs"].as_array().map(Vec::as_slice).unwrap_or_default() {
        match program["path"].as_str() {
            Some(path) => add(
                "PASS",
                format!("{} is {}", render::word(&program["name"]), calt_api::visible::visible_line(path)),
                None,
            ),
            None => {
                let fix = format!("apt-get install {}", render::word(&program["package"]));
                add(
                    "WARN",
                    format!("{} is missing; steps that use it will fail", render::word(&program["name"])),
                    Some(&fix),
                );
            }
        }
    }
    for setting in sandbox["settings"].as_array().map(Vec::as_slice).unwrap_or_default() {
        add(
            "PASS",
            format!(
                "{} = {} ({})",
                render::word(&setting["name"]),
                render::word(&setting["value"]),
                render::word(&setting["from"])
            ),
            None,
        );
    }
}
