//! Whole templates: parameters, variables, loops, conditions, children and the template's own functions.

mod common;

use common::{With, expanded, get, ids, json, said};
use document::Value;

#[test]
fn parameters_and_variables_make_a_resource() {
    let with = With::default().parameters(
        r#"{"$schema": "x/deploymentParameters.json#", "parameters": {"PREFIX": {"value": "web"}, "ports": {"value": [80, 443]}}}"#,
    );
    let expanded = with.expand(
        r#""parameters": {
            "prefix": {"type": "string"}, "ports": {"type": "array"},
            "location": {"type": "string", "defaultValue": "[resourceGroup().location]"}
        },
        "variables": {"name": "[concat(parameters('prefix'), '-', variables('suffix'))]", "suffix": "nsg"},
        "resources": [{
            "type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2020-05-01",
            "name": "[variables('name')]", "location": "[parameters('location')]",
            "dependsOn": [], "tags": {"[parameters('prefix')]": "[[literal]"},
            "properties": {"first": "[parameters('ports')[0]]"}
        }]"#,
    );
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/web-nsg";
    assert_eq!(ids(&expanded), [("resources[0]", id)]);
    let node = &expanded.resources[0].node;
    let expected = format!(
        r#"{{"type":"Microsoft.Network/networkSecurityGroups","name":"web-nsg","id":"{id}","location":"eastus","tags":{{"web":"[literal]"}},"properties":{{"first":80}}}}"#
    );
    assert_eq!(json(node), expected);
    // A value has the place where somebody wrote it.
    assert_eq!(&*get(node, "properties.first").at.file, "p.json");
}

#[test]
fn loops_make_resources_properties_variables_and_outputs() {
    let expanded = expanded(
        r#""variables": {
            "copy": [{"name": "names", "count": 2, "input": "[concat('n', copyIndex('names', 1))]"}],
            "more": {"copy": [{"name": "ports", "count": 3, "input": {"port": "[copyIndex('ports')]"}}], "kept": true}
        },
        "resources": [{
            "type": "Microsoft.Network/networkInterfaces", "name": "[concat(variables('names')[copyIndex()], '-', copyIndex('nics', 10))]",
            "copy": {"name": "nics", "count": "[length(variables('names'))]", "mode": "Serial", "batchSize": 1},
            "properties": {
                "copy": [{"name": "ipConfigurations", "count": 2, "input": {
                    "name": "[concat('ip', copyIndex(), copyIndex('ipConfigurations'))]",
                    "properties": {"copy": [{"name": "inner", "count": 1, "input": "[copyIndex('ipConfigurations')]"}]}
                }}],
                "more": "[variables('more')]"
            }
        }],
        "outputs": {"all": {"type": "array", "copy": {"count": 2, "input": "[concat('o', copyIndex())]"}}}"#,
    );
    let paths: Vec<&str> = ids(&expanded).iter().map(|(path, _)| *path).collect();
    assert_eq!(paths, ["resources[0][0]", "resources[0][1]"]);
    let [first, second] = expanded.resources.as_slice() else { panic!() };
    assert_eq!(json(get(&first.node, "name")), "\"n1-10\"");
    assert_eq!(json(get(&second.node, "name")), "\"n2-11\"");
    assert_eq!(
        json(get(&second.node, "properties")),
        r#"{"ipConfigurations":[{"name":"ip10","properties":{"inner":[0]}},{"name":"ip11","properties":{"inner":[1]}}],"more":{"ports":[{"port":0},{"port":1},{"port":2}],"kept":true}}"#
    );
    assert_eq!(json(&expanded.outputs[0].1), r#"["o0","o1"]"#);
}

#[test]
fn a_loop_of_none_makes_nothing_and_one_of_too_many_is_refused() {
    let copies = |count: &str| {
        expanded(&format!(
            r#""resources": [{{"type": "Microsoft.Network/publicIPAddresses", "name": "[concat('ip', copyIndex())]",
                "copy": {{"name": "ips", "count": {count}}}}}]"#
        ))
    };
    assert!(ids(&copies("0")).is_empty());
    assert_eq!(ids(&copies("800")).len(), 800);
    for (count, message) in [
        ("801", "the loop turns 801 times, and may turn 0 to 800 times"),
        ("1000000", "the loop turns 1000000 times"),
        ("-1", "the loop turns -1 times"),
        ("true", "the count of the loop is a boolean, and no whole number"),
    ] {
        let found = said(&copies(count));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains("error[InvalidTemplate]: resources[0].copy.count: "), "{found:#?}");
        assert!(found[0].contains(message), "{found:#?}");
    }
}

