//! Every limit of the listener, by name and unit.

use std::time::Duration;

/// Longest request body, in bytes; more is answered with 413.
pub(crate) const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// How long a client may take to send a whole body.
pub(crate) const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a client may take to send its headers; a kept-alive connection without a request ends after it too.
pub(crate) const HEADERS_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a client may leave an answer unread before its connection is cut off.
pub(crate) const WRITE_STALL_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a refused client may go on sending before its connection is cut off.
pub(crate) const FAREWELL_TIME_MAX: Duration = Duration::from_secs(2);
/// How much a refused client may go on sending, in bytes; it is thrown away as it comes.
pub(crate) const FAREWELL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most headers of a request.
pub(crate) const HEADERS_MAX: usize = 64;
/// Longest head of a request and largest read buffer of a connection, in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most connections at once; for one more the one that has waited longest for a request goes, if any waits.
pub(crate) const CONNECTIONS_MAX: usize = 1_024;
/// How long a begun head is spared when its connection is to make room; with room it has [`HEADERS_TIME_MAX`].
pub(crate) const HEAD_PATIENCE: Duration = Duration::from_millis(250);
/// Most live event streams at once; more are answered with 429.
pub(crate) const STREAMS_MAX: usize = 256;
/// Connections the kernel keeps waiting.
pub(crate) const BACKLOG_CONNECTIONS: u32 = 1_024;
/// How long accepting rests when the system is out of descriptors.
pub(crate) const ACCEPT_REST: Duration = Duration::from_millis(100);
/// How long open requests may go on after the daemon was told to end.
pub(crate) const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(10);
/// How long the engine may take to end its runs and close the store.
pub(crate) const CLOSE_TIME_MAX: Duration = Duration::from_secs(20);
/// How often a quiet event stream says that it lives.
pub(crate) const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events read from the store at once for a stream: at 64 KiB of text each, what a slow stream holds in memory.
pub(crate) const STREAM_PAGE_EVENTS: u32 = 32;
/// How often refused accesses are written to the log, at most.
pub(crate) const ACCESS_REPORT_EVERY: Duration = Duration::from_mins(1);
/// How often the metrics' histograms are folded.
pub(crate) const METRICS_UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// Seconds a background daemon stays without connection, run, waiting decision or stream.
pub(crate) const IDLE_SECONDS_DEFAULT: u64 = 600;
/// Text of events in one page, in bytes; a page that would hold more ends earlier and has a cursor.
pub(crate) const PAGE_TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Items of a list when the caller does not say.
pub(crate) const LIST_ITEMS_DEFAULT: u32 = 100;
/// Most items of a list.
pub(crate) const LIST_ITEMS_MAX: u32 = 500;
