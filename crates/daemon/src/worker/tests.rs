use super::*;
use gateway::{Host, Ids, load_text};
use packet::Offload;
use pipeline::{DropReason, Ending, Settings, Shared};
use snapshot::{Names, Snapshot};
use std::path::Path;

const ON: AttachmentId = AttachmentId(0);

fn engine() -> Engine {
    let text = "network: { resources: [] }\nattachments: []\n";
    let loaded = load_text(Path::new("g.yaml"), text, &mut Ids::default(), &Host::Unseen).unwrap();
    let snapshot = Snapshot::build(&loaded.gateway, &mut Names::default()).unwrap();
    let settings = Settings { capacity: 1, seed: [0; 2], worker: 0, workers: 3 };
    let shared = Shared::new(nat::Pools::of([0; 2], loaded.gateway.snat_ports), [0; 2]);
    Engine::new(Arc::new(snapshot), settings, shared).unwrap()
}

#[test]
fn a_frame_that_finds_the_queue_filled_meanwhile_is_lost_and_overtakes_nobody() {
    let (mut engine, queue) = (engine(), Arc::new(Queue::new()));
    let mut others = Others::new(vec![(Arc::clone(&queue), Ports::new().unwrap().waker())]);
    let mut bytes = [0; 60];
    let frame = Frame { bytes: &mut bytes, offload: Offload::default() };
    while others.has_room(0, ON, 1) {
        hand_on(0, ON, &frame, &mut engine, &mut others);
    }
    let lost = Ending::Dropped(DropReason::HandOffFull);
    assert_eq!(engine.counters().ended(lost), Count::default());
    let waiting = queue.len();
    hand_on(0, ON, &frame, &mut engine, &mut others);
    assert_eq!(engine.counters().ended(lost), Count { packets: 1, bytes: 60 });
    assert_eq!(queue.len(), waiting);
    let counters = engine.counters();
    assert_eq!(
        (counters.received, counters.total()),
        (Count { packets: 1, bytes: 60 }, counters.ended(lost))
    );
    assert_eq!(counters.between(), 0, "nothing that was received is still on its way");
}
