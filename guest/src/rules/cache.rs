//! The success that answers the requests beside it (E18): a client that opens several connections at once is asked once. It
//! is for the same browser or connection, application and address, for seconds, and never more than what was proved.

use super::demand::Demands;
use super::trace::{Role, finding};
use super::{Circumstances, Need, Skip};
use crate::account::{Account, Grant, Success};
use crate::contract::Origin;
use crate::entropy::plain_digest;
use crate::reason::Reason;

/// The success of just before, if it is enough now.
pub(super) fn hit(
    about: &Circumstances<'_>,
    account: &Account,
    demands: &Demands<'_>,
    need: &Need,
) -> Option<Skip> {
    let reason = Reason::CachedSuccess;
    let lifetime = about.policy.cache.lifetime;
    let found = account.success.filter(|success| {
        let age = about.at.saturating_sub(success.at);
        // A text is confirmed, and an approval given, once.
        let shared = about.demand.transaction.is_none()
            && about.demand.approves.is_none()
            && demands.application.approvals == 0;
        shared
            && !account.decoy
            && about.at < success.until
            && age < lifetime
            && demands.max_age.is_none_or(|most| age <= most)
            && need.is_met(&success.grant)
            && success.digest == digest(about.origin)
    });
    about.note(Role::Skip(reason), || {
        let because = match (lifetime, &found) {
            (0, _) => "there is no cache",
            (_, Some(_)) => "the same client has just succeeded",
            (_, None) => "no success of just before is enough",
        };
        finding(
            "result-cache",
            found.is_some(),
            because,
            "the same as just before",
        )
    });
    let success = found?;
    Some(Skip {
        success: Some(Grant {
            reason,
            ..success.grant
        }),
        ..Skip::because(reason)
    })
}

/// What to remember of a success, if the policy wants that.
pub(crate) fn success(lifetime: u64, origin: &Origin, grant: Grant, at: u64) -> Option<Success> {
    (lifetime != 0).then(|| Success {
        digest: digest(origin),
        until: at.saturating_add(lifetime),
        grant,
        at,
    })
}

fn digest(origin: &Origin) -> [u8; 16] {
    let (known, address) = match &origin.address {
        Some(address) => (&[1], address.as_bytes()),
        None => (&[0], &[] as &[u8]),
    };
    let digest = plain_digest(&[
        b"success",
        origin.application.as_bytes(),
        &origin.binding,
        known,
        address,
    ]);
    let mut half = [0; 16];
    half.iter_mut()
        .zip(digest)
        .for_each(|(octet, from)| *octet = from);
    half
}
