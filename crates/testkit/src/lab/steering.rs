//! Which worker receives a frame: as the kernel would steer it, or not at all so.

use packet::home;

/// Which of a lab's workers receives a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Steering {
    /// The one that the kernel's program chooses.
    #[default]
    Home,
    /// One that has to hand it over, wherever there is one.
    Wrong,
    /// Any.
    Random,
}

/// The arrangements in which [`in_every_arrangement`] runs a test program again.
const ARRANGEMENTS: [&str; 5] = ["2", "4", "2-wrong", "4-wrong", "4-random"];

/// The environment variable that names an arrangement for every lab that does not choose its own: `4-wrong` has four workers.
const VARIABLE: &str = "NSGATE_LAB";

/// Runs all other tests of this test program again, with labs of several workers. Call it from a test named
/// `in_every_arrangement`; to run one test by hand: `NSGATE_LAB=4-wrong cargo test that_test`.
pub fn in_every_arrangement() {
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let program = std::env::current_exe().expect("a test program has a path");
    for arrangement in ARRANGEMENTS {
        let mut again = std::process::Command::new(&program);
        again.args(["--skip", "in_every_arrangement"]).env(VARIABLE, arrangement);
        let output = again.output().expect("what runs can run again");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{VARIABLE}={arrangement}:\n{told}");
        assert!(!told.contains(" 0 passed"), "nothing ran under {arrangement}:\n{told}");
    }
}

/// The arrangement that the environment names, or one worker.
pub(super) fn arrangement() -> (usize, Steering) {
    let Ok(text) = std::env::var(VARIABLE) else { return (1, Steering::Home) };
    let (workers, steering) = text.split_once('-').unwrap_or((&text, "home"));
    let steering = match steering {
        "home" => Steering::Home,
        "wrong" => Steering::Wrong,
        "random" => Steering::Random,
        other => panic!("{VARIABLE}: no steering is called {other}"),
    };
    (workers.parse().expect("a number of workers"), steering)
}

/// The worker that the kernel's steering chooses: by ports, by identifier and request type, by the identification of
/// fragments, and the first for everything else.
pub(super) fn steered(frame: &[u8], workers: usize) -> usize {
    const NETWORK: usize = 14;
    const V6_HEADER: usize = 40;
    const FRAGMENT_HEADER: u8 = 44;
    let word = |at: usize| frame.get(at..at + 2).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
    let byte = |at: usize| frame.get(at).copied().unwrap_or(0);
    let (protocol, transport) = match word(12) {
        0x0800 if word(NETWORK + 6) & 0x3fff != 0 => return home(word(NETWORK + 4), 0, workers),
        0x0800 => (byte(NETWORK + 9), NETWORK + usize::from(byte(NETWORK) & 15) * 4),
        0x86dd if byte(NETWORK + 6) == FRAGMENT_HEADER => {
            // The lower half of the identification.
            return home(word(NETWORK + V6_HEADER + 6), 0, workers);
        }
        0x86dd => (byte(NETWORK + 6), NETWORK + V6_HEADER),
        _ => return 0,
    };
    match (protocol, byte(transport)) {
        (6 | 17, _) => home(word(transport), word(transport + 2), workers),
        // An answer has the home of its request.
        (1, 0 | 8) => home(word(transport + 4), 8, workers),
        (58, 128 | 129) => home(word(transport + 4), 128, workers),
        _ => 0,
    }
}
