//! What `#[kafka(..)]` may say.

use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Expr, Field, Fields, Ident, LitInt, LitStr, Result, Type};

/// An inclusive range of versions; `None` for "none".
#[derive(Clone, Copy)]
pub(crate) struct Versions {
    pub(crate) min: i16,
    pub(crate) max: i16,
}

impl Versions {
    const NONE: Self = Self { min: i16::MAX, max: i16::MIN };

    /// Reads `3-13`, `9+`, `4` or `none`.
    fn parse(text: &LitStr) -> Result<Self> {
        let value = text.value();
        if value == "none" {
            return Ok(Self::NONE);
        }
        let number = |part: &str| {
            part.parse::<i16>().map_err(|_| {
                Error::new(text.span(), "expected versions like \"3-13\", \"9+\", \"4\" or \"none\"")
            })
        };
        if let Some(min) = value.strip_suffix('+') {
            return Ok(Self { min: number(min)?, max: i16::MAX });
        }
        match value.split_once('-') {
            Some((min, max)) => Ok(Self { min: number(min)?, max: number(max)? }),
            None => number(&value).map(|only| Self { min: only, max: only }),
        }
    }

    pub(crate) fn covers(self, other: Self) -> bool {
        self.min <= other.min && self.max >= other.max
    }
}

/// The struct's own attributes.
pub(crate) struct Container {
    pub(crate) versions: Versions,
    pub(crate) flexible: i16,
    pub(crate) request: Option<(Ident, Type)>,
}

impl Container {
    pub(crate) fn parse(input: &DeriveInput) -> Result<Self> {
        let (mut versions, mut flexible, mut api, mut response) = (None, Versions::NONE, None, None);
        for attribute in kafka_attributes(&input.attrs) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("versions") {
                    versions = Some(Versions::parse(&meta.value()?.parse()?)?);
                } else if meta.path.is_ident("flexible") {
                    flexible = Versions::parse(&meta.value()?.parse()?)?;
                } else if meta.path.is_ident("api") {
                    api = Some(meta.value()?.parse::<Ident>()?);
                } else if meta.path.is_ident("response") {
                    response = Some(meta.value()?.parse::<Type>()?);
                } else {
                    return Err(meta.error("expected versions, flexible, api or response"));
                }
                Ok(())
            })?;
        }
        let missing = || Error::new(input.ident.span(), "say #[kafka(versions = \"..\")]");
        let request = match (api, response) {
            (Some(api), Some(response)) => Some((api, response)),
            (None, None) => None,
            _ => return Err(Error::new(input.ident.span(), "api and response belong together")),
        };
        Ok(Self { versions: versions.ok_or_else(missing)?, flexible: flexible.min, request })
    }
}

/// A field and its attributes.
pub(crate) struct Member<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) ty: &'a Type,
    pub(crate) versions: Versions,
    pub(crate) nullable: Option<Versions>,
    pub(crate) tag: Option<u32>,
    pub(crate) default: Option<Expr>,
    pub(crate) ignorable: bool,
}

impl<'a> Member<'a> {
    fn parse(field: &'a Field, all: Versions) -> Result<Self> {
        let ident = field.ident.as_ref().ok_or_else(|| Error::new(field.span(), "expected named fields"))?;
        let mut member = Self {
            ident,
            ty: &field.ty,
            versions: all,
            nullable: None,
            tag: None,
            default: None,
            ignorable: false,
        };
        for attribute in kafka_attributes(&field.attrs) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("versions") {
                    member.versions = Versions::parse(&meta.value()?.parse()?)?;
                } else if meta.path.is_ident("nullable") {
                    member.nullable = Some(Versions::parse(&meta.value()?.parse()?)?);
                } else if meta.path.is_ident("tag") {
                    member.tag = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?);
                } else if meta.path.is_ident("default") {
                    member.default = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("ignorable") {
                    member.ignorable = true;
                } else {
                    return Err(meta.error("expected versions, nullable, tag, default or ignorable"));
                }
                Ok(())
            })?;
        }
        Ok(member)
    }

    /// Every field of the struct, in order.
    pub(crate) fn all(input: &'a DeriveInput, versions: Versions) -> Result<Vec<Self>> {
        let Data::Struct(data) = &input.data else {
            return Err(Error::new(input.ident.span(), "Message can be derived for structs only"));
        };
        match &data.fields {
            Fields::Named(fields) => {
                fields.named.iter().map(|field| Member::parse(field, versions)).collect()
            }
            Fields::Unit => Ok(Vec::new()),
            Fields::Unnamed(_) => Err(Error::new(input.ident.span(), "expected named fields")),
        }
    }
}

fn kafka_attributes(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("kafka"))
}
