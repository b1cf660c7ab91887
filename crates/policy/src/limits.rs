//! What a policy may cost, and why one is refused.

use std::sync::Arc;

/// The most bytes that compiling a policy may hold, tables and intermediate sets together.
///
/// Chosen: a hundred NSGs of 1,000 rules that name every tag of the published file need a sixth of it.
pub const MAX_BYTES: u64 = 512 << 20;

/// The most elementary steps that compiling a policy may take: one step is one set looked at in one interval,
/// or 256 rules of one row.
///
/// Chosen: about two seconds of work; the hundred NSGs above need a twentieth of it.
pub const MAX_STEPS: u64 = 1 << 29;

/// The most different bitmaps of one field in one NSG and direction.
pub const MAX_ROWS: usize = 1 << 16;

/// Why a policy is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The tables would grow beyond [`MAX_BYTES`].
    #[error("the rules, tags and groups together need more than {} MiB of tables", MAX_BYTES >> 20)]
    Bytes,
    /// Compiling would take more than [`MAX_STEPS`].
    #[error("the rules, tags and groups overlap too much: compiling them takes more than {MAX_STEPS} steps")]
    Steps,
    /// A field of an NSG distinguishes more than [`MAX_ROWS`] kinds of addresses or ports.
    #[error("network security group {group} tells more than {MAX_ROWS} kinds of addresses or ports apart")]
    Rows {
        /// The NSG.
        group: Arc<str>,
    },
    /// More rules in one direction than a rule index can count.
    #[error("network security group {group} has {rules} rules in one direction, more than {}", u16::MAX)]
    Rules {
        /// The NSG.
        group: Arc<str>,
        /// How many there are.
        rules: usize,
    },
    /// A rule names a tag that the network's tag file does not have.
    #[error("rule {rule} of network security group {group} names a service tag that is not loaded")]
    UnknownTag {
        /// The NSG.
        group: Arc<str>,
        /// The rule.
        rule: Arc<str>,
    },
    /// A group was added for an NSG that the network does not have.
    #[error("there is no network security group number {0}")]
    UnknownGroup(usize),
}

/// What is left to spend on one policy.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: u64,
    steps: u64,
}

impl Budget {
    /// All that one policy may spend.
    pub(crate) const fn full() -> Self {
        Self { bytes: MAX_BYTES, steps: MAX_STEPS }
    }

    /// A small budget.
    #[cfg(test)]
    pub(crate) const fn of(bytes: u64, steps: u64) -> Self {
        Self { bytes, steps }
    }

    /// Spends memory for `count` things of `size` bytes.
    pub(crate) fn bytes(&mut self, count: usize, size: usize) -> Result<(), Error> {
        let cost = count.checked_mul(size).and_then(|cost| u64::try_from(cost).ok());
        self.bytes = cost.and_then(|cost| self.bytes.checked_sub(cost)).ok_or(Error::Bytes)?;
        Ok(())
    }

    /// Spends steps.
    pub(crate) fn steps(&mut self, count: usize) -> Result<(), Error> {
        let cost = u64::try_from(count).ok();
        self.steps = cost.and_then(|cost| self.steps.checked_sub(cost)).ok_or(Error::Steps)?;
        Ok(())
    }
}
