//! Which rules of the policy decide about a sign-in, and why.

use super::batch::Ahead;
use super::{Scene, Service, StepError, wipe};
use crate::contract::{Event, Explanation, Fact, Fault};
use crate::plugin::PluginError;
use crate::store::{Name, Store};

impl<S: Store> Service<S> {
    /// Says which rules would decide about an event that begins a sign-in, with the account as it is now. Changes nothing.
    /// `facts` are for the component's context: sorted by name, at most 16.
    ///
    /// # Errors
    /// Where the step could not be judged either, or the event begins no sign-in.
    pub async fn explain(
        &self,
        name: &Name,
        mut event: Event,
        facts: Vec<Fact>,
    ) -> Result<Explanation, StepError> {
        crate::plugin::check_event(&event)?;
        let Scene {
            record,
            mut context,
            ..
        } = self.scene(name, &mut event, &Ahead::default()).await?;
        context.facts.extend(facts);
        context.facts.sort();
        let account = record.as_ref().map(|record| record.as_slice());
        let explain = |context: &_| self.plugin.explain(&self.policy, context, account, &event);
        let explained = match explain(&context) {
            Err(PluginError::Component(Fault::Unobserved(asked))) => {
                self.observe(name, &event.origin, &mut context, &asked)
                    .await?;
                explain(&context)
            }
            explained => explained,
        };
        wipe(&mut context);
        Ok(explained?)
    }
}
