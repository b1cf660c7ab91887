//! Each function, with what Azure's reference says of it.

use super::{Fixed, shown, shown_in, table};
use crate::functions;
use crate::scope::Level;
use proptest::prelude::*;

#[test]
fn arrays() {
    table(&[
        ("array(1)", "[1]"),
        ("array('ab')", "[\"ab\"]"),
        ("array(parameters('list'))", "[3,1,2]"),
        ("concat('a', 1, true())", "\"a1True\""),
        ("concat(createArray(1), createArray('b', createArray()))", "[1,\"b\",[]]"),
        (
            "concat(createArray(1), 'a')",
            "! concat: argument 2 is the string 'a', and it takes an array as argument 1 is",
        ),
        ("contains('OneTwo', 'eT')", "true"),
        ("contains('OneTwo', 'et')", "false"),
        ("contains(parameters('object'), 'NAME')", "true"),
        ("contains(parameters('object'), 'web')", "false"),
        ("contains(parameters('list'), 2)", "true"),
        ("contains(parameters('list'), '2')", "false"),
        ("contains(parameters('deep'), createObject('a', createArray(2)))", "true"),
        ("createArray()", "[]"),
        ("empty('')", "true"),
        ("empty(null())", "true"),
        ("empty(createObject())", "true"),
        ("empty(parameters('list'))", "false"),
        ("empty(0)", "! empty: argument 1 is the number 0, and it takes an array, an object or a string"),
        ("first('One')", "\"O\""),
        ("last('One')", "\"e\""),
        ("first('')", "\"\""),
        ("first(parameters('list'))", "3"),
        ("last(parameters('list'))", "2"),
        ("first(createArray())", "null"),
        ("flatten(createArray(createArray(1), createArray(2, createArray(3))))", "[1,2,[3]]"),
        ("indexFromEnd(parameters('list'), 1)", "2"),
        ("tryIndexFromEnd(parameters('list'), 4)", "null"),
        ("indexFromEnd(parameters('list'), 4)", "! indexFromEnd: there is no such element; the array has 3"),
        ("tryIndexFromEnd(parameters('deep'), 1, 'a', 0)", "2"),
        ("indexOf('abcAB', 'B')", "1"),
        ("lastIndexOf('abcAB', 'b')", "4"),
        ("indexOf('abc', 'x')", "-1"),
        ("indexOf('', '')", "0"),
        ("indexOf(createArray('a', 'B', 'b'), 'b')", "2"),
        ("lastIndexOf(createArray(1, 2, 1), 1)", "2"),
        ("length('two!')", "4"),
        ("length('ä€😀')", "4"),
        ("length(parameters('object'))", "3"),
        ("length(parameters('deep'))", "2"),
        ("skip('abcd', 2)", "\"cd\""),
        ("skip(parameters('list'), 1)", "[1,2]"),
        ("skip(parameters('list'), -1)", "[3,1,2]"),
        ("skip(parameters('list'), 9)", "[]"),
        ("take('abcd', 2)", "\"ab\""),
        ("take('ä€b', 2)", "\"ä€\""),
        ("take(parameters('list'), 2)", "[3,1]"),
        ("take(parameters('list'), 0)", "[]"),
        ("tryGet(parameters('object'), 'inner', 'x')", "1"),
        ("tryGet(parameters('object'), 'no', 'x')", "null"),
        ("tryGet(parameters('deep'), 1, 'a', 0)", "2"),
        ("tryGet(parameters('deep'), 5)", "null"),
        ("tryGet(null(), 'x')", "null"),
        ("union(createArray(1, 2, 2), createArray(3, 1))", "[1,2,3]"),
        ("intersection(createArray('a', 'b', 'b', 'c'), createArray('b', 'c', 'd'))", "[\"b\",\"c\"]"),
        ("range(2, 3)", "[2,3,4]"),
        ("range(0, 0)", "[]"),
        ("length(range(0, 10000))", "10000"),
        ("range(0, 10001)", "! range: it counts 0 to 10000 numbers, and not 10001"),
        ("range(2147483647, 1)", "! range: its numbers go up to 2147483647"),
    ]);
}

