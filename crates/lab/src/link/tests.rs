//! The link against the kernel's own TCP.

use std::net::{TcpListener, TcpStream};

use super::*;

fn link(profile: Profile) -> Option<Link> {
    match Link::new(profile) {
        Ok(link) => Some(link),
        Err(error) if error.is_missing() => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn round_trips_take_the_time_of_the_profile() {
    let _network = crate::NETWORK.blocking_lock();
    let Some(link) = link(Profile::FAST_3G) else {
        return;
    };
    let best = measure_round_trip(&link, 8).unwrap();
    let over = best.checked_sub(Profile::FAST_3G.rtt).expect("too fast");
    assert!(over < Duration::from_millis(2), "{best:?}");
}

#[test]
fn goodput_is_the_rate_less_headers() {
    let _network = crate::NETWORK.blocking_lock();
    let Some(link) = link(Profile::FAST_3G) else {
        return;
    };
    let listener = TcpListener::bind((link.server_address(), 0)).unwrap();
    // Cubic keeps the queue filled; what is measured is the link, not the algorithm.
    if set_congestion_control(&listener, "cubic").is_err() {
        set_congestion_control(&listener, "reno").unwrap();
    }
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&vec![7; 700_000]).unwrap();
    });
    let received = link.run(|| {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut buffer = vec![0; 65_536];
        let (mut total, mut marks) = (0, Vec::new());
        loop {
            let size = stream.read(&mut buffer).unwrap();
            if size == 0 {
                return marks;
            }
            total += size;
            marks.push((Instant::now(), total));
        }
    });
    let marks: Vec<(Instant, usize)> = received.unwrap();
    server.join().unwrap();
    // The start is TCP's; the link is judged by what comes after.
    let (first, last) = (
        marks.iter().find(|mark| mark.1 > 150_000).unwrap(),
        marks.last().unwrap(),
    );
    assert_eq!(last.1, 700_000);
    let bits = (last.1 - first.1) as f64 * 8.0;
    let goodput = bits / (last.0 - first.0).as_secs_f64();
    let expected = 1_600_000.0 * 1448.0 / 1500.0;
    assert!(
        (goodput / expected - 1.0).abs() < 0.03,
        "{goodput} of {expected}"
    );
}

#[test]
fn commands_run_in_the_namespace_and_drop_removes_it() {
    let _network = crate::NETWORK.blocking_lock();
    let Some(link) = link(Profile::HUNDRED_MBIT) else {
        return;
    };
    let name = link.namespace().to_owned();
    let output = link.command("ip").args(["-4", "address"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(&link.client_address().to_string()), "{text}");
    assert!(!text.contains(&link.server_address().to_string()), "{text}");
    drop(link);
    assert!(!fs::exists(format!("{NAMESPACES}/{name}")).unwrap());
}

#[test]
fn lost_packets_are_counted() {
    let _network = crate::NETWORK.blocking_lock();
    let Some(link) = link(Profile::HUNDRED_MBIT.with_loss(1.0)) else {
        return;
    };
    let sender = std::net::UdpSocket::bind((link.server_address(), 0)).unwrap();
    sender
        .send_to(&[1; 100], (link.client_address(), 9))
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while link.carried().dropped_packets == 0 {
        assert!(Instant::now() < deadline, "{:?}", link.carried());
        std::thread::yield_now();
    }
    assert_eq!(link.carried().down_bytes, 0);
}
