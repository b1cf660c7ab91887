//! A gateway between two machines: `left` and `right` each have `eth0`, the gateway `vl` and `vr`.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the caller is a test")]

use io::{Backend, Interface, Port, Ports, Reception, interface};
use packet::{AttachmentId, Frame};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use testbed::netns::{Namespace, veth};
use testbed::probe::returned;
use testkit::build::ethernet;

pub(crate) use testbed::site::PATIENCE;

pub(crate) const L: AttachmentId = AttachmentId(0);
pub(crate) const R: AttachmentId = AttachmentId(1);

/// What joins a machine to the gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wire {
    /// A veth pair, and a packet socket at its end.
    Veth,
    /// A TAP device of the gateway's, moved into the machine's namespace.
    Tap,
    /// A veth pair without offloads, and pnet at its end.
    Pnet,
}

impl Wire {
    pub(crate) const ALL: [Self; 3] = [Self::Veth, Self::Tap, Self::Pnet];
}

pub(crate) struct Site {
    pub(crate) left: Namespace,
    pub(crate) gateway: Namespace,
    pub(crate) right: Namespace,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::on(Wire::Veth)
    }

    /// Both machines joined by what `wire` says; a TAP device comes with [`Self::open`].
    pub(crate) fn on(wire: Wire) -> Self {
        Self::joined(wire, wire)
    }

    /// The left and the right machine, each joined by its own kind of wire.
    pub(crate) fn joined(left: Wire, right: Wire) -> Self {
        let site = Self {
            left: Namespace::new("left"),
            gateway: Namespace::new("gateway"),
            right: Namespace::new("right"),
        };
        for (wire, machine, name) in [(left, &site.left, "vl"), (right, &site.right, "vr")] {
            if wire != Wire::Tap {
                veth((machine, "eth0"), (&site.gateway, name));
            }
            if wire == Wire::Pnet {
                for (namespace, name) in [(machine, "eth0"), (&site.gateway, name)] {
                    namespace.run(&format!("ethtool -K {name} gro off tso off gso off tx off"));
                }
            }
        }
        site
    }

    /// Attachments L and R, each with the port of a single worker, and the hardware address of L.
    pub(crate) fn links(&self, left: Wire, right: Wire, reception: Reception) -> (Ports, [u8; 6]) {
        let mut links = Ports::new().unwrap();
        let (interface, mut port) = self.open(left, "vl", reception, 1);
        links.put(L, port.pop().unwrap());
        let (_, mut port) = self.open(right, "vr", reception, 1);
        links.put(R, port.pop().unwrap());
        (links, interface.mac)
    }

    /// Opens the gateway's `vl` or `vr` for so many workers. A TAP device becomes the machine's `eth0`.
    pub(crate) fn open(
        &self,
        wire: Wire,
        name: &str,
        reception: Reception,
        queues: usize,
    ) -> (Interface, Vec<Port>) {
        let backend = match wire {
            Wire::Veth => Backend::AfPacket,
            Wire::Pnet => Backend::Pnet,
            Wire::Tap => {
                let created = self.gateway.enter(|| io::tap::create(name, reception, queues)).unwrap();
                let machine = if name == "vl" { &self.left } else { &self.right };
                self.gateway.ip(&format!("link set {name} netns {} name eth0", machine.name()));
                machine.ip("link set eth0 up");
                return created;
            }
        };
        let interface = self.interface(name);
        let ports = self.gateway.enter(|| io::open(&interface, backend, reception, queues)).unwrap();
        (interface, ports)
    }

    pub(crate) fn interface(&self, name: &str) -> Interface {
        self.gateway.enter(|| interface::find(name)).expect("the gateway's interface")
    }

    /// Both interfaces of the gateway, attached for everything they hear.
    pub(crate) fn attach(&self) -> Ports {
        self.gateway.enter(|| {
            let mut links = Ports::new().unwrap();
            for (id, name) in [(L, "vl"), (R, "vr")] {
                attach(&mut links, id, &interface::find(name).unwrap(), Reception::All);
            }
            links
        })
    }
}

/// An experimental Ethernet type (RFC 5342), which no stack answers.
const EXPERIMENT: u16 = 0x88b5;

