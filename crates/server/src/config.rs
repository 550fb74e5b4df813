//! The whole configuration file.

use std::path::{Path, PathBuf};

use base::settings::Report;
use cache::StoreSettings;
use front::{CertificateSettings, FrontSettings};
use kv::{EngineChoice, KvSettings};
use modules::SiteSettings;
use modules::purge::PurgeSettings;
use origin::{OriginSettings, Upstream};
use workshop::WorkshopSettings;

use crate::{ConfigError, checks};

base::settings! {
    /// The whole configuration file.
    pub struct Config {
        /// Threads that move bytes; not set: one for each core. Pictures have threads of their
        /// own, see `workshop`.
        threads: Option<usize> = None,
        /// How visitors connect: addresses, certificates, time-outs and limits.
        front: FrontSettings = FrontSettings::default(),
        /// Connections to the sites' origins and to other sources of pictures.
        origin: OriginSettings = OriginSettings::default(),
        /// The work on pictures: how much at once, and how long.
        workshop: WorkshopSettings = WorkshopSettings::default(),
        /// What is kept of responses and pictures.
        cache: StoreSettings = StoreSettings::default(),
        /// The store behind: what the nodes of a fleet share. See [fleet.md](fleet.md).
        kv: KvSettings = KvSettings::default(),
        /// Purges asked for by HTTP.
        purge: PurgeSettings = PurgeSettings::default(),
        /// The sites, each with its hosts and its origin.
        site: Vec<SiteSettings> = Vec::new(),
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`], or [`ConfigError::Wrong`] with every problem at once.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let source = std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
        Self::parse(&path.display().to_string(), &source).map_err(ConfigError::Wrong)
    }

    /// Reads a text, called `file` in messages.
    ///
    /// # Errors
    /// The report of everything that is wrong.
    pub fn parse(file: &str, source: &str) -> Result<Self, Report> {
        base::settings::read_and_check(file, source, checks::check).map(|(config, _)| config)
    }

    /// The configuration for one site, whatever host is asked for, in front of `origin`; all else
    /// has its default.
    ///
    /// # Errors
    /// [`ConfigError::Origin`] if `origin` is no URL of an origin.
    pub fn for_origin(origin: &str) -> Result<Self, ConfigError> {
        let origin = Upstream::parse(origin).map_err(ConfigError::Origin)?;
        let site = SiteSettings {
            origin: Some(origin),
            ..SiteSettings::default()
        };
        let mut config = Self {
            site: vec![site],
            ..Self::default()
        };
        // The next start may be in front of another site, at the same address.
        config.cache.disk.enabled = false;
        Ok(config)
    }

    /// The same, but nothing outside this process is changed: no log file is opened, no disk is used. For checks
    /// and rehearsals.
    #[must_use]
    pub fn for_rehearsal(mut self) -> Self {
        for site in &mut self.site {
            site.access_log.target = "stderr".into();
        }
        self.cache.disk.enabled = false;
        self.kv.engine = EngineChoice::None;
        self
    }

    /// The encoders that make AVIF for the sites, in words, each once.
    pub fn avif_encoders(&self) -> Vec<String> {
        let with_pictures = self.site.iter().filter(|site| site.images.enabled);
        let mut encoders: Vec<_> = with_pictures
            .map(|site| site.images.avif_encoder.explain())
            .collect();
        encoders.sort();
        encoders.dedup();
        encoders
    }

    /// Where the cache is on disk; `None` if it is not.
    pub fn cache_path(&self) -> Option<PathBuf> {
        let disk = &self.cache.disk;
        let state = self.front.state.as_ref();
        let path = disk.path.clone().or_else(|| Some(state?.join("cache")));
        path.filter(|_| disk.enabled)
    }

    /// Takes what the file does not say of passwords from the environment, which `variable` reads.
    pub fn complete_secrets(&mut self, variable: impl Fn(&str) -> Option<String>) {
        self.kv.complete(&variable);
        self.purge.complete(variable);
    }

    /// Serves with this certificate alone.
    pub fn set_certificate(&mut self, certificate: PathBuf, key: PathBuf) {
        self.front.certificate = vec![CertificateSettings { certificate, key }];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_readme_is_understood() {
        let readme = include_str!("../../../README.md");
        let (_, example) = readme.split_once("```toml\n").unwrap();
        let (example, _) = example.split_once("```").unwrap();
        let report = Config::parse("README.md", example).map_err(|report| report.problems());
        // Its certificate files are not here; nothing else is wrong with it.
        let problems = report.err().unwrap_or_default();
        let keys: Vec<_> = problems
            .iter()
            .map(|problem| problem.key.as_str())
            .collect();
        assert_eq!(
            keys,
            [
                "front.certificate[0].certificate",
                "front.certificate[0].key"
            ]
        );
    }

    #[test]
    fn an_origin_is_enough() {
        let config = Config::for_origin("http://127.0.0.1:3000").unwrap();
        assert!(config.site.len() == 1 && config.site[0].hosts.is_empty());
        let mut report = Report::new("nowhere", "");
        checks::check(&config, &mut report);
        assert!(report.is_clean(), "{report}");
        for wrong in ["127.0.0.1:3000", "ftp://example.com", "http://", ""] {
            let error = Config::for_origin(wrong);
            assert!(matches!(error, Err(ConfigError::Origin(_))), "{wrong}");
        }
    }
}
