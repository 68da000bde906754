//! aws-sdk-s3 doing what it is told. It has no transfer manager: the parts of an upload are made here.

mod protocol;

use aws_sdk_s3::Client as S3;
use aws_sdk_s3::config::{Builder, Credentials, Region};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier};
use aws_smithy_http_client::Builder as HttpBuilder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use protocol::{Client, Job, Outcome, Request, job, serve};
use serde_json::json;

const PART_BYTES: usize = 5 << 20;

struct AwsSdk {
    s3: S3,
    bucket: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let job = job()?;
    let client = AwsSdk { s3: connect(&job)?, bucket: job.bucket };
    serve(aws_sdk_s3::meta::PKG_VERSION, &client).await
}

fn connect(job: &Job) -> Outcome<S3> {
    let keys = Credentials::new(&job.access_key, &job.secret_key, None, None, "job");
    let mut trusted = TrustStore::default();
    if !job.ca.is_empty() {
        trusted = TrustStore::empty().with_pem_certificate(std::fs::read(&job.ca)?);
    }
    let http = HttpBuilder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(TlsContext::builder().with_trust_store(trusted).build()?)
        .build_https();
    let settings = Builder::new()
        .endpoint_url(&job.endpoint)
        .region(Region::new(job.region.clone()))
        .credentials_provider(keys)
        .http_client(http)
        .force_path_style(true);
    Ok(S3::from_conf(settings.build()))
}

impl Client for AwsSdk {
    async fn perform(&self, asked: &Request) -> Outcome {
        match asked.r#do.as_str() {
            "put" => {
                let body = ByteStream::from(std::fs::read(&asked.file)?);
                self.s3.put_object().bucket(&self.bucket).key(&asked.key).body(body).send().await?;
            }
            "multipart" => self.in_parts(asked).await?,
            "create" => return Ok(json!({ "created": self.created(asked).await? })),
            "get" => self.get(asked, None).await?,
            "range" => {
                let last = asked.first + asked.count - 1;
                self.get(asked, Some(format!("bytes={}-{last}", asked.first))).await?;
            }
            "list" => return Ok(json!({ "keys": self.keys_below(&asked.prefix).await? })),
            "copy" => {
                // The SDK wants it encoded; a slash may stay as it is.
                let source = format!("{}/{}", self.bucket, encoded(&asked.source));
                self.s3.copy_object().bucket(&self.bucket).key(&asked.key).copy_source(source).send().await?;
            }
            "delete" => {
                self.s3.delete_object().bucket(&self.bucket).key(&asked.key).send().await?;
            }
            "delete_many" => self.delete_many(&asked.keys).await?,
            other => return Err(format!("unknown: {other}").into()),
        }
        Ok(json!({}))
    }
}

impl AwsSdk {
    async fn created(&self, asked: &Request) -> Outcome<bool> {
        let body = ByteStream::from(std::fs::read(&asked.file)?);
        let put = self.s3.put_object().bucket(&self.bucket).key(&asked.key).if_none_match("*").body(body);
        match put.send().await {
            Ok(_) => Ok(true),
            Err(refused) if refused.code() == Some("PreconditionFailed") => Ok(false),
            Err(failed) => Err(failed.into()),
        }
    }

    async fn get(&self, asked: &Request, range: Option<String>) -> Outcome<()> {
        let get = self.s3.get_object().bucket(&self.bucket).key(&asked.key).set_range(range);
        let body = get.send().await?.body.collect().await?;
        Ok(std::fs::write(&asked.file, body.into_bytes())?)
    }

    async fn keys_below(&self, prefix: &str) -> Outcome<Vec<String>> {
        let mut pages = self.s3.list_objects_v2().bucket(&self.bucket).prefix(prefix).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            keys.extend(page?.contents().iter().filter_map(|found| found.key()).map(str::to_owned));
        }
        Ok(keys)
    }

    async fn in_parts(&self, asked: &Request) -> Outcome<()> {
        let start = self.s3.create_multipart_upload().bucket(&self.bucket).key(&asked.key).send().await?;
        let id = start.upload_id().ok_or("no upload id")?;
        let mut parts = CompletedMultipartUpload::builder();
        for (number, part) in (1..).zip(std::fs::read(&asked.file)?.chunks(PART_BYTES)) {
            let upload = self.s3.upload_part().bucket(&self.bucket).key(&asked.key).upload_id(id).part_number(number);
            let done = upload.body(ByteStream::from(part.to_vec())).send().await?;
            parts = parts.parts(CompletedPart::builder().part_number(number).set_e_tag(done.e_tag).build());
        }
        let complete = self.s3.complete_multipart_upload().bucket(&self.bucket).key(&asked.key).upload_id(id);
        complete.multipart_upload(parts.build()).send().await?;
        Ok(())
    }

    async fn delete_many(&self, keys: &[String]) -> Outcome<()> {
        let objects: Result<Vec<_>, _> = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build()).collect();
        let all = Delete::builder().set_objects(Some(objects?)).build()?;
        let answer = self.s3.delete_objects().bucket(&self.bucket).delete(all).send().await?;
        match answer.errors() {
            [] => Ok(()),
            some => Err(format!("{some:?}").into()),
        }
    }
}

fn encoded(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    key.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
