//! A PostgreSQL for tests: the server that `TEST_POSTGRES` names, and a schema of its own for each test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use countersign_core::SystemClock;
use tokio_postgres::{Client, NoTls, Row};

use super::Failed;
use crate::store::postgres::{Options, PostgresStore, Url};

/// Enough connections for tests that race, and few enough for many tests at once.
pub const OPTIONS: Options = Options { connections: 4, listen: true };

/// An empty database for one test.
pub struct Schema {
    /// Where it is.
    pub url: String,
}

impl Schema {
    /// An empty schema; none, with a word, where there is no server. The build server must have one.
    ///
    /// # Errors
    /// If the server cannot be reached, or on the build server there is none.
    #[expect(clippy::disallowed_methods, reason = "where the tests' server is, the environment says")]
    pub async fn new() -> Result<Option<Self>, Failed> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var("TEST_POSTGRES") else {
            if std::env::var("CI").is_ok() {
                return Err("TEST_POSTGRES names no server".into());
            }
            eprintln!("skipped: TEST_POSTGRES names no server");
            return Ok(None);
        };
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let made = format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}");
        connect(&server).await?.batch_execute(&made).await?;
        let sign = if server.contains('?') { '&' } else { '?' };
        Ok(Some(Self { url: format!("{server}{sign}options=-csearch_path%3D{name}") }))
    }

    /// The store on it: each call is another node.
    ///
    /// # Errors
    /// Whatever kept it from opening.
    pub async fn open(&self) -> Result<PostgresStore, Failed> {
        Ok(PostgresStore::open(&self.url.parse::<Url>()?, OPTIONS, Arc::new(SystemClock)).await?)
    }

    /// A connection to it, for what is no use case.
    ///
    /// # Errors
    /// If the server cannot be reached.
    pub async fn client(&self) -> Result<Client, Failed> {
        connect(&self.url).await
    }

    /// What a query answers.
    ///
    /// # Errors
    /// If the server cannot be reached or the query is wrong.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Row>, Failed> {
        Ok(self.client().await?.query(sql, &[]).await?)
    }
}

async fn connect(url: &str) -> Result<Client, Failed> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
