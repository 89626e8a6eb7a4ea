//! The seccomp filter: one program of classic BPF that gives every system call number its verdict.
//!
//! Numbers with the same verdict are put together to ranges and looked up by halves, so that the kernel
//! reads a dozen instructions where a chain of comparisons would have hundreds. Fields are those of
//! `struct seccomp_data` (linux/seccomp.h).

use std::collections::BTreeMap;

use super::calls::{
    ALLOWED, ALLOWED_BY_NUMBER, Call, DENIED, DENIED_BY_NUMBER, HIDDEN, HIDDEN_BY_NUMBER, INODE_CHANGES,
    SHARED_WITHOUT_NAMESPACES,
};

/// One instruction: `struct sock_filter`.
pub(crate) type Instruction = libc::sock_filter;

/// What a box asks of its filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FilterKind {
    /// Sockets of its own loopback may be used.
    pub(crate) sockets: bool,
    /// Modes, owners, times and attributes of files may be changed.
    pub(crate) inode_changes: bool,
    /// Namespaces hold the command, too.
    pub(crate) namespaces: bool,
}

/// What becomes of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Allow,
    /// `EPERM`.
    Deny,
    /// `ENOSYS`.
    Unknown,
    /// It depends on the arguments.
    Asks(Question),
}

/// A question about arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Question {
    /// No new namespace: `clone`.
    NoNamespaces,
    /// No byte pushed into a terminal: `ioctl`, compared in 32 bits as the kernel does.
    NoTerminalInput,
    /// The same, and of all other controls only those that tell something: some change a file, and even make
    /// directories, by way of a descriptor that was opened for reading.
    FewControls,
    /// Families whose traffic stays in the box: `socket`.
    LocalSockets,
    /// Pairs that reach nobody: `socketpair`.
    UnixPair,
    /// No set-user-id and set-group-id bits, in argument 1 or 2.
    NoSetIdBits(u8),
    /// No node of a device: argument 1 or 2 is the mode.
    NoDevices(u8),
    /// Only itself: argument 0 is no other process.
    Itself,
}

const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCH: u32 = 4;
const OFFSET_ARGUMENTS: u32 = 16;
/// `AUDIT_ARCH_X86_64` (linux/audit.h).
const ARCH_X86_64: u32 = 0xc000_003e;
/// Bit of the numbers of the x32 interface.
const X32_BIT: u32 = 0x4000_0000;
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
const DENY: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
const UNKNOWN: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
/// Flags of `clone` that make a namespace.
const NEW_NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32
    | CLONE_NEWTIME;
const CLONE_NEWTIME: u32 = 0x80;
/// Byte of the numbers of controls that are for terminals, pipes and any descriptor: `T` (asm-generic/ioctls.h).
const TERMINAL_CONTROLS: u32 = 0x5400;
/// Attributes of a file, read (linux/fs.h).
const FS_IOC_FSGETXATTR: u32 = 0x801c_581f;
/// Where a file lies on its disk (linux/fs.h).
const FS_IOC_FIEMAP: u32 = 0xc020_660b;
/// A copy that shares its blocks, into a file opened for writing (linux/fs.h).
const FICLONE: u32 = 0x4004_9409;

/// The verdict on every number that is known; all others are unknown.
pub(crate) fn verdicts(kind: FilterKind) -> BTreeMap<u32, Verdict> {
    let mut verdicts = BTreeMap::new();
    let mut class = |calls: &[Call], verdict: Verdict| {
        verdicts.extend(calls.iter().map(|(_, number)| (*number as u32, verdict)));
    };
    class(ALLOWED, Verdict::Allow);
    class(ALLOWED_BY_NUMBER, Verdict::Allow);
    class(DENIED, Verdict::Deny);
    class(DENIED_BY_NUMBER, Verdict::Deny);
    class(HIDDEN, Verdict::Unknown);
    class(HIDDEN_BY_NUMBER, Verdict::Unknown);
    if !kind.inode_changes {
        class(INODE_CHANGES, Verdict::Deny);
    }
    if !kind.namespaces {
        class(SHARED_WITHOUT_NAMESPACES, Verdict::Deny);
    }
    let mut ask = |number: libc::c_long, question: Question| {
        let verdict = verdicts.entry(number as u32).or_insert(Verdict::Deny);
        if *verdict == Verdict::Allow {
            *verdict = Verdict::Asks(question);
        }
    };
    ask(libc::SYS_clone, Question::NoNamespaces);
    ask(libc::SYS_ioctl, if kind.inode_changes { Question::NoTerminalInput } else { Question::FewControls });
    ask(libc::SYS_chmod, Question::NoSetIdBits(1));
    ask(libc::SYS_fchmod, Question::NoSetIdBits(1));
    ask(libc::SYS_fchmodat, Question::NoSetIdBits(2));
    ask(libc::SYS_mknod, Question::NoDevices(1));
    ask(libc::SYS_mknodat, Question::NoDevices(2));
    ask(libc::SYS_socketpair, Question::UnixPair);
    if !kind.namespaces {
        ask(libc::SYS_prlimit64, Question::Itself);
    }
    if kind.sockets {
        ask(libc::SYS_socket, Question::LocalSockets);
    } else {
        verdicts.insert(libc::SYS_socket as u32, Verdict::Deny);
    }
    verdicts
}

