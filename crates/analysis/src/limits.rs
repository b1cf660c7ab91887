//! What an answer may cost, and why one is refused.

/// The most classes of addresses, all worlds together.
pub const MAX_CLASSES: usize = 1 << 21;

/// The most elementary steps for one comparison: a step is one rule, or one class, looked at in one place of the diagram.
///
/// Chosen: a few seconds of work, and at most about a gigabyte.
pub const MAX_STEPS: u64 = 1 << 28;

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The rules overlap in too many ways.
    #[error("too complex: the rules overlap in too many ways")]
    TooComplex,
    /// The rules themselves do not compile.
    #[error(transparent)]
    Policy(#[from] policy::Error),
}

/// What is left to spend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps(pub(crate) u64);

impl Steps {
    /// Spends some.
    pub(crate) fn spend(&mut self, count: usize) -> Result<(), Error> {
        self.0 = self.0.checked_sub(count as u64).ok_or(Error::TooComplex)?;
        Ok(())
    }
}
