//! Days of many venues, and backlogs that take days, in virtual time: the engine that is deployed, against the sandboxes with
//! the vendors' limits on. The quick variants always run; `-- --ignored --nocapture` runs the whole ones and prints tables.

mod backlog;
mod day;
mod world;
