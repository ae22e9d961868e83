//! Prometheus, which reads both servers' metrics.

use std::{
    fs,
    net::SocketAddr,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use capykeys_tests::{
    server::{Leash, free_address},
    settings,
};

pub(crate) struct Prometheus {
    pub(crate) address: SocketAddr,
    child: Child,
    _leash: Leash,
}

impl Prometheus {
    /// Starts it, where it is on this machine.
    pub(crate) fn start(servers: [SocketAddr; 2]) -> Option<Self> {
        let program = settings::prometheus()?;
        let directory = tempfile::tempdir().expect("a folder of its own").keep();
        let [one, two] = servers;
        let configuration = format!(
            "global: {{ scrape_interval: 2s }}\n\
             scrape_configs: [{{ job_name: capykeys, static_configs: [{{ targets: ['{one}', '{two}'] }}] }}]\n"
        );
        fs::write(directory.join("prometheus.yml"), configuration).expect("it is written");
        let address = free_address();
        let child = Command::new(program)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={address}"))
            .current_dir(&directory)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Prometheus starts");
        let leash = Leash::on_group(child.id(), &directory);
        Some(Self { address, child, _leash: leash })
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
