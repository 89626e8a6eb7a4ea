//! Who may do what, as one table.

use std::fmt::Write as _;

use calt_core::decide::{RosterAction, RosterCommand, decide_roster};
use calt_core::policy::{Act, allows};
use calt_core::principal::{Claim, Role};
use calt_core::roster::Roster;
use calt_core::{Digest, Refusal};

use crate::world::{Who, World};

#[test]
fn every_role_and_what_it_may_do() {
    let mut table = format!("{:<50}", "");
    for role in Role::ALL {
        write!(table, "{:<10}", role.to_string()).unwrap();
    }
    for act in Act::ALL {
        write!(table, "\n{:<50}", act.words()).unwrap();
        for role in Role::ALL {
            write!(table, "{:<10}", if allows(role, act) { "yes" } else { "-" }).unwrap();
        }
    }
    let table: Vec<_> = table.lines().map(str::trim_end).collect();
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn nobody_but_the_daemon_speaks_for_it_not_even_the_owner() {
    let says = |who: Who| {
        let digest = Digest::of_bytes(b"");
        let action =
            RosterAction::DaemonStarted { version: "1".to_owned(), binary_sha256: digest, config_sha256: digest };
        let command = RosterCommand { caller: who.caller(), claim: Claim::default(), action };
        let decision = decide_roster(&Roster::default(), &command, &World::empty().facts(&[]));
        decision.outcome().as_ref().err().map(Refusal::code)
    };
    assert_eq!(says(Who::Daemon), None);
    for who in [Who::Olga, Who::Ann, Who::Robot, Who::Vera, Who::Chat] {
        assert_eq!(says(who), Some("not_allowed"), "{who:?}");
    }
}
