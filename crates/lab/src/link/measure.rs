//! What a link does, measured from outside.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::system::{hurry, set_receive_buffer};
use super::{Link, LinkError, set_congestion_control};

/// The time a round trip takes at best over `attempts` datagrams, for checking a link.
///
/// # Errors
/// [`LinkError::System`] when sockets fail or nothing comes back.
pub fn measure_round_trip(link: &Link, attempts: u32) -> Result<Duration, LinkError> {
    let echo = UdpSocket::bind((link.server_address(), 0))?;
    let address = echo.local_addr()?;
    echo.set_read_timeout(Some(Duration::from_secs(5)))?;
    let server = std::thread::spawn(move || {
        hurry();
        let mut byte = [0; 1];
        for _ in 0..attempts {
            let Ok((_, from)) = echo.recv_from(&mut byte) else {
                return;
            };
            // A lost answer shows at the client.
            let _ = echo.send_to(&byte, from);
        }
    });
    let best = link.run(|| {
        hurry();
        let socket = UdpSocket::bind((link.client_address(), 0))?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut best = Duration::MAX;
        for _ in 0..attempts {
            let start = Instant::now();
            socket.send_to(&[1], address)?;
            socket.recv_from(&mut [0; 1])?;
            best = best.min(start.elapsed());
        }
        Ok::<_, io::Error>(best)
    })??;
    // The server thread ends with its last answer or its time-out.
    let _ = server.join();
    Ok(best)
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the client.
    Down,
    /// To the server.
    Up,
}

/// How long bytes may fail to come.
const LIMIT: Duration = Duration::from_secs(30);

/// Bits of TCP payload per second that one connection gets through, once it has begun: the first
/// `skip` bytes are TCP's slow start, the `bytes` after them are measured. The receiver lets as much
/// be on its way as the link holds and half its queue, so that the wire is never idle and nothing
/// is dropped: it is the link that is measured, not TCP.
///
/// # Errors
/// [`LinkError::System`] when sockets fail or nothing comes.
pub fn measure_goodput(
    link: &Link,
    direction: Direction,
    skip: usize,
    bytes: usize,
) -> Result<f64, LinkError> {
    let listener = TcpListener::bind((link.server_address(), 0))?;
    let address = listener.local_addr()?;
    let profile = link.profile();
    let kbit = match direction {
        Direction::Down => profile.down_kbit,
        Direction::Up => profile.up_kbit,
    };
    let holds = f64::from(kbit) * 125.0 * profile.rtt.as_secs_f64();
    let window = holds as usize + profile.queue_bytes / 2;
    set_receive_buffer(&listener, window)?;
    let total = skip + bytes;
    let server = move || {
        let (stream, _) = listener.accept()?;
        match direction {
            Direction::Down => send(&stream, total).map(|()| 0.0),
            Direction::Up => receive(&stream, skip, total),
        }
    };
    let client = move || {
        let stream = TcpStream::connect_timeout(&address, LIMIT)?;
        set_receive_buffer(&stream, window)?;
        match direction {
            Direction::Down => receive(&stream, skip, total),
            Direction::Up => send(&stream, total).map(|()| 0.0),
        }
    };
    let server = std::thread::spawn(server);
    let at_client = link.run(client)??;
    let broken = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    let at_server = server.join().map_err(broken)??;
    Ok(match direction {
        Direction::Down => at_client,
        Direction::Up => at_server,
    })
}

fn send(stream: &TcpStream, total: usize) -> io::Result<()> {
    // The wire must never wait for the sender.
    hurry();
    // Where the kernel has no cubic, its own choice fills the link too.
    let _ = set_congestion_control(stream, "cubic");
    stream.set_write_timeout(Some(LIMIT))?;
    let piece = [7; 16 * 1024];
    let mut left = total;
    let mut stream = stream;
    while left > 0 {
        left -= stream.write(&piece[..left.min(piece.len())])?;
    }
    // The other end closes when it has everything.
    stream.set_read_timeout(Some(LIMIT))?;
    stream.read(&mut [0; 1]).map(drop)
}

fn receive(stream: &TcpStream, skip: usize, total: usize) -> io::Result<f64> {
    // What has come is to be counted when it comes, however busy the machine is.
    hurry();
    stream.set_read_timeout(Some(LIMIT))?;
    let mut stream = stream;
    let mut buffer = vec![0; 65_536];
    let (mut come, mut began) = (0, None);
    while come < total {
        let size = stream.read(&mut buffer)?;
        if size == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        come += size;
        if began.is_none() && come >= skip {
            began = Some((Instant::now(), come));
        }
    }
    let (since, from) = began.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((come - from) as f64 * 8.0 / since.elapsed().as_secs_f64())
}
