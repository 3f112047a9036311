//! The judge: from what the clients were told to the promises that were broken. A pure function.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::history::{Exchange, Facts, Life, Tick, Told, Why};
use crate::token::Token;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An honest session was refused.
    Lost(String, Option<Why>),
    /// Two children of one parent were both alive and moved on.
    Forked(String, u32),
    /// A token that was superseded beyond the grace was shown, and answered.
    Unnoticed(String, Token),
    /// A session that had ended, as somebody was told, was alive.
    Undone(String, &'static str),
    /// An account whose creation was answered cannot log in.
    Forgotten(String),
    /// The run ended without a look at this session or account: a run that looks at nothing finds nothing.
    Unseen(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(session, why) => write!(to, "{session}: an honest session was lost: {why:?}"),
            Self::Forked(session, depth) => write!(to, "{session}: forked at depth {depth}"),
            Self::Unnoticed(session, token) => write!(to, "{session}: a replay went unnoticed: {token:?}"),
            Self::Undone(session, how) => write!(to, "{session}: its end was undone: {how}"),
            Self::Forgotten(account) => write!(to, "{account}: signed up, and cannot log in"),
            Self::Unseen(what) => write!(to, "{what}: nobody looked at it in the end"),
        }
    }
}

/// What a history came to.
#[derive(Debug, Default)]
pub struct Findings {
    /// The promises that were broken.
    pub faults: Vec<Fault>,
    /// Replays that had to be noticed, so that one can see that there were some.
    pub replays: usize,
    /// Sessions whose end was answered.
    pub logouts: usize,
    /// All sessions.
    pub sessions: usize,
}

/// Judges what clients of a server with this flight time were told.
pub fn judge(facts: &Facts, flight: Duration) -> Findings {
    let mut findings = Findings { sessions: facts.sessions.len(), ..Findings::default() };
    for (id, life) in &facts.sessions {
        let case = Case { id, life, facts, flight };
        findings.logouts += usize::from(life.left.is_some());
        findings.replays += life.thief.iter().filter(|replay| case.must_be_noticed(replay)).count();
        findings.faults.extend(case.faults());
    }
    for (account, could) in &facts.accounts {
        match could {
            Some(true) => {}
            Some(false) => findings.faults.push(Fault::Forgotten(account.clone())),
            None => findings.faults.push(Fault::Unseen(account.clone())),
        }
    }
    findings
}

struct Case<'f> {
    id: &'f str,
    life: &'f Life,
    facts: &'f Facts,
    flight: Duration,
}

