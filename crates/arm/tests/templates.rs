//! Published templates, where they are at hand.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use arm::{Deployment, Facts, Resources, read_documents};
use common::check_all;
use diagnostic::{Diagnostic, Severity};
use document::{Node, read_json_file};
use model::ServiceTags;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder of published documents, if there is one.
fn data(folder: &str) -> Option<PathBuf> {
    let path = Path::new(&std::env::var_os("NSGATE_DATA")?).join(folder);
    path.is_dir().then_some(path)
}

/// The templates of the folder, without their parameter files.
fn templates(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.retain(|it| !it.to_string_lossy().ends_with(".parameters.json"));
    files.sort();
    files
}

/// How many security groups, virtual networks and network interfaces a template makes with the parameters beside it, and how
/// many errors there are with each of the tag files.
fn outcome(file: &Path, tags: &[Arc<ServiceTags>]) -> ([usize; 3], Vec<usize>) {
    let beside = file.with_extension("parameters.json");
    let parameters: Vec<Node> =
        beside.is_file().then(|| read_json_file(&beside, &mut Vec::new()).unwrap()).into_iter().collect();
    let deployment = Deployment { parameters, ..Deployment::default() };
    let Resources { network, diagnostics, .. } =
        read_documents(&[read_json_file(file, &mut Vec::new()).unwrap()], &deployment);
    let made =
        [network.security_groups.len(), network.virtual_networks.len(), network.network_interfaces.len()];
    let errors = |tags: &Arc<ServiceTags>| {
        let (_, found) = model::validate(network.clone(), tags.clone());
        let found: Vec<&Diagnostic> = diagnostics.iter().chain(&found).collect();
        let errors = found.iter().filter(|it| it.severity == Severity::Error);
        errors.inspect(|it| println!("{it}")).count()
    };
    (made, tags.iter().map(errors).collect())
}

/// A template with a security group and a virtual network whose subnet has it.
fn network(vnet: &str, more: &str) -> Node {
    let text = format!(
        r#"{{"resources": [
        {{"type": "Microsoft.Network/networkSecurityGroups", "name": "n", "properties": {{"securityRules": []}}}},
        {{"type": "Microsoft.Network/virtualNetworks", "name": "v{vnet}", "properties": {{
            "addressSpace": {{"addressPrefixes": ["10.{vnet}.0.0/16"]}},
            "subnets": [{{"name": "a", "properties": {{"addressPrefix": "10.{vnet}.0.0/24",
                "networkSecurityGroup": {{"id": "[resourceId('Microsoft.Network/networkSecurityGroups', 'n')]"}}}}}}]}}}}{more}]}}"#
    );
    document::read_json(&format!("{vnet}.json"), &text).unwrap()
}

/// Everything that is wrong, in short, and which NSG each subnet has.
fn validated(documents: &[Node], deployment: &Deployment) -> (Vec<String>, Vec<Option<usize>>) {
    let Resources { network, diagnostics, .. } = read_documents(documents, deployment);
    let (network, found) = model::validate(network, Arc::new(ServiceTags::default()));
    let found = diagnostics.iter().chain(&found).map(|it| it.to_string().lines().next().unwrap().to_owned());
    let subnets = network.iter().flat_map(|it| &it.virtual_networks).flat_map(|it| &it.subnets);
    (found.collect(), subnets.map(|it| it.security_group.map(|it| it.0)).collect())
}

