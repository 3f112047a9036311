//! Time and depth as the models keep them: relative.
//!
//! The present never moves; a tick moves everything else into the past, and depth is counted from the confirmed
//! token. Histories that differ only in when they happen are then one state, and a search needs no last tick.

use countersign_core::Timestamp;
use countersign_core::session::Place;

/// The present of every state.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_000);

/// The depth of every confirmed token.
const DEPTH: u32 = 1_000;

/// How many ticks ago it was.
pub(crate) fn age(moment: Timestamp) -> u64 {
    NOW.since(moment).as_secs()
}

/// The moment that many ticks ago.
pub(crate) fn ago(ticks: u64) -> Timestamp {
    Timestamp::from_secs(NOW.as_secs() - ticks)
}

/// Moves it one tick into the past.
pub(crate) fn recede(moment: &mut Timestamp) {
    *moment = Timestamp::from_secs(moment.as_secs() - 1);
}

/// Moves it one tick into the past.
pub(crate) fn recede_place(place: &mut Place) {
    recede(&mut place.slot);
    recede(&mut place.parent_slot);
}

/// Moves all depths so that `confirmed` has the one that it has in every state.
pub(crate) fn rebase<'a>(confirmed: Place, places: impl Iterator<Item = &'a mut Place>) {
    let offset = DEPTH.wrapping_sub(confirmed.depth);
    for place in places {
        place.depth = place.depth.wrapping_add(offset);
    }
}

mod tests {
    use std::time::Duration;

    use countersign_core::session::{State, Verdict, Windows};
    use proptest::prelude::*;

    use super::*;
    use crate::rule::login;

    fn moved(place: Place, steps: u32, span: Duration) -> Place {
        Place {
            depth: place.depth + steps,
            slot: place.slot.plus(span),
            parent_slot: place.parent_slot.plus(span),
        }
    }

    fn moved_state(state: State, steps: u32, span: Duration) -> State {
        State {
            place: moved(state.place, steps, span),
            confirmed_at: state.confirmed_at.plus(span),
        }
    }

    prop_compose! {
        fn place()(depth in 10_u32..16, slot in 90_u64..110, parent in 90_u64..110) -> Place {
            Place { depth, slot: Timestamp::from_secs(slot), parent_slot: Timestamp::from_secs(parent) }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// What makes the models sound: the rule sees differences only.
        #[test]
        fn the_rule_is_the_same_at_any_time_and_depth(
            confirmed in place(),
            shown in place(),
            issued in 90_u64..110,
            now in 90_u64..120,
            steps in 0_u32..1_000_000,
            seconds in 0_u64..1_000_000_000,
        ) {
            let span = Duration::from_secs(seconds);
            let windows = Windows::new(Duration::from_secs(1), Duration::from_secs(3)).unwrap();
            let (_, token) = login(NOW);
            let state = State { place: confirmed, confirmed_at: Timestamp::from_secs(100) };
            let mut token = countersign_core::session::RefreshToken {
                place: shown,
                issued: Timestamp::from_secs(issued),
                ..token
            };
            let now = Timestamp::from_secs(now);
            let here = state.judge(&token, now, &windows);
            let child = state.child(now, &windows);

            let state = moved_state(state, steps, span);
            token.place = moved(token.place, steps, span);
            token.issued = token.issued.plus(span);
            let now = now.plus(span);
            let there = match here {
                Verdict::Adopt(next) => Verdict::Adopt(moved_state(next, steps, span)),
                Verdict::Confirm(next) => Verdict::Confirm(moved_state(next, steps, span)),
                Verdict::Switch(next) => Verdict::Switch(moved_state(next, steps, span)),
                Verdict::Repeat | Verdict::Reuse => here,
            };
            prop_assert_eq!(state.judge(&token, now, &windows), there);
            prop_assert_eq!(state.child(now, &windows), moved(child, steps, span));
        }
    }
}
