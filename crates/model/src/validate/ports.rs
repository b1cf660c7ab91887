//! The port fields of a rule.

use super::rule::Side;
use super::{Report, text};
use crate::{PortSet, codes, raw};
use diagnostic::{At, Diagnostic};
use std::ops::RangeInclusive;

/// One side's ports, or `None` where they are wrong, which is reported.
pub(super) fn build(raw: &raw::Ports, side: &Side<'_>, report: &mut Report) -> Option<PortSet> {
    let single = raw.range.as_ref().filter(|range| !range.value.trim().is_empty());
    let (one, many) = (side.field("PortRange"), side.field("PortRanges"));
    if let (Some(single), Some(first)) = (single, raw.ranges.first()) {
        let message = format!("{side} has both {one} '{}' and {many}", single.value);
        let (one_at, other_at) = (&single.at, &first.at);
        let (earlier, later) = if one_at <= other_at { (one_at, other_at) } else { (other_at, one_at) };
        let help = format!("keep {one} or {many}");
        let error = Diagnostic::error(codes::SECURITY_RULE_PARAMETER_CONFLICT, later, message).help(help);
        report.push(error.related(earlier, "and given here"));
    }
    if single.is_none() && raw.ranges.is_empty() {
        if !side.rule.incomplete {
            let message = match &raw.range {
                Some(_) => format!("{side} has an empty {one}"),
                None => format!("{side} has neither {one} nor {many}"),
            };
            let help = format!("write \"{one}\": \"*\" for any port");
            let at = raw.range.as_ref().map_or(&side.rule.name.at, |range| &range.at);
            report.push(Diagnostic::error(codes::SECURITY_RULE_PARAMETERS_MISSING, at, message).help(help));
        }
        return None;
    }
    let written: Vec<&At<String>> = single.into_iter().chain(&raw.ranges).collect();
    let ranges: Vec<_> = written.iter().filter_map(|range| read(range, side, report)).collect();
    (ranges.len() == written.len()).then(|| PortSet::from_ranges(ranges))
}

fn read(written: &At<String>, side: &Side<'_>, report: &mut Report) -> Option<RangeInclusive<u16>> {
    let text = text::trimmed(written, report);
    let range = parse(text);
    if range.is_none() {
        let message = format!("{side} has the port range '{text}', {}", no_range(text));
        let help = if text.contains(',') {
            format!("write the ports one by one in {}", side.field("PortRanges"))
        } else {
            "write *, a port of 0-65535, or a range such as 8000-8080".to_owned()
        };
        report.push(
            Diagnostic::error(codes::SECURITY_RULE_INVALID_PORT_RANGE, &written.at, message).help(help),
        );
    }
    range
}

/// Why a text is no range of ports, as the end of a sentence.
fn no_range(text: &str) -> &'static str {
    let number = |text: &str| {
        let text = text.trim();
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // So many digits are too large a port whatever they are.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    match (number(start), number(end)) {
        _ if text.contains(',') => "which is a list",
        (Some(start), Some(end)) if start.max(end) > u64::from(u16::MAX) => "which is not within 0-65535",
        (Some(_), Some(_)) => "which ends before it begins",
        _ => "which is neither *, a port nor a range of ports",
    }
}

/// Reads `*`, `n` or `n-m`.
fn parse(text: &str) -> Option<RangeInclusive<u16>> {
    if text == "*" {
        return Some(0..=u16::MAX);
    }
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    let range = port(start.trim_end())?..=port(end.trim_start())?;
    (!range.is_empty()).then_some(range)
}

fn port(text: &str) -> Option<u16> {
    // `parse` alone would let a sign through.
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_strictly() {
        assert_eq!(parse("*"), Some(0..=65535));
        assert_eq!(parse("443"), Some(443..=443));
        assert_eq!(parse("0-65535"), Some(0..=65535));
        assert_eq!(parse("80 - 90"), Some(80..=90));
        for bad in ["", "-", "80-", "-80", "+80", "100-50", "65536", "80,443", "any", "1-2-3", "8.0", "٨"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
