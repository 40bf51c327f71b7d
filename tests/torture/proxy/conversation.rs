//! What passes over one connection, and what of it belongs to one batch? One task for both directions, so that messages
//! have an order.

use super::message::{Message, Messages};
use super::strike::{Effect, Seen, Side};
use super::{Lengths, Shared};
use crate::torture::workload::PAYLOAD_IN_SQL;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::unix::{OwnedReadHalf as ServerReadHalf, OwnedWriteHalf as ServerWriteHalf};
use tokio::net::{TcpStream, UnixStream};

/// One connection of the program's, and the one to the server that belongs to it.
pub(super) struct Conversation {
    from_program: Messages<OwnedReadHalf>,
    to_program: OwnedWriteHalf,
    from_server: Messages<ServerReadHalf>,
    to_server: ServerWriteHalf,
    place: Place,
    shared: Arc<Shared>,
}

/// Where a connection is.
#[derive(Default)]
struct Place {
    connection: u32,
    in_connection: u32,
    in_transaction: u32,
    batches: u32,
    walks: bool,
    committed: bool,
    /// The server waits for what the program says next.
    ready: bool,
}

impl Conversation {
    pub(super) async fn begin(number: u32, client: TcpStream, server: &Path, shared: Arc<Shared>) -> io::Result<Self> {
        client.set_nodelay(true)?;
        let (from_server, to_server) = UnixStream::connect(server).await?.into_split();
        let (from_program, to_program) = client.into_split();
        Ok(Self {
            from_program: Messages::of_client(from_program),
            to_program,
            from_server: Messages::of_server(from_server),
            to_server,
            place: Place { connection: number, ..Place::default() },
            shared,
        })
    }

    /// Carries messages until one side leaves or the connection is struck.
    pub(super) async fn carry(mut self) {
        while let Ok((from, message)) = self.next().await {
            let seen = self.place.note(from, &message, self.shared.messages.fetch_add(1, Ordering::SeqCst) + 1);
            self.shared.locking_reads.fetch_add(u64::from(seen.is_locking_read()), Ordering::SeqCst);
            let effect = self.shared.effect_on(&seen);
            if effect == Some(Effect::StandStill) {
                let mut let_go = self.shared.let_go.subscribe();
                self.shared.struck();
                let _ = let_go.changed().await;
            }
            if effect != Some(Effect::CutBefore) && self.deliver(from, &message).await.is_err() {
                return;
            }
            if matches!(effect, Some(Effect::CutBefore | Effect::CutAfter)) {
                return self.cut();
            }
            if let Some(length) = self.place.end_of_batch(&message) {
                length.note_in(&mut self.shared.lengths());
            }
        }
    }

    async fn next(&mut self) -> io::Result<(Side, Message)> {
        tokio::select! {
            message = self.from_program.next() => Ok((Side::Program, message?)),
            message = self.from_server.next() => Ok((Side::Server, message?)),
        }
    }

    async fn deliver(&mut self, from: Side, message: &Message) -> io::Result<()> {
        match from {
            Side::Program => self.to_server.write_all(message.bytes()).await,
            Side::Server => self.to_program.write_all(message.bytes()).await,
        }
    }

    /// The program sees a reset, the server an end; what was written to it before is still read.
    fn cut(self) {
        let _ = self.to_program.as_ref().set_zero_linger();
        let shared = Arc::clone(&self.shared);
        drop(self);
        shared.struck();
    }
}

/// How many messages a batch had.
enum Length {
    First(u32),
    Later(u32),
}

impl Length {
    fn note_in(self, lengths: &mut Lengths) {
        match self {
            Self::First(messages) => lengths.first = lengths.first.max(messages),
            Self::Later(messages) => lengths.later = lengths.later.max(messages),
        }
    }
}

impl Place {
    /// Takes the message in, and says where it stands.
    fn note<'a>(&mut self, from: Side, message: &'a Message, number: u64) -> Seen<'a> {
        let text = message.text(from == Side::Program);
        let asks_anew = from == Side::Program && std::mem::take(&mut self.ready);
        self.ready |= message.is_ready();
        self.in_connection += 1;
        self.in_transaction += 1;
        // The plan explains the change over a connection of its own, which ends soon.
        let is_change = |sql: &str| sql.contains(PAYLOAD_IN_SQL) && !sql.starts_with("explain");
        self.walks |= from == Side::Program && text.is_some_and(is_change);
        self.committed |= from == Side::Server && text == Some("COMMIT");
        Seen {
            from,
            text,
            number,
            connection: self.connection,
            in_connection: self.in_connection,
            in_transaction: self.in_transaction,
            asks_anew,
            batches: self.batches,
            walks: self.walks,
        }
    }

    /// Between two transactions everything begins anew, also where the next has begun together with the COMMIT of the last. The
    /// length, where it was a batch that was committed.
    fn end_of_batch(&mut self, message: &Message) -> Option<Length> {
        if !(message.ends_transaction() || self.committed && message.is_ready()) {
            return None;
        }
        let messages = std::mem::take(&mut self.in_transaction);
        if !std::mem::take(&mut self.committed) || !self.walks {
            return None;
        }
        self.batches += 1;
        Some(if self.batches == 1 { Length::First(self.in_connection) } else { Length::Later(messages) })
    }
}
