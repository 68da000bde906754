//! The lines that go between the suite and a client (see ../../workers/serve.py).

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead, Write};

use serde::Deserialize;
use serde_json::{Value, json};

pub type Outcome<T = Value> = Result<T, Box<dyn Error>>;

/// What every client of the suite is told.
#[derive(Deserialize)]
pub struct Job {
    pub endpoint: String,
    pub access_key: String,
    pub secret_key: String,
    pub region: String,
    /// The CA's PEM file, or nothing.
    pub ca: String,
    pub bucket: String,
}

/// One line: what to do, and with what.
#[derive(Deserialize)]
pub struct Request {
    pub r#do: String,
    #[serde(default)]
    pub key: String,
    #[serde(default)]
    pub file: String,
    #[serde(default)]
    pub prefix: String,
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub keys: Vec<String>,
    #[serde(default)]
    pub first: u64,
    #[serde(default)]
    pub count: u64,
}

/// Reads the job that the command line names.
pub fn job() -> Outcome<Job> {
    let path = std::env::args().nth(1).ok_or("no job")?;
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

/// Answers lines until there are no more.
pub async fn serve(version: &str, client: &impl Client) -> Outcome<()> {
    answer(&json!({ "version": version }))?;
    for line in std::io::stdin().lock().lines() {
        let asked: Request = serde_json::from_str(&line?)?;
        let done = client.perform(&asked).await;
        answer(&done.unwrap_or_else(|failed| json!({ "error": with_causes(&*failed) })))?;
    }
    Ok(())
}

/// Something that does what a line asks for.
pub trait Client {
    async fn perform(&self, asked: &Request) -> Outcome;
}

fn answer(value: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        // A String takes every write.
        let _ = write!(text, ": {next}");
        cause = next.source();
    }
    text
}
