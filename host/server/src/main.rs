//! The `cofactor` command.

fn main() {}
