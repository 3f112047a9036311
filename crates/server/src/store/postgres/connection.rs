//! One connection: its statements, prepared once, and what the server says of its own accord.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::Severity;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, NoTls, Row, Socket, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::fault::{Fault, said};
use super::news::told;
use super::url::Url;

/// What every connection begins with. The limits are below the time for which a caller waits, so that the server
/// itself gives up what nobody waits for any more, and lets go of its locks. Who writes something durable asks for
/// that in the transaction: see `database`.
const BEGIN: &str = "SET statement_timeout = 1500; SET lock_timeout = 1000; \
     SET idle_in_transaction_session_timeout = 4000; SET synchronous_commit = off";

/// How to reach the server.
#[derive(Clone)]
pub(super) struct Way {
    url: Url,
    tls: Option<MakeRustlsConnect>,
}

impl Way {
    /// Reads the authorities, if the way is to be encrypted.
    pub(super) fn new(url: Url) -> io::Result<Self> {
        let tls = match url.config().get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(MakeRustlsConnect::new(tls(url.authority())?)),
        };
        Ok(Self { url, tls })
    }
}

fn tls(authority: Option<&Path>) -> io::Result<ClientConfig> {
    let certificates = match authority {
        Some(path) => {
            let pem = fs::read(path)?;
            CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?
        }
        // What cannot be read of the machine's own authorities vouches for nobody.
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// An open connection.
pub(super) struct Connection {
    client: Client,
    /// By where their text is, which is sooner hashed than the text.
    statements: Mutex<HashMap<(usize, usize), Statement>>,
    said: Arc<Said>,
    /// Whether the transaction under way has written what other nodes are to hear of.
    news: AtomicBool,
    task: JoinHandle<()>,
}

/// What the server says without being asked.
struct Said {
    warnings: AtomicU64,
    /// Told of each notification.
    notified: Option<watch::Sender<u64>>,
}

impl Connection {
    pub(super) async fn open(way: &Way, notified: Option<watch::Sender<u64>>) -> Result<Self, Fault> {
        let heard = Said { warnings: AtomicU64::new(0), notified };
        let opened = match &way.tls {
            Some(tls) => Self::connect(way, tls.clone(), heard).await,
            None => Self::connect(way, NoTls, heard).await,
        };
        opened.map_err(|error| Fault::Unreachable(format!("{}: {}", way.url, said(&error))))
    }

    async fn connect<T>(way: &Way, tls: T, said: Said) -> Result<Self, tokio_postgres::Error>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let (client, mut connection) = way.url.config().connect(tls).await?;
        let said = Arc::new(said);
        let heard = Arc::clone(&said);
        let task = tokio::spawn(async move {
            while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                heard.message(&message);
            }
        });
        let news = AtomicBool::new(false);
        let open = Self { client, statements: Mutex::default(), said, news, task };
        open.client.batch_execute(BEGIN).await?;
        Ok(open)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Ends it at once, whatever it is in the middle of. The server rolls back.
    pub(super) fn cut(&self) {
        // Else it would wait for the answers that are still to come, which may be for ever.
        self.task.abort();
    }

    /// How many warnings have come so far. The connection reads what comes in order: one that belongs to a
    /// statement is counted before that statement is answered.
    pub(super) fn warnings(&self) -> u64 {
        self.said.warnings.load(Ordering::Acquire)
    }

    /// Notes that this transaction writes what other nodes are to hear of: an entry of the outbox, or a key.
    pub(super) fn note_news(&self) {
        self.news.store(true, Ordering::Relaxed);
    }

    /// Whether it has been noted since it was asked last.
    pub(super) fn take_news(&self) -> bool {
        self.news.swap(false, Ordering::Relaxed)
    }

    /// Runs statements that have no parameters, and answer nothing.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Fault> {
        Ok(self.client.batch_execute(sql).await?)
    }

    pub(super) async fn rows(
        &self,
        sql: &'static str,
        with: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Fault> {
        Ok(self.client.query(&self.prepared(sql).await?, with).await?)
    }

    pub(super) async fn row(
        &self,
        sql: &'static str,
        with: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Fault> {
        Ok(self.client.query_opt(&self.prepared(sql).await?, with).await?)
    }

    /// Answers how many rows it touched.
    pub(super) async fn execute(
        &self,
        sql: &'static str,
        with: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Fault> {
        Ok(self.client.execute(&self.prepared(sql).await?, with).await?)
    }

    /// Prepares the statement, unless this connection has done so before.
    pub(super) async fn prepared(&self, sql: &'static str) -> Result<Statement, Fault> {
        let known = || self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (sql.as_ptr().addr(), sql.len());
        let found = known().get(&place).cloned();
        if let Some(statement) = found {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await.map_err(|error| Fault::from(error).unbegun())?;
        known().insert(place, statement.clone());
        Ok(statement)
    }
}

impl Said {
    fn message(&self, message: &AsyncMessage) {
        match message {
            AsyncMessage::Notice(notice) if notice.parsed_severity() == Some(Severity::Warning) => {
                self.warnings.fetch_add(1, Ordering::Release);
                tracing::warn!(code = notice.code().code(), "the database warns: {}", notice.message());
            }
            AsyncMessage::Notification(_) => {
                if let Some(notified) = &self.notified {
                    told(notified);
                }
            }
            _ => {}
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.cut();
    }
}
