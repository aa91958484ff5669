//! Members of answers.

use jiff::Timestamp;
use serde_json::Value;

/// A member that is a text. An empty one counts as absent, as AWS and its emulators don't agree on which they send.
pub fn text_of<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A member that is a list. An absent one is empty.
pub fn list_of<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The texts in a member that is an object, such as tags or variables. An absent one is empty.
pub fn texts_of<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = (&'v str, &'v str)> + use<'v> {
    let members = value.get(name).and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

/// The tags in a list of objects whose members have these names.
pub fn tags_of<'v>(value: &'v Value, list: &str, key: &str, content: &str) -> impl Iterator<Item = (&'v str, &'v str)> {
    list_of(value, list).iter().filter_map(move |tag| Some((tag.get(key)?.as_str()?, tag.get(content)?.as_str()?)))
}

/// A whole number, in JSON or in the text of an XML element.
///
/// # Errors
/// The member isn't a whole number.
pub fn integer_of(value: &Value, name: &str) -> Result<Option<i64>, String> {
    let member = &value[name];
    let number = match member {
        Value::Null => return Ok(None),
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    };
    number.map(Some).ok_or_else(|| format!("{name} is not a whole number: {member}"))
}

/// A number, in JSON or in the text of an XML element.
///
/// # Errors
/// The member isn't a number.
pub fn number_of(value: &Value, name: &str) -> Result<Option<f64>, String> {
    let member = &value[name];
    let number = match member {
        Value::Null => return Ok(None),
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    };
    number.map(Some).ok_or_else(|| format!("{name} is not a number: {member}"))
}

/// A truth value, in JSON or in the text of an XML element.
///
/// # Errors
/// The member isn't a truth value.
pub fn flag_of(value: &Value, name: &str) -> Result<Option<bool>, String> {
    let member = &value[name];
    let flag = match member {
        Value::Null => return Ok(None),
        Value::String(text) => text.parse().ok(),
        other => other.as_bool(),
    };
    flag.map(Some).ok_or_else(|| format!("{name} is neither true nor false: {member}"))
}

/// A time, in whole seconds: protocols with JSON write seconds since 1970, with or without a fraction, and XML and API
/// Gateway's HTTP APIs write RFC 3339.
///
/// # Errors
/// The member isn't a time.
pub fn time_of(value: &Value, name: &str) -> Result<Option<Timestamp>, String> {
    parse_time(&value[name]).map_err(|why| format!("{name} {why}"))
}

/// A time that may be absent; see [`time_of`].
///
/// # Errors
/// The value isn't a time.
pub fn parse_time(value: &Value) -> Result<Option<Timestamp>, String> {
    let seconds = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.parse::<Timestamp>().ok().map(Timestamp::as_second),
        #[expect(clippy::cast_possible_truncation, reason = "a time beyond i64 is none, and refused below")]
        other => other.as_f64().map(|seconds| seconds.floor() as i64),
    };
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map(Some).ok_or_else(|| format!("is not a time: {value}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_members_of_both_formats() {
        let json = json!({ "at": 1_700_000_000.5, "count": 3, "ratio": 0.5, "on": true });
        let xml = json!({ "at": "2023-11-14T22:13:20.5Z", "count": "3", "ratio": "0.5", "on": "true" });
        for value in [json, xml] {
            let time = time_of(&value, "at").expect("a time").expect("it is present");
            assert_eq!(time.as_second(), 1_700_000_000);
            assert_eq!(integer_of(&value, "count"), Ok(Some(3)));
            assert_eq!(number_of(&value, "ratio"), Ok(Some(0.5)));
            assert_eq!(flag_of(&value, "on"), Ok(Some(true)));
        }
        let absent = json!({ "count": null });
        assert_eq!((integer_of(&absent, "count"), time_of(&absent, "at")), (Ok(None), Ok(None)));
    }

    #[test]
    fn rejects_what_it_cannot_parse() {
        let value = json!({ "at": "yesterday", "count": "many", "ratio": [], "on": "perhaps", "huge": 1e30 });
        assert!(time_of(&value, "at").is_err_and(|why| why == "at is not a time: \"yesterday\""));
        assert!(time_of(&value, "huge").is_err());
        assert!(integer_of(&value, "count").is_err());
        assert!(number_of(&value, "ratio").is_err());
        assert!(flag_of(&value, "on").is_err());
    }
}
