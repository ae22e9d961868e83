//! Writers and readers in every order of their steps: a look takes its snapshot at one time, reads the locks at a
//! later one, and other looks and commits come between.

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{AuditAction, Sequence},
    ports::Limit,
};
use proptest::prelude::*;

use super::*;

const EPOCH: [u8; 16] = [1; 16];
const READERS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A writer takes the lock.
    Begin,
    Draw(usize),
    /// What it has drawn can be seen; it still has the lock.
    Commit(usize),
    /// It gives the lock up, and its numbers too where it has not committed.
    End(usize),
    /// A reader takes a snapshot.
    Look(usize),
    /// It reads the locks.
    Locks(usize),
    /// It is answered.
    Answer(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Begin),
        (0..4_usize).prop_map(Step::Draw),
        (0..4_usize).prop_map(Step::Commit),
        (0..4_usize).prop_map(Step::End),
        (0..READERS).prop_map(Step::Look),
        (0..READERS).prop_map(Step::Locks),
        (0..READERS).prop_map(Step::Answer),
    ]
}

#[derive(Default)]
struct World {
    drawn: i64,
    /// Those that have the lock, by name, with what they have drawn and not committed.
    writers: Vec<(String, Vec<i64>)>,
    begun: usize,
    visible: Vec<i64>,
    gaps: Gaps,
    readers: [Reader; READERS],
}

#[derive(Default)]
struct Reader {
    told: Vec<i64>,
    /// What was visible, and known, when its look began.
    look: Option<(Vec<i64>, Known)>,
    /// Who had the lock after that, and the last number that was drawn.
    locks: Option<(Vec<String>, i64)>,
}

impl World {
    /// After these steps, the end of all writers, and as many looks as it takes.
    fn after(steps: impl IntoIterator<Item = Step>) -> Self {
        let mut world = Self::default();
        for step in steps {
            world.take(step);
        }
        while !world.writers.is_empty() {
            world.take(Step::End(0));
        }
        let looks = 3 + 2 * world.visible.len();
        for reader in (0..READERS).cycle().take(looks * READERS) {
            for step in [Step::Look(reader), Step::Locks(reader), Step::Answer(reader)] {
                world.take(step);
            }
        }
        world
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Begin => {
                self.begun += 1;
                self.writers.push((format!("3/{}", self.begun), Vec::new()));
            }
            Step::Draw(index) => {
                if let Some((_, numbers)) = self.writers.get_mut(index) {
                    self.drawn += 1;
                    numbers.push(self.drawn);
                }
            }
            Step::Commit(index) => {
                if let Some((_, numbers)) = self.writers.get_mut(index) {
                    self.visible.append(numbers);
                    self.visible.sort_unstable();
                }
            }
            Step::End(index) if index < self.writers.len() => drop(self.writers.remove(index)),
            Step::End(_) => {}
            Step::Look(reader) => {
                self.readers[reader].look = Some((self.visible.clone(), self.gaps.known));
                self.readers[reader].locks = None;
            }
            Step::Locks(reader) => {
                let writers = self.writers.iter().map(|(name, _)| name.clone()).collect();
                self.readers[reader].locks = Some((writers, self.drawn));
            }
            Step::Answer(reader) => self.answer(reader),
        }
    }

    fn answer(&mut self, reader: usize) {
        let limit = Limit::new(u16::try_from(reader).unwrap() * 2 + 1).unwrap();
        let Reader { told, look, locks } = &mut self.readers[reader];
        let (Some((visible, known)), Some((writers, drawn))) =
            (look.take_if(|_| locks.is_some()), locks.take())
        else {
            return;
        };
        let last = told.last().copied().unwrap_or(0);
        let page: Vec<_> = visible.iter().copied().filter(|&number| number > last).collect();
        let page = &page[..page.len().min(usize::from(limit.get()) + 1)];
        let has_gap = page.last().is_some_and(|&end| end - last > i64::try_from(page.len()).unwrap());
        let id = fixtures::organization(fixtures::at(0)).id;
        let event = fixtures::event(AuditAction::ListKeys, fixtures::at(0), id, None);
        let look = Look {
            position: EventPosition { sequence: fixtures::sequence(last), epoch: EPOCH },
            newest: fixtures::sequence(visible.last().copied().unwrap_or(0)),
            drawn: fixtures::sequence(drawn),
            expired_through: Sequence::START,
            writers: has_gap.then_some(writers),
            records: page
                .iter()
                .map(|&number| AuditRecord { sequence: fixtures::sequence(number), event: event.clone() })
                .collect(),
        };
        let asked = look.position;
        let Followed::Events { events, .. } = self.gaps.tell(look, known, Some(asked), limit) else {
            panic!("diverged")
        };
        told.extend(events.iter().map(|one| one.sequence.get()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_reader_is_told_everything_in_order_whatever_comes_between(steps in proptest::collection::vec(step(), 0..80)) {
        let world = World::after(steps);
        for reader in &world.readers {
            prop_assert_eq!(&reader.told, &world.visible);
        }
    }
}

/// It would take a writer for gone that the look in between has seen.
#[test]
fn an_answer_that_comes_late_says_nothing_about_those_who_came_since() {
    use Step::{Answer, Begin, Commit, Draw, End, Locks, Look};
    let writes = |writer| [Begin, Draw(writer), Commit(writer), End(writer)];
    let looks = |reader| [Look(reader), Locks(reader), Answer(reader)];
    // Two numbers are open: 1, and 3 of a writer whom the first look has not seen.
    let open: &[&[Step]] = &[
        &[Begin, Draw(0)],
        &writes(1),
        &[Look(0), Locks(0)],
        &[Begin, Draw(1)],
        &writes(2),
        &looks(1),
        &[Answer(0)],
        &[End(0)],
        &looks(1),
        &looks(1),
        &[Commit(0)],
    ];
    let world = World::after(open.concat());
    assert_eq!(world.visible, [2, 3, 4]);
    for reader in &world.readers {
        assert_eq!(reader.told, world.visible);
    }
}
