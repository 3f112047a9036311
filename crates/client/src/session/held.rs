//! What a client holds, and what it decides by that. Nothing here waits, reads a clock or asks anybody.

use std::time::Duration;

use countersign_core::{Action, SessionId};
use tokio::sync::watch;

use crate::answer::{Issued, User};
use crate::error::{Error, SignedOut};
use crate::jar::Jar;
use crate::secret::SecretText;
use crate::store::Saved;

/// An access token that ends sooner than this is renewed before it is used, if its life is long enough.
const MARGIN: Duration = Duration::from_secs(10);

/// Between failures: the first wait and the longest one.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// After a refusal that only a change of program or configuration can mend.
const WAIT_FOR_MENDING: Duration = Duration::from_mins(1);

/// The longest life of an access token that is believed; the protocol allows an hour.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// The answer that a flight brings, for all who wait for it.
pub(super) type Landing = watch::Receiver<Option<Result<(), Error>>>;

/// Everything that changes.
pub(super) struct Now {
    /// Grows whenever a session begins or ends. What was begun in an earlier epoch changes nothing any more.
    pub(super) epoch: u64,
    pub(super) held: Result<Held, SignedOut>,
    pub(super) flight: Option<Landing>,
    pub(super) trouble: Option<Trouble>,
    /// A session that was logged out of, and the server does not know yet.
    pub(super) leaving: Option<Saved>,
}

/// A session.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) session: SessionId,
    pub(super) depth: u32,
    pub(super) user: User,
    pub(super) jar: Jar,
    pub(super) access: Option<Access>,
    /// It is in the store.
    pub(super) saved: bool,
}

/// An access token and its times, by the steady clock of this program alone.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) token: SecretText,
    pub(super) life: Duration,
    /// When it ends, counted from the moment before it was asked for.
    pub(super) ends: Duration,
    /// When a newer one is asked for beside its use.
    pub(super) due: Duration,
}

/// Failures of the refresh, one after another.
#[derive(Clone)]
pub(crate) struct Trouble {
    pub(crate) failures: u32,
    /// No request before this.
    pub(crate) until: Duration,
    pub(crate) last: Error,
}

impl Access {
    /// `None` if what came cannot be an access token.
    pub(super) fn issued(issued: &Issued, asked: Duration, chance: f64) -> Option<Self> {
        let token = SecretText::new(issued.jwt_token.clone())?;
        let life = Duration::from_secs(issued.expires_in);
        if life.is_zero() || life > LONGEST_LIFE {
            return None;
        }
        // Programs that were started together do not renew together.
        let due = asked + life.mul_f64(0.8 + 0.1 * chance);
        Some(Self { token, life, ends: asked + life, due })
    }

    /// Whether it can be used for this long. Of a short life a fifth is asked for at most, or each use of it
    /// would be a refresh.
    pub(super) fn lasts(&self, now: Duration, span: Duration) -> bool {
        now + span.max(MARGIN).min(self.life / 5) < self.ends
    }
}

impl Held {
    /// A session that has just begun.
    pub(super) fn opened(issued: Issued, jar: Jar, access: Access) -> Self {
        let Issued { session, user, .. } = issued;
        Self { session: session.id, depth: session.depth, user, jar, access: Some(access), saved: false }
    }

    pub(super) fn to_save(&self, leaving: bool) -> Saved {
        let Self { session, depth, user, jar, .. } = self.clone();
        Saved { session, depth, user, jar, leaving }
    }
}

impl From<Saved> for Held {
    fn from(Saved { session, depth, user, jar, .. }: Saved) -> Self {
        Self { session, depth, user, jar, access: None, saved: true }
    }
}

impl Trouble {
    /// One failure more, and how long to wait after it.
    pub(crate) fn after(before: Option<&Self>, last: Error, now: Duration, chance: f64) -> Self {
        let failures = before.map_or(0, |trouble| trouble.failures);
        let longest = FIRST_WAIT.saturating_mul(1 << failures.min(10)).min(LONGEST_WAIT);
        let wait = match (last.retry_after(), last.action()) {
            (Some(asked), _) => asked + FIRST_WAIT.mul_f64(chance),
            (None, Action::Retry) => longest.mul_f64(chance),
            (None, _) => WAIT_FOR_MENDING,
        };
        Self { failures: failures + 1, until: now + wait, last }
    }
}
