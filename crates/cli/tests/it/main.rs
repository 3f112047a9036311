//! The program as people run it: stories of commands in `tests/cmd`, and what needs more than that here.

mod beside;
mod commands;
mod data;
mod running;
mod serve;
