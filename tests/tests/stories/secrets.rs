//! Secrets never reach log, reply, artifact, index or the daemon's own log.

use std::path::{Path, PathBuf};

use calt_tests::World;

use crate::{apply, command, plan, preview, read};

const FILE_SECRET: &str = "ghp_0123456789abcdefghijABCDEFGHIJ456789";
const PLAN_SECRET: &str = "hunter2-correct-horse-battery";

/// Every file below a directory.
pub(crate) fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let kind = path.symlink_metadata().unwrap().file_type();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found
}

/// What holds the true bytes on purpose: the workspace, the plan as submitted, pre-images.
fn holds_true_bytes(path: &Path) -> bool {
    path.components().any(|part| ["workspace", "preimages"].iter().any(|name| part.as_os_str() == *name))
        || (path.components().any(|part| part.as_os_str() == "plans") && !path.to_string_lossy().contains("masked"))
}

#[test]
fn a_secret_appears_nowhere_and_preview_then_apply_still_writes_it() {
    let world = World::start();
    let ada = world.person("ada");
    let content = format!("DB_PASSWORD={PLAN_SECRET}\nname = demo\n");
    let session = ada.propose(&plan(
        1,
        &[
            read("r", "dot.env"),
            command("c", "cat dot.env"),
            preview("p", "out.env", &content),
            apply("w", "out.env", &content, "p"),
        ],
    ));
    std::fs::write(world.workspace(&session.id).join("dot.env"), format!("GITHUB={FILE_SECRET}\n")).unwrap();
    let mut replies = vec![ada.get(&format!("/api/v1/sessions/{}/plans/1", session.id)).text()];
    ada.approve_plan(&session, 1).expect(200);
    for step in ["r", "c", "p", "w"] {
        replies.push(ada.step(&session, step).to_string());
        replies.push(ada.carry_out(&session, step).to_string());
        replies.push(ada.step(&session, step).to_string());
    }
    replies.push(ada.get(&format!("/api/v1/sessions/{}/events?after=0", session.id)).text());
    replies.push(ada.get(&format!("/api/v1/sessions/{}/events/search", session.id)).text());
    for artifact in ada.get(&format!("/api/v1/sessions/{}/artifacts", session.id)).json()["items"].as_array().unwrap() {
        replies
            .push(ada.get(&format!("/api/v1/sessions/{}/artifacts/{}", session.id, artifact["id"])).expect(200).text());
    }
    let printed = world.calt(&["logs", "search", "--session", &session.id, "env"]);
    replies.push(printed.stdout);
    replies.push(printed.stderr);
    for reply in &replies {
        assert!(!reply.contains(FILE_SECRET) && !reply.contains(PLAN_SECRET), "{reply}");
    }
    assert!(ada.search(&session, PLAN_SECRET).is_empty());
    assert!(ada.search(&session, FILE_SECRET).is_empty());
    assert_eq!(std::fs::read_to_string(world.workspace(&session.id).join("out.env")).unwrap(), content);

    assert_eq!(world.end(), 0);
    let mut looked_at = 0;
    for file in files_below(world.home()).into_iter().filter(|path| !holds_true_bytes(path)) {
        let bytes = std::fs::read(&file).unwrap();
        for secret in [FILE_SECRET, PLAN_SECRET] {
            assert!(
                !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
                "{} holds a secret",
                file.display()
            );
        }
        looked_at += 1;
    }
    assert!(looked_at > 5, "the database, its index, artifacts and the log were looked at");
}

#[test]
fn calts_own_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::start();
    let ada = world.person("ada");
    let session = ada.propose(&plan(1, &[preview("p", "a.txt", "one\n"), apply("w", "a.txt", "one\n", "p")]));
    ada.approve_plan(&session, 1).expect(200);
    ada.carry_out(&session, "p");
    ada.carry_out(&session, "w");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.data_root()), 0o700);
    for file in files_below(&world.data_root())
        .iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "workspace"))
    {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
}

#[test]
fn an_approver_is_told_that_a_mask_hides_something() {
    let world = World::start();
    let ada = world.person("ada");
    let hidden = format!("DB_PASSWORD={PLAN_SECRET}\n");
    let session = ada.propose(&plan(1, &[preview("p", "out.env", &hidden), preview("q", "out.txt", "plain\n")]));
    ada.approve_plan(&session, 1).expect(200);
    let plan = ada.get(&format!("/api/v1/sessions/{}/plans/1", session.id)).expect(200).json();
    for (place, step, told) in [(0, "p", true), (1, "q", false)] {
        for shown in [&ada.step(&session, step)["remarks"], &plan["steps"][place]["remarks"]] {
            let masked = shown.as_array().unwrap().iter().find(|remark| remark["code"] == "masked");
            assert_eq!(masked.is_some(), told, "{shown}");
            assert!(!shown.to_string().contains(PLAN_SECRET));
        }
    }
    let ran = world.calt(&["plan", "show", &session.id]);
    assert!(ran.stdout.contains("parts of `/content` are masked"), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_secret_whose_beginning_a_diff_does_not_show_is_masked_in_it_all_the_same() {
    let world = World::start();
    let ada = world.person("ada");
    let session = ada.session();
    let line = |number: usize| format!("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7{number:02}");
    let key = |middle: &str| {
        let lines: Vec<String> =
            (0..20).map(|number| if number == 10 { middle.to_owned() } else { line(number) }).collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    };
    std::fs::write(world.workspace(&session.id).join("key.pem"), key(&line(10))).unwrap();
    let changed = key("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDz99");
    let steps = [crate::preview("p", "key.pem", &changed), crate::apply("a", "key.pem", &changed, "p")];
    ada.import(&session, &plan(1, &steps)).expect(200);
    ada.approve_plan(&session, 1).expect(200);
    for step in ["p", "a"] {
        let ran = ada.carry_out(&session, step);
        let text = ran.to_string();
        assert!(!text.contains("ggSjAgEAAoIBAQ"), "{text}");
    }
    let events = ada.get(&format!("/api/v1/sessions/{}/events?limit=500", session.id)).expect(200).text();
    assert!(!events.contains("ggSjAgEAAoIBAQ"), "{events}");
    assert_eq!(std::fs::read_to_string(world.workspace(&session.id).join("key.pem")).unwrap(), changed);
}

#[test]
fn a_private_key_is_masked_in_what_every_search_gives() {
    let world = World::start();
    let ada = world.person("ada");
    let words = ["cat key.pem", "rg . key.pem", "rg --json . key.pem", "rg --json -A 5 BEGIN"];
    let steps: Vec<_> = words.iter().enumerate().map(|(place, words)| command(&format!("c{place}"), words)).collect();
    let session = ada.propose(&plan(1, &steps));
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";
    let key = format!("-----BEGIN PRIVATE KEY-----\n{line}\n{line}\n{line}\n-----END PRIVATE KEY-----\n");
    std::fs::write(world.workspace(&session.id).join("key.pem"), key).unwrap();
    ada.approve_plan(&session, 1).expect(200);
    for (place, words) in words.iter().enumerate() {
        let said = ada.carry_out(&session, &format!("c{place}")).to_string();
        assert!(said.contains("***REDACTED***") && !said.contains("MIIEvQIBADANBgkqhki"), "{words}: {said}");
    }
}