#[test]
fn prefixes() {
    table(&[
        (
            "parseCidr('10.144.3.7/20')",
            r#"{"network":"10.144.0.0","netmask":"255.255.240.0","broadcast":"10.144.15.255","firstUsable":"10.144.0.1","lastUsable":"10.144.15.254","cidr":20}"#,
        ),
        (
            "parseCidr('fdad:3236:5555::/48')",
            r#"{"network":"fdad:3236:5555::","netmask":"ffff:ffff:ffff::","firstUsable":"fdad:3236:5555::","lastUsable":"fdad:3236:5555:ffff:ffff:ffff:ffff:ffff","cidr":48}"#,
        ),
        ("parseCidr('10.0.0.1/32').lastUsable", "\"10.0.0.1\""),
        ("parseCidr('::/0').lastUsable", "\"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\""),
        ("parseCidr('0.0.0.0/0').broadcast", "\"255.255.255.255\""),
        ("parseCidr('10.0.0.0')", "! parseCidr: '10.0.0.0' is no address prefix such as 10.0.0.0/24"),
        ("parseCidr('10.0.0.0/33')", "! parseCidr: a prefix of this family has at most 32 bits"),
        ("cidrSubnet('10.144.0.0/20', 24, 4)", "\"10.144.4.0/24\""),
        ("cidrSubnet('10.144.0.0/20', 24, 15)", "\"10.144.15.0/24\""),
        (
            "cidrSubnet('10.144.0.0/20', 24, 16)",
            "! cidrSubnet: it has no subnet 16; there are 2 to the power of 4",
        ),
        ("cidrSubnet('10.144.0.0/20', 19, 0)", "! cidrSubnet: a subnet of it has 20 to 32 bits"),
        ("cidrSubnet('::/0', 128, 3)", "\"::3/128\""),
        ("cidrSubnet('::/0', 0, 0)", "\"::/0\""),
        ("cidrSubnet('fdad:3236:5555::/48', 52, 4)", "\"fdad:3236:5555:4000::/52\""),
        ("cidrHost('10.144.3.0/24', 0)", "\"10.144.3.1\""),
        ("cidrHost('10.144.3.0/24', 253)", "\"10.144.3.254\""),
        ("cidrHost('10.144.3.0/24', 254)", "! cidrHost: it has no host 254; the last is 253"),
        ("cidrHost('10.144.3.0/24', -1)", "! cidrHost: it has no host -1; the last is 253"),
        ("cidrHost('10.0.0.0/31', 1)", "\"10.0.0.1\""),
        ("cidrHost('fdad:3236:5555:3000::/52', 4)", "\"fdad:3236:5555:3000::5\""),
    ]);
}

#[test]
fn comparisons() {
    table(&[
        ("coalesce(null(), 'a', 1)", "\"a\""),
        ("coalesce(null(), null())", "null"),
        ("coalesce(parameters('null'), json('null'), parameters('list'))", "[3,1,2]"),
        ("equals(1, 1)", "true"),
        ("equals('a', 'A')", "false"),
        ("equals(1, '1')", "false"),
        ("equals(null(), parameters('null'))", "true"),
        ("equals(json('{\"a\":1,\"b\":[2]}'), json('{\"b\":[2],\"a\":1}'))", "true"),
        ("equals(createArray(1, 2), createArray(2, 1))", "false"),
        ("equals(json('1.50'), json('1.5'))", "true"),
        ("less(1, 2)", "true"),
        ("less('a', 'B')", "false"),
        ("lessOrEquals(2, 2)", "true"),
        ("greater(3, 2)", "true"),
        ("greater('b', 'a')", "true"),
        ("greaterOrEquals(1, 2)", "false"),
        ("less(json('1.5'), 2)", "true"),
        ("less(1, 'a')", "! less: argument 2 is the string 'a', and it takes an integer as argument 1 is"),
    ]);
}

