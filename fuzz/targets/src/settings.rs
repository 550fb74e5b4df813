//! Configuration files.

use server::Config;

use crate::Seeds;

/// A configuration file: a refusal names each problem at a line of the file.
pub fn config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Err(report) = Config::parse("fuzz.toml", text) {
        let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
        assert!(!report.is_clean());
        assert!(
            report
                .problems()
                .iter()
                .all(|problem| problem.line <= lines),
            "{report}"
        );
    }
}

/// Seeds of [`config`].
pub fn seeds() -> Seeds {
    let texts = [
        (
            "whole.toml",
            "threads = 2\n[front]\nhttps = ['[::1]:8443']\nhttp = []\nshutdown_grace = '5s'\n\
             [cache]\nmemory = '64 MiB'\n[[site]]\nhosts = ['example.com', '*.example.com']\n\
             origin = 'http://127.0.0.1:3000'\n",
        ),
        (
            "wrong.toml",
            "threads = -1\n[frontt]\n[front]\nhttps = 'x'\n[[site]]\nhosts = [1, 'a b']\n\
             origin = \"ftp://\\u00e9\"\n[[site]]\n",
        ),
        (
            "syntax.toml",
            "a = = 1\n[b\nc = {d = [1, 2.5e3, 0x_f, 1979-05-27T07:32:00Z]}\n",
        ),
    ];
    texts.map(|(name, text)| (name, text.into())).into()
}
