//! What the causes of alarms mean, for people: in plans, in chats and in digests.

/// By the word of a cause in a manifest, which its alarm's name ends in.
const CAUSES: [(&str, &str); 7] = [
    ("failing", "runs fail"),
    ("silent", "no run succeeds"),
    ("oldest_flag", "a flag has been set for too long"),
    ("needs_review", "contacts came to need review"),
    ("failed", "many contacts are refused for their data"),
    ("throttled", "Lambda doesn't start runs"),
    ("lookups", "leads can't be looked up"),
];

/// The alarms that belong to no single venue, by the end of their names.
const SHARED: [(&str, &str); 3] = [
    ("hubspot", "HubSpot ends the runs of at least half of them"),
    ("chat", "messages couldn't be delivered to a chat"),
    ("digest", "a digest couldn't be sent"),
];

fn find_meaning(table: &[(&'static str, &'static str)], word: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
}

/// What a cause of a venue's alarm means; `None` for one that this version doesn't know.
pub fn cause_meaning(word: &str) -> Option<&'static str> {
    find_meaning(&CAUSES, word)
}

/// What an alarm of all venues means; `None` for one that this version doesn't know.
pub fn shared_meaning(word: &str) -> Option<&'static str> {
    find_meaning(&SHARED, word)
}
