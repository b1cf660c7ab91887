//! What is not known is carried along, and matters only where nothing else decides.

use super::{Fixed, place, table};
use crate::{Budget, evaluate_text};
use document::Value;

#[test]
fn a_function_of_what_is_not_known_is_not_known() {
    let asked = "? reference('ip').address is known only after deployment";
    table(&[
        ("concat('a', reference('ip').address)", asked),
        ("length(reference('ip').address)", asked),
        ("add(1, reference('ip').address)", asked),
        ("parameters('list')[reference('ip').address]", asked),
        ("if(reference('ip').address, 1, 2)", asked),
        ("coalesce(reference('ip').address, 1)", asked),
        ("tryGet(reference('ip').address, 'x')", asked),
        ("string(createArray(reference('ip').address))", asked),
        ("join(createArray('a', reference('ip').address), ',')", asked),
        ("equals(1, reference('ip').address)", asked),
        ("contains(createArray(1, reference('ip').address), 2)", asked),
        ("own.first(reference('ip').address)", asked),
        ("map(reference('ip').address, lambda('x', 1))", asked),
        ("reference(reference('ip').address)", asked),
    ]);
}

#[test]
fn what_decides_is_enough() {
    table(&[
        ("if(true(), 1, reference('ip'))", "1"),
        ("and(reference('ip').x, false())", "false"),
        ("or(reference('ip').x, true())", "true"),
        ("coalesce(1, reference('ip'))", "1"),
        ("contains(createArray(reference('ip'), 2), 2)", "true"),
        ("length(createArray(reference('ip'), 2))", "2"),
        ("createArray(reference('ip'), 2)[1]", "2"),
        ("createObject('a', reference('ip'), 'b', 2).b", "2"),
        ("union(createObject('a', reference('ip')), createObject('a', 1))", "{\"a\":1}"),
        ("first(map(createArray(1, 2), lambda('x', createObject('a', 1, 'b', reference('ip')).a)))", "1"),
        ("createArray(1, reference('ip'))", "? within"),
    ]);
}

#[test]
fn what_is_not_known_is_called_by_what_can_be_given() {
    table(&[
        // By its text, as far as that goes.
        (
            "reference(concat('i', 'p'), '2024-05-01')",
            "? reference(concat('i', 'p'), '2024-05-01') is known only after deployment",
        ),
        (
            "reference(concat('i', 'p')).a[0].b",
            "? reference(concat('i', 'p')).a[0].b is known only after deployment",
        ),
        // A parameter is given whole.
        ("parameters('missing').a[0]", "? parameters('missing') has no value"),
        ("concat(parameters('missing').a, 'b')", "? parameters('missing') has no value"),
    ]);
}

#[test]
fn a_text_stands_in_for_a_name_that_is_another_each_time() {
    let scope = Fixed { now: None, ..Fixed::new("{}") };
    let stand_in = |expression: &str| {
        let node = evaluate_text(&format!("[{expression}]"), &place(), &scope, &Budget::default()).unwrap();
        let Value::Unknown(unknown) = node.value else { panic!("{expression} is known") };
        unknown.stand_in.clone()
    };
    assert_eq!(stand_in("utcNow()"), Some("19700101T000000Z".to_owned()));
    assert_eq!(stand_in("utcNow('yyyy')"), Some("1970".to_owned()));
    assert_eq!(stand_in("format('net-{0}', substring(utcNow(), 0, 4))"), Some("net-1970".to_owned()));
    assert_eq!(stand_in("if(true(), toLower(utcNow()), 'a')"), Some("19700101t000000z".to_owned()));
    assert_eq!(stand_in("uniqueString(newGuid())"), stand_in("uniqueString(newGuid())"));
    assert_ne!(stand_in("uniqueString(newGuid())"), stand_in("uniqueString(utcNow())"));
    // What is no text, or depends on what nothing stands in for, has none.
    for expression in [
        "length(utcNow())",
        "concat(utcNow(), parameters('missing'))",
        "if(equals(utcNow(), ''), 'a', 'b')",
        "utcNow().x",
        "map(utcNow(), lambda('x', 1))",
    ] {
        assert_eq!(stand_in(expression), None, "{expression}");
    }
}
