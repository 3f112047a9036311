//! Password hashing in threads of its own, so that a storm of log-ins never delays a refresh.
//!
//! Argon2id with the parameters that OWASP recommends (19 MiB, 2 passes, 1 lane); hashes are stored as PHC
//! strings. The queue is bounded: when it is full the log-in is told to come back, and nothing piles up.
//! What another system hashed is verified as it was made, and hashed anew while the password is at hand.

mod imported;

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use imported::Imported;

/// Log-ins that may wait for one hashing thread.
const QUEUE_PER_THREAD: usize = 32;
/// How long a thread keeps its 19 MiB when there is nothing to do.
const KEEP_MEMORY: Duration = Duration::from_secs(10);

/// Why no answer was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Too many log-ins wait already.
    #[error("the password queue is full")]
    Busy,
    /// A stored hash is damaged or of an unknown kind.
    #[error("a stored password hash cannot be read")]
    Hash,
}

/// The hashing threads; they end when this is dropped.
pub(crate) struct Passwords {
    queue: SyncSender<Job>,
    /// What an unknown user's password is compared with, so that it costs what a known user's does.
    nobody: String,
}

struct Job {
    work: Work,
    answer: oneshot::Sender<Result<Done, PasswordError>>,
}

enum Work {
    Hash { password: Zeroizing<String>, salt: [u8; 16] },
    Verify { password: Zeroizing<String>, against: String, salt: [u8; 16] },
}

enum Done {
    Hashed(String),
    Verified(Checked),
}

/// What became of a password that somebody logs in with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Whether it is the right one.
    pub(crate) right: bool,
    /// A hash of it to store from now on, where it is right and another system made the one that is stored.
    pub(crate) better: Option<String>,
}

/// Whether a log-in can be checked against this hash.
pub(crate) fn is_known(hash: &str) -> bool {
    ours(hash).is_some() || Imported::parse(hash).is_some()
}

