//! What no setting can know alone: settings that contradict each other.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;

use base::settings::Report;
use front::ByteLogSettings;
use kv::EngineChoice;
use modules::headers::HeadersModule;

use crate::Config;

/// Reports every contradiction.
pub fn check(config: &Config, report: &mut Report) {
    sites(config, report);
    addresses(config, report);
    byte_log(&config.front.byte_log, report);
    certificates(config, report);
    store_behind(config, report);
}

fn store_behind(config: &Config, report: &mut Report) {
    config.kv.check("kv", report);
    config.purge.check("purge", report);
    let placeless = config.kv.path.is_none() && config.front.state.is_none();
    if config.kv.engine == EngineChoice::Embedded && placeless {
        report.reject("kv.path", "", "a file, or a `front.state` directory");
    }
}

fn sites(config: &Config, report: &mut Report) {
    if config.site.is_empty() {
        report.reject("site", "", "at least one `[[site]]`");
    }
    let mut owners: HashMap<&str, usize> = HashMap::new();
    let mut catch_all = None;
    for (place, site) in config.site.iter().enumerate() {
        let table = format!("site[{place}]");
        site.check(&table, report);
        // What it makes of its settings is of no use yet; what it says of them is.
        HeadersModule::new(&site.headers, &format!("{table}.headers"), report);
        let target = format!("{table}.access_log.target");
        log_file(&site.access_log.target, &target, report);
        for (number, host) in site.hosts.iter().enumerate() {
            if let Some(owner) = owners.insert(host, place) {
                let expected = format!("a host that `site[{owner}]` does not have already");
                report.reject(&format!("{table}.hosts[{number}]"), host, expected);
            }
        }
        if site.hosts.is_empty()
            && let Some(first) = catch_all.replace(place)
        {
            let expected = format!("hosts; `site[{first}]` has all others already");
            report.reject(&format!("{table}.hosts"), "", expected);
        }
    }
}

/// A log file is opened when the server starts; that it cannot be is known before.
fn log_file(target: &str, key: &str, report: &mut Report) {
    let directory = match Path::new(target).parent() {
        Some(directory) if !matches!(target, "stdout" | "stderr") => directory,
        _ => return,
    };
    if !directory.as_os_str().is_empty() && !directory.is_dir() {
        report.reject(key, target, "a file in a directory that is there");
    }
}

fn byte_log(settings: &ByteLogSettings, report: &mut Report) {
    if !(0.0..=1.0).contains(&settings.share) {
        let share = settings.share.to_string();
        report.reject("front.byte_log.share", share, "a number from 0 to 1");
    }
    if let Some(target) = &settings.target {
        log_file(target, "front.byte_log.target", report);
    }
}

fn addresses(config: &Config, report: &mut Report) {
    let all: Vec<(String, SocketAddr)> =
        [("https", &config.front.https), ("http", &config.front.http)]
            .into_iter()
            .flat_map(|(name, list)| {
                list.iter()
                    .enumerate()
                    .map(move |(place, address)| (format!("front.{name}[{place}]"), *address))
            })
            .collect();
    if all.is_empty() {
        report.reject(
            "front.https",
            "[]",
            "at least one address in `https` or `http`",
        );
    }
    for (place, (key, address)) in all.iter().enumerate() {
        let taken = all
            .iter()
            .take(place)
            .find(|(_, other)| collide(*address, *other));
        if let Some((other, _)) = taken {
            let expected = format!("an address that `{other}` does not listen on");
            report.reject(key, address.to_string(), expected);
        }
    }
}

/// Whether two addresses cannot both be listened on: `[::]` takes every address of its port.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let wide = |address: SocketAddr| address.ip().is_unspecified();
    let same_family = one.is_ipv4() == other.is_ipv4();
    let takes = |wide_one: SocketAddr, narrow: SocketAddr| {
        wide(wide_one) && (wide_one.is_ipv6() || narrow.is_ipv4())
    };
    one.port() != 0
        && one.port() == other.port()
        && (one.ip() == other.ip() && same_family || takes(one, other) || takes(other, one))
}

