//! How the service is, for everybody.

use capykeys_domain::model::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::shown::Shown;

/// How the service is.
#[derive(Serialize, ToSchema)]
#[schema(as = Status)]
pub(crate) struct StatusView {
    /// Its name.
    service: &'static str,
    /// `operational`, or `degraded` where a component is not.
    #[schema(value_type = String)]
    status: &'static str,
    /// What it consists of.
    components: [ComponentView; 1],
    /// When this was found out; some seconds ago at most.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Shown<Timestamp>,
}

/// A part of the service.
#[derive(Serialize, ToSchema)]
#[schema(as = StatusComponent)]
pub(crate) struct ComponentView {
    /// Its name.
    name: &'static str,
    /// `operational` or `unavailable`.
    status: &'static str,
    /// What that means for callers, where it is not operational.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    message: Option<&'static str>,
}

impl StatusView {
    /// As it was at `updated_at`. Nothing else is told: not which store it is, nor what is wrong with it.
    pub(crate) const fn new(store_is_there: bool, updated_at: Timestamp) -> Self {
        let (overall, status, message) = if store_is_there {
            ("operational", "operational", None)
        } else {
            ("degraded", "unavailable", Some("API keys can be neither managed nor verified."))
        };
        let components = [ComponentView { name: "store", status, message }];
        Self { service: "capykeys", status: overall, components, updated_at: Shown(updated_at) }
    }
}
