//! The deny-list at a million entries.

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::IntoResponse;
use axum::routing::get;
use countersign_core::denylist::{Batch, Heartbeat};
use countersign_core::{Clock, ManualClock};
use countersign_verifier::{DenyList, Feed, Verifier};
use criterion::Criterion;
use futures_util::{StreamExt, stream};
use tokio::net::TcpListener;

use crate::cpu::CpuTime;
use crate::world::{NOW, id, resident};

const ENTRIES: u64 = 1_000_000;

/// All entries, in pieces in no order.
fn batches(size: u64) -> impl Iterator<Item = Batch> {
    let until = NOW.plus(Duration::from_hours(1));
    (0..ENTRIES / size).map(move |piece| Batch {
        sessions: (piece * size..(piece + 1) * size).map(|number| (id(number), until)).collect(),
        ..Batch::default()
    })
}

pub(crate) fn fill(feed: &Feed) {
    batches(50_000).for_each(|batch| feed.apply(&batch));
}

fn filled() -> DenyList {
    let list = DenyList::default();
    batches(50_000).for_each(|batch| list.apply(&batch, NOW));
    list
}

/// What a list holds in memory: the first thing that the benchmark does, while nothing lies about.
pub(crate) fn memory(_: &mut Criterion<CpuTime>) {
    let before = resident();
    let list = filled();
    assert_eq!(u64::try_from(list.len()).unwrap(), ENTRIES);
    eprintln!("{ENTRIES} entries: {} kB in memory", resident() - before);
}

pub(crate) fn bench(criterion: &mut Criterion<CpuTime>) {
    let list = filled();
    let mut group = criterion.benchmark_group("a million entries");
    for (name, first) in [("an id that is not there", ENTRIES), ("an id that is there", 0)] {
        let mut number = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                number = (number + 7919) % ENTRIES;
                list.denies_session(black_box(id(first + number)))
            });
        });
    }
    let mut number = ENTRIES;
    group.bench_function("one more", |bencher| {
        bencher.iter(|| {
            number += 1;
            let sessions = vec![(id(number), NOW.plus(Duration::from_hours(1)))];
            list.apply(&Batch { sessions, ..Batch::default() }, NOW);
        });
    });
    group.sample_size(10);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = runtime.block_on(serve(snapshot()));
    let before = resident();
    let mut most = 0;
    group.bench_function("the snapshot, from the connection to the first answer", |bencher| {
        bencher.iter(|| {
            let verifier = runtime.block_on(load(&url));
            most = most.max(resident());
            drop(verifier);
        });
    });
    eprintln!("at most {} kB more in memory after a snapshot", most.saturating_sub(before));
    group.finish();
}

async fn load(url: &str) -> Verifier {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW));
    let builder = Verifier::builder("https://auth.example").reached_at(url).service_key("csk_").clock(clock);
    let verifier = builder.build().await.unwrap();
    verifier.ready().await;
    assert_eq!(verifier.status().entries, usize::try_from(ENTRIES).unwrap());
    verifier
}

/// What the auth server sends who comes for the first time.
fn snapshot() -> Bytes {
    let event = |name, data| format!("event: {name}\ndata: {data}\n\n");
    let keys = event("keys", r#"{"keys":[]}"#.to_owned());
    let entries = batches(4_000).map(|batch| event("snapshot", serde_json::to_string(&batch).unwrap()));
    let heartbeat = serde_json::to_string(&Heartbeat { as_of: NOW, now: NOW }).unwrap();
    let text: String = [keys].into_iter().chain(entries).chain([event("heartbeat", heartbeat)]).collect();
    text.into()
}

async fn serve(snapshot: Bytes) -> String {
    let revocations = get(move || {
        let pieces: Vec<_> = (0..snapshot.len())
            .step_by(65_536)
            .map(|at| Ok::<_, Infallible>(snapshot.slice(at..snapshot.len().min(at + 65_536))))
            .collect();
        let body = Body::from_stream(stream::iter(pieces).chain(stream::pending()));
        async { ([("Content-Type", "text/event-stream")], body).into_response() }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async {
        axum::serve(listener, Router::new().route("/auth/revocations", revocations)).await
    });
    url
}