#[test]
fn conditions_leave_resources_out_and_not_their_children() {
    let expanded = expanded(
        r#""parameters": {"new": {"type": "bool", "defaultValue": false}},
        "resources": [
            {"type": "Microsoft.Network/virtualNetworks", "name": "no", "condition": "[parameters('new')]",
             "resources": [{"type": "subnets", "name": "a"},
                {"type": "subnets", "name": "b", "condition": "[parameters('new')]"}]},
            {"type": "Microsoft.Network/virtualNetworks", "name": "yes", "condition": "[not(parameters('new'))]",
             "resources": [
                {"type": "subnets", "name": "a", "resources": [{"type": "parts", "name": "p"}]},
                {"type": "Microsoft.Network/virtualNetworks/subnets", "name": "yes/b"}
             ]}
        ]"#,
    );
    let base = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/yes";
    let [a, p, b] = ["a", "a/parts/p", "b"].map(|it| format!("{base}/subnets/{it}"));
    let orphan = a.replace("yes", "no");
    assert_eq!(
        ids(&expanded),
        [
            ("resources[0].resources[0]", &*orphan),
            ("resources[1]", base),
            ("resources[1].resources[0]", &*a),
            ("resources[1].resources[0].resources[0]", &*p),
            ("resources[1].resources[1]", &*b),
        ]
    );
    assert_eq!(
        json(get(&expanded.resources[2].node, "type")),
        "\"Microsoft.Network/virtualNetworks/subnets\""
    );
    assert_eq!(json(get(&expanded.resources[2].node, "name")), "\"yes/a\"");
}

#[test]
fn a_name_that_does_not_fit_its_type_is_refused() {
    let expanded = expanded(
        r#""resources": [{"type": "Microsoft.Network/virtualNetworks/subnets", "name": "a"}, {"name": "x"}, {"type": "subnets", "name": "x"}]"#,
    );
    let found = said(&expanded);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(
        found[0].contains("has incorrect segment lengths: the name needs 2 parts, and has 1"),
        "{found:#?}"
    );
    assert!(found[1].contains("resources[1]: the resource has no type"), "{found:#?}");
    assert!(found[2].contains("the type 'subnets' has no provider"), "{found:#?}");
}

#[test]
fn symbolic_names_and_existing_resources() {
    let expanded = expanded(
        r##""languageVersion": "2.0",
        "definitions": {"port": {"type": "int", "minValue": 1}},
        "parameters": {"port": {"$ref": "#/definitions/port", "defaultValue": 0}, "none": {"type": "string", "nullable": true}},
        "resources": {
            "vnet": {"existing": true, "type": "Microsoft.Network/virtualNetworks", "name": "v"},
            "nsg": {"type": "Microsoft.Network/networkSecurityGroups", "name": "n", "dependsOn": ["vnet"],
                    "properties": {"port": "[parameters('port')]", "none": "[parameters('none')]"}}
        }"##,
    );
    let found = said(&expanded);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("the value of the parameter 'port' is 0, and the template wants 1 or more"));
    let paths: Vec<&str> = expanded.resources.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["resources.nsg"]);
    assert_eq!(json(get(&expanded.resources[0].node, "properties")), r#"{"port":0,"none":null}"#);
}

