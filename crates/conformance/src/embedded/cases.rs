//! The cases: each panics where the store breaks its promise.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use capykeys_domain::ports::{EventPosition, FeedPosition, FeedQuery, Limit, Poll};

use super::{
    Rig, disk,
    process::Process,
    scene::{Scene, wait},
};
use crate::{Store, cases::support::READER};

/// How often a process is killed.
const KILLS: usize = 12;
/// How many processes come at once.
const CROWD: usize = 6;
/// How much a store may still write before its disk is full.
const ROOM: u64 = 4 * 1024 * 1024;

/// While it writes, again and again in one folder. Nothing is there by half either: a key and its event, a
/// revocation, its event and what the feed tells of it.
pub fn what_was_acknowledged_survives_a_kill(rig: Rig) {
    let mut scene = Scene::new(rig);
    for round in 0..KILLS {
        let mut process = scene.process("write");
        process.says("opened");
        // Each time at another place: of what is said, for whoever writes may do so in step.
        for _ in 0..20 + round * 37 % 64 {
            let said = process.next().expect("it writes until it is killed");
            scene.note([said]);
        }
        scene.note(process.kill());
        scene.check();
    }
}

/// At whatever moment.
pub fn a_store_whose_creation_was_killed_opens_again(rig: Rig) {
    for round in 0..30 {
        let folder = tempfile::tempdir().expect("a folder");
        let process = Process::start(rig, folder.path(), "open");
        // Not to wait for anything: each round kills at another moment.
        thread::sleep(Duration::from_millis(round));
        process.kill();
        (rig.open)(&folder.path().join("data")).expect("it opens again");
    }
}

/// Also where readers of the feed and of the log were, unless they are told to begin anew.
pub fn what_is_stored_survives_reopening(rig: Rig) {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || (rig.open)(&folder.path().join("data")).expect("nobody else has it open");
    let store = open();
    let (organization, keys, events, feed, log) = wait(async {
        let organization = store.organization().await;
        store.key(&organization, 1).await;
        store.revoked_key(&organization, 2).await;
        let (keys, events) = (store.listed(organization.id).await, store.events(organization.id).await);
        let (feed, (.., log, _, _)) = (store.end_of_feed().await, store.followed(None, 10).await);
        (organization, keys, events, feed, log)
    });
    drop(store);
    let store = open();
    wait(async {
        assert_eq!(store.listed(organization.id).await, keys);
        assert_eq!(store.events(organization.id).await, events);
        goes_on(&store, feed, log).await;
    });
}

/// What comes next is told to a reader that goes on from there.
async fn goes_on(store: &Store, feed: FeedPosition, log: EventPosition) {
    let organization = store.organization().await;
    let revoked = store.revoked_key(&organization, 3).await;
    let query = FeedQuery { reader: READER, after: feed, limit: Limit::MAX };
    match store.feed.poll_changes(query).await.expect("it is there") {
        Poll::Changes { changes, .. } => assert_eq!(changes, [capykeys_domain::ports::Change::Key(revoked)]),
        Poll::Diverged(head) => assert_ne!(head.position.epoch, feed.epoch, "in one epoch nothing is lost"),
    }
    let (told, ..) = store.followed(Some(log), 10).await;
    assert_eq!(told, store.events(organization.id).await);
}

/// Operators' commands run beside a server: what one writes the other sees.
pub fn a_second_process_can_work_beside_the_first(rig: Rig) {
    let mut scene = Scene::new(rig);
    let mut server = scene.process("create");
    server.says("opened");
    let mut command = scene.process("create");
    command.says("opened");
    let working = [&mut server, &mut command];
    let mut said = Vec::new();
    for round in 0..6 {
        let turn = round % working.len();
        working[turn].tell("again");
        said.extend(working[turn].next());
    }
    assert_eq!(said.len(), 6);
    scene.note(said);
    server.tell("");
    server.finish();
    drop(command);
    scene.check();
}

/// Each can work on it, or is refused; and at least one is not.
pub fn processes_that_create_the_store_at_once_share_it(rig: Rig) {
    for _ in 0..3 {
        let folder = tempfile::tempdir().expect("a folder");
        let start = |_| Process::start(rig, folder.path(), "open");
        let processes: Vec<_> = (0..CROWD).map(start).collect();
        let said: Vec<String> = processes.into_iter().flat_map(Process::finish).collect();
        assert_eq!(said.len(), CROWD, "{said:?}");
        assert!(said.iter().all(|one| one == "opened" || one.starts_with("refused ")), "{said:?}");
        assert!(said.iter().any(|one| one == "opened"), "{said:?}");
        (rig.open)(&folder.path().join("data")).expect("it opens again");
    }
}

/// An answer is given when what it says is on the disk, and not before.
pub fn nothing_is_acknowledged_that_the_disk_has_refused(rig: Rig) {
    on_a_bad_disk(rig, "refuse");
}

/// It comes back with an error, until the disk is well; then the store works again without being opened anew. Reads
/// are answered meanwhile, and nobody is told that it is ready.
pub fn on_a_disk_that_hangs_every_call_comes_back_and_no_write_is_acknowledged(rig: Rig) {
    on_a_bad_disk(rig, "hang");
}

fn on_a_bad_disk(rig: Rig, task: &str) {
    let mut scene = Scene::new(rig);
    let library = disk::library(scene.folder.path());
    let process = Process::start_with(rig, scene.folder.path(), &scene.task(task), |command| {
        command.env("LD_PRELOAD", library);
    });
    scene.note(process.finish());
    scene.check();
}

/// A file that may not grow is a disk that is full. What was acknowledged is there, nothing is there by half, and
/// with room again it goes on.
pub fn on_a_full_disk_nothing_is_lost_and_reads_go_on(rig: Rig) {
    let mut scene = Scene::new(rig);
    let largest = files(&scene.data()).into_iter().map(|file| size(&file)).max().expect("a file");
    let task = scene.task("fill");
    let process = Process::start_with_files_of(rig, scene.folder.path(), &task, largest + ROOM);
    scene.note(process.finish());
    let store = scene.check();
    wait(store.key(&scene.organization, 9));
}

/// A pepper lies in the folder, and what is in the store is nobody else's business.
pub fn everything_is_made_for_its_owner_alone(rig: Rig) {
    let scene = Scene::new(rig);
    let _store = scene.check();
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&scene.data()), 0o700);
    for file in files(&scene.data()) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.collect()
}

fn size(file: &Path) -> u64 {
    file.metadata().expect("it is there").len()
}

/// Or a reader of one could go on in the other: after a restore, say.
pub fn no_two_stores_have_a_mark_in_common(rig: Rig) {
    let positions = || {
        let folder = tempfile::tempdir().expect("a folder");
        let store = (rig.open)(folder.path()).expect("nobody else has it open");
        wait(async {
            let organization = store.organization().await;
            let mut positions = vec![store.end_of_feed().await];
            for micros in 0..3 {
                store.revoked_key(&organization, micros).await;
                positions.push(store.end_of_feed().await);
            }
            positions
        })
    };
    for (one, other) in positions().into_iter().zip(positions()) {
        assert_eq!(one.sequence, other.sequence, "both have counted as far");
        assert_ne!(one.mark, other.mark, "a mark is made from something that is not random");
    }
}
