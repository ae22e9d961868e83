//! The service behind real gateways, which run the very files of `deploy/gateways`: every case on
//! every gateway.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod frames;
mod message;
mod request;
mod restarts;
mod stand;
mod upstream;
mod world;

/// A module for each gateway, with a test for each case. Those of the second list need what
/// `scripts/kubernetes-run` starts.
macro_rules! on_every_gateway {
    ([$($gateway:ident),*] [$($kubernetes:ident),*] $cases:tt) => {
        $(mod $gateway {
            static STANDS: crate::stand::Stands = crate::stand::Stands::new();
            tests! { (test) $gateway $cases }
        })*
        $(mod $kubernetes {
            static STANDS: crate::stand::Stands = crate::stand::Stands::new();
            tests! { (test, ignore = "scripts/kubernetes-run runs it") $kubernetes $cases }
        })*
    };
}

macro_rules! tests {
    ($attributes:tt $gateway:ident { $($module:ident: $($name:ident),* ;)* }) => {
        $($(
            tests! { $attributes fn $name() {
                crate::cases::$module::$name(&STANDS.get(&capykeys_tests::gateway::$gateway::GATEWAY));
            } }
        )*)*
    };
    (($($attribute:meta),*) $function:item) => {
        $(#[$attribute])*
        $function
    };
}

on_every_gateway! {
    [nginx, envoy, envoy_grpc, traefik, caddy, haproxy] [envoy_gateway, nginx_gateway_fabric, traefik_kubernetes] {
        access:
            a_key_of_the_project_passes,
            a_key_that_ends_soon_passes_with_its_end,
            a_key_of_the_organization_passes,
            a_key_in_x_api_key_passes,
            a_session_passes_and_names_its_user,
            a_revoked_key_is_refused,
            a_disabled_key_is_refused_until_it_is_enabled,
            an_expired_key_is_refused,
            an_unknown_key_is_refused,
            a_key_without_the_scope_is_refused,
            a_key_of_another_project_is_refused,
            a_request_without_a_credential_is_refused,
            an_anonymous_route_is_open_to_everybody,
            a_route_that_is_not_named_is_closed;
        identity:
            the_credential_does_not_reach_the_upstream,
            forged_identities_do_not_reach_the_upstream,
            forged_identities_do_not_reach_the_upstream_on_an_anonymous_route,
            forged_identities_in_other_spellings_do_not_reach_the_upstream,
            forged_headers_about_the_original_request_decide_nothing,
            a_query_that_imitates_the_parameters_decides_nothing,
            the_connection_header_takes_no_identity_away;
        transport:
            a_body_and_a_query_arrive_untouched,
            requests_on_one_connection_are_judged_apart,
            requests_on_one_http2_connection_are_judged_apart,
            what_arrives_over_http2_is_the_same,
            a_burst_of_new_connections_passes,
            a_large_body_arrives,
            many_header_fields_arrive,
            who_expects_to_be_told_to_continue_is_judged,
            a_preflight_arrives_and_names_nobody,
            a_websocket_is_judged_and_opened;
        spellings:
            strange_spellings_do_what_the_table_says;
        paths:
            what_arrives_is_what_was_authorized,
            what_arrives_over_http2_is_what_was_authorized;
        smuggling:
            no_request_hides_in_another,
            a_trailer_is_no_header,
            two_credentials_are_refused_or_one_of_them_counts,
            no_tunnel_is_opened;
        frames:
            nothing_breaks_out_of_an_http2_request,
            a_trailer_of_http2_is_no_header;
        outage:
            a_service_that_is_down_lets_nobody_in,
            a_service_that_hangs_up_lets_nobody_in,
            a_service_that_is_slow_lets_nobody_in;
    }
}
