use proptest::prelude::*;

use super::*;

#[test]
fn addresses_are_of_their_kind() {
    use AddressKind::*;
    for (text, kind) in [
        ("1.1.1.1", Public),
        ("9.255.255.255", Public),
        ("11.0.0.0", Public),
        ("100.63.255.255", Public),
        ("100.128.0.0", Public),
        ("172.15.255.255", Public),
        ("172.32.0.0", Public),
        ("192.167.255.255", Public),
        ("223.255.255.255", Public),
        ("0.0.0.0", Unspecified),
        ("0.1.2.3", Unspecified),
        ("10.0.0.0", Private),
        ("10.255.255.255", Private),
        ("100.64.0.0", Shared),
        ("100.100.100.200", Shared),
        ("127.0.0.1", Loopback),
        ("127.255.255.254", Loopback),
        ("168.63.129.16", Infrastructure),
        ("169.254.169.254", LinkLocal),
        ("172.16.0.1", Private),
        ("172.31.255.255", Private),
        ("192.0.0.192", Reserved),
        ("192.0.2.1", Documentation),
        ("192.88.99.1", Reserved),
        ("192.168.0.1", Private),
        ("198.19.255.255", Reserved),
        ("198.51.100.7", Documentation),
        ("203.0.113.7", Documentation),
        ("224.0.0.1", Multicast),
        ("239.255.255.255", Multicast),
        ("240.0.0.1", Reserved),
        ("255.255.255.255", Reserved),
        ("2606:4700::1111", Public),
        ("2a00:1450::1", Public),
        ("2001:200::1", Public),
        ("::", Unspecified),
        ("::1", Loopback),
        ("fe80::1", LinkLocal),
        ("febf::1", LinkLocal),
        ("fec0::1", Private),
        ("fd00:ec2::254", Private),
        ("fc00::1", Private),
        ("ff02::1", Multicast),
        ("2001:db8::1", Documentation),
        ("3fff::1", Documentation),
        ("3fff:1000::1", Public),
        ("100::1", Reserved),
        ("5f00::1", Reserved),
        ("64:ff9b:1::1", Reserved),
        ("4000::1", Reserved),
        // Teredo, whatever is inside.
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Reserved),
        // Mapped, compatible, 6to4, NAT64: as what is inside.
        ("::ffff:127.0.0.1", Loopback),
        ("::ffff:169.254.169.254", LinkLocal),
        ("::ffff:1.1.1.1", Public),
        ("::127.0.0.1", Loopback),
        ("::10.0.0.1", Private),
        ("2002:7f00:1::", Loopback),
        ("2002:a00:1::5", Private),
        ("2002:101:101::1", Public),
        ("64:ff9b::192.168.1.1", Private),
        ("64:ff9b::1.1.1.1", Public),
    ] {
        assert_eq!(AddressKind::of(text.parse().unwrap()), kind, "{text}");
    }
}

/// Obvious and slow: whether an IPv4 address is public, octet by octet.
fn public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let special = a == 0
        || a == 10
        || (a == 100 && (64..128).contains(&b))
        || a == 127
        || (a == 168 && b == 63 && c == 129 && d == 16)
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 192 && b == 168)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113)
        || a >= 224;
    !special
}

/// The same for IPv6, on its 32 hexadecimal digits.
fn public_v6(address: Ipv6Addr) -> bool {
    let digits = format!("{:032x}", address.to_bits());
    let inner = |from: usize| {
        let bits = u32::from_str_radix(&digits[from..from + 8], 16).unwrap();
        public_v4(Ipv4Addr::from_bits(bits))
    };
    let zeros = "0".repeat(32);
    if digits.starts_with(&zeros[..24]) || digits.starts_with("00000000000000000000ffff") {
        return inner(24);
    }
    if digits.starts_with("0064ff9b0000000000000000") {
        return inner(24);
    }
    if digits.starts_with("2002") {
        return inner(4);
    }
    let global = digits.starts_with('2') || digits.starts_with('3');
    let protocols = digits.starts_with("20010") || digits.starts_with("20011");
    let protocols = protocols && &digits[4..7] <= "01f";
    let documentation = digits.starts_with("20010db8") || digits.starts_with("3fff0");
    global && !protocols && !documentation
}

/// Addresses near the edges of the ranges that matter, and any others.
fn v6() -> impl Strategy<Value = Ipv6Addr> {
    const HEADS: &[u128] = &[
        0,
        0xffff << 32,
        0x0064_ff9b << 96,
        0x2002 << 112,
        0x2001 << 112,
        0x2001_01ff << 96,
        0x2001_0db8 << 96,
        0x3fff << 112,
        0xfe80 << 112,
        0xfc00 << 112,
    ];
    let near = (prop::sample::select(HEADS), any::<u128>(), 0..128u32);
    let near = near.prop_map(|(head, bits, keep)| head ^ bits.checked_shr(keep).unwrap_or(0));
    prop_oneof![near, any::<u128>()].prop_map(Ipv6Addr::from_bits)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn v4_agrees_with_the_oracle(bits in any::<u32>(), range in 0..V4.len(), keep in 0..32u32) {
        let near = u32::from_be_bytes(V4[range].0) ^ (bits >> keep);
        for address in [Ipv4Addr::from_bits(bits), Ipv4Addr::from_bits(near)] {
            let is_public = AddressKind::of(address.into()) == AddressKind::Public;
            prop_assert_eq!(is_public, public_v4(address), "{}", address);
        }
    }

    #[test]
    fn v6_agrees_with_the_oracle(address in v6()) {
        let is_public = AddressKind::of(address.into()) == AddressKind::Public;
        prop_assert_eq!(is_public, public_v6(address), "{}", address);
    }
}
