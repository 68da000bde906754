//! Buckets in memory and the S3 operations on them.

mod documents;
mod versions;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::answer::{Answer, escape};
use super::wire::Head;
use crate::checksum::etag;
use crate::sigv4::{query_pairs, sha256_hex, uri_decode, uri_encode};

#[derive(Debug, Clone, Default)]
struct Object {
    data: Vec<u8>,
    /// Headers that come back on reads.
    kept: Vec<(String, String)>,
    tag: OnceCell<String>,
}

impl Object {
    /// Its entity tag, computed once: large objects are asked for theirs often.
    fn tag(&self) -> &str {
        self.tag.get_or_init(|| etag(&self.data))
    }
}

#[derive(Debug)]
struct Upload {
    bucket: String,
    key: String,
    kept: Vec<(String, String)>,
    parts: BTreeMap<u32, Vec<u8>>,
}

/// Everything stored.
#[derive(Debug, Default)]
pub(super) struct Store {
    buckets: BTreeMap<String, BTreeMap<String, Object>>,
    uploads: BTreeMap<String, Upload>,
    /// Buckets that keep old versions.
    versioned: BTreeSet<String>,
    /// Every version of every object of those, oldest first; no object is a delete marker.
    history: BTreeMap<(String, String), Vec<versions::Version>>,
    /// Sub-resources of buckets (no key), objects and versions, as they were put.
    documents: BTreeMap<documents::Place, String>,
    issued: u64,
}

struct Query(Vec<(String, String)>);

impl Query {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(pair, _)| pair == name)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(pair, _)| pair == name).map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str) -> String {
        self.value(name).unwrap_or_default().to_owned()
    }
}

