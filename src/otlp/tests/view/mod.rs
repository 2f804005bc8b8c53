//! The views: rule by rule in tables, then against prost and at random.

mod agreement;
mod expected;
mod rebuilt;
mod rules;
mod scramble;
mod survival;
mod values;
