//! Logs as Azure writes them, in every wrapper, and whatever else may stand in a file.

use flowlog::{
    Access, Counters, Direction, Encryption, Error, Form, Record, Rule, Said, State, Tuple, parse_mac, read,
};
use proptest::prelude::*;
use std::net::IpAddr;
use std::time::Duration;

fn records(text: &str) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    read("PT1H.json", text.as_bytes(), |record| records.push(record)).map(|()| records)
}

const MAC: [u8; 6] = [0x00, 0x22, 0x48, 0x0a, 0x0b, 0x0c];
const ONE: &str = r#"{"macAddress":"0022480A0B0C","resourceId":"/G","properties":{"Version":1,
 "flows":[{"rule":"DefaultRule_DenyAllInBound","flows":[{"mac":"0022480A0B0C","flowTuples":[
 "1767607231,198.51.100.7,10.1.0.4,40000,23,T,I,D"]}]}]}}"#;
const TWO: &str = r#"{"time":"2026-01-05T10:01:00.0012000Z","systemId":"6b","category":"NetworkSecurityGroupFlowEvent",
 "properties":{"flows":[{"flows":[{"flowTuples":[
 "1767607215,203.0.113.9,10.1.0.4,50123,443,T,I,A,B,,,,",
 "1767607220,203.0.113.9,10.1.0.4,50123,443,T,I,A,E,9,1400,11,8120"],"mac":"00-22-48-0a-0b-0c"}],
 "rule":"UserRule_allow-https"}],"Version":2},"resourceId":"/G","macAddress":"0022480A0B0C"}"#;
const FOUR: &str = r#"{"flowLogVersion":4,"macAddress":"0022480A0B0C","flowLogResourceID":"/F","targetResourceID":"/v1",
 "flowRecords":{"flows":[{"aclID":"/web-nsg","flowGroups":[{"rule":"DefaultRule_DenyAllInBound","flowTuples":[
 "1767607231000,198.51.100.7,10.1.0.4,40000,23,6,I,D,NX,0,0,0,0"]}]},
 {"aclID":"00000000-0000-0000-0000-000000000000","flowGroups":[{"rule":"PlatformRule","flowTuples":[
 "1767607231500,10.1.0.4,fd00::8,0,0,58,O,B,NX_LOCAL_DST,,,,"]}]}]}}"#;

#[test]
fn each_version_is_read() {
    let [one] = &records(ONE).unwrap()[..] else { unreachable!() };
    assert_eq!((one.form, one.mac, one.resource.as_deref()), (Form::Nsg, Some(MAC), Some("/G")));
    let entry = &one.entries[0];
    assert_eq!((&*entry.rule, entry.line, entry.mac), ("DefaultRule_DenyAllInBound", 3, Some(MAC)));
    assert_eq!((entry.tuple.said, entry.tuple.begins()), (Said::One(Access::Deny), true));

    let [two] = &records(TWO).unwrap()[..] else { unreachable!() };
    let [begin, end] = &two.entries[..] else { unreachable!() };
    assert_eq!((two.mac, begin.mac, &*end.rule), (Some(MAC), Some(MAC), "UserRule_allow-https"));
    assert_eq!((begin.line, begin.tuple.begins(), end.line, end.tuple.begins()), (3, true, 4, false));
    let counters = Counters { packets_sent: 9, bytes_sent: 1400, packets_received: 11, bytes_received: 8120 };
    assert_eq!(end.tuple.said, Said::Two(Access::Allow, State::End, Some(counters)));
    assert_eq!((begin.tuple.protocol, begin.tuple.direction), (6, Direction::Inbound));

    let [four] = &records(FOUR).unwrap()[..] else { unreachable!() };
    let [denied, platform] = &four.entries[..] else { unreachable!() };
    assert_eq!((four.form, four.resource.as_deref()), (Form::Vnet, Some("/F")));
    assert_eq!((denied.acl.as_deref(), denied.tuple.access()), (Some("/web-nsg"), Access::Deny));
    assert_eq!(denied.tuple.said, Said::Denied(Encryption::Nx, Some(Counters::default())));
    assert_eq!(
        (platform.tuple.time, platform.tuple.protocol),
        (Duration::from_millis(1_767_607_231_500), 58)
    );
    assert_eq!(Rule::of(&platform.rule), Rule::Platform);
    assert_eq!(Rule::of(&denied.rule), Rule::Default("DenyAllInBound"));
}

