//! Those who keep who is the primary.

use std::{
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Child,
};

use rustix::process::Signal;

use super::{LIMIT, listening, spawn};
use crate::{
    Host,
    processes::{send, wait_until},
    user::User,
};

/// One of the etcds.
#[derive(Debug)]
pub(super) struct Member {
    number: usize,
    host: Host,
    pub(super) client: SocketAddr,
    peer: SocketAddr,
    process: Option<Child>,
}

impl Member {
    pub(super) fn new(number: usize, host: &Host) -> Self {
        Self { number, host: host.clone(), client: listening(host), peer: listening(host), process: None }
    }

    /// Its part of what all of them are told.
    pub(super) fn named(&self) -> String {
        format!("{}=http://{}", self.number, self.peer)
    }

    /// Starts it, for the first time or again.
    pub(super) fn start(&mut self, user: Option<&User>, program: &Path, directory: &Path, all: &str) {
        let Self { number, client, peer, .. } = self;
        let mut command = self.host.command(user, program);
        command
            .args([format!("--name={number}"), format!("--data-dir=etcd{number}")])
            .arg("--unsafe-no-fsync")
            // As from 3.5 on: else one that was cut off deposes the leader when it comes back.
            .arg("--pre-vote=true")
            .arg(format!("--listen-client-urls=http://{client}"))
            .arg(format!("--advertise-client-urls=http://{client}"))
            .arg(format!("--listen-peer-urls=http://{peer}"))
            .arg(format!("--initial-advertise-peer-urls=http://{peer}"))
            .arg(format!("--initial-cluster={all}"));
        self.process = Some(spawn(command, directory, &format!("etcd{number}")));
    }

    pub(super) fn await_start(&self) {
        wait_until("starting etcd", LIMIT, || TcpStream::connect(self.client).is_ok());
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            send(i32::try_from(process.id()).expect("a pid"), Signal::KILL);
            let _ = process.wait();
        }
    }
}
