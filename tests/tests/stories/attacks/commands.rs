//! Commands that would read, write or run what nobody agreed to.

use serde_json::json;

use super::ground::Answer::{Holds, HoldsAndPrints, Refuses};
use super::ground::Shows::{Appears, AppearsInWorkspace, Prints, Vanishes, VanishesInWorkspace};
use super::ground::{Attack, Outside, SECRET, Waiting, in_every_round, in_every_round_with, try_all};
use crate::{command, plan};

const fn attack(
    id: &'static str,
    line: &'static str,
    control: &'static str,
    shows: super::ground::Shows,
    answer: super::ground::Answer,
) -> Attack {
    Attack { id, line, control, shows, answer }
}

/// The same line with and without calt.
const fn same(
    id: &'static str,
    line: &'static str,
    shows: super::ground::Shows,
    answer: super::ground::Answer,
) -> Attack {
    attack(id, line, line, shows, answer)
}

#[test]
fn nothing_outside_of_the_workspace_is_read() {
    const ROOT: super::ground::Shows = Prints("root:x:0:0");
    let attacks = [
        same("C01", "cat /etc/passwd", ROOT, Refuses("`/etc/passwd` is absolute")),
        same("", "cat -- /etc/passwd", ROOT, Refuses("`/etc/passwd` is absolute")),
        same("", "cat ../../../../../../../../etc/passwd", ROOT, Refuses("goes up with `..`")),
        same("", "cat sub/../../../../../../../../etc/passwd", ROOT, Refuses("goes up with `..`")),
        same("", "rg root: /etc/passwd", ROOT, Refuses("`/etc/passwd` is absolute")),
        same("", "rg -e root: ../../../../../../etc/passwd", ROOT, Refuses("goes up with `..`")),
        same("", "cat passwd", ROOT, Holds),
        same("", "cat etc/passwd", ROOT, Holds),
        same("", "rg root: passwd", ROOT, Holds),
        same("", "rg --follow root: .", ROOT, Refuses("option `--follow`")),
        same("", "rg -L root: .", ROOT, Refuses("option `-L`")),
        attack("", "rg --files etc/ssl", "rg --files etc/ssl", Prints("etc/ssl/"), Holds),
        attack("", "find etc/ -name passwd", "find etc/ -name passwd", Prints("etc/passwd\n"), Holds),
        same("", "find -L . -name passwd", Prints("etc/passwd"), Refuses("`-L`")),
        same("", "ls -1 etc/", Prints("passwd\n"), Holds),
        attack("C07", "rg walrus {OUT}/..", "rg walrus {OUT}/..", Prints(SECRET), Refuses("is absolute")),
        attack("", "rg -n walrus {SECRET}", "rg -n walrus {SECRET}", Prints(SECRET), Refuses("is absolute")),
        // Its control lists another directory: an ordinary user is kept from this one anyhow.
        attack("C17", "ls /root", "ls {OUT}/dir", Prints("kept"), Refuses("`/root` is absolute")),
        same("", "ls {OUT}/dir", Prints("kept"), Refuses("is absolute")),
        same("", "find {OUT}/dir", Prints("dir/kept"), Refuses("is absolute")),
        attack("", "rg -f {SECRET} .", "rg --no-filename -f {SECRET} {SECRET}", Prints(SECRET), Refuses("option `-f`")),
    ];
    try_all(&attacks, |scene, _| {
        scene.put("sub/a.txt", "nothing\n");
        scene.link("passwd", std::path::Path::new("/etc/passwd"));
        scene.link("etc", std::path::Path::new("/etc"));
    });
}

