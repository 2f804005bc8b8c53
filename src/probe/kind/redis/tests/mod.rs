//! What the check makes of answers.

mod resp;
