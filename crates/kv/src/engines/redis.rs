//! Redis and Valkey.
//!
//! Before the bytes of a value are sixteen that are its version. Whoever writes says so on a
//! channel named after the part of the key before its first slash.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, RedisError, RedisResult, Value as Answer,
};
use tokio::sync::{Mutex, watch};

use crate::engine::{Engine, Got, Page, Pending, Signal, Value, Version, room};
use crate::{KvError, KvSettings};

/// The bytes of a version.
const VERSION: usize = 16;
/// The longest wait for a connection, and for an answer to what no request waits for. What is
/// behind a broken connection is found out so late at most.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest that nobody listens for changes after the connection for that broke.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

/// Sets a key if its version is still the expected one.
const SET_IF: &str = "\
if redis.call('GETRANGE', KEYS[1], 0, 15) ~= ARGV[1] then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1";

/// The engine that is a server of Redis or Valkey, through one connection that is made when it is
/// needed.
pub struct Redis {
    client: Client,
    prefix: String,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Redis {
    /// The server at `url` of these settings. Connects to nothing yet.
    ///
    /// # Errors
    /// [`KvError::Setup`].
    pub fn new(settings: &KvSettings) -> Result<Self, KvError> {
        let url = settings.url.as_deref().unwrap_or_default();
        let wrong = |error: RedisError| KvError::Setup(said(&error));
        let info = url.into_connection_info().map_err(wrong)?;
        let mut login = info.redis_settings().clone();
        if !settings.user.0.is_empty() {
            login = login.set_username(&settings.user.0);
        }
        if !settings.password.0.is_empty() {
            login = login.set_password(&settings.password.0);
        }
        // One of several libraries may have done so already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::open(info.set_redis_settings(login)).map_err(wrong)?;
        Ok(Self {
            client,
            prefix: settings.prefix.clone(),
            connection: Mutex::new(None),
        })
    }

    /// The connection, made anew where there is none.
    async fn connection(&self) -> Result<MultiplexedConnection, KvError> {
        let mut held = self.connection.lock().await;
        if let Some(connection) = &*held {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let made = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| failure(&error))?;
        Ok(held.insert(made).clone())
    }

    /// Passes an answer on; a connection that is no good any more is dropped.
    async fn checked<T>(&self, answer: RedisResult<T>) -> Result<T, KvError> {
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => {
                if error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error() {
                    *self.connection.lock().await = None;
                }
                Err(failure(&error))
            }
        }
    }

    fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The channel on which changes of such keys are told.
    fn channel(&self, key: &str) -> String {
        format!("{}~{}", self.prefix, room(key))
    }

    async fn fetch(&self, key: &str, known: Option<&Version>, most: u64) -> Result<Got, KvError> {
        let mut connection = self.connection().await?;
        let name = self.name(key);
        if let Some(known) = known {
            let mut command = redis::cmd("GETRANGE");
            command.arg(&name).arg(0).arg(VERSION - 1);
            let version: Vec<u8> = self
                .checked(command.query_async(&mut connection).await)
                .await?;
            if version == *known.0 {
                return Ok(Got::Same);
            }
        }
        let mut command = redis::cmd("GETRANGE");
        // One byte more than allowed tells that there is more.
        command.arg(&name).arg(0).arg(most + VERSION as u64);
        let whole: Bytes = match self
            .checked(command.query_async(&mut connection).await)
            .await?
        {
            Answer::BulkString(bytes) => bytes.into(),
            Answer::Nil => return Ok(Got::Nothing),
            _ => return Err(KvError::Nonsense("no text")),
        };
        if whole.is_empty() {
            return Ok(Got::Nothing);
        }
        if whole.len() < VERSION {
            return Err(KvError::Nonsense("a value without a version"));
        }
        if (whole.len() - VERSION) as u64 > most {
            return Err(KvError::TooLarge { most });
        }
        Ok(Got::Value(Value {
            version: Version::new(&whole[..VERSION]),
            bytes: whole.slice(VERSION..),
        }))
    }

    async fn page(&self, prefix: &str, from: Option<&str>, most: usize) -> Result<Page, KvError> {
        let mut connection = self.connection().await?;
        let mut command = redis::cmd("SCAN");
        command.arg(from.unwrap_or("0")).arg("MATCH");
        command.arg(pattern(&self.name(prefix)));
        command.arg("COUNT").arg(most.clamp(1, 10_000));
        let scanned: (String, Vec<String>) = self
            .checked(command.query_async(&mut connection).await)
            .await?;
        let (next, names) = scanned;
        let mut page = Page {
            keys: Vec::with_capacity(names.len()),
            next: (next != "0").then_some(next),
        };
        if names.is_empty() {
            return Ok(page);
        }
        let mut commands = redis::pipe();
        for name in &names {
            commands.cmd("GETRANGE").arg(name).arg(0).arg(VERSION - 1);
        }
        let versions: Vec<Vec<u8>> = self
            .checked(commands.query_async(&mut connection).await)
            .await?;
        for (name, version) in names.into_iter().zip(versions) {
            if let Some(key) = name.strip_prefix(&self.prefix)
                && version.len() == VERSION
            {
                page.keys.push((key.to_owned(), Version::new(&version)));
            }
        }
        Ok(page)
    }
}

