//! Old versions of objects, for buckets that keep them.

use super::{Answer, Head, Object, Query, Store, elements, escape, uri_encode};

/// Id and object; no object is a delete marker.
pub(super) type Version = (String, Option<Object>);

impl Store {
    /// Makes a bucket keep old versions.
    pub(in crate::backend) fn keep_versions(&mut self, bucket: &str) {
        self.versioned.insert(bucket.to_owned());
    }

    /// Stores an object; its version where versions are kept.
    pub(super) fn insert(&mut self, (bucket, key): (&str, &str), object: Object) -> Option<String> {
        let version = self.push((bucket, key), Some(object.clone()));
        self.buckets.entry(bucket.to_owned()).or_default().insert(key.to_owned(), object);
        version
    }

    fn push(&mut self, (bucket, key): (&str, &str), object: Option<Object>) -> Option<String> {
        if !self.versioned.contains(bucket) {
            return None;
        }
        self.issued += 1;
        let version = format!("version.{:06}+/", self.issued);
        let history = self.history.entry((bucket.to_owned(), key.to_owned())).or_default();
        history.push((version.clone(), object));
        Some(version)
    }

    /// Where no versions are kept, the current object is the version `null`.
    fn kept<'a>(&self, bucket: &str, version: Option<&'a str>) -> Option<&'a str> {
        version.filter(|version| *version != "null" || self.versioned.contains(bucket))
    }

    /// The current object, or this version of it.
    pub(super) fn found(&self, bucket: &str, key: &str, version: Option<&str>) -> Option<&Object> {
        let version = self.kept(bucket, version);
        let Some(version) = version.map(|version| String::from_utf8_lossy(&super::uri_decode(version)).into_owned())
        else {
            return self.buckets.get(bucket)?.get(key);
        };
        let history = self.history.get(&(bucket.to_owned(), key.to_owned()))?;
        history.iter().find(|(id, _)| *id == version)?.1.as_ref()
    }

    /// Puts a delete marker over the object, or takes one version away for good.
    pub(super) fn delete(&mut self, head: &Head, (bucket, key): (&str, &str), version: Option<&str>) -> Answer {
        let bypass = head.header("x-amz-bypass-governance-retention") == Some("true");
        if version.is_some() && !bypass && self.is_retained((bucket, key), version) {
            return Answer::error(400, "InvalidRequest", "the version is retained");
        }
        let told = self.delete_one((bucket, key), version);
        let answer = Answer::new(204, "");
        let told = |name: &str| elements(&told, name).pop();
        let answer = match told("DeleteMarkerVersionId").or(told("VersionId")) {
            Some(version) => answer.header("x-amz-version-id", &version),
            None => answer,
        };
        if told("DeleteMarker").is_some() { answer.header("x-amz-delete-marker", "true") } else { answer }
    }

    /// The same, as `<Deleted>`.
    pub(super) fn delete_one(&mut self, (bucket, key): (&str, &str), version: Option<&str>) -> String {
        let name = escape(key);
        let Some(version) = self.kept(bucket, version) else {
            self.buckets.entry(bucket.to_owned()).or_default().remove(key);
            let marker = self.push((bucket, key), None).map_or_else(String::new, |marker| {
                format!("<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>{marker}</DeleteMarkerVersionId>")
            });
            return format!("<Deleted><Key>{name}</Key>{marker}</Deleted>");
        };
        let history = self.history.entry((bucket.to_owned(), key.to_owned())).or_default();
        let was_marker = history.iter().any(|(id, object)| id == version && object.is_none());
        history.retain(|(id, _)| id != version);
        let current = history.last().and_then(|(_, object)| object.clone());
        let objects = self.buckets.entry(bucket.to_owned()).or_default();
        match current {
            Some(object) => objects.insert(key.to_owned(), object),
            None => objects.remove(key),
        };
        let marker = if was_marker { "<DeleteMarker>true</DeleteMarker>" } else { "" };
        format!("<Deleted><Key>{name}</Key><VersionId>{}</VersionId>{marker}</Deleted>", escape(version))
    }

    /// All versions, newest first within a key; pages end after `max-keys` entries.
    pub(super) fn list_versions(&self, bucket: &str, query: &Query) -> Answer {
        let prefix = query.text("prefix");
        let limit: usize = query.value("max-keys").and_then(|value| value.parse().ok()).unwrap_or(1000);
        let all = self.history.iter().filter(|((of, key), _)| of == bucket && key.starts_with(&prefix)).flat_map(
            |((_, key), history)| {
                let last = history.len() - 1;
                history.iter().enumerate().rev().map(move |(index, (id, object))| (key, id, object, index == last))
            },
        );
        let (key_marker, version_marker) = (query.value("key-marker"), query.value("version-id-marker"));
        let after = |(key, id, ..): &(&String, &String, &Option<Object>, bool)| match (key_marker, version_marker) {
            (None, _) => true,
            (Some(marker), None) => key.as_str() > marker,
            // ids count up, and within a key they are listed downwards
            (Some(marker), Some(version)) => key.as_str() > marker || (key.as_str() == marker && id.as_str() < version),
        };
        let mut rest = all.filter(after).peekable();
        let url = query.value("encoding-type") == Some("url");
        let name = |text: &str| if url { uri_encode(text.as_bytes(), true) } else { escape(text) };
        let (mut entries, mut last) = (String::new(), None);
        while let Some((key, id, object, latest)) = rest.next_if(|_| entries.matches("<IsLatest>").count() < limit) {
            let (element, more) = match object {
                Some(object) => {
                    ("Version", format!("<ETag>&quot;{}&quot;</ETag><Size>{}</Size>", object.tag(), object.data.len()))
                }
                None => ("DeleteMarker", String::new()),
            };
            entries.push_str(&format!(
                "<{element}><Key>{}</Key><VersionId>{}</VersionId><IsLatest>{latest}</IsLatest>{more}\
                 <Owner><ID>hidden-owner</ID><DisplayName>hidden-owner</DisplayName></Owner></{element}>",
                name(key),
                escape(id)
            ));
            last = Some((key, id));
        }
        let next = match (last, rest.peek()) {
            (Some((key, id)), Some(_)) => format!(
                "<NextKeyMarker>{}</NextKeyMarker><NextVersionIdMarker>{}</NextVersionIdMarker>",
                name(key),
                escape(id)
            ),
            _ => String::new(),
        };
        let encoding = if url { "<EncodingType>url</EncodingType>" } else { "" };
        Answer::xml(
            200,
            &format!(
                "<ListVersionsResult><Name>{bucket}</Name><Prefix>{}</Prefix><KeyMarker>{}</KeyMarker>\
                 <VersionIdMarker>{}</VersionIdMarker>{next}<MaxKeys>{limit}</MaxKeys>{encoding}<IsTruncated>{}\
                 </IsTruncated>{entries}</ListVersionsResult>",
                name(&prefix),
                name(key_marker.unwrap_or_default()),
                escape(version_marker.unwrap_or_default()),
                rest.peek().is_some()
            ),
        )
    }
}
