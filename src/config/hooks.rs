//! `hooks` of `osp.yaml`: where hooks are, how they are run, and which one knows keys.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use osp_core::model::{HookName, format_duration};
use serde::Deserialize;
use serde_json::json;
use serde_yaml::Value;

use super::settings::Settings;
use super::value::duration;

/// How long a request waits for a hook: what a hook that asks another server needs, and little for the client.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(250);
/// A decision is used again for so long.
const DEFAULT_CACHE_TTL: Duration = Duration::from_secs(300);
/// Of decisions that are kept.
const DEFAULT_CACHE_ENTRIES: usize = 50_000;
/// What a worker process may allocate above what it begins with.
const DEFAULT_MEMORY: u64 = 256 << 20;
/// Calls that may wait for a worker.
const DEFAULT_QUEUE: usize = 256;

/// Look-ups a second of keys that nobody may have: what one hook that asks another server bears.
const DEFAULT_LOOKUP_RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(49);

/// How hooks are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks {
    /// Where the files are: every `*.py` directly in it is a hook.
    pub dir: PathBuf,
    /// In threads of the gateway instead of processes of their own.
    pub in_threads: bool,
    /// How long a request waits for an answer, unless its route says so.
    pub timeout: Duration,
    /// How long an answer is used again; zero = not at all.
    pub cache_ttl: Duration,
    /// How many answers are kept.
    pub cache_entries: usize,
    /// Processes or threads; `None` = as many as there are cores, two at least.
    pub workers: Option<usize>,
    /// Calls that may wait.
    pub queue: usize,
    /// Bytes that a worker process may allocate above what it begins with.
    pub memory: u64,
    /// Environment variables of the gateway that hooks see, by name.
    pub environment: Vec<String>,
    /// The hook that knows keys which no `ClientIdentity` has.
    pub key_lookup: Option<HookName>,
    /// How many keys that it has never known it is asked about in a second.
    pub key_lookup_rate: NonZeroU32,
}

/// As it is spelled.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Spelled {
    dir: Option<PathBuf>,
    isolation: Option<String>,
    timeout: Option<String>,
    #[serde(rename = "cacheTTL")]
    cache_ttl: Option<String>,
    cache_entries: Option<i64>,
    workers: Option<i64>,
    queue: Option<i64>,
    memory: Option<String>,
    environment: Vec<String>,
    key_lookup: Option<String>,
    key_lookup_rate: Option<i64>,
}

/// Path below `hooks`, and reason.
type Problems = Vec<(String, String)>;

impl Hooks {
    /// `None` without a directory.
    pub(super) fn read(settings: &mut Settings, typed: Option<&Path>) -> Option<Self> {
        let read = settings.structured("hooks", |value, problems| Some(Self::resolve(value, typed, problems)));
        // nothing in the file
        read.unwrap_or_else(|| typed.map(Self::defaults))
    }

