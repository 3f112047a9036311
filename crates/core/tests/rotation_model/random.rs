//! Long random lives of honest browsers: tabs, lost and late answers, sleeping laptops, restarts. Real spans, in
//! milliseconds; what fails is shrunk to the shortest life that does.

use countersign_core::Timestamp;
use countersign_core::session::{RefreshToken, State, Verdict, Windows};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::rule::login;

const OPERATIONS: usize = 1_000;

#[derive(Debug, Clone)]
enum Operation {
    /// Nothing happens until so many milliseconds before a window ends, where requests cross.
    Approach(u64),
    /// The server restarts, and may have lost what it wrote last.
    Crash { lost_commits: usize },
    /// A tab refreshes.
    Refresh(Flight),
    /// Nothing happens for so many milliseconds.
    Wait(u64),
}

/// How one request fares. The spans are parts of the flight time.
#[derive(Debug, Clone)]
struct Flight {
    out: Index,
    back: Index,
    lost: bool,
    /// Whether the question reaches the server once more, when the answer is due.
    twice: bool,
    /// How many commits the node that answers is behind.
    lag: usize,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Answer(RefreshToken),
    Question {
        shown: RefreshToken,
        back: u64,
        lost: bool,
        lag: usize,
    },
}

struct Life {
    now: u64,
    windows: Windows,
    /// The states that were committed, the newest last.
    commits: Vec<State>,
    jar: RefreshToken,
    /// What will happen, and when.
    due: Vec<(u64, Event)>,
    last_crash: u64,
}

impl Life {
    fn after_login() -> Self {
        let now = 1_000_000_000;
        let (state, jar) = login(Timestamp::from_millis(now));
        Self {
            now,
            windows: Windows::default(),
            commits: vec![state],
            jar,
            due: Vec::new(),
            last_crash: 0,
        }
    }

    /// Lives through the operations with so many requests under way at once.
    fn run(mut self, operations: &[Operation], tabs: usize) -> Result<Self, TestCaseError> {
        for operation in operations {
            match operation {
                Operation::Approach(millis) => self.pass(self.until_window_ends(*millis))?,
                Operation::Crash { lost_commits } => self.crash(*lost_commits),
                Operation::Refresh(flight) if self.due.len() < tabs => self.send(flight),
                Operation::Refresh(_) => {}
                Operation::Wait(millis) => self.pass(*millis)?,
            }
        }
        self.pass(3_600_000)?;
        Ok(self)
    }

    /// How long it is to so many milliseconds before the end of a window.
    fn until_window_ends(&self, millis: u64) -> u64 {
        let grace = self.windows.grace().as_secs() * 1_000;
        let confirmed_at = self.commits[self.commits.len() - 1].confirmed_at.as_millis();
        grace - (self.now - confirmed_at + millis) % grace
    }

    fn send(&mut self, flight: &Flight) {
        let longest = usize::try_from(self.windows.flight().as_millis()).unwrap();
        let out = flight.out.index(longest + 1);
        let back = flight.back.index(longest - out + 1) as u64;
        let arrives = self.now + out as u64;
        let mut question = |at, back, lost| {
            let event = Event::Question {
                shown: self.jar,
                back,
                lost,
                lag: flight.lag,
            };
            self.due.push((at, event));
        };
        question(arrives, back, flight.lost);
        if flight.twice {
            question(arrives + back, 0, false);
        }
    }

    /// A crash heals one at a time, and with no request under way: more is not claimed.
    fn crash(&mut self, lost_commits: usize) {
        let apart = self.now - self.last_crash >= self.windows.grace().as_secs() * 1_000;
        if self.due.is_empty() && apart {
            self.last_crash = self.now;
            self.commits
                .truncate(self.commits.len().saturating_sub(lost_commits).max(1));
        }
    }

