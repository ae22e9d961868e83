//! The trace of a request.

use capykeys_domain::model::RequestId;
use opentelemetry::{
    Context, global,
    propagation::Extractor,
    trace::{SpanContext, TraceContextExt},
};
use tracing::{Span, field};

use crate::Asked;

/// The header that a caller's trace comes in (W3C Trace Context).
pub const TRACE_PARENT: &str = "traceparent";

/// The span of a request that is traced, which goes on with its caller's trace where there is one.
pub(crate) struct Trace {
    span: Span,
    /// Which trace, and which span of it; `None` where the request is not traced.
    pub(crate) context: Option<SpanContext>,
}

impl Trace {
    /// Whether it is traced is decided here, by the name of the span: callers of the API are strangers. The span is
    /// within `log`.
    pub(crate) fn begin<'h>(
        log: &Span,
        request_id: &RequestId,
        asked: Asked,
        header: impl Fn(&str) -> Option<&'h str>,
    ) -> Self {
        let caller = header(TRACE_PARENT)
            .map(|_| global::get_text_map_propagator(|w3c| w3c.extract(&Headers(&header))).attach());
        macro_rules! span {
            ($name:literal) => {
                tracing::trace_span!(
                    target: "capykeys::trace",
                    $name,
                    otel.kind = "server",
                    otel.status_code = field::Empty,
                    capykeys.request_id = request_id.as_str(),
                    rpc.system.name = (asked == Asked::ClusterCall).then_some("grpc"),
                    rpc.method = field::Empty,
                    http.request.method = field::Empty,
                    http.route = field::Empty,
                    http.response.status_code = field::Empty,
                    error.type = field::Empty,
                )
            };
        }
        let is_public = asked == Asked::Api;
        let span = log.in_scope(|| if is_public { span!("stranger's request") } else { span!("request") });
        drop(caller);
        let context =
            (!span.is_disabled()).then(|| span.in_scope(|| Context::current().span().span_context().clone()));
        Self { span, context: context.filter(SpanContext::is_valid) }
    }

    /// What everything that is done for the request belongs to: `log`, unless it is traced.
    pub(crate) const fn span<'s>(&'s self, log: &'s Span) -> &'s Span {
        if self.context.is_some() { &self.span } else { log }
    }

    /// Does it as part of the trace, where there is one.
    pub(crate) fn in_scope(&self, work: impl FnOnce()) {
        self.span.in_scope(work);
    }

    /// Notes what has become of it.
    pub(crate) fn end(&self, method: &'static str, route: &'static str, status: Option<u16>, is_call: bool) {
        if self.context.is_none() {
            return;
        }
        let name = if is_call {
            self.span.record("rpc.method", route);
            route.to_owned()
        } else {
            self.span.record("http.request.method", method).record("http.route", route);
            format!("{method} {route}")
        };
        self.span.in_scope(|| Context::current().span().update_name(name));
        if let Some(status) = status {
            self.span.record("http.response.status_code", status);
            if status >= 500 {
                self.span.record("error.type", status.to_string()).record("otel.status_code", "ERROR");
            }
        }
    }
}

/// The header of a request, as it is asked for. A `tracestate` is not taken over: it is long, for others, and on the
/// public listener a stranger's.
struct Headers<'a, 'h>(&'a dyn Fn(&str) -> Option<&'h str>);

impl<'h: 'a, 'a> Extractor for Headers<'a, 'h> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACE_PARENT).then(|| (self.0)(key)).flatten()
    }

    /// Nobody needs them all.
    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}
