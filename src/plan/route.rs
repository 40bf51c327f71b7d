//! Along what does a slice go, and where does a walk end? Knows no SQL.

use crate::job::TableName;
use crate::key::Key;
use serde::{Deserialize, Serialize};

/// In which order the rows of a slice are visited, which is also what its keys are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// By the key.
    #[default]
    Key,
    /// As they lie in the table's file. A key is the place of a row, which changes with the row: only rows that leave
    /// the scope by the change are visited so, and only by a walk, never by the sweep that proves its end.
    Physical,
}

impl Order {
    /// As it is written in the state tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Physical => "physical",
        }
    }

    /// The order of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Key, Self::Physical].into_iter().find(|order| order.as_str() == word)
    }
}

/// How often each stretch of a slice is gone over before the walk goes on behind it. Each lap changes other rows: one stripe in
/// `count`. Where the new version of a row fits beside the old one, no index has to learn of it; a later lap finds that room,
/// because the rows that an earlier one changed have left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Laps {
    /// How many: 1, 2, 4 or 8.
    pub count: u32,
    /// Neighbouring keys of one stripe, where keys are whole numbers: a power of two, so that a row's stripe is told by some bits.
    /// Places of rows have no stripes of their own; there it is 1.
    pub stripe: u32,
}

impl Default for Laps {
    fn default() -> Self {
        Self { count: 1, stripe: 1 }
    }
}

impl Laps {
    /// The numbers of laps that a walk may have: a row's lap is told by some bits of a number, which is right below zero too.
    pub const COUNTS: [u32; 4] = [1, 2, 4, 8];

    /// The widest stripe: no block has more rows than that.
    pub const WIDEST: u32 = 1024;

    /// The widest stripe of no more than so many keys.
    pub fn stripe_of(keys: u32) -> u32 {
        1 << keys.clamp(1, Self::WIDEST).ilog2()
    }

    /// So many laps over stripes of so many keys. `None`: there are no such laps.
    pub fn new(count: u32, stripe: u32) -> Option<Self> {
        let are = Self::COUNTS.contains(&count) && stripe <= Self::WIDEST && stripe.is_power_of_two();
        are.then_some(Self { count, stripe })
    }

    /// Each stretch is gone over once.
    pub fn is_one(&self) -> bool {
        self.count == 1
    }
}

/// Along what a slice goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// In which order.
    pub order: Order,
    /// In how many laps.
    #[serde(skip_serializing_if = "Laps::is_one", default)]
    pub laps: Laps,
    /// The partition whose rows it visits; `None`: the whole table.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub part: Option<TableName>,
}

impl Route {
    /// The whole table in the order of its key, each row once: every sweep goes so, and so does the walk of most tables.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// The whole table in the order of its key, in however many laps.
    pub fn is_by_key(&self) -> bool {
        self.order == Order::Key && self.part.is_none()
    }
}

/// The slices of one part of a walk end here, as it was frozen at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The part.
    pub route: Route,
    /// Its last key. `None`: it had no rows.
    pub last: Option<Key>,
}

/// How far the passes of a run go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The ends of the walk, one for each part.
    pub walk: Vec<End>,
    /// The table's last key at the start, which every sweep reaches. `None`: the table was empty.
    pub bound: Option<Key>,
}

impl Extent {
    /// A walk over the whole table by its key.
    pub fn plain(bound: Option<Key>) -> Self {
        let walk = bound.iter().map(|last| End { route: Route::default(), last: Some(last.clone()) }).collect();
        Self { walk, bound }
    }

    /// Where the parts of a pass end.
    pub fn of_pass(&self, pass: i64) -> Vec<(&Route, &Key)> {
        const PLAIN: &Route = &Route { order: Order::Key, laps: Laps { count: 1, stripe: 1 }, part: None };
        match pass {
            0 => self.walk.iter().filter_map(|end| Some((&end.route, end.last.as_ref()?))).collect(),
            _ => self.bound.iter().map(|bound| (PLAIN, bound)).collect(),
        }
    }
}