    fn pass(&mut self, millis: u64) -> Result<(), TestCaseError> {
        let until = self.now + millis;
        while let Some(next) = self.next_due(until) {
            let (at, event) = self.due.remove(next);
            self.now = at;
            match event {
                Event::Answer(token) => self.jar = token,
                Event::Question {
                    shown,
                    back,
                    lost,
                    lag,
                } => {
                    let answer = self.judge(&shown, lag)?;
                    if !lost {
                        self.due.push((at + back, Event::Answer(answer)));
                    }
                }
            }
        }
        self.now = until;
        Ok(())
    }

    fn next_due(&self, until: u64) -> Option<usize> {
        let due = (0..self.due.len()).filter(|&at| self.due[at].0 <= until);
        due.min_by_key(|&at| self.due[at].0)
    }

    fn judge(&mut self, shown: &RefreshToken, lag: usize) -> Result<RefreshToken, TestCaseError> {
        let now = Timestamp::from_millis(self.now);
        let truth = self.commits[self.commits.len() - 1];
        let seen = self.commits[self.commits.len().saturating_sub(1 + lag)];
        let mut verdict = seen.judge(shown, now, &self.windows);
        if verdict == Verdict::Repeat {
            return Ok(shown.answer(&seen, now, &self.windows));
        }
        if (seen.place.depth, seen.place.slot) != (truth.place.depth, truth.place.slot) {
            verdict = truth.judge(shown, now, &self.windows);
        }
        prop_assert_ne!(
            verdict,
            Verdict::Reuse,
            "{:?} shown to {:?} at {}",
            shown,
            truth,
            self.now
        );
        self.commits.extend(verdict.next());
        Ok(shown.answer(&verdict.next().unwrap_or(truth), now, &self.windows))
    }
}

fn wait() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => (0_u64..4_000).prop_map(Operation::Wait),
        3 => (0_u64..8_000).prop_map(Operation::Approach),
        1 => (0_u64..8 * 3_600_000).prop_map(Operation::Wait),
    ]
}

fn refresh(losses: f64, twice: f64, lag: usize) -> impl Strategy<Value = Operation> {
    let flight = (
        any::<Index>(),
        any::<Index>(),
        prop::bool::weighted(losses),
        prop::bool::weighted(twice),
        0..=lag,
    );
    flight.prop_map(|(out, back, lost, twice, lag)| {
        Operation::Refresh(Flight {
            out,
            back,
            lost,
            twice,
            lag,
        })
    })
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn three_tabs_two_nodes_and_a_bad_network(
        life in prop::collection::vec(prop_oneof![2 => refresh(0.4, 0.1, 1), 1 => wait()], OPERATIONS),
    ) {
        Life::after_login().run(&life, 3)?;
    }

    #[test]
    fn one_tab_and_a_server_that_forgets(
        life in prop::collection::vec(
            prop_oneof![
                4 => refresh(0.2, 0.0, 0),
                4 => wait(),
                1 => (0_usize..4).prop_map(|lost_commits| Operation::Crash { lost_commits }),
            ],
            OPERATIONS,
        ),
    ) {
        Life::after_login().run(&life, 1)?;
    }

    /// However long a life was, a token that two later ones have replaced is noticed.
    #[test]
    fn an_old_token_is_noticed_after_any_life(
        life in prop::collection::vec(prop_oneof![2 => refresh(0.4, 0.1, 1), 1 => wait()], OPERATIONS),
    ) {
        let mut life = Life::after_login().run(&life, 3)?;
        let old = life.jar;
        for _ in 0..3 {
            life.jar = life.judge(&life.jar.clone(), 0)?;
            life.pass(60_000)?;
        }
        let truth = life.commits[life.commits.len() - 1];
        let verdict = truth.judge(&old, Timestamp::from_millis(life.now), &life.windows);
        prop_assert_eq!(verdict, Verdict::Reuse);
    }
}

proptest! {
    #![proptest_config(config(1_000))]

    #[test]
    fn a_thousand_lives_with_lost_answers_lose_no_session(
        life in prop::collection::vec(prop_oneof![refresh(0.5, 0.0, 0), wait()], OPERATIONS),
    ) {
        Life::after_login().run(&life, 1)?;
    }
}
