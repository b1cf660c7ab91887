//! What the daemon and the offline commands answer: one set of shapes for JSON, for the tables and for the socket.
//!
//! | module | answers or questions of |
//! |---|---|
//! | `question` | IP flow verify and the configuration diagnostic, as they are asked |
//! | `verdict` | IP flow verify |
//! | `views` | effective rules and the configuration diagnostic |
//! | `walk` | `explain` |
//! | `differences` | `diff` |
//! | `replayed` | `replay` |
//! | `running` | the running daemon: `status`, `drops`, `snat`, `flows` |
//! | `reload` | `reload`, done or tried |
//!
//! Plain data: nothing here decides or asks anything.

mod differences;
mod question;
mod reload;
mod replayed;
mod running;
mod verdict;
mod views;
mod walk;

pub use differences::{Difference, Differences, Incomplete, OneSided, ReachChange, Reached, Region};
pub use question::{Diagnostic, Question, Verbosity};
pub use reload::{NotAdmitted, Reloaded, Trial};
pub use replayed::{Decision, Example, NotJudged, Redecided, Replayed};
pub use running::{
    AttachmentStatus, Confinement, Drop, Ending, Flow, FlowPage, FlowRule, Landlock, Reloads, SnatPool,
    Status, TagsInForce, TagsRefused, Tuple, Usage, WorkerStatus,
};
pub use verdict::{ByPort, IpFlow, WithoutRule};
pub use views::{
    AppliedTo, Diagnosis, EffectiveNsg, EffectiveRule, EvaluatedNsg, Expansion, MatchedRule, Mixed,
    NsgResult, PLATFORM_NOTE, Profile, RuleEvaluation, Side, Witness,
};
pub use walk::{Deciding, Earlier, Route, Stage, Walk};
