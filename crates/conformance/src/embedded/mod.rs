//! What a store in a folder has to keep although processes end, other processes come, and the disk fails.
//!
//! [`embedded_suite!`](crate::embedded_suite) makes a test of every case. A case starts the test's own
//! program again for a process that can be killed, so there is no other program to write: all that it needs is
//! a function that opens the store.
//!
//! ```text
//! capykeys_conformance::embedded_suite!(open);
//!
//! fn open(folder: &Path) -> Result<Store, String> {
//!     let store = MyStore::open(folder, fixtures::host()).map_err(|error| error.to_string())?;
//!     Ok(Store::new(store, ()))
//! }
//! ```
//!
//! A disk that fails or hangs is played by a library that takes the place of `fsync`, `fdatasync` and
//! `msync` in that process (`LD_PRELOAD`; `cc` compiles it). A store that reaches the disk by bare system calls, or with
//! `O_DSYNC`, is not seen by it and fails these two cases: look at `strace` then. What a power loss does to
//! the blocks of a file is not played by anything here.

#[doc(hidden)]
pub mod cases;
mod child;
mod disk;
mod process;
mod scene;

use std::path::Path;

pub use child::serve;

use crate::Store;

/// Opens the store in this folder, which is made where it does not exist, or says in one sentence why not.
pub type Open = fn(&Path) -> Result<Store, String>;

/// What is tested.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Rig {
    pub open: Open,
    /// Where in the test's program the macro stands: `module_path!()`.
    pub module: &'static str,
}

/// Makes a test of every case of [`embedded`](crate::embedded). `$open` is an [`Open`].
#[macro_export]
macro_rules! embedded_suite {
    ($open:path) => {
        /// A process of its own, which the tests below start.
        #[test]
        #[ignore = "a part of other tests"]
        fn process() {
            $crate::embedded::serve($open);
        }

        $crate::__embedded! { $open,
            what_was_acknowledged_survives_a_kill
            a_store_whose_creation_was_killed_opens_again
            what_is_stored_survives_reopening
            a_second_process_can_work_beside_the_first
            processes_that_create_the_store_at_once_share_it
            nothing_is_acknowledged_that_the_disk_has_refused
            on_a_disk_that_hangs_every_call_comes_back_and_no_write_is_acknowledged
            on_a_full_disk_nothing_is_lost_and_reads_go_on
            everything_is_made_for_its_owner_alone
            no_two_stores_have_a_mark_in_common
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __embedded {
    ($open:path, $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $crate::embedded::cases::$case($crate::embedded::Rig { open: $open, module: module_path!() });
            }
        )*
    };
}
