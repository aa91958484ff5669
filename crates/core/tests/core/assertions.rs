//! Assertions that say what they found.

/// Fails with the whole text unless it contains `part`.
#[track_caller]
pub fn assert_contains(text: impl AsRef<str>, part: impl AsRef<str>) {
    let (text, part) = (text.as_ref(), part.as_ref());
    assert!(text.contains(part), "expected {part:?} in:\n{text}");
}
