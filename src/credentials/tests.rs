//! Single flight, refreshing, resting and isolation, with time that the tests move (tokio's paused clock).

mod exchange;
mod isolation;
mod keeping;
mod python;
mod support;