fn certificates(config: &Config, report: &mut Report) {
    for (place, certificate) in config.front.certificate.iter().enumerate() {
        let files = [
            ("certificate", &certificate.certificate),
            ("key", &certificate.key),
        ];
        for (name, path) in files {
            let key = format!("front.certificate[{place}].{name}");
            if path.as_os_str().is_empty() {
                report.reject(&key, "", "the path of a PEM file");
            } else if let Err(error) = std::fs::File::open(path) {
                report.reject(
                    &key,
                    path.display().to_string(),
                    format!("a readable file ({error})"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(source: &str) -> Vec<(usize, String)> {
        let problems = Config::parse("test.toml", source).map_err(|report| report.problems());
        let problems = problems.err().unwrap_or_default();
        problems
            .into_iter()
            .map(|problem| (problem.line, problem.key))
            .collect()
    }

    fn problem(line: usize, key: &str) -> (usize, String) {
        (line, key.to_owned())
    }

    #[test]
    fn a_good_file_has_no_problem() {
        let source = "[[site]]\nhosts = ['example.com', '*.example.com', '[::1]', '127.0.0.1']\n\
                      origin = 'http://127.0.0.1:3000'\n[[site]]\norigin = 'https://example.net'\n";
        assert_eq!(problems(source), []);
    }

    #[test]
    fn sites_that_want_the_same_are_found() {
        let source = "[[site]]\nhosts = ['example.com']\norigin = 'http://127.0.0.1:1'\n\
                      [[site]]\nhosts = ['a b', 'example.com']\norigin = 'nowhere'\n\
                      [[site]]\norigin = 'http://127.0.0.1:1'\n\
                      [[site]]\norigin = 'http://127.0.0.1:1'\n";
        let expected = [
            problem(5, "site[1].hosts[0]"),
            problem(5, "site[1].hosts[1]"),
            problem(6, "site[1].origin"),
            problem(9, "site[3].hosts"),
        ];
        assert_eq!(problems(source), expected);
    }

    #[test]
    fn a_log_file_needs_its_directory() {
        let site = |target: &str| {
            problems(&format!(
                "[[site]]\norigin = 'http://127.0.0.1:1'\n[site.access_log]\ntarget = '{target}'\n"
            ))
        };
        for fine in ["stdout", "stderr", "access.log", "/tmp/access.log"] {
            assert_eq!(site(fine), [], "{fine}");
        }
        let expected = [problem(4, "site[0].access_log.target")];
        assert_eq!(site("/no/such/directory/access.log"), expected);
    }

    #[test]
    fn a_byte_log_has_a_share_and_a_directory() {
        let source = "[front.byte_log]\nshare = 1.5\ntarget = '/no/such/directory/bytes'\n\
                      [[site]]\norigin = 'http://127.0.0.1:1'\n";
        let expected = [
            problem(2, "front.byte_log.share"),
            problem(3, "front.byte_log.target"),
        ];
        assert_eq!(problems(source), expected);
    }

    #[test]
    fn no_site_is_a_problem() {
        assert_eq!(problems("threads = 2\n"), [problem(0, "site")]);
    }

    #[test]
    fn addresses_that_collide_are_found() {
        let site = "[[site]]\norigin = 'http://127.0.0.1:1'\n";
        let front = |https: &str, http: &str| {
            problems(&format!(
                "[front]\nhttps = [{https}]\nhttp = [{http}]\n{site}"
            ))
        };
        assert_eq!(front("'[::]:443'", "'0.0.0.0:80'"), []);
        assert_eq!(front("'127.0.0.1:0', '127.0.0.1:0'", ""), []);
        assert_eq!(front("'127.0.0.1:1'", "'127.0.0.2:1'"), []);
        assert_eq!(front("'0.0.0.0:1'", "'[::1]:1'"), []);
        assert_eq!(
            front("'[::]:1'", "'127.0.0.1:1'"),
            [problem(3, "front.http[0]")]
        );
        assert_eq!(
            front("'127.0.0.1:1', '0.0.0.0:1'", ""),
            [problem(2, "front.https[1]")]
        );
        assert_eq!(front("", ""), [problem(2, "front.https")]);
    }

    #[test]
    fn a_certificate_that_is_not_there_is_found() {
        let source = "[[front.certificate]]\ncertificate = 'nowhere/at-all.pem'\n\
                      [[site]]\norigin = 'http://127.0.0.1:1'\n";
        let expected = [
            problem(1, "front.certificate[0].key"),
            problem(2, "front.certificate[0].certificate"),
        ];
        assert_eq!(problems(source), expected);
    }
}
