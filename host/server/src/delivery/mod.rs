//! Delivery: what steps want done is taken from the outbox, done, and settled.
//!
//! | module | what it delivers |
//! |---|---|
//! | [`forward`] | events for other accounts |

pub mod forward;
