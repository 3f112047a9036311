//! What one verdict of the refresh rule costs; the rule is allowed 200 ns.
//!
//! `cargo bench -p countersign-core --features issuer --bench judge`.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

use std::hint::black_box;
use std::time::Duration;

use countersign_core::session::{RefreshToken, State, Windows};
use countersign_core::{SessionId, Timestamp, UserId};
use criterion::{Criterion, criterion_group, criterion_main};

fn verdicts(c: &mut Criterion) {
    let login = Timestamp::from_secs(1_800_000_000);
    let windows = Windows::new(Duration::from_secs(8), Duration::from_secs(30)).unwrap();
    let state = State::first(login);
    let token = |place| RefreshToken {
        user: UserId::from_bytes([1; 16]),
        session: SessionId::from_bytes([2; 16]),
        place,
        issued: login,
    };
    let later = login.plus(Duration::from_mins(5));
    let child = token(state.child(login, &windows));
    c.bench_function("repeat", |b| b.iter(|| black_box(&state).judge(black_box(&child), login, &windows)));
    c.bench_function("confirm", |b| b.iter(|| black_box(&state).judge(black_box(&child), later, &windows)));
}

criterion_group!(benches, verdicts);
criterion_main!(benches);
