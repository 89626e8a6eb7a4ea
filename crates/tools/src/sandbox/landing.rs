//! Landlock: which files a command may read, execute and write, where the mounts alone would let it.

use std::path::{Path, PathBuf};

use calt_core::isolation::{Network, Tier, WorkspaceView};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use super::root::SYSTEM_DIRECTORIES;
use super::spec::Spec;
use super::sys;

/// Least version whose rights over files a box needs: it governs truncation.
pub(super) const ABI_MIN: i32 = 3;
/// Least version for a box without namespaces: it parts signals and abstract sockets.
pub(super) const ABI_MIN_WITHOUT_NAMESPACES: i32 = 6;
/// Newest version whose rights this program knows how to ask for.
const ABI_KNOWN: i32 = 6;
/// Files of `/dev` that programs write to.
const WRITTEN_DEVICES: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// Restricts this process and all it starts, or says why that could not be.
pub(super) fn restrict(spec: &Spec) -> Result<(), String> {
    let abi = sys::landlock_abi().min(ABI_KNOWN);
    let least = if spec.tier == Tier::Full { ABI_MIN } else { ABI_MIN_WITHOUT_NAMESPACES };
    if abi < least {
        return Err(format!("this kernel has Landlock {abi}, and the box needs {least}"));
    }
    let status =
        rules(spec, ABI::from(abi)).and_then(RulesetCreated::restrict_self).map_err(|error| error.to_string())?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced | RulesetStatus::NotEnforced => {
            Err("the rules are not enforced in full".to_owned())
        }
    }
}

fn rules(spec: &Spec, abi: ABI) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset =
        Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(AccessFs::from_all(abi))?;
    // In a network of its own there is nobody to reach, and the loopback is its own.
    let own_loopback = spec.tier == Tier::Full && spec.shape.network == Network::OwnLoopback;
    if abi >= ABI::V4 && !own_loopback {
        ruleset = ruleset.handle_access(AccessNet::from_all(abi))?;
    }
    if abi >= ABI::V6 {
        ruleset = ruleset.scope(Scope::AbstractUnixSocket | Scope::Signal)?;
    }
    let mut created = ruleset.create()?;
    let read = AccessFs::from_read(abi);
    let write = AccessFs::from_all(abi) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    for directory in SYSTEM_DIRECTORIES.iter().map(Path::new).chain(spec.shape.binds.iter().map(Path::new)) {
        created = allow(created, directory, read)?;
    }
    for directory in ["/etc", "/proc", "/dev"] {
        created = allow(created, Path::new(directory), read & visible(spec, directory))?;
    }
    for device in WRITTEN_DEVICES {
        created = allow(created, Path::new(device), AccessFs::WriteFile | AccessFs::ReadFile)?;
    }
    let workspace = match (spec.tier, spec.shape.workspace) {
        (Tier::Full, WorkspaceView::Overlay) => write,
        (Tier::Full | Tier::KernelFilter | Tier::None, WorkspaceView::ReadOnly | WorkspaceView::Overlay) => read,
    };
    created = allow(created, &spec.workspace, workspace)?;
    for directory in written(spec) {
        created = allow(created, &directory, write)?;
    }
    Ok(created)
}

/// Of the machine's own `/etc`, `/proc` and `/dev` a command without namespaces sees nothing but what it needs.
fn visible(spec: &Spec, directory: &str) -> BitFlags<AccessFs> {
    if spec.tier == Tier::Full && directory != "/dev" {
        return BitFlags::all();
    }
    if spec.tier == Tier::Full { AccessFs::ReadFile | AccessFs::ReadDir } else { BitFlags::empty() }
}

/// What the command may write.
fn written(spec: &Spec) -> Vec<PathBuf> {
    match &spec.private {
        Some(private) => vec![private.clone()],
        None => vec!["/tmp".into(), "/dev/shm".into(), "/dev/pts".into()],
    }
}

/// Allows what stands there; what is not there needs no rule.
fn allow(created: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    if access.is_empty() {
        return Ok(created);
    }
    let Ok(opened) = PathFd::new(path) else { return Ok(created) };
    let Ok(found) = path.symlink_metadata() else { return Ok(created) };
    if found.is_symlink() {
        // What it leads to has a rule of its own.
        return Ok(created);
    }
    let access = if found.is_dir() { access } else { access & AccessFs::from_file(ABI::from(ABI_KNOWN)) };
    created.add_rule(PathBeneath::new(opened, access))
}
