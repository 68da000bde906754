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
        let mut wrong = |field: &str, reason: String| problems.push((format!(".{field}"), reason));
        let Some(dir) = typed.map(Path::to_path_buf).or(spelled.dir).filter(|dir| !dir.as_os_str().is_empty()) else {
            wrong("dir", "is missing: the directory with the hooks (or --hooks-dir)".to_owned());
            return None;
        };
        let mut hooks = Self::defaults(&dir);
        match spelled.isolation.as_deref() {
            None | Some("process") => {}
            Some("thread") => hooks.in_threads = true,
            Some(other) => wrong("isolation", format!("{other:?} is not process and not thread")),
        }
        let mut duration = |field: &str, text: Option<String>, bounds: [Duration; 2], to: &mut Duration| {
            let Some(text) = text else { return };
            match super::value::duration(&text, bounds[0], bounds[1]) {
                Ok(duration) => *to = duration,
                Err(reason) => wrong(field, reason),
            }
        };
        let timeouts = [Duration::from_millis(10), Duration::from_secs(10)];
        duration("timeout", spelled.timeout, timeouts, &mut hooks.timeout);
        duration("cacheTTL", spelled.cache_ttl, [Duration::ZERO, Duration::from_secs(86_400)], &mut hooks.cache_ttl);
        let mut count = |field: &str, number: Option<i64>, most: usize| {
            let number = number?;
            let fits = usize::try_from(number).ok().filter(|number| (1..=most).contains(number));
            if fits.is_none() {
                wrong(field, format!("{number} is not between 1 and {most}"));
            }
            fits
        };
        if let Some(entries) = count("cacheEntries", spelled.cache_entries, 10_000_000) {
            hooks.cache_entries = entries;
        }
        hooks.workers = count("workers", spelled.workers, 256);
        if let Some(queue) = count("queue", spelled.queue, 65_536) {
            hooks.queue = queue;
        }
        let rate = count("keyLookupRate", spelled.key_lookup_rate, 100_000).and_then(|rate| u32::try_from(rate).ok());
        hooks.key_lookup_rate = rate.and_then(NonZeroU32::new).unwrap_or(DEFAULT_LOOKUP_RATE);
        match spelled.memory.as_deref().map(memory) {
            None => {}
            Some(Ok(bytes)) => hooks.memory = bytes,
            Some(Err(reason)) => wrong("memory", reason),
        }
        for (index, name) in spelled.environment.iter().enumerate() {
            if !is_variable(name) {
                wrong(&format!("environment[{index}]"), format!("{name:?} is no name of an environment variable"));
            }
        }
        hooks.environment = spelled.environment;
        if let Some(name) = spelled.key_lookup {
            hooks.key_lookup = HookName::new(&name);
            if hooks.key_lookup.is_none() {
                wrong("keyLookup", format!("{name:?} is no name of a hook: letters, digits, - and _"));
            }
        }
        Some(hooks)
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
