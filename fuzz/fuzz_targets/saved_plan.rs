#![no_main]

#[allow(dead_code)]
#[path = "../../tests/suite/fuzzing/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::read_saved_plan(bytes));
