//! The lines of worker processes: those of the engine with a mark, and whatever a hook or its children write past it.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe::Receiver;

use crate::log::Log;
use crate::plan::Plan;
use crate::python::output::{MAX_LINE_BYTES, Record};

/// First byte of a line of the engine.
const MARK: char = '\u{1e}';
/// Between its parts.
const SEPARATOR: char = '\u{1f}';
/// Writes of up to 4,096 bytes to a pipe are not torn apart by those of others.
const PIPE_BUF: usize = 4_096;

/// One record as one line.
pub(super) fn line(record: &Record) -> Vec<u8> {
    let hook = record.hook.map(|hook| hook.to_string()).unwrap_or_default();
    let logger: String = record.logger.chars().take(64).collect();
    let text = record.text.replace('\n', "\\n");
    let mut line = format!("{MARK}{hook}{SEPARATOR}{}{SEPARATOR}{logger}{SEPARATOR}{text}", record.level);
    line.truncate(line.floor_char_boundary(PIPE_BUF - 1));
    line.push('\n');
    line.into_bytes()
}

/// Reads a line; what has no mark is raw.
fn parse(line: &str) -> Record {
    let raw = || Record { hook: None, level: 20, logger: "raw".to_owned(), text: line.to_owned() };
    let Some(marked) = line.strip_prefix(MARK) else { return raw() };
    let mut parts = marked.splitn(4, SEPARATOR);
    let mut part = || parts.next();
    let (Some(hook), Some(level), Some(logger), Some(text)) = (part(), part(), part(), part()) else { return raw() };
    let level = level.parse().unwrap_or(20);
    Record { hook: hook.parse().ok(), level, logger: logger.to_owned(), text: text.to_owned() }
}

/// Logs the lines of a worker until nobody can write to it any more.
pub(super) async fn follow(lines: OwnedFd, plan: Arc<Plan>, hidden: Arc<[String]>) {
    let Ok(lines) = Receiver::from_owned_fd(lines) else { return };
    let mut lines = BufReader::with_capacity(4 * PIPE_BUF, lines);
    let mut log = Log::new(hidden);
    let mut line = Vec::new();
    loop {
        let Ok(part) = lines.fill_buf().await else { return };
        if part.is_empty() {
            return;
        }
        let (used, ended) = match part.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (part.len(), false),
        };
        let room = (MAX_LINE_BYTES + 256usize).saturating_sub(line.len()).min(used);
        line.extend_from_slice(part.get(..room).unwrap_or_default());
        lines.consume(used);
        if ended {
            let record = parse(String::from_utf8_lossy(&line).trim_end());
            if !record.text.is_empty() {
                log.write(plan.name(record.hook), &record);
            }
            line.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_of_at_most_a_pipes_unit() {
        let record =
            |text: &str| Record { hook: Some(3), level: 30, logger: "policy".to_owned(), text: text.to_owned() };
        let written = line(&record("a\nb"));
        assert_eq!(parse(std::str::from_utf8(&written).unwrap().trim_end()), record("a\\nb"));
        assert!(line(&record(&"ü".repeat(4_000))).len() <= PIPE_BUF);
        assert_eq!(parse("from a subprocess").logger, "raw");
        assert_eq!(parse("\u{1e}3\u{1f}20").logger, "raw", "half a record");
    }
}
