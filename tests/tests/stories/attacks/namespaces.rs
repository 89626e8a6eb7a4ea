//! Machines that deny namespaces, as many containers do: the daemon says what it has, and that holds.

use calt_tests::{OrdinaryUser, World};

use super::ground::{Outside, Round, SECRET, says};
use crate::{command, plan};

/// Starts a daemon in a namespace of users that allows no other one below it: the machine's own settings stay.
const WITHOUT_NAMESPACES: [&str; 8] = [
    "unshare",
    "--user",
    "--map-current-user",
    "--keep-caps",
    "sh",
    "-c",
    "echo 0 > /proc/sys/user/max_user_namespaces && \
     exec setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all \"$@\"",
    "sh",
];

/// Starts a daemon as root with the rights that a container leaves to root.
const AS_ROOT_OF_A_CONTAINER: [&str; 3] =
    ["setpriv", "--inh-caps=-sys_admin", "--bounding-set=-sys_admin,-sys_ptrace,-sys_module,-net_admin"];

/// Starts a daemon to which `openat2` answers that there is no such call, as filters do that are older than it.
const WITHOUT_OPENAT2: [&str; 3] = ["/usr/bin/python3", "-c", include_str!("without_openat2.py")];

const TESTS: (&str, &str) = ("CALT__ISOLATION__TESTS_WITHOUT_NAMESPACES", "true");

fn says_kernel_filter(world: &World) {
    let sandbox = world.owner().get("/api/v1/sandbox").expect(200).json();
    assert_eq!(sandbox["tier"], "kernel-filter", "{sandbox}");
    let layer = sandbox["layers"].as_array().unwrap().iter().find(|layer| layer["name"] == "tier full").unwrap();
    assert_eq!(layer["verdict"], "FAIL", "{layer}");
    assert!(!layer["cause"].as_str().unwrap().contains("not wanted"), "{layer}");
    assert!(layer["fix"].as_str().unwrap().contains("user namespaces"), "{layer}");
    let doctor = world.calt(&["doctor"]);
    assert!(doctor.stdout.contains("kernel-filter"), "{doctor:?}");
}

#[test]
fn without_namespaces_the_daemon_says_so_and_holds_what_it_runs() {
    let world = World::launched_as_ordinary_user(&[TESTS], &WITHOUT_NAMESPACES);
    says_kernel_filter(&world);
    for line in ["python -m pytest -q -s", "git diff"] {
        let (session, scene) = Round::place_in(&world);
        let outside = Outside::new();
        scene.repository();
        scene.put(".gitattributes", "*.txt filter=x\n");
        scene.configure("[filter \"x\"]\n\tclean = /usr/bin/python3 evil.py\n");
        scene.put("evil.py", outside.filled_in(include_str!("evil.py")));
        scene.put("test_a.py", "import evil\ndef test_a(): pass\n");
        let owner = world.owner();
        owner.import(&session, &plan(1, &[command("s", line)])).expect(200);
        owner.approve_plan(&session, 1).expect(200);
        let ran = owner.carry_out(&session, "s");
        let printed = ran["output"]["stdout"].as_str().unwrap().to_owned();
        // What a test imports runs, and is held; a filter does not run.
        assert_eq!(printed.contains("HELD 4 of 4"), line != "git diff", "{ran}");
        assert_eq!(printed.contains("HELD"), line != "git diff", "{ran}");
        assert!(!printed.contains(SECRET) && !outside.path("out/ran").exists(), "{ran}");
    }
    // The control: for the same user without a box all of it works.
    let outside = Outside::new();
    let scene = outside.plain_scene();
    scene.put("evil.py", outside.filled_in(include_str!("evil.py")));
    let printed = scene.without_calt("python3 evil.py").stdout;
    assert!(String::from_utf8_lossy(&printed).contains("HELD 0 of 4"), "{}", String::from_utf8_lossy(&printed));
}

