//! All of it on this machine, under load, until it is interrupted: `make demo`.
//!
//! `DEMO_SECONDS` ends it by itself. It fails where a key was accepted after its DELETE had been answered.
#![expect(clippy::expect_used, reason = "what cannot be started ends the demo")]

mod end;
mod load;
mod metrics;
mod prometheus;
mod stage;
mod upstream;
mod view;

use std::{process::ExitCode, sync::Arc};

use tokio::{runtime::Runtime, task::JoinSet};

use crate::{end::End, load::Load, stage::Stage, view::View};

fn main() -> ExitCode {
    let runtime = Runtime::new().expect("a runtime");
    // First of all, so that no signal ends it while something is being started.
    let mut end = runtime.block_on(async { End::new() });
    let mut view = View::new();
    View::say(["starting PostgreSQL, two servers, a gateway and Prometheus …"]);
    let stage = Stage::start(&runtime);
    View::say(stage.addresses());
    let load = Arc::new(Load::new(&stage));
    runtime.block_on(show(&load, &mut end, &mut view));
    View::say(["stopping …"]);
    drop(runtime);
    stage.stop();
    View::say(["stopped"]);
    ExitCode::from(u8::from(load.is_promise_broken()))
}

/// Shows what happens until it is to end.
async fn show(load: &Arc<Load>, end: &mut End, view: &mut View) {
    let mut clients = JoinSet::new();
    Arc::clone(load).spawn(&mut clients);
    loop {
        tokio::select! {
            () = end.wait() => break,
            () = view.tick() => view.show(&load.report().await),
        }
    }
}
