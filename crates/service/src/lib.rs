//! The binary capykeys: configuration, telemetry, wiring, commands.