#[test]
fn times() {
    table(&[
        ("dateTimeAdd('2020-04-07T14:53:14Z', 'P3Y')", "\"2023-04-07T14:53:14Z\""),
        ("dateTimeAdd('2020-04-07 14:53:14Z', '-P9D')", "\"2020-03-29 14:53:14Z\""),
        ("dateTimeAdd('20200407T145314Z', 'PT1H')", "\"20200407T155314Z\""),
        ("dateTimeAdd('2024-02-01 00:00:00Z', 'P1M', 'd')", "\"03/02/2024\""),
        ("dateTimeAdd('2024-01-01T00:00:00Z', 'P1Y')", "\"2024-12-31T00:00:00Z\""),
        ("dateTimeAdd('2023-02-01', '-P1Y1M')", "\"2022-01-02\""),
        ("dateTimeAdd('2020-04-07T14:53:14+02:00', 'PT0.5S')", "\"2020-04-07T12:53:14Z\""),
        (
            "dateTimeAdd('2020-04-07T14:53:14Z', 'P1W', 'dddd d MMM yy h:mm tt')",
            "\"Tuesday 14 Apr 20 2:53 PM\"",
        ),
        ("dateTimeAdd('2020-04-07T14:53:14Z', 'PT0S', 'o')", "\"2020-04-07T14:53:14.0000000Z\""),
        ("dateTimeAdd('2020-04-07T14:53:14Z', 'PT0S', 'yyyy''T''\\M')", "\"2020TM\""),
        ("dateTimeAdd('soon', 'PT0S')", "! dateTimeAdd: 'soon' is no time such as 2026-01-31T12:00:00Z"),
        ("dateTimeAdd('2020-04-07', '1D')", "! dateTimeAdd: '1D' is no duration such as P1D or -PT1H30M"),
        ("dateTimeAdd('9999-04-07', 'P1Y')", "! dateTimeAdd: the sum is not in the years 1 to 9999"),
        ("dateTimeFromEpoch(1683040573)", "\"2023-05-02T15:16:13Z\""),
        ("dateTimeFromEpoch(-1)", "\"1969-12-31T23:59:59Z\""),
        ("dateTimeToEpoch('2023-05-02T15:16:13Z')", "1683040573"),
        (
            "dateTimeToEpoch('2023-02-29')",
            "! dateTimeToEpoch: '2023-02-29' is no time such as 2026-01-31T12:00:00Z",
        ),
        ("utcNow()", "\"20260102T030405Z\""),
        ("utcNow('d')", "\"01/02/2026\""),
        ("utcNow('M d')", "\"1 2\""),
        ("utcNow('q')", "! utcNow: 'q' is no format of times"),
    ]);
    let later = Fixed { now: None, ..Fixed::new("{}") };
    assert_eq!(shown_in(&later, "utcNow('d')"), "? utcNow() is the time of the deployment");
}

