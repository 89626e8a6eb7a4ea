//! Every code a refusal can bear, with its HTTP status and its exit code. Codes are never reused.

/// What kind of refusal a code is; one family, one exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// What was asked is malformed.
    Usage,
    /// The gate said no.
    Gate,
    /// What was named is not there.
    Missing,
    /// Who asked is not known, may not, or the daemon cannot be reached.
    Reach,
    /// The machine cannot, now.
    Machine,
    /// A mistake of calt's own.
    Bug,
}

impl Family {
    /// The exit code of the command line.
    pub const fn exit(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Gate => 3,
            Self::Missing => 4,
            Self::Reach => 5,
            Self::Machine => 69,
            Self::Bug => 70,
        }
    }

    /// The family in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Gate => "the gate",
            Self::Missing => "missing",
            Self::Reach => "reach",
            Self::Machine => "the machine",
            Self::Bug => "our bug",
        }
    }
}

/// The exit code when a run failed: the call succeeded, the work did not.
pub const EXIT_WORK_FAILED: u8 = 1;

macro_rules! codes {
    ($($name:ident $text:literal $status:literal $family:ident [$($next:literal),*] $meaning:literal;)*) => {
        /// A stable code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $(#[doc = $meaning] $name,)* }

        impl Code {
            /// Every code, by family.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The family.
            pub const fn family(self) -> Family {
                match self { $(Self::$name => Family::$family,)* }
            }

            /// What it means, in one line.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// The actions that `next` can name with it.
            pub const fn leads_to(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($next),*],)* }
            }

            /// Finds a code by its text.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }
        }
    };
}

