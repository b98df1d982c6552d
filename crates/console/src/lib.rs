//! The HTTP surface: health, state of the fleet, and the operator's pages.
