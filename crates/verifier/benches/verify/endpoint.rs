//! An endpoint of axum with the layer and without: 16 connections that ask as fast as they are answered.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use countersign_core::token::Algorithm;
use countersign_verifier::VerifierLayer;
use criterion::{Criterion, Throughput};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use crate::cpu::CpuTime;
use crate::world::{COOKIE, World, shown};

const CONNECTIONS: usize = 16;
const EACH: usize = 50;

pub(crate) fn bench(criterion: &mut Criterion<CpuTime>) {
    let runtime = Runtime::new().unwrap();
    let world = World::new(Algorithm::EdDsa, 100_000);
    let tokens = world.tokens(10_000);
    for token in &tokens {
        world.verifier.verify_known(&shown(token)).unwrap();
    }
    let requests: Arc<[String]> = tokens
        .iter()
        .map(|token| {
            format!("GET /notes HTTP/1.1\r\nHost: api.example\r\nAuthorization: Bearer {token}\r\nCookie: __Host-csfp={COOKIE}\r\n\r\n")
        })
        .collect();
    let bare = || Router::new().route("/notes", get(async || "[]"));
    let layered = bare().layer(VerifierLayer::new(world.verifier.clone()));

    let mut group = criterion.benchmark_group("endpoint");
    group.throughput(Throughput::Elements((CONNECTIONS * EACH) as u64));
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    for (name, router) in [("bare", bare()), ("with the layer", layered)] {
        let connections = runtime.block_on(connect(router));
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(ask(&connections, &requests)));
        });
    }
    group.finish();
}

struct Connection {
    socket: TcpStream,
    /// Which request is next.
    next: usize,
}

async fn connect(router: Router) -> Vec<Arc<Mutex<Connection>>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    join_all((0..CONNECTIONS).map(async |at| {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Arc::new(Mutex::new(Connection { socket, next: at * 997 }))
    }))
    .await
}

async fn ask(connections: &[Arc<Mutex<Connection>>], requests: &Arc<[String]>) {
    let tasks = connections.iter().map(|connection| {
        let (connection, requests) = (Arc::clone(connection), Arc::clone(requests));
        tokio::spawn(async move {
            let mut connection = connection.lock().await;
            let mut answer = [0; 1024];
            for _ in 0..EACH {
                connection.next = (connection.next + 1) % requests.len();
                let request = requests[connection.next].as_bytes();
                connection.socket.write_all(request).await.unwrap();
                let read = connection.socket.read(&mut answer).await.unwrap();
                assert!(
                    answer[..read].starts_with(b"HTTP/1.1 200") && answer[..read].ends_with(b"\r\n\r\n[]")
                );
            }
        })
    });
    for done in join_all(tasks).await {
        done.unwrap();
    }
}
