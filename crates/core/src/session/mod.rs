//! The refresh rule, as a pure function: (state of the session, refresh token shown, time) → verdict.
//!
//! The state is where the *confirmed* token stands, the newest one that was used. What a refresh hands back,
//! its *child*, is written nowhere: it becomes state when it is used. The first row that fits decides.
//!
//! ```text
//!  #  the token shown …                                        verdict
//!  ─  ────────────────────────────────────────────────────     ──────────────────────────────────────────
//!  1  is more than one step ahead, within what time allows ──► Adopt    a crash took our last commits
//!     is more than one step ahead, beyond that ──────────────► Reuse    we cannot have issued it
//!  2  comes within G of the confirm, one step behind at most ► Repeat   parallel tabs, retries, renders
//!  3  is the confirmed token ────────────────────────────────► Repeat   the last answer was lost
//!  4  is a child of the confirmed token ─────────────────────► Confirm  the ordinary refresh
//!  5  was issued later than 2 F before the confirm ──────────► Switch   answers crossed in the network
//!  6  is anything else ──────────────────────────────────────► Reuse    somebody copied it: the session ends
//! ```
//!
//! Adopt, Confirm and Switch carry the next state, to be compare-and-swapped on the old depth and slot; whoever
//! loses the swap reads and judges again. A Reuse ends the session only if the state it was judged by still
//! stands. F and G are the flight time and the grace of [`Windows`].

mod policy;
mod token;

use std::time::Duration;

pub use policy::{BadWindows, Life, Windows};
pub use token::{BadMac, KeyId, MacKey, Malformed, RefreshToken, Shown};

use crate::{SessionId, Timestamp, UserId};

/// How far the clocks of two servers may be apart when a token is adopted.
const CLOCK_SKEW: Duration = Duration::from_secs(2);

/// What makes two refresh tokens of a session the same token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// How many confirmed tokens came before it; login hands out depth 0. It stays at `u32::MAX` once there.
    pub depth: u32,
    /// The start of the window it was handed out in.
    pub slot: Timestamp,
    /// The slot of the confirmed token it is a child of.
    pub parent_slot: Timestamp,
}

impl Place {
    fn is_child_of(self, parent: Self) -> bool {
        self.depth == parent.depth.saturating_add(1) && self.parent_slot == parent.slot
    }
}

/// All that a session remembers of its refresh tokens: the confirmed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    /// Where the confirmed token stands.
    pub place: Place,
    /// When it was first used, or handed out at login.
    pub confirmed_at: Timestamp,
}

impl State {
    /// The state after a login.
    pub const fn first(now: Timestamp) -> Self {
        let place = Place { depth: 0, slot: now, parent_slot: now };
        Self { place, confirmed_at: now }
    }

    /// The token that login hands out: the confirmed one itself.
    pub const fn confirmed(&self, user: UserId, session: SessionId) -> RefreshToken {
        RefreshToken { user, session, place: self.place, issued: self.confirmed_at }
    }

    /// Where the child stands that a refresh at `now` hands back: the same for everybody within one window.
    pub fn child(&self, now: Timestamp, windows: &Windows) -> Place {
        Place {
            depth: self.place.depth.saturating_add(1),
            slot: windows.start(self.confirmed_at, now),
            parent_slot: self.place.slot,
        }
    }

    /// The verdict on a token whose MAC, sender and session are known to be good.
    ///
    /// A `now` before the confirm, from a clock that was set back, is taken as the moment of the confirm.
    pub fn judge(&self, shown: &RefreshToken, now: Timestamp, windows: &Windows) -> Verdict {
        let now = now.max(self.confirmed_at);
        let next = Self { place: shown.place, confirmed_at: now };
        let depth = self.place.depth;

        // 1. Only we can have issued it, so our state is older than the truth.
        if shown.place.depth > depth.saturating_add(1) {
            return if self.can_have_led_to(shown, now, windows) {
                Verdict::Adopt(next)
            } else {
                Verdict::Reuse
            };
        }
        // 2. Whoever asks within one window gets the same answer.
        let in_window = now.since(self.confirmed_at) < windows.grace();
        if in_window && shown.place.depth >= depth.saturating_sub(1) {
            return Verdict::Repeat;
        }
        // 3. The last answer never arrived.
        if shown.place == self.place {
            return Verdict::Repeat;
        }
        // 4. The last answer arrived, and this is its first use.
        if shown.place.is_child_of(self.place) {
            return Verdict::Confirm(next);
        }
        // 5. An honest jar may hold an answer that was on its way while the confirmed token was shown.
        if shown.issued >= self.confirmed_at.minus(windows.flight().saturating_mul(2)) {
            return Verdict::Switch(next);
        }
        // 6. No honest client still holds it.
        Verdict::Reuse
    }

