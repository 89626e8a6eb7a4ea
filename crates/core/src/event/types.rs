//! The names of all event types, for those who ask for events by type.

/// Every event type the program writes and reads, in the order of [`super::Fact`].
pub const EVENT_TYPES: &[&str] = &[
    "session_created",
    "plan_imported",
    "plan_approved",
    "plan_rejected",
    "step_approved",
    "step_rejected",
    "step_skipped",
    "step_started",
    "step_executed",
    "step_failed",
    "step_interrupted",
    "step_execution_rejected",
    "step_execution_warning",
    "artifact_saved",
    "session_stopped",
    "session_succeeded",
    "daemon_started",
    "person_added",
    "person_removed",
    "token_created",
    "token_revoked",
    "workspace_added",
    "workspace_removed",
    "workspace_remounted",
    "access_refused",
    "checkpoint_signed",
    "record_exported",
    "restored",
    "content_released",
    "loss_accepted",
    "payload_redacted",
    "pin_set",
    "pin_removed",
    "pin_accepted",
    "pin_refused",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Fact;

    #[test]
    fn the_list_is_what_the_program_reads() {
        let said = Fact::read("no such type", serde_json::json!({})).unwrap_err().to_string();
        let (_, known) = said.split_once("expected one of ").unwrap();
        let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        assert_eq!(known, EVENT_TYPES);
    }
}
