//! HTTP caching: policy (pure) and a bounded store.
