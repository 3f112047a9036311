use tokio::sync::watch;

/// Says to whatever would go on for ever that the program ends, and waits until all of it is over.
///
/// A connection that has become a WebSocket is no longer the web server's, whose own orderly end leaves it out.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<bool>);

/// Tells when the program ends. [`Sockets`](crate::graphql::Sockets) and the gateway look for one in the
/// extensions of the upgrade: `router.layer(Extension(stop.ending()))`.
#[derive(Debug, Clone)]
pub struct Ending(watch::Receiver<bool>);

impl Stop {
    /// One that has not been said.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "nobody would find it behind another name")]
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// For whoever is to be told. While it is held, [`over`](Self::over) waits.
    pub fn ending(&self) -> Ending {
        Ending(self.0.subscribe())
    }

    /// Says it.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Resolves when nobody is left who could be told. To be waited for with a limit.
    pub async fn over(&self) {
        self.0.closed().await;
    }
}

impl Ending {
    /// Resolves when the program ends; also when nobody is left who could say so.
    pub async fn begun(mut self) {
        let _said = self.0.wait_for(|said| *said).await;
    }
}