/// Writes the program.
pub(crate) fn program(kind: FilterKind) -> Vec<Instruction> {
    let mut code = vec![
        load(OFFSET_ARCH),
        jump_if(libc::BPF_JEQ, ARCH_X86_64, 1, 0),
        give(KILL),
        load(OFFSET_NUMBER),
        jump_if(libc::BPF_JSET, X32_BIT, 0, 1),
        give(KILL),
    ];
    look_up(&ranges(&verdicts(kind)), &mut code);
    code
}

/// Neighbours with the same verdict, as (first number, verdict); the last one reaches to the end.
fn ranges(verdicts: &BTreeMap<u32, Verdict>) -> Vec<(u32, Verdict)> {
    let mut ranges = vec![(0, Verdict::Unknown)];
    let end = verdicts.keys().next_back().map_or(0, |last| last + 1);
    for number in 0..=end {
        let verdict = verdicts.get(&number).copied().unwrap_or(Verdict::Unknown);
        match ranges.last_mut() {
            Some((_, last)) if *last == verdict => {}
            Some((first, last)) if *first == number => *last = verdict,
            Some(_) | None => ranges.push((number, verdict)),
        }
    }
    ranges
}

/// Halves the ranges until one is left, and gives its verdict. The number is in the accumulator.
fn look_up(ranges: &[(u32, Verdict)], code: &mut Vec<Instruction>) {
    if let [(_, verdict)] = ranges {
        return leaf(*verdict, code);
    }
    let (lower, upper) = ranges.split_at(ranges.len() / 2);
    let mut below = Vec::new();
    look_up(lower, &mut below);
    // A conditional jump reaches 255 instructions; an unconditional one reaches them all.
    code.push(jump_if(libc::BPF_JGE, upper[0].0, 0, 1));
    code.push(Instruction { code: (libc::BPF_JMP | libc::BPF_JA) as u16, jt: 0, jf: 0, k: below.len() as u32 });
    code.append(&mut below);
    look_up(upper, code);
}

fn leaf(verdict: Verdict, code: &mut Vec<Instruction>) {
    match verdict {
        Verdict::Allow => code.push(give(ALLOW)),
        Verdict::Deny => code.push(give(DENY)),
        Verdict::Unknown => code.push(give(UNKNOWN)),
        Verdict::Asks(question) => ask(question, code),
    }
}

