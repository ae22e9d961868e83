//! The project itself: who may depend on whom, and the published document.
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod architecture;
mod clients;
mod demo;
mod gateways;
mod links;
mod migrations;
mod monitoring;
mod openapi;
mod schemas;
mod sources;
