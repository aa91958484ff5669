//! The binary. Everything is in the library, where it is compiled once and tested.

fn main() -> std::process::ExitCode {
    deployer::run_program()
}
