//! [`Bus`] over Redis streams.

use std::time::Duration;

use async_trait::async_trait;
use chimera_domain::{Ambient, TaskId};
use redis::{
    Cmd, Pipeline, RedisError, RedisResult, Value,
    streams::{StreamId, StreamRangeReply, StreamReadReply},
};
use tokio::time::Instant;

use super::{
    DeadLetter, DeliveryPolicy, QueueState, keys, line::Line, listener::RedisListener, readers::Readers,
    scripts::Scripts,
};
use crate::{Bus, BusError, Delivery, Listener, Queue, Receipt, RedisLink, Topic, link::WAIT_MAX};

/// A stream is cut to about this many entries, newest kept; the sweeper brings the others back.
const STREAM_MAX: usize = 100_000;

/// As many delayed ids are kept, those that came first.
const DELAYED_MAX: usize = 100_000;

/// As many dead letters are kept, about, newest kept.
const DEAD_MAX: usize = 10_000;

/// The most ids sent, moved or claimed by one command: what keeps the server from standing still for others.
const BATCH_MAX: usize = 500;

/// Forgotten deliveries are searched for at least this often.
const SEARCH_EVERY_MAX: Duration = Duration::from_secs(5);

/// A consumer that neither took nor holds anything for so long is forgotten.
const CONSUMER_GONE_AFTER: Duration = Duration::from_secs(60 * 60);

/// Queues in Redis 7.0 or newer, shared by many processes.
#[derive(Debug)]
pub struct RedisBus {
    link: RedisLink,
    consumer: String,
    policy: DeliveryPolicy,
    lines: [Line; 3],
    readers: Readers,
    scripts: Scripts,
}

impl RedisBus {
    /// Queues below the link's prefix. Each bus is a consumer of its own, named from the ambient dice.
    #[must_use]
    pub fn new(link: RedisLink, policy: DeliveryPolicy, ambient: &dyn Ambient) -> Self {
        let consumer = format!("{:032x}", u128::from_be_bytes(ambient.random()));
        let lines = Queue::ALL.map(|queue| Line::new(link.prefix(), queue));
        Self { link, consumer, policy, lines, readers: Readers::default(), scripts: Scripts::new() }
    }

    /// Up to `max` dead letters, newest first.
    ///
    /// # Errors
    /// [`BusError`] when the queue can't be reached.
    pub async fn dead_letters(&self, queue: Queue, max: usize) -> Result<Vec<DeadLetter>, BusError> {
        let mut ask = redis::cmd("XREVRANGE");
        ask.arg(&self.line(queue).dead).arg("+").arg("-").arg("COUNT").arg(max.max(1));
        let found: StreamRangeReply = self.link.command(&ask).await.map_err(failed(queue.as_str()))?;
        let letter = |entry: &StreamId| DeadLetter {
            id: entry.get(keys::FIELD_ID).unwrap_or_default(),
            deliveries: entry.get(keys::FIELD_DELIVERIES).unwrap_or_default(),
        };
        Ok(found.ids.iter().take(max).map(letter).collect())
    }

    fn line(&self, queue: Queue) -> &Line {
        let [task, review, publish] = &self.lines;
        match queue {
            Queue::Task => task,
            Queue::Review => review,
            Queue::Publish => publish,
        }
    }

    /// Moves what has fallen due; the time until the next does.
    async fn move_due(&self, line: &Line) -> RedisResult<Option<Duration>> {
        let mut ask = self.scripts.due.key(&line.delayed);
        ask.key(&line.stream).arg(STREAM_MAX).arg(BATCH_MAX);
        let millis: i64 = self.link.script(&ask).await?;
        Ok(u64::try_from(millis).ok().map(Duration::from_millis))
    }

    /// Takes over what other takers, or this one, seem to have forgotten.
    async fn reclaim(&self, line: &Line, max: usize) -> RedisResult<Vec<Delivery>> {
        let every = (self.policy.idle_max / 4).min(SEARCH_EVERY_MAX);
        let Some(cursor) = line.search_due(every) else { return Ok(vec![]) };
        let mut ask = self.scripts.reclaim.key(&line.stream);
        ask.key(&line.dead)
            .key(&line.wake)
            .arg(keys::GROUP)
            .arg(&self.consumer)
            .arg(millis(self.policy.idle_max))
            .arg(cursor)
            .arg(max.min(BATCH_MAX))
            .arg(self.policy.deliveries_max.max(1))
            .arg(DEAD_MAX)
            .arg(millis(CONSUMER_GONE_AFTER));
        let mut answer: Vec<String> = match self.link.script(&ask).await {
            // Without a group nothing was delivered; the next read makes one.
            Err(error) if is_without_group(&error) => return Ok(vec![]),
            other => other?,
        };
        if answer.is_empty() {
            return Ok(vec![]);
        }
        let claimed = answer.split_off(1);
        answer.into_iter().for_each(|cursor| line.searched_up_to(cursor));
        let pairs = claimed.chunks_exact(2).filter_map(|pair| match pair {
            [entry, id] => Some((entry.clone(), id.clone())),
            _ => None,
        });
        self.readable(line, pairs.collect()).await
    }