#[test]
fn what_parameters_are_given_is_held_against_their_declarations() {
    let with = With::default().parameters(
        r#"{
            "size": 5, "name": "abcdef", "os": "linux", "flag": "true", "list": {"value": {}}, "secret": {"value": "xy"},
            "nmae": "x", "word": 7
        }"#,
    );
    let expanded = with.overrides(r#"{"count": "3", "strange": "x"}"#).expand(
        r#""parameters": {
            "size": {"type": "int", "minValue": 6}, "name": {"type": "string", "maxLength": 5},
            "os": {"type": "string", "allowedValues": ["Linux", "Windows"]}, "flag": {"type": "bool"},
            "list": {"type": "array"}, "secret": {"type": "securestring", "allowedValues": ["zzzz"]},
            "word": {"type": "string"}, "count": {"type": "int"}
        }, "resources": [{"type": "Microsoft.Network/x", "name": "[parameters('os')]",
            "properties": {"flag": "[parameters('flag')]", "count": "[parameters('count')]"}}]"#,
    );
    let found = said(&expanded);
    for text in [
        "p.json:2:21: error[InvalidTemplate]: parameters.size: the value of the parameter 'size' is 5, and the template wants 6 or more",
        "the length of the parameter 'name' is 6, and the template wants 5 or less",
        "p.json:2:65: warning[LooselyTypedValue]: parameters.flag: the parameter 'flag' is given as a string",
        "the parameter 'list' is an object, and the template expects an array",
        "error[InvalidTemplate]: the template t.json has no parameter 'nmae'\n  help: did you mean 'name'?",
        "--parameters:1:16: warning[InvalidTemplate]: the template t.json has no parameter 'strange'",
        "the parameter 'word' is a number, and the template expects a string",
        "the value of the parameter 'secret' is not one of those that the template allows",
    ] {
        assert!(found.iter().any(|it| it.contains(text)), "{text}: {found:#?}");
    }
    assert!(!found.iter().any(|it| it.contains("xy")), "a secret is not shown: {found:#?}");
    assert_eq!(found.len(), 8, "{found:#?}");
    let node = &expanded.resources[0].node;
    assert_eq!(json(get(node, "name")), "\"linux\"");
    assert_eq!(json(get(node, "properties")), r#"{"flag":true,"count":3}"#);
}

/// A template with types of its own, and a parameter `rules` of one of them.
const TYPED: &str = r##""definitions": {
        "port": {"type": "int", "minValue": 1, "maxValue": 65535},
        "rule": {"type": "object", "additionalProperties": false, "properties": {
            "name": {"type": "string", "minLength": 2},
            "access": {"type": "string", "allowedValues": ["Allow", "Deny"], "nullable": true},
            "ports": {"type": "array", "items": {"$ref": "#/definitions/port"}}}},
        "source": {"type": "object", "discriminator": {"propertyName": "kind", "mapping": {
            "tag": {"type": "object", "properties": {"kind": {"type": "string"}, "tag": {"type": "string"}}},
            "any": {"type": "object", "properties": {"kind": {"type": "string"}}, "additionalProperties": {"type": "bool"}}}}}},
    "parameters": {"rules": {"type": "array", "items": {"$ref": "#/definitions/rule"}}, "from": {"$ref": "#/definitions/source"},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "int"}], "defaultValue": ["a", 1]}},
    "resources": []"##;

