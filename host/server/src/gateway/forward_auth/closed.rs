//! Answers that are given although nobody could judge: all of them deny, and each says so in the log, in the metrics, and by
//! [`super::FAIL_CLOSED`].

use std::fmt::Display;

use cofactor_runtime::metrics::cause_of;
use cofactor_runtime::service::StepError;
use cofactor_runtime::store::Store;

use super::Answer;
use crate::gateway::Front;
use crate::gateway::config::Gateway;

/// The answer for a request that the service could not judge.
pub(super) fn failure<S: Store>(front: &Front<S>, gateway: &Gateway, error: &StepError) -> Answer {
    let answer = match error {
        StepError::Overloaded | StepError::Unavailable(_) => Answer::Overloaded,
        _ => Answer::Failed,
    };
    closed(front, gateway, cause_of(error), error, answer)
}

/// `answer`, written down: `cause` is its label in the metrics, `error` what the log tells.
pub fn closed<S: Store>(
    front: &Front<S>,
    gateway: &Gateway,
    cause: &'static str,
    error: &dyn Display,
    answer: Answer,
) -> Answer {
    let application = gateway.application.as_str();
    front.service.metrics().failed_closed(application, cause);
    tracing::error!(
        gateway = gateway.name,
        application,
        fail = "closed",
        %error,
        "could not judge a session"
    );
    answer
}
