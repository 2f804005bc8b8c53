//! One document for each signal that names every field, against structs built by hand.