#[test]
fn parts_of_a_parameter_are_held_against_their_types() {
    let with = |rules: &str, from: &str, pair: &str| {
        let text = format!(
            r#"{{"parameters": {{"rules": {{"value": {rules}}}, "from": {{"value": {from}}}, "pair": {{"value": {pair}}}}}}}"#
        );
        said(&With::default().parameters(&text).expand(TYPED))
    };
    let right = r#"[{"name": "web", "ports": [80]}, {"Name": "db", "ports": [], "access": "deny"}, {"name": "no", "access": null, "ports": []}]"#;
    assert_eq!(
        with(right, r#"{"kind": "tag", "tag": "Internet"}"#, r#"["b", 2, true]"#),
        Vec::<String>::new()
    );
    assert_eq!(with("[]", r#"{"kind": "any", "more": true}"#, "[]"), Vec::<String>::new());
    let wrong = r#"[{"name": "w", "acess": "Deny", "ports": [0, "80"]}, {"ports": null}, {"name": "ok", "access": "Block", "ports": []}, 7]"#;
    let found = with(wrong, r#"{"kind": "tag"}"#, r#"["b", "2"]"#);
    for what in [
        "the length of the parameter 'rules[0].name' is 1, and the template wants 2 or more",
        "'rules[0]' has a 'acess', and its type has none\n  help: did you mean 'access'?",
        "the value of the parameter 'rules[0].ports[0]' is 0, and the template wants between 1 and 65535",
        "'rules[0].ports[1]' is a string, and its type is int",
        "'rules[1]' has no 'name', and its type wants one",
        "'rules[1].ports' is null, and its type is array",
        "the value 'Block' of the parameter 'rules[2].access' is not one of those that the template allows",
        "'rules[3]' is a number, and its type is object",
        "'from' has no 'tag', and its type wants one",
        "'pair[1]' is a string, and its type is int",
    ] {
        assert!(found.iter().any(|it| it.contains(what)), "{what}: {found:#?}");
    }
    assert_eq!(found.len(), 10, "{found:#?}");
    let found = with("[]", r#"{"kind": "what"}"#, "[]");
    assert!(
        found[0].contains(
            "the 'kind' of 'from' tells none of the types that it may have\n  help: it may be tag, any"
        ),
        "{found:#?}"
    );
}

#[test]
fn what_nobody_gave_is_not_known_and_says_how_to_give_it() {
    let sections = r#""parameters": {"prefix": {"type": "string"}, "vault": {"type": "securestring"}, "read": {"type": "string"}},
        "resources": [{"type": "Microsoft.Network/x", "name": "[concat(parameters('prefix'), '-x')]",
                       "properties": {"vault": "[parameters('vault')]", "read": "[parameters('read')]"}},
                      {"type": "Microsoft.Network/y", "name": "y", "condition": "[equals(parameters('prefix'), 'a')]"},
                      {"type": "Microsoft.Compute/y", "name": "y", "condition": "[equals(parameters('prefix'), 'a')]"}]"#;
    let vault = r#"{"parameters": {"vault": {"reference": {"keyVault": {"id": "v"}, "secretName": "s"}},
        "read": {"expression": "[externalInputs('sys_env_0')]"}}}"#;
    let expanded = With::default().parameters(vault).expand(sections);
    let node = &expanded.resources[0].node;
    assert_eq!(json(get(node, "name")), "?parameters('prefix')");
    assert!(node.get("id").is_none(), "the name tells");
    assert_eq!(json(get(node, "properties.vault")), "?parameters('vault')");
    let Value::Unknown(unknown) = &get(node, "properties.read").value else { panic!() };
    assert_eq!(unknown.why, "is worked out by the tool that deploys");
    let Value::Unknown(unknown) = &get(node, "name").value else { panic!() };
    assert_eq!(unknown.help, "give it in a parameter file or with --parameters prefix=…");
    // A resource that matters may or may not be there; the other one does not matter.
    let found = said(&expanded);
    assert_eq!(found.len(), 1, "{found:#?}");
    let text = "error[ValueNotKnown]: resources[1].condition: 'parameters('prefix')' has neither a value nor a default";
    assert!(found[0].contains(text), "{found:#?}");
}

/// Azure's portal writes null for the password of the machine whose template it gives out.
#[test]
fn null_is_no_value_where_it_may_not_be_one() {
    let with = With::default().parameters(
        r#"{"parameters": {"secret": {"value": null}, "name": {"value": null}, "port": {"value": null}, "none": {"value": null}}}"#,
    );
    let expanded = with.expand(
        r#""parameters": {
            "secret": {"type": "secureString"}, "name": {"type": "string"}, "port": {"type": "int", "defaultValue": 80},
            "none": {"type": "string", "nullable": true}
        },
        "resources": [
            {"type": "Microsoft.Compute/virtualMachines", "name": "vm", "properties": {"adminPassword": "[parameters('secret')]"}},
            {
                "type": "Microsoft.Network/networkSecurityGroups", "name": "web",
                "properties": {"port": "[parameters('port')]", "none": "[parameters('none')]"}
            },
            {"type": "Microsoft.Network/networkSecurityGroups", "name": "[parameters('name')]"}
        ]"#,
    );
    assert!(said(&expanded).is_empty(), "{:#?}", said(&expanded));
    let [.., web, unnamed] = expanded.resources.as_slice() else { panic!("{:?}", ids(&expanded)) };
    assert_eq!(json(get(&web.node, "properties")), r#"{"port":80,"none":null}"#);
    assert_eq!(json(get(&unnamed.node, "name")), "?parameters('name')");
}

#[test]
fn what_needs_itself_is_named_and_ends() {
    let expanded = expanded(
        r#""parameters": {"p": {"type": "string", "defaultValue": "[parameters('q')]"}, "q": {"type": "string", "defaultValue": "[parameters('p')]"}},
        "variables": {"a": "[variables('b')]", "b": "[concat(variables('a'))]"},
        "resources": [{"type": "Microsoft.Network/x", "name": "x", "properties": {"a": "[variables('a')]", "b": "[variables('b')]", "p": "[parameters('p')]"}}]"#,
    );
    let found = said(&expanded);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].contains("this needs itself: variables('a') -> variables('b') -> variables('a')"),
        "{found:#?}"
    );
    assert!(
        found[1].contains("this needs itself: parameters('p') -> parameters('q') -> parameters('p')"),
        "{found:#?}"
    );
}

#[test]
fn functions_of_the_template_see_their_own_parameters_only() {
    let expanded = expanded(
        r#""parameters": {"p": {"type": "string", "defaultValue": "x"}},
        "functions": [{"namespace": "my", "members": {
            "name": {"parameters": [{"name": "base", "type": "string"}, {"name": "n", "type": "int"}],
                     "output": {"type": "object", "value": {"full": "[concat(parameters('base'), '-', parameters('n'))]"}}},
            "bad": {"parameters": [], "output": {"type": "string", "value": "[parameters('p')]"}}
        }}],
        "resources": [{"type": "Microsoft.Network/x", "name": "[my.name('web', 3).full]",
            "properties": {"bad": "[my.bad()]", "near": "[my.nam('a', 1)]", "few": "[my.name('a')]"}}]"#,
    );
    assert_eq!(json(get(&expanded.resources[0].node, "name")), "\"web-3\"");
    let found = said(&expanded);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].contains("the function has no parameter 'p'"), "{found:#?}");
    assert!(found[1].contains("did you mean 'my.name'?"), "{found:#?}");
    assert!(found[2].contains("'my.name' takes 2 arguments, and 1 are given"), "{found:#?}");
}

