//! Texts read as expressions.
//!
//! ```text
//! value  = first { step }
//! first  = 'text' | number | [ name . ] name ( [ value { , value } ] )
//! step   = . [?] name | "[" [?] value "]"
//! ```

use crate::functions;
use crate::syntax::{Call, Expr, Key, Kind, Step};

/// The longest expression.
///
/// # Source
/// Azure "Syntax and expressions in ARM templates".
pub(crate) const MAX_EXPRESSION: usize = 24_576;
/// How deep calls and indexes may stand in each other.
pub(crate) const MAX_NESTING: usize = 100;

/// What is wrong with the syntax, and at which byte.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mistake {
    pub(crate) at: usize,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// What a text stands for in a template.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Meaning<'a> {
    /// Itself.
    Literal(&'a str),
    /// The value of an expression; brackets included.
    Expression(&'a str),
}

/// Whether a text is an expression, and if not, which text it is.
///
/// # Source
/// Azure "Syntax and expressions in ARM templates", *Escape characters*.
pub(crate) fn meaning(text: &str) -> Meaning<'_> {
    match text.strip_prefix('[') {
        Some(rest) if text.len() > 1 && text.ends_with(']') => {
            if rest.starts_with('[') {
                Meaning::Literal(rest)
            } else {
                Meaning::Expression(text)
            }
        }
        _ => Meaning::Literal(text),
    }
}

/// Reads an expression with the brackets around it.
///
/// # Cost
/// Linear in the text; it nests at most [`MAX_NESTING`] deep.
pub(crate) fn parse(text: &str) -> Result<Expr, Mistake> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    if text.chars().count() > MAX_EXPRESSION {
        let message = format!("the expression has more than {MAX_EXPRESSION} characters");
        return Err(parser.mistake(0, message));
    }
    parser.expect('[', "at the beginning")?;
    let expr = parser.value()?;
    parser.expect(']', "at the end of the expression")?;
    parser.space();
    match parser.peek() {
        None => Ok(expr),
        Some(found) => {
            let message = format!("'{found}' stands after the end of the expression");
            let help = "write one expression; concat() and format() join texts";
            Err(parser.mistake(parser.at, message).help(help))
        }
    }
}

