use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let value =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Settings::read(None, 0.01, &value)
}

const SOMEWHERE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

fn traces(variables: &[(&str, &str)]) -> Otlp {
    read(&[&[SOMEWHERE], variables].concat()).unwrap().traces.unwrap()
}

#[test]
fn by_default_nothing_is_sent() {
    let settings = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]).unwrap();
    assert!(settings.traces.is_none() && settings.metrics.is_none() && settings.propagation);
}

#[test]
fn an_address_for_all_gets_the_path_of_each_signal_and_one_for_a_signal_is_left_as_it_is() {
    let both = read(&[SOMEWHERE, ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://m:1/x")]).unwrap();
    assert_eq!(both.traces.unwrap().endpoint.as_str(), "http://collector:4318/v1/traces");
    assert_eq!(both.metrics.unwrap().endpoint.as_str(), "https://m:1/x");
    let grpc = traces(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
    assert_eq!((grpc.endpoint.path(), grpc.protocol), ("/", Protocol::Grpc));
}

#[test]
fn an_address_of_our_own_gives_way_to_the_standard_one() {
    let ours: Url = "http://ours:4318/base/".parse().unwrap();
    let settings = Settings::read(Some(&ours), 0.01, &|_| None).unwrap();
    assert_eq!(settings.traces.unwrap().endpoint.as_str(), "http://ours:4318/base/v1/traces");
    let standard = |name: &str| (name == SOMEWHERE.0).then(|| SOMEWHERE.1.to_owned());
    let settings = Settings::read(Some(&ours), 0.01, &standard).unwrap();
    assert_eq!(settings.metrics.unwrap().endpoint.as_str(), "http://collector:4318/v1/metrics");
}

#[test]
fn what_is_set_for_a_signal_goes_before_what_is_set_for_all() {
    let otlp = traces(&[
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "250"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/all.pem"),
        ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/traces.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/client.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/client.key"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
    ]);
    assert_eq!(otlp.timeout, Duration::from_millis(250));
    assert_eq!(otlp.certificate, Some("/traces.pem".into()));
    assert_eq!(otlp.client, Some(("/client.pem".into(), "/client.key".into())));
    assert_eq!(otlp.protocol, Protocol::Grpc);
}

#[test]
fn each_signal_can_be_turned_off_and_so_can_all() {
    let sent = |variable| {
        let settings = read(&[SOMEWHERE, variable]).unwrap();
        (settings.traces.is_some(), settings.metrics.is_some())
    };
    assert_eq!(sent(("OTEL_TRACES_EXPORTER", "none")), (false, true));
    assert_eq!(sent(("OTEL_METRICS_EXPORTER", "none")), (true, false));
    assert_eq!(sent(("OTEL_METRICS_EXPORTER", "prometheus")), (true, false));
    assert_eq!(sent(("OTEL_METRICS_EXPORTER", "otlp")), (true, true));
    assert_eq!(sent(("OTEL_SDK_DISABLED", "true")), (false, false));
    assert_eq!(sent(("OTEL_SDK_DISABLED", "false")), (true, true));
}

#[test]
fn context_is_propagated_unless_it_is_turned_off() {
    for (list, expected) in [("tracecontext,baggage", true), ("baggage", false), ("none", false)] {
        assert_eq!(read(&[("OTEL_PROPAGATORS", list)]).unwrap().propagation, expected, "{list}");
    }
}

#[test]
fn a_sampler_by_ratio_samples_everything_unless_it_is_told_the_ratio() {
    let sampled = |variables: &[(&str, &str)]| {
        let sampling = read(variables).unwrap().sampling;
        (0..1_000).filter(|_| sampling.begins("request")).count()
    };
    assert_eq!(sampled(&[("OTEL_TRACES_SAMPLER", "traceidratio")]), 1_000);
    assert_eq!(sampled(&[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0")]), 0);
    assert_eq!(sampled(&[("OTEL_TRACES_SAMPLER_ARG", "1")]), 1_000);
    assert!(sampled(&[]) < 60);
}

#[test]
fn a_wrong_value_is_refused_by_the_name_of_its_variable_and_not_repeated() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "hush"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://hush"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://hush:hush@host"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://host/?hush"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://host/#hush"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "hush:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json-hush"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "hush"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "hush"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "hush"),
        ("OTEL_TRACES_EXPORTER", "hush"),
        ("OTEL_TRACES_EXPORTER", "prometheus"),
        ("OTEL_TRACES_SAMPLER", "hush"),
        ("OTEL_TRACES_SAMPLER_ARG", "hush"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_PROPAGATORS", "tracecontext,hush"),
    ] {
        let variables = [(name, value), SOMEWHERE];
        let error = read(&variables).unwrap_err().to_string();
        assert!(error.contains(name) && !error.contains("hush"), "{error}");
    }
    let ours: Url = "ftp://hush".parse().unwrap();
    let error = Settings::read(Some(&ours), 0.01, &|_| None).unwrap_err().to_string();
    assert!(error.contains("telemetry.otlp_endpoint"), "{error}");
}
