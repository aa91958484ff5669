//! That no venue can reach another: the evaluation of policies, the pairs, and the command on a cloud.

mod command;
mod pairs;
mod policy;
