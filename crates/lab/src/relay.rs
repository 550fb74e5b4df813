//! A slow link without root: a TCP relay on loopback.
//!
//! It delays and paces bytes, not packets, and the kernel's TCP sees two fast connections. Rankings
//! of servers agree with [`crate::Link`], times within about 10 %.
//!
//! Rates, delay, jitter and the room of the queue are those of the profile. A loss is what a
//! stream sees of it: a piece that comes a round trip later, and all behind it; congestion control
//! sees nothing. CoDel has no packets to drop here, and is left out.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::Profile;

/// Bytes taken at a time: one packet's worth, so that pacing is even.
const PIECE: usize = 1448;

/// A relay that runs until it is dropped.
pub struct Relay {
    address: SocketAddr,
    worker: JoinHandle<()>,
}

impl Relay {
    /// Listens on a free port of loopback and carries each connection to `target`. All
    /// connections share the profile's rates.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(target: SocketAddr, profile: Profile) -> io::Result<Self> {
        Self::over(&Lanes::new(&profile), target).await
    }

    /// The same over lanes that other relays may share.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn over(lanes: &Lanes, target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let lanes = lanes.clone();
        let worker = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let lanes = lanes.clone();
                tokio::spawn(async move {
                    // A failed connection ends; its client sees it closed.
                    let _ = carry(client, target, lanes).await;
                });
            }
        });
        Ok(Self { address, worker })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

/// Both directions of a link.
#[derive(Clone)]
pub struct Lanes {
    rtt: Duration,
    down: Arc<Lane>,
    up: Arc<Lane>,
}

impl Lanes {
    /// Lanes with the profile's rates.
    pub fn new(profile: &Profile) -> Self {
        let seed = profile.seed.wrapping_mul(2);
        let lane = |kbit, loss, seed| Arc::new(Lane::new(kbit, loss, seed, profile));
        Self {
            rtt: profile.rtt,
            down: lane(profile.down_kbit, profile.down_loss, seed + 1),
            up: lane(profile.up_kbit, profile.up_loss, seed + 2),
        }
    }
}

/// One direction, shared by all connections.
struct Lane {
    nanos_per_byte: f64,
    profile: Profile,
    loss: f64,
    room: Arc<Semaphore>,
    wire: Mutex<Wire>,
}

/// What all connections share.
struct Wire {
    /// When what was sent last has left.
    free: Option<Instant>,
    random: fastrand::Rng,
}

impl Lane {
    fn new(kbit: u32, loss: f64, seed: u64, profile: &Profile) -> Self {
        // Bytes keep their room until they arrive, so those on their way are added to the queue.
        let flying = (f64::from(kbit) * profile.rtt.as_secs_f64() * 1000.0 / 16.0) as usize;
        Self {
            // Headers that a packet of this size would carry take their time, too.
            nanos_per_byte: 8.0e6 / f64::from(kbit.max(1)) * 1500.0 / PIECE as f64,
            profile: *profile,
            loss,
            room: Arc::new(Semaphore::new(profile.queue_bytes.max(PIECE) + flying)),
            wire: Mutex::new(Wire {
                free: None,
                random: fastrand::Rng::with_seed(seed),
            }),
        }
    }

    /// When bytes that come now arrive: they leave one after another.
    fn arrive(&self, size: usize) -> Instant {
        let sending = Duration::from_nanos((size as f64 * self.nanos_per_byte) as u64);
        let mut wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let left = wire.free.map_or(now, |free| free.max(now)) + sending;
        wire.free = Some(left);
        let late = self.profile.jitter.mul_f64(wire.random.f64());
        let again = if wire.random.f64() < self.loss {
            self.profile.rtt
        } else {
            Duration::ZERO
        };
        left + self.profile.rtt / 2 + late + again
    }
}

async fn carry(client: TcpStream, target: SocketAddr, lanes: Lanes) -> io::Result<()> {
    let Lanes { rtt, down, up } = lanes;
    let socket = match target {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A small buffer: the server must feel the queue, not the relay's memory.
    socket.set_recv_buffer_size(8 * 1024)?;
    let server = socket.connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    // The handshake that the client has not waited for.
    tokio::time::sleep(rtt).await;
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let (there, back) = tokio::join!(
        pump(client_read, server_write, up),
        pump(server_read, client_write, down)
    );
    there.and(back)
}

type Parcel = (Instant, Bytes, OwnedSemaphorePermit);

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    lane: Arc<Lane>,
) -> io::Result<()> {
    let (sender, mut parcels) = mpsc::unbounded_channel::<Parcel>();
    let read = async {
        let mut buffer = vec![0; PIECE];
        loop {
            let Ok(room) = Arc::clone(&lane.room)
                .acquire_many_owned(PIECE as u32)
                .await
            else {
                return Ok(());
            };
            let size = from.read(&mut buffer).await?;
            if size == 0 {
                // Ends `write` once everything before has been delivered.
                drop(sender);
                return Ok(());
            }
            let arrives = lane.arrive(size);
            let piece = Bytes::copy_from_slice(&buffer[..size]);
            if sender.send((arrives, piece, room)).is_err() {
                return Ok(());
            }
        }
    };
    let write = async {
        while let Some((arrives, piece, room)) = parcels.recv().await {
            // In the order in which they came, however late the one before was.
            tokio::time::sleep_until(arrives).await;
            to.write_all(&piece).await?;
            drop(room);
        }
        to.shutdown().await
    };
    let (read, written): (io::Result<()>, io::Result<()>) = tokio::join!(read, write);
    read.and(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long so many bytes take through a relay, asked for with one.
    async fn took(profile: Profile, bytes: usize) -> Duration {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut byte = [0; 1];
            stream.read_exact(&mut byte).await.unwrap();
            stream.write_all(&vec![byte[0]; bytes]).await.unwrap();
        });
        let relay = Relay::start(target, profile).await.unwrap();
        let start = Instant::now();
        let mut client = TcpStream::connect(relay.address()).await.unwrap();
        client.write_all(&[9]).await.unwrap();
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        assert!(read.len() == bytes && read.iter().all(|byte| *byte == 9));
        start.elapsed()
    }

    #[tokio::test]
    async fn bytes_arrive_late_and_at_the_rate() {
        let profile = Profile::new(2000, 2000, 60);
        let took = took(profile, 50_000).await;
        let least = profile.limit(50_000) + 2 * profile.rtt;
        assert!(took >= least, "{took:?}, the link needs {least:?}");
        assert!(took < least + Duration::from_secs(2), "{took:?}");
    }
    #[tokio::test]
    async fn a_loss_costs_a_round_trip() {
        // Everything is lost once: the request, and each piece of the answer, all at once.
        let profile = Profile::new(20_000, 20_000, 60).with_loss(1.0);
        let took = took(profile, 5000).await;
        let least = profile.limit(5000) + 4 * profile.rtt;
        assert!(took >= least, "{took:?}, the link needs {least:?}");
        assert!(took < least + Duration::from_secs(2), "{took:?}");
    }
}
