//! What is traced.

use opentelemetry::{
    Context,
    trace::{SpanKind, TraceContextExt},
};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, ShouldSample};

/// The name of the span that a request begins with whose caller belongs to the cluster.
const REQUEST: &str = "request";
/// The same of any other.
const OF_STRANGER: &str = "stranger's request";

/// Of what nobody asked for, such as the polls of the change feed, so much is traced at most: it comes several
/// times a second whether there is traffic or not.
const OF_BACKGROUND: f64 = 0.01;

/// Decides whether a trace begins.
#[derive(Clone, Debug)]
pub struct Sampling {
    requests: Sampler,
    background: Sampler,
    trusts_strangers: bool,
}

impl Sampling {
    /// The sampler that `OTEL_TRACES_SAMPLER` calls so, with its argument; `None` where there is none of that name.
    pub(crate) fn named(name: &str, ratio: f64) -> Option<Self> {
        let of_parent = |root| Sampler::ParentBased(Box::new(root));
        let (requests, background) = match name {
            "always_on" => (Sampler::AlwaysOn, 1.0),
            "always_off" => (Sampler::AlwaysOff, 0.0),
            "traceidratio" => (Sampler::TraceIdRatioBased(ratio), ratio),
            "parentbased_always_on" => (of_parent(Sampler::AlwaysOn), 1.0),
            "parentbased_always_off" => (of_parent(Sampler::AlwaysOff), 0.0),
            "parentbased_traceidratio" => (of_parent(Sampler::TraceIdRatioBased(ratio)), ratio),
            _ => return None,
        };
        let background = Sampler::TraceIdRatioBased(background.min(OF_BACKGROUND));
        Some(Self { requests, background, trusts_strangers: false })
    }

    /// The same where strangers, too, say whether their requests are traced, if they are trusted. They could have each
    /// of them traced, or none: otherwise it is decided as where nobody says anything.
    #[must_use]
    pub fn trusting_strangers(self, trusts_strangers: bool) -> Self {
        Self { trusts_strangers, ..self }
    }

    /// Whether a span of this name, which is part of no other here, begins a trace or goes on with its caller's.
    pub(crate) fn begins(&self, name: &str) -> bool {
        let is_request = [REQUEST, OF_STRANGER].contains(&name);
        let sampler = if is_request { &self.requests } else { &self.background };
        // Not by the trace's id either, which a stranger has chosen.
        let is_told = name != OF_STRANGER || self.trusts_strangers;
        let caller = if is_told { Context::current() } else { Context::new() };
        let known = caller.span().span_context().clone();
        let id =
            if known.is_valid() { known.trace_id() } else { RandomIdGenerator::default().new_trace_id() };
        let answer = sampler.should_sample(Some(&caller), id, name, &SpanKind::Server, &[], &[]);
        answer.decision == SamplingDecision::RecordAndSample
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

    use super::*;

    /// How many of 10,000 requests are traced, whose callers trace theirs or do not, or say nothing.
    fn traced(sampling: &Sampling, name: &str, caller: Option<TraceFlags>) -> usize {
        let count = 10_000_u64;
        let begins = |number| {
            let _caller = caller.map(|flags| {
                // Spread as random ones are: the ratio looks at the lower half.
                let id = TraceId::from(u128::from(u64::MAX / count * number) | 1 << 127);
                let span = SpanContext::new(id, SpanId::from(1), flags, true, TraceState::NONE);
                Context::new().with_remote_span_context(span).attach()
            });
            sampling.begins(name)
        };
        (0..count).filter(|number| begins(*number)).count()
    }

    #[test]
    fn each_sampler_traces_what_its_name_says() {
        let (yes, no) = (Some(TraceFlags::SAMPLED), Some(TraceFlags::NOT_SAMPLED));
        for (name, of_nobody, of_traced, of_untraced) in [
            ("always_on", 10_000, 10_000, 10_000),
            ("always_off", 0, 0, 0),
            ("traceidratio", 2_500, 2_500, 2_500),
            ("parentbased_always_on", 10_000, 10_000, 0),
            ("parentbased_always_off", 0, 10_000, 0),
            ("parentbased_traceidratio", 2_500, 10_000, 0),
        ] {
            let sampling = Sampling::named(name, 0.25).unwrap();
            for (caller, expected) in [(None, of_nobody), (yes, of_traced), (no, of_untraced)] {
                let traced = traced(&sampling, REQUEST, caller);
                assert!(traced.abs_diff(expected) < 300, "{name}, {caller:?}: {traced}");
            }
        }
        assert!(Sampling::named("xray", 0.25).is_none());
    }

    #[test]
    fn strangers_have_nothing_traced_and_nothing_left_out_unless_they_are_trusted() {
        let (yes, no) = (Some(TraceFlags::SAMPLED), Some(TraceFlags::NOT_SAMPLED));
        for name in ["traceidratio", "parentbased_traceidratio", "parentbased_always_on", "always_off"] {
            let sampling = Sampling::named(name, 0.25).unwrap();
            let expected = traced(&sampling, OF_STRANGER, None);
            for caller in [yes, no] {
                let traced = traced(&sampling, OF_STRANGER, caller);
                assert!(traced.abs_diff(expected) < 300, "{name}, {caller:?}: {traced}");
            }
            let trusting = sampling.trusting_strangers(true);
            for caller in [yes, no, None] {
                let of_cluster = traced(&trusting, REQUEST, caller);
                let traced = traced(&trusting, OF_STRANGER, caller);
                assert!(traced.abs_diff(of_cluster) < 300, "{name}, {caller:?}: {traced}");
            }
        }
        // By one and the same id, however often it comes.
        let sampling = Sampling::named("traceidratio", 0.25).unwrap();
        let id =
            SpanContext::new(TraceId::from(1), SpanId::from(1), TraceFlags::SAMPLED, true, TraceState::NONE);
        let _caller = Context::new().with_remote_span_context(id).attach();
        let traced = (0..10_000).filter(|_| sampling.begins(OF_STRANGER)).count();
        assert!(traced.abs_diff(2_500) < 300, "{traced}");
    }

    #[test]
    fn of_what_nobody_asked_for_little_is_traced() {
        for (name, most) in [("always_on", 200), ("parentbased_always_on", 200), ("always_off", 0)] {
            let traced = traced(&Sampling::named(name, 1.0).unwrap(), "poll", None);
            assert!(traced <= most && (most == 0 || traced > 20), "{name}: {traced}");
        }
    }
}
