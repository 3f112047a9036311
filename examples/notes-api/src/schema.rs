//! The schema. Who asks is in the context, as `Verified`: `sub` is whose notes they are.
#![expect(clippy::unused_async, reason = "the macros of async-graphql want it of resolvers")]

use std::collections::VecDeque;
use std::sync::Arc;

use async_graphql::{Context, Error, Object, Result, Subscription};
use countersign_verifier::Verified;
use futures_util::{Stream, stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::notes::{Note, Notes};

pub(crate) type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

pub(crate) fn build(notes: Arc<Notes>) -> Schema {
    Schema::build(Query, Mutation, Subscription).data(notes).limit_depth(4).limit_complexity(50).finish()
}

pub(crate) struct Query;

#[Object]
impl Query {
    /// One's notes, oldest first.
    async fn notes(&self, ctx: &Context<'_>) -> Result<Vec<Note>> {
        notes(ctx)?.of(&user(ctx)?, 0).map_err(failed)
    }
}

pub(crate) struct Mutation;

#[Object]
impl Mutation {
    /// Adds a note.
    async fn add_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(validator(min_length = 1, max_length = 1000))] text: String,
    ) -> Result<Note> {
        notes(ctx)?.add(&user(ctx)?, &text).map_err(failed)
    }

    /// Removes a note of one's own; false if there is none of that number.
    async fn remove_note(&self, ctx: &Context<'_>, id: i64) -> Result<bool> {
        notes(ctx)?.remove(&user(ctx)?, id).map_err(failed)
    }
}

pub(crate) struct Subscription;

#[Subscription]
impl Subscription {
    /// All of one's notes: now, and after each change of them.
    async fn notes(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Result<Vec<Note>>>> {
        let reader = Reader::new(ctx)?;
        Ok(stream::unfold((reader, true), async |(mut reader, at_once)| {
            if !at_once {
                reader.changed().await?;
            }
            let all = reader.notes.of(&reader.user, 0).map_err(failed);
            Some((all, (reader, false)))
        }))
    }

    /// Each note that is added, after the one of the number `after` if that is given: a client that was away
    /// names the last one that it has seen, and misses none.
    async fn note_added(
        &self,
        ctx: &Context<'_>,
        after: Option<i64>,
    ) -> Result<impl Stream<Item = Result<Note>>> {
        let reader = Reader::new(ctx)?;
        let after = after.map_or_else(|| reader.notes.newest(&reader.user), Ok).map_err(failed)?;
        let state = (reader, after, VecDeque::new());
        Ok(stream::unfold(state, async |(mut reader, mut after, mut ready)| {
            loop {
                if let Some(note) = ready.pop_front() {
                    return Some((Ok(note), (reader, after, ready)));
                }
                match reader.notes.of(&reader.user, after) {
                    Ok(newer) => ready.extend(newer),
                    Err(error) => return Some((Err(failed(error)), (reader, after, ready))),
                }
                match ready.back() {
                    Some(Note { id, .. }) => after = *id,
                    None => reader.changed().await?,
                }
            }
        }))
    }
}

/// Waits for changes of one user's notes.
struct Reader {
    notes: Arc<Notes>,
    user: String,
    changes: Receiver<String>,
}

impl Reader {
    fn new(ctx: &Context<'_>) -> Result<Self> {
        // Before anything is read: what changes afterwards is noticed.
        let (notes, user) = (Arc::clone(notes(ctx)?), user(ctx)?);
        Ok(Self { changes: notes.changes(), notes, user })
    }

    async fn changed(&mut self) -> Option<()> {
        loop {
            match self.changes.recv().await {
                Ok(whose) if whose == self.user => return Some(()),
                Ok(_) => (),
                // Too many changes to be told of each: perhaps one of ours was among them.
                Err(RecvError::Lagged(_)) => return Some(()),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

fn notes<'c>(ctx: &Context<'c>) -> Result<&'c Arc<Notes>> {
    ctx.data()
}

fn user(ctx: &Context<'_>) -> Result<String> {
    Ok(ctx.data::<Verified>()?.sub.to_string())
}

/// What went wrong is for the log, not for the client.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: rusqlite::Error) -> Error {
    tracing::error!(%error, "the notes cannot be read or written");
    Error::new("The notes cannot be reached now.")
}
