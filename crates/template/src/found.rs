//! Which resource is meant by a name, and where it is written.

use crate::deployment::Deployment;
use crate::inside::Inside;
use crate::instance::Instance;
use document::{Node, Value};
use expression::Fault;
use std::rc::Rc;

impl Inside<'_, '_> {
    /// The resource that a symbolic name, an id or a name means: here, then in the deployments around, then anywhere.
    pub(crate) fn find(&self, name: &str) -> Option<(Self, usize)> {
        let mut around = Some(self.clone());
        while let Some(inside) = around {
            if let Some(nth) = found_in(inside.instances(), name) {
                return Some((inside, nth));
            }
            around = inside.outer();
        }
        if !name.starts_with('/') {
            return None;
        }
        self.find_anywhere(|instances| found_in(instances, name))
    }

    fn find_anywhere(&self, find: impl Fn(&[Instance]) -> Option<usize>) -> Option<(Self, usize)> {
        let mut number = 0;
        while let Some(deployment) = self.all.deployment(number) {
            if let Some(nth) = deployment.instances.get().and_then(|it| find(it)) {
                return Some((self.of(deployment), nth));
            }
            number += 1;
        }
        None
    }

    /// The same; of one that is there already, the one that some deployment writes.
    pub(crate) fn find_written(&self, name: &str) -> Option<(Self, usize)> {
        let (inside, nth) = self.find(name)?;
        let found = inside.instances().get(nth)?;
        if !found.existing {
            return Some((inside, nth));
        }
        let id = found.id.as_key()?;
        let is_it =
            |it: &Instance| !it.existing && it.id.as_key().is_some_and(|it| it.eq_ignore_ascii_case(id));
        self.find_anywhere(|instances| instances.iter().position(is_it))
    }

    /// The same resource as the last deployment before this one writes it.
    pub(crate) fn written_before(&self, instance: &Instance) -> Option<(Self, usize)> {
        let id = instance.id.as_key()?;
        let is_it = |it: &Instance| {
            it.is_deployed() && it.id.as_key().is_some_and(|other| other.eq_ignore_ascii_case(id))
        };
        (0..self.deployment.number).rev().find_map(|number| {
            let deployment = self.all.deployment(number)?;
            let nth = deployment.instances.get()?.iter().position(is_it)?;
            Some((self.of(deployment), nth))
        })
    }

    fn of(&self, deployment: Rc<Deployment>) -> Self {
        Inside { all: self.all, deployment, loops: Rc::new([]), own: false }
    }

    /// A part that its resource has in a list, such as a subnet in its virtual network.
    pub(crate) fn inline(&self, id: &str, full: bool) -> Result<Option<Node>, Fault> {
        let Some((parent, list, name)) = parted(id) else { return Ok(None) };
        let Some((inside, nth)) = self.find_written(parent) else { return Ok(None) };
        let is_told = |it: &&Instance| !it.existing && !it.is_deployment() && !inside.is_under_way(it);
        let Some(instance) = inside.instances().get(nth).filter(is_told) else { return Ok(None) };
        let body = inside.body(instance)?;
        let Some(item) = part_of(body, list, name) else { return Ok(None) };
        let node = if full { Some(item) } else { item.get("properties") };
        node.map(|node| self.all.budget.copy(node)).transpose()
    }
}

/// The id of a resource, the list in it and the name of the part there that an id means.
pub(crate) fn parted(id: &str) -> Option<(&str, &str, &str)> {
    let mut words = id.trim_end_matches('/').rsplitn(3, '/');
    let (name, list, parent) = (words.next()?, words.next()?, words.next()?);
    Some((parent, list, name))
}

/// A part that a resource has in a list.
pub(crate) fn part_of<'n>(resource: &'n Node, list: &str, name: &str) -> Option<&'n Node> {
    let list = resource.get("properties").unwrap_or(resource).get(list)?;
    let Value::Array(items) = &list.value else { return None };
    items
        .iter()
        .find(|it| it.get("name").and_then(Node::as_str).is_some_and(|it| it.eq_ignore_ascii_case(name)))
}

fn found_in(instances: &[Instance], name: &str) -> Option<usize> {
    let same = |it: Option<&str>| it.is_some_and(|it| it.eq_ignore_ascii_case(name));
    let symbol = instances.iter().position(|it| same(it.symbol.as_deref()));
    let id = || instances.iter().position(|it| same(it.id.as_key()));
    let own = || instances.iter().position(|it| same(it.name.as_key()));
    // `Microsoft.Network/publicIPAddresses/ip`: an id without what is before the provider.
    let tail = || {
        let tail = format!("/providers/{}", name.trim_start_matches('/'));
        let ends = |id: &str| {
            id.len()
                .checked_sub(tail.len())
                .and_then(|at| id.get(at..))
                .is_some_and(|it| it.eq_ignore_ascii_case(&tail))
        };
        instances.iter().position(|it| it.id.as_key().is_some_and(ends))
    };
    symbol.or_else(id).or_else(own).or_else(tail)
}