#[test]
fn the_daemons_environment_is_not_read() {
    let value = "a-value-of-the-daemon-8861";
    let outside = Outside::new();
    let control = outside.plain_scene();
    let printed = control.command("cat").arg("/proc/self/environ").env("LANG", value).output().unwrap();
    assert!(String::from_utf8_lossy(&printed.stdout).contains(value));
    in_every_round_with(&[("ONLY_FOR_THE_DAEMON", value)], |round| {
        // C02 and its neighbours: by its own path, and by a link.
        for line in ["cat /proc/self/environ", "cat environ", "cat process/environ", "rg -a value environ"] {
            let (session, scene) = round.place();
            scene.link("environ", std::path::Path::new("/proc/self/environ"));
            scene.link("process", std::path::Path::new(&format!("/proc/{}", round.world.pid())));
            let attempt = round.runs(&session, line);
            assert!(!attempt.everything().contains(value), "`{line}` in {}: {}", round.name, attempt.json());
            assert!(!attempt.error().contains("box_failed"), "{}: {}", round.name, attempt.json());
        }
    });
}

#[test]
fn find_neither_deletes_nor_runs_nor_writes() {
    let ran = Appears("ran");
    let refused = |word| Refuses(word);
    let attacks = [
        same("C03", "find {OUT}/dir -delete", Vanishes("dir"), refused("is absolute")),
        same("", "find x.txt -delete", VanishesInWorkspace("x.txt"), refused("`-delete`")),
        same("", "find . -name x.txt -a -delete", VanishesInWorkspace("x.txt"), refused("`-delete`")),
        same("", "find . '(' -name x.txt -delete ')'", VanishesInWorkspace("x.txt"), refused("`-delete`")),
        same("", "find x.txt ! -name y , -delete", VanishesInWorkspace("x.txt"), refused("`,`")),
        attack(
            "C04",
            "find . -maxdepth 0 -exec sh -c 'id; touch {OUT}/ran' ;",
            "find . -maxdepth 0 -exec sh -c 'id; touch {OUT}/ran' \\;",
            ran,
            refused("`;`"),
        ),
        same("", "find . -maxdepth 0 -exec touch {OUT}/ran ';'", ran, refused("`-exec`")),
        same("", "find . -maxdepth 0 -exec touch {OUT}/ran '{}' +", ran, refused("`-exec`")),
        same("", "find . -maxdepth 0 '-ex''ec' touch {OUT}/ran \\;", ran, refused("`-exec`")),
        same("", "find . -maxdepth 0 -execdir touch {OUT}/ran ';'", ran, refused("`-execdir`")),
        attack("", "find . -ok touch {OUT}/ran ';'", "yes | find . -ok touch {OUT}/ran ';'", ran, refused("`-ok`")),
        attack(
            "",
            "find . -okdir touch {OUT}/ran ';'",
            "yes | find . -okdir touch {OUT}/ran ';'",
            ran,
            refused("`-okdir`"),
        ),
        same("", "find . -fprint {OUT}/ran", ran, refused("`-fprint`")),
        same("", "find . -fprint0 {OUT}/ran", ran, refused("`-fprint0`")),
        same("", "find . -fprintf {OUT}/ran x", ran, refused("`-fprintf`")),
        same("", "find . -fls {OUT}/ran", ran, refused("`-fls`")),
        same("", "find . -true -o -false -fls written", AppearsInWorkspace("written"), refused("`-fls`")),
        same("", "find -files0-from {SECRET}", Prints(SECRET), refused("`-files0-from`")),
        same("", "find -D exec . -maxdepth 0 -exec touch {OUT}/ran ';'", ran, refused("`-D`")),
    ];
    try_all(&attacks, |scene, _| scene.put("x.txt", "x\n"));
}

