//! Where an HTTP/1.1 chunked message ends: the file of the data plane itself, without the rest of that crate.
#![no_main]

#[path = "../../../src/dataplane/chunk_scan.rs"]
mod chunk_scan;

use chunk_scan::ChunkScan;

/// H: the end is where it is, however the bytes are cut; and it is where a reader of three lines finds it.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut whole = ChunkScan::default();
    let used = whole.feed(data);
    let mut cut = ChunkScan::default();
    let mut sum = Ok(0);
    for byte in data.chunks(1) {
        sum = sum.and_then(|sum| cut.feed(byte).map(|used| sum + used));
    }
    assert_eq!((used, whole.is_done()), (sum, cut.is_done()));
    if let (Ok(used), true) = (used, whole.is_done()) {
        assert_eq!(end(data), Some(used));
    }
});

/// The end of a good message.
fn end(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    let line = |at: usize| Some(at + data.get(at..)?.windows(2).position(|two| two == b"\r\n")?);
    loop {
        let stop = line(at)?;
        let size = data[at..stop].split(|&byte| byte == b';').next()?;
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        at = stop + 2;
        if size == 0 {
            break;
        }
        at = at.checked_add(size)?;
        (data.get(at..at + 2)? == b"\r\n").then_some(())?;
        at += 2;
    }
    while line(at)? != at {
        at = line(at)? + 2;
    }
    Some(at + 2)
}
