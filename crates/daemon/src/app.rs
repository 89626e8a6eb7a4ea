//! What every request shares.

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use axum::http::Method;
use calt_api::endpoint::{self, ENDPOINTS};
use calt_api::visible::escape_json;
use calt_engine::Engine;
use calt_engine::core::session::SessionStatus;
use calt_engine::store::{SessionList, Store, StoreError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::auth::{EnvironmentToken, RefusedAccesses};
use crate::host::ServedHosts;
use crate::limits::STREAMS_MAX;
use crate::metrics::Metrics;
use crate::openapi;
use crate::server::Activity;
use crate::settings::Setting;

/// What a daemon is put together from.
pub struct AppParts {
    pub(crate) engine: Engine,
    pub(crate) hosts: ServedHosts,
    pub(crate) environment: EnvironmentToken,
    pub(crate) ending: CancellationToken,
    pub(crate) settings: Vec<Setting>,
}

impl AppParts {
    /// The parts of an in-process test: an engine, the address it pretends to serve, its environment's token.
    pub fn new(engine: Engine, address: std::net::SocketAddr, token: Option<&str>, ending: CancellationToken) -> Self {
        let hosts = ServedHosts::new(address, &address.ip().to_string(), &[]);
        Self { engine, hosts, environment: EnvironmentToken::new(token), ending, settings: Vec::new() }
    }
}

/// The shared state of all handlers. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// What stands behind an [`App`].
pub struct Shared {
    pub(crate) engine: Engine,
    pub(crate) hosts: ServedHosts,
    pub(crate) environment: EnvironmentToken,
    pub(crate) ending: CancellationToken,
    pub(crate) refused: RefusedAccesses,
    pub(crate) activity: Arc<Activity>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) metrics: Metrics,
    /// What the daemon was told at start, and by whom.
    pub(crate) settings: Vec<Setting>,
    /// `/openapi.json`, serialized once.
    pub(crate) openapi: LazyLock<Bytes>,
}

const EVENTS: &str = "calt_events";
const SESSIONS: &str = "calt_sessions";
const WAL_BYTES: &str = "calt_wal_bytes";
const DATABASE_BYTES: &str = "calt_database_bytes";
const INDEX_TAIL: &str = "calt_index_tail_events";
const RUNS: &str = "calt_runs_in_progress";
const CONNECTIONS: &str = "calt_connections";
const STREAMS: &str = "calt_event_streams";
const GAUGES: [&str; 8] = [EVENTS, SESSIONS, WAL_BYTES, DATABASE_BYTES, INDEX_TAIL, RUNS, CONNECTIONS, STREAMS];

impl App {
    /// Puts the parts together.
    pub fn new(parts: AppParts) -> Self {
        let endpoints = ENDPOINTS.iter().map(|endpoint| {
            let method = match endpoint.method {
                endpoint::Method::Get => Method::GET,
                endpoint::Method::Post => Method::POST,
            };
            (method, endpoint.path)
        });
        Self(Arc::new(Shared {
            engine: parts.engine,
            hosts: parts.hosts,
            environment: parts.environment,
            ending: parts.ending,
            settings: parts.settings,
            refused: RefusedAccesses::default(),
            activity: Activity::new(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            metrics: Metrics::new(endpoints, &GAUGES),
            openapi: LazyLock::new(|| {
                let document = openapi::document().to_json().unwrap_or_default();
                Bytes::from(escape_json(&document).into_owned())
            }),
        }))
    }

    /// Takes the measure of what is not counted as it happens.
    pub(crate) async fn measure(&self) -> Result<(), StoreError> {
        let counts = self.engine.store().read(Store::counts).await?;
        self.metrics.set(EVENTS, counts.events as f64);
        self.metrics.set(SESSIONS, counts.sessions as f64);
        self.metrics.set(WAL_BYTES, counts.wal_bytes as f64);
        self.metrics.set(DATABASE_BYTES, counts.database_bytes as f64);
        self.metrics.set(INDEX_TAIL, counts.index_tail.map_or(-1.0, |events| events as f64));
        self.metrics.set(RUNS, self.engine.runs_in_progress() as f64);
        self.metrics.set(CONNECTIONS, self.activity.connections() as f64);
        self.metrics.set(STREAMS, (STREAMS_MAX - self.streams.available_permits()) as f64);
        Ok(())
    }

    /// Whether some session waits for a person's yes or no. When the log cannot be read, somebody might.
    pub(crate) async fn waits_for_a_person(&self) -> bool {
        let waiting = [SessionStatus::AwaitingPlanApproval, SessionStatus::AwaitingStepApproval];
        let found = self.engine.store().read(move |store| {
            for status in waiting {
                let wanted =
                    SessionList { status: Some(status.as_str().to_owned()), limit: Some(1), ..SessionList::default() };
                if !store.sessions(&wanted)?.is_empty() {
                    return Ok(true);
                }
            }
            Ok(false)
        });
        found.await.unwrap_or(true)
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
