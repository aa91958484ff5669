//! Keeps calls below a rate limit, instead of finding the limit by hitting it.
//!
//! [`EvenSlots`] hands out the times at which calls may start. Two policies use it: [`VendorRateLimiter`] for an API
//! with one rate, which knows deadlines and pauses, and `deployer_aws::limiter::AwsLimiter` for AWS's services, each
//! with a rate of its own. [`CallUnderWay`] knows which calls are waited for. The function uses this crate too, so it depends
//! on nothing but a clock, which is [`clock`]: it can be a virtual one.

pub mod clock;
mod slots;
mod under_way;
mod vendor;

pub use slots::EvenSlots;
pub use under_way::{CallUnderWay, CallWait};
pub use vendor::VendorRateLimiter;
