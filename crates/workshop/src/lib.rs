//! CPU work: admission by cost, one flight per result, deadlines.
