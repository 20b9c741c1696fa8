//! The metadata quorum: an openraft log of metadata records and the image it yields
