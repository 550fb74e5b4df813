//! Which engine, where it is, and how patient to be with it.

use std::path::PathBuf;
use std::time::Duration;

use base::ByteSize;
use base::settings::{Report, Secret};

base::choices! {
    /// What the store behind is kept in.
    pub enum EngineChoice {
        /// There is none.
        None = "none",
        /// A file of this machine, for one process.
        Embedded = "embedded",
        /// Redis or Valkey.
        Redis = "redis",
        /// A bucket that speaks S3, with conditional writes.
        S3 = "s3",
    }
}

base::settings! {
    /// The store behind: what the nodes of a fleet share. Pictures that were made, texts that were
    /// compressed at their best, and word of what was purged. See [fleet.md](fleet.md).
    pub struct KvSettings {
        /// What it is kept in. A fleet needs `redis` or `s3`; `embedded` is for one process.
        engine: EngineChoice = EngineChoice::None,
        /// Where it is. Redis: `redis://host:6379/0`, `rediss://` with TLS, or
        /// `redis+unix:///path/of/socket`. S3: `https://host/bucket`. No password belongs here.
        url: Option<String> = None,
        /// The user of Redis, or the access key of S3. Best given as `FIRSTLIGHT_KV_USER` (for S3
        /// also `AWS_ACCESS_KEY_ID`) in the environment.
        user: Secret = Secret::default(),
        /// The password of Redis, or the secret key of S3. Best given as `FIRSTLIGHT_KV_PASSWORD`
        /// (for S3 also `AWS_SECRET_ACCESS_KEY`) in the environment.
        password: Secret = Secret::default(),
        /// The session token of S3, where there is one. Best given as `FIRSTLIGHT_KV_TOKEN` or
        /// `AWS_SESSION_TOKEN` in the environment.
        token: Secret = Secret::default(),
        /// The region of S3.
        region: String = "us-east-1".into(),
        /// What every key begins with. Fleets that share an engine each need their own.
        prefix: String = "firstlight/".into(),
        /// The file of the embedded engine. Not set: `kv.redb` in the state directory
        /// (`front.state`).
        path: Option<PathBuf> = None,
        /// The room that the embedded engine's values may take; the oldest make room.
        size: ByteSize = ByteSize::mib(1024),
        /// The longest that a request waits for the store behind.
        timeout: Duration = Duration::from_millis(100),
        /// The longest that work in the background waits for it.
        patience: Duration = Duration::from_secs(5),
        /// How often word of purges is looked for. What is purged on one node is gone from the
        /// others after this and `patience` at most, while the store behind works.
        purges_every: Duration = Duration::from_secs(1),
        /// How long something is kept there, at most 30 days.
        keep: Duration = Duration::from_secs(7 * 24 * 3600),
        /// The largest single thing that is kept there.
        max_entry: ByteSize = ByteSize::mib(8),
        /// The least processor time that makes something worth sharing.
        min_cost: Duration = Duration::from_millis(2),
        /// Memory for what waits to be brought there; what finds no room is not shared.
        queue: ByteSize = ByteSize::mib(32),
    }
}

impl KvSettings {
    /// Takes what is not given from the environment, which `variable` reads.
    pub fn complete(&mut self, variable: impl Fn(&str) -> Option<String>) {
        let s3 = self.engine == EngineChoice::S3;
        for (secret, own, common) in [
            (&mut self.user, "FIRSTLIGHT_KV_USER", "AWS_ACCESS_KEY_ID"),
            (
                &mut self.password,
                "FIRSTLIGHT_KV_PASSWORD",
                "AWS_SECRET_ACCESS_KEY",
            ),
            (&mut self.token, "FIRSTLIGHT_KV_TOKEN", "AWS_SESSION_TOKEN"),
        ] {
            if secret.0.is_empty() {
                let common = || s3.then(|| variable(common)).flatten();
                secret.0 = variable(own).or_else(common).unwrap_or_default();
            }
        }
    }

    /// Reports settings that contradict each other; `place` is the path of the table.
    pub fn check(&self, place: &str, report: &mut Report) {
        let at = |key: &str| base::settings::join(place, key);
        let (schemes, form): (&[&str], _) = match self.engine {
            EngineChoice::None | EngineChoice::Embedded => (&[], ""),
            EngineChoice::Redis => (
                &["redis", "rediss", "redis+unix"],
                "`redis://`, `rediss://` or `redis+unix://` with an address",
            ),
            EngineChoice::S3 => (&["https", "http"], "`https://host/bucket`"),
        };
        if let Some((scheme, rest)) = self.url.as_deref().unwrap_or_default().split_once("://")
            && !schemes.is_empty()
        {
            let authority = rest.split('/').next().unwrap_or_default();
            if authority.contains('@') {
                // What is rejected is shown, and this must not be.
                report.reject(&at("url"), "", "a URL without user and password");
            } else if !schemes.contains(&scheme) || !self.has_place(rest) {
                report.reject(&at("url"), format!("{scheme}://{authority}"), form);
            }
        } else if !schemes.is_empty() {
            report.reject(&at("url"), "", form);
        }
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
        if self.prefix.len() > 128 || !self.prefix.bytes().all(fine) {
            let form = "at most 128 letters, digits and `/-_.`";
            report.reject(&at("prefix"), &*self.prefix, form);
        }
        if self.keep > LONGEST {
            let days = format!("{} days", self.keep.as_secs() / 86_400);
            report.reject(&at("keep"), days, "at most 30 days");
        }
        for (name, time) in [
            ("timeout", self.timeout),
            ("patience", self.patience),
            ("purges_every", self.purges_every),
        ] {
            if time < Duration::from_millis(1) {
                report.reject(&at(name), "0", "at least one millisecond");
            }
        }
    }

    /// Whether what comes after the scheme says where the engine is.
    fn has_place(&self, rest: &str) -> bool {
        match self.engine {
            EngineChoice::S3 => {
                let bucket = rest.split_once('/').map(|(_, bucket)| bucket);
                let bucket = bucket.map(|bucket| bucket.trim_end_matches('/'));
                bucket.is_some_and(|bucket| !bucket.is_empty() && !bucket.contains(['/', '?']))
            }
            _ => !rest.is_empty(),
        }
    }
}

/// The longest that something is kept.
pub(crate) const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
