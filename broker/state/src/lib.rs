//! The broker's pure state machines: metadata image and consumer groups
