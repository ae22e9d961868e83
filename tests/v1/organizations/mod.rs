//! `/v1/organizations/…`.

mod api_keys;