fn kept_headers(head: &Head) -> Vec<(String, String)> {
    let keeps = |name: &str| name.starts_with("x-amz-meta-") || matches!(name, "content-type" | "content-encoding");
    let strip = |name: &str, value: &str| {
        let tokens: Vec<&str> = value.split(',').map(str::trim).filter(|token| *token != "aws-chunked").collect();
        (name.to_owned(), tokens.join(","))
    };
    head.headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .filter(|(name, _)| keeps(name))
        .map(|(name, value)| if name == "content-encoding" { strip(&name, value) } else { (name, value.clone()) })
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

impl Store {
    pub(super) fn create(&mut self, bucket: &str) {
        self.buckets.entry(bucket.to_owned()).or_default();
    }

    pub(super) fn seed(&mut self, bucket: &str, key: &str, data: &[u8]) {
        let object = Object { data: data.to_vec(), ..Object::default() };
        self.buckets.entry(bucket.to_owned()).or_default().insert(key.to_owned(), object);
    }

    pub(super) fn remove(&mut self, bucket: &str, key: &str) {
        self.buckets.entry(bucket.to_owned()).or_default().remove(key);
    }

    pub(super) fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.buckets.get(bucket)?.get(key).map(|object| object.data.clone())
    }

    pub(super) fn contents(&self) -> Vec<(String, String, String)> {
        let rows = |(bucket, objects): (&String, &BTreeMap<String, Object>)| {
            let bucket = bucket.clone();
            let row = move |(key, object): (&String, &Object)| (bucket.clone(), key.clone(), sha256_hex(&object.data));
            objects.iter().map(row).collect::<Vec<_>>()
        };
        self.buckets.iter().flat_map(rows).collect()
    }

    /// Performs one request that has passed every check.
    pub(super) fn serve(&mut self, head: &Head, body: Vec<u8>) -> Answer {
        let decoded = |text: &str| String::from_utf8_lossy(&uri_decode(text)).into_owned();
        let path = head.path().strip_prefix('/').unwrap_or_default();
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let (bucket, key) = (decoded(bucket), decoded(key));
        let query = Query(query_pairs(head.query()));
        if let Some(answer) = self.serve_buckets(head, (&bucket, &key), &query) {
            return answer;
        }
        if !self.buckets.contains_key(&bucket) {
            return Answer::error(404, "NoSuchBucket", "no such bucket");
        }
        let answer = if key.is_empty() {
            self.serve_bucket(head, &bucket, &query, &body)
        } else {
            self.serve_object(head, (&bucket, &key), &query, body)
        };
        self.issued += 1;
        answer
            .header("x-amz-request-id", &format!("BACKEND{:09}", self.issued))
            .header("x-amz-id-2", "BACKENDHOSTID")
            .header("Server", "FakeBackend")
    }

    /// Lists, makes and deletes buckets; two on each page of the list, so that whoever asks has to go on.
    fn serve_buckets(&mut self, head: &Head, (bucket, key): (&str, &str), query: &Query) -> Option<Answer> {
        const PAGE: usize = 2;
        if !key.is_empty() {
            return None;
        }
        match head.method.as_str() {
            "GET" if bucket.is_empty() => {
                let after = query.text("continuation-token");
                let mut names = self.buckets.keys().filter(|name| **name > after);
                let page: Vec<&String> = names.by_ref().take(PAGE).collect();
                let date = "<CreationDate>2020-02-02T02:02:02.020Z</CreationDate>";
                let entries = page.iter().map(|name| format!("<Bucket><Name>{name}</Name>{date}</Bucket>"));
                let token = page.last().filter(|_| names.next().is_some());
                let token = token.map(|last| format!("<ContinuationToken>{last}</ContinuationToken>"));
                let document = format!(
                    "<ListAllMyBucketsResult><Owner><ID>hidden-owner</ID></Owner><Buckets>{}</Buckets>{}</ListAllMyBucketsResult>",
                    entries.collect::<String>(),
                    token.unwrap_or_default()
                );
                Some(Answer::xml(200, &document))
            }
            "PUT" if query.0.is_empty() => {
                // one that is there already is no error, as in us-east-1
                self.create(bucket);
                Some(Answer::new(200, "").header("Location", &format!("/{bucket}")))
            }
            "DELETE" if query.0.is_empty() => Some(match self.buckets.get(bucket) {
                None => Answer::error(404, "NoSuchBucket", "no such bucket"),
                Some(objects) if !objects.is_empty() => Answer::error(409, "BucketNotEmpty", "there is hidden- in it"),
                Some(_) => {
                    self.buckets.remove(bucket);
                    Answer::new(204, "")
                }
            }),
            _ => None,
        }
    }

    fn serve_bucket(&mut self, head: &Head, bucket: &str, query: &Query, body: &[u8]) -> Answer {
        if let Some(answer) = self.serve_document(head, (bucket, ""), query, body) {
            return answer;
        }
        match head.method.as_str() {
            "HEAD" => Answer::new(200, "").header("x-amz-bucket-region", super::REGION),
            "GET" if query.has("location") => Answer::xml(200, "<LocationConstraint>eu-test-1</LocationConstraint>"),
            "GET" if query.has("uploads") => self.list_uploads(bucket),
            "GET" if query.has("versions") => self.list_versions(bucket, query),
            "GET" => self.list(bucket, query),
            "POST" if query.has("delete") => self.delete_batch(bucket, body),
            _ => Answer::error(405, "MethodNotAllowed", "method"),
        }
    }

    fn serve_object(&mut self, head: &Head, (bucket, key): (&str, &str), query: &Query, body: Vec<u8>) -> Answer {
        if let Some(answer) = self.serve_document(head, (bucket, key), query, &body) {
            return answer;
        }
        let upload = query.value("uploadId");
        match (head.method.as_str(), upload) {
            ("PUT", Some(id)) => self.put_part(head, id, query, body),
            ("POST", Some(id)) => self.complete(id, &body),
            ("GET", Some(id)) => self.list_parts(id),
            ("DELETE", Some(id)) => {
                self.uploads.remove(id);
                Answer::new(204, "")
            }
            ("POST", None) if query.has("uploads") => self.begin_upload(head, bucket, key),
            ("PUT", None) => self.put(head, bucket, key, body),
            ("DELETE", None) => self.delete(head, (bucket, key), query.value("versionId")),
            ("GET" | "HEAD", None) => self.read(head, (bucket, key), query.value("versionId")),
            _ => Answer::error(405, "MethodNotAllowed", "method"),
        }
    }

    fn copied(&self, head: &Head) -> Option<Result<Object, Answer>> {
        let source = head.header("x-amz-copy-source")?;
        let (source, version) =
            source.split_once("?versionId=").map_or((source, None), |(source, version)| (source, Some(version)));
        let name = String::from_utf8_lossy(&uri_decode(source.trim_start_matches('/'))).into_owned();
        let (bucket, key) = name.split_once('/').unwrap_or((&name, ""));
        Some(self.found(bucket, key, version).cloned().ok_or_else(|| Answer::error(404, "NoSuchKey", "no such source")))
    }

    fn put(&mut self, head: &Head, bucket: &str, key: &str, body: Vec<u8>) -> Answer {
        let copied = match self.copied(head).transpose() {
            Ok(copied) => copied,
            Err(answer) => return answer,
        };
        let is_copy = copied.is_some();
        let object = copied.unwrap_or_else(|| Object { data: body, kept: kept_headers(head), ..Object::default() });
        let tag = object.tag().to_owned();
        let version = self.insert((bucket, key), object);
        self.keep_documents_of(head, (bucket, key), version.as_deref());
        if is_copy {
            let result = format!(
                "<CopyObjectResult><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
                 <ETag>&quot;{tag}&quot;</ETag></CopyObjectResult>"
            );
            return Answer::xml(200, &result);
        }
        let answer = Answer::new(200, "").header("ETag", &format!("\"{tag}\""));
        version.iter().fold(answer, |answer, version| answer.header("x-amz-version-id", version))
    }

    fn read(&self, head: &Head, (bucket, key): (&str, &str), version: Option<&str>) -> Answer {
        let Some(object) = self.found(bucket, key, version) else {
            let code = if version.is_some() { "NoSuchVersion" } else { "NoSuchKey" };
            return Answer::error(404, code, "no such object");
        };
        let length = object.data.len();
        let range = head.header("range").and_then(|value| value.strip_prefix("bytes=")).and_then(|value| {
            let (first, last) = value.split_once('-')?;
            Some((first.parse::<usize>().ok()?, last.parse::<usize>().unwrap_or(length - 1).min(length - 1)))
        });
        let mut answer = match range {
            Some((first, last)) => Answer::new(206, object.data[first..=last].to_vec())
                .header("Content-Range", &format!("bytes {first}-{last}/{length}")),
            None => Answer::new(200, object.data.clone()),
        };
        answer.headers.extend(object.kept.iter().cloned());
        answer
            .header("ETag", &format!("\"{}\"", object.tag()))
            .header("Accept-Ranges", "bytes")
            .header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
    }

    fn begin_upload(&mut self, head: &Head, bucket: &str, key: &str) -> Answer {
        let id = format!("upload-{}", self.issued);
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let document = format!(
            "<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{}</Key>\
             <UploadId>{id}</UploadId></InitiateMultipartUploadResult>",
            escape(&key)
        );
        self.uploads.insert(id, Upload { bucket, key, kept: kept_headers(head), parts: BTreeMap::new() });
        Answer::xml(200, &document)
    }

    fn put_part(&mut self, head: &Head, id: &str, query: &Query, body: Vec<u8>) -> Answer {
        let copied = match self.copied(head).transpose() {
            Ok(copied) => copied,
            Err(answer) => return answer,
        };
        let Some(upload) = self.uploads.get_mut(id) else {
            return Answer::error(404, "NoSuchUpload", "no such upload");
        };
        let is_copy = copied.is_some();
        let data = copied.map_or(body, |object| object.data);
        let tag = etag(&data);
        upload.parts.insert(query.text("partNumber").parse().unwrap_or(0), data);
        if is_copy {
            return Answer::xml(200, &format!("<CopyPartResult><ETag>&quot;{tag}&quot;</ETag></CopyPartResult>"));
        }
        Answer::new(200, "").header("ETag", &format!("\"{tag}\""))
    }

    fn complete(&mut self, id: &str, body: &[u8]) -> Answer {
        let Some(upload) = self.uploads.remove(id) else {
            return Answer::error(404, "NoSuchUpload", "no such upload");
        };
        let numbers = elements(&String::from_utf8_lossy(body), "PartNumber");
        let parts: Option<Vec<Vec<u8>>> =
            numbers.iter().map(|number| upload.parts.get(&number.parse().ok()?).cloned()).collect();
        let Some(parts) = parts else { return Answer::error(400, "InvalidPart", "no such part") };
        let object = Object { data: parts.concat(), kept: upload.kept, ..Object::default() };
        let document = format!(
            "<CompleteMultipartUploadResult><Location>http://backend/{0}/{1}</Location><Bucket>{0}</Bucket>\
             <Key>{1}</Key><ETag>&quot;{2}-{3}&quot;</ETag></CompleteMultipartUploadResult>",
            upload.bucket,
            escape(&upload.key),
            object.tag(),
            numbers.len()
        );
        self.insert((&upload.bucket, &upload.key), object);
        Answer::xml(200, &document)
    }

    fn list_parts(&self, id: &str) -> Answer {
        let Some(upload) = self.uploads.get(id) else {
            return Answer::error(404, "NoSuchUpload", "no such upload");
        };
        let parts: String = upload
            .parts
            .iter()
            .map(|(number, data)| {
                format!(
                    "<Part><PartNumber>{number}</PartNumber><ETag>&quot;{}&quot;</ETag><Size>{}</Size></Part>",
                    etag(data),
                    data.len()
                )
            })
            .collect();
        let (bucket, key) = (&upload.bucket, escape(&upload.key));
        Answer::xml(
            200,
            &format!(
                "<ListPartsResult><Bucket>{bucket}</Bucket><Key>{key}</Key><UploadId>{id}</UploadId>\
                 <IsTruncated>false</IsTruncated>{parts}</ListPartsResult>"
            ),
        )
    }

    fn list_uploads(&self, bucket: &str) -> Answer {
        let uploads: String = self
            .uploads
            .iter()
            .filter(|(_, upload)| upload.bucket == bucket)
            .map(|(id, upload)| format!("<Upload><Key>{}</Key><UploadId>{id}</UploadId></Upload>", escape(&upload.key)))
            .collect();
        Answer::xml(
            200,
            &format!("<ListMultipartUploadsResult><Bucket>{bucket}</Bucket>{uploads}</ListMultipartUploadsResult>"),
        )
    }

    fn delete_batch(&mut self, bucket: &str, body: &[u8]) -> Answer {
        let mut deleted = String::new();
        for object in String::from_utf8_lossy(body).split("<Object>").skip(1) {
            let key = elements(object, "Key").pop().unwrap_or_default();
            let version = elements(object, "VersionId").pop();
            deleted.push_str(&self.delete_one((bucket, &key), version.as_deref()));
        }
        Answer::xml(200, &format!("<DeleteResult>{deleted}</DeleteResult>"))
    }

    fn list(&self, bucket: &str, query: &Query) -> Answer {
        let version_2 = query.value("list-type") == Some("2");
        let prefix = query.text("prefix");
        let limit: usize = query.value("max-keys").and_then(|value| value.parse().ok()).unwrap_or(1000).min(1000);
        let after = ["continuation-token", "start-after", "marker"].iter().find_map(|name| query.value(name));
        let from = Bound::Excluded(after.unwrap_or_default().to_owned());
        let delimiter = query.text("delimiter");
        let mut listed: Vec<(String, Option<&Object>)> = Vec::new();
        let mut truncated = false;
        for (key, object) in self.buckets[bucket].range((from, Bound::Unbounded)) {
            let Some(rest) = key.strip_prefix(&prefix) else { continue };
            let common = (!delimiter.is_empty()).then(|| rest.find(&delimiter)).flatten();
            let entry = match common {
                Some(at) => (key[..prefix.len() + at + delimiter.len()].to_owned(), None),
                None => (key.clone(), Some(object)),
            };
            // a common prefix that is not behind the marker was on an earlier page
            let is_behind = entry.1.is_some() || after.is_none_or(|after| entry.0.as_str() > after);
            if !is_behind || listed.last().is_some_and(|(last, _)| *last == entry.0) {
                continue;
            }
            if listed.len() == limit {
                truncated = true;
                break;
            }
            listed.push(entry);
        }
        Answer::xml(200, &list_document(bucket, query, version_2, &listed, truncated))
    }
}

