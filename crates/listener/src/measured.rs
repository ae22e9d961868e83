//! What is measured of each request, with the names of the semantic conventions for
//! [HTTP](https://opentelemetry.io/docs/specs/semconv/http/http-metrics/) and
//! [RPC](https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/).

use std::{cell::RefCell, sync::LazyLock, time::Duration};

use opentelemetry::{
    KeyValue, global,
    metrics::{BoundHistogram, Histogram},
};

/// The methods that are told apart. Requests with others are rare, and each would multiply the series.
pub const MEASURED_METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PATCH", "DELETE", "_OTHER"];

/// From a verdict out of memory to a request that runs into its limit, in seconds.
const BOUNDARIES: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0];

static HTTP: LazyLock<Histogram<f64>> =
    LazyLock::new(|| duration("http.server.request.duration", "Duration of HTTP requests"));
static RPC: LazyLock<Histogram<f64>> =
    LazyLock::new(|| duration("rpc.server.call.duration", "Duration of RPC calls"));

fn duration(name: &'static str, description: &'static str) -> Histogram<f64> {
    global::meter("capykeys")
        .f64_histogram(name)
        .with_description(description)
        .with_unit("s")
        .with_boundaries(BOUNDARIES.to_vec())
        .build()
}

/// What there is a series for: the status, which is 0 where the client had gone, the route and the method.
pub(crate) type Series = (u16, &'static str, &'static str);

thread_local! {
    /// The series that this thread has recorded, and the one that it has recorded last in front. A verdict is given so
    /// fast that it would show to look a series up by its attributes each time.
    static BOUND: RefCell<Vec<(Series, BoundHistogram<f64>)>> = RefCell::default();
}

/// The name of a method that there are series for.
pub(crate) fn method(name: &str) -> &'static str {
    MEASURED_METHODS.into_iter().find(|known| *known == name).unwrap_or("_OTHER")
}

/// Records how long a request took, or a call.
pub(crate) fn record(series: Series, is_call: bool, duration: Duration) {
    let seconds = duration.as_secs_f64();
    // It fails at the very end of a thread, where nobody needs the last request any more.
    let _ = BOUND.try_with(|bound| {
        // Nothing records within it.
        let mut bound = bound.borrow_mut();
        let known = bound.iter().position(|(one, _)| *one == series);
        let at = known.unwrap_or_else(|| {
            bound.push((series, bind(series, is_call)));
            bound.len() - 1
        });
        bound[at].1.record(seconds);
        bound.swap(0, at);
    });
}

fn bind((status, route, method): Series, is_call: bool) -> BoundHistogram<f64> {
    let failed = (status >= 500).then(|| KeyValue::new("error.type", status.to_string()));
    let status = KeyValue::new("http.response.status_code", i64::from(status));
    if is_call {
        // The call itself has always succeeded: a refusal is an answer, with a status for the client.
        let call = [KeyValue::new("rpc.system.name", "grpc"), KeyValue::new("rpc.method", route), status];
        return RPC.bind(&call.into_iter().chain(failed).collect::<Vec<_>>());
    }
    let request = [KeyValue::new("http.request.method", method), KeyValue::new("http.route", route), status];
    HTTP.bind(&request.into_iter().chain(failed).collect::<Vec<_>>())
}
