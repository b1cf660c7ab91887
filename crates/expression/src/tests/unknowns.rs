//! What is not known is carried along, and matters only where nothing else decides.

use super::table;

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
