//! Keeping the process's memory, which holds keys and peppers, out of files.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// No core is written when the process crashes, and nobody but root may look into it or trace it. To be
/// called before a secret is read. Each of the two leaves a gap that the other closes: the limit does not
/// hold where the kernel pipes cores to a program, and the flag is lost where another program is run.
pub(crate) fn keep_private() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}