codes! {
    Malformed "malformed" 400 Usage ["correct_request"] "The request cannot be read.";
    PlanInvalid "plan_invalid" 422 Usage ["check_plan"] "The plan has problems; `args.problems` lists them all.";
    InputInvalid "input_invalid" 422 Usage ["correct_request"] "A value in the request does not fit.";
    ReasonRequired "reason_required" 422 Usage ["give_reason"] "A rejection needs a reason.";
    LimitExceeded "limit_exceeded" 422 Usage ["correct_request"] "Something is larger or longer than its limit.";
    MethodNotAllowed "method_not_allowed" 405 Usage ["correct_request"] "The path exists, but not with this method.";
    TooLarge "too_large" 413 Usage ["correct_request"] "The body is larger than 2 MiB.";
    UnsupportedMediaType "unsupported_media_type" 415 Usage ["correct_request"] "The body has a type this call does not read.";
    PlanNotApproved "plan_not_approved" 409 Gate ["approve_plan"] "The plan version is not approved.";
    StepNotApproved "step_not_approved" 409 Gate ["approve_step"] "The step is not approved.";
    DigestRequired "digest_required" 409 Gate ["approve_step"] "The step id stood for something else before; say which one is meant.";
    DigestChanged "digest_changed" 409 Gate ["show_plan", "show_step"] "What was shown or approved is not what is there now.";
    ReferenceUnresolved "reference_unresolved" 409 Gate ["show_step"] "An input refers to an output that is not there, masked or cut.";
    RiskUnconfirmed "risk_unconfirmed" 409 Gate ["confirm_high_risk"] "High risk needs a person's confirmation in `strict`.";
    HighRiskNotAlone "high_risk_not_alone" 409 Gate ["approve_step"] "High risk is approved step by step, never in a list with other steps.";
    DryRun "dry_run" 409 Gate ["create_session"] "A dry run applies nothing.";
    IsolationUnavailable "isolation_unavailable" 409 Gate ["run_doctor"] "This machine cannot isolate the step as `strict` demands.";
    OutOfOrder "out_of_order" 409 Gate ["execute_step"] "An earlier step comes first.";
    RunInProgress "run_in_progress" 409 Gate ["wait_run"] "A run of this session is in progress.";
    AlreadyRan "already_ran" 409 Gate ["show_session"] "The step ran already; one approval, one run.";
    AlreadyDecided "already_decided" 409 Gate ["show_session"] "Somebody else decided already.";
    PlanInUse "plan_in_use" 409 Gate ["import_plan"] "The plan version can still run; its text cannot go yet.";
    SelfApproval "self_approval" 409 Gate ["ask_approver"] "The owner demands that somebody else than the proposer approves.";
    AssuranceTooLow "assurance_too_low" 409 Gate ["approve_plan", "approve_step", "unlock", "set_pin"] "More is demanded than this came with: a person who was shown it and asked, or the PIN.";
    PinWrong "pin_wrong" 409 Gate ["unlock"] "That is not the PIN; `args.left` wrong ones are left before it is locked for a while.";
    PinLocked "pin_locked" 429 Gate ["wait_until"] "Too many wrong PINs; `args.until` says from when on one is compared again.";
    PinNotSet "pin_not_set" 409 Gate ["set_pin"] "The person has no PIN.";
    PinUnusable "pin_unusable" 409 Gate ["verify_record"] "The file with the hash of the PIN is not the one that was recorded.";
    NeedsReplan "needs_replan" 409 Gate ["import_plan"] "After a failure or a no, only a new plan version leads on.";
    SessionClosed "session_closed" 409 Gate ["create_session"] "The session is over.";
    PlanVersionExists "plan_version_exists" 409 Gate ["import_plan"] "The version is used, with other content.";
    PlanSuperseded "plan_superseded" 409 Gate ["show_plan"] "A newer plan version has taken its place.";
    NothingToTakeBack "nothing_to_take_back" 409 Gate ["show_session"] "Nothing is left to take back; `args.left_alone` names the files that were changed since.";
    WorkspaceInUse "workspace_in_use" 409 Gate ["show_session"] "Another session works on the same files.";
    QuotaReached "quota_reached" 409 Gate ["list_sessions", "create_session"] "Who may not approve has as many open sessions, snapshots or plan versions of one session as they may; `args` says how many of what.";
    WorkspaceBusy "workspace_busy" 409 Gate ["show_session"] "Another session writes in the attached directory; `args.holder` says which.";
    WorkspaceMoved "workspace_moved" 409 Gate ["list_workspaces"] "Where the workspace's directory was stands another one, or none.";
    WorkspaceUnusable "workspace_unusable" 409 Gate ["list_workspaces"] "The workspace cannot be made; `args.reason` says why.";
    SessionNotFound "session_not_found" 404 Missing ["list_sessions"] "There is no such session.";
    PlanNotFound "plan_not_found" 404 Missing ["show_session"] "The session has no such plan version.";
    StepNotFound "step_not_found" 404 Missing ["show_session"] "The plan has no such step.";
    RunNotFound "run_not_found" 404 Missing ["list_sessions"] "There is no such run.";
    ArtifactNotFound "artifact_not_found" 404 Missing ["list_artifacts", "list_sessions"] "There is no such artifact.";
    ArtifactRedacted "artifact_redacted" 410 Missing ["list_artifacts", "list_sessions"] "The artifact held text that was redacted; it is gone for good.";
    EventNotFound "event_not_found" 404 Missing ["list_sessions"] "There is no such event.";
    ToolNotFound "tool_not_found" 404 Missing ["list_tools"] "There is no such tool.";
    TokenNotFound "token_not_found" 404 Missing ["list_tokens"] "There is no such token.";
    PersonNotFound "person_not_found" 404 Missing ["list_persons"] "There is nobody of that name.";
    ButtonNotFound "button_not_found" 404 Missing ["list_sessions"] "The chat that asks has no such button.";
    WorkspaceNotFound "workspace_not_found" 404 Missing ["list_workspaces"] "There is no workspace of that name.";
    PathNotFound "path_not_found" 404 Missing ["correct_request"] "The daemon has no such path.";
    TokenMissing "token_missing" 401 Reach ["give_token"] "No bearer token was sent.";
    TokenInvalid "token_invalid" 401 Reach ["give_token"] "The token is unknown, revoked or expired.";
    NotAllowed "not_allowed" 403 Reach ["ask_approver"] "This role may not do that.";
    PersonUnbound "person_unbound" 403 Reach ["ask_approver"] "A chat spoke for an account that is bound to nobody.";
    HostNotAllowed "host_not_allowed" 403 Reach ["run_doctor"] "The `Host` header names an address this daemon does not serve.";
    DaemonUnreachable "daemon_unreachable" 503 Reach ["start_daemon"] "No daemon answers there (said by clients).";
    TooManyRequests "too_many_requests" 429 Machine ["retry_later"] "Far more is waiting than in normal use; try again.";
    StorageUnavailable "storage_unavailable" 503 Machine ["retry_later"] "The log could not be written; nothing was changed.";
    StorageFull "storage_full" 507 Machine ["run_doctor"] "The disk is full; nothing was changed. Reads go on.";
    LogBehind "log_behind" 503 Machine ["verify_record"] "The log is shorter than it was; the daemon only reads.";
    LogCorrupt "log_corrupt" 503 Machine ["verify_record"] "The log says something that cannot be; the daemon only reads.";
    Stopping "stopping" 503 Machine ["retry_later"] "The daemon is ending.";
    RequestTimeout "request_timeout" 408 Usage ["retry_later"] "The request came too slowly.";
    Internal "internal" 500 Bug ["run_doctor"] "A mistake of calt's own; the daemon's own log says more.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_words_and_no_two_are_the_same() {
        for (place, code) in Code::ALL.iter().enumerate() {
            assert!(code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            assert!(!Code::ALL[place + 1..].iter().any(|other| other.as_str() == code.as_str()));
        }
    }
}
