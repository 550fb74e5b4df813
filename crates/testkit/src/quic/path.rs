//! A path for datagrams that is as slow as a test needs, within the process.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// What a slow path lets through towards the client.
#[derive(Clone, Copy, Debug)]
pub struct SlowPath {
    /// Bytes a second.
    pub rate: u64,
    /// How long each datagram is under way, each direction.
    pub delay: Duration,
    /// Bytes that may wait; what is more is dropped.
    pub queue: usize,
}

/// A running path. Dropping it ends it.
pub struct Running {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Running {
    /// Where the client connects to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Waiting {
    /// When its last bit has left the bottleneck, plus the delay.
    due: Instant,
    bytes: Vec<u8>,
}

impl SlowPath {
    /// Begins to pass datagrams between one client and the server at an address.
    ///
    /// # Errors
    /// No socket can be had.
    pub async fn start(self, server: SocketAddr) -> io::Result<Running> {
        let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        far.connect(server).await?;
        let address = near.local_addr()?;
        let task = tokio::spawn(self.pass(Arc::new(near), Arc::new(far)));
        Ok(Running { address, task })
    }

    async fn pass(self, near: Arc<UdpSocket>, far: Arc<UdpSocket>) {
        let mut client = None;
        let mut up: VecDeque<Waiting> = VecDeque::new();
        let mut down: VecDeque<Waiting> = VecDeque::new();
        let mut free_at = Instant::now();
        let (mut from_client, mut from_server) = (vec![0; 65_536], vec![0; 65_536]);
        loop {
            let next = |queue: &VecDeque<Waiting>| {
                let due = queue.front().map(|waiting| waiting.due);
                async move {
                    match due {
                        Some(due) => sleep_until(due).await,
                        None => std::future::pending().await,
                    }
                }
            };
            tokio::select! {
                received = near.recv_from(&mut from_client) => {
                    let Ok((length, from)) = received else { continue };
                    client = Some(from);
                    let due = Instant::now() + self.delay;
                    up.push_back(Waiting { due, bytes: from_client[..length].to_vec() });
                }
                received = far.recv(&mut from_server) => {
                    let Ok(length) = received else { continue };
                    let waiting: usize = down.iter().map(|waiting| waiting.bytes.len()).sum();
                    if waiting + length > self.queue {
                        continue;
                    }
                    let took = Duration::from_secs_f64(length as f64 / self.rate as f64);
                    free_at = free_at.max(Instant::now()) + took;
                    let bytes = from_server[..length].to_vec();
                    down.push_back(Waiting { due: free_at + self.delay, bytes });
                }
                () = next(&up) => {
                    if let Some(waiting) = up.pop_front() {
                        let _ = far.send(&waiting.bytes).await;
                    }
                }
                () = next(&down) => {
                    if let (Some(waiting), Some(client)) = (down.pop_front(), client) {
                        let _ = near.send_to(&waiting.bytes, client).await;
                    }
                }
            }
        }
    }
}