    /// Whether `shown`, which is ahead of this state, can be what it became: one step takes one window.
    fn can_have_led_to(&self, shown: &RefreshToken, now: Timestamp, windows: &Windows) -> bool {
        let steps = u64::from(shown.place.depth.saturating_sub(self.place.depth));
        let possible = windows.count(self.confirmed_at, shown.issued).saturating_add(2);
        (self.confirmed_at..=now.plus(CLOCK_SKEW)).contains(&shown.issued) && steps <= possible
    }
}

/// What a shown refresh token means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a server that overlooks a verdict must not compile")]
pub enum Verdict {
    /// The state was behind: write this one, audit it, answer its child.
    Adopt(State),
    /// The child was used: write this state, answer its child.
    Confirm(State),
    /// Write nothing, answer the child of the state as it is.
    Repeat,
    /// End the session durably, and tell every verifier.
    Reuse,
    /// A token from a crossed answer was used: write this state, answer its child.
    Switch(State),
}

impl Verdict {
    /// Whether a mint gets an access token. It never writes a state nor ends a session, whatever the verdict.
    pub const fn mints(&self) -> bool {
        !matches!(self, Self::Reuse)
    }

    /// The word for it in metrics and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Adopt(_) => "adopt",
            Self::Confirm(_) => "confirm",
            Self::Repeat => "repeat",
            Self::Reuse => "reuse",
            Self::Switch(_) => "switch",
        }
    }

    /// The state to write, if any.
    pub const fn next(&self) -> Option<State> {
        match self {
            Self::Adopt(next) | Self::Confirm(next) | Self::Switch(next) => Some(*next),
            Self::Repeat | Self::Reuse => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: u64 = 1_000;

    fn place(depth: u32, slot: u64, parent_slot: u64) -> Place {
        Place { depth, slot: Timestamp::from_secs(slot), parent_slot: Timestamp::from_secs(parent_slot) }
    }

    fn token(place: Place, issued: u64) -> RefreshToken {
        RefreshToken {
            user: UserId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            place,
            issued: Timestamp::from_secs(issued),
        }
    }

    /// A session whose confirmed token has depth 5, used first at 1,000 s. F is 8 s, G 30 s.
    fn verdict(place: Place, issued: u64, now: u64) -> Verdict {
        let now = Timestamp::from_secs(now);
        state().judge(&token(place, issued), now, &Windows::default())
    }

    fn state() -> State {
        State { place: place(5, 900, 800), confirmed_at: Timestamp::from_secs(LOGIN) }
    }

    fn becomes(place: Place, now: u64) -> State {
        State { place, confirmed_at: Timestamp::from_secs(now) }
    }

    #[test]
    fn the_picture_is_true() {
        let ahead = place(7, 1_000, 950);
        assert_eq!(verdict(ahead, 1_010, 1_100), Verdict::Adopt(becomes(ahead, 1_100)));
        assert_eq!(verdict(place(8, 1_000, 950), 1_010, 1_100), Verdict::Reuse);

        assert_eq!(verdict(place(4, 800, 700), 800, 1_029), Verdict::Repeat);
        assert_eq!(verdict(state().place, 900, 9_999), Verdict::Repeat);

        let child = state().child(Timestamp::from_secs(1_031), &Windows::default());
        assert_eq!(child, place(6, 1_030, 900));
        assert_eq!(verdict(child, 1_031, 9_999), Verdict::Confirm(becomes(child, 9_999)));

        let crossed = place(4, 777, 666);
        assert_eq!(verdict(crossed, 984, 9_999), Verdict::Switch(becomes(crossed, 9_999)));
        assert_eq!(verdict(crossed, 983, 9_999), Verdict::Reuse);
    }

    #[test]
    fn a_clock_set_back_stands_at_the_confirm() {
        let child = state().child(Timestamp::from_secs(1), &Windows::default());
        assert_eq!(child, place(6, LOGIN, 900));
        assert_eq!(verdict(child, LOGIN, 1), Verdict::Repeat);

        let answer = token(state().place, 900).answer(&state(), Timestamp::from_secs(1), &Windows::default());
        assert_eq!(answer, token(child, LOGIN));
    }

    #[test]
    fn the_greatest_depth_is_not_the_end() {
        let last = State { place: place(u32::MAX, 900, 800), ..state() };
        let now = Timestamp::from_secs(2_000);
        let windows = Windows::default();
        let child = last.confirmed(UserId::from_bytes([1; 16]), SessionId::from_bytes([2; 16]));
        let child = child.answer(&last, now, &windows);
        assert_eq!(child.place, place(u32::MAX, 1_990, 900));
        assert_eq!(last.judge(&child, now, &windows), Verdict::Confirm(becomes(child.place, 2_000)));
    }

    #[test]
    fn a_mint_is_refused_where_a_refresh_would_be() {
        assert!(verdict(state().place, 900, 9_999).mints());
        assert!(verdict(place(7, 1_000, 950), 1_010, 1_100).mints());
        assert!(!verdict(place(3, 777, 666), 777, 1_000).mints());
    }
}
