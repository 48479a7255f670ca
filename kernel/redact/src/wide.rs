//! Whole vectors of sixty-four bytes.

use std::arch::x86_64::{__m512i, _mm512_loadu_si512};

/// Whether this processor packs the bytes of a whole vector at once, and looks them up in tables.
#[inline]
pub(crate) fn has_compress() -> bool {
    std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vbmi")
        && std::arch::is_x86_feature_detected!("avx512vbmi2")
        && std::arch::is_x86_feature_detected!("popcnt")
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "a load of a whole vector")]
pub(crate) fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: sixty-four bytes are there.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}