#[test]
fn rg_runs_nothing() {
    let ran = Appears("ran");
    let attacks = [
        same("C06", "rg --pre sh . evil.txt", ran, Refuses("option `--pre`")),
        same("", "rg --pre=sh . evil.txt", ran, Refuses("option `--pre=sh`")),
        same("", "rg -n --pre ./evil.sh . evil.txt", ran, Refuses("option `--pre`")),
        same("", "rg x '--pre' sh evil.txt", ran, Refuses("option `--pre`")),
        attack("", "rg --pr sh . evil.txt", "rg --pre sh . evil.txt", ran, Refuses("option `--pr`")),
        attack("", "rg -z . evil.gz", "PATH=.:$PATH rg -z . evil.gz", ran, Refuses("option `-z`")),
        attack("", "rg -iz . evil.gz", "PATH=.:$PATH rg -iz . evil.gz", ran, Refuses("option `-iz`")),
        attack("", "rg --search-zip . evil.gz", "PATH=.:$PATH rg --search-zip . evil.gz", ran, Refuses("--search-zip")),
        attack("", "rg --hostname-bin ./evil.sh . x", "rg --pre ./evil.sh . evil.txt", ran, Refuses("--hostname-bin")),
        // A file of options in the workspace is read only where a variable names it.
        attack("", "rg by evil.txt", "RIPGREP_CONFIG_PATH=.ripgreprc rg by evil.txt", ran, Holds),
    ];
    try_all(&attacks, |scene, outside| {
        let script = outside.filled_in("#!/bin/sh\ntouch {OUT}/ran; echo ran by rg\n");
        scene.put("evil.txt", &script);
        scene.put("evil.gz", &script);
        scene.put("x", "x\n");
        scene.put("x.txt", "x\n");
        for program in ["evil.sh", "gzip"] {
            scene.put_program(program, &script);
        }
        scene.put(".ripgreprc", "--pre=sh\n");
    });
}

#[test]
fn there_is_no_shell_and_no_program_but_the_named_ones() {
    let (uid, ran, text) = (Prints("uid="), Appears("ran"), Prints("a line of text"));
    let attacks = [
        same("C18", "cat a.txt | sh", ran, Refuses("`|`")),
        same("C19", "ls ; id", uid, Refuses("`;`")),
        same("C20", "ls $(id)", uid, Refuses("`$`")),
        same("C21", "ls > x", AppearsInWorkspace("x"), Refuses("`>`")),
        same("C22", "cat `id`", uid, Refuses("```")),
        same("C23", "/bin/cat text", text, Refuses("`/bin/cat`")),
        same("C24", "env cat text", text, Refuses("`env`")),
        attack("C25", "lsx", "PATH=.:$PATH lsx", ran, Refuses("`lsx`")),
        same("C26", "ls\nid", uid, Refuses("`\\n`")),
        same("", "ls;id", uid, Refuses("`;`")),
        same("", "ls && id", uid, Refuses("`&`")),
        same("", "ls nowhere || id", uid, Refuses("`|`")),
        same("", "ls & id", uid, Refuses("`&`")),
        same("", "cat < text", text, Refuses("`<`")),
        same("", "ls >> x", AppearsInWorkspace("x"), Refuses("`>`")),
        same("", "ls 2> x", AppearsInWorkspace("x"), Refuses("`>`")),
        same("", "cat a.txt |sh", ran, Refuses("`|`")),
        same("", "( id )", uid, Refuses("`(`")),
        attack("", "ls ${IFS}x$(id)", "ls ${IFS}x$(id)", uid, Refuses("`$`")),
        attack("", "ls \"$(id)\"", "ls \"$(id)\"", uid, Holds),
        attack("", "ls '$(id)'", "eval ls '$(id)'", uid, Holds),
        attack("", "ls ';' id", "eval ls ';' id", uid, Holds),
        same("", "./lsx", ran, Refuses("`./lsx`")),
        same("", "sh -c id", uid, Refuses("`sh`")),
        same("", "exec id", uid, Refuses("`exec`")),
        same("", "command id", uid, Refuses("`command`")),
        same("", "X=1 id", uid, Refuses("`X=1`")),
        same("", "python3 -c 'import os; os.system(\"id\")'", uid, Refuses("`python3`")),
        attack(
            "",
            "python -c 'import os'",
            "python3 -c 'import os; os.system(\"id\")'",
            uid,
            Refuses("python -m pytest"),
        ),
        attack(
            "",
            "python -m timeit -n1 -r1 x",
            "python3 -m timeit -n1 -r1 'import os; os.system(\"id\")'",
            uid,
            Refuses("timeit"),
        ),
        attack("", "git -c alias.x='!id' x", "git -c alias.x='!id' x", uid, Refuses("`git -c`")),
        attack("", "LS", "PATH=.:$PATH LS", ran, Refuses("`LS`")),
        attack("", "ls\u{a0}x", "PATH=.:$PATH lsx", ran, Refuses("`ls\u{a0}x`")),
    ];
    try_all(&attacks, |scene, outside| {
        scene.put("a.txt", outside.filled_in("touch {OUT}/ran\n"));
        scene.put("text", "a line of text\n");
        for program in ["lsx", "LS"] {
            scene.put_program(program, &outside.filled_in("#!/bin/sh\ntouch {OUT}/ran\n"));
        }
    });
}

