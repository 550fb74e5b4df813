//! Progressive JPEG: scan script, writer, scan map (pure).
