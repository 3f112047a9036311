use super::Client;
use super::held::{Access, Held};
use crate::answer::Issued;
use crate::error::{Error, SignedOut};

impl Client {
    /// Another client, with a session of its own that is taken from this one: same user, same longest end. It ends
    /// with the session it was taken from, and is kept in no store. Of a session in [header mode](crate::Mode::Header).
    ///
    /// # Errors
    /// - [`Error::Refused`] with the action `fix` in cookie mode;
    /// - [`Error::SignedOut`] if there is no session, or somebody logged out while this was under way;
    /// - else with the action `retry`. After a lost answer the server may have opened a fork that nobody holds; it
    ///   ends when it was not used for its idle time.
    pub async fn fork(&self) -> Result<Self, Error> {
        let inner = &self.0;
        let epoch = inner.now().epoch;
        let parent = inner.newest(epoch).await?;
        let asked = inner.settings.world.elapsed();
        let (shows, mut body) = parent.jar.shows();
        body.fork = true;
        let (issued, headers) = inner.settings.post::<Issued>("/auth/refresh", shows, &body).await?;
        let access = Access::issued(&issued, asked, inner.settings.world.chance());
        // A refresh in the place of a fork would bring the same session.
        let (Some(access), true) = (access, issued.session.id != parent.session) else {
            return Err(Error::Foreign { status: 200, fault: "no fork", retry_after: None });
        };
        let jar = parent.jar.renewed(&issued, &headers);
        let held = Held::opened(issued, jar, access);
        let mut settings = inner.settings.clone();
        settings.store = None;
        let fork = Self::of(settings);
        if !inner.is(epoch) {
            fork.0.leave_late(held.to_save(false));
            return Err(Error::SignedOut(SignedOut::User));
        }
        fork.0.begin(&mut fork.0.now(), held);
        Ok(fork)
    }
}
