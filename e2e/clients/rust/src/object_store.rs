//! object_store (of DataFusion, Delta Lake and many others) doing what it is told.

mod protocol;

use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    Certificate, ClientOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload, WriteMultipart,
};
use protocol::{Client, Job, Outcome, Request, job, serve};
use serde_json::json;

struct Store(AmazonS3);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let client = Store(connect(&job()?)?);
    serve(env!("OBJECT_STORE_VERSION"), &client).await
}

fn connect(job: &Job) -> Outcome<AmazonS3> {
    let mut options = ClientOptions::new();
    if !job.ca.is_empty() {
        options = options.with_root_certificate(Certificate::from_pem(&std::fs::read(&job.ca)?)?);
    }
    let store = AmazonS3Builder::new()
        .with_client_options(options)
        .with_endpoint(&job.endpoint)
        .with_allow_http(job.endpoint.starts_with("http:"))
        .with_region(&job.region)
        .with_access_key_id(&job.access_key)
        .with_secret_access_key(&job.secret_key)
        .with_bucket_name(&job.bucket);
    Ok(store.build()?)
}

impl Client for Store {
    async fn perform(&self, asked: &Request) -> Outcome {
        let store = &self.0;
        let key = Path::parse(&asked.key)?;
        match asked.r#do.as_str() {
            "put" => {
                store.put(&key, payload(asked)?).await?;
            }
            "multipart" => {
                let mut parts = WriteMultipart::new(store.put_multipart(&key).await?);
                parts.write(&std::fs::read(&asked.file)?);
                parts.finish().await?;
            }
            "create" => {
                let created = match store.put_opts(&key, payload(asked)?, PutMode::Create.into()).await {
                    Ok(_) => true,
                    Err(Error::AlreadyExists { .. }) => false,
                    Err(failed) => return Err(failed.into()),
                };
                return Ok(json!({ "created": created }));
            }
            "get" => std::fs::write(&asked.file, store.get(&key).await?.bytes().await?)?,
            "range" => {
                let piece = store.get_range(&key, asked.first..asked.first + asked.count).await?;
                std::fs::write(&asked.file, piece)?;
            }
            "list" => {
                let found: Vec<_> =
                    store.list(Some(&Path::parse(asked.prefix.trim_end_matches('/'))?)).try_collect().await?;
                let keys: Vec<_> = found.iter().map(|meta| meta.location.as_ref()).collect();
                return Ok(json!({ "keys": keys }));
            }
            "copy" => store.copy(&Path::parse(&asked.source)?, &key).await?,
            "delete" => store.delete(&key).await?,
            "delete_many" => {
                let keys: Vec<_> = asked.keys.iter().map(|key| Ok(Path::parse(key)?)).collect();
                store.delete_stream(futures_util::stream::iter(keys).boxed()).try_collect::<Vec<_>>().await?;
            }
            other => return Err(format!("unknown: {other}").into()),
        }
        Ok(json!({}))
    }
}

fn payload(asked: &Request) -> std::io::Result<PutPayload> {
    Ok(std::fs::read(&asked.file)?.into())
}