/// A frame with a number, of which every byte is known.
pub(crate) fn numbered(to: [u8; 6], number: u32, length: usize) -> Vec<u8> {
    let mut payload = number.to_be_bytes().to_vec();
    payload.extend((4..length - 14).map(|at| (at as u32).wrapping_mul(31).wrapping_add(number) as u8));
    let mut frame = ethernet(EXPERIMENT, &payload);
    frame[..6].copy_from_slice(&to);
    frame
}

pub(crate) fn number(frame: &[u8]) -> Option<u32> {
    (frame.get(12..14)? == EXPERIMENT.to_be_bytes()).then_some(())?;
    Some(u32::from_be_bytes(frame.get(14..18)?.try_into().ok()?))
}

/// Attaches an interface of this thread's namespace for one worker.
pub(crate) fn attach(links: &mut Ports, id: AttachmentId, to: &Interface, reception: Reception) {
    let mut opened = io::open(to, Backend::AfPacket, reception, 1).unwrap();
    links.put(id, opened.pop().unwrap());
}

/// A gateway that carries frames from either side to the other until it is stopped.
pub(crate) struct Bridge {
    thread: JoinHandle<Ports>,
    is_over: Arc<AtomicBool>,
    waker: io::Waker,
}

impl Bridge {
    /// `look` sees every frame and may change it.
    pub(crate) fn start(
        mut links: Ports,
        mut look: impl FnMut(AttachmentId, &mut Frame<'_>) + Send + 'static,
    ) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (stop, waker) = (is_over.clone(), links.waker());
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Acquire) {
                let mut taken = 0;
                for (from, to) in [(L, R), (R, L)] {
                    let relayed = links.relay(from, 64, |frame| {
                        look(from, frame);
                        Some(to)
                    });
                    taken += relayed.unwrap();
                }
                if taken == 0 {
                    links.wait(Duration::from_secs(1)).unwrap();
                }
            }
            links
        });
        Self { thread, is_over, waker }
    }

    pub(crate) fn stop(self) -> Ports {
        self.is_over.store(true, Ordering::Release);
        self.waker.wake();
        self.thread.join().expect("the bridge")
    }
}

/// Has `size` bytes go from left to right and back by TCP, over a bridge, and asserts that they do so unchanged.
pub(crate) fn transfer(site: &Site, size: usize) {
    site.left.address("eth0", "10.9.9.1/24");
    site.right.address("eth0", "10.9.9.2/24");
    let listener = site.right.enter(|| TcpListener::bind("10.9.9.2:5000")).unwrap();
    let echo = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut back = stream.try_clone().unwrap();
        std::io::copy(&mut stream, &mut back).unwrap();
    });
    let stream = site.left.enter(|| TcpStream::connect("10.9.9.2:5000")).unwrap();
    assert_eq!(returned(&stream, size), size, "bytes came back as they were sent");
    echo.join().unwrap();
}

/// The same until so many frames that [`numbered`] has made were taken; others go nowhere.
pub(crate) fn relay_numbered(
    links: &mut Ports,
    from: AttachmentId,
    count: usize,
    mut judge: impl FnMut(u32) -> Option<AttachmentId>,
) {
    let mut taken = 0;
    let start = std::time::Instant::now();
    while taken < count {
        assert!(start.elapsed() < PATIENCE, "{taken} of {count} frames arrived");
        let budget = count - taken;
        let look = |frame: &mut Frame<'_>| {
            let number = number(frame.bytes)?;
            taken += 1;
            judge(number)
        };
        if links.relay(from, budget, look).unwrap() == 0 {
            links.wait(Duration::from_millis(100)).unwrap();
        }
    }
}

/// Relays what has arrived on `from` until `count` frames were taken.
pub(crate) fn relay_all(
    links: &mut Ports,
    from: AttachmentId,
    count: usize,
    mut judge: impl FnMut(&mut Frame<'_>) -> Option<AttachmentId>,
) {
    let mut taken = 0;
    let start = std::time::Instant::now();
    while taken < count {
        assert!(start.elapsed() < PATIENCE, "{taken} of {count} frames arrived");
        taken += links.relay(from, count - taken, &mut judge).unwrap();
        if taken < count {
            links.wait(Duration::from_millis(100)).unwrap();
        }
    }
}
