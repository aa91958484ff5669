//! No venue can reach another: policy evaluation, and every pair of venues.

mod pairs;
mod policy;
mod schedules;
