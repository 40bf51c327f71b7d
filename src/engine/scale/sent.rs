//! How much is sent over a connection? Statements and bytes, the texts with what is bound to them.

use crate::db::Failure;
use crate::db::wire::{Row, Session, Value};
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub(super) statements: u64,
    pub(super) bytes: u64,
}

/// A sum that several connections add to.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum(Arc<Mutex<Sent>>);

impl Sum {
    /// One more statement.
    pub(super) fn add(&self, sql: &str, values: &[Value]) {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.statements += 1;
        sent.bytes += sql.len() as u64 + values.iter().map(size).sum::<u64>();
    }

    pub(super) fn so_far(&self) -> Sent {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(value: &Value) -> u64 {
    match value {
        Value::Null | Value::NoReal => 0,
        Value::Int(_) | Value::Real(_) => 8,
        Value::Text(text) => text.len() as u64,
        Value::Blob(bytes) => bytes.len() as u64,
    }
}

/// A connection that is counted.
pub(super) struct Counted {
    pub(super) session: Box<dyn Session>,
    pub(super) sum: Sum,
}

#[async_trait]
impl Session for Counted {
    async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Failure> {
        self.sum.add(sql, values);
        self.session.execute(sql, values).await
    }

    async fn fetch(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        self.sum.add(sql, values);
        self.session.fetch(sql, values).await
    }

    async fn measure(&mut self, sql: &str, most: usize) -> Result<Vec<Row>, Failure> {
        self.session.measure(sql, most).await
    }

    async fn script(&mut self, sql: &str) -> Result<Vec<Row>, Failure> {
        self.sum.add(sql, &[]);
        self.session.script(sql).await
    }

    fn set_deadline(&mut self, deadline: Duration) {
        self.session.set_deadline(deadline);
    }

    fn is_closed(&self) -> bool {
        self.session.is_closed()
    }

    async fn rollback(&mut self) {
        self.session.rollback().await;
    }
}
