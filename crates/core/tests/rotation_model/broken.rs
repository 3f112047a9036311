//! No part of the rule can go: with any one broken, a search finds the history that shows why it is there.

use countersign_core::Timestamp;
use countersign_core::session::{Place, RefreshToken, State, Verdict, Windows};
use proptest::prelude::*;
use std::time::Duration;

use crate::browser::Browser;
use crate::honest::{crashes, tabs, two_nodes};
use crate::relative::{NOW, ago};
use crate::rule::{Rule, Table, login};
use crate::thief::one_theft;

/// The table with one row that refuses what it accepted.
fn refusing(row: u8) -> Rule {
    Rule::Broken(Table {
        instead: Some((row, Verdict::Reuse)),
        ..Table::WHOLE
    })
}

fn accuses(rule: Rule, world: Browser) -> bool {
    Browser { rule, ..world }.search().is_some()
}

#[test]
fn row_1_heals_a_crash() {
    assert!(accuses(refusing(1), crashes()));
}

#[test]
fn row_2_answers_parallel_tabs() {
    assert!(accuses(refusing(2), tabs()));
}

#[test]
fn row_3_answers_whose_answer_was_lost() {
    assert!(accuses(refusing(3), tabs()));
}

#[test]
fn row_4_is_the_ordinary_refresh() {
    assert!(accuses(refusing(4), tabs()));
}

#[test]
fn row_5_answers_crossed_requests() {
    assert!(accuses(refusing(5), tabs()));
}

#[test]
fn row_6_notices_the_thief() {
    let silent = Table {
        instead: Some((6, Verdict::Repeat)),
        ..Table::WHOLE
    };
    assert!(one_theft(Rule::Broken(silent)).search().is_some());
}

#[test]
fn row_2_needs_its_step_behind() {
    let strict = Table {
        steps_behind: 0,
        ..Table::WHOLE
    };
    assert!(accuses(Rule::Broken(strict), tabs()));
}

#[test]
fn row_5_needs_both_flight_times() {
    let short = Table {
        flights_before: 1,
        ..Table::WHOLE
    };
    assert!(accuses(Rule::Broken(short), tabs()));
}

#[test]
fn the_grace_needs_three_flight_times() {
    let short = Table {
        grace: 2,
        ..Table::WHOLE
    };
    assert!(accuses(Rule::Broken(short), tabs()));
}

/// Whoever holds key and salt can forge; the bound keeps a forgery, or a bug, from running away with the depth.
#[test]
fn row_1_needs_its_bounds() {
    let (state, token) = login(NOW);
    let forged = |depth, issued| RefreshToken {
        place: Place { depth, ..token.place },
        issued,
        ..token
    };
    let unbounded = Rule::Broken(Table {
        bounded: false,
        ..Table::WHOLE
    });
    for shown in [
        forged(3, NOW),
        forged(u32::MAX, NOW),
        forged(2, ago(1)),
        forged(2, NOW.plus(Duration::from_secs(3))),
    ] {
        assert_eq!(Rule::real(1, 3).judge(&state, &shown, NOW), Verdict::Reuse);
        assert!(matches!(unbounded.judge(&state, &shown, NOW), Verdict::Adopt(_)));
    }
}

/// Rows 1 and 4 could be left to row 5 without harm to an honest browser. They stay because each names what
/// happened: an ordinary refresh is no crossing, and a crash is audited and bounded.
#[test]
fn row_5_covers_rows_1_and_4() {
    let shorter = Rule::Broken(Table {
        without: &[1, 4],
        ..Table::WHOLE
    });
    for world in [crashes(), two_nodes()] {
        assert!(!accuses(shorter, world));
    }
}

prop_compose! {
    fn place()(depth in 0_u32..8, slot in 995_u64..1_005, parent in 995_u64..1_005) -> Place {
        Place { depth, slot: Timestamp::from_secs(slot), parent_slot: Timestamp::from_secs(parent) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The broken rules differ from the real one in what is broken, and in nothing else.
    #[test]
    fn the_whole_table_is_the_real_rule(
        confirmed in place(),
        shown in place(),
        same in any::<bool>(),
        issued in 990_000_u64..1_015_000,
        now in 990_000_u64..1_020_000,
    ) {
        let state = State { place: confirmed, confirmed_at: NOW };
        let shown = RefreshToken {
            place: if same { confirmed } else { shown },
            issued: Timestamp::from_millis(issued),
            ..login(NOW).1
        };
        let now = Timestamp::from_millis(now);
        let windows = Windows::new(Duration::from_secs(1), Duration::from_secs(3)).unwrap();
        prop_assert_eq!(Table::WHOLE.judge(&state, &shown, now), state.judge(&shown, now, &windows));
    }
}
