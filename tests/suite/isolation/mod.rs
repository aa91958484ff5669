//! No venue can reach another: the command on a cloud.

mod command;
mod schedules;
