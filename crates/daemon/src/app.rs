//! What every request shares.

use std::ops::Deref;
use std::sync::Arc;

use axum::body::Bytes;
use calt_engine::Engine;
use calt_engine::core::session::SessionStatus;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::auth::{EnvironmentToken, RefusedAccesses};
use crate::host::ServedHosts;
use crate::limits::STREAMS_MAX;
use crate::metrics::Metrics;
use crate::openapi;
use crate::server::Activity;

/// What a daemon is put together from.
pub struct AppParts {
    pub(crate) engine: Engine,
    pub(crate) hosts: ServedHosts,
    pub(crate) environment: EnvironmentToken,
    pub(crate) ending: CancellationToken,
}

impl AppParts {
    /// The parts of an in-process test: an engine, the address it pretends to serve, its environment's token.
    pub fn new(engine: Engine, address: std::net::SocketAddr, token: Option<&str>, ending: CancellationToken) -> Self {
        let hosts = ServedHosts::new(address, &address.ip().to_string(), &[]);
        Self { engine, hosts, environment: EnvironmentToken::new(token), ending }
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
    /// `/openapi.json`, serialized once.
    pub(crate) openapi: Bytes,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
