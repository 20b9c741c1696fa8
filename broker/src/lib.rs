//! The broker: listeners, handlers, partitions, coordinators
