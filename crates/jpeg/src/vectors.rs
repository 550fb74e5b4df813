//! The same safe code compiled twice: for any processor, and for those with AVX2 and its
//! companions, chosen at run time. There are no intrinsics here; the compiler makes the vectors.
#![expect(
    unsafe_code,
    reason = "calling a function compiled for more of the processor than the build assumes"
)]

use crate::coefficients::Block;
use crate::dct::Quantiser;
use crate::decoder::{
    self, Bad, Carried, INDICES, Part, Reader, Relay, Run, Skimmed, Skimmer, Skims,
};
use crate::tokens::Tokens;
use crate::{Plane, bits, forward, planes, tokens};

/// Declares a function that runs another one in its AVX2 form where the processor allows it.
macro_rules! dispatched {
    (
        $(#[$doc:meta])*
        $name:ident => $body:path, ($($argument:ident: $kind:ty),*) $(-> $result:ty)?
    ) => {
        $(#[$doc])*
        pub(crate) fn $name($($argument: $kind),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
                fn wide($($argument: $kind),*) $(-> $result)? {
                    $body($($argument),*)
                }
                if is_wide() {
                    // SAFETY: `is_wide` has just found every feature that `wide` is compiled for.
                    return unsafe { wide($($argument),*) };
                }
            }
            $body($($argument),*)
        }
    };
}

#[cfg(target_arch = "x86_64")]
fn is_wide() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("lzcnt")
        && std::arch::is_x86_feature_detected!("popcnt")
}

dispatched!(
    /// See [`forward::transform_row`].
    transform_row => forward::transform_row,
    (plane: &Plane, y: usize, quantiser: &Quantiser, out: &mut [Block])
);
dispatched!(
    /// See [`planes::convert_row`].
    convert_row => planes::convert_row,
    (rgb: &[u8], y: &mut [u8], cb: &mut [u8], cr: &mut [u8])
);
dispatched!(
    /// See [`tokens::masks`].
    masks => tokens::masks,
    (blocks: &[Block], masks: &mut [u64])
);
dispatched!(
    /// See [`bits::emit`].
    emit => bits::emit,
    (parts: &[&[u32]], codes: &[u64; 2048], out: &mut Vec<u8>)
);
dispatched!(
    /// See [`bits::emit`].
    emit_look_ups => bits::emit,
    (parts: &[&[u32]], codes: &[u64; INDICES], out: &mut Vec<u8>)
);
dispatched!(
    /// See [`decoder::decode_row`].
    decode_row => decoder::decode_row,
    (run: &mut Run<'_>, reader: &mut Reader<'_>, carried: &mut Carried, place: (usize, usize, usize))
        -> Result<(), Bad>
);
dispatched!(
    /// See [`decoder::skimmed_row`].
    skimmed_row => decoder::skimmed_row,
    (run: &mut Run<'_>, skimmed: Skimmed<'_>, carried: &mut Carried,
        place: (usize, usize, usize)) -> Result<(), Bad>
);
dispatched!(
    /// See [`decoder::skim`].
    skim => decoder::skim,
    (skimmer: &mut Skimmer, skims: &Skims<'_>, data: &[u8]) -> Result<(), Bad>
);
dispatched!(
    /// See [`decoder::relay_row`].
    relay_row => decoder::relay_row,
    (relay: &mut Relay<'_>, reader: &mut Reader<'_>, count: usize) -> Result<(), Bad>
);
dispatched!(
    /// See [`decoder::relay_end`].
    relay_end => decoder::relay_end,
    (relay: &mut Relay<'_>, y: usize)
);
dispatched!(
    /// See [`decoder::render_row`].
    render_row => decoder::render_row,
    (part: &mut Part, kept: usize, row: usize)
);
dispatched!(
    /// See [`decoder::halves_row`].
    halves_row => decoder::halves_row,
    (rows: (&[u8], &[u8]), halves: [u16; 2], between: &mut [u16], out: &mut [u8])
);
dispatched!(
    /// See [`decoder::rgb_row`].
    rgb_row => decoder::rgb_row,
    (rows: [&[u8]; 3], out: &mut [u8])
);
dispatched!(
    /// See [`tokens::dc_bits`].
    dc_bits => tokens::dc_bits,
    (dc: &[i16], low: u8, tokens: &mut Tokens)
);
dispatched!(
    /// See [`tokens::dc_differences`].
    dc_differences => tokens::dc_differences,
    (dc: &[i16], units: &[usize], low: u8, tokens: &mut Tokens)
);