#[test]
fn what_a_run_would_refuse_is_flagged_when_it_is_checked_and_when_it_is_imported() {
    let lines =
        ["cat a.txt | sh", "ls ; id", "/bin/cat a.txt", "lsx", "find . -delete", "git -c core.fsmonitor=x status"];
    in_every_round(|round| {
        let owner = round.world.owner();
        let steps: Vec<_> = lines.iter().enumerate().map(|(at, line)| command(&format!("s{at}"), line)).collect();
        let checked = owner.post("/api/v1/plans/check", &plan(1, &steps)).expect(200).text();
        let imported = owner.import(&owner.session(), &plan(1, &steps)).expect(200).text();
        for answer in [checked, imported] {
            assert_eq!(answer.matches("command_refused").count(), lines.len(), "{}: {answer}", round.name);
        }
    });
}

#[test]
fn git_is_given_no_settings_and_no_other_place() {
    let (secret, ran) = (Prints(SECRET), Appears("ran"));
    let attacks = [
        attack(
            "C14",
            "git -c core.fsmonitor=x status",
            "git -c core.fsmonitor='touch {OUT}/ran; false' status",
            ran,
            Refuses("`git -c`"),
        ),
        same("C12", "git diff --no-index /dev/null {SECRET}", secret, Refuses("option `--no-index`")),
        same("", "git diff --no-index -- /dev/null {SECRET}", secret, Refuses("option `--no-index`")),
        attack(
            "",
            "git diff --no-inde /dev/null {SECRET}",
            "git diff --no-index /dev/null {SECRET}",
            secret,
            Refuses("--no-inde`"),
        ),
        // Two paths outside are compared without any option.
        same("", "git diff /dev/null {SECRET}", secret, Refuses("is absolute")),
        same("", "git diff -- /dev/null {SECRET}", secret, Refuses("is absolute")),
        same("", "git diff --output={OUT}/ran", ran, Refuses("option `--output=")),
        same("", "git diff --output {OUT}/ran", ran, Refuses("option `--output`")),
        attack("", "git diff --outpu={OUT}/ran", "git diff --output={OUT}/ran", ran, Refuses("option `--outpu=")),
        same("", "git diff -O{SECRET} --stat", Prints("f.txt"), Refuses("option `-O")),
        attack("", "git --exec-path=. status", "git --exec-path=. evil", ran, Refuses("`git --exec-path=.`")),
        attack("", "git --git-dir=x diff", "git --git-dir=.git diff", Prints("f.txt"), Refuses("`git --git-dir=x`")),
        same("", "git -C . status", Prints("f.txt"), Refuses("`git -C`")),
        same("", "git -p status", Prints("f.txt"), Refuses("`git -p`")),
        same("", "git log -p", Prints("first"), Refuses("`git log`")),
        same("", "git show", Prints("first"), Refuses("`git show`")),
        attack(
            "",
            "git commit -am x",
            "git -c user.name=n -c user.email=e commit -am x",
            Prints("1 file changed"),
            Refuses("`git commit`"),
        ),
        attack(
            "",
            "git stash",
            "git -c user.name=n -c user.email=e stash",
            Prints("Saved working"),
            Refuses("`git stash`"),
        ),
    ];
    try_all(&attacks, |scene, outside| {
        scene.repository();
        scene.put_program("git-evil", &outside.filled_in("#!/bin/sh\ntouch {OUT}/ran\n"));
    });
}

