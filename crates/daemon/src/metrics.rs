//! Numbers for a monitor: counted here, rendered on request, never sent anywhere.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// Upper bounds of the latency histogram, in seconds.
const LATENCY_SECONDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 10.0, 120.0];
/// The label of a request that met no endpoint.
const NO_ENDPOINT: &str = "none";
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
const META: Metadata<'static> = Metadata::new("calt", Level::INFO, None);

/// The daemon's own recorder: no global state, so two daemons in one process do not mix.
pub(crate) struct Metrics {
    handle: PrometheusHandle,
    /// By path, so that a request looks up what it has without copying it.
    endpoints: HashMap<String, Vec<(Method, Meter)>>,
    elsewhere: Meter,
    gauges: HashMap<&'static str, Gauge>,
}

/// Request count by status class, and latency, of one endpoint.
struct Meter {
    requests: [Counter; CLASSES.len()],
    latency: Histogram,
}

impl Metrics {
    /// Registers every endpoint beforehand, so that a request only adds.
    pub(crate) fn new<'e>(endpoints: impl Iterator<Item = (Method, &'e str)>, gauges: &[&'static str]) -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&LATENCY_SECONDS)
            .expect("the list of bounds is not empty")
            .build_recorder();
        let mut meters: HashMap<String, Vec<_>> = HashMap::new();
        for (method, path) in endpoints {
            let meter = Meter::new(&recorder, method.as_str(), path);
            meters.entry(path.to_owned()).or_default().push((method, meter));
        }
        let gauges =
            gauges.iter().map(|name| (*name, recorder.register_gauge(&Key::from_name(*name), &META))).collect();
        let elsewhere = Meter::new(&recorder, NO_ENDPOINT, NO_ENDPOINT);
        Self { handle: recorder.handle(), endpoints: meters, elsewhere, gauges }
    }

    /// Counts one answered request.
    pub(crate) fn answered(&self, method: &Method, path: Option<&str>, status: StatusCode, took: Duration) {
        let at_path = path.and_then(|path| self.endpoints.get(path)).map_or(&[][..], Vec::as_slice);
        let meter = at_path.iter().find(|(known, _)| known == method).map_or(&self.elsewhere, |(_, meter)| meter);
        let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
        meter.requests[class].increment(1);
        meter.latency.record(took.as_secs_f64());
    }

    /// Sets a gauge that was named at the start.
    pub(crate) fn set(&self, gauge: &'static str, value: f64) {
        if let Some(known) = self.gauges.get(gauge) {
            known.set(value);
        }
    }

    /// Folds what the histograms gathered; without it they grow.
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// The text a monitor reads.
    pub(crate) fn render(&self) -> String {
        self.handle.render()
    }
}

impl Meter {
    fn new(recorder: &PrometheusRecorder, method: &str, path: &str) -> Self {
        let labels = || vec![Label::new("method", method.to_owned()), Label::new("path", path.to_owned())];
        let requests = CLASSES.map(|class| {
            let mut labels = labels();
            labels.push(Label::new("status", class));
            recorder.register_counter(&Key::from_parts("calt_http_requests_total", labels), &META)
        });
        let latency = recorder.register_histogram(&Key::from_parts("calt_http_request_seconds", labels()), &META);
        Self { requests, latency }
    }
}
