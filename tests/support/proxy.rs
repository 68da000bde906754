//! An HTTP proxy that knows `CONNECT` and nothing else. It has a name service of its own: every name is this machine.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// Request line and credentials of a tunnel that was asked for.
pub type Asked = (String, Option<String>);

/// A running proxy. Its threads end with the process.
#[derive(Clone)]
pub struct Proxy {
    address: SocketAddr,
    /// Request lines and credentials of the tunnels that were asked for.
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Proxy {
    /// Listens on a free port of the loopback; opens tunnels for those who send this `Proxy-Authorization`.
    #[must_use]
    pub fn start(authorization: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let (asked, wanted) = (Arc::clone(&proxy.asked), authorization.map(str::to_owned));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (asked, wanted) = (Arc::clone(&asked), wanted.clone());
                std::thread::spawn(move || tunnel(stream, &asked, wanted.as_deref()));
            }
        });
        proxy
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Request line and credentials of every tunnel that was asked for.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn tunnel(client: TcpStream, asked: &Mutex<Vec<Asked>>, wanted: Option<&str>) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let request = lines.first().cloned().unwrap_or_default();
    let given = lines.iter().find_map(|line| line.strip_prefix("Proxy-Authorization: ")).map(str::to_owned);
    asked.lock().unwrap_or_else(PoisonError::into_inner).push((request.clone(), given.clone()));
    let mut client = client;
    if wanted.is_some() && given.as_deref() != wanted {
        return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    }
    let target = request.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let port: u16 = target.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default();
    let Ok(backend) = TcpStream::connect(("127.0.0.1", port)) else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n");
    };
    client.write_all(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")?;
    let (mut from_backend, mut to_client) = (backend.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ = io::copy(&mut from_backend, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
    let mut backend = backend;
    io::copy(&mut reader, &mut backend)?;
    backend.shutdown(Shutdown::Write)
}
