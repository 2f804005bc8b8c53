//! Every rule of the specification about names as a row of a table, with its words beside it, and names at random.

mod escaping;
mod label;
mod metric;
mod random;
mod text;
mod unit;