#[test]
fn a_command_that_reads_its_standard_input_ends_at_once() {
    let outside = Outside::new();
    let control = outside.plain_scene();
    // C27: with an open pipe it waits for ever, and every daemon here has one.
    let mut plainly = control.command("cat");
    plainly.stdin(std::process::Stdio::piped());
    let waits = Waiting::start(plainly);
    in_every_round(|round| {
        round.world.until("cat waits", || waits.sleeps());
        for line in ["cat", "cat -", "rg x -", "cat -n - -"] {
            let (session, _) = round.place();
            let attempt = round.runs_for(&session, line, 20);
            assert!(!attempt.error().contains("tool_timeout"), "`{line}` in {}: {}", round.name, attempt.json());
            assert_eq!(attempt.stdout(), "", "`{line}` in {}", round.name);
        }
    });
    assert!(waits.sleeps());
}

#[test]
fn a_command_that_fails_is_a_step_that_failed() {
    let outside = Outside::new();
    assert_eq!(outside.plain_scene().without_calt("cat nofile").status.code(), Some(1));
    in_every_round(|round| {
        // C28 and its neighbours, with their exit codes.
        for (line, code) in [("cat nofile", 1), ("ls nofile", 2), ("rg nothing .", 1), ("git status", 128)] {
            let (session, scene) = round.place();
            scene.put("a.txt", "a\n");
            let attempt = round.runs(&session, line);
            let output = attempt.json()["output"].clone();
            assert_eq!(
                (attempt.status().as_str(), &output["exit_code"]),
                ("failed", &json!(code)),
                "{}",
                attempt.json()
            );
            assert!(attempt.error().ends_with(&format!("exited with {code}")), "{}: {}", round.name, attempt.error());
            assert_eq!(round.world.owner().show(&session)["needs_replan"], true);
        }
    });
}

#[test]
fn a_dry_run_deletes_nothing_by_a_command() {
    let outside = Outside::new();
    let control = outside.plain_scene();
    control.put("x.txt", "x\n");
    assert!(control.without_calt("find . -name x.txt -delete").status.success() && !control.path("x.txt").exists());
    in_every_round(|round| {
        // C35; and a program in the box that the workspace itself brings along.
        for line in ["find . -name x.txt -delete", "git diff", "python -m pytest -q"] {
            let (session, scene) = round.place_with(&json!({"mode": "dry_run", "safety_profile": "dev"}));
            scene.repository();
            scene.put("x.txt", "x\n");
            scene.put(".gitattributes", "*.txt filter=x\n");
            scene.configure("[filter \"x\"]\n\tclean = rm -f x.txt; cat\n");
            scene.put("test_x.py", "import os\ndef test_x(): os.remove('x.txt')\n");
            let attempt = round.runs(&session, line);
            assert!(scene.path("x.txt").exists(), "`{line}` in {}: {}", round.name, attempt.json());
            assert!(!attempt.error().contains("box_failed"), "{}", attempt.json());
        }
    });
}

#[test]
fn variables_of_the_daemon_change_no_command() {
    let outside = Outside::new();
    let evil = outside.filled_in("touch {OUT}/ran");
    let script = outside.path("out/evil.sh");
    std::fs::write(&script, format!("#!/bin/sh\n{evil}\n")).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(outside.path("out/rgrc"), format!("--pre={}\n", script.display())).unwrap();
    std::fs::write(outside.path("out/evil_plugin.py"), "import os; open(os.environ['RAN'], 'w')\n").unwrap();
    let (rgrc, out, ran) = (outside.path("out/rgrc"), outside.path("out"), outside.path("out/ran"));
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let variables = [
        ("rg a f.txt", vec![("RIPGREP_CONFIG_PATH", text(&rgrc))]),
        ("git diff", vec![("GIT_EXTERNAL_DIFF", text(&script))]),
        (
            "git status",
            vec![
                ("GIT_CONFIG_COUNT", "1".to_owned()),
                ("GIT_CONFIG_KEY_0", "core.fsmonitor".to_owned()),
                ("GIT_CONFIG_VALUE_0", text(&script)),
            ],
        ),
        (
            "python -m pytest -q",
            vec![("PYTEST_PLUGINS", "evil_plugin".to_owned()), ("PYTHONPATH", text(&out)), ("RAN", text(&ran))],
        ),
        ("python -m pytest -q --collect-only", vec![("PYTEST_ADDOPTS", format!("--junitxml={}", text(&ran)))]),
    ];
    for (line, set) in &variables {
        let scene = outside.plain_scene();
        scene.repository();
        let mut control = scene.command("sh");
        control.args(["-c", &line.replace("python ", "python3 ")]).envs(set.iter().cloned());
        let done = control.output().unwrap();
        assert!(std::fs::remove_file(&ran).is_ok(), "the control of `{line}` proves nothing: {done:?}");
        std::fs::remove_dir_all(&scene.directory).unwrap();
    }
    let all: Vec<(&str, &str)> =
        variables.iter().flat_map(|(_, set)| set.iter().map(|(name, value)| (*name, value.as_str()))).collect();
    in_every_round_with(&all, |round| {
        for (line, _) in &variables {
            let (session, scene) = round.place();
            scene.repository();
            let attempt = round.runs(&session, line);
            assert!(!ran.exists(), "`{line}` in {}: {}", round.name, attempt.json());
            assert!(!attempt.error().contains("box_failed"), "{}", attempt.json());
        }
    });
}

