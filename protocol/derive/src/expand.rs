//! The code that a derive stands for.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{DeriveInput, Expr, Result};

use crate::attributes::{Container, Member, Versions};

pub(crate) fn message(input: &DeriveInput) -> Result<TokenStream> {
    let container = Container::parse(input)?;
    let members = Member::all(input, container.versions)?;
    let struct_ = Struct { input, container, members };
    let (default, codec, request) = (struct_.default(), struct_.codec(), struct_.request());
    Ok(quote! { #default #codec #request })
}

struct Struct<'a> {
    input: &'a DeriveInput,
    container: Container,
    members: Vec<Member<'a>>,
}

impl Struct<'_> {
    fn default(&self) -> TokenStream {
        let name = &self.input.ident;
        let fields = self.members.iter().map(|member| {
            let (ident, value) = (member.ident, default_of(member));
            quote! { #ident: #value }
        });
        quote! {
            #[automatically_derived]
            impl ::core::default::Default for #name {
                fn default() -> Self { Self { #(#fields),* } }
            }
        }
    }

    fn codec(&self) -> TokenStream {
        let name = &self.input.ident;
        let text = name.to_string();
        let Versions { min, max } = self.container.versions;
        let flexible = self.container.flexible;
        let (wire_min, read, write) = (self.wire_min(), self.read(), self.write());
        quote! {
            #[automatically_derived]
            impl ::headrace_protocol::codec::Message for #name {
                const NAME: &'static str = #text;
                const VERSIONS: ::core::ops::RangeInclusive<i16> = #min..=#max;
                const FLEXIBLE: i16 = #flexible;
                const WIRE_MIN: usize = #wire_min;
                #read
                #write
            }
        }
    }

    fn request(&self) -> TokenStream {
        let Some((api, response)) = &self.container.request else { return TokenStream::new() };
        let name = &self.input.ident;
        quote! {
            #[automatically_derived]
            impl ::headrace_protocol::codec::Request for #name {
                const KEY: ::headrace_protocol::ApiKey = ::headrace_protocol::ApiKey::#api;
                type Response = #response;
            }
        }
    }

    /// The sum over the fields that every version has.
    fn wire_min(&self) -> TokenStream {
        let always = self.members.iter().filter(|member| self.is_always(member)).map(|member| member.ty);
        quote! { 0 #(+ ::headrace_protocol::codec::derive::wire_min::<#always>())* }
    }

    fn is_always(&self, member: &Member<'_>) -> bool {
        member.tag.is_none() && member.versions.covers(self.container.versions)
    }

    /// `version >= 3 && version <= 9`, without the sides that the struct's own range implies.
    fn in_range(&self, range: Versions) -> Option<TokenStream> {
        let all = self.container.versions;
        let (min, max) = (range.min, range.max);
        match (min > all.min, max < all.max) {
            (false, false) => None,
            (true, false) => Some(quote! { version >= #min }),
            (false, true) => Some(quote! { version <= #max }),
            (true, true) if min == max => Some(quote! { version == #min }),
            (true, true) => Some(quote! { (#min..=#max).contains(&version) }),
        }
    }

    /// The statement that tells whether this version is flexible.
    fn flexible(&self) -> TokenStream {
        let all = self.container.versions;
        match self.container.flexible {
            first if first <= all.min => quote! { true },
            first if first > all.max => quote! { false },
            first => quote! { version >= #first },
        }
    }

    fn has_flexible_versions(&self) -> bool {
        self.container.flexible <= self.container.versions.max
    }

    fn read(&self) -> TokenStream {
        let flexible = self.flexible();
        let reads = self.members.iter().map(|member| {
            let local = local(member);
            let default = default_of(member);
            if member.tag.is_some() {
                let ty = member.ty;
                return quote! { let mut #local: #ty = #default; };
            }
            let mut value = quote! { derive::get(r, version, flexible)? };
            if let Some(allowed) = member.nullable.and_then(|range| self.in_range(range)) {
                value = quote! {
                    if #allowed { #value } else { derive::get_required(r, version, flexible)? }
                };
            }
            match self.in_range(member.versions) {
                None => quote! { let #local = #value; },
                Some(present) => quote! { let #local = if #present { #value } else { #default }; },
            }
        });
        let tags = self.read_tags();
        let fields = self.members.iter().map(|member| {
            let (ident, local) = (member.ident, local(member));
            quote! { #ident: #local }
        });
        quote! {
            #[allow(clippy::all, unused_variables, reason = "generated")]
            fn read(
                r: &mut ::headrace_protocol::codec::Reader,
                version: i16,
            ) -> ::core::result::Result<Self, ::headrace_protocol::codec::DecodeError> {
                use ::headrace_protocol::codec::derive;
                let flexible = #flexible;
                #(#reads)*
                #tags
                ::core::result::Result::Ok(Self { #(#fields),* })
            }
        }
    }

    fn read_tags(&self) -> TokenStream {
        if !self.has_flexible_versions() {
            return TokenStream::new();
        }
        let arms: Vec<_> = self
            .members
            .iter()
            .filter_map(|member| {
                let (tag, local) = (member.tag?, local(member));
                let guard = self.in_range(member.versions).map(|present| quote! { if #present });
                Some(quote! { #tag #guard => #local = derive::get(r, version, true)?, })
            })
            .collect();
        if arms.is_empty() {
            return quote! { if flexible { derive::Tags::skip(r)?; } };
        }
        quote! {
            if flexible {
                derive::Tags::read(r, &mut |tag, r| {
                    match tag {
                        #(#arms)*
                        _ => return ::core::result::Result::Ok(false),
                    }
                    ::core::result::Result::Ok(true)
                })?;
            }
        }
    }

    fn write(&self) -> TokenStream {
        let flexible = self.flexible();
        let plain = self.members.iter().filter(|member| member.tag.is_none());
        let writes = plain.map(|member| {
            let (ident, name) = (member.ident, member.ident.unraw().to_string());
            let mut put = quote! { derive::put(&self.#ident, w, version, flexible)?; };
            if let Some(allowed) = member.nullable.and_then(|range| self.in_range(range)) {
                put = quote! {
                    if #allowed { #put } else {
                        derive::put_required(&self.#ident, w, version, flexible, Self::NAME, #name)?;
                    }
                };
            }
            let refuse = self.refuse(member);
            match self.in_range(member.versions) {
                None => put,
                Some(present) => quote! { if #present { #put } #refuse },
            }
        });
        let tags = self.write_tags();
        quote! {
            #[allow(clippy::all, unused_variables, reason = "generated")]
            fn write(
                &self,
                w: &mut ::headrace_protocol::codec::Writer,
                version: i16,
            ) -> ::core::result::Result<(), ::headrace_protocol::codec::EncodeError> {
                use ::headrace_protocol::codec::derive;
                let flexible = #flexible;
                #(#writes)*
                #tags
                ::core::result::Result::Ok(())
            }
        }
    }

    /// The `else` of a version check: a value that would be lost is an error, unless it may be ignored.
    fn refuse(&self, member: &Member<'_>) -> TokenStream {
        if member.ignorable {
            return TokenStream::new();
        }
        let (is_default, name) = (is_default(member), member.ident.unraw().to_string());
        quote! { else { derive::refuse(#is_default, Self::NAME, #name, version)?; } }
    }

    fn write_tags(&self) -> TokenStream {
        if !self.has_flexible_versions() {
            return TokenStream::new();
        }
        let mut tagged: Vec<_> = self.members.iter().filter(|member| member.tag.is_some()).collect();
        tagged.sort_by_key(|member| member.tag);
        if tagged.is_empty() {
            return quote! { if flexible { derive::Tags::none(w); } };
        }
        let adds = tagged.iter().map(|member| {
            let (ident, tag, is_default) = (member.ident, member.tag, is_default(member));
            let add = quote! { if !#is_default { tags.add(#tag, &self.#ident, version)?; } };
            let refuse = self.refuse(member);
            match self.in_range(member.versions) {
                None => add,
                Some(present) => quote! { if #present { #add } #refuse },
            }
        });
        quote! {
            let mut tags = derive::Tags::default();
            #(#adds)*
            if flexible { tags.write(w); }
        }
    }
}

/// The local that holds a field while the struct is read.
fn local(member: &Member<'_>) -> syn::Ident {
    format_ident!("field_{}", member.ident.unraw())
}

fn default_of(member: &Member<'_>) -> TokenStream {
    match &member.default {
        None => quote! { ::core::default::Default::default() },
        Some(Expr::Path(path)) if path.path.is_ident("empty") => {
            quote! { ::core::option::Option::Some(::core::default::Default::default()) }
        }
        Some(value) => quote! { #value },
    }
}

fn is_default(member: &Member<'_>) -> TokenStream {
    let (ident, ty) = (member.ident, member.ty);
    match &member.default {
        None => quote! { (self.#ident == <#ty as ::core::default::Default>::default()) },
        Some(_) => {
            let value = default_of(member);
            quote! { (self.#ident == #value) }
        }
    }
}
