//! Connections for reads that wait. A waiting read holds its connection, so each has one of its own, and pushes never
//! queue up behind it.

use std::sync::{Mutex, PoisonError};

use redis::{Cmd, RedisResult, aio::MultiplexedConnection, streams::StreamReadReply};

use crate::{RedisLink, link::is_cut};

/// Idle connections beyond this are closed.
const IDLE_MAX: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Readers {
    idle: Mutex<Vec<MultiplexedConnection>>,
}

impl Readers {
    /// Sends a command that may wait. When the future is dropped, so is the connection, which ends the wait at the
    /// server too.
    pub(super) async fn read(&self, link: &RedisLink, command: &Cmd) -> RedisResult<Option<StreamReadReply>> {
        let used = self.with(Vec::pop);
        if let Some(mut connection) = used {
            match command.query_async(&mut connection).await {
                Err(error) if is_cut(&error) => self.with(Vec::clear),
                result => return self.kept(connection, result),
            }
        }
        let mut connection = link.connect().await?;
        let result = command.query_async(&mut connection).await;
        self.kept(connection, result)
    }

    fn kept<T>(&self, connection: MultiplexedConnection, result: RedisResult<T>) -> RedisResult<T> {
        // After an I/O error, a late answer might be taken for that of the next command.
        if !result.as_ref().is_err_and(redis::RedisError::is_io_error) {
            self.with(|idle| {
                if idle.len() < IDLE_MAX {
                    idle.push(connection);
                }
            });
        }
        result
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<MultiplexedConnection>) -> T) -> T {
        act(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
