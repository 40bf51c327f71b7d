//! What goes wrong? Each kind of fault, and how it is done to the world. When is decided by `play`.

use super::chance::Chance;
use super::server::{Request, ServerError};
use super::statement::Statement;
use super::tables::Holder;
use super::world::World;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A process is killed, wherever it stands.
    Kill,
    /// A process sleeps, for up to three leases, and wakes where it stood.
    Stall,
    /// A process is asked to stop.
    Terminate,
    /// A connection breaks before the server has worked on what was sent.
    CutBefore,
    /// A connection breaks, and the server goes on with what was sent.
    CutAfter,
    /// A backend is ended, also one whose COMMIT waits.
    KillBackend,
    /// The server crashes: what is not on the disk is lost.
    Crash,
    /// A standby that is behind takes over: a part of the history is lost, and its clock is another.
    Failover,
    /// The clock of a process begins to run at another speed.
    Clock,
    /// A statement fails, and may succeed when it is tried again.
    Statement,
    /// Somebody cancels a statement at the server.
    Cancel,
    /// The disk is full for a while.
    DiskFull,
    /// An error that nobody knows.
    Unknown,
}

pub const KINDS: [Kind; 13] = [
    Kind::Kill,
    Kind::Stall,
    Kind::Terminate,
    Kind::CutBefore,
    Kind::CutAfter,
    Kind::KillBackend,
    Kind::Crash,
    Kind::Failover,
    Kind::Clock,
    Kind::Statement,
    Kind::Cancel,
    Kind::DiskFull,
    Kind::Unknown,
];

impl Kind {
    /// Kinds that a world knows: not all at once, because some hide what others would show.
    pub fn some(chance: &mut Chance) -> Vec<Self> {
        let rare = |kind: &Kind| matches!(kind, Kind::Unknown | Kind::Cancel);
        KINDS.into_iter().filter(|kind| chance.one_in(if rare(kind) { 6 } else { 2 })).collect()
    }

    /// Does it. `false`: there is nobody to do it to.
    pub fn strike(self, world: &mut World) -> bool {
        match self {
            Self::Kill | Self::Stall | Self::Terminate | Self::Clock => self.strike_process(world),
            Self::CutBefore | Self::CutAfter | Self::KillBackend => self.strike_connection(world),
            Self::Statement | Self::Cancel | Self::Unknown => self.strike_statement(world),
            Self::Crash => {
                let lost = world.chance.below(world.server.unflushed() as u64 + 1) as usize;
                world.server.go_down(lost, world.now + world.chance.between(50, 3_000));
                let kept = world.server.rules.crashed(&world.server.tables);
                world.note(kept);
                world.tell(|| format!("the server crashes, {lost} commits are lost"));
                true
            }
            Self::Failover => {
                let lost = world.chance.below(world.server.remembered().min(16) as u64 + 1) as usize;
                world.server.go_down(lost, world.now + world.chance.between(50, 3_000));
                let tables = std::sync::Arc::clone(&world.server.tables);
                world.server.rules.failed_over(&tables);
                world.server.skew = world.chance.between(-20_000, 20_000);
                let skew = world.server.skew;
                world.tell(|| format!("a standby takes over, {lost} commits are lost, its clock is {skew} ms ahead"));
                true
            }
            Self::DiskFull => {
                world.server.disk_full_until = world.now + world.chance.between(100, 20_000);
                world.tell(|| "the disk is full".into());
                true
            }
        }
    }

    fn strike_process(self, world: &mut World) -> bool {
        let alive: Vec<Holder> =
            (1..).zip(&world.processes).filter(|(_, p)| p.alive).map(|(holder, _)| holder).collect();
        if alive.is_empty() {
            return false;
        }
        let holder = world.chance.of_these(&alive);
        let (now, sleep) = (world.now, world.chance.between(200, 3 * super::LEASE));
        let (clock, is_seen) = (world.chance.of_these(&[40, 80, 100, 130, 250]), world.chance.one_in(2));
        world.tell(|| format!("{self:?} of process {holder}"));
        let process = world.process(holder);
        process.changes += 1;
        match self {
            Self::Stall => process.stalled_until = now + sleep,
            Self::Terminate => process.stopped = true,
            Self::Clock => process.clock = clock,
            _ => {
                process.alive = false;
                if is_seen {
                    world.server.seen_dead.push(holder);
                }
            }
        }
        true
    }

    fn strike_connection(self, world: &mut World) -> bool {
        let open = world.server.backends.iter().filter(|(_, backend)| !backend.ended && !backend.client_gone);
        let open: Vec<u32> = open.map(|(connection, _)| *connection).collect();
        if open.is_empty() {
            return false;
        }
        let connection = world.chance.of_these(&open);
        let process = world.server.backends[&connection].process;
        world.tell(|| format!("{self:?} of connection {connection} of process {process}"));
        match self {
            Self::KillBackend => world.server.kill(connection),
            _ => world.server.cut(connection, self == Self::CutAfter),
        }
        true
    }

    fn strike_statement(self, world: &mut World) -> bool {
        let is_fair = |request: &Request| !matches!(request, Request::Sql(Statement::Commit | Statement::Rollback, _));
        let busy = world.server.backends.iter().filter(|(_, backend)| {
            backend.process > 0 && backend.doing.as_ref().is_some_and(|doing| is_fair(&doing.request))
        });
        let busy: Vec<u32> = busy.map(|(connection, _)| *connection).collect();
        if busy.is_empty() {
            return false;
        }
        let connection = world.chance.of_these(&busy);
        let error = match self {
            Self::Unknown => ServerError::new("XX000"),
            Self::Cancel => ServerError::new("57014"),
            _ => {
                let code = world.chance.of_these(&["40001", "40P01", "55P03", "53200", "53300", "25006", "57014"]);
                ServerError { timed_out: true, ..ServerError::new(code) }
            }
        };
        world.server.rules.may_fail |= self == Self::Unknown;
        world.tell(|| format!("{error:?} for connection {connection}"));
        if let Some(doing) = world.server.backends.get_mut(&connection).and_then(|backend| backend.doing.as_mut()) {
            doing.doomed = Some(error);
        }
        true
    }
}