#[test]
fn chains_are_as_long_as_the_template() {
    let run = || {
        // Each value stands deep in the next one, and each expression is deep.
        let (open, close) = ("[".repeat(40), "]".repeat(40));
        let call = |text: &str| format!("{}{text}{}", "concat('', ".repeat(30), ")".repeat(30));
        let shallow = |nth: usize| format!("\"v{nth}\": \"[variables('v{}')]\"", nth + 1);
        let deep = |nth: usize| {
            let value = call(&format!("variables('d{}'){}", nth + 1, "[0]".repeat(40)));
            format!("\"d{nth}\": {open}\"[{value}]\"{close}")
        };
        let chain: Vec<String> = (0..5000).map(shallow).chain((0..500).map(deep)).collect();
        let sections = format!(
            r#""variables": {{{}, "v5000": "end", "d500": {open}"bottom"{close}}}, "resources": [{{"type": "Microsoft.Network/x",
                "name": "[variables('v0')]", "properties": {{"deep": "[variables('d0'){}]"}}}}]"#,
            chain.join(","),
            "[0]".repeat(40)
        );
        let expanded = expanded(&sections);
        assert_eq!(said(&expanded), Vec::<String>::new());
        assert_eq!(json(get(&expanded.resources[0].node, "name")), "\"end\"");
        assert_eq!(json(get(&expanded.resources[0].node, "properties.deep")), "\"bottom\"");
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_long_circle_is_named_once() {
    let chain: Vec<String> =
        (0..100).map(|nth| format!("\"v{nth}\": \"[variables('v{}')]\"", (nth + 1) % 100)).collect();
    let sections = format!(
        r#""variables": {{{}, "both": {{"a": "[variables('v0')]", "b": "[variables('v70')]"}}}}, "resources": [
            {{"type": "Microsoft.Network/x", "name": "x", "properties": {{"both": "[variables('both')]"}}}}]"#,
        chain.join(",")
    );
    let found = said(&expanded(&sections));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("this needs itself: variables('v") && found[0].contains(" -> "), "{found:#?}");
}

