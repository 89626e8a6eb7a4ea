//! When a run must end: its deadline, and a stop from outside.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::event::{EventfdFlags, eventfd};

use crate::failure::{FailureCode, ToolFailure};

/// A stop from outside; cheap to clone.
#[derive(Clone)]
pub struct Cancel {
    inner: Arc<Inner>,
}

struct Inner {
    triggered: AtomicBool,
    /// Becomes readable with the trigger, so that a wait for a command ends. Absent when none was to be had.
    wakes: Option<OwnedFd>,
}

impl Cancel {
    /// One that was not triggered.
    pub fn new() -> Self {
        let wakes = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok();
        Self { inner: Arc::new(Inner { triggered: AtomicBool::new(false), wakes }) }
    }

    /// Stops the run.
    pub fn trigger(&self) {
        self.inner.triggered.store(true, Ordering::SeqCst);
        if let Some(wakes) = &self.inner.wakes {
            let _ = rustix::io::write(wakes, &1_u64.to_ne_bytes());
        }
    }

    /// Whether the run was stopped.
    pub fn is_triggered(&self) -> bool {
        self.inner.triggered.load(Ordering::SeqCst)
    }

    pub(crate) fn wakes(&self) -> Option<BorrowedFd<'_>> {
        self.inner.wakes.as_ref().map(AsFd::as_fd)
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

/// When a run must end.
#[derive(Clone)]
pub struct Limits {
    /// The latest moment.
    pub deadline: Instant,
    /// A stop from outside.
    pub cancel: Cancel,
}

impl Limits {
    /// Whether the run may go on. Asked just before a write is made: from then on the write is done.
    ///
    /// # Errors
    /// `cancelled` or `tool_timeout`.
    pub fn check(&self) -> Result<(), ToolFailure> {
        if self.cancel.is_triggered() {
            return Err(ToolFailure::plain(FailureCode::Cancelled, "the session was stopped"));
        }
        if Instant::now() >= self.deadline {
            return Err(ToolFailure::plain(FailureCode::ToolTimeout, "tool_timeout: the step took too long"));
        }
        Ok(())
    }
}
