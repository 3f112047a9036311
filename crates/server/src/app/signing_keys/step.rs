//! Steps of the keys' lives: what to add and what to move, from the keys as they are. The store takes a step
//! whole or not at all.

use std::time::Duration;

use countersign_core::token::{Algorithm, SigningKey};
use countersign_core::{Every, Timestamp};
use zeroize::Zeroizing;

use super::{Error, internal};
use crate::random::Random;
use crate::seal::MasterSecret;
use crate::store::{KeyMove, KeyState, LONGEST_ACCESS_TTL, SigningKeyRow};

/// How long a key is published before it signs, so that every cache has it.
pub(super) const NOTICE: Duration = Duration::from_hours(1);
/// How long a key is published after its last token has expired: caches and clocks.
const LINGER: Duration = Duration::from_mins(10);

/// Keys to add, and keys to move from one state to another.
#[derive(Default)]
pub(super) struct Step {
    pub(super) add: Vec<SigningKeyRow>,
    pub(super) moves: Vec<KeyMove>,
}

/// What new keys are made with.
pub(super) struct Maker<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) master: &'a MasterSecret,
    pub(super) random: &'a dyn Random,
    pub(super) now: Timestamp,
}

impl Step {
    /// What is missing: at the first start two keys, later one in reserve of the configured algorithm.
    pub(super) fn first(rows: &[SigningKeyRow], maker: &Maker<'_>) -> Result<Self, Error> {
        let mut step = Self::default();
        if !rows.iter().any(|row| row.state == KeyState::Active) {
            step.add.push(maker.make(KeyState::Active)?);
        }
        if reserve(rows, maker.algorithm).is_none() {
            step.add.push(maker.make(KeyState::Announced)?);
        }
        Ok(step)
    }

    /// What time has brought: keys whose last token has expired are gone, and an active key that has signed for
    /// as long as it may is replaced.
    pub(super) fn due(rows: &[SigningKeyRow], every: Every, maker: &Maker<'_>) -> Result<Self, Error> {
        let over = |since: Option<Timestamp>, time| since.is_some_and(|since| maker.now >= since.plus(time));
        let old = |row: &SigningKeyRow| {
            row.state == KeyState::Active && every.0.is_some_and(|every| over(row.active_at, every))
        };
        let mut step = match reserve(rows, maker.algorithm) {
            Some(reserve) if rows.iter().any(old) && maker.now.since(reserve.announced_at) >= NOTICE => {
                Self::rotation(rows, reserve, maker)?
            }
            _ => Self::default(),
        };
        let past = rows.iter().filter(|row| {
            row.state == KeyState::Retiring && over(row.retiring_at, LONGEST_ACCESS_TTL + LINGER)
        });
        step.moves.extend(past.map(|row| to(row, KeyState::Gone)));
        Ok(step)
    }

    /// The key in reserve signs from now on, and another is announced.
    pub(super) fn rotation(
        rows: &[SigningKeyRow],
        reserve: &SigningKeyRow,
        maker: &Maker<'_>,
    ) -> Result<Self, Error> {
        let active = rows.iter().filter(|row| row.state == KeyState::Active);
        let mut moves: Vec<_> = active.map(|row| to(row, KeyState::Retiring)).collect();
        moves.push(to(reserve, KeyState::Active));
        Ok(Self { add: vec![maker.make(KeyState::Announced)?], moves })
    }

    /// What else must happen when `withdrawn` goes: what it was, another key is at once. A reserve that nobody
    /// knows yet is better than a key that somebody else has.
    pub(super) fn after(
        withdrawn: &SigningKeyRow,
        rows: &[SigningKeyRow],
        maker: &Maker<'_>,
    ) -> Result<Self, Error> {
        let mut step = Self::default();
        match (withdrawn.state, reserve(rows, maker.algorithm)) {
            (KeyState::Active, Some(reserve)) => {
                step.moves.push(to(reserve, KeyState::Active));
                step.add.push(maker.make(KeyState::Announced)?);
            }
            (KeyState::Active, None) => {
                step.add.extend([maker.make(KeyState::Active)?, maker.make(KeyState::Announced)?]);
            }
            (KeyState::Announced, Some(reserve)) if reserve.kid == withdrawn.kid => {
                step.add.push(maker.make(KeyState::Announced)?);
            }
            _ => {}
        }
        Ok(step)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.add.is_empty() && self.moves.is_empty()
    }
}

impl Maker<'_> {
    fn make(&self, state: KeyState) -> Result<SigningKeyRow, Error> {
        let key = SigningKey::generate(self.algorithm).map_err(internal)?;
        let bytes = key.to_bytes().map_err(internal)?;
        Ok(SigningKeyRow {
            kid: key.kid().to_owned(),
            algorithm: self.algorithm,
            state,
            sealed: Zeroizing::new(self.master.seal(key.kid(), &bytes, self.random)?),
            announced_at: self.now,
            active_at: (state == KeyState::Active).then_some(self.now),
            retiring_at: None,
        })
    }
}

/// The announced key that signs next.
pub(super) fn reserve(rows: &[SigningKeyRow], algorithm: Algorithm) -> Option<&SigningKeyRow> {
    rows.iter().find(|row| row.state == KeyState::Announced && row.algorithm == algorithm)
}

pub(super) fn to(row: &SigningKeyRow, to: KeyState) -> KeyMove {
    KeyMove { kid: row.kid.clone(), from: row.state, to }
}