#[test]
fn functions_that_call_each_other_without_end_are_stopped() {
    let members: Vec<String> = (0..100)
        .map(|nth| {
            format!(
                r#""f{nth}": {{"parameters": [], "output": {{"type": "int", "value": "[my.f{}()]"}}}}"#,
                nth + 1
            )
        })
        .collect();
    let sections = format!(
        r#""functions": [{{"namespace": "my", "members": {{{}, "f100": {{"parameters": [], "output": {{"type": "int", "value": 1}}}}}}}}],
        "variables": {{"far": "[my.f0()]", "near": "[my.f90()]"}},
        "resources": [{{"type": "Microsoft.Network/x", "name": "x", "properties": {{"near": "[variables('near')]", "far": "[variables('far')]"}}}}]"#,
        members.join(",")
    );
    let expanded = expanded(&sections);
    let found = said(&expanded);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("functions wait for each other more than"), "{found:#?}");
}

#[test]
fn a_chain_that_costs_too_much_ends() {
    // Each link makes twice the text of the next one, and the first is asked for.
    let chain: Vec<String> = (0..60)
        .map(|nth| format!("\"v{nth}\": \"[concat(variables('v{0}'), variables('v{0}'))]\"", nth + 1))
        .collect();
    let sections = format!(
        r#""parameters": {{"p": {{"type": "string", "defaultValue": "[variables('v0')]"}}}}, "variables": {{{}, "v60": "x"}},
        "resources": [{{"type": "Microsoft.Network/x", "name": "[parameters('p')]"}}, {{"type": "Microsoft.Network/x", "name": "[variables('v0')]"}}]"#,
        chain.join(",")
    );
    let found = said(&expanded(&sections));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("error[TemplateLimitExceeded]") && found[0].contains("bytes of text"),
        "{found:#?}"
    );
}

#[test]
fn huge_values_end() {
    let doubled =
        |nth: usize| format!("\"v{nth}\": \"[concat(variables('v{0}'), variables('v{0}'))]\"", nth - 1);
    let doubled: Vec<String> = (1..40).map(doubled).collect();
    let sections = format!(
        "\"variables\": {{\"v0\": \"x\", {}}}, \"resources\": [{{\"type\": \"Microsoft.Network/x\", \"name\": \"[variables('v39')]\"}}]",
        doubled.join(",")
    );
    let found = said(&expanded(&sections));
    assert!(found.iter().any(|it| it.contains("error[TemplateLimitExceeded]")), "{found:#?}");
}

#[test]
fn values_stand_in_for_what_cannot_be_known() {
    let with =
        With::default().values(r#"{"concat( 'a' , 'B')": "given", "resourceGroup().tags": {"x": "y"}}"#);
    let expanded = with.expand(
        r#""resources": [{"type": "Microsoft.Network/x", "name": "[concat('a','B')]",
            "properties": {"tag": "[resourceGroup().tags.x]", "other": "[concat('A','B')]"}}]"#,
    );
    assert_eq!(json(get(&expanded.resources[0].node, "name")), "\"given\"");
    assert_eq!(json(get(&expanded.resources[0].node, "properties")), r#"{"tag":"y","other":"given"}"#);
}

#[test]
fn ten_mistakes_are_ten_messages_and_each_is_said_once() {
    let resource = |nth: usize| {
        format!(
            "{{\"type\": \"Microsoft.Network/x\", \"name\": \"[concat('x{nth}-', copyIndex())]\",\n\"copy\": {{\"name\": \"c\", \"count\": 5}}, \
             \"properties\": {{\"a\": \"[nothing{nth}()]\"}}}}"
        )
    };
    let resources: Vec<String> = (0..10).map(resource).collect();
    let expanded = expanded(&format!("\"resources\": [{}]", resources.join(",\n")));
    assert_eq!(said(&expanded).len(), 10, "{:#?}", said(&expanded));
    assert_eq!(expanded.resources.len(), 50);
    assert!(said(&expanded)[3].starts_with("t.json:9:"), "{}", said(&expanded)[3]);
}

#[test]
fn resources_of_extensions_need_no_name() {
    let expanded = expanded(
        r#""languageVersion": "2.0", "resources": {
            "group": {"import": "microsoftGraph", "type": "Microsoft.Graph/groups@v1.0", "properties": {"uniqueName": "a"}},
            "there": {"existing": true, "extension": "graph", "type": "Microsoft.Graph/groups/members@v1.0", "properties": {}},
            "call": {"extension": "http", "type": "Request", "properties": {"uri": "x"}}
        }"#,
    );
    assert_eq!(said(&expanded), Vec::<String>::new());
    let kinds: Vec<&str> = expanded.resources.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds, ["Microsoft.Graph/groups", "Request"]);
}

