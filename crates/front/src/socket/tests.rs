use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

async fn pair() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let socket = Socket::new(accepted.unwrap().0, ByteSize::kib(16));
    (socket, client.unwrap())
}

#[tokio::test]
async fn bytes_pass_both_ways_with_late_binding() {
    let (mut socket, mut client) = pair().await;
    socket.handle().set_late(true, None);
    let sent: Vec<u8> = (0..2_000_000u32).map(|place| place as u8).collect();
    let expected = sent.clone();
    let write = async {
        socket.write_all(&sent).await.unwrap();
        socket.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let (_, read) = tokio::join!(write, client.read_to_end(&mut received));
    read.unwrap();
    assert!(received == expected);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_kernel_holds_little_when_the_client_does_not_read() {
    let mut held = Vec::new();
    for late in [false, true] {
        let (mut socket, client) = pair().await;
        socket.handle().set_late(late, None);
        let chunk = [7; 4096];
        let mut accepted = 0;
        std::future::poll_fn(|context| {
            while let Poll::Ready(written) = Pin::new(&mut socket).poll_write(context, &chunk) {
                accepted += written.unwrap();
            }
            Poll::Ready(())
        })
        .await;
        held.push(accepted);
        drop(client);
    }
    // The client's own receive buffer takes its share either way; the difference is our queue.
    assert!(held[1] < held[0], "{held:?}");
}

#[tokio::test]
async fn a_corked_socket_holds_back_until_it_is_uncorked() {
    let (mut socket, mut client) = pair().await;
    let handle = socket.handle();
    handle.set_corked(true);
    let held = std::future::poll_fn(|context| {
        Poll::Ready(
            Pin::new(&mut socket)
                .poll_write(context, b"held")
                .is_pending(),
        )
    });
    assert!(held.await);
    handle.set_corked(false);
    socket.write_all(b"sent").await.unwrap();
    let mut received = [0; 4];
    client.read_exact(&mut received).await.unwrap();
    assert_eq!(received, *b"sent");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_path_is_known_while_the_socket_is_open() {
    let (socket, client) = pair().await;
    let handle = socket.handle();
    assert!(handle.estimate().rtt.is_some());
    drop((socket, client));
    assert_eq!(handle.estimate(), NetworkEstimate::default());
}

#[test]
fn the_mark_follows_the_rate() {
    let floor = 16 * 1024;
    for (megabits, mark) in [(0.0, 16), (1.6, 16), (10.0, 48), (100.0, 256), (1e9, 256)] {
        let rate = Some((megabits * 125_000.0) as u64);
        assert_eq!(mark_for(rate, floor), mark * 1024, "{megabits}");
    }
    assert_eq!(mark_for(None, floor), floor);
    assert_eq!(mark_for(None, 0), 1, "a mark of 0 would be none");
    assert_eq!(mark_for(Some(1), 1 << 20), 1 << 20, "as the settings say");
}
