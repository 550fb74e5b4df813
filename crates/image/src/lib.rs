//! Choose a variant; decode, place, resize, encode (pure).
