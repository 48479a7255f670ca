//! The session over real sockets, with an engine that does what each cell's text says.

mod exactly_once;
mod fake_engine;
mod front_end;
mod healing;
mod output;
mod protocol;
mod robustness;
