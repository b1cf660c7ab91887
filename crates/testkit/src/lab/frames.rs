//! Frames on their way into the lab.

use super::blueprint::{gateway_mac, host_mac};
use crate::build::{DESTINATION_MAC, Draft, Layer, OwnedFrame, SOURCE_MAC};
use packet::{AttachmentId, Mac, Offload};

/// Puts the right hardware addresses for an attachment where a draft left the default ones.
pub fn address(on: AttachmentId, frame: &mut OwnedFrame) {
    address_from(on, host_mac(on), frame);
}

fn address_from(on: AttachmentId, sender: Mac, frame: &mut OwnedFrame) {
    let Some(header) = frame.bytes.first_chunk_mut::<12>() else { return };
    if header[..6] == DESTINATION_MAC {
        header[..6].copy_from_slice(&gateway_mac(on));
    }
    if header[6..] == SOURCE_MAC {
        header[6..].copy_from_slice(&sender);
    }
}

pub(super) fn addressed(on: AttachmentId, sender: Mac, mut frame: OwnedFrame) -> OwnedFrame {
    address_from(on, sender, &mut frame);
    frame
}

impl From<Vec<u8>> for OwnedFrame {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, offload: Offload::default() }
    }
}

impl<L: Layer> From<Draft<L>> for OwnedFrame {
    fn from(draft: Draft<L>) -> Self {
        draft.frame()
    }
}
