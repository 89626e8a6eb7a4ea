//! How much of a box this machine holds up, found by trying: on the real path, with the real layers.

use std::fs::File;
use std::path::Path;

use calt_core::isolation::{Network, Tier, WorkspaceView};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::process::{getppid, test_kill_process};
use rustix::thread::capabilities;

use super::spec::Spec;
use super::sys;

/// What was found out about a box on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxReport {
    /// The tier that commands get.
    pub tier: Tier,
    /// Layer by layer, in the order they are built.
    pub layers: Vec<LayerReport>,
}

/// One layer of the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerReport {
    /// Its name.
    pub name: String,
    /// Whether it holds.
    pub verdict: LayerVerdict,
    /// What was found.
    pub cause: String,
    /// What would put it right.
    pub fix: Option<String>,
}

/// Whether a layer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerVerdict {
    /// It holds.
    Pass,
    /// It holds, and something about it is less than it could be.
    Degraded,
    /// It does not.
    Fail,
}

impl LayerVerdict {
    /// The word people see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Degraded => "DEGRADED",
            Self::Fail => "FAIL",
        }
    }
}

/// Tries, from inside a box, what must not work there. Gives the names of what did.
pub(super) fn what_works_and_must_not(spec: &Spec) -> Vec<String> {
    let mut works = Vec::new();
    let mut try_out = |name: &str, it_worked: bool| {
        if it_worked {
            works.push(name.to_owned());
        }
    };
    for (name, number) in [
        ("mount", libc::SYS_mount),
        ("unshare", libc::SYS_unshare),
        ("ptrace", libc::SYS_ptrace),
        ("bpf", libc::SYS_bpf),
        ("keyctl", libc::SYS_keyctl),
        ("io_uring", libc::SYS_io_uring_setup),
        ("userfaultfd", libc::SYS_userfaultfd),
        ("open_by_handle_at", libc::SYS_open_by_handle_at),
    ] {
        try_out(name, sys::answer_to(number) != libc::EPERM);
    }
    try_out("clone3", sys::answer_to(libc::SYS_clone3) != libc::ENOSYS);
    try_out("netlink", socket(AddressFamily::NETLINK, SocketType::RAW, None).is_ok());
    if spec.shape.network == Network::Off || spec.tier != Tier::Full {
        try_out("socket", socket(AddressFamily::INET, SocketType::STREAM, None).is_ok());
    }
    try_out(
        "read outside",
        ["/etc/shadow", "/etc/hostname", "/root/.profile", "/var/log"].iter().any(|path| File::open(path).is_ok()),
    );
    let marker = spec.workspace.join(".calt-tmp-probe");
    let written = std::fs::write(&marker, "").is_ok();
    if spec.shape.workspace == WorkspaceView::ReadOnly || spec.tier != Tier::Full {
        try_out("write to the workspace", written);
    }
    try_out("write to the system", std::fs::write("/usr/.calt-tmp-probe", "").is_ok());
    try_out("signal outside", getppid().is_some_and(|parent| test_kill_process(parent).is_ok()));
    try_out(
        "capabilities",
        capabilities(None).is_ok_and(|sets| !sets.effective.is_empty() || !sets.permitted.is_empty()),
    );
    let private = spec.private.as_deref().unwrap_or(Path::new("/tmp"));
    try_out("no private directory", std::fs::write(private.join("probe"), "").is_err());
    works
}

/// What can be said of the machine without building a box.
pub(super) fn machine(is_root: bool) -> Vec<LayerReport> {
    let abi = sys::landlock_abi();
    let landlock = if abi >= super::landing::ABI_MIN_WITHOUT_NAMESPACES {
        (LayerVerdict::Pass, None)
    } else if abi >= super::landing::ABI_MIN {
        (LayerVerdict::Degraded, Some("a kernel from 6.12 on parts signals and abstract sockets as well"))
    } else {
        (LayerVerdict::Fail, Some("a kernel from 6.2 on, with `landlock` among its security modules (`lsm=`)"))
    };
    let mut layers = vec![
        LayerReport {
            name: "landlock".to_owned(),
            verdict: landlock.0,
            cause: if abi > 0 { format!("version {abi}") } else { "this kernel has none".to_owned() },
            fix: landlock.1.map(str::to_owned),
        },
        walk(),
    ];
    if is_root {
        layers.push(LayerReport {
            name: "user".to_owned(),
            verdict: LayerVerdict::Degraded,
            cause: "the daemon runs as root; commands run as an unprivileged user".to_owned(),
            fix: Some("run calt as an ordinary user".to_owned()),
        });
    }
    layers
}

/// The kernel's own walk below a directory: every file tool opens by it, whatever the tier of commands is.
fn walk() -> LayerReport {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = openat2(CWD, "/", flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS);
    let (verdict, cause, fix) = match opened {
        Ok(_) => (LayerVerdict::Pass, "files are opened by the kernel's own walk".to_owned(), None),
        Err(error) => {
            let fix = "a kernel from 5.6 on, and a seccomp profile that allows openat2; for a service of systemd no \
                       RestrictSUIDSGID= and no RestrictFileSystems=";
            (LayerVerdict::Fail, format!("blocked: {error}; no file can be read or written"), Some(fix.to_owned()))
        }
    };
    LayerReport { name: "openat2".to_owned(), verdict, cause, fix }
}

/// The line of a tier.
pub(super) fn layer(tier: Tier, verdict: LayerVerdict, cause: &str, fix: Option<String>) -> LayerReport {
    LayerReport { name: format!("tier {tier}"), verdict, cause: cause.to_owned(), fix }
}

/// What would let this tier come up, as far as its cause tells.
pub(super) fn fix(tier: Tier, cause: &str) -> Option<String> {
    let restricted = std::fs::read_to_string("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
    if tier == Tier::Full && restricted.is_ok_and(|value| value.trim() == "1") {
        return Some(
            "an AppArmor profile for calt with the line `userns,` (abi <abi/4.0>, flags=(unconfined))".to_owned(),
        );
    }
    let denied = cause.contains("Operation not permitted") || cause.contains("Permission denied");
    match tier {
        Tier::Full if denied || cause.contains("No space left") => Some(
            "allow user namespaces: user.max_user_namespaces above 0; in a container, a seccomp profile that allows \
             clone and unshare with CLONE_NEWUSER, and unmasked /proc"
                .to_owned(),
        ),
        Tier::KernelFilter if cause.contains("workspace") => {
            Some("a data root that the user commands run as can reach; `isolation.run_as` names that user".to_owned())
        }
        Tier::Full | Tier::KernelFilter | Tier::None => None,
    }
}
