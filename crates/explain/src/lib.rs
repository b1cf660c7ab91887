//! Questions about one packet: where it comes in, what it looks like there, and why each rule said what it said.
//!
//! A packet is told in [`Words`] or was [`Captured`]; [`Arrivals`] finds out from its addresses on which attachment it comes
//! in, where nobody says so; [`Asked`] is the frame that it would be there. The walk itself is the path's own
//! ([`pipeline::Engine::explain`]); [`answer()`] makes of it what people and programs read, and adds of each NSG the rules that
//! were looked at before the one that decided, each with the field that kept it from matching.
//!
//! | module | question |
//! |---|---|
//! | `words` | what packet do these words mean? |
//! | `captured` | what packet is in these bytes? |
//! | `arrivals` | where does it come in? |
//! | `asked` | what would its frame be there? |
//! | `earlier` | why did the rules before not match? |
//! | `told` | how is it told? |

mod arrivals;
mod asked;
mod captured;
mod earlier;
mod told;
pub mod words;

pub use arrivals::{Arrival, Arrivals, Nowhere};
pub use asked::{Asked, named};
pub use captured::{Captured, NotJudged};
pub use earlier::{MAX_EARLIER, earlier};
pub use told::{answer, flow_rule, role};
pub use words::Words;