#[test]
fn templates_that_make_the_same_resource_are_in_resource_groups_of_their_own() {
    // The third one makes nothing that another makes, and refers to the second one's network.
    let peering = r#", {"type": "Microsoft.Network/virtualNetworks/virtualNetworkPeerings", "name": "v3/p", "properties": {
        "remoteVirtualNetwork": {"id": "[resourceId('Microsoft.Network/virtualNetworks', 'v2')]"}}}"#;
    let mut third = network("3", peering);
    if let document::Value::Object(entries) = &mut third.value
        && let document::Value::Array(resources) = &mut entries[0].value.value
    {
        resources.remove(0);
        let document::Value::Object(vnet) = &mut resources[0].value else { panic!() };
        vnet.retain(|it| it.key.value != "subnets");
    }
    let documents = [network("1", ""), network("2", ""), third];
    let (found, groups) = validated(&documents, &Deployment::default());
    assert_eq!(groups, [Some(0), Some(1), Some(0)], "{found:#?}");
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("2.json:2:") && found[0].contains("warning[AnotherResourceGroup]: another template makes the Microsoft.Network/networkSecurityGroups 'n', too"), "{found:#?}");
    assert!(found[1].contains("PeeringInitiated") || found[1].contains("Peering"), "{found:#?}");
    // Somebody said where they are.
    let facts = Facts { resource_group: "g".into(), ..Facts::default() };
    let deployment = Deployment { facts, ..Deployment::default() };
    let (found, groups) = validated(&documents, &deployment);
    assert_eq!(groups, [Some(0), Some(0), Some(0)], "they make the same group: {found:#?}");
    let other = r#"{"resources": [{"type": "Microsoft.Network/networkSecurityGroups", "name": "n", "properties": {
        "flushConnection": false}}]}"#;
    let other = document::read_json("other.json", other).unwrap();
    let (found, _) = validated(&[documents[0].clone(), other], &deployment);
    assert!(found.iter().any(|it| it.contains("error[DuplicateResourceName]")), "{found:#?}");
}

#[test]
fn parameters_that_stand_in_a_text_are_told() {
    let built = r#"{"parametersJson": "{}", "templateJson": "{}", "templateSpecId": null}"#;
    let parameters = vec![document::read_json("built.json", built).unwrap()];
    let (found, _) = validated(&[network("1", "")], &Deployment { parameters, ..Deployment::default() });
    let [told] = found.as_slice() else { panic!("{found:#?}") };
    assert!(told.starts_with("built.json:1:1: error[AnswerNotPolicy]"), "{told}");
    assert!(told.contains("`bicep build-params --stdout`"), "{told}");
}

