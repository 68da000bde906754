//! Tells the program which version of object_store it has: the crate itself does not say.

fn main() {
    println!("cargo:rerun-if-changed=Cargo.lock");
    let lock = std::fs::read_to_string("Cargo.lock").expect("Cargo.lock");
    let entry = lock.split("[[package]]").find(|entry| entry.contains("name = \"object_store\"\n")).expect("its entry");
    let version = entry.split("version = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("its version");
    println!("cargo:rustc-env=OBJECT_STORE_VERSION={version}");
}
