//! Promise 5 over HTTP: everybody who may sees how runs are, whoever may steers them, and nobody else is let in. Against
//! `tidegate serve` over real sockets, with jobs running beside it.

mod crowd;
mod limits;
mod live;
mod reads;
mod served;
mod steering;
mod strangers;
mod tokens;
