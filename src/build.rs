//! Tells the binary which compiler built it, for `osp_build_info` and `osp --version`.

use std::io::Write;
use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .and_then(|text| text.split_whitespace().nth(1).map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned());
    // Cargo reads this from standard output; a failure to write shows as a missing variable at compile time.
    let _ = writeln!(std::io::stdout(), "cargo::rerun-if-changed=src/build.rs\ncargo::rustc-env=OSP_RUSTC={version}");
}