#[test]
fn every_wrapper_is_taken_off() {
    for text in [
        format!("{{\"records\":[{ONE},{TWO},{FOUR}]}}"),
        format!("\u{feff}{{\"records\":[{ONE},{TWO},{FOUR}]}}\r\n"),
        format!("[{ONE},{TWO},{FOUR}]"),
        format!("{ONE}\n{TWO}\n{FOUR}\n"),
        format!("{{\"records\":[{{\"records\":[{ONE}]}},[{TWO}],{{\"time\":1,\"records\":{FOUR}}}]}}"),
        format!("{ONE} {{\"records\":[{TWO}]}}\n[{FOUR}]"),
    ] {
        let records = records(&text).unwrap();
        let forms: Vec<_> = records.iter().map(|record| (record.form, record.entries.len())).collect();
        assert_eq!(forms, [(Form::Nsg, 1), (Form::Nsg, 2), (Form::Vnet, 2)], "{text}");
    }
    for nothing in ["", "  \n", "{}", "[]", "{\"records\":[]}", "{\"records\":null}"] {
        assert!(records(nothing).unwrap().is_empty(), "{nothing}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (old, new, why) in [
        (",D\"", ",X\"", "PT1H.json:3: tuple 1: decision \"X\": expected A or D"),
        (",D\"", "\"", "PT1H.json:3: tuple 1: a tuple of 7 fields, where 8 or 13 are expected"),
        (",D\"", ",D,B,,,,,\"", "PT1H.json:3: tuple 1: a tuple of more than 13 fields"),
        ("10.1.0.4,", "10.1.0,", "PT1H.json:3: tuple 1: the destination address \"10.1.0\" cannot be read"),
        ("40000", "70000", "PT1H.json:3: tuple 1: the source port \"70000\" cannot be read"),
        (",T,", ",X,", "PT1H.json:3: tuple 1: protocol \"X\": expected T or U"),
        (",I,", ",In,", "PT1H.json:3: tuple 1: direction \"In\": expected I or O"),
        ("1767607231", "now", "PT1H.json:3: tuple 1: the time \"now\" cannot be read"),
    ] {
        let broken = ONE.replace(old, new);
        let [record] = &records(&broken).unwrap()[..] else { unreachable!() };
        assert_eq!(record.faults[0].to_string(), why);
        assert!(record.entries.is_empty());
    }
    for (text, why) in [
        (
            ONE.replace("}]}]}}", "}]}]}"),
            "PT1H.json:3: the log ends in the middle of a record; what stands before that is read",
        ),
        (ONE.replace(":1,\n", ":1\n"), "PT1H.json:2: expected `,` or `}`"),
        (
            ONE.replace("[\n \"", "[\n 7, \""),
            "PT1H.json:3: invalid type: integer `7`, expected tuples of a flow log",
        ),
        ("7".into(), "PT1H.json:1: invalid type: integer `7`, expected records of a flow log"),
        (format!("{{\"records\":{}", "[".repeat(200)), "PT1H.json:1: recursion limit exceeded"),
    ] {
        assert_eq!(records(&text).unwrap_err().to_string(), why);
    }
    let mut before = 0;
    let broken = format!("{ONE}\n{TWO}\n}}");
    let error = read("log", broken.as_bytes(), |_| before += 1).unwrap_err();
    assert_eq!((before, error.line), (2, 9));
}

#[test]
fn of_a_record_that_is_cut_off_the_whole_tuples_are_read() {
    // In the middle of the last tuple.
    let cut = |log: &str| {
        let mut seen = Vec::new();
        let end = log.rfind("1767607").unwrap() + 10;
        let error = read("log", log[..end].as_bytes(), |record| seen.push(record)).unwrap_err();
        assert!(error.why.starts_with("the log ends in the middle of a record"), "{error}");
        seen
    };
    let seen = cut(&format!("{ONE}\n{FOUR}"));
    let numbers = seen.iter().map(|it| it.entries.iter().map(|entry| entry.number).collect::<Vec<_>>());
    assert_eq!(numbers.collect::<Vec<_>>(), [[1], [2]]);
    let entry = &seen[1].entries[0];
    assert_eq!((&*entry.rule, entry.acl.as_deref()), ("DefaultRule_DenyAllInBound", Some("/web-nsg")));
    // The rule stands behind its tuples here, so nobody knows it.
    assert!(cut(TWO).iter().all(|record| record.entries.is_empty()));
}

#[test]
fn a_record_without_end_takes_no_more_than_its_room() {
    struct Forever(u64);
    impl std::io::Read for Forever {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let begin = b"[\"";
            for byte in buffer.iter_mut() {
                *byte = begin.get(self.0 as usize).copied().unwrap_or(b'a');
                self.0 += 1;
            }
            Ok(buffer.len())
        }
    }
    let error = read("log", std::io::BufReader::new(Forever(0)), |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "log:1: a record of more than 64 MiB");
}