impl Case<'_> {
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        faults.extend(self.lost());
        faults.extend(self.forked());
        faults.extend(self.unnoticed());
        faults.extend(self.undone().map(|how| Fault::Undone(self.id.to_owned(), how)));
        if self.is_unseen() {
            faults.push(Fault::Unseen(self.id.to_owned()));
        }
        faults
    }

    /// A refusal that nobody asked for, or none that fits.
    fn lost(&self) -> Option<Fault> {
        let Life { honest, leaving, stolen, left, shown_access, .. } = self.life;
        let over_by = |tick: Tick| leaving.or(*stolen).is_some_and(|_| first(*leaving, *stolen) < tick);
        let refused = honest.iter().find_map(|exchange| match &exchange.told {
            Err(why) if !over_by(exchange.got) || why.code != "SESSION_ENDED" => Some(why.clone()),
            Ok(_) | Err(_) => None,
        });
        let access_refused = leaving.is_none()
            && stolen.is_none()
            && left.is_none()
            && shown_access.is_some_and(|(_, status)| status != 200);
        (refused.is_some() || access_refused).then(|| Fault::Lost(self.id.to_owned(), refused))
    }

    /// Two confirmed tokens at one depth that come from two confirmed tokens one step before: both lines moved on.
    /// One alone is a switch, which answers that crossed make, and after which only one line goes on.
    fn forked(&self) -> Option<Fault> {
        let answered = self.life.honest.iter().chain(&self.life.thief);
        let tokens: Vec<Token> = answered.filter_map(|exchange| exchange.told.clone().ok()).collect();
        // The slot of a token that was confirmed, as its children say, and who its own parents were.
        let confirmed: BTreeSet<(u32, u64)> = tokens
            .iter()
            .filter_map(|token| Some((token.depth.checked_sub(1)?, token.parent_slot)))
            .collect();
        let mut lines: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
        for token in &tokens {
            if confirmed.contains(&(token.depth, token.slot)) {
                lines.entry(token.depth).or_default().insert(token.parent_slot);
            }
        }
        let forked = lines.into_iter().find(|(_, parents)| parents.len() > 1);
        forked.map(|(depth, _)| Fault::Forked(self.id.to_owned(), depth))
    }

    fn unnoticed(&self) -> Option<Fault> {
        let mut missed = self.life.thief.iter().filter(|replay| replay.told.is_ok());
        let replay = missed.find(|replay| self.must_be_noticed(replay))?;
        Some(Fault::Unnoticed(self.id.to_owned(), replay.shown))
    }

    /// Whether somebody had been told that a token two steps on was confirmed, and confirmed more than two flight
    /// times after the shown one was issued; and nothing of that may have been forgotten since.
    fn must_be_noticed(&self, replay: &Exchange) -> bool {
        let remembered = self.facts.power_losses.iter().filter(|loss| **loss < replay.got).max().copied();
        let late = u64::try_from(self.flight.as_millis() * 2).unwrap_or(u64::MAX);
        self.life.honest.iter().any(|exchange| {
            let Ok(token) = &exchange.told else { return false };
            Some(exchange.sent) > remembered
                && exchange.got < replay.sent
                && token.answers_confirmed(&exchange.shown)
                && exchange.shown.depth >= replay.shown.depth.saturating_add(2)
                && exchange.shown.issued > replay.shown.issued.saturating_add(late)
        })
    }

    fn undone(&self) -> Option<&'static str> {
        let Life { honest, thief, left, shown_access, .. } = self.life;
        let all = || honest.iter().chain(thief);
        let is_end = |told: &Told| matches!(told, Err(why) if why.code == "SESSION_ENDED");
        let told_ended = all().filter(|exchange| is_end(&exchange.told)).map(|exchange| exchange.got).min();
        let answered_after = |end: Option<Tick>| {
            end.is_some_and(|end| all().any(|exchange| exchange.told.is_ok() && exchange.sent > end))
        };
        let shown_after = |end: Option<Tick>| {
            end.is_some_and(|end| shown_access.is_some_and(|(sent, status)| sent > end && status == 200))
        };
        let reason_after = |end: Option<Tick>| {
            end.is_some_and(|end| {
                all().any(|exchange| {
                    matches!(&exchange.told, Err(why) if exchange.sent > end && why.code != "SESSION_ENDED")
                })
            })
        };
        if answered_after(*left) {
            Some("a refresh after the answered logout")
        } else if shown_after(*left) {
            Some("an access token after the answered logout")
        } else if answered_after(told_ended) {
            Some("a refresh after SESSION_ENDED")
        } else if shown_after(told_ended) {
            Some("an access token after SESSION_ENDED")
        } else if reason_after(*left) {
            Some("the session is unknown")
        } else {
            None
        }
    }

    fn is_unseen(&self) -> bool {
        let Some(closed) = self.facts.closed else { return true };
        let refreshed = self.life.honest.iter().any(|exchange| exchange.sent > closed);
        let shown = self.life.shown_access.is_some_and(|(sent, _)| sent > closed);
        !(refreshed && shown)
    }
}

