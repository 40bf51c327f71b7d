//! Which bytes are one message? One byte of kind, four of length, and the rest; only a client's first message has no kind.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// One message as it passes: its bytes, and where its contents begin.
#[derive(Debug)]
pub(super) struct Message {
    bytes: Vec<u8>,
    header: usize,
}

/// One direction of a connection, cut into messages.
pub(super) struct Messages<R> {
    from: R,
    unread: Vec<u8>,
    next_has_kind: bool,
}

const LENGTH: usize = 4;

impl<R: AsyncRead + Unpin> Messages<R> {
    /// What a client says: first who it is, in a message without kind.
    pub(super) fn of_client(from: R) -> Self {
        Self { from, unread: Vec::new(), next_has_kind: false }
    }

    pub(super) fn of_server(from: R) -> Self {
        Self { from, unread: Vec::new(), next_has_kind: true }
    }

    /// The next message. May be dropped and called again: nothing that was read is lost.
    ///
    /// # Errors
    /// When the connection ends.
    pub(super) async fn next(&mut self) -> io::Result<Message> {
        loop {
            if let Some(message) = self.cut() {
                self.next_has_kind = true;
                return Ok(message);
            }
            if self.from.read_buf(&mut self.unread).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn cut(&mut self) -> Option<Message> {
        let kind = usize::from(self.next_has_kind);
        let length = self.unread.get(kind..kind + LENGTH)?;
        // The length counts itself, and not the kind.
        let whole = kind + u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        if self.unread.len() < whole {
            return None;
        }
        let rest = self.unread.split_off(whole);
        let bytes = std::mem::replace(&mut self.unread, rest);
        Some(Message { bytes, header: kind + LENGTH })
    }
}

impl Message {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The letter of its kind; a client's first message has none.
    pub(super) fn kind(&self) -> Option<char> {
        (self.header > LENGTH).then(|| char::from(self.bytes[0]))
    }

    /// The SQL of a client's `Query` or `Parse`, the tag of a server's `CommandComplete`.
    pub(super) fn text(&self, of_client: bool) -> Option<&str> {
        let mut texts = self.bytes[self.header..].split(|byte| *byte == 0).map(std::str::from_utf8);
        match (of_client, self.kind()?) {
            (true, 'Q') | (false, 'C') => texts.next()?.ok(),
            // The statement's name comes first.
            (true, 'P') => texts.nth(1)?.ok(),
            _ => None,
        }
    }

    /// A server's `ReadyForQuery`.
    pub(super) fn is_ready(&self) -> bool {
        self.kind() == Some('Z')
    }

    /// The same outside of any transaction.
    pub(super) fn ends_transaction(&self) -> bool {
        self.is_ready() && self.bytes.last() == Some(&b'I')
    }
}

#[tokio::test]
async fn bytes_in_pieces_are_the_same_messages() {
    let startup = [0, 0, 0, 8, 0, 3, 0, 0];
    let query = b"Q\0\0\0\x0bcommit\0";
    let parse = b"P\0\0\0\x10s1\0select 1\0";
    let whole: Vec<u8> = [&startup[..], query, parse].concat();
    for piece in 1..whole.len() {
        let (first, second) = whole.split_at(piece);
        let mut messages = Messages::of_client(tokio::io::AsyncReadExt::chain(first, second));
        let first = messages.next().await.expect("the first message");
        assert_eq!((first.kind(), first.text(true), first.bytes()), (None, None, &startup[..]));
        let second = messages.next().await.expect("a query");
        assert_eq!((second.kind(), second.text(true), second.bytes()), (Some('Q'), Some("commit"), &query[..]));
        assert_eq!(messages.next().await.expect("a parse").text(true), Some("select 1"));
        assert!(messages.next().await.is_err(), "the end");
    }
}

#[tokio::test]
async fn a_transaction_ends_when_the_server_is_idle() {
    let mut messages = Messages::of_server(&b"C\0\0\0\x0bCOMMIT\0Z\0\0\0\x05IZ\0\0\0\x05T"[..]);
    let tag = messages.next().await.expect("a tag");
    assert_eq!((tag.text(false), tag.ends_transaction()), (Some("COMMIT"), false));
    assert!(messages.next().await.expect("idle").ends_transaction());
    assert!(!messages.next().await.expect("in a transaction").ends_transaction());
}