fn list_document(
    bucket: &str,
    query: &Query,
    version_2: bool,
    listed: &[(String, Option<&Object>)],
    truncated: bool,
) -> String {
    let url = query.value("encoding-type") == Some("url");
    let name = |text: &str| if url { uri_encode(text.as_bytes(), true) } else { escape(text) };
    let mut out = format!(
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{bucket}</Name><Prefix>{}</Prefix>\
         <MaxKeys>1000</MaxKeys><IsTruncated>{truncated}</IsTruncated>",
        name(&query.text("prefix"))
    );
    if url {
        out.push_str("<EncodingType>url</EncodingType>");
    }
    let last = listed.last().map(|(key, _)| key.as_str()).unwrap_or_default();
    if version_2 {
        out.push_str(&format!("<KeyCount>{}</KeyCount>", listed.len()));
        if truncated {
            out.push_str(&format!("<NextContinuationToken>{}</NextContinuationToken>", escape(last)));
        }
    } else {
        out.push_str(&format!("<Marker>{}</Marker>", name(&query.text("marker"))));
        if truncated && query.has("delimiter") {
            out.push_str(&format!("<NextMarker>{}</NextMarker>", name(last)));
        }
    }
    for (key, object) in listed {
        match object {
            Some(object) => out.push_str(&format!(
                "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
                 <ETag>&quot;{}&quot;</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass>\
                 <Owner><ID>hidden-owner</ID></Owner></Contents>",
                name(key),
                object.tag(),
                object.data.len()
            )),
            None => out.push_str(&format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", name(key))),
        }
    }
    out.push_str("</ListBucketResult>");
    out
}

/// The texts of all elements of one name, entities resolved.
fn elements(document: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    document.split(&open).skip(1).filter_map(|after| after.split_once(&close)).map(|(text, _)| unescape(text)).collect()
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (entity, tail) = after.split_once(';').unwrap_or((after, ""));
        let number = entity.strip_prefix('#').and_then(|digits| match digits.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        });
        match (entity, number.and_then(char::from_u32)) {
            (_, Some(character)) => out.push(character),
            ("lt", _) => out.push('<'),
            ("gt", _) => out.push('>'),
            ("quot", _) => out.push('"'),
            ("apos", _) => out.push('\''),
            _ => out.push('&'),
        }
        rest = tail;
    }
    out + rest
}