    /// New entries, waiting for the first, or until something falls due earlier than the caller knew; zero does not wait.
    async fn read(&self, line: &Line, max: usize, wait: Duration) -> RedisResult<Vec<Delivery>> {
        let mut ask = redis::cmd("XREADGROUP");
        ask.arg("GROUP").arg(keys::GROUP).arg(&self.consumer).arg("COUNT").arg(max);
        if !wait.is_zero() {
            // Zero would wait for ever.
            ask.arg("BLOCK").arg(millis(wait).max(1));
        }
        ask.arg("STREAMS").arg(&line.stream).arg(&line.wake).arg(">").arg(">");
        let found = match self.ask_group(&ask, wait).await {
            Err(error) if is_without_group(&error) => {
                self.make_groups(line).await?;
                match self.ask_group(&ask, wait).await {
                    // Flushed once more; the next look finds the group or makes it.
                    Err(error) if is_without_group(&error) => None,
                    other => other?,
                }
            }
            other => other?,
        };
        let (mut entries, mut wakes) = (vec![], redis::pipe());
        for key in found.into_iter().flat_map(|reply| reply.keys) {
            let wakes_only = key.key == line.wake;
            for entry in key.ids {
                if wakes_only {
                    forget(&mut wakes, &line.wake, &[&entry.id]);
                } else {
                    let id = entry.get(keys::FIELD_ID).unwrap_or_default();
                    entries.push((entry.id, id));
                }
            }
        }
        if !wakes.is_empty() {
            // One that stays behind does no harm, and the entries beside it must not be lost for it.
            let _ = self.link.pipeline::<()>(&wakes).await;
        }
        self.readable(line, entries).await
    }

    async fn ask_group(&self, ask: &Cmd, wait: Duration) -> RedisResult<Option<StreamReadReply>> {
        if wait.is_zero() { self.link.command(ask).await } else { self.readers.read(&self.link, ask).await }
    }

    /// Makes the streams and their groups, which see what waits already.
    async fn make_groups(&self, line: &Line) -> RedisResult<()> {
        for stream in [&line.stream, &line.wake] {
            let mut ask = redis::cmd("XGROUP");
            ask.arg("CREATE").arg(stream).arg(keys::GROUP).arg("0").arg("MKSTREAM");
            match self.link.command::<Value>(&ask).await {
                // Another taker was faster.
                Err(error) if error.code() == Some("BUSYGROUP") => {}
                other => other.map(drop)?,
            }
        }
        Ok(())
    }

    /// Deliveries of these entries; those that hold no task id become dead letters.
    async fn readable(&self, line: &Line, entries: Vec<(String, String)>) -> RedisResult<Vec<Delivery>> {
        let mut deliveries = Vec::with_capacity(entries.len());
        let mut burial = redis::pipe();
        burial.atomic();
        for (entry, id) in entries {
            if let Ok(task_id) = id.parse::<TaskId>() {
                deliveries.push(Delivery { task_id, receipt: Receipt(entry) });
            } else {
                burial.cmd("XADD").arg(&line.dead).arg("MAXLEN").arg("~").arg(DEAD_MAX).arg("*");
                burial.arg(keys::FIELD_ID).arg(id).arg(keys::FIELD_DELIVERIES).arg(0).ignore();
                forget(&mut burial, &line.stream, &[&entry]);
            }
        }
        if !burial.is_empty() {
            self.link.pipeline::<()>(&burial).await?;
        }
        Ok(deliveries)
    }

    async fn take_from(&self, line: &Line, max: usize, wait: Duration) -> RedisResult<Vec<Delivery>> {
        let began = Instant::now();
        loop {
            let next_due = self.move_due(line).await?;
            let claimed = self.reclaim(line, max).await?;
            if !claimed.is_empty() {
                return Ok(claimed);
            }
            let left = wait.saturating_sub(began.elapsed());
            let slice = next_due.map_or(WAIT_MAX, |due| due.min(WAIT_MAX)).min(left);
            let found = self.read(line, max, slice).await?;
            if !found.is_empty() || left.is_zero() {
                return Ok(found);
            }
        }
    }
}

