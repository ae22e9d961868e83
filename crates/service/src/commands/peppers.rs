//! `capykeys peppers`

use serde_json::{Value, json};

use super::Error;
use crate::{
    app::{self, Role},
    cli,
    config::Config,
    output,
};

/// Prints what is known of each pepper, and nothing of its secret.
pub(crate) async fn run(config: &Config, command: &cli::Peppers) -> Result<(), Error> {
    let cli::Peppers::List = command;
    let app = app::build(config, Role::Command).await?;
    let peppers = app.peppers.list(app.capykeys.now()).await?;
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
