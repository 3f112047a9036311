//! What one refresh costs before it meets the database: the verdict, and opening and sealing the token.

use std::hint::black_box;

use countersign_core::session::{MacKey, Shown, State, Windows};
use countersign_core::{Secret, SessionId, Timestamp, UserId};
use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    refresh(&mut criterion);
    criterion.final_summary();
}

fn refresh(criterion: &mut Criterion) {
    let windows = Windows::default();
    let now = Timestamp::from_secs(1_800_000_000);
    let state = State::first(now);
    let first = state.confirmed(UserId::from_bytes([1; 16]), SessionId::from_bytes([2; 16]));
    let later = Timestamp::from_secs(1_800_003_600);
    let child = first.answer(&state, later, &windows);

    criterion.bench_function("judge/repeat", |bench| {
        bench.iter(|| black_box(&state).judge(black_box(&first), black_box(now), black_box(&windows)));
    });
    criterion.bench_function("judge/confirm", |bench| {
        bench.iter(|| black_box(&state).judge(black_box(&child), black_box(later), black_box(&windows)));
    });

    let (Some(key), Some(salt)) = (Secret::from_slice(&[3; 32]), Secret::from_slice(&[4; 16])) else {
        return;
    };
    let key = MacKey::new(&key);
    let text = child.seal(&key, &salt);
    criterion.bench_function("token/seal", |bench| {
        bench.iter(|| black_box(&child).seal(&key, &salt));
    });
    criterion.bench_function("token/open", |bench| {
        bench.iter(|| Shown::parse(black_box(&text)).map(|shown| shown.verify(&key, &salt)));
    });
}
