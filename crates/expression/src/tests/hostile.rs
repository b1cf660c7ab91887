//! Texts that would take for ever, or all memory: each ends with a fault that says which limit.

use super::{Fixed, place, shown, shown_within};
use crate::budget::{Budget, Limits};
use crate::evaluate::evaluate_text;

/// A hundredth of what there is, so that a test ends soon.
fn little() -> Budget {
    let Limits { steps, nodes, text, depth } = Limits::default();
    Budget::new(Limits { steps: steps / 100, nodes: nodes / 100, text: text / 100, depth })
}

/// What variables that need each other come to.
fn doubled(body: &str, first: &str, count: usize) -> String {
    let mut variables = format!("{{\"v0\": \"[{first}]\"");
    for nth in 1..=count {
        let before = format!("variables('v{}')", nth - 1);
        variables += &format!(", \"v{nth}\": \"[{}]\"", body.replace('@', &before));
    }
    let scope = Fixed::new(&(variables + "}"));
    shown_within(&scope, &format!("length(variables('v{count}'))"), &little())
}

#[test]
fn what_doubles_is_stopped() {
    let rows = [
        ("concat(@, @)", "'0123456789'", "bytes of text"),
        ("concat(@, @)", "range(0, 10)", "values"),
        ("createArray(@, @)", "'x'", "values"),
        ("union(@, createObject(string(length(string(@))), @))", "createObject('a', 1)", "values"),
        ("string(createArray(@, @))", "'x'", "bytes of text"),
        ("replace(@, 'x', 'xxxxxxxxxx')", "'x'", "bytes of text"),
        ("format('{0}{0}{0}{0}', @)", "'x'", "bytes of text"),
        ("uriComponent(concat(@, @, '%'))", "'x'", "bytes of text"),
    ];
    for (body, first, limit) in rows {
        let shown = doubled(body, first, 40);
        assert!(shown.starts_with("! the template ") && shown.contains(limit), "{body}: {shown}");
    }
}

#[test]
fn what_repeats_is_stopped() {
    let ten_thousand = "range(0, 10000)";
    let each = |body: &str| format!("map({ten_thousand}, lambda('x', {body}))");
    let rows = [
        (each(&each("1")), "values"),
        (
            "map(createArray(range(0, 1000)), lambda('r', map(lambdaVariables('r'), \
             lambda('x', contains(lambdaVariables('r'), 'x')))))"
                .to_owned(),
            "steps",
        ),
        (each(&format!("contains({ten_thousand}, 'x')")), "values"),
        (each("padLeft('', 100000)"), "bytes of text"),
        (
            format!(
                "reduce({ten_thousand}, createArray(), lambda('a', 'b', createArray(lambdaVariables('a'))))"
            ),
            "deep",
        ),
        (
            format!(
                "reduce({ten_thousand}, createArray(), lambda('a', 'b', union(lambdaVariables('a'), createArray(lambdaVariables('b')))))"
            ),
            "values",
        ),
        ("padLeft('', 9223372036854775807)".to_owned(), "bytes of text"),
        ("format('{0,2000000000}', 1)".to_owned(), "bytes of text"),
        ("format('{0,-2147483648}', 1)".to_owned(), "bytes of text"),
    ];
    for (expression, limit) in rows {
        let shown = shown_within(&Fixed::new("{}"), &expression, &little());
        assert!(shown.starts_with("! ") && shown.contains(limit), "{expression}: {shown}");
    }
}

/// On a thread with little room, as deep as it goes.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn what_nests_is_stopped() {
    on_a_small_stack(|| {
        let nested = |depth: usize| format!("{}1{}", "createArray(".repeat(depth), ")".repeat(depth));
        assert!(shown(&nested(90)).starts_with("[[["));
        assert_eq!(shown(&nested(100)), "! calls and indexes stand more than 100 deep in each other");
        assert_eq!(shown(&"(".repeat(20_000)), "! '(' stands where a value should be");
        assert!(shown(&"a(".repeat(10_000)).contains("100 deep"));
        assert!(shown("own.again()").contains("200 deep"));
        let lambdas =
            (0..40).fold("1".to_owned(), |body, _| format!("map(range(0, 1), lambda('x', {body}))"));
        assert!(shown(&lambdas).starts_with("[[["));
        let safe = format!("parameters('object'){}", ".?x".repeat(8_000));
        assert_eq!(shown(&safe), "null");
        assert!(doubled("createArray(@)", "1", 150).contains("deep"));
    });
    assert!(shown(&format!("'{}'", "x".repeat(24_576))).contains("more than 24576 characters"));
}

#[test]
fn a_budget_is_spent_once() {
    let budget = Budget::new(Limits { steps: 10, ..Limits::default() });
    let scope = Fixed::new("{}");
    let evaluate = || evaluate_text("[add(1, 2)]", &place(), &scope, &budget);
    let ended = (0..100).find_map(|_| evaluate().err()).unwrap();
    assert!(
        ended.is_limit() && ended.message.starts_with("the template takes more than 10 steps"),
        "{ended:?}"
    );
    assert!(evaluate().unwrap_err().is_limit(), "and it stays so");
}
