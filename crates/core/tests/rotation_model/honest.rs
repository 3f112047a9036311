//! An honest browser is never accused, whatever the network and the servers do.

use crate::browser::Browser;
use crate::large;
use crate::rule::Rule;

/// Tabs that share a jar, three requests under way, F = 1 tick, G = 3: what the other searches start from.
pub(crate) fn tabs() -> Browser {
    Browser {
        rule: Rule::real(1, 3),
        flight: 1,
        in_flight: 3,
        pause: 4,
        twice: true,
        lag: 0,
        stale_node: false,
        crash: None,
    }
}

/// A second node whose copy of the state lags.
pub(crate) fn two_nodes() -> Browser {
    Browser {
        in_flight: 2,
        lag: 4,
        stale_node: true,
        ..tabs()
    }
}

/// One request at a time, and a server that forgets its last commits, once within G.
pub(crate) fn crashes() -> Browser {
    Browser {
        in_flight: 1,
        pause: 5,
        twice: false,
        lag: 8,
        crash: Some(3),
        ..tabs()
    }
}

fn holds(bounds: Browser) {
    assert_eq!(bounds.search(), None);
}

#[test]
fn h5_in_every_schedule_of_three_requests() {
    holds(tabs());
    if large() {
        holds(Browser { pause: 8, ..tabs() });
        holds(Browser {
            in_flight: 4,
            ..tabs()
        });
    }
}

#[test]
fn with_finer_ticks() {
    let finer = Browser {
        rule: Rule::real(2, 6),
        flight: 2,
        pause: 7,
        in_flight: 2,
        ..tabs()
    };
    holds(Browser {
        twice: false,
        ..finer
    });
    if large() {
        holds(Browser {
            in_flight: 3,
            ..finer
        });
    }
}

#[test]
fn with_a_node_that_lags() {
    holds(two_nodes());
    if large() {
        holds(Browser {
            in_flight: 3,
            ..two_nodes()
        });
        holds(Browser {
            pause: 5,
            lag: 8,
            ..two_nodes()
        });
    }
}

#[test]
fn with_a_server_that_forgets() {
    holds(crashes());
    if large() {
        holds(Browser {
            stale_node: true,
            lag: 12,
            ..crashes()
        });
    }
}

/// What is not claimed, so that the claims above stay as narrow as they are.
#[test]
fn not_with_crossed_requests_or_a_second_crash_within_the_grace() {
    let crossed = Browser {
        in_flight: 2,
        ..crashes()
    };
    assert!(crossed.search().is_some());

    let twice = Browser {
        pause: 8,
        lag: 8,
        crash: Some(2),
        ..crashes()
    };
    assert!(twice.search().is_some());
}
