//! What came out of the gateway.

use crate::build::{OwnedFrame, Seen, read, wire};
use packet::Offload;

/// A frame that left the gateway.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Departed {
    /// The VM's name, or `internet`.
    pub to: String,
    /// The frame.
    pub bytes: Vec<u8>,
    /// What its device was left to do.
    pub offload: Offload,
}

/// The frames that left the gateway in one step, in order; ARP requests that the lab's hosts answered are not among them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// The frames.
    pub frames: Vec<Departed>,
}

impl Departed {
    /// What the frame says before a device touches it.
    pub fn seen(&self) -> Seen {
        read(&self.bytes).expect("what the gateway sends can be read")
    }

    /// The frames that appear on the wire.
    pub fn on_the_wire(&self) -> Vec<Vec<u8>> {
        wire(&self.bytes, self.offload)
    }

    /// The frame as its receiver would take it, to be sent on.
    pub fn frame(&self) -> OwnedFrame {
        OwnedFrame { bytes: self.bytes.clone(), offload: self.offload }
    }
}

impl Outcome {
    /// One line for each frame on the wire: where it came out, and what it says.
    pub fn lines(&self) -> Vec<String> {
        let line = |to: &str, frame: &[u8]| match read(frame) {
            Ok(seen) => format!("{to}: {seen}"),
            Err(malformed) => format!("{to}: {malformed:?}"),
        };
        let frames = self.frames.iter();
        frames
            .flat_map(|out| {
                out.on_the_wire().into_iter().map(|frame| line(&out.to, &frame)).collect::<Vec<_>>()
            })
            .collect()
    }

    /// The only frame; panics where there are others or none.
    #[track_caller]
    pub fn only(&self) -> &Departed {
        let [frame] = &self.frames[..] else { panic!("not one frame: {:?}", self.lines()) };
        frame
    }
}