#[test]
fn a_command_that_comes_from_a_file_is_approved_as_what_it_is() {
    in_every_round(|round| {
        // A19: the plan names the file, and the approval must name what stands in it.
        let owner = round.world.owner();
        let outside = Outside::new();
        let (session, scene) = round.place();
        let line = outside.filled_in("find . -maxdepth 0 -exec touch {OUT}/ran ';'");
        scene.put("line.txt", &line);
        let steps = [crate::read("a", "line.txt"), command("b", "${steps.a.output.content}")];
        owner.import(&session, &plan(1, &steps)).expect(200);
        owner.approve_plan(&session, 1).expect(200);
        assert_eq!(owner.approve(&session, "b").json()["code"], "reference_unresolved");
        owner.carry_out(&session, "a");
        assert_eq!(owner.run(&session, "b").json()["code"], "step_not_approved");
        let shown = owner.step(&session, "b");
        assert_eq!(shown["inputs"]["command"], line.as_str(), "the approver sees what will run");
        owner.approve_shown(&session, "b").expect(200);
        let ran = owner.run(&session, "b").expect(200).json();
        assert!(ran["error"].as_str().unwrap().starts_with("command is not allowlisted: `-exec`"), "{ran}");
        assert!(!outside.path("out/ran").exists());

        // A file that changes after its step ran changes nothing: the approved value is used.
        let (session, scene) = round.place();
        scene.put("line.txt", "ls");
        owner.import(&session, &plan(1, &steps)).expect(200);
        owner.approve_plan(&session, 1).expect(200);
        owner.carry_out(&session, "a");
        owner.approve_shown(&session, "b").expect(200);
        scene.put("line.txt", "cat line.txt");
        let ran = owner.run(&session, "b").expect(200).json();
        assert_eq!((&ran["status"], &ran["output"]["command"]), (&json!("succeeded"), &json!("ls")), "{ran}");
    });
    let outside = Outside::new();
    let control = outside.plain_scene();
    control.without_calt(&outside.filled_in("sh -c \"find . -maxdepth 0 -exec touch {OUT}/ran ';'\""));
    assert!(outside.path("out/ran").exists());
}

#[test]
fn proper_work_beside_the_attacks_succeeds() {
    let attacks = [
        attack("", "cat text", "cat text && touch {OUT}/ran", Appears("ran"), HoldsAndPrints("a line of text")),
        attack("", "ls -1", "ls -1 && touch {OUT}/ran", Appears("ran"), HoldsAndPrints("text")),
        attack("", "rg -n line", "rg -n line . && touch {OUT}/ran", Appears("ran"), HoldsAndPrints("a line of text")),
        attack("", "find . -type f", "find . -type f && touch {OUT}/ran", Appears("ran"), HoldsAndPrints("./text")),
    ];
    try_all(&attacks, |scene, _| scene.put("text", "a line of text\n"));
}