#[test]
fn hardware_addresses_are_read_in_each_writing() {
    for text in ["0022480A0B0C", "00-22-48-0a-0b-0c", "00:22:48:0A:0B:0C"] {
        assert_eq!(parse_mac(text), Some(MAC));
    }
    for text in ["", "0022480A0B", "0022480A0B0C0D", "0022480A0B0G"] {
        assert_eq!(parse_mac(text), None);
    }
}

fn counters() -> impl Strategy<Value = Option<Counters>> {
    proptest::option::of(any::<[u64; 4]>().prop_map(|[a, b, c, d]| Counters {
        packets_sent: a,
        bytes_sent: b,
        packets_received: c,
        bytes_received: d,
    }))
}

fn tuples() -> impl Strategy<Value = Tuple> {
    let access = || prop_oneof![Just(Access::Allow), Just(Access::Deny)];
    let state = || prop_oneof![Just(State::Begin), Just(State::Continue), Just(State::End)];
    let encryption = || proptest::sample::select(&Encryption::ALL[..]);
    let said = prop_oneof![
        access().prop_map(Said::One),
        (access(), state(), counters()).prop_map(|(a, s, c)| Said::Two(a, s, c)),
        (state(), encryption(), counters()).prop_map(|(s, e, c)| Said::Allowed(s, e, c)),
        (encryption(), counters()).prop_map(|(e, c)| Said::Denied(e, c)),
    ];
    let direction = prop_oneof![Just(Direction::Inbound), Just(Direction::Outbound)];
    let ends = (any::<IpAddr>(), any::<IpAddr>(), any::<u16>(), any::<u16>());
    (0u64..1 << 45, ends, any::<u8>(), direction, said).prop_map(|(time, ends, protocol, direction, said)| {
        let nsg = matches!(said, Said::One(_) | Said::Two(..));
        let (source, destination, source_port, destination_port) = ends;
        Tuple {
            time: if nsg { Duration::from_secs(time) } else { Duration::from_millis(time) },
            source,
            destination,
            source_port,
            destination_port,
            protocol: if nsg { [6, 17][usize::from(protocol % 2)] } else { protocol },
            direction,
            said,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_printed_is_read(tuple in tuples()) {
        let text = tuple.to_string();
        prop_assert_eq!(Tuple::parse(tuple.form(), &text), Ok(tuple));
    }

    #[test]
    fn no_text_makes_it_panic(
        which in 0usize..4,
        at: proptest::sample::Index,
        with in "[\\x00-\\x7f]{0,3}|,|\"|\\{|\\]",
        cut: proptest::sample::Index,
    ) {
        let mut text = ["", ONE, TWO, FOUR][which].to_owned();
        let place = at.index(text.len() + 1);
        text.insert_str(place, &with);
        text.truncate(cut.index(text.len() + 1).max(text.len() / 2));
        let _ = records(&text);
        let _ = Tuple::parse(Form::Nsg, &with);
    }
}
