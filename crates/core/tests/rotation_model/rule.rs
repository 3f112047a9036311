//! The rule that a model runs: the real one, or its table written a second time, with something broken.

use std::time::Duration;

use countersign_core::session::{RefreshToken, State, Verdict, Windows};
use countersign_core::{SessionId, Timestamp, UserId};

/// A session as login leaves it, and the token that login hands out.
pub(crate) fn login(now: Timestamp) -> (State, RefreshToken) {
    let state = State::first(now);
    let token = state.confirmed(UserId::from_bytes([1; 16]), SessionId::from_bytes([2; 16]));
    (state, token)
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Rule {
    Broken(Table),
    Real(Windows),
}

impl Rule {
    /// The real rule, with F and G in seconds.
    pub(crate) fn real(flight: u64, grace: u64) -> Self {
        Self::Real(Windows::new(Duration::from_secs(flight), Duration::from_secs(grace)).unwrap())
    }

    pub(crate) fn judge(&self, state: &State, shown: &RefreshToken, now: Timestamp) -> Verdict {
        match self {
            Self::Broken(table) => table.judge(state, shown, now),
            Self::Real(windows) => state.judge(shown, now, windows),
        }
    }

    pub(crate) fn answer(&self, state: &State, shown: &RefreshToken, now: Timestamp) -> RefreshToken {
        shown.answer(state, now, &self.windows())
    }

    /// G.
    pub(crate) fn grace(&self) -> Duration {
        self.windows().grace()
    }

    fn windows(&self) -> Windows {
        match self {
            // A child depends on G alone, so a table with a G that `Windows::new` refuses can borrow a tiny F.
            Self::Broken(table) => {
                Windows::new(Duration::from_millis(1), Duration::from_secs(table.grace)).unwrap()
            }
            Self::Real(windows) => *windows,
        }
    }
}

/// The verdict table of the design. [`Table::WHOLE`] is compared with the real rule in `broken.rs`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    /// F, in seconds.
    pub(crate) flight: u64,
    /// G, in seconds.
    pub(crate) grace: u64,
    /// Rows that are struck out: what fits them is left to the rows below.
    pub(crate) without: &'static [u8],
    /// A row that gives this verdict instead of its own.
    pub(crate) instead: Option<(u8, Verdict)>,
    /// How many steps a token may be behind in row 2.
    pub(crate) steps_behind: i64,
    /// How many flight times before the confirm a token may be issued in row 5.
    pub(crate) flights_before: i64,
    /// Whether row 1 has its bounds.
    pub(crate) bounded: bool,
}

impl Table {
    pub(crate) const WHOLE: Self = Self {
        flight: 1,
        grace: 3,
        without: &[],
        instead: None,
        steps_behind: 1,
        flights_before: 2,
        bounded: true,
    };

    pub(crate) fn judge(&self, state: &State, shown: &RefreshToken, now: Timestamp) -> Verdict {
        let now = now.max(state.confirmed_at);
        let next = State {
            place: shown.place,
            confirmed_at: now,
        };
        let row = self.row(state, shown, now);
        match self.instead {
            Some((broken, verdict)) if broken == row => verdict,
            _ => match row {
                1 => Verdict::Adopt(next),
                2 | 3 => Verdict::Repeat,
                4 => Verdict::Confirm(next),
                5 => Verdict::Switch(next),
                _ => Verdict::Reuse,
            },
        }
    }

    /// The first row that fits.
    pub(crate) fn row(&self, state: &State, shown: &RefreshToken, now: Timestamp) -> u8 {
        let ahead = i64::from(shown.place.depth) - i64::from(state.place.depth);
        let issued = millis(shown.issued) - millis(state.confirmed_at);
        let age = millis(now) - millis(state.confirmed_at);
        let flight = millis(Timestamp::from_secs(self.flight));
        let grace = millis(Timestamp::from_secs(self.grace));

        let possible = issued >= 0 && issued <= age + 2_000 && ahead <= 2 + issued / grace;
        let fits = [
            ahead > 1,
            age < grace && ahead >= -self.steps_behind,
            shown.place == state.place,
            ahead == 1 && shown.place.parent_slot == state.place.slot,
            issued >= -flight * self.flights_before,
            true,
        ];
        let row = (1..)
            .zip(fits)
            .find(|(row, fits)| *fits && !self.without.contains(row));
        match row {
            Some((1, _)) if self.bounded && !possible => 6,
            Some((row, _)) => row,
            None => 6,
        }
    }
}

fn millis(moment: Timestamp) -> i64 {
    moment.as_millis().cast_signed()
}
