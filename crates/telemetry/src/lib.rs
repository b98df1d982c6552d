//! One logging setup for every role.
