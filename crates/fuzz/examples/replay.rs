//! Runs inputs from files: `cargo run -p nsgate-fuzz --example replay -- frames FILE…`.

use fuzz::{CONTROL, DOCUMENTS, FRAMES, GATEWAY, PACKETS, TEMPLATE};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let targets = [FRAMES, GATEWAY, DOCUMENTS, CONTROL, PACKETS, TEMPLATE];
    let Some(target) = targets.iter().find(|target| target.name == name) else {
        let names: Vec<&str> = targets.iter().map(|target| target.name).collect();
        eprintln!("usage: replay TARGET FILE…, where TARGET is one of {}", names.join(", "));
        std::process::exit(2);
    };
    for path in arguments {
        eprintln!("{path}");
        (target.run)(&std::fs::read(path)?);
    }
    Ok(())
}
