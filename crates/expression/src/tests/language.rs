//! Syntax, steps, places and faults.

use super::{Fixed, evaluated, place, shown, shown_in, table};
use crate::budget::Budget;
use crate::parse::{Meaning, meaning, parse};
use crate::syntax::{Call, Expr, Key, Kind, Step};
use document::Value;
use proptest::prelude::*;

#[test]
fn only_whole_texts_are_expressions() {
    let rows = [
        ("plain", Meaning::Literal("plain")),
        ("", Meaning::Literal("")),
        ("[", Meaning::Literal("[")),
        ("[[text]", Meaning::Literal("[text]")),
        ("[test] value", Meaning::Literal("[test] value")),
        ("[[test] value", Meaning::Literal("[[test] value")),
        (" [add(1, 2)]", Meaning::Literal(" [add(1, 2)]")),
        ("[]", Meaning::Expression("[]")),
        ("[null()]", Meaning::Expression("[null()]")),
    ];
    for (text, expected) in rows {
        assert_eq!(meaning(text), expected, "{text}");
    }
    assert_eq!(evaluated("[[x]").unwrap().value, Value::String("[x]".into()));
}

#[test]
fn steps_lead_into_values() {
    table(&[
        ("'it''s'", "\"it's\""),
        (" \n\t add ( 1 ,\r\n 2 ) ", "3"),
        ("-12", "-12"),
        ("1.50", "1.50"),
        ("PARAMETERS('ONE')", "1"),
        ("parameters('object').NAME", "\"web\""),
        ("parameters('object')['name']", "\"web\""),
        ("parameters('object') . ports [ 1 ]", "443"),
        ("parameters('object').ports[sub(2, 1)]", "443"),
        ("parameters('object').inner.y", "null"),
        ("parameters('object').?nothing.at.all[0]", "null"),
        ("parameters('object')[?'nothing'].x", "null"),
        ("parameters('list')[?7]", "null"),
        ("parameters('null').?x", "null"),
        ("parameters('object').?name", "\"web\""),
        ("own.first(createArray(1))[0]", "1"),
        ("OWN.nothing()", "! no function 'OWN.nothing'"),
        ("parameters('object').nam", "! the object has no property 'nam'; 'Name' is there"),
        ("parameters('object').other", "! the object has no property 'other'; it has Name, ports, inner"),
        ("parameters('list')[3]", "! the array has no element 3; it has the elements 0 to 2"),
        ("parameters('list')[-1]", "! the array has no element -1; it has the elements 0 to 2"),
        ("createArray()[0]", "! the array has no element 0; it is empty"),
        ("parameters('list').x", "! an array has no property 'x'"),
        ("parameters('null').x", "! null has no property 'x'"),
        ("parameters('text')[0]", "! a string has no element 0"),
        ("parameters('list')[true()]", "! the index is a boolean, and not a number or a text"),
    ]);
}

#[test]
fn mistakes_are_named() {
    table(&[
        ("", "! ']' stands where a value should be"),
        ("concat('a'", "! ']' stands where ',' between arguments, or ')' after the last should be"),
        ("concat('a',)", "! ')' stands where a value should be"),
        ("concat('a' 'b')", "! ''' stands where ',' between arguments, or ')' after the last should be"),
        ("'a", "! the text has no end; end it with '; a ' within it is written twice"),
        ("true", "! 'true' stands alone, and only functions have names here; write true()"),
        (
            "name",
            "! 'name' stands alone, and only functions have names here; write 'name' for a text, or parameters('name') or variables('name')",
        ),
        ("99999999999999999999", "! '99999999999999999999' is no number of 64 bits"),
        ("concat('a'), 'b'", "! ',' stands where ']' at the end of the expression should be"),
        (
            "null()] [null()",
            "! '[' stands after the end of the expression; write one expression; concat() and format() join texts",
        ),
        ("parameters('x').", "! ']' stands where a property's name should be"),
        ("concta('a')", "! there is no function 'concta'; did you mean 'concat'?"),
        (
            "zzz('a')",
            "! there is no function 'zzz'; a function of the template's own is called with its name space before it",
        ),
        ("parameters('x', 'y')", "! parameters takes 1 argument, and 2 are given"),
        ("copyIndex(1, 2, 3)", "! copyIndex takes 0 to 2 arguments, and 3 are given"),
        ("createObject(1, 2)", "! createObject: argument 1 is the number 1, and it takes a string"),
    ]);
}

#[test]
fn a_fault_has_the_place_of_its_character() {
    let fault = evaluated("[concat('a', padLeft('b', 'c'))]").unwrap_err();
    let at = fault.at.unwrap();
    assert_eq!((at.to_string().as_str(), at.end_column), ("t.json:3:37", 40));
    assert_eq!(
        fault.message,
        "padLeft: argument 2 is the string 'c', and it takes an integer, at character 27 of the expression \
         '[concat('a', padLeft('b', 'c'))]'"
    );
    // What the file writes with a backslash makes columns unsure, and then the whole text is the place.
    let fault = evaluated("[concat('\"', nothing())]").unwrap_err();
    assert_eq!(fault.at.unwrap(), place());
    let scope = Fixed::new("{\"a\": \"[div(1, 0)]\"}");
    let text = "[add(1, variables('a'))]";
    let fault = crate::evaluate::evaluate_text(text, &place(), &scope, &Budget::default()).unwrap_err();
    assert_eq!(fault.at.unwrap().file.as_ref(), "variables.json");
}

