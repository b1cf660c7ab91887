//! One field of one NSG and direction: for each class the bitmap of the rules that hold it.

use crate::limits::{Budget, Error};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// 256 rules; the lowest bit of the first word is the rule that is looked at first.
pub(crate) type Block = [u64; 4];

/// How many rules a block has bits for.
pub(crate) const BLOCK: usize = 256;

/// Adds a rule to a bitmap.
pub(crate) fn set_bit(row: &mut [Block], rule: usize) {
    if let Some(word) = row.get_mut(rule / BLOCK).and_then(|block| block.get_mut(rule % BLOCK / 64)) {
        *word |= 1 << (rule % 64);
    }
}

/// The bitmaps of a field; equal ones are kept once.
#[derive(Debug)]
pub(crate) struct Column {
    /// For each class the number of its row.
    row_of: Vec<u16>,
    /// All rows, one after the other.
    rows: Vec<Block>,
    /// How many blocks a row has.
    width: usize,
}

impl Column {
    /// The rules that hold a class, or `None` for a class of another policy.
    #[inline]
    pub(crate) fn row(&self, class: u32) -> Option<&[Block]> {
        let start = usize::from(*self.row_of.get(class as usize)?) * self.width;
        self.rows.get(start..start + self.width)
    }

    /// Whether a rule holds a class; `None` for a class or a rule of another policy.
    pub(crate) fn holds(&self, class: u32, rule: usize) -> Option<bool> {
        let word = self.row(class)?.get(rule / BLOCK)?.get(rule % BLOCK / 64)?;
        Some(word & (1 << (rule % 64)) != 0)
    }

    /// The memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.row_of) + size_of_val(&*self.rows)
    }
}

/// A column while it grows, class by class.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    column: Column,
    numbers: HashMap<Box<[Block]>, u16>,
    group: &'a Arc<str>,
}

impl<'a> Rows<'a> {
    /// A column of an NSG's rules, with rows of `width` blocks.
    pub(crate) fn new(group: &'a Arc<str>, width: usize) -> Self {
        let column = Column { row_of: Vec::new(), rows: Vec::new(), width };
        Self { column, numbers: HashMap::new(), group }
    }

    /// Gives each class the rules whose set is among the class's sets.
    ///
    /// # Cost
    /// A step for each set of each class and each block of rules.
    pub(crate) fn of_sets(
        mut self,
        members: &[Rc<[u32]>],
        set_of_rule: &[u32],
        budget: &mut Budget,
    ) -> Result<Self, Error> {
        let rules = self.rules_of_sets(set_of_rule);
        budget.bytes(members.len(), size_of::<u16>())?;
        self.column.row_of.reserve_exact(members.len());
        let mut row = vec![Block::default(); self.column.width];
        for sets in members {
            row.fill(Block::default());
            budget.steps(sets.len() + self.column.width)?;
            for rules in sets.iter().filter_map(|set| rules.get(set)) {
                budget.steps(self.column.width)?;
                for (row, rules) in row.iter_mut().flatten().zip(rules.iter().flatten()) {
                    *row |= rules;
                }
            }
            self.push(&row, budget)?;
        }
        Ok(self)
    }

    /// Gives the next class a row.
    pub(crate) fn push(&mut self, row: &[Block], budget: &mut Budget) -> Result<(), Error> {
        let number = self.number(row, budget)?;
        self.column.row_of.push(number);
        Ok(())
    }

    /// Leaves of a class only the rules that also stand in `mask`.
    pub(crate) fn mask(&mut self, class: u32, mask: &[Block], budget: &mut Budget) -> Result<(), Error> {
        let Some(row) = self.column.row(class) else { return Ok(()) };
        let mut row = row.to_vec();
        for (row, mask) in row.iter_mut().flatten().zip(mask.iter().flatten()) {
            *row &= mask;
        }
        let number = self.number(&row, budget)?;
        if let Some(place) = self.column.row_of.get_mut(class as usize) {
            *place = number;
        }
        Ok(())
    }

    /// The finished column.
    pub(crate) fn finish(mut self) -> Column {
        self.column.row_of.shrink_to_fit();
        self.column.rows.shrink_to_fit();
        self.column
    }

    fn rules_of_sets(&self, set_of_rule: &[u32]) -> HashMap<u32, Vec<Block>> {
        let mut rules: HashMap<u32, Vec<Block>> = HashMap::new();
        for (rule, &set) in set_of_rule.iter().enumerate() {
            let row = rules.entry(set).or_insert_with(|| vec![Block::default(); self.column.width]);
            set_bit(row, rule);
        }
        rules
    }

    fn number(&mut self, row: &[Block], budget: &mut Budget) -> Result<u16, Error> {
        if let Some(&number) = self.numbers.get(row) {
            return Ok(number);
        }
        // Once in the column and once as the key of its number.
        budget.bytes(2 * row.len() + 1, size_of::<Block>())?;
        let number = u16::try_from(self.numbers.len());
        let number = number.map_err(|_| Error::Rows { group: Arc::clone(self.group) })?;
        self.column.rows.extend_from_slice(row);
        self.numbers.insert(row.into(), number);
        Ok(number)
    }
}
