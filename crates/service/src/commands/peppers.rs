//! `capykeys peppers`

use serde_json::{Value, json};

use crate::{app::App, cli, error::Error, output};

/// Prints what is known of each pepper, and nothing of its secret.
pub(crate) async fn run(app: &App, command: &cli::Peppers) -> Result<(), Error> {
    let cli::Peppers::List = command;
    let peppers = app.peppers.list(app.environment.now()).await?;
    let views: Vec<Value> = peppers
        .iter()
        .map(|(id, one)| {
            json!({
                "id": id.as_str(),
                "configured": one.configured,
                "makes_new_keys": one.makes_new_keys,
                "active_keys": one.active_keys,
            })
        })
        .collect();
    output::json(&json!({ "peppers": views }))
}
