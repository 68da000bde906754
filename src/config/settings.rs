//! Reads settings one by one from the flags and the file, and keeps every mistake instead of stopping at the first.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};

use super::ConfigError;

/// The content of `osp.yaml`: keys and values, not yet understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct File {
    name: String,
    values: Mapping,
}

impl File {
    /// Parses YAML; `name` is what errors call it. An empty file sets nothing.
    ///
    /// # Errors
    /// Not YAML, a key twice, or anything but a mapping.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let values = match serde_yaml::from_str(text) {
            Ok(Value::Mapping(values)) => values,
            Ok(Value::Null) => Mapping::new(),
            Ok(_) => return Err(ConfigError::new(name, "must be a YAML mapping of settings")),
            Err(error) => return Err(ConfigError::new(name, error.to_string())),
        };
        Ok(Self { name: name.to_owned(), values })
    }
}

/// Takes settings out of the file until it is empty: what then remains is unknown.
#[derive(Debug)]
pub(super) struct Settings {
    file: File,
    errors: Vec<ConfigError>,
}

impl Settings {
    pub(super) fn new(file: File) -> Self {
        Self { file, errors: Vec::new() }
    }

    /// Every mistake; a key of the file that nobody asked for is one.
    pub(super) fn finish(mut self) -> Vec<ConfigError> {
        for key in std::mem::take(&mut self.file.values).into_iter().map(|(key, _)| key) {
            let key = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
            self.error(self.place(&key), "no such setting");
        }
        self.errors
    }

    pub(super) fn error(&mut self, place: impl Into<String>, reason: impl Into<String>) {
        self.errors.push(ConfigError::new(place, reason));
    }

    /// An address to listen on; `off` is none. A mistake counts as none, too: nothing is served then anyway.
    pub(super) fn listener(
        &mut self,
        key: &str,
        flag: &str,
        typed: Option<&str>,
        default: Option<&str>,
    ) -> Option<SocketAddr> {
        let in_file = self.take::<String>(key);
        let (place, text) = match (typed, in_file) {
            (Some(typed), _) => (flag.to_owned(), typed.to_owned()),
            (None, Some(text)) => (self.place(key), text),
            (None, None) => (flag.to_owned(), default?.to_owned()),
        };
        if text == "off" {
            return None;
        }
        match text.parse() {
            Ok(address) => Some(address),
            Err(_) => {
                self.error(place, format!("{text:?} is no ADDRESS:PORT (such as 127.0.0.1:6190 or [::]:6190) nor off"));
                None
            }
        }
    }

    /// A file name, from the flag or the file.
    pub(super) fn path(&mut self, key: &str, flag: &str, typed: Option<&Path>) -> Option<PathBuf> {
        let in_file = self.take::<String>(key).map(PathBuf::from);
        let path = typed.map(Path::to_path_buf).or(in_file)?;
        if path.as_os_str().is_empty() {
            self.error(flag, "the file name is empty");
            return None;
        }
        Some(path)
    }

    /// A text that `parse` understands.
    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
        default: impl FnOnce() -> T,
    ) -> T {
        let Some(text) = self.take::<String>(key) else { return default() };
        parse(&text).unwrap_or_else(|reason| {
            self.error(self.place(key), reason);
            default()
        })
    }

    /// A list of texts that `parse` understands; every one that it does not is a mistake of its own.
    pub(super) fn list<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let texts = self.take::<Vec<String>>(key).unwrap_or_default();
        let mut values = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            match parse(text) {
                Ok(value) => values.push(value),
                Err(reason) => self.error(format!("{}[{index}]", self.place(key)), reason),
            }
        }
        values
    }

    /// A number from 1 to `largest`.
    pub(super) fn count(&mut self, key: &str, largest: usize, default: impl FnOnce() -> usize) -> usize {
        let Some(number) = self.take::<i64>(key) else { return default() };
        match usize::try_from(number) {
            Ok(number) if (1..=largest).contains(&number) => number,
            _ => {
                self.error(self.place(key), format!("{number} is not between 1 and {largest}"));
                default()
            }
        }
    }

    /// Something with a structure of its own; `read` reports what is wrong by path and reason.
    pub(super) fn structured<T: Default>(
        &mut self,
        key: &str,
        read: impl FnOnce(Value, &mut Vec<(String, String)>) -> T,
    ) -> T {
        let Some(value) = self.file.values.remove(key) else { return T::default() };
        let mut problems = Vec::new();
        let read = read(value, &mut problems);
        for (path, reason) in problems {
            self.error(format!("{}{path}", self.place(key)), reason);
        }
        read
    }

    /// A flag, else the file, else the default.
    pub(super) fn flag_or_parsed<T>(
        &mut self,
        (key, flag): (&str, &str),
        typed: Option<&str>,
        parse: impl Fn(&str) -> Result<T, String>,
        default: impl Fn() -> T,
    ) -> T {
        let in_file = self.parsed(key, &parse, &default);
        let Some(typed) = typed else { return in_file };
        parse(typed).unwrap_or_else(|reason| {
            self.error(flag, reason);
            default()
        })
    }

    /// True when the flag was typed or the file says so.
    pub(super) fn flag_or_switch(&mut self, key: &str, typed: bool) -> bool {
        self.take::<bool>(key).unwrap_or_default() || typed
    }

    fn take<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        let value = self.file.values.remove(key)?;
        match serde_yaml::from_value(value) {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(self.place(key), error.to_string());
                None
            }
        }
    }

    fn place(&self, key: &str) -> String {
        format!("{}: {key}", self.file.name)
    }
}