impl Engine for Redis {
    fn get<'a>(&'a self, key: &'a str, known: Option<&'a Version>, most: u64) -> Pending<'a, Got> {
        Box::pin(self.fetch(key, known, most))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        expires: Option<Duration>,
    ) -> Pending<'a, Version> {
        Box::pin(async move {
            let mut connection = self.connection().await?;
            let (version, record) = with_version(&bytes);
            let mut commands = redis::pipe();
            let set = commands.cmd("SET").arg(self.name(key)).arg(record);
            if let Some(time) = expires {
                set.arg("PX").arg(time.as_millis().max(1) as u64);
            }
            commands.ignore();
            commands.cmd("PUBLISH").arg(self.channel(key)).arg(key);
            commands.ignore();
            let answer: RedisResult<()> = commands.query_async(&mut connection).await;
            self.checked(answer).await?;
            Ok(version)
        })
    }

    fn compare_and_set<'a>(
        &'a self,
        key: &'a str,
        expected: Option<&'a Version>,
        bytes: Bytes,
        expires: Option<Duration>,
    ) -> Pending<'a, Option<Version>> {
        Box::pin(async move {
            let mut connection = self.connection().await?;
            let (version, record) = with_version(&bytes);
            let expected = expected.map_or(&b""[..], |version| &version.0);
            let time = expires.map_or(0, |time| time.as_millis().max(1) as u64);
            let mut command = redis::cmd("EVAL");
            command.arg(SET_IF).arg(1).arg(self.name(key));
            command.arg(expected).arg(record).arg(time);
            let answer: RedisResult<u32> = command.query_async(&mut connection).await;
            if self.checked(answer).await? == 0 {
                return Ok(None);
            }
            let mut command = redis::cmd("PUBLISH");
            command.arg(self.channel(key)).arg(key);
            // It is written, whoever hears of it.
            let _: RedisResult<()> = command.query_async(&mut connection).await;
            Ok(Some(version))
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> Pending<'a, ()> {
        Box::pin(async move {
            let mut connection = self.connection().await?;
            let mut commands = redis::pipe();
            commands.cmd("DEL").arg(self.name(key)).ignore();
            commands.cmd("PUBLISH").arg(self.channel(key)).arg(key);
            commands.ignore();
            let answer: RedisResult<()> = commands.query_async(&mut connection).await;
            self.checked(answer).await
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        from: Option<&'a str>,
        most: usize,
    ) -> Pending<'a, Page> {
        Box::pin(self.page(prefix, from, most))
    }

    fn signal(&self, prefix: &str) -> Option<Signal> {
        let (sender, signal) = watch::channel(());
        let (client, channel) = (self.client.clone(), self.channel(prefix));
        tokio::spawn(async move {
            tokio::select! {
                () = sender.closed() => {}
                () = listen(&client, &channel, &sender) => {}
            }
        });
        Some(signal)
    }
}

/// Listens on a channel for ever, and connects again when that ends.
async fn listen(client: &Client, channel: &str, told: &watch::Sender<()>) {
    loop {
        // A server that takes the connection and is silent is left alone after a while.
        let joining = async {
            let mut listener = client.get_async_pubsub().await?;
            listener.subscribe(channel).await?;
            RedisResult::Ok(listener)
        };
        if let Ok(Ok(listener)) = tokio::time::timeout(LISTEN_AGAIN, joining).await {
            // Something may have been said meanwhile.
            told.send_replace(());
            let mut messages = listener.into_on_message();
            while messages.next().await.is_some() {
                told.send_replace(());
            }
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

/// A new version, and the bytes with it before them.
fn with_version(bytes: &[u8]) -> (Version, Vec<u8>) {
    let version = fastrand::u128(..).to_le_bytes();
    let mut record = Vec::with_capacity(VERSION + bytes.len());
    record.extend_from_slice(&version);
    record.extend_from_slice(bytes);
    (Version::new(&version), record)
}

/// The pattern for all that begins so, with nothing in it that means something else.
fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 8);
    for letter in prefix.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\' | '^') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('*');
    pattern
}

fn failure(error: &RedisError) -> KvError {
    if error.is_timeout() {
        KvError::Timeout
    } else if error.is_io_error() || error.is_connection_dropped() || error.is_connection_refusal()
    {
        KvError::Unreachable(said(error))
    } else if error.kind() == redis::ErrorKind::Parse {
        KvError::Nonsense("no answer of Redis")
    } else {
        KvError::Refused(said(error))
    }
}

/// What an error is, without what a server says in its own words.
fn said(error: &RedisError) -> String {
    match (error.code(), std::error::Error::source(error)) {
        (Some(code), _) => code.to_owned(),
        (None, Some(source)) => source.to_string(),
        (None, None) => error.category().to_owned(),
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}
