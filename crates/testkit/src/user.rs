//! The user that the server runs as: it refuses to run as root.

use std::{ffi::OsStr, fs, os::unix::fs::chown, path::Path, process::Command};

/// An unprivileged user.
#[derive(Clone, Debug)]
pub(crate) struct User {
    name: &'static str,
    uid: u32,
    gid: u32,
}

impl User {
    /// Whom to become; nobody else where the tests do not run as root.
    pub(crate) fn to_become() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let passwd = fs::read_to_string("/etc/passwd").expect("read /etc/passwd");
        let user = ["postgres", "nobody"].into_iter().find_map(|name| Self::named(name, &passwd));
        Some(user.expect("neither a user `postgres` nor a user `nobody`"))
    }

    fn named(name: &'static str, passwd: &str) -> Option<Self> {
        let mut fields = passwd
            .lines()
            .map(|line| line.split(':'))
            .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?
            .skip(1);
        let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self { name, uid, gid })
    }

    pub(crate) fn own(&self, path: &Path) {
        chown(path, Some(self.uid), Some(self.gid)).expect("hand the directory over to the server's user");
    }
}

/// `program`, to be run as `user` and to be sent SIGINT when the thread that spawned it ends.
pub(crate) fn command(user: Option<&User>, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=INT");
    if let Some(user) = user {
        // Some versions want the name for --init-groups, and all of them take it.
        command
            .arg(format!("--reuid={}", user.name))
            .arg(format!("--regid={}", user.gid))
            .arg("--init-groups");
    }
    command.arg("--").arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd = "postgresql:x:1:1::/:\npostgres:x:112:120:PostgreSQL:/var/lib/postgresql:/bin/bash\n";
        let user = User::named("postgres", passwd).unwrap();
        assert_eq!((user.uid, user.gid), (112, 120));
        assert!(User::named("nobody", passwd).is_none());
    }
}
