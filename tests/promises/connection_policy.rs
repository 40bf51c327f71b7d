//! Where does a connection lead, and as whom? The server that can be written to, of several; with today's password; and
//! what cannot be done as it was asked is refused by its name.
//!
//! [`several_hosts`] (standbys are passed over, a failover is survived) → [`credentials`] (files that nobody else may
//! read, passwords that change) → [`refused`] (exact words).

mod credentials;
mod refused;
mod several_hosts;
