//! Attacks on the way between client, nginx, host and application (FA-01 to FA-13; FA-14 is in `sessions`, FA-15 in
//! `smuggling`).

mod addresses;
mod answers;
mod headers;
