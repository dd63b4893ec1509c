//! Sessions: judged at every request by how the account and the session stand now.

use super::{Service, StepError, audit};
use crate::contract::{Claims, Context, Fact, Origin, Request, Verdict};
use crate::store::{AccountId, Mark, Name, SessionEnd, SessionId, Standing, Store, StoreError};

impl<S: Store> Service<S> {
    /// Judges whether a session is enough for a request. Reads how the account and the session stand and nothing else,
    /// writes nothing. `session` is none for claims that the host keeps no session for.
    ///
    /// # Errors
    /// Every one of them denies.
    pub fn authorize(
        &self,
        name: &Name,
        session: Option<&SessionId>,
        claims: &Claims,
        request: Request,
    ) -> Result<Verdict, StepError> {
        let verdict = self.judge(name, session, claims, request, Vec::new());
        match &verdict {
            Ok(verdict) => self.metrics.verdict(verdict),
            Err(error) => self.metrics.unjudged(error),
        }
        verdict
    }

    /// Judges whether what an app password proved a moment ago is enough for a request of the program that shows it again.
    ///
    /// # Errors
    /// Every one of them denies.
    pub fn authorize_program(
        &self,
        name: &Name,
        claims: &Claims,
        request: Request,
    ) -> Result<Verdict, StepError> {
        let fact = ("bearer".to_owned(), "program".to_owned());
        let verdict = self.judge(name, None, claims, request, vec![fact]);
        match &verdict {
            Ok(verdict) => self.metrics.verdict(verdict),
            Err(error) => self.metrics.unjudged(error),
        }
        verdict
    }

    fn judge(
        &self,
        name: &Name,
        session: Option<&SessionId>,
        claims: &Claims,
        mut request: Request,
        facts: Vec<Fact>,
    ) -> Result<Verdict, StepError> {
        // An account that is gone has no generation that a session could be of.
        let standing = self.standing(name, session)?.unwrap_or(Standing {
            generation: u64::MAX,
            ended: true,
        });
        request.generation = standing.generation;
        request.ended = standing.ended;
        let context = Context {
            facts,
            ..self.context(self.clock.now()?, &name.tenant, Vec::new(), None)
        };
        Ok(self
            .plugin
            .authorize(&self.policy, &context, claims, &request)?)
    }

    /// Ends one session of an account for good, whichever host asks for it afterwards: an ordinary sign-out. What ends
    /// all of them is an event.
    ///
    /// # Errors
    /// Where it could not be made durable: the session goes on.
    pub async fn end_session(
        &self,
        name: &Name,
        origin: &Origin,
        account: AccountId,
        session: SessionId,
    ) -> Result<(), StepError> {
        let now = self.clock.now()?;
        let end = SessionEnd {
            account,
            session,
            expires: now.saturating_add(self.host_policy().session_lifetime),
            audit: audit::session_ended(account, name, origin),
            now,
        };
        Ok(self.noted(self.store.end_session(end).await)?)
    }

    /// How the user's account stands, and one of its sessions if one is named; none where there is no account.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub fn standing(
        &self,
        name: &Name,
        session: Option<&SessionId>,
    ) -> Result<Option<Standing>, StoreError> {
        self.noted(self.store.standing(name, session))
    }

    /// While it is the same, what [`Service::standing`] answered since holds. Told from memory, without waiting.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        self.store.mark()
    }
}