#[async_trait]
impl Bus for RedisBus {
    async fn push(&self, queue: Queue, ids: &[TaskId]) -> Result<(), BusError> {
        let line = self.line(queue);
        for batch in ids.chunks(BATCH_MAX) {
            let mut pipeline = redis::pipe();
            for id in batch {
                pipeline.cmd("XADD").arg(&line.stream).arg("MAXLEN").arg("~").arg(STREAM_MAX).arg("*");
                pipeline.arg(keys::FIELD_ID).arg(id.to_string()).ignore();
            }
            self.link.pipeline::<()>(&pipeline).await.map_err(failed(queue.as_str()))?;
        }
        Ok(())
    }

    async fn push_after(&self, queue: Queue, ids: &[TaskId], delay: Duration) -> Result<(), BusError> {
        let line = self.line(queue);
        for batch in ids.chunks(BATCH_MAX) {
            let mut ask = self.scripts.delay.key(&line.delayed);
            ask.key(&line.wake).arg(millis(delay)).arg(DELAYED_MAX);
            for id in batch {
                ask.arg(id.to_string());
            }
            self.link.script::<i64>(&ask).await.map_err(failed(queue.as_str()))?;
        }
        Ok(())
    }

    async fn take(&self, queue: Queue, max: usize, wait: Duration) -> Result<Vec<Delivery>, BusError> {
        if max == 0 {
            return Ok(vec![]);
        }
        self.take_from(self.line(queue), max, wait).await.map_err(failed(queue.as_str()))
    }

    async fn acknowledge(&self, queue: Queue, receipts: &[Receipt]) -> Result<(), BusError> {
        let line = self.line(queue);
        // A receipt of another backend is empty, and the server would refuse it and its whole batch.
        let entries: Vec<&String> =
            receipts.iter().map(|receipt| &receipt.0).filter(|entry| !entry.is_empty()).collect();
        for batch in entries.chunks(BATCH_MAX) {
            let mut pipeline = redis::pipe();
            forget(&mut pipeline, &line.stream, batch);
            self.link.pipeline::<()>(&pipeline).await.map_err(failed(queue.as_str()))?;
        }
        Ok(())
    }

    async fn depth(&self, queue: Queue) -> Result<usize, BusError> {
        self.move_due(self.line(queue)).await.map_err(failed(queue.as_str()))?;
        Ok(self.state(queue).await?.waiting)
    }

    async fn state(&self, queue: Queue) -> Result<QueueState, BusError> {
        let line = self.line(queue);
        let mut ask = self.scripts.state.key(&line.stream);
        ask.key(&line.delayed).key(&line.dead).arg(keys::GROUP);
        let counts: (usize, usize, i64, usize, usize) = self.link.script(&ask).await.map_err(failed(queue.as_str()))?;
        let (length, taken, lag, delayed, dead) = counts;
        Ok(QueueState { waiting: length.saturating_sub(taken), taken, delayed, dead, lag: usize::try_from(lag).ok() })
    }

    async fn announce(&self, topic: Topic) -> Result<(), BusError> {
        let mut ask = redis::cmd("PUBLISH");
        ask.arg(keys::notices(self.link.prefix(), topic)).arg("");
        self.link.command::<()>(&ask).await.map_err(failed(topic.as_str()))
    }

    fn listen(&self, topic: Topic) -> Box<dyn Listener> {
        Box::new(RedisListener::new(self.link.clone(), topic))
    }
}

/// Acknowledges and deletes: what is acknowledged has no further reader.
fn forget(pipeline: &mut Pipeline, stream: &str, entries: &[&String]) {
    pipeline.cmd("XACK").arg(stream).arg(keys::GROUP).arg(entries).ignore();
    pipeline.cmd("XDEL").arg(stream).arg(entries).ignore();
}

/// The group, or the stream below a waiting reader, is gone: the server was flushed or started afresh.
fn is_without_group(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOGROUP" | "UNBLOCKED"))
}

/// Whole milliseconds, rounded up, so that a short time is not none.
fn millis(time: Duration) -> u64 {
    // Beyond a year it makes no difference, and Redis and Lua count exactly.
    const MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    u64::try_from(time.min(MAX).as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn failed(name: &'static str) -> impl Fn(RedisError) -> BusError {
    move |error| match error.kind() {
        redis::ErrorKind::Server(redis::ServerErrorKind::BusyLoading | redis::ServerErrorKind::MasterDown) => {
            BusError::Unavailable { name, source: error.into() }
        }
        redis::ErrorKind::Server(_) | redis::ErrorKind::Extension => BusError::Refused { name, source: error.into() },
        _ => BusError::Unavailable { name, source: error.into() },
    }
}
