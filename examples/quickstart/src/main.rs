//! The embedded backend of the quickstart: the file-system server of the `s3s` project with one key pair and one
//! bucket. It is for trying OSP and for nothing else, and OSP does not depend on it.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use clap::Parser;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Running requests may take this long to end after a signal; nobody's data depends on it.
const DRAIN: Duration = Duration::from_secs(2);

/// A small S3 server on the file system, for the quickstart of OSP
#[derive(Debug, Parser)]
#[command(name = "osp-quickstart-backend")]
struct Args {
    /// Where objects are kept; created when absent
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Port on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// The bucket to begin with
    #[arg(long, default_value = "quickstart-data")]
    bucket: String,
    /// Access key of the only user
    #[arg(long, default_value = "backend-key")]
    access_key: String,
    /// Secret key of the only user
    #[arg(long, default_value = "backend-secret-0123456789")]
    secret_key: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    std::fs::create_dir_all(args.dir.join(&args.bucket))?;
    let mut builder = S3ServiceBuilder::new(FileSystem::new(&args.dir).map_err(|error| format!("{error:?}"))?);
    builder.set_auth(SimpleAuth::from_single(args.access_key, args.secret_key));
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(args.port, builder.build()))
}

async fn serve(port: u16, service: S3Service) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;

    let server = Builder::new(TokioExecutor::new());
    let graceful = GracefulShutdown::new();
    let mut ended = pin!(async move {
        tokio::select! { _ = terminate.recv() => (), _ = interrupt.recv() => () }
    });
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = &mut ended => break,
        };
        stream.set_nodelay(true)?;
        let connection = server.serve_connection(TokioIo::new(stream), service.clone()).into_owned();
        tokio::spawn(graceful.watch(connection));
    }
    // Connections that are still busy after the deadline end with the process.
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
    Ok(())
}