#[test]
fn the_tags_of_the_resource_group_are_not_known() {
    let expanded = expanded(
        r#""resources": [{"type": "Microsoft.Network/x", "name": "x", "tags": {"env": "[resourceGroup().tags.env]"}}]"#,
    );
    assert_eq!(said(&expanded), Vec::<String>::new());
    assert_eq!(json(get(&expanded.resources[0].node, "tags")), r#"{"env":?resourceGroup().tags.env}"#);
}

#[test]
fn what_is_not_known_is_said_once_however_much_it_decides() {
    let expanded = expanded(
        r#""parameters": {"count": {"type": "int"}}, "resources": [
            {"type": "Microsoft.Network/x", "name": "a", "copy": {"name": "c", "count": "[parameters('count')]"}},
            {"type": "Microsoft.Network/x", "name": "b", "condition": "[greater(parameters('count'), 1)]"}
        ]"#,
    );
    assert_eq!(said(&expanded).len(), 1, "{:#?}", said(&expanded));
    assert!(expanded.not_known.contains(&("t.json".into(), "parameters('count')".to_owned())));
}

#[test]
fn arrays_and_objects_of_the_command_line_are_json() {
    let sections = r#""parameters": {"ports": {"type": "array"}, "tags": {"type": "object"}}, "resources": [
        {"type": "Microsoft.Network/x", "name": "x", "properties": {"ports": "[parameters('ports')]", "tags": "[parameters('tags')]"}}]"#;
    let with = With::default().overrides(r#"{"ports": "['80', '443']", "tags": "{'a': {\"b\": 1}}"}"#);
    let expanded = with.expand(sections);
    assert_eq!(said(&expanded), Vec::<String>::new());
    let properties = get(&expanded.resources[0].node, "properties");
    assert_eq!(json(properties), r#"{"ports":["80","443"],"tags":{"a":{"b":1}}}"#);
    let refused = With::default().overrides(r#"{"ports": "80,443", "tags": "['a']"}"#).expand(sections);
    let said = said(&refused);
    assert!(
        said[0].contains("the parameter 'ports' is a string, and the template expects an array"),
        "{}",
        said[0]
    );
    assert!(said[0].ends_with(r#"help: give an array, such as ["80", "443"]"#), "{}", said[0]);
    assert!(said[1].ends_with(r#"help: give an object, such as {"name": "value"}"#), "{}", said[1]);
}

#[test]
fn a_type_may_be_a_part_of_another() {
    let expanded = expanded(
        r##""languageVersion": "2.0",
        "definitions": {"all": {"type": "object", "properties": {"a/b": {"type": "int", "maxValue": 4, "nullable": true}}}},
        "parameters": {
            "none": {"$ref": "#/definitions/all/properties/a~1b"},
            "many": {"$ref": "#/definitions/all/properties/a~1b", "defaultValue": 5}
        },
        "resources": {"x": {"type": "Microsoft.Network/x", "name": "x", "properties": {
            "none": "[parameters('none')]", "many": "[parameters('many')]"}}}"##,
    );
    assert_eq!(json(get(&expanded.resources[0].node, "properties")), r#"{"none":null,"many":5}"#);
    let said = said(&expanded);
    assert!(said.len() == 1 && said[0].contains("the parameter 'many' is 5"), "{said:#?}");
}

#[test]
fn how_a_resource_is_deployed_is_no_part_of_it() {
    let expanded = expanded(
        r#""languageVersion": "2.0", "resources": {"x": {"type": "Microsoft.Network/x", "name": "x", "properties": {},
            "@options": {"onlyIfNotExists": true, "retryOn": [{"exceptionCode": "Busy", "retryCount": 3}]},
            "dependsOn": [], "metadata": {"a": "b"}}}"#,
    );
    assert_eq!(ids(&expanded).len(), 1);
    let keys: Vec<&str> =
        expanded.resources[0].node.entries().iter().map(|it| it.key.value.as_str()).collect();
    assert_eq!(keys, ["type", "name", "id", "properties"]);
}

#[test]
fn an_extension_is_of_its_own_provider() {
    let expanded = expanded(
        r#""resources": [{"type": "Microsoft.Network/networkSecurityGroups", "name": "n", "properties": {}, "resources": [
            {"type": "providers/diagnosticSettings", "name": "Microsoft.Insights/logs", "properties": {}},
            {"type": "Providers/locks", "name": "/Microsoft.Authorization/keep", "properties": {}}]},
          {"type": "Microsoft.Network/virtualNetworks/subnets/providers/roleAssignments", "name": "v/s/Microsoft.Authorization/r",
            "properties": {}}]"#,
    );
    let kinds: Vec<&str> = expanded.resources.iter().skip(1).map(|it| it.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "Microsoft.Insights/diagnosticSettings",
            "Microsoft.Authorization/locks",
            "Microsoft.Authorization/roleAssignments"
        ]
    );
    let group = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network";
    let found: Vec<&str> = ids(&expanded).into_iter().skip(1).map(|it| it.1).collect();
    assert_eq!(
        found,
        [
            format!("{group}/networkSecurityGroups/n/providers/Microsoft.Insights/diagnosticSettings/logs"),
            format!("{group}/networkSecurityGroups/n/Providers/Microsoft.Authorization/locks/keep"),
            format!(
                "{group}/virtualNetworks/v/subnets/s/providers/Microsoft.Authorization/roleAssignments/r"
            ),
        ]
    );
}

#[test]
fn a_type_that_nobody_knows_is_told() {
    let expanded = expanded(
        r#""parameters": {"t": {"type": "string"}}, "resources": [{"type": "[parameters('t')]", "name": "a"}]"#,
    );
    let found = said(&expanded);
    assert!(
        found.len() == 1
            && found[0].contains(
                "error[ValueNotKnown]: resources[0].type: 'parameters('t')' has neither a value nor a default"
            ),
        "{found:#?}"
    );
}

#[test]
fn what_nothing_uses_is_looked_at_too() {
    let found = said(&expanded(
        r##""definitions": {"loop": {"$ref": "#/definitions/loop"}},
        "parameters": {
            "b": {"type": "int", "defaultValue": "b"}, "good": {"type": "array", "defaultValue": "[variables('good')]"},
            "none": {"defaultValue": 1}, "word": {"type": "text"}, "nope": {"$ref": "#/definitions/nope"},
            "loop": {"$ref": "#/definitions/loop"}},
        "variables": {"v": "[parameters('nosuch')]", "copy": [{"name": "good", "count": 1, "input": "a"}]}, "resources": []"##,
    ));
    let expected = [
        "error[InvalidTemplate]: parameters.none: the parameter 'none' has no type",
        "error[InvalidTemplate]: parameters.word: the parameter 'word' has the type 'text', and there is none",
        "error[InvalidTemplate]: parameters.nope: the parameter 'nope' refers to '#/definitions/nope', which leads to no definition",
        "error[InvalidTemplate]: parameters.loop: the parameter 'loop' refers to '#/definitions/loop', which leads to no definition",
        "warning[InvalidTemplate]: parameters.b: the parameter 'b' is a string, and the template expects a whole number",
        "warning[InvalidTemplate]: variables.v: the template has no parameter 'nosuch'",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for one in expected {
        assert!(found.iter().any(|it| it.contains(one)), "{one}: {found:#?}");
    }
}

#[test]
fn a_list_ends_where_its_type_does() {
    let of = |items: &str, value: &str| {
        said(&With::default().parameters(&format!(r#"{{"parameters": {{"p": {{"value": {value}}}}}}}"#)).expand(&format!(
            r#""parameters": {{"p": {{"type": "array", "prefixItems": [{{"type": "string"}}, {{"type": "int"}}] {items}}}}}, "resources": []"#
        )))
    };
    let found = of(r#", "items": false"#, r#"["a", 1, 2]"#);
    assert!(found.len() == 1 && found[0].contains("'p' has 3 elements, and its type has 2"), "{found:#?}");
    assert_eq!(of(r#", "items": false"#, r#"["a", 1]"#), Vec::<String>::new());
    assert_eq!(of("", r#"["a", 1, 2]"#), Vec::<String>::new());
}
