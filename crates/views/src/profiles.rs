//! Several questions of a diagnostic at once, as Azure's CLI takes them.

use answer::Profile;
use serde_json::Value;

/// The most questions of one list.
const MAX: usize = 1000;

/// The fields of a question.
const KEYS: [&str; 5] = ["direction", "protocol", "source", "destination", "destinationPort"];
/// What `destinationPort` may be called, too.
const PORT: &str = "port";

/// Reads a JSON list of questions.
///
/// # Errors
/// What is wrong with each, with its number, a sentence each.
pub fn profiles(text: &str) -> Result<Vec<Profile>, Vec<String>> {
    let expected = "expected a JSON list of questions";
    let list = match serde_json::from_str(text) {
        Ok(Value::Array(list)) => list,
        Ok(other) => return Err(vec![format!("{expected}, found {}", kind(&other))]),
        Err(error) => return Err(vec![format!("{expected}: {error}")]),
    };
    if list.is_empty() || list.len() > MAX {
        return Err(vec![format!("expected 1 to {MAX} questions, found {}", list.len())]);
    }
    let mut faults = Vec::new();
    let mut profiles = Vec::with_capacity(list.len());
    for (nth, one) in list.iter().enumerate() {
        match profile(one) {
            Ok(profile) => profiles.push(profile),
            Err(of_it) => faults.extend(of_it.iter().map(|fault| format!("question {}: {fault}", nth + 1))),
        }
    }
    if faults.is_empty() { Ok(profiles) } else { Err(faults) }
}

/// One question, or everything that is wrong with its fields.
fn profile(one: &Value) -> Result<Profile, Vec<String>> {
    let Value::Object(fields) = one else {
        return Err(vec![format!("expected an object, found {}", kind(one))]);
    };
    let mut faults = Vec::new();
    for key in fields.keys().filter(|key| !KEYS.contains(&key.as_str()) && *key != PORT) {
        let meant = diagnostic::nearest(key, KEYS).map(|near| format!("; did you mean \"{near}\"?"));
        faults.push(format!("unknown field \"{key}\"{}", meant.unwrap_or_default()));
    }
    let [direction, protocol, source, destination, destination_port] = KEYS.map(|key| {
        let is_port = key == "destinationPort";
        let written = fields.get(key).or_else(|| fields.get(PORT).filter(|_| is_port));
        match written {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) if is_port && number.as_u64().is_some_and(|it| it <= 65_535) => {
                number.to_string()
            }
            Some(other) if is_port => {
                faults.push(format!("{key} {other}: expected a port from 0 to 65535, \"80-100\" or \"*\""));
                String::new()
            }
            None if is_port => "*".into(),
            Some(other) => {
                faults.push(format!("{key}: expected a text, found {}", kind(other)));
                String::new()
            }
            None => {
                faults.push(format!("{key} is missing"));
                String::new()
            }
        }
    });
    let profile = Profile { direction, protocol, source, destination, destination_port };
    if faults.is_empty() { Ok(profile) } else { Err(faults) }
}

/// What a value is, in words.
const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_azures_cli_takes_it() {
        let asked = r#"[{"direction":"Inbound","protocol":"TCP","source":"*","destination":"10.0.1.4","destinationPort":443},
                        {"direction":"Outbound","protocol":"*","source":"10.0.1.4","destination":"Internet"}]"#;
        let ports: Vec<String> = profiles(asked).unwrap().into_iter().map(|it| it.destination_port).collect();
        assert_eq!(ports, ["443", "*"]);
        for (wrong, why) in [
            ("[]", "expected 1 to 1000 questions, found 0"),
            ("{}", "expected a JSON list of questions, found an object"),
            ("[", "expected a JSON list of questions: EOF while parsing a list at line 1 column 1"),
            ("[7]", "question 1: expected an object, found a number"),
        ] {
            assert_eq!(profiles(wrong).unwrap_err(), [why]);
        }
        // All that is wrong with all of them.
        let many = r#"[{"direction":"Inbound","protocol":"*","source":"*","destination":"*","port":65536},
            {"direction":"Inbound","protocol":"*","source":"*","destination":"*"},
            {"direction":1,"protocl":"*","source":"*","destination":"*"}]"#;
        assert_eq!(
            profiles(many).unwrap_err(),
            [
                r#"question 1: destinationPort 65536: expected a port from 0 to 65535, "80-100" or "*""#,
                r#"question 3: unknown field "protocl"; did you mean "protocol"?"#,
                "question 3: direction: expected a text, found a number",
                "question 3: protocol is missing",
            ]
        );
    }
}
