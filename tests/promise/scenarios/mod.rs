//! What may go wrong.

mod feed_stopped;
mod healthy;
mod judged;
mod leases;
mod open_transactions;
mod partition;
mod paused;
mod pgbouncer;
mod postgres_killed;
mod restarted;
mod slow_lookup;
mod standby;