/// The earlier of two moments, one of which may never have come.
fn first(one: Option<Tick>, other: Option<Tick>) -> Tick {
    one.unwrap_or(Tick::MAX).min(other.unwrap_or(Tick::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLIGHT: Duration = Duration::from_secs(1);
    const ANN: &str = "ses_ann";

    /// The token of this depth in a life with one refresh every three seconds; its slot is when it was issued.
    fn token(depth: u32) -> Token {
        let issued = u64::from(depth) * 3_000;
        Token { depth, slot: issued, parent_slot: issued.saturating_sub(3_000), issued }
    }

    fn ended(reason: &str) -> Told {
        refused("SESSION_ENDED", Some(reason))
    }

    fn refused(code: &str, reason: Option<&str>) -> Told {
        Err(Why { status: 401, code: code.to_owned(), reason: reason.map(str::to_owned) })
    }

    fn refresh(facts: &mut Facts, shown: Token, told: Told) {
        let sent = facts.send();
        facts.refreshed(ANN, sent, shown, told);
    }

    fn replay(facts: &mut Facts, shown: Token, told: Told) {
        let sent = facts.stealing(ANN);
        facts.stole(ANN, sent, shown, told);
    }

    /// A session that has moved on to this depth.
    fn life(depth: u32) -> Facts {
        let mut facts = Facts::default();
        facts.opened(ANN);
        for depth in 0..depth {
            refresh(&mut facts, token(depth), Ok(token(depth + 1)));
        }
        facts
    }

    /// The last look: what the newest token and its access token are answered.
    fn look(facts: &mut Facts, depth: u32, told: Told, status: u16) -> Vec<Fault> {
        facts.close();
        refresh(facts, token(depth), told);
        let sent = facts.send();
        facts.showed_access(ANN, sent, status);
        judge(facts, FLIGHT).faults
    }

    #[test]
    fn an_ordinary_life_is_no_fault() {
        let mut facts = life(5);
        assert_eq!(look(&mut facts, 5, Ok(token(6)), 200), []);
        assert_eq!(facts.rotations, 5);

        let mut facts = life(5);
        facts.leaving(ANN);
        facts.left(ANN);
        assert_eq!(look(&mut facts, 5, ended("logout"), 401), []);

        let mut facts = life(5);
        replay(&mut facts, token(1), ended("reuse"));
        assert_eq!(look(&mut facts, 5, ended("reuse"), 401), []);
        assert_eq!(judge(&facts, FLIGHT).replays, 1);
    }

    #[test]
    fn a_lost_session_is_one() {
        let lost = |faults: &[Fault]| matches!(faults, [Fault::Lost(..)]);
        assert!(lost(&look(&mut life(5), 5, ended("reuse"), 401)));
        assert!(lost(&look(&mut life(5), 5, Ok(token(6)), 401)), "only its access token is refused");
        assert!(lost(&look(&mut life(5), 5, refused("REFRESH_TOKEN_INVALID", None), 200)));

        // In the middle, before its owner asks for the end.
        let mut facts = life(5);
        refresh(&mut facts, token(5), ended("reuse"));
        facts.leaving(ANN);
        facts.left(ANN);
        assert!(lost(&look(&mut facts, 5, ended("logout"), 401)));
    }

    #[test]
    fn an_answer_after_the_end_is_one() {
        let undone = |faults: &[Fault]| matches!(faults, [Fault::Undone(..)]);
        let left = || {
            let mut facts = life(5);
            facts.leaving(ANN);
            facts.left(ANN);
            facts
        };
        assert!(undone(&look(&mut left(), 5, Ok(token(6)), 401)));
        assert!(undone(&look(&mut left(), 5, ended("logout"), 200)), "only its access token lives");

        // An answer that had been asked for before is none.
        let mut facts = life(5);
        facts.leaving(ANN);
        let sent = facts.send();
        facts.left(ANN);
        facts.refreshed(ANN, sent, token(5), Ok(token(6)));
        assert_eq!(look(&mut facts, 6, ended("logout"), 401), []);

        // A logout that nobody was told of may have happened or not.
        for (told, status) in [(Ok(token(6)), 200), (ended("logout"), 401)] {
            let mut facts = life(5);
            facts.leaving(ANN);
            assert_eq!(look(&mut facts, 5, told, status), []);
        }

        let mut facts = life(5);
        replay(&mut facts, token(1), ended("reuse"));
        assert!(undone(&look(&mut facts, 5, Ok(token(6)), 401)), "the end of a stolen session");
    }

    #[test]
    fn a_replay_that_is_answered_is_one() {
        let unnoticed = |faults: &[Fault]| matches!(faults, [Fault::Unnoticed(..)]);
        let mut facts = life(5);
        replay(&mut facts, token(1), Ok(token(6)));
        assert!(unnoticed(&look(&mut facts, 5, Ok(token(6)), 200)));

        // The parent of the confirmed token, which is inside the grace for all that we know.
        let mut facts = life(5);
        replay(&mut facts, token(3), Ok(token(5)));
        assert_eq!(look(&mut facts, 5, Ok(token(6)), 200), []);

        // After the power went nobody can know, until a later token is confirmed again.
        let mut facts = life(5);
        facts.lost_power();
        replay(&mut facts, token(1), Ok(token(2)));
        assert_eq!(look(&mut facts, 5, Ok(token(6)), 200), []);
        let mut facts = life(5);
        facts.lost_power();
        refresh(&mut facts, token(5), Ok(token(6)));
        replay(&mut facts, token(1), Ok(token(2)));
        assert!(unnoticed(&look(&mut facts, 6, Ok(token(7)), 200)));
    }

    #[test]
    fn two_lines_that_move_on_are_one() {
        let other = |token: Token| Token { slot: token.slot + 1, ..token };
        // A second child of the token of depth 2, which is used and superseded: a switch.
        let mut facts = life(5);
        let branch = Token { parent_slot: other(token(3)).slot, ..other(token(4)) };
        refresh(&mut facts, other(token(3)), Ok(branch));
        assert_eq!(look(&mut facts, 5, Ok(token(6)), 200), []);
        // It moves on once more.
        refresh(&mut facts, branch, Ok(Token { parent_slot: branch.slot, ..token(5) }));
        assert_eq!(judge(&facts, FLIGHT).faults, [Fault::Forked(ANN.to_owned(), 4)]);
    }

    #[test]
    fn an_account_that_is_gone_and_what_nobody_looked_at_are_some() {
        let mut facts = life(5);
        facts.signed_up("ann");
        let unseen = |what: &str| Fault::Unseen(what.to_owned());
        assert_eq!(judge(&facts, FLIGHT).faults, [unseen(ANN), unseen("ann")]);
        facts.logged_in("ann", false);
        assert_eq!(look(&mut facts, 5, Ok(token(6)), 200), [Fault::Forgotten("ann".to_owned())]);
        facts.logged_in("ann", true);
        assert_eq!(judge(&facts, FLIGHT).faults, []);
    }
}
