//! Which rules hold all packets of a question, and which of them decides.

use crate::column::{BLOCK, Block};
use crate::table::{GroupId, Policy};
use crate::traffic::{Traffic, bits, common, fold};
use crate::tuple::{FieldMatches, RuleIndex};
use model::Direction;

impl Policy {
    /// For each rule of a group and direction which of its fields hold every packet of a question: where all do, the rule
    /// matches all of them. Those to the platform's two addresses count only where all [go there](Traffic::is_platforms).
    /// Empty for a group or a question of another policy.
    ///
    /// # Cost
    /// A row of rules for each class of the question.
    pub fn fields_held(&self, group: GroupId, direction: Direction, traffic: &Traffic) -> Vec<FieldMatches> {
        let Some(table) = self.table(group, direction) else { return Vec::new() };
        let mut held: Option<[Vec<Block>; 5]> = None;
        for region in traffic.shown() {
            let Some(every) = region.rows(table, |row, other| *row &= other) else { return Vec::new() };
            match &mut held {
                None => held = Some(every),
                Some(held) => {
                    held.iter_mut().zip(&every).for_each(|(row, other)| fold(row, other, |a, b| *a &= b));
                }
            }
        }
        let Some([protocol, source, source_port, destination, destination_port]) = held else {
            return Vec::new();
        };
        let of_rule = |rule| FieldMatches {
            protocol: bit(&protocol, rule),
            source: bit(&source, rule),
            source_port: bit(&source_port, rule),
            destination: bit(&destination, rule),
            destination_port: bit(&destination_port, rule),
        };
        (0..table.rules.len()).map(of_rule).collect()
    }

    /// The rule of a group that decides over all packets of a question alone: the first that holds every one, where no rule
    /// before it that holds some of them says otherwise. Those to the platform's two addresses count only where all
    /// [go there](Traffic::is_platforms). `None` where several rules decide, or the platform does.
    ///
    /// # Cost
    /// As of [`Self::fields_held`].
    pub fn decider(&self, group: GroupId, direction: Direction, traffic: &Traffic) -> Option<RuleIndex> {
        let table = self.table(group, direction)?;
        let mut rows: Option<(Vec<Block>, Vec<Block>)> = None;
        for region in traffic.shown() {
            let every = common(&region.rows(table, |row, other| *row &= other)?);
            let any = common(&region.rows(table, |row, other| *row |= other)?);
            match &mut rows {
                None => rows = Some((every, any)),
                Some((all, some)) => {
                    fold(all, &every, |a, b| *a &= b);
                    fold(some, &any, |a, b| *a |= b);
                }
            }
        }
        let (every, any) = rows?;
        let first = bits(&every).next()?;
        let access = |rule: usize| table.rules.get(rule).map(|rule| rule.access);
        let agree = bits(&any).take_while(|&rule| rule < first).all(|rule| access(rule) == access(first));
        u16::try_from(first).ok().filter(|_| agree).map(RuleIndex)
    }
}

fn bit(row: &[Block], rule: usize) -> bool {
    row.get(rule / BLOCK).is_some_and(|block| block[rule % BLOCK / 64] & (1 << (rule % 64)) != 0)
}
