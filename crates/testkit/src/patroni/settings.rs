//! How a cluster is set up.

use std::{net::SocketAddr, path::Path, time::Duration};

use crate::{Host, binaries};

/// What Patroni is told to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// What is acknowledged may be on the primary alone.
    Asynchronous,
    /// It is on a standby as well, while there is one.
    Synchronous,
    /// It is on a standby as well, and is not acknowledged while there is none.
    Strict,
}

/// For how long a primary that says nothing is believed to be there: the smallest that Patroni documents.
pub const TTL: Duration = Duration::from_secs(20);
/// How often each Patroni looks at its PostgreSQL and at etcd.
pub const LOOP_WAIT: Duration = Duration::from_secs(2);
/// For how long Patroni tries etcd and PostgreSQL again before it gives up its place.
pub const RETRY_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the parts of a cluster run.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The program.
    pub patroni: &'a Path,
    /// The program.
    pub etcd: &'a Path,
    /// One PostgreSQL with its Patroni each.
    pub nodes: &'a [Host],
    /// One etcd each.
    pub members: &'a [Host],
    /// What is promised of what is acknowledged.
    pub replication: Replication,
    /// How much fits on each node's disk, as `mount` writes it; none where that is not limited. Needs root in a
    /// mount namespace of its own.
    pub disk: Option<&'a str>,
}

impl Plan<'_> {
    /// The settings of a node.
    pub(super) fn text(
        &self,
        number: usize,
        directory: &Path,
        etcd: &[SocketAddr],
        [address, control]: [SocketAddr; 2],
    ) -> String {
        let synchronous = self.replication != Replication::Asynchronous;
        let strict = self.replication == Replication::Strict;
        let (ttl, wait, retry) = (TTL.as_secs(), LOOP_WAIT.as_secs(), RETRY_TIMEOUT.as_secs());
        let etcd = etcd.iter().map(|member| format!("'{member}'")).collect::<Vec<_>>().join(", ");
        let (directory, programs) = (directory.display(), binaries::directory());
        let programs = programs.display();
        // With segments of 1 MB a disk that is full is felt at once.
        format!(
            "scope: test
name: node{number}
restapi: {{listen: '{control}', connect_address: '{control}'}}
etcd3: {{hosts: [{etcd}]}}
bootstrap:
  dcs:
    ttl: {ttl}
    loop_wait: {wait}
    retry_timeout: {retry}
    synchronous_mode: {synchronous}
    synchronous_mode_strict: {strict}
    postgresql:
      use_pg_rewind: true
      parameters: {{wal_log_hints: 'on', max_connections: 300, min_wal_size: 2MB, max_wal_size: 64MB}}
  initdb: [{{encoding: UTF8}}, {{locale: C}}, {{wal-segsize: '1'}}]
postgresql:
  listen: '{address}'
  connect_address: '{address}'
  data_dir: '{directory}/disk{number}/data'
  bin_dir: '{programs}'
  pgpass: '{directory}/pgpass{number}'
  authentication:
    superuser: {{username: postgres, password: p}}
    replication: {{username: replicator, password: p}}
    rewind: {{username: rewinder, password: p}}
  parameters: {{unix_socket_directories: '{directory}'}}
  pg_hba:
  - local all all trust
  - host all all 127.0.0.1/32 trust
  - host replication all 127.0.0.1/32 trust
  - host all all 10.77.0.0/16 trust
  - host replication all 10.77.0.0/16 trust
"
        )
    }
}
