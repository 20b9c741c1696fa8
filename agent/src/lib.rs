//! The per-broker agent: health and load, reported to the control plane
