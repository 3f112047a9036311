//! The histories in which other rules log honest people out, one test each. H5, every schedule, is in `honest`.

use std::time::Duration;

use countersign_core::Timestamp;
use countersign_core::session::{RefreshToken, State, Verdict, Windows};

use crate::rule::login;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

/// A server with one session, at the default windows of 8 s and 30 s.
struct Server {
    state: State,
    now: Timestamp,
}

impl Server {
    fn start() -> (Self, RefreshToken) {
        let now = Timestamp::from_secs(1_000_000);
        let (state, token) = login(now);
        (Self { state, now }, token)
    }

    fn refresh(&mut self, shown: &RefreshToken) -> Result<RefreshToken, Verdict> {
        let windows = Windows::default();
        let verdict = self.state.judge(shown, self.now, &windows);
        if verdict == Verdict::Reuse {
            return Err(verdict);
        }
        self.state = verdict.next().unwrap_or(self.state);
        Ok(shown.answer(&self.state, self.now, &windows))
    }

    /// So much later.
    fn after(&mut self, span: Duration) -> &mut Self {
        self.now = self.now.plus(span);
        self
    }
}

/// A session in the middle of its life: the jar holds a child that nobody has used yet.
fn under_way() -> (Server, RefreshToken) {
    let (mut server, mut jar) = Server::start();
    for _ in 0..3 {
        jar = server.after(HOUR).refresh(&jar).unwrap();
    }
    server.after(HOUR);
    (server, jar)
}

#[test]
fn h1_a_lost_answer_and_a_retry_at_once() {
    let (mut server, jar) = under_way();
    let lost = server.refresh(&jar).unwrap();
    let answer = server.after(SECOND).refresh(&jar).unwrap();
    assert_eq!(
        answer.place, lost.place,
        "everybody within one window gets the same token"
    );
}

#[test]
fn h2_a_lost_answer_and_a_retry_hours_later() {
    let (mut server, jar) = under_way();
    server.refresh(&jar).unwrap();
    let answer = server.after(5 * HOUR).refresh(&jar).unwrap();
    assert!(server.after(HOUR).refresh(&answer).is_ok());
}

/// Each tab sends, is judged, and stores its answer, in that order; the two are interleaved in all 20 ways.
#[test]
fn h3_two_tabs_with_one_jar_in_any_order() {
    for schedule in (0_u8..64).filter(|schedule| schedule.count_ones() == 3) {
        let (mut server, mut jar) = under_way();
        let mut tabs = [Tab::Idle, Tab::Idle];
        for step in 0..6 {
            let tab = &mut tabs[usize::from(schedule >> step & 1)];
            server.after(SECOND);
            *tab = match *tab {
                Tab::Idle => Tab::Asked(jar),
                Tab::Asked(shown) => Tab::Answered(server.refresh(&shown).unwrap()),
                Tab::Answered(token) => {
                    jar = token;
                    Tab::Idle
                }
            };
        }
        for _ in 0..3 {
            jar = server.after(HOUR).refresh(&jar).unwrap();
        }
    }
}

enum Tab {
    Answered(RefreshToken),
    Asked(RefreshToken),
    Idle,
}

#[test]
fn h4_a_server_that_lost_its_last_commits() {
    for lost_commits in [1, 2] {
        let (mut server, mut jar) = under_way();
        let on_disk = server.state;
        for _ in 0..lost_commits {
            jar = server.after(HOUR).refresh(&jar).unwrap();
        }
        server.state = on_disk;
        let answer = server.after(SECOND).refresh(&jar).unwrap();
        assert_eq!(server.state.place, jar.place, "the client brought the truth back");
        assert!(server.after(HOUR).refresh(&answer).is_ok());
    }
}

#[test]
fn a_stolen_token_that_both_use_ends_the_session() {
    let (mut server, jar) = under_way();
    let mut loot = jar;
    let mut jar = jar;
    let noticed = (0..2).any(|_| {
        let stolen = server.after(HOUR).refresh(&loot);
        let own = server.after(HOUR).refresh(&jar);
        loot = stolen.unwrap_or(loot);
        jar = own.unwrap_or(jar);
        stolen.is_err() || own.is_err()
    });
    assert!(noticed);
}

#[test]
fn an_old_token_ends_the_session() {
    let (mut server, old) = under_way();
    let mut jar = old;
    for _ in 0..2 {
        jar = server.after(HOUR).refresh(&jar).unwrap();
    }
    assert_eq!(server.after(HOUR).refresh(&old), Err(Verdict::Reuse));
}