fn ask(question: Question, code: &mut Vec<Instruction>) {
    match question {
        Question::NoNamespaces => {
            code.extend([load(argument(0)), jump_if(libc::BPF_JSET, NEW_NAMESPACES, 0, 1), give(DENY), give(ALLOW)]);
        }
        Question::NoTerminalInput => code.extend([
            load(argument(1)),
            jump_if(libc::BPF_JEQ, libc::TIOCSTI as u32, 2, 0),
            jump_if(libc::BPF_JEQ, libc::TIOCLINUX as u32, 1, 0),
            give(ALLOW),
            give(DENY),
        ]),
        Question::FewControls => code.extend([
            load(argument(1)),
            jump_if(libc::BPF_JEQ, libc::TIOCSTI as u32, 8, 0),
            jump_if(libc::BPF_JEQ, libc::TIOCLINUX as u32, 7, 0),
            jump_if(libc::BPF_JEQ, libc::FS_IOC_GETFLAGS as u32, 5, 0),
            jump_if(libc::BPF_JEQ, FS_IOC_FSGETXATTR, 4, 0),
            jump_if(libc::BPF_JEQ, FS_IOC_FIEMAP, 3, 0),
            jump_if(libc::BPF_JEQ, FICLONE, 2, 0),
            Instruction { code: (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16, jt: 0, jf: 0, k: 0xff00 },
            jump_if(libc::BPF_JEQ, TERMINAL_CONTROLS, 0, 1),
            give(ALLOW),
            give(DENY),
        ]),
        Question::LocalSockets => code.extend([
            load(argument(0)),
            jump_if(libc::BPF_JEQ, libc::AF_UNIX as u32, 3, 0),
            jump_if(libc::BPF_JEQ, libc::AF_INET as u32, 2, 0),
            jump_if(libc::BPF_JEQ, libc::AF_INET6 as u32, 1, 0),
            give(DENY),
            load(argument(1)),
            Instruction { code: (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16, jt: 0, jf: 0, k: 0xf },
            jump_if(libc::BPF_JEQ, libc::SOCK_RAW as u32, 0, 1),
            give(DENY),
            give(ALLOW),
        ]),
        Question::UnixPair => code.extend([
            load(argument(0)),
            jump_if(libc::BPF_JEQ, libc::AF_UNIX as u32, 0, 1),
            give(ALLOW),
            give(DENY),
        ]),
        Question::NoSetIdBits(place) => code.extend([
            load(argument(u32::from(place))),
            jump_if(libc::BPF_JSET, libc::S_ISUID | libc::S_ISGID, 0, 1),
            give(DENY),
            give(ALLOW),
        ]),
        Question::NoDevices(place) => code.extend([
            load(argument(u32::from(place))),
            Instruction { code: (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16, jt: 0, jf: 0, k: libc::S_IFMT },
            jump_if(libc::BPF_JEQ, libc::S_IFCHR, 2, 0),
            jump_if(libc::BPF_JEQ, libc::S_IFBLK, 1, 0),
            give(ALLOW),
            give(DENY),
        ]),
        Question::Itself => {
            code.extend([load(argument(0)), jump_if(libc::BPF_JEQ, 0, 0, 1), give(ALLOW), give(DENY)]);
        }
    }
}

/// Offset of the lower half of an argument.
const fn argument(place: u32) -> u32 {
    OFFSET_ARGUMENTS + 8 * place
}

const fn load(offset: u32) -> Instruction {
    Instruction { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: offset }
}

const fn jump_if(test: u32, value: u32, when_true: u8, when_false: u8) -> Instruction {
    Instruction { code: (libc::BPF_JMP | test | libc::BPF_K) as u16, jt: when_true, jf: when_false, k: value }
}

const fn give(verdict: u32) -> Instruction {
    Instruction { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: verdict }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [FilterKind; 3] = [
        FilterKind { sockets: false, inode_changes: false, namespaces: true },
        FilterKind { sockets: true, inode_changes: true, namespaces: true },
        FilterKind { sockets: false, inode_changes: false, namespaces: false },
    ];

    /// Runs the program as the kernel would; counts its steps.
    fn run(code: &[Instruction], arch: u32, number: u32, arguments: [u64; 6]) -> (u32, usize) {
        let (mut at, mut accumulator, mut steps) = (0, 0_u32, 0);
        loop {
            let instruction = &code[at];
            steps += 1;
            at += 1;
            match u32::from(instruction.code) {
                c if c == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                    accumulator = match instruction.k {
                        OFFSET_NUMBER => number,
                        OFFSET_ARCH => arch,
                        offset => arguments[((offset - OFFSET_ARGUMENTS) / 8) as usize] as u32,
                    };
                }
                c if c == libc::BPF_ALU | libc::BPF_AND | libc::BPF_K => accumulator &= instruction.k,
                c if c == libc::BPF_JMP | libc::BPF_JA => at += instruction.k as usize,
                c if c == libc::BPF_RET | libc::BPF_K => return (instruction.k, steps),
                c => {
                    let holds = match c & 0xf0 {
                        libc::BPF_JEQ => accumulator == instruction.k,
                        libc::BPF_JGE => accumulator >= instruction.k,
                        libc::BPF_JSET => accumulator & instruction.k != 0,
                        other => panic!("a test {other:#x}"),
                    };
                    at += usize::from(if holds { instruction.jt } else { instruction.jf });
                }
            }
        }
    }

    fn verdict_of(kind: FilterKind, number: libc::c_long, arguments: [u64; 6]) -> u32 {
        run(&program(kind), ARCH_X86_64, number as u32, arguments).0
    }

    #[test]
    fn every_number_has_the_verdict_of_its_name() {
        for kind in KINDS {
            let (code, verdicts) = (program(kind), verdicts(kind));
            assert!(code.len() < 4096, "the kernel takes no more");
            for number in 0..1024 {
                let (given, steps) = run(&code, ARCH_X86_64, number, [0; 6]);
                assert!(steps < 40, "{number} takes {steps} steps");
                match verdicts.get(&number) {
                    Some(Verdict::Allow) => assert_eq!(given, ALLOW, "{number}"),
                    Some(Verdict::Deny) => assert_eq!(given, DENY, "{number}"),
                    Some(Verdict::Unknown) | None => assert_eq!(given, UNKNOWN, "{number}"),
                    Some(Verdict::Asks(_)) => {}
                }
            }
        }
    }

    #[test]
    fn no_call_stands_in_two_classes() {
        let mut seen = BTreeMap::new();
        for (name, number) in crate::sandbox::calls::all() {
            assert_eq!(seen.insert(number, name), None, "{name} stands twice");
        }
        for (name, number) in INODE_CHANGES.iter().chain(SHARED_WITHOUT_NAMESPACES) {
            assert!(ALLOWED.iter().any(|(_, known)| known == number), "{name} is not allowed anywhere");
        }
    }

    #[test]
    fn other_processors_and_x32_are_killed() {
        let code = program(KINDS[0]);
        assert_eq!(run(&code, 0x4000_0003, libc::SYS_read as u32, [0; 6]).0, KILL);
        assert_eq!(run(&code, ARCH_X86_64, X32_BIT | libc::SYS_read as u32, [0; 6]).0, KILL);
    }

    #[test]
    fn arguments_are_looked_at() {
        let [read_only, test, bare] = KINDS;
        let high = 1_u64 << 32;
        for command in [libc::TIOCSTI, libc::TIOCLINUX] {
            assert_eq!(verdict_of(test, libc::SYS_ioctl, [0, command, 0, 0, 0, 0]), DENY);
            assert_eq!(verdict_of(test, libc::SYS_ioctl, [0, command | high, 0, 0, 0, 0]), DENY);
        }
        for kind in KINDS {
            for command in [libc::TCGETS, libc::FIONREAD, libc::FIOCLEX, libc::FS_IOC_GETFLAGS, FICLONE.into()] {
                assert_eq!(verdict_of(kind, libc::SYS_ioctl, [0, command, 0, 0, 0, 0]), ALLOW, "{command:#x}");
            }
            assert_eq!(verdict_of(kind, libc::SYS_ioctl, [0, libc::TIOCSTI, 0, 0, 0, 0]), DENY);
        }
        // FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR, FS_IOC_ENABLE_VERITY, BTRFS_IOC_SUBVOL_CREATE.
        for command in [libc::FS_IOC_SETFLAGS, 0x401c_5820, 0x4080_6685, 0x5000_940e] {
            for kind in [read_only, bare] {
                assert_eq!(verdict_of(kind, libc::SYS_ioctl, [0, command, 0, 0, 0, 0]), DENY, "{command:#x}");
            }
        }
        for flag in [libc::CLONE_NEWUSER, libc::CLONE_NEWNET, libc::CLONE_NEWNS] {
            assert_eq!(verdict_of(test, libc::SYS_clone, [flag as u64 | libc::SIGCHLD as u64, 0, 0, 0, 0, 0]), DENY);
        }
        assert_eq!(verdict_of(test, libc::SYS_clone, [libc::SIGCHLD as u64, 0, 0, 0, 0, 0]), ALLOW);
        assert_eq!(verdict_of(test, libc::SYS_clone3, [0; 6]), UNKNOWN);
        for family in [libc::AF_NETLINK, libc::AF_PACKET, libc::AF_VSOCK, libc::AF_ALG] {
            assert_eq!(verdict_of(test, libc::SYS_socket, [family as u64, 1, 0, 0, 0, 0]), DENY);
        }
        assert_eq!(verdict_of(test, libc::SYS_socket, [2, libc::SOCK_RAW as u64 | 0o2_000_000, 0, 0, 0, 0]), DENY);
        assert_eq!(verdict_of(test, libc::SYS_socket, [2, 1, 0, 0, 0, 0]), ALLOW);
        assert_eq!(verdict_of(read_only, libc::SYS_socket, [1, 1, 0, 0, 0, 0]), DENY);
        assert_eq!(verdict_of(read_only, libc::SYS_socketpair, [1, 1, 0, 0, 0, 0]), ALLOW);
        assert_eq!(verdict_of(test, libc::SYS_fchmod, [3, 0o4755, 0, 0, 0, 0]), DENY);
        assert_eq!(verdict_of(test, libc::SYS_fchmod, [3, 0o755, 0, 0, 0, 0]), ALLOW);
        assert_eq!(verdict_of(test, libc::SYS_mknod, [0, 0o020_644, 0, 0, 0, 0]), DENY);
        assert_eq!(verdict_of(test, libc::SYS_mknod, [0, 0o010_644, 0, 0, 0, 0]), ALLOW);
        assert_eq!(verdict_of(bare, libc::SYS_prlimit64, [1, 0, 0, 0, 0, 0]), DENY);
        assert_eq!(verdict_of(bare, libc::SYS_prlimit64, [0; 6]), ALLOW);
        assert_eq!(verdict_of(bare, libc::SYS_shmget, [0; 6]), DENY);
    }
}
