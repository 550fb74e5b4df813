//! Upstream client: pools, address guard, redirects, upgrades.
