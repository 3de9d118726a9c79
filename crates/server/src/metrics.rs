//! Figures in the form that Prometheus reads (OpenMetrics text).

use std::fmt::Write as _;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::application::Application;

/// The content type of the text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the time of an answer, in seconds.
const ANSWER_BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// What the HTTP side counts. Routes are those of the router, so the number of labels is bounded.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    answers: Family<Answer, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(ANSWER_BUCKETS);
        Self { answers: Family::default(), seconds: Family::new_with_constructor(histogram) }
    }
}

impl Metrics {
    /// Counts an answer.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let method = match method {
            "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
            _ => "other",
        };
        let answer = Answer { method: method.to_owned(), route: route.to_owned(), status };
        self.answers.get_or_create(&answer).inc();
        self.seconds.get_or_create(&Route { route: route.to_owned() }).observe(took.as_secs_f64());
    }
}

/// One figure of another part of the program.
#[derive(Debug)]
struct Figure {
    name: String,
    help: &'static str,
    value: f64,
    grows: bool,
}

#[derive(Debug)]
struct Figures(Vec<Figure>);

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for Figure { name, help, value, grows } in &self.0 {
            if *grows {
                let metric = ConstCounter::new(*value);
                metric.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
            } else {
                let metric = ConstGauge::new(*value);
                metric.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
            }
        }
        Ok(())
    }
}

/// All figures as text.
pub(crate) fn render(app: &Application) -> String {
    let mut registry = Registry::with_prefix("manmul");
    registry.register("http_answers", "Answers by method, route and status", app.metrics.answers.clone());
    registry.register("http_answer_seconds", "Time until an answer began", app.metrics.seconds.clone());
    registry.register_collector(Box::new(Figures(figures(app))));
    let mut out = String::new();
    if let Err(error) = text::encode(&mut out, &registry) {
        tracing::error!(%error, "figures could not be written");
    }
    out
}

fn figures(app: &Application) -> Vec<Figure> {
    let mut figures = Vec::new();
    for figure in app.broker.counters().snapshot() {
        figures.push(Figure {
            name: format!("mqtt_{}", figure.name),
            help: figure.help.trim_end_matches('.'),
            value: figure.value as f64,
            grows: figure.kind == mqtt::CounterKind::Counter,
        });
    }
    for figure in app.site.figures() {
        figures.push(Figure {
            name: format!("site_{}", figure.name),
            help: figure.help.trim_end_matches('.'),
            value: figure.value,
            grows: figure.kind == site::CounterKind::Counter,
        });
    }
    let (log, history) = (app.log.bounds(), app.history.statistics());
    let gauges: [(&str, &'static str, u64); 8] = [
        ("log_first", "The oldest position kept on the log", log.first.0),
        ("log_next", "The position that the next entry gets", log.next.0),
        ("log_durable", "Everything before this is on disk", log.durable.0),
        ("log_bytes", "Bytes of the log on disk", log.bytes),
        ("history_series", "Series of the history", history.series),
        ("history_points", "Raw points of the history", history.points),
        ("history_bytes", "Bytes of the history on disk", history.bytes),
        ("uptime_seconds", "Seconds since the start", app.clock.now().since(app.started).as_secs()),
    ];
    for (name, help, value) in gauges {
        figures.push(Figure { name: name.to_owned(), help, value: value as f64, grows: false });
    }
    let failures: [(&str, &'static str, u64); 3] = [
        ("log_full_disks", "Writes of the log that found no room and are tried again", app.log.full_disks()),
        ("history_full_disks", "Writes of the history that found no room and are tried again", history.full_disks),
        ("state_failures", "Changes of the state that could not be written and were refused", app.state.failures()),
    ];
    for (name, help, value) in failures {
        figures.push(Figure { name: name.to_owned(), help, value: value as f64, grows: true });
    }
    for queue in app.site.queues() {
        let mut name = String::from("queue_");
        for c in queue.name.chars() {
            let written = name.write_char(if c.is_ascii_alphanumeric() { c } else { '_' });
            written.expect("a string takes all text");
        }
        let dropped = Figure {
            name: format!("{name}_dropped"),
            help: "What did not fit into this queue",
            value: queue.dropped as f64,
            grows: true,
        };
        figures.push(Figure { name, help: "What is in this queue", value: queue.length as f64, grows: false });
        figures.push(dropped);
    }
    let refused = app.access.refused() as f64;
    let help = "Sign-ins refused for a wrong or too frequent guess";
    figures.push(Figure { name: "access_refused".to_owned(), help, value: refused, grows: true });
    figures
}