#[test]
fn values_that_nothing_asks_for_are_mentioned() {
    let ip = r#", {"type": "Microsoft.Network/applicationSecurityGroups", "name": "[reference('ip').name]"}"#;
    let values =
        document::read_json("v.json", r#"{"reference('ip').nam": "x", "reference('pip').name": "y"}"#)
            .unwrap();
    let values = values.entries().to_vec();
    let (found, _) =
        validated(&[network("1", ip)], &Deployment { values: values.clone(), ..Deployment::default() });
    let unused: Vec<&String> =
        found.iter().filter(|it| it.contains("warning[UnusedValue]: no template asks for")).collect();
    assert_eq!(unused.len(), 2, "{found:#?}");
    let used = r#"{"Reference( 'ip' ).name": "x"}"#;
    let values = document::read_json("v.json", used).unwrap().entries().to_vec();
    let (found, _) =
        validated(&[network("1", ip)], &Deployment { values: values.clone(), ..Deployment::default() });
    assert_eq!(found, Vec::<String>::new());
    // Two templates, one of which asks.
    let both = [network("1", ""), network("2", "")];
    let (found, _) = validated(&both, &Deployment { values, ..Deployment::default() });
    assert!(found.iter().any(|it| it.contains("UnusedValue")), "{found:#?}");
}

#[test]
fn a_template_is_in_whatever_resource_group_others_say() {
    let group = "/subscriptions/s/resourceGroups/net/providers/Microsoft.Network";
    let net = r#"{"resources": [
        {"type": "Microsoft.Network/networkSecurityGroups", "name": "n", "properties": {"securityRules": []}},
        {"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [{"name": "a", "properties": {"addressPrefix": "10.0.0.0/24",
                "networkSecurityGroup": {"id": "[resourceId('Microsoft.Network/networkSecurityGroups', 'n')]"}}}]}}]}"#;
    let nic = |address: &str, id: &str| {
        format!(
            r#"{{"type": "Microsoft.Network/networkInterfaces", "name": "nic{address}", {id} "properties": {{"ipConfigurations": [
                {{"name": "i", "properties": {{"privateIPAddress": "10.0.0.{address}",
                    "subnet": {{"id": "{group}/virtualNetworks/v/subnets/a"}}}}}}]}}}}"#
        )
    };
    let application = format!(r#"{{"resources": [{}]}}"#, nic("4", ""));
    let answer = nic("5", &format!(r#""id": "{group}/networkInterfaces/nic5","#));
    let network = check_all(&[net, &application, &answer]).clean();
    let subnet = &network.virtual_networks[0].subnets[0];
    assert_eq!(network.network_interfaces.len(), 2);
    assert!(subnet.security_group.is_some());
}

/// Security groups, virtual networks, network interfaces, errors without service tags and errors with those of 2025-10-28.
const PUBLISHED: &[(&str, [usize; 3], usize, usize)] = &[
    ("101-AAD-DomainServices__azuredeploy.json", [1, 1, 0], 0, 0),
    (
        "101-databricks-all-in-one-template-for-vnet-injection-with-load-balancer__azuredeploy.json",
        [1, 1, 0],
        0,
        0,
    ),
    ("101-hdinsight-secure-vnet__azuredeploy.json", [1, 1, 0], 1, 0),
    ("101-load-balancer-standard-create__azuredeploy.json", [1, 1, 3], 0, 0),
    ("101-sql-managed-instance-azure-environment__azuredeploy.json", [1, 1, 0], 0, 0),
    ("201-api-management-create-with-external-vnet__azuredeploy.json", [1, 1, 0], 9, 0),
    ("201-application-security-group__azuredeploy.json", [1, 1, 1], 0, 0),
    ("201-nsg-dmz-in-vnet__azuredeploy.json", [3, 1, 0], 0, 0),
    ("201-redis-vnet-nsg__azuredeploy.json", [1, 0, 0], 2, 2),
    ("201-sqlmi-new-vnet-w-point-to-site-vpn__azuredeploy.json", [1, 1, 0], 0, 0),
    ("201-vm-copy-index-loops__azuredeploy.json", [1, 1, 4], 0, 0),
    ("201-vmss-win-iis-app-ssl__azuredeploy.json", [1, 1, 0], 0, 0),
    ("301-multi-tier-service-networking__azuredeploy.json", [3, 1, 5], 0, 0),
    ("App-Service-Environment-AzFirewall__nestedtemplates__vnet.json", [1, 1, 0], 11, 10),
    ("ag-docs-qs__azuredeploy.json", [2, 1, 2], 0, 0),
    ("application-gateway-logviewer-goaccess__azuredeploy.json", [1, 1, 1], 0, 0),
    ("barracuda-waf-iis__azuredeploy.json", [2, 1, 3], 0, 0),
    ("cloudera-tableau__nested__data-node-ds13.json", [1, 0, 0], 2, 2),
    ("cloudera-tableau__nested__master-node.json", [1, 0, 0], 2, 2),
    ("cloudera-tableau__nested__shared-resources-new-vnet.json", [1, 1, 0], 1, 1),
    ("concourse-ci__azuredeploy.json", [3, 1, 1], 0, 0),
    ("datameer-trend-chef-riskanalysis__nested__trendp2p-trenddsm.json", [1, 0, 1], 6, 6),
    ("docker-portainer-traefik-windows-vm__azuredeploy.json", [1, 1, 1], 0, 0),
    ("elasticsearch-jmeter__azuredeploy.json", [1, 0, 3], 4, 4),
    ("elasticsearch__nestedtemplates__kibana-resources.json", [1, 0, 1], 2, 2),
    ("iis-2vm-sql-1vm__azuredeploy.json", [2, 1, 2], 0, 0),
    ("ipv6-in-vnet-vmss__azuredeploy.json", [1, 1, 0], 0, 0),
    ("jenkins-cicd-webapp__nested__jenkins.json", [1, 1, 1], 0, 0),
    ("netapp-ontap-sql__nested__shared-resources.json", [2, 1, 0], 9, 9),
    ("sap-2-tier-marketplace-image-md__azuredeploy.json", [1, 1, 1], 0, 0),
    ("sap-3-tier-marketplace-image-multi-sid-apps-md__azuredeploy.json", [1, 1, 1], 0, 0),
    ("sap-3-tier-marketplace-image-multi-sid-xscs-md__azuredeploy.json", [1, 1, 1], 0, 0),
    ("sap-lama-apps__azuredeploy.json", [1, 1, 1], 0, 0),
    ("sap-lama-database__azuredeploy.json", [1, 1, 1], 0, 0),
    ("sccm-currentbranch__azuredeploy.json", [1, 1, 4], 0, 0),
    ("service-fabric-secure-nsg-cluster-65-node-3-nodetype__azuredeploy.json", [3, 1, 0], 0, 0),
    ("solace-message-router__nestedtemplates__security-shared-resources.json", [1, 0, 0], 0, 0),
    ("splunk-on-ubuntu__nested__clustermaster-resources.json", [1, 0, 0], 2, 2),
    ("splunk-on-ubuntu__nested__clustersearchhead-resources.json", [1, 0, 0], 2, 2),
    ("tableau-server-single-node__azuredeploy.json", [1, 1, 1], 0, 0),
    ("trend-chef-splunk-security__nested__trendp2p-trenddsm.json", [1, 0, 1], 6, 6),
];

#[test]
fn published_templates_are_evaluated() {
    let Some(folder) = data("arm") else { return };
    let tags = data("service-tags").map(|it| it.join("ServiceTags_Public_20251028.json"));
    let tags = tags.filter(|it| it.is_file()).map(|it| arm::read_service_tags_file(&it).unwrap().0);
    let tags: Vec<_> = [ServiceTags::default()].into_iter().chain(tags).map(Arc::new).collect();
    let mut wrong = Vec::new();
    let files = templates(&folder);
    for file in &files {
        let name = file.file_name().unwrap().to_string_lossy();
        println!("{name}");
        let (made, errors) = outcome(file, &tags);
        let expected = PUBLISHED.iter().find(|it| it.0 == name);
        let is_right = expected.is_some_and(|it| it.1 == made && [it.2, it.3].starts_with(&errors));
        if !is_right {
            wrong.push(format!("({name:?}, {made:?}, {errors:?})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(files.len(), PUBLISHED.len());
}

/// Azure refuses a template that names a resource more than once, whether by a loop or by hand, and whatever it says of it.
#[test]
fn no_resource_is_made_twice_by_one_template() {
    let group = |name: &str, more: &str| {
        format!(
            r#"{{"type": "Microsoft.Network/networkSecurityGroups", "name": "{name}", "properties": {{"securityRules": []}}{more}}}"#
        )
    };
    let found = |resources: &[String]| {
        let outcome = check_all(&[&format!(r#"{{"resources": [{}]}}"#, resources.join(",\n"))]);
        outcome.findings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let looped = |name: &str| group(name, r#", "copy": {"name": "c", "count": 3}"#);
    let told = |nth: &str| {
        format!(
            "{nth}: the resource Microsoft.Network/networkSecurityGroups/n is defined multiple times in a template"
        )
    };
    let said = found(&[looped("n")]);
    assert_eq!(said.len(), 2, "each turn after the first: {said:#?}");
    assert!(
        said[0].contains("error[InvalidTemplate]") && said[0].contains(&told("resources[0][1]")),
        "{said:#?}"
    );
    assert!(said[0].contains("copyIndex()"), "{said:#?}");
    for more in ["", r#", "tags": {"a": "b"}"#] {
        let said = found(&[group("n", ""), group("n", more)]);
        assert!(said.len() == 1 && said[0].contains(&told("resources[1]")), "{said:#?}");
        assert!(said[0].contains("net.json:1:"), "{said:#?}");
    }
    assert_eq!(found(&[looped("[concat('n', copyIndex())]"), group("n", "")]), Vec::<String>::new());
    // What the network does not need, and deployments, Azure refuses just so.
    let of_type = |kind: &str, more: &str| format!(r#"{{"type": "{kind}", "name": "n"{more}}}"#);
    let storage = of_type("Microsoft.Storage/storageAccounts", "");
    let said = found(&[storage.clone(), storage]);
    assert!(
        said.len() == 1
            && said[0].contains(
                "error[InvalidTemplate]: resources[1]: the resource Microsoft.Storage/storageAccounts/n is"
            ),
        "{said:#?}"
    );
    let deployment = |more: &str| {
        of_type(
            "Microsoft.Resources/deployments",
            &format!(r#"{more}, "properties": {{"mode": "Incremental", "template": {{"resources": []}}}}"#),
        )
    };
    let said = found(&[deployment(r#", "copy": {"name": "c", "count": 2}"#)]);
    assert!(
        said.len() == 1
            && said[0].contains(
                "resources[0][1]: the resource Microsoft.Resources/deployments/n is defined multiple"
            ),
        "{said:#?}"
    );
    // One in each resource group, and where nobody knows which that is.
    let group = |name: &str| deployment(&format!(r#", "resourceGroup": "{name}""#));
    assert_eq!(found(&[deployment(""), group("a"), group("b")]), Vec::<String>::new());
    let open = group("[reference('/subscriptions/s/providers/Microsoft.Network/x/y', '2020-01-01').group]");
    assert_eq!(found(&[open.clone(), open]), Vec::<String>::new());
}
