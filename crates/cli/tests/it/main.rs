//! The program as people run it: stories of commands in `tests/cmd`, and what needs a running server here.

mod commands;
