use countersign_server::app::Scope;
use rusqlite::Connection;

use crate::client::{Client, file, server};

#[tokio::test]
async fn ready_means_that_the_database_can_be_written() {
    let server = server().await;
    let mut probe = Client::new(&server);
    assert_eq!(probe.get("/health/ready").await.status, 200);
    // Stands for a full disk; file modes mean nothing to the user that tests may run as.
    let outside = Connection::open(file(&server)).unwrap();
    let refuse = "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    outside
        .execute_batch(&format!(
            "CREATE TRIGGER full_insert BEFORE INSERT ON meta {refuse};
             CREATE TRIGGER full_update BEFORE UPDATE ON meta {refuse};"
        ))
        .unwrap();
    let answer = probe.get("/health/ready").await;
    answer.refused(503, "UNAVAILABLE");
    assert!(!answer.text.contains("disk"), "the reason is for the log: {}", answer.text);
    assert_eq!(probe.get("/health/live").await.status, 200);
    outside.execute_batch("DROP TRIGGER full_insert; DROP TRIGGER full_update;").unwrap();
    assert_eq!(probe.get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn metrics_need_a_key_for_them() {
    let server = server().await;
    let mut scraper = Client::new(&server);
    scraper.get("/metrics").await.refused(403, "FORBIDDEN");
    for (scope, status) in [(Scope::Ssr, 403), (Scope::Metrics, 200)] {
        let (_, text) = server.app.add_service_key("scraper".into(), &[scope]).await.unwrap();
        scraper.bearer = Some(text.to_string());
        assert_eq!(scraper.get("/metrics").await.status, status);
    }
}