    fn defaults(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            in_threads: false,
            timeout: DEFAULT_TIMEOUT,
            cache_ttl: DEFAULT_CACHE_TTL,
            cache_entries: DEFAULT_CACHE_ENTRIES,
            workers: None,
            queue: DEFAULT_QUEUE,
            memory: DEFAULT_MEMORY,
            environment: Vec::new(),
            key_lookup: None,
            key_lookup_rate: DEFAULT_LOOKUP_RATE,
        }
    }

    fn resolve(file: Value, typed: Option<&Path>, problems: &mut Problems) -> Option<Self> {
        let spelled: Spelled = match serde_yaml::from_value(file) {
            Ok(spelled) => spelled,
            Err(error) => {
                problems.push((String::new(), error.to_string()));
                return None;
            }
        };
        let mut wrong = Wrong(problems);
        let Some(dir) = typed.map(Path::to_path_buf).or(spelled.dir).filter(|dir| !dir.as_os_str().is_empty()) else {
            return wrong.at("dir", "is missing: the directory with the hooks (or --hooks-dir)".to_owned());
        };
        let defaults = Self::defaults(&dir);
        let in_threads = match spelled.isolation.as_deref() {
            None | Some("process") => Some(false),
            Some("thread") => Some(true),
            Some(other) => wrong.at("isolation", format!("{other:?} is not process and not thread")),
        };
        let timeout = |text: &str| duration(text, Duration::from_millis(10), Duration::from_secs(10));
        let ttl = |text: &str| duration(text, Duration::ZERO, Duration::from_secs(86_400));
        let hook = |name: &str| {
            HookName::new(name).ok_or_else(|| format!("{name:?} is no name of a hook: letters, digits, - and _"))
        };
        let rate = wrong.count("keyLookupRate", spelled.key_lookup_rate, 100_000);
        for (index, name) in spelled.environment.iter().enumerate().filter(|(_, name)| !is_variable(name)) {
            let place = format!("environment[{index}]");
            let _: Option<()> = wrong.at(&place, format!("{name:?} is no name of an environment variable"));
        }
        Some(Self {
            dir,
            in_threads: in_threads.unwrap_or(defaults.in_threads),
            timeout: wrong.text("timeout", spelled.timeout, timeout).unwrap_or(defaults.timeout),
            cache_ttl: wrong.text("cacheTTL", spelled.cache_ttl, ttl).unwrap_or(defaults.cache_ttl),
            cache_entries: wrong
                .count("cacheEntries", spelled.cache_entries, 10_000_000)
                .unwrap_or(defaults.cache_entries),
            workers: wrong.count("workers", spelled.workers, 256),
            queue: wrong.count("queue", spelled.queue, 65_536).unwrap_or(defaults.queue),
            memory: wrong.text("memory", spelled.memory, memory).unwrap_or(defaults.memory),
            environment: spelled.environment,
            key_lookup: wrong.text("keyLookup", spelled.key_lookup, hook),
            key_lookup_rate: rate
                .and_then(|rate| u32::try_from(rate).ok())
                .and_then(NonZeroU32::new)
                .unwrap_or(defaults.key_lookup_rate),
        })
    }

    /// What `/config` shows: the names of the environment's variables, not their values.
    pub(super) fn effective(&self) -> serde_json::Value {
        json!({
            "dir": self.dir,
            "isolation": if self.in_threads { "thread" } else { "process" },
            "timeout": format_duration(self.timeout),
            "cacheTTL": format_duration(self.cache_ttl),
            "cacheEntries": self.cache_entries,
            "workers": self.workers,
            "queue": self.queue,
            "memory": format!("{}Mi", self.memory >> 20),
            "environment": self.environment,
            "keyLookupRate": self.key_lookup_rate,
            "keyLookup": self.key_lookup.as_ref().map(HookName::as_str),
        })
    }

    /// The variables of the gateway's environment that hooks see; one that is not set is left out.
    #[must_use]
    pub fn variables(&self, get: impl Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
        self.environment.iter().filter_map(|name| Some((name.clone(), get(name)?))).collect()
    }
}

/// Collects what is wrong; `None` for it.
struct Wrong<'a>(&'a mut Problems);

impl Wrong<'_> {
    fn at<T>(&mut self, field: &str, reason: String) -> Option<T> {
        self.0.push((format!(".{field}"), reason));
        None
    }

    /// A text that `parse` understands.
    fn text<T>(
        &mut self,
        field: &str,
        text: Option<String>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        parse(&text?).map_or_else(|reason| self.at(field, reason), Some)
    }

    /// A number from 1 to `most`.
    fn count(&mut self, field: &str, number: Option<i64>, most: usize) -> Option<usize> {
        let number = number?;
        match usize::try_from(number) {
            Ok(count) if (1..=most).contains(&count) => Some(count),
            _ => self.at(field, format!("{number} is not between 1 and {most}")),
        }
    }
}

/// `64Mi` to `64Gi`, as Kubernetes writes quantities.
fn memory(text: &str) -> Result<u64, String> {
    let number = |suffix: &str, shift: u32| {
        let number: u64 = text.strip_suffix(suffix)?.parse().ok()?;
        number.checked_shl(shift).filter(|bytes| bytes >> shift == number)
    };
    let bytes = number("Mi", 20).or_else(|| number("Gi", 30));
    bytes
        .filter(|bytes| (64 << 20..=64 << 30).contains(bytes))
        .ok_or_else(|| format!("{text:?} is not from 64Mi to 64Gi"))
}

fn is_variable(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(fits) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}