#[test]
fn lambdas() {
    table(&[
        (
            "filter(parameters('dogs'), lambda('dog', greaterOrEquals(lambdaVariables('dog').age, 5)))",
            r#"[{"name":"Evie","age":5}]"#,
        ),
        ("filter(range(0, 6), lambda('x', 'i', equals(0, mod(lambdaVariables('i'), 2))))", "[0,2,4]"),
        (
            "filter(range(0, 2), lambda('x', 1))",
            "! filter: the lambda gives the number 1, and it must give true or false",
        ),
        (
            "map(parameters('dogs'), lambda('dog', lambdaVariables('DOG').name))",
            r#"["Evie","Casper","Indy"]"#,
        ),
        (
            "map(range(0, 2), lambda('x', map(range(0, 2), lambda('y', add(mul(10, lambdaVariables('x')), lambdaVariables('y'))))))",
            "[[0,1],[10,11]]",
        ),
        ("map(range(5, 2), lambda('x', 'i', lambdaVariables('i')))", "[0,1]"),
        (
            "map(range(0, 1), lambda('a', 'b', 'c', 1))",
            "! map: the lambda has 3 variables, and there are 2 values for them",
        ),
        ("map(range(0, 1), 1)", "! map: argument 2 is no lambda"),
        (
            "map(range(0, 1), lambda('dog', lambdaVariables('dgo')))",
            "! lambdaVariables: no lambda here has a variable 'dgo'; did you mean 'dog'?",
        ),
        (
            "lambda('x', 1)",
            "! lambda: it stands where nothing calls it; it is an argument of filter, map, reduce, sort, toObject, groupBy or mapValues",
        ),
        (
            "reduce(range(1, 4), 10, lambda('cur', 'next', add(lambdaVariables('cur'), lambdaVariables('next'))))",
            "20",
        ),
        (
            "reduce(createArray(createObject('a', 1), createObject('b', 2)), createObject(), lambda('c', 'n', union(lambdaVariables('c'), lambdaVariables('n'))))",
            r#"{"a":1,"b":2}"#,
        ),
        (
            "sort(parameters('list'), lambda('a', 'b', less(lambdaVariables('a'), lambdaVariables('b'))))",
            "[1,2,3]",
        ),
        // Equal elements stay in their order.
        (
            "map(sort(parameters('dogs'), lambda('a', 'b', less(lambdaVariables('a').age, lambdaVariables('b').age))), lambda('x', lambdaVariables('x').name))",
            r#"["Casper","Indy","Evie"]"#,
        ),
        ("sort(range(0, 5), lambda('a', 'b', true()))", "[4,3,2,1,0]"),
        (
            "toObject(parameters('dogs'), lambda('d', lambdaVariables('d').name), lambda('d', lambdaVariables('d').age))",
            r#"{"Evie":5,"Casper":3,"Indy":3}"#,
        ),
        ("toObject(createArray('a', 'A'), lambda('x', lambdaVariables('x')))", r#"{"a":"A"}"#),
        (
            "groupBy(createArray('bob', 'ben', 'ann'), lambda('x', first(lambdaVariables('x'))))",
            r#"{"b":["bob","ben"],"a":["ann"]}"#,
        ),
        (
            "mapValues(createObject('a', 1, 'b', 2), lambda('v', add(lambdaVariables('v'), 1)))",
            r#"{"a":2,"b":3}"#,
        ),
    ]);
}

#[test]
fn logic() {
    table(&[
        ("and(true(), true(), false())", "false"),
        ("or(false(), true())", "true"),
        ("not(true())", "false"),
        ("if(true(), 'a', div(1, 0))", "\"a\""),
        ("if(equals(1, 2), div(1, 0), 'b')", "\"b\""),
        ("and(false(), equals(1, div(1, 0)))", "false"),
        ("or(true(), nonsense())", "true"),
        ("if('true', 1, 2)", "! if: argument 1 is the string 'true', and it takes a boolean"),
        ("bool('true')", "true"),
        ("bool('FALSE')", "false"),
        ("bool(0)", "false"),
        (
            "bool('maybe')",
            "! bool: argument 1 is the string 'maybe', and it takes a string or an integer that says true or false",
        ),
        ("null()", "null"),
    ]);
}

#[test]
fn numbers() {
    table(&[
        ("add(5, 3)", "8"),
        ("add(5, -3)", "2"),
        ("sub(7, 3)", "4"),
        ("mul(5, 3)", "15"),
        ("div(8, 3)", "2"),
        ("div(-8, 3)", "-2"),
        ("mod(7, 3)", "1"),
        ("mod(-7, 3)", "-1"),
        ("div(8, 0)", "! div: nothing can be divided by 0"),
        ("mod(8, 0)", "! mod: nothing can be divided by 0"),
        ("add(9223372036854775807, 1)", "! add: the result has more than 64 bits"),
        ("div(-9223372036854775808, -1)", "! div: the result has more than 64 bits"),
        ("int('4')", "4"),
        ("int(' -4 ')", "-4"),
        ("int(4)", "4"),
        ("int('4.0')", "4"),
        ("int('four')", "! int: argument 1 is the string 'four', and it takes the digits of an integer"),
        ("float('3.0')", "3.0"),
        ("float(3)", "3.0"),
        ("max(0, 3, 2)", "3"),
        ("min(parameters('list'))", "1"),
        ("max(createArray())", "! max: the array is empty"),
        ("copyIndex()", "4"),
        ("copyIndex(1)", "5"),
        ("copyIndex('inner')", "7"),
        ("copyIndex('inner', 2)", "9"),
        ("copyIndex('outer')", "! no loop 'outer'"),
    ]);
}

#[test]
fn objects() {
    table(&[
        ("createObject('a', 1, 'b', createArray())", r#"{"a":1,"b":[]}"#),
        ("createObject('a')", "! createObject: each key needs a value"),
        ("createObject('a', 1, 'A', 2)", "! createObject: the key 'A' is given twice"),
        (
            "intersection(createObject('one', 'a', 'two', 'b'), createObject('one', 'a', 'two', 'z'))",
            r#"{"one":"a"}"#,
        ),
        ("items(createObject('b', 2, 'A', 1))", r#"[{"key":"A","value":1},{"key":"b","value":2}]"#),
        ("objectKeys(createObject('b', 2, 'a', 1))", r#"["a","b"]"#),
        ("json('null')", "null"),
        ("json('{\"a\": [1, true, null]}')", r#"{"a":[1,true,null]}"#),
        ("json('{''one'': ''a\"''}')", r#"{"one":"a\""}"#),
        ("json('3').x", "! a number has no property 'x'"),
        ("json('{')", "! json: the text is not JSON: line 1, column 1: unterminated object"),
        ("union(createObject('a', 1, 'b', 2), createObject('B', 3, 'c', 4))", r#"{"a":1,"b":3,"c":4}"#),
        (
            "union(json('{\"p\":{\"one\":1,\"three\":3},\"l\":[1,2]}'), json('{\"p\":{\"three\":4,\"four\":5},\"l\":[3]}'))",
            r#"{"p":{"one":1,"three":4,"four":5},"l":[3]}"#,
        ),
        (
            "shallowMerge(createArray(json('{\"p\":{\"a\":1}}'), json('{\"p\":{\"b\":1}}')))",
            r#"{"p":{"b":1}}"#,
        ),
    ]);
}

#[test]
fn resources() {
    table(&[
        (
            "resourceId('Microsoft.Network/virtualNetworks', 'v')",
            "\"/subscriptions/S/resourceGroups/G/providers/Microsoft.Network/virtualNetworks/v\"",
        ),
        (
            "resourceId('Microsoft.Network/virtualNetworks/subnets', 'v', 's')",
            "\"/subscriptions/S/resourceGroups/G/providers/Microsoft.Network/virtualNetworks/v/subnets/s\"",
        ),
        (
            "resourceId('Microsoft.Network/virtualNetworks/subnets', 'v/s')",
            "\"/subscriptions/S/resourceGroups/G/providers/Microsoft.Network/virtualNetworks/v/subnets/s\"",
        ),
        (
            "resourceId('H', 'Microsoft.Network/virtualNetworks', 'v')",
            "\"/subscriptions/S/resourceGroups/H/providers/Microsoft.Network/virtualNetworks/v\"",
        ),
        (
            "resourceId('T', 'H', 'Microsoft.Network/virtualNetworks', 'v')",
            "\"/subscriptions/T/resourceGroups/H/providers/Microsoft.Network/virtualNetworks/v\"",
        ),
        (
            "resourceId('Microsoft.Network/virtualNetworks', 'v', 's')",
            "! resourceId: the type has 1 levels after its provider, and 2 names are given",
        ),
        (
            "resourceId('v', 's')",
            "! resourceId: none of the first arguments is a type such as Microsoft.Network/virtualNetworks",
        ),
        ("subscriptionResourceId('A.B/c', 'n')", "\"/subscriptions/S/providers/A.B/c/n\""),
        ("subscriptionResourceId('T', 'A.B/c', 'n')", "\"/subscriptions/T/providers/A.B/c/n\""),
        ("tenantResourceId('A.B/c/d', 'n', 'm')", "\"/providers/A.B/c/n/d/m\""),
        (
            "managementGroupResourceId('A.B/c', 'n')",
            "\"/providers/Microsoft.Management/managementGroups/M/providers/A.B/c/n\"",
        ),
        ("extensionResourceId('/subscriptions/S', 'A.B/c', 'n')", "\"/subscriptions/S/providers/A.B/c/n\""),
        ("resourceGroup().location", "\"westeurope\""),
        ("subscription().id", "\"/subscriptions/S\""),
        ("tenant().id", "! not here"),
        (
            "reference('ip', '2024-01-01').ipAddress",
            "? reference('ip', '2024-01-01').ipAddress is known only after deployment",
        ),
        (
            "listKeys('x', '2024-01-01').keys[0].value",
            "? listKeys('x', '2024-01-01').keys[0].value is known only to the deployed resource",
        ),
        (
            "providers('A.B', 'c').apiVersions[0]",
            "? providers('A.B', 'c').apiVersions[0] depends on what Azure offers at the time",
        ),
        (
            "list('x', '2016-08-01').user",
            "? list('x', '2016-08-01').user is known only to the deployed resource",
        ),
        (
            "toLogicalZone('s', 'westeurope', '1')",
            "? toLogicalZone('s', 'westeurope', '1') depends on which zones Azure has there",
        ),
        ("externalInput('sys.envVar_1')", "? externalInput('sys.envVar_1') is read by the tool that deploys"),
        ("roleDefinitions('Owner').id", "? roleDefinitions('Owner').id depends on which roles Azure has"),
        ("if(true(), 1, fail('no'))", "1"),
        ("fail(concat('no ', 'way'))", "! fail: no way"),
        ("fail(1)", "! fail: argument 1 is the number 1, and it takes a message"),
        (
            "pickZones('A.B', 'c', 'westeurope')",
            "? pickZones('A.B', 'c', 'westeurope') depends on which zones Azure has there",
        ),
    ]);
    let at = |level| Fixed { level, ..Fixed::new("{}") };
    let rows = [
        (Level::Subscription, "resourceId('A.B/c', 'n')", "\"/subscriptions/S/providers/A.B/c/n\""),
        (Level::Subscription, "resourceId('T', 'A.B/c', 'n')", "\"/subscriptions/T/providers/A.B/c/n\""),
        (
            Level::Subscription,
            "resourceId('T', 'H', 'A.B/c', 'n')",
            "\"/subscriptions/T/resourceGroups/H/providers/A.B/c/n\"",
        ),
        (Level::Tenant, "resourceId('A.B/c', 'n')", "\"/providers/A.B/c/n\""),
    ];
    for (level, expression, expected) in rows {
        assert_eq!(shown_in(&at(level), expression), expected, "{level:?} {expression}");
    }
}

#[test]
fn strings() {
    table(&[
        ("base64('one, two, three')", "\"b25lLCB0d28sIHRocmVl\""),
        ("base64ToString('b25lLCB0d28sIHRocmVl')", "\"one, two, three\""),
        ("base64ToString(base64('ä'))", "\"ä\""),
        ("base64ToString('b25')", "! base64ToString: it is not in base 64"),
        ("base64ToJson(base64('{''one'': ''a''}'))", r#"{"one":"a"}"#),
        ("dataUri('Hello')", "\"data:text/plain;charset=utf8;base64,SGVsbG8=\""),
        ("dataUriToString('data:;base64,SGVsbG8sIFdvcmxkIQ==')", "\"Hello, World!\""),
        ("dataUriToString('data:,a%20b')", "\"a b\""),
        ("endsWith('abcdef', 'EF')", "true"),
        ("startsWith('abcdef', 'AB')", "true"),
        ("startsWith('abcdef', 'e')", "false"),
        (
            "format('{0}, {1}. Number: {2:N0}', 'Hello', 'User', 8175133)",
            "\"Hello, User. Number: 8,175,133\"",
        ),
        ("format('{0,5}|{0,-5}|{{{0}}}', 'ab')", "\"   ab|ab   |{ab}\""),
        (
            "format('{0:D4} {0:X} {0:x4} {0:000} {0:N} {0:F1} {1:D3}', 255, -7)",
            "\"0255 FF 00ff 255 255.00 255.0 -007\"",
        ),
        ("format('{0:00-00}|{0:#}|{0:0}', 12345)", "\"123-45|12345|12345\""),
        ("format('{0:000} {1:#}', 5, 0)", "\"005 \""),
        ("format('{0} {1}', true(), null())", "\"True \""),
        ("format('{0}', createArray(1))", "\"[1]\""),
        ("format('{1}', 1)", "! format: '{1}' has no value: 1 are given, counted from 0"),
        ("format('{0', 1)", "! format: character 1 is a brace without its partner"),
        ("format('{0:Q}', 1)", "! format: 'Q' is no format for 1"),
        (
            "format('{0:C}|{1:C0}|{0:E}|{0:e2}|{1:F4}|{0:G4}|{0:N1}', json('1052.0329'), -1234)",
            "\"¤1,052.03|(¤1,234)|1.052033E+003|1.05e+003|-1234.0000|1052|1,052.0\"",
        ),
        (
            "format('{0:P}|{1:P1}|{2:G3}|{2:G}|{3:F1}|{4:F1}|{4:E0}', 1, json('-0.39678'), json('1.5e-7'), json('-0.04'), json('99.95'))",
            "\"100.00 %|-39.7 %|1.5E-07|1.5e-7|0.0|100.0|1E+002\"",
        ),
        (
            "format('{0:00000}|{1:0.00}|{0:#####}|{1:#.##}|{2:##,#}|{2:#,#,,}|{0:#,##0.00}|{2:0,0.0}', json('1234.5678'), json('0.45678'), 2147483647)",
            "\"01235|0.46|1235|.46|2,147,483,647|2,147|1,234.57|2,147,483,647.0\"",
        ),
        (
            "format('{0:%#0.00}|{1:#0.00‰}|{2:#0.0e0}|{3:0.0##e+00}|{4:0.0e+00}|{2:\\###00\\#}|{5:# ''°''}', json('0.3697'), json('0.00354'), 987654, json('1503.92311'), json('1.8901385E-16'), 68)",
            "\"%36.97|3.54‰|98.8e4|1.504e+03|1.9e-16|#987654#|68 °\"",
        ),
        (
            "format('{0:#0.0#;(#0.0#);-\\0-}|{1:#0.0#;(#0.0#);-\\0-}|{2:#0.0#;(#0.0#);-\\0-}|{3:0;;none}|{3:000.0;(0)}|{4:0;(0);nil}', json('12.345'), json('-12.345'), 0, -5, json('-0.4'))",
            "\"12.35|(12.35)|-0-|-5|(5)|nil\"",
        ),
        ("format('{0:R} {0:x} {0:.00} {0:abc} {1:0-00}', 255, -1)", "\"255 ff 255.00 abc -0-01\""),
        ("format('{0:C100}', 1)", "! format: 'C100' is no format for 1"),
        ("format('{0:D}', json('1.5'))", "! format: 'D' is no format for 1.5"),
        ("format('{0:N}', json('1e999'))", "! format: 'N' is no format for 1e999"),
        ("guid('a', 'b', 'c')", "\"a98fa280-e03f-5afa-8d8e-92d0a9c201e8\""),
        ("join(createArray('a', 'b', 1), '-')", "\"a-b-1\""),
        ("join(createArray(), '-')", "\"\""),
        ("padLeft('12', 5, '0')", "\"00012\""),
        ("padLeft(12, 4)", "\"  12\""),
        ("padLeft('12345', 2)", "\"12345\""),
        ("padLeft('1', 2, 'ab')", "! padLeft: it takes one character to fill up with"),
        ("replace('123-123', '-', '')", "\"123123\""),
        ("replace('a', '', 'b')", "! replace: there is nothing to be replaced"),
        ("split('one,two,,three', ',')", r#"["one","two","","three"]"#),
        ("split('one;two,three', createArray(',', ';'))", r#"["one","two","three"]"#),
        ("split('one::two', createArray(':', '::'))", r#"["one","","two"]"#),
        ("split('one', '')", r#"["one"]"#),
        ("string(1)", "\"1\""),
        ("string(true())", "\"True\""),
        ("string(parameters('object').inner)", r#""{\"x\":1,\"y\":null}""#),
        ("substring('one two', 4)", "\"two\""),
        ("substring('one two', 4, 2)", "\"tw\""),
        ("substring('one', 3)", "\"\""),
        ("substring('one', 4)", "! substring: the string has 3 characters"),
        ("substring('one', 1, 3)", "! substring: the string has 2 characters from there on"),
        ("toLower('ONE Ä')", "\"one ä\""),
        ("toUpper('one')", "\"ONE\""),
        ("toUpper('maß')", "\"MAß\""),
        ("trim('  a b ')", "\"a b\""),
        ("uniqueString('hello', 'world')", "\"a7wkljktk6wne\""),
        (
            "parseUri('https://user@example.com:1234/foo/bar?a=1#end')",
            r#"{"scheme":"https","host":"example.com","port":1234,"path":"/foo/bar","query":"?a=1"}"#,
        ),
        ("parseUri('HTTP://[::1]')", r#"{"scheme":"HTTP","host":"[::1]","port":null,"path":"/"}"#),
        ("parseUri('/foo')", "! parseUri: '/foo' is no URI such as https://host/path"),
        ("parseUri('http://a:x/')", "! parseUri: 'http://a:x/' is no URI such as https://host/path"),
        ("buildUri(createObject('scheme', 'https', 'host', 'a.b'))", "\"https://a.b/\""),
        (
            "buildUri(createObject('scheme', 'https', 'host', 'a', 'port', 8080, 'path', 'x', 'query', 'y=1'))",
            "\"https://a:8080/x?y=1\"",
        ),
        ("buildUri(parseUri('https://a.b/c?d'))", "\"https://a.b/c?d\""),
        ("buildUri(createObject('host', 'a'))", "! buildUri: a URI needs a scheme and a host"),
        (
            "buildUri(createObject('scheme', 'a', 'host', createArray()))",
            "! buildUri: the host is an array, and no text",
        ),
        ("uri('http://contoso.org/firstpath', 'myscript.sh')", "\"http://contoso.org/myscript.sh\""),
        (
            "uri('http://contoso.org/firstpath/', 'myscript.sh')",
            "\"http://contoso.org/firstpath/myscript.sh\"",
        ),
        (
            "uri('http://contoso.org/firstpath/azuredeploy.json', 'a/../myscript.sh?x=1')",
            "\"http://contoso.org/firstpath/myscript.sh?x=1\"",
        ),
        ("uri('http://contoso.org', 'x')", "\"http://contoso.org/x\""),
        ("uri('http://contoso.org/a?token', '/b')", "\"http://contoso.org/b\""),
        ("uri('http://contoso.org/a', 'https://b/c')", "\"https://b/c\""),
        ("uriComponent('http://a/b c?d=ä')", "\"http%3A%2F%2Fa%2Fb%20c%3Fd%3D%C3%A4\""),
        ("uriComponentToString('http%3A%2F%2Fa+%zz')", "\"http://a+%zz\""),
        ("newGuid()", "? newGuid() is another one at each deployment"),
        ("toLower(1)", "! toLower: argument 1 is the number 1, and it takes a string"),
    ]);
}

#[test]
fn every_function_counts_its_arguments() {
    for function in functions::all() {
        if function.least > 0 {
            let expected = format!("! {} takes ", function.name);
            let found = shown(&format!("{}()", function.name));
            assert!(found.starts_with(&expected) && found.ends_with("and 0 are given"), "{found}");
        }
        if function.most < usize::MAX {
            let arguments = vec!["1"; function.most + 1].join(", ");
            let found = shown(&format!("{}({arguments})", function.name));
            assert!(found.contains(&format!("and {} are given", function.most + 1)), "{found}");
        }
        let twice = functions::all().filter(|other| other.name.eq_ignore_ascii_case(function.name)).count();
        assert_eq!(twice, 1, "{}", function.name);
    }
    assert!(functions::all().count() > 100);
}

/// A sum of integers, computed beside the language with more bits.
#[derive(Clone, Debug)]
enum Sum {
    Number(i64),
    Of(&'static str, Box<Sum>, Box<Sum>),
}

impl Sum {
    fn written(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Of(name, a, b) => format!("{name}({}, {})", a.written(), b.written()),
        }
    }

    fn value(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Of(name, a, b) => {
                let (a, b) = (i128::from(a.value()?), i128::from(b.value()?));
                let value = match *name {
                    "add" => a + b,
                    "sub" => a - b,
                    "mul" => a * b,
                    "max" => a.max(b),
                    "min" => a.min(b),
                    _ if b == 0 => return None,
                    "div" => (a.abs() / b.abs()) * a.signum() * b.signum(),
                    _ => a - (a.abs() / b.abs()) * a.signum() * b.signum() * b,
                };
                i64::try_from(value).ok()
            }
        }
    }
}

fn sums() -> impl Strategy<Value = Sum> {
    let number = prop_oneof![-9..9_i64, any::<i64>(), Just(i64::MIN), Just(i64::MAX)];
    number.prop_map(Sum::Number).prop_recursive(5, 40, 2, |sum| {
        let names = prop::sample::select(vec!["add", "sub", "mul", "div", "mod", "max", "min"]);
        (names, sum.clone(), sum).prop_map(|(name, a, b)| Sum::Of(name, Box::new(a), Box::new(b)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn sums_are_those_of_more_bits(sum in sums()) {
        let shown = shown(&sum.written());
        match sum.value() {
            // A quotient of the greatest negative number by -1 has no remainder, and no 64 bits.
            Some(value) if !shown.contains("mod: the result") => prop_assert_eq!(shown, value.to_string()),
            _ => prop_assert!(shown.starts_with("! "), "{}", shown),
        }
    }

    #[test]
    fn numbers_keep_their_digits_in_any_format(
        number in prop_oneof![any::<i64>(), -9999..9999_i64, Just(i64::MIN)],
        tail in "[0-9]{0,12}",
        power in -30..30_i32,
        style in "[0#.,;%‰Ee+'a\\\\ -]{0,14}",
    ) {
        // Whatever the pattern is, it ends, and with a text.
        let quoted = style.replace('\'', "''");
        let decimal = format!("json('{number}.0{tail}E{power}')");
        let styled = shown(&format!("format('{{0:{quoted}}}', {decimal})"));
        prop_assert!(styled.starts_with('"') || styled.starts_with("! format"), "{}", styled);
        for style in ["0", "#,##0.##", "D", "N0", "F3", "G", "R", "# ##0;-# ##0;0"] {
            let shown = shown(&format!("format('{{0:{style}}}', {number})"));
            let plain = shown.trim_matches('"').split('.').next().unwrap_or_default().replace([',', ' '], "");
            prop_assert_eq!(plain, number.to_string(), "{}", style);
        }
    }

    #[test]
    fn encodings_come_back(text in ".{0,40}") {
        let quoted = format!("'{}'", text.replace('\'', "''"));
        for expression in [
            format!("equals({quoted}, base64ToString(base64({quoted})))"),
            format!("equals({quoted}, dataUriToString(dataUri({quoted})))"),
            format!("equals({quoted}, uriComponentToString(uriComponent({quoted})))"),
            format!("equals({quoted}, json(string(createArray({quoted})))[0])"),
            format!("equals({quoted}, concat(take({quoted}, 0), skip({quoted}, 0)))"),
            format!("equals({quoted}, join(split({quoted}, 'a'), 'a'))"),
            format!("equals(length({quoted}), {})", text.encode_utf16().count()),
        ] {
            prop_assert_eq!(shown(&expression), "true", "{}", expression);
        }
    }
}
