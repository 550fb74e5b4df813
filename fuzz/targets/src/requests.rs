//! What clients say in URLs and headers.

use delivery::{Plan, Priority};

use crate::Seeds;

/// Options of an image URL.
pub fn option_seeds() -> Seeds {
    let texts = [
        (
            "size",
            "width=640,height=480,fit=cover,gravity=0.5x0.25,dpr=2",
        ),
        (
            "format",
            "f=auto,q=80,metadata=none,anim=false,onerror=redirect",
        ),
        (
            "effects",
            "blur=20,sharpen=1,brightness=1.1,contrast=0.9,gamma=1.2,saturation=0",
        ),
        ("percent", "width%3D64%2Cbackground%3Drgb(10%2C20%2C30)"),
        ("trim", "trim=10;20;30;40,rotate=90,flip=hv"),
        ("widths", "width=auto,wbreakpoints=320;640"),
    ];
    texts.map(|(name, text)| (name, text.into())).into()
}

/// Values of `Accept`.
pub fn accept_seeds() -> Seeds {
    let texts = [
        (
            "chromium",
            "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        ),
        (
            "weights",
            "image/webp;q=0, image/*;q=0.5;x=\"a,b\", */*;q=0.001",
        ),
        ("odd", ",, image/webp ; Q=1.000 ,text/html;level=1"),
    ];
    texts.map(|(name, text)| (name, text.into())).into()
}

/// `Priority`, `cf-priority` and `cf-priority-change`, a line each: plans are in order.
pub fn priority(input: &[u8]) {
    let mut lines = input.split(|byte| *byte == b'\n');
    let client = Priority::parse(lines.next().unwrap_or_default());
    let merged = client.merge(lines.next().unwrap_or_default());
    assert!(merged.urgency.value() <= 7);
    let mut text = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (level, changes) = (text(), text());
    if let Some(plan) = Plan::parse_cf(&level, Some(&changes)) {
        let offsets: Vec<u64> = plan.phases().iter().map(|phase| phase.offset).collect();
        assert!(
            offsets.first() == Some(&0) && offsets.is_sorted(),
            "{offsets:?}"
        );
    }
}

/// Seeds of [`priority`].
pub fn priority_seeds() -> Seeds {
    let texts = [
        ("plain", "u=1, i\nu=5\n30/0\n512:20/1, 15000:10/n"),
        (
            "structured",
            "u=3;x=\"y\", i=?0, a=(1 2), b=:aGk=:\ni=?1\n63/n\n1:0/1",
        ),
        (
            "numbers",
            "u=99999999999999999999\nu=-1\n999/9\n99999999999999999999:1/1",
        ),
    ];
    texts.map(|(name, text)| (name, text.into())).into()
}