#[test]
fn without_namespaces_tests_run_only_where_the_owner_said_so() {
    let world = World::launched_as_ordinary_user(&[], &WITHOUT_NAMESPACES);
    says_kernel_filter(&world);
    let owner = world.owner();
    let (session, scene) = Round::place_in(&world);
    scene.put("test_a.py", "def test_a(): pass\n");
    let checked = owner.post("/api/v1/plans/check", &plan(1, &[command("s", "python -m pytest -q")])).expect(200);
    assert!(checked.text().contains("isolation_unavailable"), "{}", checked.text());
    owner.import(&session, &plan(1, &[command("s", "python -m pytest -q")])).expect(200);
    owner.approve_plan(&session, 1).expect(200);
    owner.approve_shown(&session, "s").expect(200);
    let ran = owner.run(&session, "s");
    assert!(ran.text().contains("isolation_unavailable"), "{}", ran.text());
    assert!(ran.text().contains("isolation.tests_without_namespaces"), "{}", ran.text());
    // Everything else goes on.
    let (session, scene) = Round::place_in(&world);
    scene.put("a.txt", "still here\n");
    owner.import(&session, &plan(1, &[command("s", "cat a.txt")])).expect(200);
    owner.approve_plan(&session, 1).expect(200);
    assert_eq!(owner.carry_out(&session, "s")["output"]["stdout"], "still here\n");
}

#[test]
fn root_without_the_right_to_mount_gets_the_filter_and_hears_what_it_needs() {
    if !OrdinaryUser::is_needed() {
        says("these tests do not run as root, so that there are no rights to take away");
        return;
    }
    let world = World::launched(&[TESTS], &AS_ROOT_OF_A_CONTAINER);
    says_kernel_filter(&world);
    // Root's own workspaces are closed to the user that commands run as: nothing runs, and the layer is named.
    let owner = world.owner();
    for line in ["cat a.txt", "git status", "python -m pytest -q"] {
        let (session, scene) = Round::place_in(&world);
        scene.put("a.txt", "a\n");
        owner.import(&session, &plan(1, &[command("s", line)])).expect(200);
        owner.approve_plan(&session, 1).expect(200);
        owner.approve_shown(&session, "s").expect(200);
        let ran = owner.run(&session, "s").expect(200).json();
        let error = ran["error"].as_str().unwrap();
        assert!(error.starts_with("box_failed: ") && error.contains("`workspace`"), "{ran}");
        assert_eq!(ran["output"], serde_json::Value::Null, "{ran}");
    }
}

#[test]
fn with_less_than_the_filter_no_command_runs() {
    for world in [
        World::as_ordinary_user(&[("CALT__ISOLATION__TIER_MAX", "none")]),
        World::with(&[("CALT__ISOLATION__TIER_MAX", "none")]),
    ] {
        let owner = world.owner();
        assert_eq!(owner.get("/api/v1/sandbox").expect(200).json()["tier"], "none");
        let (session, scene) = Round::place_in(&world);
        scene.put("a.txt", "a\n");
        owner.import(&session, &plan(1, &[command("s", "cat a.txt")])).expect(200);
        owner.approve_plan(&session, 1).expect(200);
        owner.approve_shown(&session, "s").expect(200);
        assert_eq!(owner.run(&session, "s").json()["code"], "isolation_unavailable");
        let read = owner.propose(&plan(1, &[crate::look("l")]));
        owner.approve_plan(&read, 1).expect(200);
        owner.carry_out(&read, "l");
    }
}

#[test]
fn where_the_kernels_walk_is_blocked_doctor_says_so_and_no_file_is_opened_another_way() {
    let world = World::launched(&[], &WITHOUT_OPENAT2);
    let doctor = world.calt(&["doctor"]);
    assert_eq!(doctor.code, 1, "{}", doctor.stdout);
    let line =
        doctor.stdout.lines().find(|line| line.contains("openat2")).unwrap_or_else(|| panic!("{}", doctor.stdout));
    assert!(line.contains("FAIL") && line.contains("no file can be read or written"), "{line}");
    assert!(doctor.stdout.contains("RestrictSUIDSGID"), "{}", doctor.stdout);
    let (owner, session) = (world.owner(), world.owner().session());
    std::fs::write(world.workspace(&session.id).join("a.txt"), "here\n").unwrap();
    owner.import(&session, &plan(1, &[crate::read("r", "a.txt")])).expect(200);
    owner.approve_plan(&session, 1).expect(200);
    owner.approve(&session, "r").expect(200);
    let ran = owner.run(&session, "r").json();
    assert_eq!(ran["status"], "failed", "{ran}");
    // The same elsewhere: the call is there.
    let held = World::start().calt(&["doctor"]);
    let line = held.stdout.lines().find(|line| line.contains("openat2")).unwrap();
    assert!(line.contains("PASS"), "{line}");
}
