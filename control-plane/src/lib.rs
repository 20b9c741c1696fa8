//! The REST control plane: API, store, reconciler, provisioners
