//! `#[derive(Message)]`: reads the `#[kafka(..)]` attributes of a struct and writes its codec and its `Default`.
//!
//! The expansion is one generic call per field, guarded by a version check where a field does not exist in every
//! version of the struct. Everything else is in `headrace_protocol::codec`, compiled once.

mod attributes;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `headrace_protocol::Message` and `Default` for a struct with named fields.
///
/// On the struct: `versions = "3-13"` (required), `flexible = "9+"` (default: none), and for a request
/// `api = Produce, response = ProduceResponse`.
///
/// On a field: `versions = "5+"` (default: all), `nullable = "7+"` for an `Option` that other versions do not allow to
/// be null (default: all), `tag = 0` for a tagged field, `default = <expression>` where it is not the type's (`empty`
/// stands for a present but empty `Option`), `ignorable` if a version without the field may drop its value silently.
#[proc_macro_derive(Message, attributes(kafka))]
pub fn derive_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::message(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