#[test]
fn a_value_keeps_the_place_where_it_was_written() {
    let at = |text: &str| evaluated(text).unwrap().at.to_string();
    assert_eq!(at("[parameters('one')]"), "parameters.json:2:20");
    assert_eq!(at("[parameters('object').inner.x]"), "parameters.json:3:74");
    assert_eq!(at("[if(true(), parameters('one'), 2)]"), "parameters.json:2:20");
    assert_eq!(at("[first(parameters('list'))]"), "parameters.json:2:74");
    assert_eq!(at("[add(parameters('one'), 1)]"), "t.json:3:10");
    assert_eq!(at("text"), "t.json:3:10");
}

#[test]
fn variables_need_variables() {
    let scope = Fixed::new(
        "{\"a\": \"[concat(variables('b'), 'a')]\", \"b\": \"[toUpper('b')]\", \"c\": \"[variables('c')]\"}",
    );
    assert_eq!(shown_in(&scope, "variables('a')"), "\"Ba\"");
    let endless = shown_in(&scope, "variables('c')");
    assert!(endless.starts_with("! expressions wait for each other more than 200 deep"), "{endless}");
    assert!(shown("own.again()").starts_with("! expressions wait for each other"));
}

fn names() -> impl Strategy<Value = String> {
    "[a-zA-Z_$][a-zA-Z0-9_]{0,6}"
}

fn expressions() -> impl Strategy<Value = Expr> {
    let expr = |kind| Expr { from: 0, to: 0, kind };
    let leaf = prop_oneof![
        ".{0,8}".prop_map(Kind::Text),
        any::<i64>().prop_map(|it| Kind::Number(it.to_string())),
        "-?[0-9]{1,3}\\.[0-9]{1,3}".prop_map(Kind::Number),
    ];
    leaf.prop_map(expr).prop_recursive(4, 40, 4, move |inner| {
        let arguments = prop::collection::vec(inner.clone(), 0..4);
        let call =
            (prop::option::of(names()), names(), arguments).prop_map(move |(namespace, name, arguments)| {
                expr(Kind::Call(Call { namespace, name, function: None, arguments }))
            });
        let key = prop_oneof![names().prop_map(Key::Name), inner.clone().prop_map(Key::Index)];
        let step = (any::<bool>(), key).prop_map(|(safe, key)| Step { from: 0, to: 0, safe, key });
        let walk =
            (inner, prop::collection::vec(step, 1..4)).prop_filter_map("one walk", move |(base, steps)| {
                let base = Box::new(base);
                (!matches!(base.kind, Kind::Walk { .. })).then(|| expr(Kind::Walk { base, steps }))
            });
        prop_oneof![call, walk]
    })
}

/// Without the places, which printing does not keep, and what names lead to.
fn bare(expr: Expr) -> Expr {
    let kind = match expr.kind {
        Kind::Call(call) => {
            let arguments = call.arguments.into_iter().map(bare).collect();
            Kind::Call(Call { function: None, arguments, ..call })
        }
        Kind::Walk { base, steps } => {
            let steps = steps.into_iter().map(|step| {
                let key = match step.key {
                    Key::Index(index) => Key::Index(bare(index)),
                    key => key,
                };
                Step { from: 0, to: 0, key, ..step }
            });
            Kind::Walk { base: Box::new(bare(*base)), steps: steps.collect() }
        }
        kind => kind,
    };
    Expr { from: 0, to: 0, kind }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_printed_is_read_again(expr in expressions()) {
        let text = format!("[{expr}]");
        let read = parse(&text).map_err(|mistake| TestCaseError::fail(format!("{text}: {mistake:?}")))?;
        prop_assert_eq!(format!("{:?}", bare(read.clone())), format!("{:?}", bare(expr)));
        prop_assert_eq!(read.to_string(), &text[1..text.len() - 1]);
    }

    #[test]
    fn any_text_ends(text in "\\[[a-z0-9'\\[\\](),.? -]{0,30}\\]", wild in ".{0,30}") {
        let _ = evaluated(&text);
        let _ = evaluated(&format!("[{wild}]"));
    }

    #[test]
    fn any_call_of_any_function_ends(
        function in prop::sample::select(crate::functions::all().map(|it| it.name).collect::<Vec<_>>()),
        arguments in prop::collection::vec(prop::sample::select(vec![
            "1", "-1", "'a'", "''", "'10.0.0.0/8'", "'{0:D3}'", "'A.B/c'", "9223372036854775807", "null()", "true()",
            "parameters('list')", "parameters('object')", "parameters('deep')", "reference('ip')", "'2026-01-31'",
            "'P1D'", "lambda('x', lambdaVariables('x'))", "lambda('x', 'y', true())", "'ä😀'", "200", "-9223372036854775808",
        ]), 0..5),
    ) {
        let text = format!("[{function}({})]", arguments.join(", "));
        match evaluated(&text) {
            Ok(_) => {}
            Err(fault) => prop_assert!(fault.at.is_some() && !fault.message.is_empty(), "{text}"),
        }
    }
}
