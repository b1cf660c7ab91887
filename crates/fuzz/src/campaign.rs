//! A bounded run: everything known is replayed, then a number of inputs made from it.

use crate::Target;
use crate::mutate::{Random, mutated};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a bounded run did.
#[derive(Clone, Debug)]
pub struct Report {
    /// Seeds and regressions that were replayed.
    pub replayed: usize,
    /// Inputs that were made and run.
    pub made: u64,
    /// The longest that one input took, and which file or made input it was.
    pub slowest: (Duration, String),
}

/// Replays `seeds/<target>` and `regressions/<target>` in `home`, then runs `runs` inputs made from them.
///
/// The same `seed` makes the same inputs. An input that breaks a promise is written to `failures` before the panic goes on.
///
/// # Panics
/// Where a promise is broken, or there are no seeds.
pub fn run(target: &Target, home: &Path, failures: &Path, runs: u64, seed: u64) -> Report {
    let mut slowest = (Duration::ZERO, String::new());
    let mut timed = |input: &[u8], name: &dyn Fn() -> String| {
        let witness = Witness { target, input, failures };
        let start = Instant::now();
        (target.run)(input);
        drop(witness);
        if start.elapsed() > slowest.0 {
            slowest = (start.elapsed(), name());
        }
    };
    let files = known(target, home);
    for (path, input) in &files {
        timed(input, &|| path.display().to_string());
    }
    let inputs: Vec<Vec<u8>> = files.into_iter().map(|(_, input)| input).collect();
    let mut random = Random(seed);
    for nth in 0..runs {
        timed(&mutated(&mut random, &inputs, target.words), &|| format!("made input {nth} of seed {seed}"));
    }
    Report { replayed: inputs.len(), made: runs, slowest }
}

/// Seeds and regressions in the order of their names.
fn known(target: &Target, home: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths = Vec::new();
    for kind in ["seeds", "regressions"] {
        let folder = home.join(kind).join(target.name);
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        paths.extend(entries.map(|entry| entry.expect("a folder that can be listed").path()));
    }
    paths.retain(|path| path.extension().is_none_or(|extension| extension != "md"));
    paths.sort();
    assert!(!paths.is_empty(), "there are no seeds for {} in {}", target.name, home.display());
    let read = |path: PathBuf| {
        let input = fs::read(&path).expect("a seed that can be read");
        (path, input)
    };
    paths.into_iter().map(read).collect()
}

/// Writes the input down if it is dropped by a panic.
struct Witness<'a> {
    target: &'a Target,
    input: &'a [u8],
    failures: &'a Path,
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let number = self.input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            let path = self.failures.join(format!("{}-{number:016x}", self.target.name));
            match fs::write(&path, self.input) {
                Ok(()) => eprintln!("the input is in {}", path.display()),
                Err(why) => eprintln!("the input could not be written ({why}): {:?}", self.input),
            }
        }
    }
}
