//! Several questions of a diagnostic at once, as Azure's CLI takes them.

use control::answer::Profile;
use serde::Deserialize;

/// The most questions of one list.
const MAX: usize = 1000;

/// A question as it is written; the port may be a number.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    direction: String,
    protocol: String,
    source: String,
    destination: String,
    #[serde(default = "any", alias = "port")]
    destination_port: Port,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Text(String),
}

fn any() -> Port {
    Port::Text("*".into())
}

/// Reads a JSON list of questions.
///
/// # Errors
/// One sentence on what is wrong, with the place in the text.
pub fn profiles(text: &str) -> Result<Vec<Profile>, String> {
    let written: Vec<Written> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if written.is_empty() || written.len() > MAX {
        return Err(format!("expected 1 to {MAX} questions, found {}", written.len()));
    }
    let profile = |it: Written| Profile {
        direction: it.direction,
        protocol: it.protocol,
        source: it.source,
        destination: it.destination,
        destination_port: match it.destination_port {
            Port::Number(port) => port.to_string(),
            Port::Text(text) => text,
        },
    };
    Ok(written.into_iter().map(profile).collect())
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
            ("[]", "found 0"),
            ("{}", "invalid type"),
            (r#"[{"direction":"Inbound"}]"#, "protocol"),
            (r#"[{"direction":"Inbound","colour":1}]"#, "colour"),
            (
                r#"[{"direction":"Inbound","protocol":"*","source":"*","destination":"*","port":65536}]"#,
                "Port",
            ),
        ] {
            assert!(profiles(wrong).unwrap_err().contains(why), "{wrong}: {:?}", profiles(wrong));
        }
    }
}