impl Mistake {
    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self) -> Result<Expr, Mistake> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            let message = format!("calls and indexes stand more than {MAX_NESTING} deep in each other");
            return Err(self.mistake(self.at, message));
        }
        self.space();
        let from = self.at;
        let kind = match self.peek() {
            Some('\'') => Kind::Text(self.quoted()?),
            Some('0'..='9' | '-' | '+') => Kind::Number(self.number()?),
            Some(first) if begins_name(first) => Kind::Call(self.call()?),
            found => return Err(self.unexpected(found, "a value")),
        };
        let first = Expr { from, to: self.at, kind };
        let steps = self.steps()?;
        self.depth -= 1;
        if steps.is_empty() {
            return Ok(first);
        }
        let to = steps.last().map_or(first.to, |step| step.to);
        Ok(Expr { from, to, kind: Kind::Walk { base: Box::new(first), steps } })
    }

    fn steps(&mut self) -> Result<Vec<Step>, Mistake> {
        let mut steps = Vec::new();
        loop {
            let end = self.at;
            self.space();
            let from = self.at;
            let key = match self.peek() {
                Some('.') => {
                    self.at += 1;
                    let safe = self.take('?');
                    self.space();
                    (safe, Key::Name(self.name("a property's name")?))
                }
                Some('[') => {
                    self.at += 1;
                    let safe = self.take('?');
                    let index = self.value()?;
                    self.expect(']', "after the index")?;
                    (safe, Key::Index(index))
                }
                _ => {
                    self.at = end;
                    return Ok(steps);
                }
            };
            steps.push(Step { from, to: self.at, safe: key.0, key: key.1 });
        }
    }

    fn call(&mut self) -> Result<Call, Mistake> {
        let from = self.at;
        let mut name = self.name("a function's name")?;
        let mut namespace = None;
        self.space();
        if self.take('.') {
            self.space();
            namespace = Some(std::mem::replace(&mut name, self.name("a function's name")?));
            self.space();
        }
        if !self.take('(') {
            let message = format!("'{name}' stands alone, and only functions have names here");
            let help = match name.to_ascii_lowercase().as_str() {
                word @ ("true" | "false" | "null") => format!("write {word}()"),
                _ => format!("write '{name}' for a text, or parameters('{name}') or variables('{name}')"),
            };
            return Err(self.mistake(from, message).help(help));
        }
        let mut arguments = Vec::new();
        self.space();
        if !self.take(')') {
            loop {
                arguments.push(self.value()?);
                self.space();
                if self.take(')') {
                    break;
                }
                self.expect(',', "between arguments, or ')' after the last")?;
            }
        }
        let function = if namespace.is_none() { functions::find(&name) } else { None };
        Ok(Call { namespace, name, function, arguments })
    }

    fn quoted(&mut self) -> Result<String, Mistake> {
        let from = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let Some(end) = rest.find('\'') else {
                let help = "end it with '; a ' within it is written twice";
                return Err(self.mistake(from, "the text has no end").help(help));
            };
            text.push_str(rest.get(..end).unwrap_or_default());
            self.at += end + 1;
            if !self.take('\'') {
                return Ok(text);
            }
            text.push('\'');
        }
    }

    fn number(&mut self) -> Result<String, Mistake> {
        let rest = self.rest();
        let digits = |text: &str| text.len() - text.trim_start_matches(|it: char| it.is_ascii_digit()).len();
        let sign = usize::from(rest.starts_with(['-', '+']));
        let whole = digits(rest.get(sign..).unwrap_or_default());
        let mut length = sign + whole;
        // A point without digits after it begins a step.
        if let Some(after) = rest.get(length..).and_then(|rest| rest.strip_prefix('.')) {
            let fraction = digits(after);
            length += if fraction > 0 { fraction + 1 } else { 0 };
        }
        let text = rest.get(..length).unwrap_or_default();
        let text = text.strip_prefix('+').unwrap_or(text);
        if whole == 0 || (!text.contains('.') && text.parse::<i64>().is_err()) {
            let message = format!("'{text}' is no number of 64 bits");
            return Err(self.mistake(self.at, message));
        }
        self.at += length;
        Ok(text.to_owned())
    }

    fn name(&mut self, what: &str) -> Result<String, Mistake> {
        let rest = self.rest();
        if !rest.starts_with(begins_name) {
            return Err(self.unexpected(self.peek(), what));
        }
        let end = rest.find(|it: char| !(begins_name(it) || it.is_ascii_digit())).unwrap_or(rest.len());
        self.at += end;
        Ok(rest.get(..end).unwrap_or_default().to_owned())
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, expected: char) -> bool {
        let is = self.peek() == Some(expected);
        self.at += if is { expected.len_utf8() } else { 0 };
        is
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn expect(&mut self, expected: char, place: &str) -> Result<(), Mistake> {
        self.space();
        if self.take(expected) {
            return Ok(());
        }
        Err(self.unexpected(self.peek(), &format!("'{expected}' {place}")))
    }

    fn unexpected(&self, found: Option<char>, expected: &str) -> Mistake {
        let found = match found {
            Some(found) if found.is_control() => format!("'{}' stands", found.escape_debug()),
            Some(found) => format!("'{found}' stands"),
            None => "the expression ends".to_owned(),
        };
        self.mistake(self.at, format!("{found} where {expected} should be"))
    }

    fn mistake(&self, at: usize, message: impl Into<String>) -> Mistake {
        Mistake { at, message: message.into(), help: None }
    }
}

fn begins_name(first: char) -> bool {
    first.is_alphabetic() || first == '_' || first == '$'
}
