//! What the gateway and a worker process say to each other: postcard in frames with a length before it.

use std::io::{self, Read, Write};
use std::sync::Arc;

use osp_core::model::Callable;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::outcome::Answer;
use crate::question::Values;
use crate::settings::MAX_FRAME_BYTES;

/// To the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToWorker {
    /// The first frame: bytes that may be allocated from now on, and what `os.environ` holds.
    Setup { memory: u64, environment: Vec<(String, String)> },
    /// Load one more hook. Those that load are numbered as they come, from 0.
    Load { name: String, path: String, text: Arc<str> },
    /// Ask one of them. The answer carries the same number: a hook that forks answers twice, and an answer that is left
    /// over must not be taken for that of the next question.
    Call { number: u64, call: Call },
}

/// One call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) hook: u32,
    #[serde(with = "Function")]
    pub(crate) callable: Callable,
    pub(crate) values: Arc<Values>,
}

/// From the worker: one for each frame that it got.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// To `Setup`: Python runs; or why it does not.
    Ready(Result<(), String>),
    /// To `Load`.
    Loaded(Result<Declaration, String>),
    /// To `Call`.
    Answer { number: u64, answer: Answer },
}

/// What a hook says of itself: its functions, each with the names of its inputs.
pub(crate) type Declaration = Vec<Declared>;

/// One function of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Declared {
    #[serde(with = "Function")]
    pub(crate) callable: Callable,
    pub(crate) inputs: Vec<String>,
}

/// How [`Callable`] travels.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Callable")]
enum Function {
    Authorize,
    LookupSecret,
    FetchCredentials,
}

const HEADER: usize = 4;

/// A frame, ready to be written.
pub(crate) fn frame<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut bytes = postcard::to_extend(value, vec![0; HEADER]).map_err(invalid)?;
    let length = bytes.len() - HEADER;
    let header =
        u32::try_from(length).ok().filter(|_| length <= MAX_FRAME_BYTES).ok_or_else(|| invalid("too large"))?;
    if let Some(place) = bytes.first_chunk_mut::<HEADER>() {
        *place = header.to_le_bytes();
    }
    Ok(bytes)
}

fn length(header: [u8; HEADER]) -> io::Result<usize> {
    usize::try_from(u32::from_le_bytes(header))
        .ok()
        .filter(|n| *n <= MAX_FRAME_BYTES)
        .ok_or_else(|| invalid("too large"))
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    let (value, rest) = postcard::take_from_bytes(body).map_err(invalid)?;
    if rest.is_empty() { Ok(value) } else { Err(invalid("too long")) }
}

/// The worker's side; `None` at the end.
pub(crate) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut header = [0; HEADER];
    match from.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut body = vec![0; length(header)?];
    from.read_exact(&mut body)?;
    decode(&body).map(Some)
}

/// The worker's side.
pub(crate) fn write<T: Serialize>(to: &mut impl Write, value: &T) -> io::Result<()> {
    to.write_all(&frame(value)?)
}

/// The gateway's side. `body` is kept between the calls, and wiped: answers may be secrets.
pub(crate) async fn exchange<S>(with: &mut S, frame: &[u8], body: &mut Vec<u8>) -> io::Result<FromWorker>
where
    S: AsyncReadExt + AsyncWriteExt + Unpin,
{
    with.write_all(frame).await?;
    let mut header = [0; HEADER];
    with.read_exact(&mut header).await?;
    body.resize(length(header)?, 0);
    with.read_exact(body).await?;
    let value = decode(body);
    zeroize::Zeroize::zeroize(body);
    value
}

fn invalid(why: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Hidden;

    #[test]
    fn what_is_written_is_read_and_nothing_longer_or_larger() {
        let mut bytes =
            frame(&FromWorker::Answer { number: 7, answer: Answer::Secret(Hidden::new("s3cr3t".to_owned())) }).unwrap();
        let FromWorker::Answer { number: 7, answer } = read(&mut &bytes[..]).unwrap().unwrap() else {
            panic!("another frame")
        };
        assert_eq!(answer, Answer::Secret(Hidden::new("s3cr3t".to_owned())));
        bytes.push(0);
        bytes[0] += 1;
        assert!(read::<FromWorker>(&mut &bytes[..]).is_err(), "a byte too many");
        assert!(read::<FromWorker>(&mut &bytes[..3]).unwrap().is_none(), "the end");
        assert!(read::<FromWorker>(&mut &u32::MAX.to_le_bytes()[..]).is_err(), "4 GiB");
        assert!(frame(&"x".repeat(MAX_FRAME_BYTES)).is_err());
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", Answer::ApiKey(Hidden::new("key".to_owned()))), "ApiKey(Hidden(redacted))");
    }
}
