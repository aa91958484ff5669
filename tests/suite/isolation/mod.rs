//! No venue can reach another: policy evaluation, pairs of venues, and the command on a cloud.

mod command;
mod pairs;
mod policy;
