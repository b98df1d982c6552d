//! Task, review and publish queues and wake-ups. Queues carry ids only; the database decides.
