//! The time-out until an answer begins. pingora has one read time-out for the head and for the body, and it runs while
//! the client is still sending; this one begins when the request has ended, and ends with the head.
//!
//! Whoever has to stop waiting shuts the socket down, so a second handle on it is kept while its connection lives.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use pingora_core::upstreams::peer::{PeerOptions, Tracer, Tracing};
use tokio::task::AbortHandle;

/// The sockets of backends with a time-out of their own, by the descriptor that pingora names.
#[derive(Debug, Default)]
pub struct Sockets {
    open: Arc<Mutex<HashMap<RawFd, Arc<TcpStream>>>>,
}

/// Keeps the handle of one connection, until the connection and the peer that made it are gone.
#[derive(Debug, Default)]
pub struct Tap {
    open: Arc<Mutex<HashMap<RawFd, Arc<TcpStream>>>>,
    mine: Mutex<Option<(RawFd, Arc<TcpStream>)>>,
}

/// A running time-out; dropping it ends it.
#[derive(Debug)]
pub struct Timer {
    task: AbortHandle,
    fired: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Trace(Arc<Tap>);

impl Sockets {
    /// Makes the connections of this peer known here.
    pub fn tap(&self, options: &mut PeerOptions) -> Arc<Tap> {
        let tap = Arc::new(Tap { open: Arc::clone(&self.open), mine: Mutex::default() });
        let for_socket = Arc::clone(&tap);
        options.upstream_tcp_sock_tweak_hook = Some(Arc::new(move |socket| {
            for_socket.keep(socket);
            Ok(())
        }));
        options.tracer = Some(Tracer(Box::new(Trace(Arc::clone(&tap)))));
        tap
    }

    /// The handle of an open connection.
    #[must_use]
    pub fn find(&self, fd: RawFd) -> Option<Arc<TcpStream>> {
        self.open.lock().get(&fd).cloned()
    }
}

impl Tap {
    /// Keeps a handle on this socket. Without one the time-out cannot end it, and pingora's own one does, later.
    pub fn keep(&self, socket: &(impl AsFd + AsRawFd)) {
        let Ok(twin) = socket.as_fd().try_clone_to_owned() else { return };
        let (fd, twin) = (socket.as_raw_fd(), Arc::new(TcpStream::from(twin)));
        self.open.lock().insert(fd, Arc::clone(&twin));
        *self.mine.lock() = Some((fd, twin));
    }

    fn forget(&self) {
        let Some((fd, twin)) = self.mine.lock().take() else { return };
        let mut open = self.open.lock();
        // the number may belong to another connection by now
        if open.get(&fd).is_some_and(|kept| Arc::ptr_eq(kept, &twin)) {
            open.remove(&fd);
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Tracing for Trace {
    fn on_connected(&self) {}

    fn on_disconnected(&self) {
        self.0.forget();
    }

    fn boxed_clone(&self) -> Box<dyn Tracing> {
        Box::new(Self(Arc::clone(&self.0)))
    }
}

impl Timer {
    /// Ends the connection unless an answer begins in time.
    #[must_use]
    pub fn start(socket: Arc<TcpStream>, limit: Duration) -> Self {
        let fired = Arc::new(AtomicBool::new(false));
        let for_task = Arc::clone(&fired);
        let task = tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            for_task.store(true, Ordering::Release);
            // an error means that the connection has ended already
            let _ = socket.shutdown(Shutdown::Both);
        });
        Self { task: task.abort_handle(), fired }
    }

    /// True when it has ended the connection.
    #[must_use]
    pub fn has_fired(&self) -> bool {
        self.fired.load(Ordering::Acquire)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn a_handle_lives_as_long_as_its_connection_and_no_other_is_taken_for_it() {
        let sockets = Sockets::default();
        let mut options = PeerOptions::new();
        let tap = sockets.tap(&mut options);
        let (ours, _theirs) = pair();
        tap.keep(&ours);
        assert!(sockets.find(ours.as_raw_fd()).is_some());
        // the number is used again before the old connection is forgotten
        let (mut other_options, (other, _)) = (PeerOptions::new(), pair());
        let other_tap = sockets.tap(&mut other_options);
        other_tap.keep(&other);
        let twin = sockets.find(other.as_raw_fd()).unwrap();
        sockets.open.lock().insert(ours.as_raw_fd(), twin);
        tap.forget();
        assert!(sockets.find(ours.as_raw_fd()).is_some(), "it is another's");
        drop((other_options, other_tap));
        assert!(sockets.find(other.as_raw_fd()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_timer_ends_the_connection_and_nothing_once_it_was_dropped() {
        use std::io::Read as _;
        let ((first, mut first_end), (second, mut second_end)) = (pair(), pair());
        let timer = Timer::start(Arc::new(first.try_clone().unwrap()), Duration::from_secs(30));
        let stopped = Timer::start(Arc::new(second.try_clone().unwrap()), Duration::from_secs(30));
        drop(stopped);
        tokio::time::sleep(Duration::from_secs(31)).await;
        assert!(timer.has_fired());
        assert_eq!(first_end.read(&mut [0]).unwrap(), 0);
        second_end.set_nonblocking(true).unwrap();
        assert_eq!(second_end.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}
