//! Test rig: origin, clients that record frames, an emulated link, a browser (dev only).
