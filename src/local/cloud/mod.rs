//! The embedded cloud: AWS, as far as we rely on it, in this process.
