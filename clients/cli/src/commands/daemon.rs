//! `calt daemon stop`. Running the daemon itself is handed over before commands begin.

use serde_json::json;

use crate::arguments::{DaemonAction, DaemonArguments};
use crate::autostart;
use crate::context::Context;
use crate::fault::Fault;
use crate::words::t;

pub(crate) async fn run(context: &Context, arguments: &DaemonArguments) -> Result<(), Fault> {
    match arguments.action {
        Some(DaemonAction::Stop) => {}
        None => return Err(Fault::Bug("a daemon was asked for and not handed over".to_owned())),
    }
    let stopped = autostart::stop(&context.data_root()?.value).await?;
    let pid = stopped.as_ref().map(|found| found.pid);
    context.show(&json!({"stopped": pid.is_some(), "pid": pid}), |_| match pid {
        Some(pid) => t!("the daemon (process {pid}) has ended\n", pid = pid),
        None => t!("no daemon runs on this data root\n"),
    })
}