impl Passwords {
    /// Starts `threads` threads. `salt` is for the hash that unknown users are compared with.
    pub(crate) fn start(threads: usize, salt: [u8; 16]) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(threads * QUEUE_PER_THREAD);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..threads {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new().name(format!("password-{number}")).spawn(move || work(&jobs))?;
        }
        // Nothing hashes to this: the output is the salt itself. Reading it costs a full computation.
        let nobody = phc(&salt, &[salt, salt].concat()).map_err(|_| std::io::ErrorKind::InvalidInput)?;
        Ok(Self { queue, nobody })
    }

    /// The PHC string of a new password.
    pub(crate) async fn hash(
        &self,
        password: Zeroizing<String>,
        salt: [u8; 16],
    ) -> Result<String, PasswordError> {
        match self.ask(Work::Hash { password, salt }).await? {
            Done::Hashed(hash) => Ok(hash),
            Done::Verified(_) => Err(PasswordError::Hash),
        }
    }

    /// Whether the password is the one that `against` was made of; `None` stands for a user who is not there,
    /// costs the same, and is never right. `salt` is for a better hash, where one is due.
    pub(crate) async fn verify(
        &self,
        password: Zeroizing<String>,
        against: Option<&str>,
        salt: [u8; 16],
    ) -> Result<Checked, PasswordError> {
        let work = Work::Verify { password, against: against.unwrap_or(&self.nobody).to_owned(), salt };
        match self.ask(work).await? {
            Done::Verified(checked) if against.is_some() => Ok(checked),
            Done::Verified(_) => Ok(Checked { right: false, better: None }),
            Done::Hashed(_) => Err(PasswordError::Hash),
        }
    }

    async fn ask(&self, work: Work) -> Result<Done, PasswordError> {
        let (answer, done) = oneshot::channel();
        match self.queue.try_send(Job { work, answer }) {
            Ok(()) => done.await.map_err(|_| PasswordError::Busy)?,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(PasswordError::Busy),
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
    let mut memory: Vec<Block> = Vec::new();
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(KEEP_MEMORY);
        match next {
            Ok(Job { work, answer }) => {
                memory.resize(Params::DEFAULT.block_count(), Block::default());
                // A caller that went away gets no answer; there is nothing else to do about it.
                let _gone = answer.send(work.carry_out(&argon2, &mut memory));
            }
            Err(RecvTimeoutError::Timeout) => memory = Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Work {
    fn carry_out(self, argon2: &Argon2<'_>, memory: &mut [Block]) -> Result<Done, PasswordError> {
        let hash = |password: &str, salt: &[u8]| {
            let mut output = Zeroizing::new([0; 32]);
            let done = argon2.hash_password_into_with_memory(
                password.as_bytes(),
                salt,
                output.as_mut_slice(),
                memory,
            );
            done.map(|()| output).map_err(|_| PasswordError::Hash)
        };
        match self {
            Self::Hash { password, salt } => phc(&salt, hash(&password, &salt)?.as_slice()).map(Done::Hashed),
            Self::Verify { password, against, salt } => {
                if let Some((salt, wanted)) = ours(&against) {
                    let output = hash(&password, salt.as_ref())?;
                    let right = verify_slices_are_equal(output.as_slice(), wanted.as_bytes()).is_ok();
                    return Ok(Done::Verified(Checked { right, better: None }));
                }
                let imported = Imported::parse(&against).ok_or(PasswordError::Hash)?;
                let right = imported.verify(password.as_bytes());
                let better = right.then(|| phc(&salt, hash(&password, &salt)?.as_slice())).transpose()?;
                Ok(Done::Verified(Checked { right, better }))
            }
        }
    }
}

/// Salt and hash of a PHC string that we could have made.
fn ours(text: &str) -> Option<(Salt, Output)> {
    let hash = PasswordHash::new(text).ok()?;
    let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    let params = Params::try_from(&hash).ok()?;
    let same = hash.algorithm == argon2::ARGON2ID_IDENT
        && hash.version == Some(Version::V0x13.into())
        && costs(&params) == costs(&Params::DEFAULT);
    hash.salt.zip(hash.hash).filter(|(_, output)| same && output.len() == 32)
}

fn phc(salt: &[u8], output: &[u8]) -> Result<String, PasswordError> {
    let hash = PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&Params::DEFAULT).map_err(|_| PasswordError::Hash)?,
        salt: Some(Salt::new(salt).map_err(|_| PasswordError::Hash)?),
        hash: Some(Output::new(output).map_err(|_| PasswordError::Hash)?),
    };
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_right_or_wrong_and_nobody_is_always_wrong() {
        let passwords = Passwords::start(1, [9; 16]).unwrap();
        let hash = passwords.hash(secret("correct horse"), [1; 16]).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let verdict = |right| Ok(Checked { right, better: None });
        for (password, against, right) in [
            ("correct horse", Some(hash.as_str()), true),
            ("correct horsf", Some(&hash), false),
            ("correct horse", None, false),
        ] {
            assert_eq!(passwords.verify(secret(password), against, [2; 16]).await, verdict(right));
        }
        let damaged = passwords.verify(secret("x"), Some("$scrypt$x"), [2; 16]).await;
        assert_eq!(damaged, Err(PasswordError::Hash));
    }

    #[tokio::test]
    async fn what_another_system_hashed_is_hashed_anew_when_it_is_right() {
        let passwords = Passwords::start(1, [9; 16]).unwrap();
        let theirs = Some("pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=");
        let wrong = passwords.verify(secret("correct horsf"), theirs, [2; 16]).await.unwrap();
        assert_eq!(wrong, Checked { right: false, better: None });
        let Checked { right, better } =
            passwords.verify(secret("correct horse"), theirs, [2; 16]).await.unwrap();
        assert!(right);
        let again = passwords.verify(secret("correct horse"), better.as_deref(), [3; 16]).await.unwrap();
        assert_eq!(again, Checked { right: true, better: None });
    }

    #[tokio::test]
    async fn a_full_queue_says_so_at_once() {
        let passwords = Passwords::start(1, [9; 16]).unwrap();
        let storm = (0..QUEUE_PER_THREAD + 8).map(|_| passwords.verify(secret("x"), None, [2; 16]));
        let answers = futures_util::future::join_all(storm).await;
        assert!(answers.contains(&Err(PasswordError::Busy)));
        assert!(answers.iter().filter(|answer| answer.is_ok()).count() >= QUEUE_PER_THREAD);
    }
}
