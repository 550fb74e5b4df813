//! The link against the kernel's own TCP.

use std::time::Duration;

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
    for (direction, kbit, bytes) in [
        (Direction::Down, Profile::FAST_3G.down_kbit, 550_000),
        (Direction::Up, Profile::FAST_3G.up_kbit, 250_000),
    ] {
        let goodput = measure_goodput(&link, direction, 150_000, bytes).unwrap();
        let share = goodput / Profile::goodput(kbit);
        assert!((share - 1.0).abs() < 0.03, "{direction:?}: {share}");
    }
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
